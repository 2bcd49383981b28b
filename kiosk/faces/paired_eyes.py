"""The eyes of a session while people of two model packs are searched: each pack with its own.

Every frame goes through all of them; a stranger's chance is shared out, so that all searches
together stay within the policy's rates. Who is clearly identified by one is looked at by that one
from then on; two who are clearly identified at once are nobody.
It costs one pipeline a pack, for the grace period of a pack change.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from kiosk.domain.evidence import PadVerdict
from kiosk.domain.headturn import TurnPlan
from kiosk.domain.identification import Decision, DecisionReason, Identification, SearchPolicy
from kiosk.domain.ids import PersonId
from kiosk.domain.lightcode import LightPlan
from kiosk.domain.session.look import Look
from kiosk.faces.camera.port import Frame
from kiosk.faces.eyes import RECORDED, Eyes, Searched
from kiosk.faces.vision.judgement import FrameJudgement
from kiosk.faces.vision.lesson import Lesson
from kiosk.faces.vision.pad.sight import CameraFacts
from kiosk.faces.vision.pad.stream import StreamLayer
from kiosk.faces.vision.room import Sight

WAIT_FRAMES_MAX = 30
"""Frames for which a verdict waits for the other pack's: a second. They decide on the same frames,
unless one of them finds no face in some."""
_RANK = {
    Decision.IDENTIFIED: 4,
    Decision.NEEDS_DIGITS: 3,
    Decision.NEEDS_DIGITS_AND_PIN: 2,
    Decision.AMBIGUOUS: 1,
    Decision.UNKNOWN: 0,
}


def eyes_of(sights: Sequence[Sight], gallery: Searched, facts: CameraFacts = RECORDED) -> Eyes:
    """Return the eyes for a session with these packs, the installation's own first."""
    policy = shared_out(SearchPolicy(), len(sights))
    eyes = [
        Eyes(sight.pack, sight.pipeline, gallery, policy=policy, tails=sight.tails, facts=facts)
        for sight in sights
    ]
    return eyes[0] if len(eyes) == 1 else PairedEyes(eyes)


def shared_out(policy: SearchPolicy, searches: int) -> SearchPolicy:
    """Return the policy for each of several searches that together must keep to it."""
    return dataclasses.replace(
        policy,
        fpir_open=policy.fpir_open / searches,
        fpir_digits=policy.fpir_digits / searches,
        fmr_digits=policy.fmr_digits / searches,
        fmr_digits_few=policy.fmr_digits_few / searches,
        fmr_pin=policy.fmr_pin / searches,
    )


class PairedEyes(Eyes):
    """Looks with several packs at once; used as `Eyes` are.

    Args:
        eyes: One a pack, the installation's own first.
    """

    def __init__(self, eyes: Sequence[Eyes]) -> None:
        """Start with nothing seen."""
        self._all = list(eyes)
        self._chosen: Eyes | None = None
        self._waited = 0
        self.frames_seen = 0
        self.newest: FrameJudgement | None = None

    def look(self, frame: Frame) -> Look:
        """Look at one more frame."""
        self.frames_seen += 1
        looking = self._all if self._chosen is None else [self._chosen]
        looks = [eyes.look(frame) for eyes in looking]
        self.newest = looking[0].newest
        if self._chosen is not None:
            return looks[0]
        decided = sum(look.identification is not None for look in looks)
        if 0 < decided < len(looks) and self._waited < WAIT_FRAMES_MAX:
            self._waited += 1
            refused = [look for look in looks if look.pad is PadVerdict.ATTACK]
            return dataclasses.replace((refused or looks)[0], identification=None)
        return self._choose(looks)

    def finish(self) -> Look:
        """Say what it came to, when no frame will follow."""
        if self._chosen is not None:
            return self._chosen.finish()
        return self._choose([eyes.finish() for eyes in self._all])

    def shine(self, plan: LightPlan) -> None:
        """Watch for the screen's colours."""
        for eyes in self._all:
            eyes.shine(plan)

    @property
    def streams(self) -> tuple[StreamLayer, ...]:
        """The layers of all packs that must see it when the camera is commanded."""
        return tuple(stream for eyes in self._all for stream in eyes.streams)

    @property
    def wants_light(self) -> bool:
        """Say whether the eyes that are asked have none yet."""
        asked = self._all[0] if self._chosen is None else self._chosen
        return asked.wants_light

    def ask_turn(self, plan: TurnPlan) -> None:
        """Watch for the head to turn, with the eyes that know whose it is."""
        assert self._chosen is not None, "as `can_turn` says"
        self._chosen.ask_turn(plan)

    def can_turn(self, at_ms: int) -> bool:
        """Say whether it is clear whose face this is, as these eyes say it."""
        return self._chosen is not None and self._chosen.can_turn(at_ms)

    def claim(self, digits: str) -> Identification | None:
        """Decide again among the people with these digits, of whichever pack."""
        asked = self._all if self._chosen is None else [self._chosen]
        verdicts = [(eyes.claim(digits), eyes) for eyes in asked]
        told = [(verdict, eyes) for verdict, eyes in verdicts if verdict is not None]
        if not told:
            return None
        told.sort(key=lambda pair: -_RANK[pair[0].decision])
        best, chosen = told[0]
        if _contested([verdict for verdict, _ in told]):
            # Asked again, both are asked again: one alone would name its own.
            return _nobody(best)
        self._chosen = chosen
        return best

    def look_again(self) -> None:
        """Go on after a while without looking."""
        for eyes in self._all if self._chosen is None else [self._chosen]:
            eyes.look_again()

    def lessons(self, person: PersonId) -> tuple[Lesson, ...]:
        """Return what this visit could teach: with the person's own pack, then with the others.

        The others stopped looking when it was clear who it is; what counts of them are the frames
        on which they looked at the face that was identified.
        """
        if self._chosen is None:
            return ()
        own = self._chosen.lessons(person)
        if not own:
            return ()
        places = self._chosen.places()
        others = [eyes.lesson_at(places) for eyes in self._all if eyes is not self._chosen]
        return own + tuple(lesson for lesson in others if lesson is not None)

    def stages_ms(self) -> dict[str, float]:
        """Return the mean time of every stage, of all packs together."""
        told: dict[str, float] = {}
        for eyes in self._all:
            for stage, spent_ms in eyes.stages_ms().items():
                told[stage] = round(told.get(stage, 0.0) + spent_ms, 2)
        return told

    def wipe(self) -> None:
        """Overwrite and forget what was seen."""
        for eyes in self._all:
            eyes.wipe()
        self._chosen = self.newest = None

    def _choose(self, looks: Sequence[Look]) -> Look:
        """Tell one look of all, and stay with its eyes if it names somebody."""
        for look in looks:
            if look.pad is PadVerdict.ATTACK:
                return dataclasses.replace(look, identification=None)
        told = [
            (look, look.identification, eyes)
            for look, eyes in zip(looks, self._all, strict=True)
            if look.identification is not None
        ]
        if not told:
            return looks[0]
        told.sort(key=lambda it: -_RANK[it[1].decision])
        look, verdict, eyes = told[0]
        if _contested([verdict for _, verdict, _ in told]):
            return dataclasses.replace(look, identification=_nobody(verdict))
        if verdict.decision is Decision.IDENTIFIED:
            self._chosen = eyes
        return look


def _contested(verdicts: Sequence[Identification]) -> bool:
    """Say whether two packs each clearly name somebody, which cannot both be the customer."""
    return len({it.person for it in verdicts if it.decision is Decision.IDENTIFIED}) > 1


def _nobody(verdict: Identification) -> Identification:
    return dataclasses.replace(
        verdict, decision=Decision.AMBIGUOUS, reason=DecisionReason.LOOK_ALIKE, person=None
    )
