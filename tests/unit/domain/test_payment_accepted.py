"""A bank that accepts first and settles later, and one that cannot be asked: step by step."""

from dataclasses import replace

import pytest

from kiosk.domain.order import Outcome
from kiosk.domain.payment import (
    AcceptedStored,
    Answered,
    AttemptEnd,
    Begin,
    Find,
    Found,
    IntentStored,
    OutcomeKind,
    Payment,
    Phase,
    Recovered,
    ResultStored,
    Send,
    SendRules,
    StoreAccepted,
    StoreFailed,
    StoreResult,
    Tell,
    Tick,
    Verdict,
    Wait,
    step,
    unresolved,
)

SHY = SendRules(can_find=False, arrival_ms_max=10_000)
BLIND = replace(SHY, can_find_ref=False)
PENDING = Verdict(AttemptEnd.UNKNOWN, "bank_pending", "p-1")


def sent(rules=SHY):
    payment, _ = step(Payment(rules), Begin())
    return step(payment, IntentStored(0))[0]


def accepted(rules=SHY):
    payment, effects = step(sent(rules), Answered(OutcomeKind.ACCEPTED, 50, "", "p-1"))
    assert effects == (StoreAccepted("p-1"),)
    return payment


def test_the_banks_id_is_stored_before_it_is_used():
    """Accepted: first the disk, then the question how the payment stands."""
    _, effects = step(accepted(), AcceptedStored(60))
    assert effects == (Find(),)


def test_an_accepted_payment_is_looked_up_less_and_less_often():
    """Never sent again; at the end of the window the customer hears that the bank has it."""
    payment, (effect,) = step(accepted(), AcceptedStored(60))
    now_ms, waits = 60, []
    while not isinstance(effect, StoreResult):
        match effect:
            case Find():
                payment, (effect,) = step(payment, Found(OutcomeKind.ACCEPTED, now_ms, "", "p-1"))
            case Wait(duration_ms):
                now_ms += duration_ms
                waits.append(duration_ms)
                payment, (effect,) = step(payment, Tick(now_ms))
            case _:
                raise AssertionError(effect)

    assert waits[:5] == [200, 400, 800, 1_600, 3_200]
    assert now_ms == SHY.window_ms
    assert len(waits) <= 12
    assert effect == StoreResult(PENDING)
    payment, effects = step(payment, ResultStored())
    assert effects == (Tell(Outcome.UNKNOWN, "bank_pending"),)
    assert step(payment, Tick(60_000))[1] == (Find(),)


@pytest.mark.parametrize(
    ("kind", "end"),
    [(OutcomeKind.SETTLED, AttemptEnd.SETTLED), (OutcomeKind.DECLINED, AttemptEnd.DECLINED)],
)
def test_the_end_of_an_accepted_payment_is_the_end(kind, end):
    """What the bank says when asked by its own id is believed."""
    payment, _ = step(accepted(), AcceptedStored(60))
    _, (effect,) = step(payment, Found(kind, 100))
    assert isinstance(effect, StoreResult)
    assert (effect.verdict.end, effect.verdict.payment_ref) == (end, "p-1")


def test_a_bank_that_has_it_and_cannot_be_asked_is_pending_at_once():
    """Waiting would tell nothing."""
    _, effects = step(accepted(BLIND), AcceptedStored(60))
    assert effects == (StoreResult(PENDING),)


def test_an_id_that_cannot_be_stored_strands_the_attempt():
    """Only what is on the disk may be told; the next process takes it up."""
    payment, effects = step(accepted(), StoreFailed())
    assert effects == (Tell(Outcome.UNKNOWN, "journal_write_failed"),)
    assert payment.phase is Phase.STRANDED


def test_an_accepted_payment_is_never_said_not_to_exist():
    """A bank that told an id and now knows nothing contradicts itself: that is no end."""
    payment, _ = step(accepted(), AcceptedStored(60))
    _, (effect,) = step(payment, Found(OutcomeKind.NOT_FOUND, 20_000))
    assert isinstance(effect, Wait)


def test_declined_on_a_resend_is_believed_only_when_asked_by_its_id():
    """The second answer may be about this send alone."""
    payment, (effect,) = step(sent(), Answered(OutcomeKind.UNKNOWN, 50))
    assert isinstance(effect, Wait)
    payment, effects = step(payment, Tick(1_200))
    assert effects == (Send(),)
    _, (effect,) = step(payment, Answered(OutcomeKind.DECLINED, 1_250, "busy"))
    assert isinstance(effect, Wait)
    payment, effects = step(payment, Answered(OutcomeKind.DECLINED, 1_250, "no", "p-1"))
    assert effects == (StoreAccepted("p-1"),)
    payment, effects = step(payment, AcceptedStored(1_300))
    assert effects == (Find(),)


def test_after_a_restart_the_journalled_bytes_are_sent_again():
    """The bank cannot be asked by key: a second later, the same request, in the same window."""
    payment, effects = step(Payment(SHY), Recovered(1_000_000, 4_000, None))
    assert effects == (Wait(2_000),)  # the plan's next send is due 6 s after the first
    payment, effects = step(payment, Tick(1_002_000))
    assert effects == (Send(),)
    _, effects = step(payment, Answered(OutcomeKind.SETTLED, 1_002_100, "", "p-1"))
    assert effects == (StoreResult(Verdict(AttemptEnd.SETTLED, "settled", "p-1")),)


def test_the_first_send_after_a_restart_is_a_second_away():
    """The process before may have sent this very moment."""
    _, effects = step(Payment(SHY), Recovered(1_000_000, 5_999, None))
    assert effects == (Wait(1_000),)


@pytest.mark.parametrize("age_ms", [25_000, 90_000_000, None])
def test_nothing_is_sent_after_the_window_or_without_a_clock(age_ms):
    """Too old, or of unknown age: the end is unknown."""
    _, effects = step(Payment(SHY), Recovered(1_000_000, age_ms, None))
    assert effects == (StoreResult(Verdict(AttemptEnd.UNKNOWN, "no_answer")),)


def test_a_bank_without_idempotency_is_never_sent_anything_again():
    """A second request would be a second payment."""
    rules = replace(SHY, key_life_ms=0)
    payment, (effect,) = step(Payment(rules), Recovered(1_000_000, 0, None))
    assert isinstance(effect, Wait)
    _, effects = step(payment, Tick(1_000_000 + rules.window_ms))
    assert effects == (StoreResult(Verdict(AttemptEnd.UNKNOWN, "no_answer")),)


@pytest.mark.parametrize("rules", [SendRules(), SHY])
def test_what_can_be_asked_is_asked_after_a_restart(rules):
    """By key or by the id that the journal holds: nothing is sent."""
    ref = None if rules.can_find else "p-1"
    _, effects = step(Payment(rules), Recovered(1_000_000, 0, ref))
    assert effects == (Find(),)


def test_an_unknown_attempt_is_looked_up_by_the_id_that_is_known():
    """Without one, a bank that cannot be asked by key is not asked."""
    assert step(unresolved(SHY, 0), Tick(5_000))[1] == ()
    assert step(unresolved(SHY, 0, "p-1"), Tick(5_000))[1] == (Find(),)


@pytest.mark.parametrize("poll", [(), (0,), (-1, 5)])
def test_looks_that_would_not_end_are_refused(poll):
    """The last distance repeats, so it must be one."""
    with pytest.raises(ValueError, match="looks"):
        SendRules(poll_after_ms=poll)
