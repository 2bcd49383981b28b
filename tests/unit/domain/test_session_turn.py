"""A turned head: who is asked, what each answer leads to, and that it lets nobody off a PIN."""

from __future__ import annotations

import dataclasses

import pytest

from kiosk.domain.consent import Basis
from kiosk.domain.evidence import PadVerdict
from kiosk.domain.headturn import ANSWER_MS, Side, draw_turn
from kiosk.domain.identification import Decision
from kiosk.domain.ids import OrderId
from kiosk.domain.money import Money
from kiosk.domain.order import Order, Outcome
from kiosk.domain.pad import ALWAYS, Layer, Liveness
from kiosk.domain.session import Phase, SessionLimits, new_session, step
from kiosk.domain.session import effects as fx
from kiosk.domain.session import events as ev
from kiosk.domain.session.look import Look, meaning
from kiosk.domain.stepup import (
    Ask,
    Factor,
    StepUpPolicy,
    rows_for_turn,
    rows_in_trial,
    wants_turn,
)
from tests.unit.domain.sessions import ANNE, FACTS, probed, verdict

POLICY = StepUpPolicy()
LIMIT = POLICY.turn_above
LARGE = Order(OrderId("o-1"), Money(LIMIT.minor_units + 1), "Bistro")
AT_LIMIT = dataclasses.replace(LARGE, amount=LIMIT)
LATE_MS = SessionLimits().turning_ms
TURN, LIGHT = frozenset({Layer.TURN}), frozenset({Layer.LIGHT})


def lives(*, proven=ALWAYS | LIGHT, waiting=TURN, missing=frozenset()):
    return Liveness(PadVerdict.BONA_FIDE, None, proven, waiting, missing)


READY = lives()
SHINING = lives(proven=ALWAYS, waiting=TURN | LIGHT)
DAYLIGHT = lives(proven=ALWAYS, missing=LIGHT)
TURNED = lives(proven=ALWAYS | LIGHT | TURN, waiting=frozenset())
FOLDER = lives(
    proven=frozenset({Layer.TEXTURE}),
    waiting=frozenset(),
    missing=frozenset({Layer.STREAM}) | LIGHT | TURN,
)
NO_PIN = dataclasses.replace(POLICY, turn_above=Money(1_000))
"""A policy that asks for a turn below the sums that need the PIN anyway."""
SMALL = Order(OrderId("o-1"), Money(2_000), "Bistro")
SKIPPED = ev.TurnSkipped(1_000)


def play(*events, order=LARGE, policy=POLICY):
    session = new_session(order, 0, policy=policy)
    done = []
    for event in events:
        session, effects = step(session, event)
        done += effects
    return session, done


def seen(at_ms, liveness, **more):
    return probed(at_ms, liveness=liveness, **more)


def recognised(liveness=READY):
    return ev.Pressed(0), seen(400, liveness), ev.FactsArrived(410, FACTS)


def asked(done):
    return sum(isinstance(effect, fx.AskTurn) for effect in done)


# Who is asked -------------------------------------------------------------------------------------


def test_row_turn_not_shown():
    """Above the sum a head that did not turn asks for the PIN; below, or unasked, nothing does."""
    (row,) = rows_for_turn(LARGE.amount, POLICY, shown=False)
    assert (row.factor, row.reason) == (Factor.PIN, "turn_not_shown")
    assert rows_for_turn(LARGE.amount, POLICY, shown=True) == ()
    assert rows_for_turn(LARGE.amount, POLICY, shown=None) == ()
    assert rows_for_turn(LIMIT, POLICY, shown=False) == ()
    assert wants_turn(LARGE.amount, POLICY)
    assert not wants_turn(LIMIT, POLICY)


def test_a_policy_on_trial_asks_by_its_own_sum():
    """What was not asked of anybody is not guessed at."""
    given = rows_for_turn(LARGE.amount, POLICY, shown=False)

    def would(trial, turned):
        return rows_in_trial(
            given, facts=FACTS, amount=LARGE.amount, liveness=TURNED, tries_used=0, trial=trial,
            turned=turned,
        )  # fmt: skip

    ceiling = [
        row.reason
        for row in would(dataclasses.replace(POLICY, turn_above=Money(99_999)), turned=False)
    ]
    assert ceiling == ["amount_above_no_pin_ceiling"]
    assert "turn_not_shown" in [row.reason for row in would(POLICY, turned=False)]
    assert "turn_not_shown" not in [row.reason for row in would(POLICY, turned=None)]


def test_a_sum_up_to_the_limit_asks_nobody_to_turn():
    """The PIN is asked at once, as ever."""
    session, done = play(*recognised(), order=AT_LIMIT)

    assert session.phase is Phase.PIN
    assert not asked(done)


def test_a_larger_sum_asks_before_the_pin():
    """Once, with the camera on; nobody types a PIN for a picture."""
    session, done = play(*recognised())

    assert session.phase is Phase.TURNING
    assert session.camera_on
    assert session.asked == ()
    assert asked(done) == 1


def test_the_digits_come_before_the_turn():
    """First it is settled who is asked."""
    known = (ev.Pressed(0), seen(400, READY, decision=Decision.NEEDS_DIGITS))
    session, done = play(*known)
    assert (session.phase, asked(done)) == (Phase.DIGITS, 0)

    claim = ev.Claimed(600, verdict(Decision.IDENTIFIED))
    session, done = play(*known, ev.DigitsTyped(500, "0123"), claim, ev.FactsArrived(610, FACTS))
    assert (session.phase, asked(done)) == (Phase.TURNING, 1)


@pytest.mark.parametrize("then", [READY, DAYLIGHT], ids=["came back", "cannot"])
def test_the_light_is_over_before_the_turn(then):
    """A head that turns would be lit otherwise, and call a customer an attack."""
    session, done = play(*recognised(SHINING), seen(700, SHINING))
    assert (session.phase, asked(done)) == (Phase.PROVING, 0)

    session, done = play(*recognised(SHINING), seen(700, SHINING), seen(2_500, then))
    assert (session.phase, asked(done)) == (Phase.TURNING, 1)


def test_light_that_never_ends_does_not_keep_the_turn_away():
    """After its time the turn is asked for all the same, and the light is not waited for again."""
    late_ms = 410 + SessionLimits().proving_ms
    session, done = play(*recognised(SHINING), ev.Tick(late_ms))
    assert (session.phase, asked(done)) == (Phase.TURNING, 1)

    session, done = play(*recognised(SHINING), ev.Tick(late_ms), ev.TurnSkipped(late_ms + 50))
    assert (session.phase, asked(done)) == (Phase.PIN, 1)


def test_the_light_is_waited_for_after_a_turn_if_only_the_stream_is_missing():
    """A small sum with a turn: what the turn did not wait for is not forgotten."""
    early = lives(
        proven=frozenset({Layer.TEXTURE, Layer.CONTEXT}) | LIGHT,
        waiting=TURN | {Layer.STREAM},
    )
    done_turning = dataclasses.replace(early, proven=early.proven | TURN)
    order = dataclasses.replace(SMALL, amount=Money(4_000))
    session, _ = play(*recognised(early), seen(900, done_turning), order=order, policy=NO_PIN)

    assert session.phase is Phase.PROVING
    assert session.turned is True


def test_a_phone_number_turns_nobody():
    """Without a face there is no head."""
    session, done = play(
        ev.PhoneChosen(0),
        ev.PhoneTyped(10, "07700900123", "135790"),
        ev.PhoneJudged(20, ANNE, token="t"),
        ev.FactsArrived(30, FACTS),
    )

    assert (session.phase, session.basis) == (Phase.CONFIRMING, Basis.PHONE_AND_PIN)
    assert not asked(done)


# What cannot run ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("order", "policy"), [(LARGE, POLICY), (SMALL, NO_PIN)])
def test_who_cannot_be_asked_types_the_pin(order, policy):
    """A folder of frames, no screen: never a pass, and nothing is waited for."""
    session, done = play(*recognised(FOLDER), order=order, policy=policy)

    assert session.phase is Phase.PIN
    assert not asked(done)
    assert "turn_not_shown" in [row.reason for row in session.wanted]


@pytest.mark.parametrize(
    "event",
    [ev.CameraFailed(700, "camera_unplugged"), seen(700, SHINING, final=True)],
)
def test_a_camera_lost_while_the_light_is_waited_for_asks_nobody(event):
    """There is nothing to see a turn with."""
    session, done = play(*recognised(SHINING), event)

    assert (session.phase, session.turned, asked(done)) == (Phase.PIN, False, 0)


def test_an_owner_who_asks_for_no_pin_elsewhere_cannot_let_a_missing_turn_pass():
    """The row of the turn is not one of those that can be set to `none`."""
    lax = dataclasses.replace(NO_PIN, liveness_unproven=Ask.NONE, sensor_degraded=Ask.NONE)
    session, _ = play(*recognised(), SKIPPED, order=SMALL, policy=lax)

    assert session.phase is Phase.PIN


# Answers ------------------------------------------------------------------------------------------


def test_a_turned_head_lets_nobody_off_the_pin():
    """Above the ceiling of money it is asked as ever."""
    session, _ = play(*recognised(), seen(1_500, TURNED))

    assert (session.phase, session.turned) == (Phase.PIN, True)
    assert [row.reason for row in session.wanted] == ["amount_above_no_pin_ceiling"]


def test_a_turned_head_does_not_stand_in_for_the_light():
    """A replay turns as well: without light the PIN is asked above the lowered sum."""
    dark = dataclasses.replace(DAYLIGHT, proven=ALWAYS | TURN, waiting=frozenset())
    order = dataclasses.replace(SMALL, amount=Money(4_000))
    session, _ = play(*recognised(DAYLIGHT), seen(1_500, dark), order=order, policy=NO_PIN)

    assert session.phase is Phase.PIN
    assert [row.reason for row in session.wanted] == ["liveness_unproven"]


def test_a_turned_head_is_enough_where_nothing_else_is_asked():
    """A small sum of an owner who asks everybody to turn."""
    session, _ = play(*recognised(), seen(1_500, TURNED), order=SMALL, policy=NO_PIN)

    assert (session.phase, session.asked) == (Phase.CONFIRMING, ())


@pytest.mark.parametrize(
    "event",
    [
        ev.Tick(410 + LATE_MS),
        seen(410 + LATE_MS, READY),
        SKIPPED,
        ev.CameraFailed(900, "camera_unplugged"),
        seen(900, READY, final=True),
        seen(900, FOLDER),
    ],
    ids=["time", "time, while looked at", "skipped", "camera", "no more frames", "cannot run"],
)
@pytest.mark.parametrize(("order", "policy"), [(LARGE, POLICY), (SMALL, NO_PIN)])
def test_no_answer_asks_for_the_pin(event, order, policy):
    """And is no attack; with the PIN it can be paid."""
    session, done = play(*recognised(), event, order=order, policy=policy)
    assert (session.phase, session.turned) == (Phase.PIN, False)
    assert "turn_not_shown" in [row.reason for row in session.wanted]
    assert not any(isinstance(effect, fx.Authorise) for effect in done)

    for more in (ev.PinTyped(9_000, "135790"), ev.PinJudged(9_010, verified=True, token="t")):
        session, _ = step(session, more)
    assert session.phase is Phase.CONFIRMING


@pytest.mark.parametrize(
    "event", [ev.Tick(409 + LATE_MS), seen(900, READY), ev.Pressed(900), ev.Tapped(900)]
)
def test_until_then_it_is_waited(event):
    """A press of what is not there any more, a frame without a turn: nothing happens."""
    session, done = play(*recognised(), event)

    assert (session.phase, session.turned, asked(done)) == (Phase.TURNING, None, 1)


def test_skipping_twice_is_skipping_once():
    """The second press meets the PIN pad, and changes nothing."""
    once, _ = play(*recognised(), SKIPPED)
    twice, done = play(*recognised(), SKIPPED, ev.TurnSkipped(1_050))

    assert dataclasses.replace(twice, now_ms=0) == dataclasses.replace(once, now_ms=0)
    assert asked(done) == 1


def test_a_turn_that_comes_too_late_is_not_counted():
    """Whoever has gone on to the PIN types it."""
    session, _ = play(*recognised(), SKIPPED, seen(1_200, TURNED))

    assert (session.phase, session.turned) == (Phase.PIN, False)


# Ends ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "outcome", "reason"),
    [
        (ev.Probed(900, PadVerdict.ATTACK, None, "pad_turn"), Outcome.NOT_PAID, "pad_turn"),
        (ev.TrackChanged(900), Outcome.NOT_PAID, "person_changed"),
        (ev.Cancelled(900), Outcome.CANCELLED, "customer_cancelled"),
        (ev.Cancelled(900, "order_taken_back"), Outcome.CANCELLED, "order_taken_back"),
        (ev.LinkLost(900), Outcome.NOT_PAID, "money_unreachable"),
        (ev.Tick(410 + 2 * LATE_MS), Outcome.NOT_PAID, "timed_out"),
    ],
    ids=["attack", "another face", "cancelled", "taken back", "money away", "clock jumped"],
)
def test_what_ends_a_session_ends_it_in_the_turn(event, outcome, reason):
    """With its reason, the camera closed, and nothing charged."""
    session, done = play(*recognised(), event)

    assert (session.outcome, session.reason) == (outcome, reason)
    assert [type(effect) for effect in done[-2:]] == [fx.CloseCamera, fx.Wipe]
    assert not any(isinstance(effect, fx.Authorise) for effect in done)


def test_another_way_is_open_during_the_turn():
    """The face is forgotten, the question with it."""
    session, done = play(*recognised(), ev.PhoneChosen(900))

    assert (session.phase, session.camera_on, session.turned) == (Phase.PHONE, False, None)
    assert fx.Wipe() in done


def test_the_whole_session_keeps_its_limit():
    """The turn's time is not added to it."""
    limits = SessionLimits(session_ms=1_000)
    session = new_session(LARGE, 0, limits=limits)
    for event in (*recognised(), ev.Tick(1_000)):
        session, _ = step(session, event)

    assert (session.outcome, session.reason) == (Outcome.NOT_PAID, "timed_out")


# Looks and sides ----------------------------------------------------------------------------------


def test_a_look_during_the_turn_tells_what_the_layers_say():
    """And another face is another face."""
    look = Look(PadVerdict.BONA_FIDE, None, "turned_away", liveness=TURNED)

    found = meaning(look, Phase.TURNING, 5)
    assert isinstance(found, ev.Probed)
    assert found.liveness is TURNED
    swapped = dataclasses.replace(look, track_changed=True)
    assert meaning(swapped, Phase.TURNING, 5) == ev.TrackChanged(5)


def test_a_lost_face_is_waited_for_and_then_asked_for_the_pin():
    """Nobody before the camera: no attack, and no turn."""
    gone = meaning(Look(PadVerdict.UNDECIDED, None, "no_face", liveness=READY), Phase.TURNING, 900)
    session, _ = play(*recognised(), gone, dataclasses.replace(gone, at_ms=410 + LATE_MS))

    assert session.phase is Phase.PIN


def test_the_side_is_drawn_and_a_customers_left_is_the_pictures_right():
    """A camera does not mirror."""
    assert {draw_turn(lambda _, drawn=number: drawn, 7).side for number in range(2)} == set(Side)
    assert (Side.LEFT.in_picture, Side.RIGHT.in_picture) == (1, -1)
    assert draw_turn(lambda below: below - 1, 7).start_ms == 7
    assert ANSWER_MS < LATE_MS


def test_digits_instead_of_the_pin_are_asked_once():
    """An owner who asks digits where the light is missing: they are given, and it goes on."""
    policy = dataclasses.replace(POLICY, liveness_unproven=Ask.DIGITS)
    order = dataclasses.replace(SMALL, amount=Money(4_000))
    events = (*recognised(DAYLIGHT), ev.DigitsTyped(900, "0123"))
    claim = ev.Claimed(950, verdict(Decision.IDENTIFIED))
    session, _ = play(*events, claim, order=order, policy=policy)

    assert (session.phase, session.asked) == (Phase.CONFIRMING, (Factor.DIGITS,))
