"""What the till learns of a visit that was paid by face and with the PIN.

- Somebody of an older model pack gets a reference of the pack in use, made of the same frames, and
  is off the queue of people who have to come by.
- Somebody who was imported from pictures has now been seen live, and is a customer like others.
- Anybody else, where the owner has switched it on, gets an adaptive template
  (`kiosk.domain.adaptation`).

Whoever it is, their old reference must agree with the visit: for a new pack as much as for `enrol
again` (another session of the same person; money has verified the PIN besides), for having been
seen live with the score that suffices with digits, for an adaptive template with the strictest. The
last two need the word of all PAD layers, the first what an enrolment needs. Somebody with a
look-alike, or whom a wrong person has paid as, is left to staff, and so is a face that is like
anybody else's.

A session hands in copies of its vectors and waits for nothing; they are judged by the caretaker,
written to the vault and the audit log, and overwritten.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, date
from typing import TYPE_CHECKING, Protocol

from kiosk.domain.adaptation import VisitFacts, why_not
from kiosk.domain.errors import SmileTillError
from kiosk.faces.desk import look_alikes
from kiosk.faces.desk.audit import PROGRAM
from kiosk.faces.desk.importing import IMPORTED
from kiosk.faces.vault.errors import PersonUnknownError
from kiosk.faces.vault.records import PersonState, Reference

if TYPE_CHECKING:
    from kiosk.domain.identification import Thresholds
    from kiosk.domain.ids import PackId, PersonId
    from kiosk.faces.desk.ports import DeskTools
    from kiosk.faces.eyes import Eyes
    from kiosk.faces.vault.records import Head
    from kiosk.faces.vision.lesson import Lesson

WAITING_MAX = 8
"""Visits that wait to be judged; the oldest is dropped. There is one at a time, and they wait for
two seconds."""

logger = logging.getLogger(__name__)

Learn = Callable[["PersonId", Sequence["Lesson"]], None]


class Confirming(Protocol):
    """Whoever knows how a payment ended."""

    def take_confirmed(self) -> PersonId | None:
        """Return, once, who has paid by face and with their PIN."""
        ...


def learn_nothing(_person: PersonId, lessons: Sequence[Lesson]) -> None:
    """Overwrite what a visit could teach."""
    for lesson in lessons:
        lesson.wipe()


def learn_from(confirming: Confirming | None, eyes: Eyes | None, learn: Learn) -> None:
    """Hand on what a session has seen, before it is wiped, if its payer confirmed it."""
    person = None if confirming is None else confirming.take_confirmed()
    if person is None or eyes is None:
        return
    lessons = eyes.lessons(person)
    if lessons:
        learn(person, lessons)


class Learning:
    """The lessons of one installation. Safe to use from many threads.

    Args:
        tools: The desk's.
        limits: Thresholds of a search with a pack, as they are now.
        adapt: Whether adaptive templates are kept. If not, those that are there are destroyed.
    """

    def __init__(
        self, tools: DeskTools, limits: Callable[[PackId], Thresholds], *, adapt: bool
    ) -> None:
        """Learn nothing yet."""
        self._tools = tools
        self._limits = limits
        self._adapt = adapt
        self._forget_first = not adapt
        self._turn = threading.Lock()
        self._waiting: deque[tuple[PersonId, Sequence[Lesson]]] = deque()

    def note(self, person: PersonId, lessons: Sequence[Lesson]) -> None:
        """Take a visit's lessons, the person's own pack's first; returns at once."""
        with self._turn:
            self._waiting.append((person, lessons))
            dropped = self._waiting.popleft() if len(self._waiting) > WAITING_MAX else None
        if dropped is not None:
            learn_nothing(*dropped)

    def care(self, stopping: Callable[[], bool]) -> None:
        """Judge what waits; without adaptation, destroy what an earlier one left.

        Raises:
            SmileTillError: The disk refuses; that visit has taught nothing.
        """
        if self._forget_first:
            self._forget(stopping)
        while not stopping():
            with self._turn:
                if not self._waiting:
                    return
                person, lessons = self._waiting.popleft()
            try:
                self._learn(person, lessons)
            except PersonUnknownError:
                continue  # erased since
            finally:
                learn_nothing(person, lessons)

    def close(self) -> None:
        """Judge what waits still; a disk that refuses costs no more than a lesson."""
        while self._waiting:
            try:
                self.care(lambda: False)
            except SmileTillError as error:
                logger.warning("a visit has taught nothing: %s", error.code)

    def _forget(self, stopping: Callable[[], bool]) -> None:
        for person in self._tools.vault.adapted():
            if stopping():
                return
            try:
                if self._tools.vault.drop_adapted(person):
                    self._tools.audit.append(PROGRAM, "adaptation_drop", person)
                    self._show(person)
            except PersonUnknownError:
                continue  # erased since
        self._forget_first = False

    def _learn(self, person: PersonId, lessons: Sequence[Lesson]) -> None:
        own = lessons[0]
        head = self._tools.vault.head(person)
        if (
            head.state is not PersonState.ACTIVE
            or head.pack != own.pack
            or head.pin_always not in {"", IMPORTED}
        ):
            return
        score = self._tools.vault.anchor_score(person, own.mean)
        limits = self._limits(own.pack)
        current = None if self._tools.packs is None else self._tools.packs.current()
        if current not in {None, head.pack}:
            fresh = next((lesson for lesson in lessons if lesson.pack == current), None)
            if fresh is not None and score >= self._same_from(own.pack):
                self._move(person, head, fresh)
        elif head.pin_always == IMPORTED:
            if own.proven and score >= limits.digits:
                self._settle(person, head)
        elif self._adapt:
            self._add(person, head, own, score, limits)

    def _move(self, person: PersonId, head: Head, fresh: Lesson) -> None:
        """Give somebody of an older pack a reference of the one in use."""
        if self._is_like_another(person, head, fresh):
            return
        self._tools.audit.append(PROGRAM, "pack_moved", person)
        self._tools.vault.retemplate(
            person, Reference(fresh.pack, fresh.mean, fresh.kept, fresh.count, fresh.quality)
        )
        self._settle(person, head)
        self._show(person)

    def _settle(self, person: PersonId, head: Head) -> None:
        """Let somebody who was imported pay as others do: they have been seen live."""
        if head.pin_always == IMPORTED:
            self._tools.audit.append(PROGRAM, "imported_seen", person)
            reason = look_alikes.REASON if head.look_alikes else ""
            self._tools.vault.amend(person, pin_always=reason)

    def _add(
        self, person: PersonId, head: Head, own: Lesson, score: float, limits: Thresholds
    ) -> None:
        today = self._tools.now().astimezone(UTC).date()
        # That they paid with the PIN is what a lesson is made for.
        visit = VisitFacts(
            pin_confirmed=True,
            bona_fide=own.proven,
            pin_always=head.pin_always,
            samples=own.count,
            quality=own.quality,
            score=score,
        )
        reason = why_not(
            visit,
            threshold_open=limits.open,
            quality=head.quality,
            days_since=(today - date.fromisoformat(head.adapted_at)).days
            if head.adapted_at
            else None,
        )
        if reason is not None:
            logger.info("a visit adds no template: %s", reason.value)
            return
        if self._is_like_another(person, head, own):
            return
        self._tools.audit.append(PROGRAM, "adapted", person)
        self._tools.vault.adapt(person, own.mean, today.isoformat())
        self._show(person)

    def _same_from(self, pack: PackId) -> float:
        """Return the score from which it is another session of the same person."""
        return (self._tools.look_alike_from or self._tools.duplicate_from)(pack)

    def _is_like_another(self, person: PersonId, head: Head, lesson: Lesson) -> bool:
        """Say whether a lesson is like somebody else's face, known look-alikes included."""
        found = look_alikes.likeness(self._tools, lesson.pack, lesson.mean)
        alike = bool(head.look_alikes) or any(it.person != person for it in found.alike)
        if alike:
            logger.info("a visit has taught nothing: look_alike")
        return alike

    def _show(self, person: PersonId) -> None:
        """Have the gallery search the new vector, unless they were frozen or paused meanwhile."""
        if self._tools.vault.head(person).state is PersonState.ACTIVE:
            self._tools.gallery.add(self._tools.vault.get(person))
