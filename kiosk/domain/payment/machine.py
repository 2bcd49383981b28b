"""The rules of one attempt to pay: `step(payment, event)` gives the next state and the effects."""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from kiosk.domain.order import Outcome
from kiosk.domain.payment.effects import (
    Effect,
    Find,
    Send,
    StoreAccepted,
    StoreIntent,
    StoreResult,
    Tell,
    Wait,
)
from kiosk.domain.payment.events import (
    AcceptedStored,
    Answered,
    Begin,
    Event,
    Found,
    IntentStored,
    Recovered,
    ResultStored,
    StoreFailed,
    Tick,
    WindowClosed,
)
from kiosk.domain.payment.state import (
    AttemptEnd,
    OutcomeKind,
    Payment,
    Phase,
    SendRules,
    Verdict,
)

Step = tuple[Payment, tuple[Effect, ...]]


def step(payment: Payment, event: Event) -> Step:
    """Take one event and return the next state with the effects to perform, in order.

    An event that cannot happen in this state is our own bug and an AssertionError.
    """
    match payment.phase:
        case Phase.NEW:
            return _start(payment, event)
        case Phase.STORING_INTENT:
            return _intent(payment, event)
        case Phase.SENDING:
            return _answered(payment, event)
        case Phase.WAITING:
            return _waited(payment, event)
        case Phase.FINDING | Phase.FINDING_LAST | Phase.FINDING_LATER:
            return _found(payment, event)
        case Phase.STORING_ACCEPTED:
            return _accepted(payment, event)
        case Phase.STORING_RESULT | Phase.STORING_CORRECTION:
            return _stored(payment, event)
        case Phase.UNRESOLVED:
            return _look_again(payment, event)
        case Phase.ENDED | Phase.STRANDED:
            raise AssertionError(_unexpected(payment, event))
        case _ as never:
            assert_never(never)


def unresolved(rules: SendRules, at_ms: int, payment_ref: str | None = None) -> Payment:
    """Return the state of an attempt that an earlier process stored as unknown."""
    return Payment(
        rules,
        Phase.UNRESOLVED,
        exposed_at_ms=at_ms,
        quiet_since_ms=at_ms,
        payment_ref=payment_ref,
    )


def _start(payment: Payment, event: Event) -> Step:
    match event:
        case Begin():
            return replace(payment, phase=Phase.STORING_INTENT), (StoreIntent(),)
        case Recovered(at_ms, age_ms, payment_ref):
            # The process died somewhere between the intent and its result, so a request may have
            # left, at the latest just now.
            exposed = replace(
                payment, exposed_at_ms=at_ms, quiet_since_ms=at_ms, payment_ref=payment_ref
            )
            if age_ms is None or exposed.can_ask or payment_ref is not None:
                return _close(exposed, at_ms)
            return _resume(exposed, at_ms, age_ms)
        case _:
            raise AssertionError(_unexpected(payment, event))


def _resume(payment: Payment, at_ms: int, age_ms: int) -> Step:
    """Take the sends up again where the process before may have left them.

    The same key and the same bytes: whatever the bank has, sending them again shows it and makes
    no second payment, as long as the key protects. Nobody was told an outcome yet.
    """
    past = payment.rules.resend_at_ms
    sends = max(1, sum(planned_ms <= age_ms for planned_ms in past))
    begun = replace(payment, first_send_at_ms=at_ms - max(0, age_ms), sends=sends)
    # The plan is spent by time, not by answers: one send at least is worth its second.
    begun = replace(begun, sends=min(sends, len(past) - 1))
    if at_ms >= begun.closes_at_ms:
        return _close(begun, at_ms)
    return _next(begun, at_ms)


def _intent(payment: Payment, event: Event) -> Step:
    match event:
        case IntentStored(at_ms):
            return _send(replace(payment, first_send_at_ms=at_ms))
        case StoreFailed():
            # Nothing was sent and nothing will be: this is certain without the bank.
            return replace(payment, phase=Phase.ENDED), (
                Tell(Outcome.NOT_PAID, "journal_write_failed"),
            )
        case _:
            raise AssertionError(_unexpected(payment, event))


def _send(payment: Payment) -> Step:
    sending = replace(payment, phase=Phase.SENDING, sends=payment.sends + 1, due_at_ms=None)
    return sending, (Send(),)


def _answered(payment: Payment, event: Event) -> Step:
    assert isinstance(event, Answered), _unexpected(payment, event)
    quiet = replace(payment, quiet_since_ms=event.at_ms)
    match event.kind:
        case OutcomeKind.SETTLED:
            return _store(quiet, Verdict(AttemptEnd.SETTLED, "settled", event.payment_ref))
        case OutcomeKind.NOT_SENT:
            return _next(quiet, event.at_ms)
        case OutcomeKind.DECLINED if payment.exposed_at_ms is None:
            reason = event.reason or "declined"
            return _store(quiet, Verdict(AttemptEnd.DECLINED, reason, event.payment_ref))
        case OutcomeKind.DECLINED if payment.rules.can_find:
            # It refuses this send. What became of the one before, it has not said.
            return _find(quiet, Phase.FINDING, event.at_ms)
        case OutcomeKind.DECLINED | OutcomeKind.ACCEPTED if event.payment_ref is not None:
            # It has a payment under this key, and an id to ask for it by. DECLINED is believed
            # only when that payment is looked up: this was not the first send.
            return _accept(quiet, event.payment_ref, event.at_ms)
        case (
            OutcomeKind.DECLINED | OutcomeKind.ACCEPTED
            | OutcomeKind.UNKNOWN | OutcomeKind.NOT_FOUND
        ):  # fmt: skip
            if quiet.exposed_at_ms is None:
                quiet = replace(quiet, exposed_at_ms=event.at_ms)
            return _next(quiet, event.at_ms)
        case _ as never:
            assert_never(never)


def _accept(payment: Payment, payment_ref: str, at_ms: int) -> Step:
    known = replace(
        payment,
        phase=Phase.STORING_ACCEPTED,
        payment_ref=payment_ref,
        exposed_at_ms=at_ms if payment.exposed_at_ms is None else payment.exposed_at_ms,
    )
    return known, (StoreAccepted(payment_ref),)


def _accepted(payment: Payment, event: Event) -> Step:
    match event:
        case AcceptedStored(at_ms):
            return _look_next(payment, at_ms)
        case StoreFailed():
            return _strand(payment)
        case _:
            raise AssertionError(_unexpected(payment, event))


def _look_next(payment: Payment, at_ms: int) -> Step:
    """Look the accepted payment up after the next distance, or come to the end."""
    if not payment.can_ask:
        return _close(payment, at_ms)
    distances = payment.rules.poll_after_ms
    wait_ms = distances[min(payment.looks, len(distances) - 1)]
    looking = replace(payment, looks=payment.looks + 1)
    if at_ms + wait_ms >= payment.closes_at_ms:
        if at_ms >= payment.closes_at_ms:
            return _close(payment, at_ms)
        waiting = replace(looking, phase=Phase.WAITING, due_at_ms=None)
        return waiting, (Wait(payment.closes_at_ms - at_ms),)
    if wait_ms == 0:
        return _find(looking, Phase.FINDING, at_ms)
    waiting = replace(looking, phase=Phase.WAITING, due_at_ms=at_ms + wait_ms)
    return waiting, (Wait(wait_ms),)


def _next(payment: Payment, at_ms: int) -> Step:
    """Wait for the next send, or for the end of the window, or come to the end."""
    if payment.payment_ref is not None:
        return _look_next(payment, at_ms)
    due_ms = _resend_due(payment, at_ms)
    if due_ms is not None:
        waiting = replace(payment, phase=Phase.WAITING, due_at_ms=due_ms)
        return waiting, (Wait(due_ms - at_ms),)
    # With nothing exposed there is nothing that more time could tell.
    if at_ms >= payment.closes_at_ms or payment.exposed_at_ms is None:
        return _close(payment, at_ms)
    waiting = replace(payment, phase=Phase.WAITING, due_at_ms=None)
    return waiting, (Wait(payment.closes_at_ms - at_ms),)


def _resend_due(payment: Payment, at_ms: int) -> int | None:
    rules = payment.rules
    if payment.sends >= len(rules.resend_at_ms):
        return None
    planned_ms = payment.first_send_at_ms + rules.resend_at_ms[payment.sends]
    due_ms = max(planned_ms, at_ms + rules.apart_ms_min)
    key_ends_ms = None if payment.exposed_at_ms is None else _key_end(payment)
    if due_ms >= payment.closes_at_ms or (key_ends_ms is not None and due_ms >= key_ends_ms):
        return None
    return due_ms


def _key_end(payment: Payment) -> int:
    # Counted from the first send of all, which is never later than the first that arrived.
    return payment.first_send_at_ms + payment.rules.key_life_ms


def _waited(payment: Payment, event: Event) -> Step:
    match event:
        case Tick(at_ms) if payment.due_at_ms is not None:
            if at_ms < payment.due_at_ms:
                return payment, (Wait(payment.due_at_ms - at_ms),)
            if payment.payment_ref is not None:
                looking = replace(payment, due_at_ms=None)
                is_over = at_ms >= payment.closes_at_ms
                return _close(looking, at_ms) if is_over else _find(looking, Phase.FINDING, at_ms)
            key_ended = payment.exposed_at_ms is not None and at_ms >= _key_end(payment)
            # The machine may have slept: what was due then may be forbidden now.
            if at_ms >= payment.closes_at_ms or key_ended:
                return _close(payment, at_ms)
            return _send(payment)
        case Tick(at_ms):
            if at_ms < payment.closes_at_ms:
                return payment, (Wait(payment.closes_at_ms - at_ms),)
            return _close(payment, at_ms)
        case WindowClosed(at_ms):
            return _close(payment, at_ms)
        case _:
            raise AssertionError(_unexpected(payment, event))


def _close(payment: Payment, at_ms: int) -> Step:
    """No send follows: say what is certain, or look the payment up once more."""
    if payment.exposed_at_ms is None:
        return _store(payment, Verdict(AttemptEnd.NOT_SENT, "bank_unreachable"))
    if payment.can_ask:
        return _find(payment, Phase.FINDING_LAST, at_ms)
    return _store(payment, _not_known(payment))


def _not_known(payment: Payment) -> Verdict:
    """Say that the end is not known: the bank has the payment, or has said nothing at all."""
    reason = "no_answer" if payment.payment_ref is None else "bank_pending"
    return Verdict(AttemptEnd.UNKNOWN, reason, payment.payment_ref)


def _find(payment: Payment, phase: Phase, at_ms: int) -> Step:
    return replace(payment, phase=phase, asked_at_ms=at_ms), (Find(),)


def _found(payment: Payment, event: Event) -> Step:
    assert isinstance(event, Found), _unexpected(payment, event)
    verdict = _verdict_of(payment, event)
    is_news = event.kind is OutcomeKind.ACCEPTED and payment.payment_ref is None
    if is_news and event.payment_ref is not None:
        if payment.phase is Phase.FINDING:
            return _accept(payment, event.payment_ref, event.at_ms)
        payment = replace(payment, payment_ref=event.payment_ref)
    if payment.phase is Phase.FINDING_LATER:
        if verdict is None:
            return replace(payment, phase=Phase.UNRESOLVED), ()
        return _store(payment, verdict, is_correction=True)
    if verdict is not None:
        return _store(payment, verdict)
    if payment.phase is Phase.FINDING:
        return _next(payment, event.at_ms)
    return _store(payment, _not_known(payment))


def _verdict_of(payment: Payment, event: Found) -> Verdict | None:
    """Read what the bank says of a key; None if it says nothing that is certain."""
    ref = event.payment_ref or payment.payment_ref
    match event.kind:
        case OutcomeKind.SETTLED:
            return Verdict(AttemptEnd.SETTLED, "settled", ref)
        case OutcomeKind.DECLINED:
            return Verdict(AttemptEnd.DECLINED, event.reason or "declined", ref)
        case OutcomeKind.NOT_FOUND if payment.payment_ref is not None:
            return None  # it told an id once: that it knows nothing now contradicts itself
        case OutcomeKind.NOT_FOUND:
            # Measured to the question, not to its answer: a request could have arrived between.
            quiet_ms = payment.asked_at_ms - payment.quiet_since_ms
            if quiet_ms < payment.rules.arrival_ms_max:
                return None
            return Verdict(AttemptEnd.NEVER_ARRIVED, "never_arrived")
        case OutcomeKind.UNKNOWN | OutcomeKind.NOT_SENT | OutcomeKind.ACCEPTED:
            return None
        case _ as never:
            assert_never(never)


def _store(payment: Payment, verdict: Verdict, *, is_correction: bool = False) -> Step:
    phase = Phase.STORING_CORRECTION if is_correction else Phase.STORING_RESULT
    return replace(payment, phase=phase, verdict=verdict), (StoreResult(verdict, is_correction),)


def _stored(payment: Payment, event: Event) -> Step:
    verdict = payment.verdict
    assert verdict is not None
    match event:
        case ResultStored():
            last = Phase.ENDED if verdict.end.is_final else Phase.UNRESOLVED
            return replace(payment, phase=last), (Tell(verdict.end.outcome, verdict.reason),)
        case StoreFailed() if payment.phase is Phase.STORING_CORRECTION:
            return replace(payment, phase=Phase.UNRESOLVED, verdict=None), ()
        case StoreFailed():
            return _strand(payment)
        case _:
            raise AssertionError(_unexpected(payment, event))


def _strand(payment: Payment) -> Step:
    # Whatever the bank said, only what is on the disk may be told.
    return replace(payment, phase=Phase.STRANDED), (Tell(Outcome.UNKNOWN, "journal_write_failed"),)


def _look_again(payment: Payment, event: Event) -> Step:
    assert isinstance(event, Tick), _unexpected(payment, event)
    if not payment.can_ask:
        return payment, ()
    return _find(payment, Phase.FINDING_LATER, event.at_ms)


def _unexpected(payment: Payment, event: Event) -> str:
    return f"{type(event).__name__} cannot happen in phase {payment.phase.value}"
