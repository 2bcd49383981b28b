"""Mandates: opened at enrolment, read at each payment, revoked for good.

Opening and revoking are journalled before the bank is asked, so that a crash in between leaves
something to finish: a mandate that was begun and never opened is revoked, and a revocation is
repeated until the bank confirms it.
Revoking destroys the key of the mandate at once, whatever the bank does.
Where a bank wants its payer's own approval, a mandate is opened as pending; whoever opened it asks
until it is active, or revokes it. A state that the bank changes later is recorded when it is told
of (an event) or doubted (a refusal); revoked is for good, every other state may change back.
"""

from __future__ import annotations

import logging
import secrets
from datetime import timedelta

import msgspec

from kiosk.domain.errors import BadInputError
from kiosk.domain.ids import IdempotencyKey, MandateRef, PayerAlias
from kiosk.domain.mandate import MandateFacts, MandateLimits, MandateState
from kiosk.domain.money import Money
from kiosk.domain.payment import AttemptEnd
from kiosk.domain.pin import check_new_pin
from kiosk.link.protocol import MandateOpened as MandateOpenedAnswer
from kiosk.link.protocol import MandateRevoked as MandateRevokedAnswer
from kiosk.money.banks.errors import BankUnreachableError
from kiosk.money.banks.port import Bank, BankMandate
from kiosk.money.clock import Clock
from kiosk.money.keys import MandateKeys, parse_alias
from kiosk.money.ledger import Ledger
from kiosk.money.mandate_book import MandateEntry, Revocation
from kiosk.money.pin_hash import PinHasher
from kiosk.money.records import (
    MandateBegun,
    MandateChanged,
    MandateOpened,
    MandateRevoked,
    RevocationConfirmed,
)

ABANDON_AFTER = timedelta(minutes=10)
"""A mandate that was begun and not opened for so long is nobody's; an enrolment takes two."""

_SECRETS = "mandate secrets"
_REF = "mandate ref"

logger = logging.getLogger(__name__)


class MandateSecrets(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is kept of a mandate under its own key."""

    account_hint: str
    pin_verifier: str

    def __repr__(self) -> str:
        """Hide every field."""
        return "MandateSecrets(…)"


_decoder = msgspec.json.Decoder(MandateSecrets)


class MandateDesk:
    """Opens, reads and revokes mandates. Safe to use from several threads."""

    def __init__(
        self,
        ledger: Ledger,
        keys: MandateKeys,
        bank: Bank,
        hasher: PinHasher,
        clock: Clock,
        currency: str,
    ) -> None:
        """Take what it works with; nothing is done yet."""
        self._ledger = ledger
        self._keys = keys
        self._bank = bank
        self._hasher = hasher
        self._clock = clock
        self._currency = currency
        self._busy: set[PayerAlias] = set()
        # Revoked before they were ever opened: an `OpenMandate` of a faces process that died since
        # may still lie in a buffer. Buffers die with this process, so this need not be stored.
        self._revoked_unseen: set[PayerAlias] = set()
        self._doubted: set[PayerAlias] = set()
        self._by_ref: dict[MandateRef, PayerAlias] = {}

    def open(self, alias: PayerAlias, limits: MandateLimits, pin: str) -> MandateOpenedAnswer:
        """Set a payer up at the bank.

        Raises:
            BadInputError: The PIN or the limits cannot be used, or the alias was used before.
            BankUnreachableError: The bank did not answer. The same call may be repeated.
            JournalWriteError, KeyFileError: The disk refuses.
        """
        parse_alias(alias)
        check_new_pin(pin)
        self._check_limits(limits)
        verifier = self._hasher.hash(pin)
        key = self._begin(alias, limits)
        try:
            opened = self._bank.begin_mandate(alias, limits, key)
            hidden = MandateSecrets(opened.account_hint, verifier)
            with self._ledger.lock:
                if self._ledger.book.mandates[alias].revocation is not None:
                    raise _alias_used()
                sealed_ref = self._keys.seal_own(_REF, alias, opened.ref.encode())
                sealed = self._keys.seal(alias, _SECRETS, alias, msgspec.json.encode(hidden))
                self._ledger.append(
                    MandateOpened(self._ledger.time(), alias, opened.state, sealed_ref, sealed)
                )
        finally:
            with self._ledger.lock:
                self._busy.discard(alias)
        return MandateOpenedAnswer(opened.state, opened.account_hint, opened.approval_url)

    def check(self, alias: PayerAlias) -> MandateOpenedAnswer:
        """Ask the bank how a mandate stands, and record it if it changed.

        Raises:
            BadInputError: There is no such mandate.
            BankUnreachableError: The bank did not answer. The same call may be repeated.
            JournalWriteError, KeyFileError: The disk refuses.
        """
        parse_alias(alias)
        with self._ledger.lock:
            entry = self._ledger.book.mandates.get(alias)
            if entry is None or entry.state is None:
                raise BadInputError(
                    "There is no mandate of this payer.",
                    code="mandate_unknown",
                    mend="Open one first.",
                )
            if entry.revocation is not None:
                return MandateOpenedAnswer(MandateState.REVOKED, "")
        told = self.refresh(alias)
        return MandateOpenedAnswer(told.state, told.account_hint, told.approval_url)

    def doubt(self, alias: PayerAlias) -> None:
        """Have a mandate read again soon, because something about it was unexpected."""
        with self._ledger.lock:
            self._doubted.add(alias)

    def take_doubted(self) -> list[PayerAlias]:
        """Return the mandates to read again, each once."""
        with self._ledger.lock:
            book = self._ledger.book
            found = [it for it in self._doubted if it in book.mandates]
            self._doubted.clear()
            return [it for it in found if book.mandates[it].revocation is None]

    def refresh(self, alias: PayerAlias) -> BankMandate:
        """Read a mandate at the bank and record what changed.

        Raises:
            BankUnreachableError: The bank did not answer.
            JournalWriteError, KeyFileError: The disk refuses.
        """
        ref = self.ref_of(alias)
        assert ref is not None, "a mandate that was opened has the bank's id"
        told = self._bank.mandate(ref)
        self.changed(alias, told.state, told.account_hint)
        return told

    def clock_skew_s(self, alias: PayerAlias) -> float | None:
        """Ask the bank something harmless and return its clock minus ours; None: not known now.

        Raises:
            JournalWriteError, KeyFileError: The disk refuses.
        """
        try:
            self.refresh(alias)
        except BankUnreachableError:
            return None
        return self._bank.health().clock_skew_s

    def changed(self, alias: PayerAlias, state: MandateState, account_hint: str = "") -> None:
        """Record a state that the bank has told; nothing happens if it is the one we know.

        Raises:
            JournalWriteError, KeyFileError: The disk refuses.
        """
        with self._ledger.lock:
            entry = self._ledger.book.mandates[alias]
            if entry.revocation is not None or entry.state is None:
                return
            if state is MandateState.REVOKED:
                self._mark_revoked(alias, "revoked_at_bank")
                self._keys.destroy(alias)
                return
            sealed = self._with_hint(entry, account_hint)
            if state is not entry.state or sealed:
                time = self._ledger.time()
                self._ledger.append(MandateChanged(time, alias, state, sealed))

    def alias_of(self, ref: MandateRef) -> PayerAlias | None:
        """Return whose mandate the bank's id names; None if it is none of ours.

        Raises:
            KeyFileError: The process's key is not the one that the journal was written with.
        """
        with self._ledger.lock:
            if ref not in self._by_ref:
                seen = set(self._by_ref.values())
                for alias, entry in self._ledger.book.mandates.items():
                    if entry.sealed_ref and alias not in seen:
                        known = self.ref_of(alias)
                        assert known is not None
                        self._by_ref[known] = alias
            return self._by_ref.get(ref)

    def revoke(self, alias: PayerAlias) -> MandateRevokedAnswer:
        """Revoke a mandate for good; may be repeated. An alias that nobody has is revoked already.

        Raises:
            JournalWriteError: Nothing has happened.
            KeyFileError: The mandate is revoked, but its key could not be destroyed yet.
        """
        parse_alias(alias)
        with self._ledger.lock:
            if alias not in self._ledger.book.mandates:
                self._revoked_unseen.add(alias)
                return MandateRevokedAnswer(at_bank=True)
            self._mark_revoked(alias, "erased")
            self._keys.destroy(alias)
        return MandateRevokedAnswer(at_bank=self.confirm(alias))

    def facts(self, alias: PayerAlias) -> MandateFacts | None:
        """Return what the policy and the screen need to know; None if there is no such mandate.

        Raises:
            KeyFileError: The key of the mandate cannot be used.
        """
        with self._ledger.lock:
            entry = self._ledger.book.mandates.get(alias)
            if entry is None or entry.state is None:
                return None
            hidden = self._read(entry)
            attempts = [self._ledger.book.attempts[key] for key in entry.keys]
        today = self._clock.day_of(self._clock.now())
        settled = [attempt for attempt in attempts if attempt.end is AttemptEnd.SETTLED]
        # From today on: after a clock was set back, tomorrow's payments count as well.
        spent = sum(
            attempt.amount.minor_units
            for attempt in attempts
            if attempt.counts_as_spent and self._clock.day_of(attempt.at) >= today
        )
        last = max((self._clock.day_of(attempt.at) for attempt in settled), default=None)
        return MandateFacts(
            alias=alias,
            state=entry.state,
            limits=entry.allowed,
            spent_today=Money(spent, self._currency),
            payments_ever=len(settled),
            days_since_last_use=None if last is None else max(0, (today - last).days),
            account_hint="" if hidden is None else hidden.account_hint,
            paused=entry.paused,
            granted=entry.limits,
        )

    def secrets_of(self, alias: PayerAlias) -> MandateSecrets | None:
        """Return what is kept under the mandate's key; None if there is no such mandate.

        Raises:
            KeyFileError: The key of the mandate cannot be used.
        """
        with self._ledger.lock:
            entry = self._ledger.book.mandates.get(alias)
            return None if entry is None else self._read(entry)

    def sealed_with_pin(self, alias: PayerAlias, verifier: str) -> str:
        """Return the mandate's secrets with another PIN verifier in them, sealed.

        Raises:
            KeyFileError: The key of the mandate cannot be used.
        """
        with self._ledger.lock:
            hidden = self._read(self._ledger.book.mandates[alias])
            assert hidden is not None, "a mandate that is open has secrets"
            fresh = msgspec.structs.replace(hidden, pin_verifier=verifier)
            return self._keys.seal(alias, _SECRETS, alias, msgspec.json.encode(fresh))

    def ref_of(self, alias: PayerAlias) -> MandateRef | None:
        """Return the bank's id of a mandate; None if the bank never told it.

        Raises:
            KeyFileError: The process's key is not the one that the journal was written with.
        """
        with self._ledger.lock:
            sealed = self._ledger.book.mandates[alias].sealed_ref
        return MandateRef(self._keys.open_own(_REF, alias, sealed).decode()) if sealed else None

    def tidy(self, *, starting: bool) -> None:
        """Destroy keys that a crash left behind and give up mandates that were never opened.

        Args:
            starting: No enrolment is under way, so every mandate that is only begun is nobody's.

        Raises:
            JournalWriteError, KeyFileError: The disk refuses.
        """
        now = self._clock.now()
        with self._ledger.lock:
            for alias, entry in list(self._ledger.book.mandates.items()):
                unopened = entry.state is None and alias not in self._busy
                if unopened and (starting or now - entry.begun_at >= ABANDON_AFTER):
                    self._mark_revoked(alias, "never_opened")
            kept = {
                alias
                for alias, entry in self._ledger.book.mandates.items()
                if entry.revocation is None
            }
            for alias in self._keys.aliases() - kept:
                self._keys.destroy(alias)

    def unconfirmed(self) -> list[PayerAlias]:
        """Return the payers whose revocation the bank has not confirmed."""
        with self._ledger.lock:
            return [
                alias
                for alias, entry in self._ledger.book.mandates.items()
                if entry.revocation is Revocation.PENDING
            ]

    def confirm(self, alias: PayerAlias) -> bool:
        """Ask the bank to revoke; return whether it has confirmed, now or earlier.

        Raises:
            JournalWriteError, KeyFileError: The bank may have revoked, but it is not recorded.
        """
        with self._ledger.lock:
            entry = self._ledger.book.mandates[alias]
            assert entry.revocation is not None
            if entry.revocation is Revocation.CONFIRMED:
                return True
            if alias in self._busy:
                return False
        known = self.ref_of(alias)
        try:
            # Where the answer was lost, asking again under the same key tells the mandate's id.
            ref = known or self._bank.begin_mandate(alias, entry.limits, entry.key).ref
            self._bank.revoke(ref)
        except BankUnreachableError:
            logger.info("a revocation waits for the bank")
            return False
        with self._ledger.lock:
            if self._ledger.book.mandates[alias].revocation is Revocation.PENDING:
                self._ledger.append(RevocationConfirmed(self._ledger.time(), alias))
        return True

    def _begin(self, alias: PayerAlias, limits: MandateLimits) -> IdempotencyKey:
        with self._ledger.lock:
            entry = self._ledger.book.mandates.get(alias)
            if alias in self._revoked_unseen:
                raise _alias_used()
            if entry is None:
                key = IdempotencyKey(secrets.token_hex(16))
                self._ledger.append(MandateBegun(self._ledger.time(), alias, key, limits))
            elif entry.state is None and entry.limits == limits and alias not in self._busy:
                key = entry.key
            else:
                raise _alias_used()
            self._keys.create(alias)
            self._busy.add(alias)
            return key

    def _mark_revoked(self, alias: PayerAlias, reason: str) -> None:
        entry = self._ledger.book.mandates[alias]
        if entry.revocation is not None:
            return
        self._ledger.append(MandateRevoked(self._ledger.time(), alias, reason))

    def _with_hint(self, entry: MandateEntry, account_hint: str) -> str:
        """Return the mandate's secrets with another account in them; empty if nothing changed."""
        hidden = self._read(entry)
        if not account_hint or hidden is None or hidden.account_hint == account_hint:
            return ""
        fresh = msgspec.structs.replace(hidden, account_hint=account_hint)
        return self._keys.seal(entry.alias, _SECRETS, entry.alias, msgspec.json.encode(fresh))

    def _read(self, entry: MandateEntry) -> MandateSecrets | None:
        if not entry.sealed_secrets:
            return None
        plain = self._keys.open(entry.alias, _SECRETS, entry.alias, entry.sealed_secrets)
        return _decoder.decode(plain)

    def _check_limits(self, limits: MandateLimits) -> None:
        amounts = (limits.per_payment, limits.per_day)
        if any(it.currency != self._currency or it.minor_units == 0 for it in amounts):
            raise BadInputError(
                "The limits of the mandate cannot be used.",
                code="limits_bad",
                mend=f"Give sums above zero in {self._currency}.",
            )


def _alias_used() -> BadInputError:
    return BadInputError(
        "This payer's alias was used before.",
        code="mandate_exists",
        mend="Enrol again: each enrolment has an alias of its own.",
    )
