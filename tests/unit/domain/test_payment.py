"""One attempt to pay, step by step: the rules that matter, each as one small story."""

from dataclasses import replace

import pytest

from kiosk.domain.order import Outcome
from kiosk.domain.payment import (
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
    StoreFailed,
    StoreIntent,
    StoreResult,
    Tell,
    Tick,
    Verdict,
    Wait,
    WindowClosed,
    step,
    unresolved,
)

RULES = SendRules(arrival_ms_max=10_000)
BLIND = replace(RULES, can_find=False)


def sent(rules=RULES, at_ms=0) -> Payment:
    payment, effects = step(Payment(rules), Begin())
    assert effects == (StoreIntent(),)
    payment, effects = step(payment, IntentStored(at_ms))
    assert effects == (Send(),)
    return payment


def answer(payment, kind, at_ms, reason=""):
    return step(payment, Answered(kind, at_ms, reason))


def test_settled_is_told_only_after_it_is_stored():
    """SETTLED becomes PAID by way of the disk."""
    payment, effects = answer(sent(), OutcomeKind.SETTLED, 50)

    assert effects == (StoreResult(Verdict(AttemptEnd.SETTLED, "settled")),)
    payment, effects = step(payment, ResultStored())
    assert effects == (Tell(Outcome.PAID, "settled"),)
    assert payment.phase is Phase.ENDED


def test_nothing_is_sent_when_the_intent_cannot_be_stored():
    """A full disk means not paid, and this is certain."""
    payment, _ = step(Payment(RULES), Begin())
    payment, effects = step(payment, StoreFailed())

    assert effects == (Tell(Outcome.NOT_PAID, "journal_write_failed"),)
    assert payment.phase is Phase.ENDED


def test_a_result_that_cannot_be_stored_is_told_as_unknown():
    """The bank said settled, the disk said no: nobody may hear PAID or NOT PAID."""
    payment, _ = answer(sent(), OutcomeKind.SETTLED, 50)
    payment, effects = step(payment, StoreFailed())

    assert effects == (Tell(Outcome.UNKNOWN, "journal_write_failed"),)
    assert payment.phase is Phase.STRANDED


def test_declined_on_the_first_send_is_final():
    """The bank refuses the only request there ever was."""
    _, effects = answer(sent(), OutcomeKind.DECLINED, 50, "insufficient_funds")

    assert effects == (StoreResult(Verdict(AttemptEnd.DECLINED, "insufficient_funds")),)


def test_declined_after_sends_that_never_left_is_final():
    """NOT_SENT proves that no earlier request exists."""
    payment, effects = answer(sent(), OutcomeKind.NOT_SENT, 10)
    assert effects == (Wait(1_190),)
    payment, effects = step(payment, Tick(1_200))
    assert effects == (Send(),)

    _, effects = answer(payment, OutcomeKind.DECLINED, 1_250, "insufficient_funds")

    assert effects == (StoreResult(Verdict(AttemptEnd.DECLINED, "insufficient_funds")),)


@pytest.mark.parametrize("rules", [RULES, BLIND])
def test_declined_on_a_resend_proves_nothing_about_the_first(rules):
    """The key is looked up, or, where that is impossible, the window goes on."""
    payment, _ = answer(sent(rules), OutcomeKind.UNKNOWN, 100)
    payment, _ = step(payment, Tick(1_200))
    payment, effects = answer(payment, OutcomeKind.DECLINED, 1_300, "duplicate")

    assert effects == ((Find(),) if rules.can_find else (Wait(1_700),))
    if rules.can_find:
        _, effects = step(payment, Found(OutcomeKind.SETTLED, 1_400))
        assert effects == (StoreResult(Verdict(AttemptEnd.SETTLED, "settled")),)


def test_sends_follow_the_schedule_and_end_in_unknown():
    """0, 1.2, 3, 6, 12, 20 s; at 25 s the key is looked up once more and then burnt."""
    payment = sent(at_ms=1_000)
    sends, at_ms = [0], 1_000
    while True:
        payment, (effect,) = answer(payment, OutcomeKind.UNKNOWN, at_ms + 10)
        assert isinstance(effect, Wait)
        at_ms += 10 + effect.duration_ms
        payment, (effect,) = step(payment, Tick(at_ms))
        if not isinstance(effect, Send):
            break
        sends.append(at_ms - 1_000)

    assert sends == [0, 1_200, 3_000, 6_000, 12_000, 20_000]
    assert (effect, at_ms - 1_000) == (Find(), 25_000)
    payment, effects = step(payment, Found(OutcomeKind.NOT_FOUND, at_ms))
    assert effects == (StoreResult(Verdict(AttemptEnd.UNKNOWN, "no_answer")),)
    payment, effects = step(payment, ResultStored())
    assert effects == (Tell(Outcome.UNKNOWN, "no_answer"),)
    assert payment.phase is Phase.UNRESOLVED


def test_a_network_that_is_down_all_the_time_means_not_paid():
    """Only NOT_SENT in the whole window: nothing left the machine, and nobody need wait longer."""
    payment, at_ms = sent(), 0
    for _ in range(len(RULES.resend_at_ms) - 1):
        payment, (wait,) = answer(payment, OutcomeKind.NOT_SENT, at_ms)
        at_ms += wait.duration_ms
        payment, effects = step(payment, Tick(at_ms))
        assert effects == (Send(),)

    payment, effects = answer(payment, OutcomeKind.NOT_SENT, at_ms)

    assert effects == (StoreResult(Verdict(AttemptEnd.NOT_SENT, "bank_unreachable")),)


def test_no_such_key_counts_from_the_question_not_from_its_answer():
    """Asked 9.9 s after the last send and answered late, "not found" is worth nothing yet."""
    payment = replace(unresolved(RULES, 0))
    payment, effects = step(payment, Tick(9_900))
    assert effects == (Find(),)
    payment, effects = step(payment, Found(OutcomeKind.NOT_FOUND, 12_000))
    assert (payment.phase, effects) == (Phase.UNRESOLVED, ())

    payment, _ = step(payment, Tick(12_000))
    payment, effects = step(payment, Found(OutcomeKind.NOT_FOUND, 12_100))

    verdict = Verdict(AttemptEnd.NEVER_ARRIVED, "never_arrived")
    assert effects == (StoreResult(verdict, is_correction=True),)
    _, effects = step(payment, ResultStored())
    assert effects == (Tell(Outcome.NOT_PAID, "never_arrived"),)


def test_after_a_restart_nothing_is_sent():
    """A recovered attempt is looked up; without an answer it is unknown."""
    payment, effects = step(Payment(RULES), Recovered(0))
    assert effects == (Find(),)

    payment, effects = step(payment, Found(OutcomeKind.UNKNOWN, 100))

    assert effects == (StoreResult(Verdict(AttemptEnd.UNKNOWN, "no_answer")),)
    _, effects = step(Payment(BLIND), Recovered(0))
    assert effects == (StoreResult(Verdict(AttemptEnd.UNKNOWN, "no_answer")),)


def test_a_bank_without_idempotency_is_never_sent_the_same_twice():
    """key_life 0: after an unclear answer there is no resend, after NOT_SENT there is."""
    rules = replace(RULES, key_life_ms=0)
    _, effects = answer(sent(rules), OutcomeKind.UNKNOWN, 100)
    assert effects == (Wait(24_900),)
    _, effects = answer(sent(rules), OutcomeKind.NOT_SENT, 100)
    assert effects == (Wait(1_100),)


def test_a_machine_that_slept_does_not_send_what_was_due_before():
    """The lid was closed while a resend was due; now the window is over."""
    payment, _ = answer(sent(), OutcomeKind.UNKNOWN, 100)

    _, effects = step(payment, Tick(3_600_000))

    assert effects == (Find(),)


def test_the_end_of_the_process_ends_the_window():
    """No further send; what is certain is said, the rest is looked up."""
    payment, _ = answer(sent(), OutcomeKind.UNKNOWN, 100)
    _, effects = step(payment, WindowClosed(200))
    assert effects == (Find(),)

    payment, _ = answer(sent(), OutcomeKind.NOT_SENT, 100)
    _, effects = step(payment, WindowClosed(200))
    assert effects == (StoreResult(Verdict(AttemptEnd.NOT_SENT, "bank_unreachable")),)


def test_a_correction_that_cannot_be_stored_is_tried_again():
    """The attempt stays unresolved; nothing is told."""
    payment, _ = step(unresolved(RULES, 0), Tick(100))
    payment, _ = step(payment, Found(OutcomeKind.SETTLED, 200))

    payment, effects = step(payment, StoreFailed())

    assert (payment.phase, effects) == (Phase.UNRESOLVED, ())


def test_an_event_out_of_place_is_our_bug():
    """The machine is not patient with the engine."""
    with pytest.raises(AssertionError):
        step(Payment(RULES), Tick(0))
    with pytest.raises(AssertionError):
        step(sent(), Found(OutcomeKind.SETTLED, 0))


@pytest.mark.parametrize(
    "bad",
    [
        {"resend_at_ms": ()},
        {"resend_at_ms": (1,)},
        {"resend_at_ms": (0, 0)},
        {"apart_ms_min": 0},
        {"window_ms": -1},
    ],
)
def test_rules_that_flood_the_bank_are_refused(bad):
    """A schedule must start at 0, rise, and keep a distance."""
    with pytest.raises(ValueError, match="sends must"):
        SendRules(**bad)
