"""What payers may do to their own mandates: limits, PIN, pause, and seeing what they were charged.

Money decides it from its own book: a token proves a PIN that was compared here, a lower limit or a
pause needs no proof because it only protects, and nothing goes above what the bank was told.
That a member of staff may act is the desk's word, since only faces knows them; who it was is kept.

Invariants: each change is one record of the journal; a change that is there already is no record;
a token lives for minutes in memory, ends with a new PIN, and pays nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection

from kiosk.domain.errors import BadInputError
from kiosk.domain.ids import PayerAlias
from kiosk.domain.mandate import MandateLimits, is_raise
from kiosk.domain.money import Money
from kiosk.domain.payment import AttemptEnd
from kiosk.domain.pin import check_new_pin
from kiosk.link.back_office import RefundOrder
from kiosk.link.rights import (
    CountWrongReports,
    ListPayments,
    PayerPayment,
    PayerPayments,
    PinProven,
    ProvePin,
    ReportWrongPerson,
    ResumeMandate,
    RightDone,
    SetLimits,
    SetPin,
    SuspendMandate,
    WrongPersonTaken,
    WrongReports,
)
from kiosk.money.book import Attempt
from kiosk.money.clock import Clock
from kiosk.money.keys import parse_alias
from kiosk.money.ledger import Ledger
from kiosk.money.mandate_book import MandateEntry
from kiosk.money.mandates import MandateDesk
from kiosk.money.offers import WORD_BYTES, PinProof
from kiosk.money.open_items import settled_keys
from kiosk.money.pin_desk import PinDesk
from kiosk.money.pin_hash import PinHasher
from kiosk.money.records import LimitsSet, MandatePaused, MandateResumed, PinSet, format_time
from kiosk.money.refunds import RefundDesk
from kiosk.money.words import check_word

TOKEN_S = 180.0
"""Seconds that a PIN stays proven for one's own data; a self-service session is no longer."""
TOKENS_MAX = 100
"""Proofs that are out at a time; the oldest goes first."""
PAYMENTS_IN_PAGE_MAX = 500
REPORT_PREFIX = "wrong-person:"
"""Begins the request id of a refund that a wrong-person report has opened."""

RightsAsks = (
    ProvePin | SetLimits | SetPin | SuspendMandate | ResumeMandate | ListPayments
    | ReportWrongPerson | CountWrongReports
)  # fmt: skip
RightsAnswers = PinProven | RightDone | PayerPayments | WrongPersonTaken | WrongReports


class RightsDesk:
    """Carries out what payers ask for. Safe to use from several threads."""

    def __init__(
        self,
        ledger: Ledger,
        mandates: MandateDesk,
        pins: PinDesk,
        refunds: RefundDesk,
        hasher: PinHasher,
        clock: Clock,
    ) -> None:
        """Take what it works with."""
        self._ledger = ledger
        self._mandates = mandates
        self._pins = pins
        self._refunds = refunds
        self._hasher = hasher
        self._clock = clock
        # Guarded by the ledger's lock; dies with the process.
        self._proofs: dict[PayerAlias, PinProof] = {}

    def answer(self, ask: RightsAsks) -> RightsAnswers:
        """Answer one message.

        Raises:
            BadInputError: An alias, a sum, a PIN or a staff id cannot be used.
            JournalWriteError, KeyFileError: Nothing was changed.
        """
        match ask:
            case ProvePin(alias=alias, pin=pin):
                return self.prove(alias, pin)
            case SetLimits():
                return self.set_limits(ask)
            case SetPin():
                return self.set_pin(ask)
            case SuspendMandate() | ResumeMandate():
                return self.pause(ask)
            case ListPayments(alias=alias, skip=skip):
                return self.payments(alias, skip)
            case ReportWrongPerson():
                return self.report(ask)
            case CountWrongReports(aliases=aliases):
                return self.open_reports(aliases)

    def prove(self, alias: PayerAlias, pin: str) -> PinProven:
        """Compare a PIN; counted, delayed and locked as for a payment."""
        reason, left = self._pins.compare(alias, pin)
        if reason:
            return PinProven(verified=False, reason=reason, attempts_left=left)
        token = secrets.token_urlsafe(WORD_BYTES)
        ends_at_ms = self._clock.steady_ms() + int(TOKEN_S * 1_000)
        with self._ledger.lock:
            self._proofs.pop(alias, None)
            self._proofs[alias] = PinProof(alias, token, ends_at_ms)
            if len(self._proofs) > TOKENS_MAX:
                del self._proofs[next(iter(self._proofs))]
        return PinProven(verified=True, attempts_left=left, token=token)

    def set_limits(self, ask: SetLimits) -> RightDone:
        """Set a payer's limits.

        Refusals: `mandate_unknown`, `proof_needed` (a raise without one), `proof_stale`,
        `above_granted` (the bank was told of less: enrol again for more).
        """
        self._check_limits(ask.limits)
        with self._ledger.lock:
            entry = self._open_entry(ask.alias)
            if entry is None:
                return self._done(ask.alias, "mandate_unknown")
            if entry.limits.per_payment.currency != ask.limits.per_payment.currency:
                raise _limits_bad(entry.limits.per_payment.currency)
            if not entry.grants(ask.limits):
                return self._done(ask.alias, "above_granted")
            refusal = self._objection(ask.alias, ask.token, ask.staff)
            if refusal == "proof_needed" and not is_raise(entry.allowed, ask.limits):
                refusal = ""
            if not refusal and ask.limits != entry.allowed:
                time = self._ledger.time()
                self._ledger.append(LimitsSet(time, ask.alias, ask.limits, ask.staff))
            return self._done(ask.alias, refusal)

    def set_pin(self, ask: SetPin) -> RightDone:
        """Give a payer another PIN; wrong tries of the old one are forgiven, all proofs end.

        Refusals: `mandate_unknown`, `proof_needed`, `proof_stale`.
        """
        check_new_pin(ask.pin)
        with self._ledger.lock:
            refusal = self._set_pin_refusal(ask)
        if refusal:
            return self._done(ask.alias, refusal)
        verifier = self._hasher.hash(ask.pin)
        with self._ledger.lock:
            refusal = self._set_pin_refusal(ask)  # a mandate may be revoked while we computed
            if not refusal:
                sealed = self._mandates.sealed_with_pin(ask.alias, verifier)
                self._ledger.append(PinSet(self._ledger.time(), ask.alias, sealed, ask.staff))
                self._proofs.pop(ask.alias, None)
            return self._done(ask.alias, refusal)

    def pause(self, ask: SuspendMandate | ResumeMandate) -> RightDone:
        """Pause or resume; what is so already stays so.

        Refusals: `mandate_unknown`; of resuming also `proof_needed`, `proof_stale`.
        """
        _check_staff(ask.staff)
        with self._ledger.lock:
            entry = self._open_entry(ask.alias)
            if entry is None:
                return self._done(ask.alias, "mandate_unknown")
            time = self._ledger.time()
            if isinstance(ask, SuspendMandate):
                if not entry.paused:
                    self._ledger.append(MandatePaused(time, ask.alias, ask.staff))
                return self._done(ask.alias)
            refusal = self._objection(ask.alias, ask.token, ask.staff)
            if entry.paused and not refusal:
                self._ledger.append(MandateResumed(time, ask.alias, ask.staff))
            return self._done(ask.alias, refusal)

    def payments(self, alias: PayerAlias, skip: int = 0) -> PayerPayments:
        """Return what a payer was charged, newest first; nothing for an alias nobody has."""
        parse_alias(alias)
        with self._ledger.lock:
            book = self._ledger.book
            entry = book.mandates.get(alias)
            keys = () if entry is None else entry.keys
            first = max(0, skip)
            page = keys[::-1][first : first + PAYMENTS_IN_PAGE_MAX]
            found = tuple(self._told(book.attempts[key]) for key in page)
        return PayerPayments(found, len(keys))

    def report(self, ask: ReportWrongPerson) -> WrongPersonTaken:
        """Open the refund of an order that charged the wrong person; asked again, the same one."""
        check_word(ask.staff, "staff id")
        with self._ledger.lock:
            book = self._ledger.book
            entry = book.orders.get(ask.order_id)
            if entry is None:
                return WrongPersonTaken(None, "order_unknown")
            keys = settled_keys(book, entry) or list(entry.keys[-1:])
            if ask.alias is not None:
                keys = [key for key in keys if book.attempts[key].alias == ask.alias]
            if not keys:
                return WrongPersonTaken(None, "not_the_payer" if entry.keys else "nobody_charged")
            attempt = book.attempts[keys[0]]
        taken = WrongPersonTaken(attempt.alias, "", None, attempt.amount, format_time(attempt.at))
        if ask.alias is None:
            return taken
        opened = self._refunds.refund(
            RefundOrder(f"{REPORT_PREFIX}{ask.order_id}", ask.order_id, ask.staff, "wrong_person")
        )
        return WrongPersonTaken(taken.payer, opened.refusal, opened.refund, taken.amount, taken.at)

    def open_reports(self, aliases: Collection[PayerAlias]) -> WrongReports:
        """Count the reports on these payers whose refund nobody has said the end of yet."""
        with self._ledger.lock:
            book = self._ledger.book
            found = [
                refund
                for refund in book.refunds.entries.values()
                if refund.state.is_open
                and refund.request_id.startswith(REPORT_PREFIX)
                and book.attempts[refund.key].alias in aliases
            ]
        return WrongReports(len(found))

    # ----------------------------------------------------------------------------------------------

    def _open_entry(self, alias: PayerAlias) -> MandateEntry | None:
        parse_alias(alias)
        entry = self._ledger.book.mandates.get(alias)
        return entry if entry is not None and entry.is_open else None

    def _objection(self, alias: PayerAlias, token: str, staff: str) -> str:
        """Say why nobody has proven that they may do this, or nothing if somebody has."""
        _check_staff(staff)
        if staff:
            return ""
        if not token:
            return "proof_needed"
        proof = self._proofs.get(alias)
        proven = proof is not None and proof.proves(alias, token, self._clock.steady_ms())
        return "" if proven else "proof_stale"

    def _set_pin_refusal(self, ask: SetPin) -> str:
        if self._open_entry(ask.alias) is None:
            return "mandate_unknown"
        return self._objection(ask.alias, ask.token, ask.staff)

    def _done(self, alias: PayerAlias, refusal: str = "") -> RightDone:
        return RightDone(self._mandates.facts(alias), refusal)

    def _told(self, attempt: Attempt) -> PayerPayment:
        end = attempt.end or AttemptEnd.UNKNOWN
        return PayerPayment(
            order_id=attempt.order_id,
            amount=attempt.amount,
            at=format_time(attempt.at),
            outcome="paid" if end is AttemptEnd.SETTLED else end.value,
            reason=attempt.reason,
            refunded=Money(self._ledger.book.refunds.held(attempt.key), attempt.amount.currency),
        )

    @staticmethod
    def _check_limits(limits: MandateLimits) -> None:
        payment, day = limits.per_payment, limits.per_day
        same = payment.currency == day.currency
        if not same or payment.minor_units == 0 or payment.exceeds(day):
            raise _limits_bad(payment.currency)


def _check_staff(staff: str) -> None:
    if staff:
        check_word(staff, "staff id")


def _limits_bad(currency: str) -> BadInputError:
    return BadInputError(
        "The limits cannot be used.",
        code="limits_bad",
        mend=f"Give sums above zero in {currency}; a day allows at least as much as a payment.",
    )
