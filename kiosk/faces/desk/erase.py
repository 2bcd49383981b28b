"""Erase one person: out of the search, out of the vault, out of every file, and at the bank.

`shred()` does at once what nobody can wait for: the keys and the rows are gone and the log is
empty when it returns, in milliseconds however many people there are. `Proofs` gives free pages back
and searches every file for what may have stayed; that takes as long as the files are large, beside
everything else that the kiosk does, and goes on after a crash. Money may be away: the order to
revoke is durable and is delivered later.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from datetime import UTC

from kiosk.domain.errors import SmileTillError
from kiosk.domain.ids import PersonId
from kiosk.faces.desk.look_alikes import unlink
from kiosk.faces.desk.ports import AskMoney, DeskTools
from kiosk.faces.vault.erase import Certificate, LeftoverSearch, certify
from kiosk.faces.vault.errors import VaultUnusableError
from kiosk.faces.vault.records import ErasureWork, OutboxEntry
from kiosk.link.protocol import Erased, MandateRevoked, Progress, RevokeMandate

REVOKE_S_MAX = 30.0
"""Seconds that money and the bank get to confirm one revocation before it is tried again later."""
SHRINK_STEPS_MAX = 10_000
"""Steps of one proof that give pages back; what is left is the next one's."""

logger = logging.getLogger(__name__)


def shred(tools: DeskTools, person: PersonId) -> ErasureWork:
    """Destroy the keys and rows of one person; from now on nobody recognises them.

    Raises:
        PersonUnknownError: Nobody has this id.
        VaultUnusableError: The disk refuses; nothing was changed.
    """
    alike = tools.vault.head(person).look_alikes
    work = tools.vault.erase(person, _now(tools))
    # Only now: an erasure that the disk refused must not look like one.
    tools.gallery.remove(person)
    unlink(tools.vault, person, alike)  # whoever looked like them needs the PIN no more
    return work


class Proofs:
    """The proofs that are owed, each made by one thread at a time."""

    def __init__(self, tools: DeskTools) -> None:
        """Begin none."""
        self._tools = tools
        self._turn = threading.Lock()
        self._taken: set[int] = set()

    def prove(self, work: ErasureWork) -> Generator[Progress, None, Erased]:
        """Prove one erasure and tell how it went.

        Yields:
            Progress: `searching` with kilobytes, `revoking`.

        Raises:
            SmileTillError: A file cannot be read. The proof stays owed, and the revocation is
                delivered all the same.
        """
        with self._taking(work.ticket):
            search = self._search(work)
            try:
                for done, total in search:
                    yield Progress("searching", done // 1024, total // 1024)
            except GeneratorExit:
                self._certify(work, search)  # staff who hang up do not stop the proof
                raise
            certificate = self._certify(work, search)
        yield Progress("revoking")
        deliver_outbox(self._tools)
        waiting = {entry.entry for entry in self._tools.vault.outbox()}
        return Erased(
            erased=True,
            bytes_found=certificate.bytes_found,
            mandate_revoked=work.outbox_entry not in waiting,
            certificate=certificate.certificate,
        )

    def resume(self, stopping: Callable[[], bool]) -> int:
        """Make the proofs that are owed and that nobody makes; return how many were made.

        Args:
            stopping: Whether to leave the rest for later, asked every few megabytes.
        """
        made = 0
        for ticket in self._tools.vault.proofs():
            with self._turn:
                if ticket in self._taken:
                    continue
            try:
                made += self._resume_one(ticket, stopping)
            except SmileTillError as error:
                logger.warning("the proof of an erasure waits: %s", error.code)
            if stopping():
                break
        return made

    def _resume_one(self, ticket: int, stopping: Callable[[], bool]) -> bool:
        with self._taking(ticket):
            work = self._tools.vault.proof(ticket)
            search = self._search(work)
            for _ in search:
                if stopping():
                    return False
            self._certify(work, search)
        return True

    def _search(self, work: ErasureWork) -> LeftoverSearch:
        """Give pages back, some at a time, then begin to search."""
        tools = self._tools
        try:
            for _ in range(SHRINK_STEPS_MAX):
                if not tools.vault.shrink():
                    break
        except VaultUnusableError as error:
            # Deleted bytes are overwritten anyway; the search tells if any stayed.
            logger.warning("the vault could not be made smaller: %s", error)
        return LeftoverSearch(tools.vault, tools.data_dir, work, tools.gallery.country_code)

    def _certify(self, work: ErasureWork, search: LeftoverSearch) -> Certificate:
        vault = self._tools.vault
        made = certify(vault, work, search.finish(), _now(self._tools))
        vault.proof_done(work.ticket)
        return made

    @contextmanager
    def _taking(self, ticket: int) -> Iterator[None]:
        with self._turn:
            self._taken.add(ticket)
        try:
            yield
        finally:
            with self._turn:
                self._taken.discard(ticket)


def deliver_outbox(tools: DeskTools) -> int:
    """Hand the waiting messages to money, oldest first, and return how many still wait.

    Never raises for a money process or bank that is away: the messages stay.
    """
    waiting = tools.vault.outbox()
    if not waiting:
        return 0
    try:
        with tools.money(None) as money:
            left = sum(not _deliver(tools, money, entry) for entry in waiting)
    except SmileTillError as error:
        logger.warning("revocations wait, money cannot be reached: %s", error.code)
        return len(tools.vault.outbox())
    return left


def _deliver(tools: DeskTools, money: AskMoney, entry: OutboxEntry) -> bool:
    """Deliver one message; return whether the bank has confirmed and it can be forgotten."""
    answer = money.ask(RevokeMandate(entry.alias), MandateRevoked, REVOKE_S_MAX)
    if answer.at_bank:
        tools.vault.outbox_done(entry.entry)
    return answer.at_bank


def _now(tools: DeskTools) -> str:
    return tools.now().astimezone(UTC).isoformat(timespec="seconds")
