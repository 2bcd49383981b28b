"""The session machine, story by story."""

from __future__ import annotations

import dataclasses

import pytest

from kiosk.domain.consent import Basis, ConsentKind
from kiosk.domain.evidence import PadVerdict
from kiosk.domain.identification import Decision
from kiosk.domain.ids import PersonId
from kiosk.domain.mandate import MandateState
from kiosk.domain.money import Money
from kiosk.domain.order import Outcome
from kiosk.domain.session import Phase, new_session, step
from kiosk.domain.session import effects as fx
from kiosk.domain.session import events as ev
from tests.unit.domain.sessions import (
    ANNE,
    FACTS,
    ORDER,
    play,
    probed,
    up_to_confirming,
    verdict,
)


def test_recognised_customer_taps_and_pays() -> None:
    """Press, be recognised, see the amount, tap: one authorisation, camera closed, PAID."""
    session, effects = play(
        *up_to_confirming(), ev.Tapped(900), ev.Authorised(1_500, Outcome.PAID, "settled")
    )

    assert session.outcome is Outcome.PAID
    assert effects == [
        fx.OpenCamera(),
        fx.AskFacts(ANNE),
        fx.ShowAmount(),
        fx.CloseCamera(),
        fx.Authorise(ANNE, Basis.FACE, ConsentKind.TAP, None),
        fx.Wipe(),
    ]


def test_smile_counts_only_as_a_change_after_the_amount() -> None:
    """A smile that is already there when the amount appears is no consent; a new one is."""
    already = [ev.SmileSampled(at, 0.9) for at in range(430, 2_000, 100)]
    session, _ = play(*up_to_confirming(), *already)
    assert session.phase is Phase.CONFIRMING

    neutral = ev.SmileSampled(2_000, 0.1)
    new = [ev.SmileSampled(at, 0.9) for at in range(2_100, 2_601, 100)]
    session, effects = play(*up_to_confirming(), *already, neutral, *new)

    assert session.phase is Phase.AUTHORISING
    assert session.consent is ConsentKind.SMILE
    assert effects[-1] == fx.Authorise(ANNE, Basis.FACE, ConsentKind.SMILE, None)


def test_a_tap_beside_a_face_that_is_not_sure_waits_until_it_is() -> None:
    """Who steps in and taps charges nobody: the face is compared first, and may be another."""
    unsure = [ev.SmileSampled(500, None, unsure=True), ev.Tapped(520)]
    session, effects = play(*up_to_confirming(), *unsure)
    assert session.phase is Phase.CONFIRMING
    assert fx.ShowAmount() in effects

    known, paid = play(*up_to_confirming(), *unsure, ev.SmileSampled(560, 0.1))
    assert known.consent is ConsentKind.TAP
    assert paid[-1] == fx.Authorise(ANNE, Basis.FACE, ConsentKind.TAP, None)

    other, unpaid = play(*up_to_confirming(), *unsure, ev.TrackChanged(560))
    assert (other.outcome, other.reason) == (Outcome.NOT_PAID, "person_changed")
    assert not any(isinstance(effect, fx.Authorise) for effect in unpaid)

    blind, _ = play(*up_to_confirming(), *unsure, ev.CameraFailed(560, "camera_unplugged"))
    assert (blind.outcome, blind.reason) == (Outcome.NOT_PAID, "camera_unplugged")


def test_a_smile_of_a_face_that_is_not_sure_counts_for_nothing() -> None:
    """However long it lasts; a new one, once the face is known, does."""
    neutral = ev.SmileSampled(500, 0.1)
    unsure = [ev.SmileSampled(at, 0.9, unsure=True) for at in range(600, 1_400, 100)]
    session, _ = play(*up_to_confirming(), neutral, *unsure)

    assert session.phase is Phase.CONFIRMING


def test_smile_must_last() -> None:
    """Half a second less a frame is not consent, and a lost face starts the gesture over."""
    neutral = ev.SmileSampled(500, 0.1)
    short = [ev.SmileSampled(at, 0.9) for at in (600, 800, 1_000)]
    after_a_gap = [ev.SmileSampled(at, 0.9) for at in (2_000, 2_200, 2_400, 2_600)]
    session, _ = play(*up_to_confirming(), neutral, *short, *after_a_gap)

    assert session.phase is Phase.CONFIRMING


def test_consent_before_the_amount_is_none() -> None:
    """A tap between recognition and the amount on the screen does nothing."""
    session, effects = play(*up_to_confirming()[:-1], ev.Tapped(415))

    assert session.phase is Phase.CONFIRMING
    assert not any(isinstance(effect, fx.Authorise) for effect in effects)


def test_attack_ends_with_its_own_reason_even_when_recognised() -> None:
    """A printed photo of an enrolled person is refused before anything is asked of money."""
    session, effects = play(
        ev.Pressed(0), ev.Probed(300, PadVerdict.ATTACK, verdict(Decision.IDENTIFIED))
    )

    assert (session.outcome, session.reason) == (Outcome.NOT_PAID, "pad_texture")
    assert fx.AskFacts(ANNE) not in effects


def test_undecided_pad_never_identifies() -> None:
    """Until the sequence is judged bona fide nobody is looked up; at the end it fails closed."""
    look = [
        ev.Probed(at, PadVerdict.UNDECIDED, verdict(Decision.IDENTIFIED))
        for at in range(100, 1_000, 100)
    ]
    last = ev.Probed(1_000, PadVerdict.UNDECIDED, verdict(Decision.IDENTIFIED), final=True)
    session, effects = play(ev.Pressed(0), *look, last)

    assert (session.outcome, session.reason) == (Outcome.NOT_PAID, "pad_undecided")
    assert not any(isinstance(effect, fx.AskFacts) for effect in effects)


def test_attack_while_confirming_stops_the_payment() -> None:
    """Looking does not end with recognition."""
    session, _ = play(*up_to_confirming(), ev.Probed(600, PadVerdict.ATTACK, None), ev.Tapped(700))

    assert (session.outcome, session.reason) == (Outcome.NOT_PAID, "pad_texture")


def test_another_face_while_confirming_stops_the_payment() -> None:
    """Whoever agrees must be who was recognised."""
    session, effects = play(*up_to_confirming(), ev.TrackChanged(600), ev.Tapped(700))

    assert (session.outcome, session.reason) == (Outcome.NOT_PAID, "person_changed")
    assert not any(isinstance(effect, fx.Authorise) for effect in effects)


def test_doubt_asks_for_digits_then_they_settle_it() -> None:
    """In doubt: digits, a search among few, and on."""
    doubtful = [probed(400, Decision.NEEDS_DIGITS)]
    session, effects = play(ev.Pressed(0), *doubtful)
    assert session.phase is Phase.DIGITS

    session, effects = play(
        ev.Pressed(0),
        *doubtful,
        ev.DigitsTyped(2_000, "4711"),
        ev.Claimed(2_010, verdict(Decision.IDENTIFIED)),
        ev.FactsArrived(2_020, FACTS),
    )

    assert session.phase is Phase.CONFIRMING
    assert [factor.value for factor in session.asked] == ["phone_digits"]
    assert fx.SearchClaimed("4711") in effects


def test_unknown_is_taken_only_after_a_while() -> None:
    """More frames may still find somebody; four seconds of looking are enough."""
    early, _ = play(ev.Pressed(0), probed(400, Decision.UNKNOWN), probed(600))
    late, _ = play(ev.Pressed(0), probed(400, Decision.UNKNOWN), probed(4_000, Decision.UNKNOWN))

    assert early.phase is Phase.FACTS
    assert (late.outcome, late.reason) == (Outcome.NOT_PAID, "unknown_person")


def test_deep_doubt_asks_for_digits_and_pin() -> None:
    """Where the face is only a second factor, the PIN is asked after the digits."""
    session, effects = play(
        ev.Pressed(0),
        probed(1_300, Decision.NEEDS_DIGITS_AND_PIN),
        ev.DigitsTyped(2_000, "4711"),
        ev.Claimed(2_010, verdict(Decision.NEEDS_DIGITS_AND_PIN)),
        ev.FactsArrived(2_020, FACTS),
        ev.PinTyped(3_000, "135790"),
        ev.PinJudged(3_300, verified=True, token="t"),
        ev.AmountShown(3_310),
        ev.Tapped(4_000),
    )

    assert session.phase is Phase.AUTHORISING
    assert [factor.value for factor in session.asked] == ["phone_digits", "pin"]
    assert effects[-1] == fx.Authorise(ANNE, Basis.FACE, ConsentKind.TAP, "t")


def test_digits_that_two_packs_give_to_two_people_name_nobody() -> None:
    """They are asked for again, as wrong ones are."""
    session, _ = play(
        ev.Pressed(0),
        probed(1_300, Decision.NEEDS_DIGITS),
        ev.DigitsTyped(2_000, "4711"),
        ev.Claimed(2_010, verdict(Decision.AMBIGUOUS)),
    )

    assert (session.phase, session.refusal, session.person) == (Phase.DIGITS, "digits_wrong", None)


def test_digits_of_somebody_else_are_wrong() -> None:
    """Digits that find another person than the face found do not switch the payer."""
    big = dataclasses.replace(ORDER, amount=Money(3_000))
    newcomer = dataclasses.replace(FACTS, payments_ever=0, days_since_last_use=None)
    session, effects = play(
        ev.Pressed(0),
        probed(400),
        ev.FactsArrived(410, newcomer),
        ev.DigitsTyped(2_000, "0000"),
        ev.Claimed(2_010, verdict(Decision.IDENTIFIED, PersonId("p-bert"))),
        ev.Declined(2_020),
        order=big,
    )

    assert (session.outcome, session.reason) == (Outcome.NOT_PAID, "digits_wrong")
    assert not any(isinstance(effect, fx.Authorise) for effect in effects)


def test_unanswered_step_up_is_not_paid_and_says_what_was_asked() -> None:
    """Somebody without the digits leaves with NOT PAID."""
    session, _ = play(ev.Pressed(0), probed(1_300, Decision.AMBIGUOUS), ev.Declined(1_400))

    assert (session.outcome, session.reason) == (Outcome.NOT_PAID, "step_up_required")
    assert [factor.value for factor in session.asked] == ["phone_digits"]


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        (None, "no_mandate"),
        (dataclasses.replace(FACTS, state=MandateState.REVOKED), "mandate_revoked"),
        (dataclasses.replace(FACTS, spent_today=Money(19_000)), "limit_per_day"),
    ],
)
def test_money_that_cannot_be_had_is_not_asked_for(facts: object, reason: str) -> None:
    """Without a mandate that covers the amount, the session ends before consent."""
    session, _ = play(ev.Pressed(0), probed(400), ev.FactsArrived(410, facts))  # type: ignore[arg-type]

    assert (session.outcome, session.reason) == (Outcome.NOT_PAID, reason)


def test_amount_above_the_no_pin_ceiling_asks_for_the_pin() -> None:
    """60.00 by face needs the PIN, and the reason is the policy's row."""
    session, _ = play(
        ev.Pressed(0),
        probed(400),
        ev.FactsArrived(410, FACTS),
        order=dataclasses.replace(ORDER, amount=Money(6_000)),
    )

    assert session.phase is Phase.PIN
    assert [row.reason for row in session.wanted] == ["amount_above_no_pin_ceiling"]


def test_phone_and_pin_without_a_camera() -> None:
    """The way without a face needs no camera and pays on money's word about the PIN."""
    session, effects = play(
        ev.PhoneChosen(0),
        ev.PhoneTyped(5_000, "+44 7700 900123", "135790"),
        ev.PhoneJudged(5_400, ANNE, token="t"),
        ev.FactsArrived(5_410, FACTS),
        ev.AmountShown(5_420),
        ev.Tapped(6_000),
    )

    assert session.phase is Phase.AUTHORISING
    assert fx.OpenCamera() not in effects
    assert effects[-1] == fx.Authorise(ANNE, Basis.PHONE_AND_PIN, ConsentKind.TAP, "t")


def test_three_wrong_pins_end_it() -> None:
    """The third wrong answer of a session is the last."""
    events: list[ev.Event] = [ev.PhoneChosen(0)]
    for at in (1_000, 2_000, 3_000):
        events += [
            ev.PhoneTyped(at, "+447700900123", "000001"),
            ev.PhoneJudged(at + 300, None, "pin_wrong"),
        ]
    session, _ = play(*events)

    assert (session.outcome, session.reason) == (Outcome.NOT_PAID, "pin_wrong")


def test_cancel_before_the_send_and_not_after() -> None:
    """Cancel says CANCELLED until money has been asked, and nothing afterwards."""
    before, _ = play(*up_to_confirming(), ev.Cancelled(500))
    after, effects = play(*up_to_confirming(), ev.Tapped(500), ev.Cancelled(600))

    assert before.outcome is Outcome.CANCELLED
    assert after.outcome is None
    assert after.phase is Phase.AUTHORISING
    assert fx.Wipe() not in effects


def test_silence_of_money_is_unknown_and_late_news_are_told() -> None:
    """No word from money within the limit is UNKNOWN; its word, when it comes, replaces that."""
    silent = (*up_to_confirming(), ev.Tapped(500), ev.LinkLost(600), ev.Tick(60_500))
    session, effects = play(*silent)
    assert session.outcome is Outcome.UNKNOWN
    assert fx.AskOutcome() in effects

    session, _ = play(*silent, ev.Authorised(70_000, Outcome.PAID))
    assert session.outcome is Outcome.PAID


def test_three_sessions_an_order() -> None:
    """The fourth press on one order is refused without opening the camera."""
    session, effects = step(new_session(ORDER, 0, tries_used=3), ev.Pressed(0))

    assert session.reason == "too_many_tries"
    assert fx.OpenCamera() not in effects


def test_clock_that_goes_back_stands_still() -> None:
    """An event from the past neither shortens nor lengthens a limit."""
    session, _ = play(ev.Pressed(5_000), ev.Tick(1))

    assert session.now_ms == 5_000
    assert session.phase is Phase.PROBING


def test_a_look_alike_never_pays_without_the_pin() -> None:
    """Clearly recognised and a small amount: the PIN is asked all the same, and says why."""
    facts = ev.FactsArrived(410, FACTS, "look_alike")
    session, effects = play(ev.Pressed(0), probed(400), facts, ev.AmountShown(420), ev.Tapped(500))

    assert session.phase is Phase.PIN
    assert [row.reason for row in session.wanted] == ["look_alike"]
    assert not any(isinstance(effect, fx.Authorise) for effect in effects)

    session, effects = play(
        ev.Pressed(0),
        probed(400),
        facts,
        ev.PinTyped(600, "135790"),
        ev.PinJudged(700, verified=True, token="t1"),
        ev.AmountShown(710),
        ev.Tapped(800),
    )
    assert effects[-1] == fx.Authorise(ANNE, Basis.FACE, ConsentKind.TAP, "t1")


def test_digits_do_not_stand_in_for_a_look_alikes_pin() -> None:
    """The digits settle a doubt about the face, never what is always asked of this person."""
    session, effects = play(
        ev.Pressed(0),
        probed(400, Decision.NEEDS_DIGITS),
        ev.DigitsTyped(2_000, "4711"),
        ev.Claimed(2_010, verdict(Decision.IDENTIFIED)),
        ev.FactsArrived(2_020, FACTS, "wrong_person"),
        ev.AmountShown(2_030),
        ev.Tapped(2_040),
    )

    assert session.phase is Phase.PIN
    assert not any(isinstance(effect, fx.Authorise) for effect in effects)


def test_paying_by_number_has_the_pin_already() -> None:
    """Number and PIN are given together; a look-alike is not asked for the PIN twice."""
    _, effects = play(
        ev.PhoneChosen(100),
        ev.PhoneTyped(200, "447700900123", "135790"),
        ev.PhoneJudged(300, ANNE, token="t1"),
        ev.FactsArrived(310, FACTS, "look_alike"),
        ev.AmountShown(320),
        ev.Tapped(400),
    )

    assert effects[-1] == fx.Authorise(ANNE, Basis.PHONE_AND_PIN, ConsentKind.TAP, "t1")
