"""Carry out how long unused people are kept: note who pays, warn, and erase after the notice.

Who pays is noted in memory and written later, so that no payment waits for the vault's disk; a
crash loses at most the last minute, of twelve months.
It decides nothing: the rules are the domain's, and an erasure is the desk's, with its proof.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import UTC, date

from kiosk.domain.errors import SmileTillError
from kiosk.domain.ids import PersonId
from kiosk.faces.desk.audit import PROGRAM
from kiosk.faces.desk.ports import DeskTools
from kiosk.faces.vault.errors import PersonUnknownError
from kiosk.faces.vault.records import Head, PersonState
from kiosk.faces.vault.retention import Clock, RetentionRules, Step, erased_from, judge, look
from kiosk.link.vault_care import Unused, UnusedPerson

ERASURES_A_LOOK_MAX = 20
"""Whoever is left is erased at the next look, so that a mistake in the rules shows in time."""
LISTED_MAX = 500

logger = logging.getLogger(__name__)


class Retention:
    """The retention clock of one installation. Safe to use from many threads.

    Args:
        tools: The desk's.
        rules: The owner's.
        erase: Erases one person as the desk does, and waits for the proof.
    """

    def __init__(
        self,
        tools: DeskTools,
        rules: RetentionRules,
        erase: Callable[[PersonId], object],
    ) -> None:
        """Look at nothing yet."""
        self._tools = tools
        self._rules = rules
        self._erase = erase
        self._turn = threading.Lock()
        self._paid: dict[PersonId, date] = {}

    def used(self, person: PersonId) -> None:
        """Note that somebody has paid; returns at once."""
        with self._turn:
            self._paid[person] = self._today()

    def care(self, stopping: Callable[[], bool]) -> None:
        """Write down who has paid, and once a day warn and erase.

        Raises:
            SmileTillError: The disk refuses; the rest is done at the next look.
        """
        self._write_down()
        clock = self._tools.vault.clock()
        if clock is not None and clock.seen == self._today():
            return
        clock = look(clock, self._today())
        done = self._step_all(clock, stopping)
        if done and not stopping():
            self._tools.vault.note_clock(clock)

    def close(self) -> None:
        """Write down who has paid; a disk that refuses costs them no more than a date."""
        try:
            self._write_down()
        except SmileTillError as error:
            logger.warning("who has paid last is not written down: %s", error.code)

    def unused(self) -> Unused:
        """Return everybody who was warned, the next to be erased first."""
        clock = self._tools.vault.clock() or Clock(self._today(), self._today())
        warned: list[UnusedPerson] = []
        for person in self._tools.vault.ids():
            head = self._head(person)
            if head is None or not head.warned_at:
                continue
            on = erased_from(date.fromisoformat(head.warned_at), clock, self._rules)
            name = self._tools.vault.get(person).name
            told = UnusedPerson(
                person, name, _last_active(head).isoformat(), head.warned_at, on.isoformat()
            )
            warned.append(told)
        warned.sort(key=lambda one: (one.erased_from, one.person))
        rules = self._rules
        return Unused(tuple(warned[:LISTED_MAX]), rules.unused_months, rules.notice_days)

    def _write_down(self) -> None:
        with self._turn:
            paid, self._paid = self._paid, {}
        for person, day in paid.items():
            try:
                self._tools.vault.amend(person, last_used=day.isoformat(), warned_at="")
            except PersonUnknownError:
                continue  # erased since
            except SmileTillError:
                with self._turn:
                    self._paid = {**paid, **self._paid}
                raise

    def _step_all(self, clock: Clock, stopping: Callable[[], bool]) -> bool:
        """Do what is to be done about everybody today; return whether all of it was done."""
        erased = 0
        for person in self._tools.vault.ids():
            if stopping():
                return False
            head = self._head(person)
            if head is None or head.state is PersonState.PENDING:
                continue
            step = _judged(head, clock, self._rules)
            if step is Step.ERASE:
                if erased == ERASURES_A_LOOK_MAX:
                    return False
                erased += 1
            self._do(step, person, head, clock.seen)
        return True

    def _do(self, step: Step, person: PersonId, head: Head, today: date) -> None:
        vault, audit = self._tools.vault, self._tools.audit
        match step:
            case Step.KEEP:
                pass
            case Step.WARN:
                audit.append(PROGRAM, "retention_warn", person)
                vault.amend(person, warned_at=today.isoformat())
            case Step.UNWARN:
                vault.amend(person, warned_at="")
            case Step.MEND:
                audit.append(PROGRAM, "retention_mend", person)
                used = today.isoformat() if _last_active(head) > today else head.last_used
                vault.amend(person, last_used=used, warned_at="")
            case Step.ERASE:
                self._erase(person)
                audit.append(PROGRAM, "retention_erase", person)

    def _head(self, person: PersonId) -> Head | None:
        try:
            return self._tools.vault.head(person)
        except PersonUnknownError:
            return None

    def _today(self) -> date:
        return self._tools.now().astimezone(UTC).date()


def _judged(head: Head, clock: Clock, rules: RetentionRules) -> Step:
    warned = date.fromisoformat(head.warned_at) if head.warned_at else None
    active = _last_active(head)
    if active > clock.seen and head.last_used:
        # Enrolled under a wrong clock and mended since: only the payment counts.
        used = date.fromisoformat(head.last_used)
        active = used if used <= clock.seen else active
    return judge(active, warned, clock, rules)


def _last_active(head: Head) -> date:
    """Return when somebody last paid, or enrolled, whichever is later."""
    enrolled = date.fromisoformat(head.enrolled_at[:10])
    return max(enrolled, date.fromisoformat(head.last_used)) if head.last_used else enrolled
