"""`smiletill bench identify --pad DIR`: webcam people pay, each enrolled from another session.

Every live sequence is judged once by the kiosk's own pipeline. Sessions are then played with the
kiosk's own eyes, gallery, decision and step-up rows, for a bill of 12.50:

- the owner: enrolled from one session, paying in every other, with their own digits;
- enrolled people who type the digits of each of the others;
- the same people while they are not enrolled: strangers, by face alone and with each one's digits.

The gallery holds everybody, one session a person; it is played once for every session of those who
have several. An impostor is *charged* when neither refused nor asked for the PIN.
What no recording can show (light, a prompted movement) is missing, as it is for `smiletill pay`.
It writes nothing and is deterministic; there is nothing to draw lots for.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self, cast

from tqdm import tqdm

from kiosk.bench.ends import End
from kiosk.bench.liveness import Recording, recordings
from kiosk.bench.sets import WEBCAM_HELD_OUT
from kiosk.domain.identification import SearchPolicy, Thresholds, thresholds
from kiosk.domain.ids import OrderId, PackId, PayerAlias, PersonId
from kiosk.domain.mandate import MandateFacts, MandateLimits, MandateState
from kiosk.domain.money import Money
from kiosk.domain.order import Order
from kiosk.domain.session import events as ev
from kiosk.domain.session.machine import new_session, step
from kiosk.domain.session.state import Phase
from kiosk.domain.stepup import Factor
from kiosk.faces.camera.folder import FolderCamera
from kiosk.faces.eyes import Eyes
from kiosk.faces.vault.gallery import DIGITS, Gallery
from kiosk.faces.vault.records import Findable, PersonState
from kiosk.faces.vision.calibration import tails_without_owner
from kiosk.faces.vision.enrolment import EnrolmentSampler, EnrolmentSamples
from kiosk.faces.vision.pipeline import Pipeline
from kiosk.faces.vision.prober import pad_rule

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from kiosk.domain.identification import Identification, ImpostorTail
    from kiosk.domain.session.look import Look
    from kiosk.faces.camera.port import Frame
    from kiosk.faces.vision.judgement import FrameJudgement
    from models.manifest import Pack

AMOUNT = Money(12_50)
FACTS = MandateFacts(
    alias=PayerAlias("bench"),
    state=MandateState.ACTIVE,
    limits=MandateLimits(Money(100_00), Money(200_00)),
    spent_today=Money(0),
    payments_ever=0,
    days_since_last_use=None,
    account_hint="",
)
"""Of a first visit, which asks the most."""
PHONE = "4477009{:05}"
"""Invented numbers; the last four digits are the person's place in the set."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One session of one sequence.

    Args:
        sequence: Which.
        subject: Whose.
        enrolled_from: Session of the template it was compared with; empty: several.
        claimed: Whose digits were typed; empty: none.
        outcome: How it ended.
        person: Who would be charged; empty: nobody.
        score: Of the person considered; None where nobody was.
    """

    sequence: str
    subject: str
    enrolled_from: str
    claimed: str
    outcome: End
    person: str
    score: float | None

    @property
    def is_wrong(self) -> bool:
        """Say whether somebody else is charged, and no PIN stands in the way."""
        return self.outcome.is_without_pin and self.person != self.subject


@dataclass(slots=True)
class Found:
    """Everything that was played."""

    pack: str
    limits: Thresholds
    people: int
    sequences: int
    not_acquired: list[str] = field(default_factory=list)
    """Sequences of which no enrolment could be made."""
    owners: list[Attempt] = field(default_factory=list)
    others: list[Attempt] = field(default_factory=list)
    """Enrolled people with somebody else's digits."""
    strangers: list[Attempt] = field(default_factory=list)
    """People who are not enrolled, with somebody's digits."""
    alone: list[Attempt] = field(default_factory=list)
    """People who are not enrolled, with no digits."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One sequence, judged; `template` is None where enrolment would have refused it."""

    recording: Recording
    judged: tuple[FrameJudgement, ...] = field(repr=False)
    template: NDArray[np.float32] | None = field(repr=False)


class Replay:
    """Gives a sequence's judgements again, in the pipeline's place; copies, for they are wiped."""

    def __init__(self, judged: Sequence[FrameJudgement]) -> None:
        """Stand for one pass over the sequence."""
        self._judged = judged

    def judge(self, frame: Frame) -> FrameJudgement:
        """Return what the pipeline said of a frame."""
        return fresh(self._judged[frame.index])

    def wipe(self) -> None:
        """Keep what is asked for again."""


def fresh(judgement: FrameJudgement) -> FrameJudgement:
    """Return a judgement whose embedding may be overwritten."""
    vector = judgement.embedding
    return dataclasses.replace(judgement, embedding=None if vector is None else vector.copy())


def measure(pack: Pack, pad: Path, *, held_out_only: bool = False, progress: bool = True) -> Found:
    """Judge all live sequences of a set, then play every session.

    Args:
        pack: A pack whose files have been verified.
        pad: A set like NUAA.
        held_out_only: Only let people pay of whom no network of `starter` was trained; the gallery
            holds everybody all the same.
        progress: Show a bar.

    Raises:
        BadInputError: The set cannot be used.
        SetupError: The pack cannot be used.
    """
    live = [one for one in recordings(pad) if one.species == "bona_fide"]
    with Pipeline(pack) as pipeline:
        bar = tqdm(live, desc="judging", file=sys.stderr, disable=not progress)
        seen = [_judge(pipeline, pack, recording) for recording in bar]
    return play(
        pack, seen, tails_without_owner(pack), held_out_only=held_out_only, progress=progress
    )


def play(
    pack: Pack,
    seen: Sequence[Seen],
    tails: Sequence[ImpostorTail],
    *,
    held_out_only: bool = False,
    progress: bool = True,
) -> Found:
    """Play every session with sequences that were judged before."""
    sessions: dict[str, list[Seen]] = {}
    for one in seen:
        if one.template is not None:
            sessions.setdefault(one.recording.subject, []).append(one)
    found = Found(
        pack=pack.id,
        limits=thresholds(len(sessions), SearchPolicy(), tails),
        people=len(sessions),
        sequences=len(seen),
        not_acquired=[one.recording.folder.name for one in seen if one.template is None],
    )
    place = {subject: number for number, subject in enumerate(sorted(sessions))}
    probes = [one for one in seen if not held_out_only or one.recording.subject in WEBCAM_HELD_OUT]
    turns = max((len(own) for own in sessions.values()), default=0)
    bar = tqdm(
        [(turn, probe) for turn in range(turns) for probe in probes],
        desc="paying",
        file=sys.stderr,
        disable=not progress,
    )
    for turn, probe in bar:
        chosen = {who: own[min(turn, len(own) - 1)] for who, own in sessions.items()}
        is_new = {who: turn < len(own) for who, own in sessions.items()}
        _Turn(pack, tails, chosen, is_new, place, found).play(probe)
    return found


def _judge(pipeline: Pipeline, pack: Pack, recording: Recording) -> Seen:
    """Judge a sequence, and enrol from it."""
    pipeline.wipe()
    with FolderCamera(recording.folder) as camera:
        judged = tuple(pipeline.judge(frame) for frame in camera.frames())
    sampler = EnrolmentSampler(pad=pad_rule(pack))
    for judgement in judged:
        if sampler.is_complete:
            break
        sampler.add(fresh(judgement))
    samples = sampler.finish()
    template = samples.mean if isinstance(samples, EnrolmentSamples) else None
    return Seen(recording, judged, template)


@dataclass(frozen=True, slots=True)
class _Turn:
    """The gallery of one turn, and what one sequence comes to before it.

    Args:
        pack: Whose templates.
        tails: Its tails.
        chosen: The session that each person is enrolled from.
        is_new: Who is enrolled from a session that no turn before had.
        place: Each person's number.
        found: Where attempts are noted.
    """

    pack: Pack
    tails: Sequence[ImpostorTail]
    chosen: dict[str, Seen]
    is_new: dict[str, bool]
    place: dict[str, int]
    found: Found

    def play(self, probe: Seen) -> None:
        """Play one sequence: its owner, as an enrolled impostor, and as a stranger."""
        me = probe.recording.subject
        others = [who for who in self.chosen if who != me]
        own = self.chosen.get(me)
        if own is not None and own is not probe and self.is_new[me]:
            with self._session(probe, list(self.chosen)) as session:
                self.found.owners.append(session.attempt(me))
                self.found.others += [session.attempt(who) for who in others]
        fresh_ones = [who for who in others if self.is_new[who]]
        if fresh_ones:
            with self._session(probe, others) as session:
                self.found.alone.append(session.attempt(""))
                self.found.strangers += [session.attempt(who) for who in fresh_ones]

    def _session(self, probe: Seen, people: Sequence[str]) -> _Session:
        gallery = Gallery()
        for who in people:
            template = self.chosen[who].template
            assert template is not None, "only who could be enrolled is"
            gallery.add(
                Findable(
                    _person(who),
                    PersonState.ACTIVE,
                    PackId(self.pack.id),
                    _phone(self.place[who]),
                    template,
                )
            )
        # Eyes ask nothing else of a pipeline than to judge a frame and to forget.
        pipeline = cast("Pipeline", Replay(probe.judged))
        eyes = Eyes(self.pack, pipeline, gallery, policy=SearchPolicy(), tails=self.tails)
        return _Session(probe, eyes, gallery, self)

    def digits(self, who: str) -> str:
        """Return the digits that somebody is asked for."""
        return _phone(self.place[who])[-DIGITS:]

    def name(self, person: PersonId | None) -> str:
        """Return the subject behind an id."""
        return next((who for who in self.place if _person(who) == person), "")

    def session_of(self, who: str) -> str:
        """Return the session that somebody is enrolled from; empty for nobody."""
        return self.chosen[who].recording.folder.name if who else ""


def _person(who: str) -> PersonId:
    return PersonId(f"p{who}")


def _phone(place: int) -> str:
    return PHONE.format(place)


class _Session:
    """The kiosk's session machine before a gallery: looks once, then answers for any digits."""

    def __init__(self, probe: Seen, eyes: Eyes, gallery: Gallery, turn: _Turn) -> None:
        self._probe, self._eyes, self._gallery, self._turn = probe, eyes, gallery, turn
        offered = new_session(Order(OrderId("bench"), AMOUNT, "bench"), 0)
        self._after_looking, _ = step(offered, ev.Pressed(0))
        self._verdict: Identification | None = None

    def __enter__(self) -> Self:
        last_ms = 0
        with FolderCamera(self._probe.recording.folder) as camera:
            for frame in camera.frames():
                self._see(self._eyes.look(frame), frame.at_ms)
                if self._after_looking.phase is not Phase.PROBING:
                    return self
                last_ms = frame.at_ms
        self._see(self._eyes.finish(), last_ms, final=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._eyes.wipe()
        self._gallery.close()

    def _see(self, look: Look, at_ms: int, *, final: bool = False) -> None:
        probed = ev.Probed(
            at_ms, look.pad, look.identification, look.hint, final=final, liveness=look.liveness
        )
        self._after_looking, _ = step(self._after_looking, probed)
        if look.identification is not None:
            self._verdict = look.identification

    def attempt(self, claimed: str) -> Attempt:
        """Say what comes of it when these digits are typed; empty: nobody types any."""
        session, verdict = self._after_looking, self._verdict
        at_ms = session.now_ms
        if session.phase is Phase.DIGITS and claimed:
            digits = self._turn.digits(claimed)
            verdict = self._eyes.claim(digits) or verdict
            session, _ = step(session, ev.DigitsTyped(at_ms, digits))
            session, _ = step(session, ev.Claimed(at_ms, verdict))
        if session.phase is Phase.FACTS:
            session, _ = step(session, ev.FactsArrived(at_ms, FACTS))
        score = None if verdict is None else verdict.score
        if session.phase is Phase.PIN:
            outcome = End.PIN
        elif session.phase is Phase.CONFIRMING:
            outcome = End.DIGITS if Factor.DIGITS in session.asked else End.FACE
        else:
            outcome = End.REFUSED
        named = session.person is not None and outcome is not End.REFUSED
        return Attempt(
            sequence=self._probe.recording.folder.name,
            subject=self._probe.recording.subject,
            enrolled_from=self._turn.session_of(claimed),
            claimed=claimed,
            outcome=outcome,
            person=self._turn.name(session.person) if named else "",
            score=score,
        )
