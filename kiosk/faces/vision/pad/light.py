"""Light layer: do the colours of the kiosk's own screen come back from the face, now and from it?

While the screen goes through the colours of a `LightPlan`, the colour of the skin is compared with
them: each ratio of channels, less a straight drift, is explained by the plan shown a little
earlier. The best delay must be that of camera and screen; other orders must explain it worse; and
the room behind, several times as far away, must answer far less than the face (a screen's light
falls with the square of the distance).
- A display shines by itself and answers little: nothing is seen, which is never a pass.
- A replay that repeats the colours of another session answers in the wrong order.
- A relay that sees the screen and repeats it answers too late, and with face and room alike.
- A print answers like the paper around it.
It does not see a mask, and it cannot run where daylight drowns the screen, without a screen, or
when somebody wants no moving colours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kiosk.domain.lightcode import LightPlan, Tint
from kiosk.domain.pad import Layer, LayerReport, LayerVerdict

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kiosk.faces.vision.pad.sight import CameraFacts, Sight

_LINEAR = np.array(
    [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in np.arange(256) / 255],
    np.float32,
)
_SIGNAL = {
    tint: np.array([tint.linear[0] - tint.linear[1], tint.linear[2] - tint.linear[1]])
    for tint in Tint
}
"""By how much red and blue pass green: what a colour does to the logarithms of the two ratios."""

_NOTHING = np.zeros(2)


@dataclass(frozen=True, slots=True)
class LightRule:
    """When colours have come back. Set on simulated people with simulated optics only."""

    explained_min: float = 0.45
    """Share of the skin's colour change that the plan must explain."""
    decoys: int = 60
    """Other orders, made from a fixed seed, which must explain less."""
    lead_min: float = 0.1
    """By how much the plan must do better than the best other order."""
    delay_ms_max: int = 170
    """From the colour on the screen to its frame: a screen's frame, half an exposure, a camera's
    queue of one or two frames. A relay adds camera, computer and display of its own."""
    delay_ms_looked: int = 600
    delay_step_ms: int = 20
    room_share_max: float = 0.6
    """Most that the room may answer of what the face does; inverse square law: 1/9 at 1 m behind
    a face that is half a metre away."""
    samples_min: int = 15
    other_order_min: float = 0.87
    """Share that steps of any colour at the plan's times explain, from which something answers."""
    other_strength_min: float = 0.012
    """Deviation of the skin's colour, in logarithm, from which that is not chance."""
    other_strength_max: float = 0.08
    """Most that a screen can do to it: a third of the room's light, in pale colours, is .06. More
    is a smile's teeth, a hand, or skin at the end of the sensor's range (.15 in one of 97 genuine
    sessions), and is no answer of any order."""
    other_lead_min: float = 0.5
    """By how much such steps must explain more than the plan's own order.

    A head that turns changes the skin's mean colour too: in one of 15 genuine sessions of the
    simulation steps explained .85 and the plan .42, and lower limits called it an attack."""
    other_jump_min: float = 0.08
    """By how much such steps must explain more than a smooth curve of as many terms: a screen's
    colours jump, a turning head does not. Simulated replays .11 to .2, a turned mask .03."""
    other_best_min: float = 0.1
    """By how much the best other order must explain more than the plan's own."""


class LightLayer:
    """Gathers the colours of face and room through one plan."""

    def __init__(self, facts: CameraFacts, rule: LightRule | None = None) -> None:
        """Begin without a plan."""
        self._facts = facts
        self._rule = rule or LightRule()
        self._plan: LightPlan | None = None
        self._why_not = "" if facts.lit else "no_light_of_ours"
        self._attack = ""
        self._report: LayerReport | None = None
        self.change_face()

    def begin(self, plan: LightPlan) -> None:
        """Take note of what the screen shows from now on."""
        self._plan = plan
        self._report = None
        self.change_face()

    def cannot(self, why: str) -> None:
        """Say that the screen will show nothing (reduced motion, no screen)."""
        self._why_not = why

    @property
    def is_idle(self) -> bool:
        """Say whether no plan was begun, or the last one came to nothing that is known."""
        if not self._facts.lit or self._attack:
            return False
        if self._plan is None:
            return True
        return self._report is not None and self._report.why == "too_few_frames"

    def change_face(self) -> None:
        """Forget the colours so far; an attack stays."""
        self._times: list[int] = []
        self._skin: list[NDArray[np.float64]] = []
        self._room: list[NDArray[np.float64]] = []
        self._sides: list[tuple[NDArray[np.float64] | None, ...]] = []

    def add(self, sight: Sight) -> None:
        """Measure one more frame, while the plan runs."""
        plan = self._plan
        if plan is None or sight.face is None or self._report is not None:
            return
        if not plan.start_ms - 300 <= sight.at_ms <= plan.end_ms + self._rule.delay_ms_max:
            if sight.at_ms > plan.end_ms:
                self._report = self._judge(plan)
            return
        colours = _colours(sight)
        if colours is not None:
            self._times.append(sight.at_ms)
            self._skin.append(colours[0])
            self._room.append(colours[1])
            self._sides.append(colours[2])

    def report(self) -> LayerReport:
        """Say what came back."""
        if self._attack:
            return LayerReport(Layer.LIGHT, LayerVerdict.ATTACK, self._attack)
        if self._report is not None:
            return self._report
        if self._why_not:
            return LayerReport(Layer.LIGHT, LayerVerdict.COULD_NOT_RUN, self._why_not)
        return LayerReport(Layer.LIGHT, LayerVerdict.UNDECIDED, "still_shining")

    def _judge(self, plan: LightPlan) -> LayerReport:
        rule = self._rule
        inside = sum(plan.start_ms <= t <= plan.end_ms for t in self._times)
        if inside < rule.samples_min:
            return LayerReport(Layer.LIGHT, LayerVerdict.COULD_NOT_RUN, "too_few_frames")
        skin = _Answer(np.array(self._times), np.stack(self._skin))
        mine, delay_ms, gain = skin.explained(plan, rule)
        others = max(skin.explained(other, rule)[0] for other in _decoys(plan, rule.decoys))
        score = round(mine, 3)
        if mine >= rule.explained_min and gain > 0 and mine >= others + rule.lead_min:
            if delay_ms > rule.delay_ms_max:
                return self._called("answer_too_late", score)
            room = _Answer(np.array(self._times), np.stack(self._room))
            if room.gain_at(plan, delay_ms) >= rule.room_share_max * gain:
                if self._least_side(plan, delay_ms, gain) >= rule.room_share_max * gain:
                    return self._called("room_answers_as_much", score)
                # Hair or a shoulder on one side, or the edge of a picture: no pass either way.
                return LayerReport(
                    Layer.LIGHT, LayerVerdict.COULD_NOT_RUN, "room_answers_on_one_side", score
                )
            return LayerReport(Layer.LIGHT, LayerVerdict.BONA_FIDE, "", score)
        any_order = skin.explained_by_steps(plan, rule)
        strength = float(skin.rest.std(axis=0).max())
        if (
            any_order >= rule.other_order_min
            and any_order >= skin.explained_smoothly(2 + len(plan.tints)) + rule.other_jump_min
            and others >= mine + rule.other_best_min
            and rule.other_strength_min <= strength <= rule.other_strength_max
            and any_order >= mine + rule.other_lead_min
        ):
            return self._called("answer_in_another_order", score)
        # Daylight, or a display: no way to tell. So it is no pass, and the sum is lowered.
        return LayerReport(Layer.LIGHT, LayerVerdict.COULD_NOT_RUN, "no_answer_seen", score)

    def _least_side(self, plan: LightPlan, delay_ms: int, gain: float) -> float:
        """Return the answer of the side of the room that answers least, of those seen always."""
        times, gains = np.array(self._times), [gain]
        for side in zip(*self._sides, strict=True):
            seen = [ratios for ratios in side if ratios is not None]
            if len(seen) == len(times):
                gains.append(_Answer(times, np.stack(seen)).gain_at(plan, delay_ms))
        return min(gains)

    def _called(self, why: str, score: float) -> LayerReport:
        self._attack = why
        return LayerReport(Layer.LIGHT, LayerVerdict.ATTACK, why, score)


class _Answer:
    """Two colour ratios over time, less a straight drift."""

    def __init__(self, times: NDArray[np.int64], ratios: NDArray[np.float64]) -> None:
        self._times = times.astype(np.float64)
        line = np.stack([np.ones(len(times)), self._times - self._times.mean()], axis=1)
        self._basis, _ = np.linalg.qr(line)
        self.rest = self._less_drift(ratios)
        self._power = np.maximum((self.rest**2).sum(axis=0), 1e-12)

    def explained(self, plan: LightPlan, rule: LightRule) -> tuple[float, int, float]:
        """Return the best explained share of the change, its delay, and the answer's strength."""
        found = [
            (*self._at(plan, delay), delay)
            for delay in range(0, rule.delay_ms_looked, rule.delay_step_ms)
        ]
        share, gain, delay_ms = max(found)
        return share, delay_ms, gain

    def gain_at(self, plan: LightPlan, delay_ms: int) -> float:
        """Return the strength of the answer at one delay."""
        return self._at(plan, delay_ms)[1]

    def explained_by_steps(self, plan: LightPlan, rule: LightRule) -> float:
        """Return the share that any constant colours between the plan's times explain."""
        best = 0.0
        for delay in range(0, rule.delay_ms_looked, rule.delay_step_ms):
            step = np.floor((self._times - delay - plan.start_ms) / plan.step_ms)
            step = np.clip(step, -1, len(plan.tints))
            left = 0.0
            for one in np.unique(step):
                part = self.rest[step == one]
                left += float(((part - part.mean(axis=0)) ** 2).sum())
            best = max(best, 1.0 - left / float(self._power.sum()))
        return best

    def explained_smoothly(self, terms: int) -> float:
        """Return the share that a smooth curve explains: so many slow waves."""
        along = (self._times - self._times[0]) / max(1.0, float(np.ptp(self._times)))
        waves = np.cos(np.pi * np.outer(along, np.arange(terms + 1)))
        basis, _ = np.linalg.qr(waves)
        left = self.rest - basis @ (basis.T @ self.rest)
        return 1.0 - float((left**2).sum()) / float(self._power.sum())

    def _at(self, plan: LightPlan, delay_ms: int) -> tuple[float, float]:
        # As `LightPlan.tint_at` for all times at once; nothing is shown before and after.
        colours = np.stack([_NOTHING, *(_SIGNAL[tint] for tint in plan.tints), _NOTHING])
        step = np.floor((self._times - delay_ms - plan.start_ms) / plan.step_ms).astype(np.int64)
        wanted = self._less_drift(colours[np.clip(step + 1, 0, len(colours) - 1)])
        power = np.maximum((wanted**2).sum(axis=0), 1e-12)
        together = (wanted * self.rest).sum(axis=0)
        gains = together / power
        # Only answers of the right sign count; a ratio that turns the other way explains nothing.
        explained = np.where(gains > 0, together**2 / power, 0.0)
        return float(explained.sum() / self._power.sum()), float(gains.mean())

    def _less_drift(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(values - self._basis @ (self._basis.T @ values), np.float64)


def _decoys(plan: LightPlan, count: int) -> list[LightPlan]:
    rng = np.random.default_rng(20_261)
    tints = list(Tint)
    found: list[LightPlan] = []
    while len(found) < count:
        order = [tints[int(rng.integers(len(tints)))]]
        while len(order) < len(plan.tints):
            order.append(
                tints[(tints.index(order[-1]) + 1 + int(rng.integers(len(tints) - 1))) % len(tints)]
            )
        if tuple(order) != plan.tints:
            found.append(LightPlan(tuple(order), plan.start_ms, plan.step_ms))
    return found


def _colours(
    sight: Sight,
) -> tuple[NDArray[np.float64], NDArray[np.float64], tuple[NDArray[np.float64] | None, ...]] | None:
    """Return the ratios of skin, room and each side of the room; None without skin or room."""
    face = sight.face
    assert face is not None, "asked for with a face only"
    eyes, mouth = face.landmarks[:2], face.landmarks[3:]
    left, right = float(eyes[:, 0].min()), float(eyes[:, 0].max())
    top, bottom = float(eyes[:, 1].mean()), float(mouth[:, 1].mean())
    # From below the eyes to the mouth: nose and cheeks, without brows, beard and collar.
    skin = _ratios(sight.image, (left, top + 0.25 * (bottom - top), right, bottom), 2)
    w, h = face.width, face.height
    sides = [
        (face.x - 0.9 * w, face.y - 0.3 * h, face.x - 0.3 * w, face.y + 0.6 * h),
        (face.x + 1.3 * w, face.y - 0.3 * h, face.x + 1.9 * w, face.y + 0.6 * h),
    ]
    both = tuple(_ratios(sight.image, side, 4) for side in sides)
    rooms = [found for found in both if found is not None]
    if skin is None or not rooms:
        return None
    return skin, np.mean(rooms, axis=0), both


def _ratios(
    image: NDArray[np.uint8], box: tuple[float, float, float, float], step: int
) -> NDArray[np.float64] | None:
    """Return log(red / green) and log(blue / green) of the light in a box."""
    left, top, right, bottom = (max(0, round(v)) for v in box)
    part = image[top:bottom:step, left:right:step].reshape(-1, 3)
    usable = part[(part.min(axis=1) > 4) & (part.max(axis=1) < 251)]
    if len(usable) < 60:
        return None
    blue, green, red = _LINEAR[usable].mean(axis=0, dtype=np.float64)
    return np.array([np.log(red / green), np.log(blue / green)])
