"""What the journal's records say of mandates: which there are, their state, and their revocation.

`limits` is what the bank was told at the beginning and never changes; `own_limits` is what the
payer allows of it.

Pure: the book (kiosk/money/book.py) asks for objections first and applies after, with the running
process and with a replay alike.

Invariants: a mandate is opened once; a revoked mandate stays revoked, every other state may change.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import assert_never

from kiosk.domain.ids import IdempotencyKey, PayerAlias
from kiosk.domain.mandate import MandateLimits, MandateState
from kiosk.money.records import (
    LimitsSet,
    MandateBegun,
    MandateChanged,
    MandateOpened,
    MandatePaused,
    MandateResumed,
    MandateRevoked,
    PinSet,
    RevocationConfirmed,
)

MandateRecord = (
    MandateBegun | MandateOpened | MandateChanged | MandateRevoked | RevocationConfirmed
    | LimitsSet | PinSet | MandatePaused | MandateResumed
)  # fmt: skip


class Revocation(enum.Enum):
    """How far a revocation has come; here it holds from the first moment."""

    PENDING = "pending"
    """The bank has not confirmed it."""
    CONFIRMED = "confirmed"


@dataclass(frozen=True, slots=True)
class MandateEntry:
    """One mandate. `state` is None until the bank has told one."""

    alias: PayerAlias
    key: IdempotencyKey
    limits: MandateLimits
    begun_at: datetime
    state: MandateState | None = None
    sealed_ref: str = field(default="", repr=False)
    sealed_secrets: str = field(default="", repr=False)
    revocation: Revocation | None = None
    keys: tuple[IdempotencyKey, ...] = ()
    """Keys of the attempts under it, oldest first."""
    own_limits: MandateLimits | None = None
    """What the payer allows since they changed it; None: all that the bank was told."""
    paused: bool = False

    @property
    def allowed(self) -> MandateLimits:
        """The limits that hold."""
        return self.own_limits or self.limits

    @property
    def is_open(self) -> bool:
        """Say whether there is a mandate that its payer can change."""
        return self.state is not None and self.revocation is None

    def grants(self, limits: MandateLimits) -> bool:
        """Say whether limits stay within what the bank was told."""
        granted = self.limits
        return not (
            limits.per_payment.exceeds(granted.per_payment)
            or limits.per_day.exceeds(granted.per_day)
        )


Mandates = dict[PayerAlias, MandateEntry]


# One return a kind of record.
def mandate_objection(mandates: Mandates, record: MandateRecord) -> str | None:  # noqa: PLR0911
    """Say why a record cannot follow, or None if it can."""
    entry = mandates.get(record.alias)
    if isinstance(record, MandateBegun):
        return None if entry is None else "the mandate exists"
    if entry is None:
        return "there is no such mandate"
    match record:
        case MandateOpened():
            fits = entry.state is None and entry.revocation is None
            return None if fits else "the mandate is not begun"
        case MandateChanged(state=state):
            fits = entry.is_open and state is not MandateState.REVOKED
            return None if fits else "there is no open mandate to change"
        case MandateRevoked():
            return None if entry.revocation is None else "there is no mandate to revoke"
        case RevocationConfirmed():
            return None if entry.revocation is not None else "there is no revocation to confirm"
        case LimitsSet(limits=limits):
            fits = entry.is_open and entry.grants(limits)
            return None if fits else "the bank was told of lower limits"
        case PinSet():
            return None if entry.is_open else "there is no open mandate with a PIN"
        case MandatePaused() | MandateResumed():
            fits = entry.is_open and entry.paused is isinstance(record, MandateResumed)
            return None if fits else "the mandate is not there to be paused or resumed"
        case _ as never:
            assert_never(never)


def apply_mandate(mandates: Mandates, record: MandateRecord) -> None:
    """Take a record in. The caller has asked for objections."""
    alias = record.alias
    match record:
        case MandateBegun(key=key, limits=limits):
            mandates[alias] = MandateEntry(alias, key, limits, record.time)
        case MandateOpened(state=state):
            mandates[alias] = replace(
                mandates[alias],
                state=state,
                sealed_ref=record.sealed_ref,
                sealed_secrets=record.sealed_secrets,
            )
        case MandateChanged(state=state, sealed_secrets=sealed):
            kept = sealed or mandates[alias].sealed_secrets
            mandates[alias] = replace(mandates[alias], state=state, sealed_secrets=kept)
        case MandateRevoked():
            _revoke(mandates, alias, Revocation.PENDING)
        case RevocationConfirmed():
            _revoke(mandates, alias, Revocation.CONFIRMED)
        case LimitsSet(limits=limits):
            mandates[alias] = replace(mandates[alias], own_limits=limits)
        case PinSet(sealed_secrets=sealed):
            mandates[alias] = replace(mandates[alias], sealed_secrets=sealed)
        case MandatePaused() | MandateResumed():
            paused = isinstance(record, MandatePaused)
            mandates[alias] = replace(mandates[alias], paused=paused)
        case _ as never:
            assert_never(never)


def _revoke(mandates: Mandates, alias: PayerAlias, revocation: Revocation) -> None:
    # The sealed part stays in the file, but its key is destroyed; here it is dropped at once.
    mandates[alias] = replace(
        mandates[alias],
        state=MandateState.REVOKED,
        sealed_secrets="",
        revocation=revocation,
    )
