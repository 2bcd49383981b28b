"""`smiletill bench liveness --simulated`: every layer against every species of simulated attack.

Sessions are drawn from a seed, judged by the sandbox pack's networks and all PAD layers, and
played to their end, so that one can see which layers caught what, not only which was first.
Two questions, each as the kiosk would answer it on any frame from the amount's appearance on, so
that an attack that is seen later does not count as caught:
- accepted: would 40.00 be charged without a PIN? Texture, stream, context and light bona fide, and
  a face that blinked or smiled in answer to the question.
- accepted for a small sum: would 12.50? Texture bona fide, and no layer that called it an attack.
Neither, once the track has changed, nor while a face that jumped waits to be compared (a smile or
a tap counts after that), and not before the attack is there: until another face comes,
a customer stands there and may pay. The exposure is commanded once, as of a camera that is known
to follow, but at any moment and not before the colours, as the kiosk does. Turn is shown besides
and decides nothing: at these sums nobody is asked to turn. Identification, digits and amounts are
left out: the person shown is always taken to be a customer.

A regression test of the checks and no error rate: attacks and checks are by the same hands.
The same seed gives the same result, whatever the number of processes.
"""

from __future__ import annotations

import multiprocessing
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from kiosk.bench.rates import upper95
from kiosk.domain.evidence import PadVerdict
from kiosk.domain.pad import ALWAYS, ERROR_BUDGET, Layer, LayerVerdict, combine
from kiosk.faces.camera.port import Frame
from kiosk.faces.vision.pad.panel import Panel
from kiosk.faces.vision.pad.sight import CameraFacts, sight_of
from kiosk.faces.vision.pad.stream import StreamLayer
from kiosk.faces.vision.pipeline import Pipeline, PipelineLimits
from kiosk.faces.vision.prober import pad_rule
from kiosk.sandbox.people.attacks.species import BONA_FIDE, SPECIES, take_of
from kiosk.sandbox.people.attacks.stage import Cues, Take
from kiosk.sandbox.people.scene import Crowd, gather
from models.manifest import SHIPPED_DIR, Pack, load_pack

PACK = "sandbox"
"""The only pack whose texture layer knows simulated people."""
NOTE = (
    "a regression test of the checks on simulated people, not an error rate: attacks, optics and"
    " limits are by the same hands, and only the networks are those of a kiosk"
)
ENCODE_EVERY_MS = 200
TRACKER = "tracker"
TURN_BEGINS_MS = 250
"""Nobody begins to turn sooner after being asked; another face before that was there by itself."""
EXPOSURE = "exposure"
"""Finder of streams that do not follow a command of exposure; in the kiosk it is `stream`."""
PROCESSES_MAX = 8


@dataclass(frozen=True, slots=True)
class Played:
    """How one session ended.

    Args:
        species: What it was.
        number: Which.
        accepted: Whether a large sum would have been charged without a PIN.
        accepted_small: Whether a small one would have been.
        attacks: Layers that called it an attack (and `tracker`, for another face, `exposure`, for a
            stream that did not follow one), in order.
        open: Layers that had not said bona fide at the end, though they had run.
        unable: Layers that could not run.
        why: Each layer's code at the end.
        lost_in_turn: Whether the face was lost in the turn, which no such sum asks for.
    """

    species: str
    number: int
    accepted: bool
    attacks: tuple[str, ...]
    open: tuple[str, ...]
    unable: tuple[str, ...]
    why: tuple[str, ...]
    accepted_small: bool = False
    lost_in_turn: bool = False

    @property
    def refused(self) -> bool:
        """Say whether nothing, not even a PIN, would have let it through."""
        waiting = set(self.open) & {layer.value for layer in ALWAYS}
        return bool(self.attacks) or (bool(waiting) and not self.lost_in_turn)


def measure(
    seed: int,
    *,
    per_species: int,
    bona_fide: int,
    processes: int = 1,
    progress: bool = True,
) -> list[Played]:
    """Play all sessions.

    Raises:
        SetupError: The sandbox pack or the sample photograph cannot be used.
    """
    wanted = [(seed, species, k) for species in SPECIES for k in range(per_species)]
    wanted += [(seed, BONA_FIDE, k) for k in range(bona_fide)]
    bar = tqdm(total=len(wanted), desc="simulated", file=sys.stderr, disable=not progress)
    played: list[Played] = []
    with bar:
        for one in _all(wanted, min(processes, PROCESSES_MAX)):
            played.append(one)
            bar.update()
    return sorted(played, key=lambda one: (one.species, one.number))


def _all(wanted: Sequence[tuple[int, str, int]], processes: int) -> Iterator[Played]:
    if processes <= 1:
        theatre = Theatre()
        yield from (theatre.play(*one) for one in wanted)
        return
    with multiprocessing.get_context("spawn").Pool(processes, _open_theatre) as pool:
        yield from pool.imap_unordered(_play, wanted, chunksize=2)


class Theatre:
    """Networks and people, made once."""

    def __init__(self) -> None:
        """Load them."""
        self._pack: Pack = load_pack(SHIPPED_DIR / PACK)
        self._crowd: Crowd = gather()
        limits = PipelineLimits(encode_spacing_ms=ENCODE_EVERY_MS)
        self._pipeline = Pipeline(self._pack, limits=limits)

    def play(self, seed: int, species: str, number: int) -> Played:
        """Play one session to its end."""
        cues, take = take_of(species, number, seed, self._crowd)
        self._pipeline.wipe()
        panel = Panel(pad_rule(self._pack), CameraFacts(true_clock=True, lit=True, exposure=False))
        return _played(species, number, panel, _watch(take, cues, self._pipeline, panel))


@dataclass(slots=True)
class _Seen:
    """What came up on the way.

    Args:
        exposure: Looks for the change of the exposure.
        changed: Whether the face changed after it was known.
        turned: Whether it did so only after it was asked to turn.
        large: Whether a large sum could have been charged at some moment.
        small: Whether a small one could.
    """

    exposure: StreamLayer
    changed: bool = False
    turned: bool = False
    large: bool = False
    small: bool = False

    def ask(self, panel: Panel) -> None:
        """Ask what the kiosk would do now, if the customer agreed."""
        reports = [report for report in panel.reports() if report.layer is not Layer.TURN]
        liveness = combine(reports)
        texture = panel.texture.report().verdict is LayerVerdict.BONA_FIDE
        ignored = self.exposure.report().verdict is LayerVerdict.ATTACK
        if self.changed or not texture or ignored or liveness.verdict is PadVerdict.ATTACK:
            return
        self.small = True
        if liveness.is_strong and self.exposure.followed and Layer.MOVEMENT in liveness.proven:
            self.large = True


def _watch(take: Take, cues: Cues, pipeline: Pipeline, panel: Panel) -> _Seen:
    """Show every frame to the panel."""
    seen = _Seen(StreamLayer(CameraFacts(true_clock=True, lit=True, exposure=True)))
    panel.light.begin(cues.light)
    prompts: list[tuple[int, Callable[[int], None]]] = sorted(
        [
            (cues.exposure_at_ms, lambda at: seen.exposure.command_exposure(at, cues.exposure)),
            (cues.smile_at_ms, panel.movement.ask),
            (cues.turn_at_ms, lambda at: panel.turn.ask(at, cues.turn_side)),
        ],
        key=lambda prompt: prompt[0],
    )
    known: int | None = None
    for index, shot in enumerate(take.shots()):
        while prompts and prompts[0][0] <= shot.at_ms:
            at_ms, prompt = prompts.pop(0)
            prompt(at_ms)
        frame = Frame(shot.image, index, shot.at_ms)
        judgement = pipeline.judge(frame)
        sight = sight_of(frame, judgement)
        panel.add(sight)
        seen.exposure.add(sight)
        verdict = panel.texture.report().verdict
        if known is None and verdict is LayerVerdict.BONA_FIDE:
            known = judgement.track
        if not seen.changed and known not in {None, judgement.track}:
            seen.changed = True
            seen.turned = shot.at_ms > cues.turn_at_ms + TURN_BEGINS_MS
        is_asked = shot.at_ms >= max(cues.smile_at_ms, take.begins_ms)
        if is_asked and not judgement.unsure:
            seen.ask(panel)
    return seen


def _played(species: str, number: int, panel: Panel, seen: _Seen) -> Played:
    reports = panel.reports()

    def who(verdict: LayerVerdict) -> tuple[str, ...]:
        return tuple(report.layer.value for report in reports if report.verdict is verdict)

    attacks = who(LayerVerdict.ATTACK) + ((TRACKER,) if seen.changed and not seen.turned else ())
    if "stream" not in attacks and seen.exposure.report().verdict is LayerVerdict.ATTACK:
        attacks += (EXPOSURE,)
    return Played(
        species=species,
        number=number,
        accepted=seen.large,
        accepted_small=seen.small,
        lost_in_turn=seen.turned,
        attacks=attacks,
        open=who(LayerVerdict.UNDECIDED),
        unable=who(LayerVerdict.COULD_NOT_RUN),
        why=tuple(f"{report.layer.value}:{report.why}" for report in reports if report.why),
    )


_theatre: Theatre | None = None


def _open_theatre() -> None:
    global _theatre  # noqa: PLW0603 - one a worker process, made when it starts
    _theatre = Theatre()


def _play(wanted: tuple[int, str, int]) -> Played:
    assert _theatre is not None, "made when the worker started"
    return _theatre.play(*wanted)


def report(played: Sequence[Played], seed: int) -> dict[str, Any]:
    """Return what happened, as JSON values."""
    live = [one for one in played if one.species == BONA_FIDE]
    attacks = [one for one in played if one.species != BONA_FIDE]
    accepted = sum(one.accepted for one in attacks)
    refused = sum(one.refused for one in live)
    return {
        "simulated": True,
        "note": NOTE,
        "seed": seed,
        "frames": {"apcer": {}, "bpcer": None},
        "sequences": {
            "apcer": max(
                (_accepted_share(group) for group in _groups(attacks).values()), default=0
            ),
            "bpcer": round(refused / len(live), 4) if live else None,
            "n_attack": len(attacks),
            "n_bona_fide": len(live),
            "by_species": {name: _species(group) for name, group in _groups(attacks).items()},
        },
        "accepted_attacks": accepted,
        "accepted": accepted,
        "accepted_upper95": round(upper95(accepted, len(attacks)), 4),
        "accepted_small_sum_without_pin": sum(one.accepted_small for one in attacks),
        "bona_fide": {
            "n": len(live),
            "accepted": sum(one.accepted for one in live),
            "accepted_small_sum_without_pin": sum(one.accepted_small for one in live),
            "refused": refused,
            "asked_for_a_pin": sum(not one.accepted and not one.refused for one in live),
            "lost_in_turn": sum(one.lost_in_turn for one in live),
            "refused_upper95": round(upper95(refused, len(live)), 4),
            "refused_by": _count(one.attacks or one.open for one in live if one.refused),
            "not_accepted_for": _count(
                one.attacks or (*one.open, *one.unable) for one in live if not one.accepted
            ),
        },
        "budget": {layer.value: share for layer, share in ERROR_BUDGET.items()},
    }


def in_words(told: dict[str, Any]) -> str:
    """Return the report for a person."""
    lines = [f"Simulated attacks ({told['note']}):"]
    for name, found in told["sequences"]["by_species"].items():
        caught = ", ".join(f"{layer} {n}" for layer, n in found["called_by"].items()) or "nobody"
        lines.append(
            f"  {name}: {found['accepted']} of {found['n']} accepted,"
            f" {found['accepted_small_sum_without_pin']} for a small sum;"
            f" called an attack by {caught}; {found['only_not_proven']} only not proven"
        )
    live = told["bona_fide"]
    lines.append(
        f"  genuine: {live['accepted']} of {live['n']} accepted, {live['refused']} refused,"
        f" {live['asked_for_a_pin']} asked for a PIN above the lowered sum"
    )
    return "\n".join(lines)


def plot(told: dict[str, Any], path: Path) -> None:
    """Draw which layers called which species an attack, as PNG.

    Raises:
        BadInputError: `plot_unwritable`.
    """
    from kiosk.bench.drawing import save, subplots  # noqa: PLC0415 - it takes a second to load

    figure, axes = subplots()
    species = told["sequences"]["by_species"]
    layers = [layer.value for layer in Layer] + [TRACKER, EXPOSURE]
    shares = [
        [found["called_by"].get(layer, 0) / found["n"] for layer in layers]
        for found in species.values()
    ]
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(len(layers)), layers)
    axes.set_yticks(range(len(species)), list(species))
    axes.set_title("share of simulated sessions that a layer called an attack")
    save(figure, path)


def _groups(played: Sequence[Played]) -> dict[str, list[Played]]:
    groups: dict[str, list[Played]] = {}
    for one in played:
        groups.setdefault(one.species, []).append(one)
    return groups


def _accepted_share(group: Sequence[Played]) -> float:
    return round(sum(one.accepted for one in group) / len(group), 4)


def _species(group: Sequence[Played]) -> dict[str, Any]:
    accepted = sum(one.accepted for one in group)
    return {
        "n": len(group),
        "accepted": accepted,
        "accepted_upper95": round(upper95(accepted, len(group)), 4),
        "accepted_small_sum_without_pin": sum(one.accepted_small for one in group),
        "called_by": _count(one.attacks for one in group),
        "first": _count(one.attacks[:1] for one in group),
        "only_not_proven": sum(not one.accepted and not one.attacks for one in group),
        "not_proven": _count(
            (*one.open, *one.unable) for one in group if not one.accepted and not one.attacks
        ),
    }


def _count(names: Iterable[Sequence[str]]) -> dict[str, int]:
    return dict(Counter(name for group in names for name in group).most_common())
