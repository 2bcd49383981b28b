"""Erase one person: out of the search, out of the vault, out of every file, and at the bank.

The first two take effect before anything is answered; the search for leftovers and the revocation
follow. Money may be away: the order to revoke is durable and is delivered later.
"""

from __future__ import annotations

import logging
from collections.abc import Generator
from datetime import UTC

from kiosk.domain.errors import SmileTillError
from kiosk.domain.ids import PersonId
from kiosk.faces.desk.look_alikes import settle
from kiosk.faces.desk.ports import AskMoney, DeskTools
from kiosk.faces.vault.erase import Certificate, LeftoverSearch, certify
from kiosk.faces.vault.errors import VaultUnusableError
from kiosk.faces.vault.records import ErasureWork, OutboxEntry
from kiosk.link.protocol import Erased, MandateRevoked, Progress, RevokeMandate

REVOKE_S_MAX = 30.0
"""Seconds that money and the bank get to confirm one revocation before it is tried again later."""

logger = logging.getLogger(__name__)


def erase(tools: DeskTools, person: PersonId) -> Generator[Progress, None, Erased]:
    """Erase one person, provably.

    Yields:
        Progress: `erasing`, `searching` with kilobytes, `revoking`.

    Raises:
        PersonUnknownError: Nobody has this id.
        SmileTillError: The disk refuses. Once the vault has forgotten the person, they stay
            forgotten, and the revocation is delivered all the same.
    """
    yield Progress("erasing")
    work = tools.vault.erase(person)
    # Only now: an erasure that the disk refused must not look like one.
    tools.gallery.remove(person)
    settle(tools.vault)  # whoever looked like them needs the PIN no more
    try:
        tools.vault.compact()
    except VaultUnusableError as error:
        # Deleted bytes are overwritten anyway; the search below tells if any stayed.
        logger.warning("the vault could not be compacted: %s", error)
    search = LeftoverSearch(tools.vault, tools.data_dir, work, tools.gallery.country_code)
    try:
        for done, total in search:
            yield Progress("searching", done // 1024, total // 1024)
    except GeneratorExit:
        _certify(tools, work, search)  # staff who hang up do not stop the proof
        raise
    certificate = _certify(tools, work, search)
    yield Progress("revoking")
    deliver_outbox(tools)
    waiting = {entry.entry for entry in tools.vault.outbox()}
    return Erased(
        erased=True,
        bytes_found=certificate.bytes_found,
        mandate_revoked=work.outbox_entry not in waiting,
        certificate=certificate.certificate,
    )


def _certify(tools: DeskTools, work: ErasureWork, search: LeftoverSearch) -> Certificate:
    erased_at = tools.now().astimezone(UTC).isoformat(timespec="seconds")
    return certify(tools.vault, work, search.finish(), erased_at)


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
