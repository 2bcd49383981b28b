"""A session that is taken up after an interruption, and what a look means in each phase."""

import dataclasses

import pytest

from kiosk.domain.evidence import PadVerdict
from kiosk.domain.order import OrderState, Outcome
from kiosk.domain.session import Phase, resumed_session, step
from kiosk.domain.session import events as ev
from kiosk.domain.session.look import Look, meaning
from tests.unit.domain.sessions import ORDER, play


@pytest.mark.parametrize("state", [OrderState.PAID, OrderState.UNKNOWN, OrderState.CANCELLED])
def test_an_end_stays_until_it_is_acknowledged(state):
    """However long it takes."""
    session = resumed_session(ORDER, state, "", 0)
    session, _ = step(session, ev.Tick(10_000_000))
    assert session.phase is Phase.ENDED
    session, _ = step(session, ev.Acknowledged(10_000_001))

    assert session.phase is Phase.CLOSED


def test_a_payment_in_flight_waits_for_money_and_cannot_be_cancelled():
    """It goes on where the send was."""
    session = resumed_session(ORDER, OrderState.IN_FLIGHT, "", 0)
    session, effects = step(session, ev.Cancelled(1))
    assert (session.phase, effects) == (Phase.AUTHORISING, ())
    session, _ = step(session, ev.Authorised(2, Outcome.PAID, "settled"))

    assert session.outcome is Outcome.PAID
    assert session.must_be_seen


def test_typing_gives_time_but_not_more_than_a_session_has():
    """Each digit starts the pad's time again; the whole stays bounded."""
    session, _ = play(ev.PhoneChosen(0))
    for second in range(1, 149):
        session, _ = step(session, ev.Typing(second * 1_000))
        assert session.phase is Phase.PHONE
    session, _ = step(session, ev.Typing(150_000))

    assert (session.outcome, session.reason) == (Outcome.NOT_PAID, "timed_out")


def test_a_till_that_takes_the_order_back_says_so():
    """The reason of a cancellation is kept."""
    session, _ = play(ev.Cancelled(0, "order_taken_back"))

    assert (session.outcome, session.reason) == (Outcome.CANCELLED, "order_taken_back")


def test_what_a_look_means_depends_on_the_phase():
    """An attack and another face count whenever the camera is on; a smile only at the amount."""
    plain = Look(PadVerdict.BONA_FIDE, None, "", smile=0.7)
    attack = Look(PadVerdict.ATTACK, None, "pad_texture")
    other = Look(PadVerdict.BONA_FIDE, None, "", track_changed=True)

    assert meaning(plain, Phase.CONFIRMING, 5) == ev.SmileSampled(5, 0.7)
    assert meaning(plain, Phase.FACTS, 5) is None
    unsure = dataclasses.replace(plain, smile=None, unsure=True)
    assert meaning(unsure, Phase.CONFIRMING, 5) == ev.SmileSampled(5, None, unsure=True)
    assert isinstance(meaning(plain, Phase.PROBING, 5), ev.Probed)
    assert isinstance(meaning(attack, Phase.CONFIRMING, 5), ev.Probed)
    assert meaning(other, Phase.FACTS, 5) == ev.TrackChanged(5)
