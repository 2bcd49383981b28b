"""One's own data at the screen: nothing without face and PIN, nothing upwards, always an end."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.domain.evidence import PadVerdict
from kiosk.domain.identification import Decision, DecisionReason, Identification, Thresholds
from kiosk.domain.ids import PersonId
from kiosk.domain.mandate import DEFAULT_LIMITS, MandateLimits
from kiosk.domain.money import Money
from kiosk.domain.own_data import OwnData, OwnLimits, Phase, lower_choices, new_session, step
from kiosk.domain.own_data import effects as fx
from kiosk.domain.own_data import events as ev

ANNE = PersonId("p-anne")
LOW = MandateLimits(Money(1_000), Money(2_000))
HIGH = MandateLimits(Money(20_000), Money(20_000))
DATA = OwnData("active", "t", "d", 4, "v1", "t", "", 3, "••42", DEFAULT_LIMITS, Money(0))
LIMITS = Thresholds(open=0.7, digits=0.6, pin=0.3, worst_open="test")


def verdict(decision=Decision.IDENTIFIED):
    unnamed = decision in {Decision.UNKNOWN, Decision.AMBIGUOUS}
    person = None if unnamed else ANNE
    return Identification(decision, DecisionReason.CLEAR, person, 0.8, None, LIMITS)


def seen(decision=Decision.IDENTIFIED, pad=PadVerdict.BONA_FIDE, at_ms=0, **more):
    return ev.Probed(at_ms, pad, verdict(decision), **more)


def play(*events, session=None):
    """Feed events; return the session and all effects."""
    session, done = session or new_session(0), []
    for event in events:
        session, effects = step(session, event)
        done += effects
    return session, done


KNOWN = (ev.Pressed(0), seen())
PROVEN = (*KNOWN, ev.PinTyped(0, "482913"), ev.PinJudged(0, verified=True, token="t"))
SHOWN = (*PROVEN, ev.DataArrived(0, DATA))


def test_face_then_pin_then_what_is_kept():
    """The camera closes and the face is forgotten before the PIN is asked for."""
    session, done = play(*SHOWN)

    assert (session.phase, session.data, session.camera_on) == (Phase.SHOWN, DATA, False)
    assert done == [
        fx.OpenCamera(), fx.CloseCamera(), fx.Wipe(), fx.ProvePin(ANNE, "482913"),
        fx.AskData(ANNE),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (seen(Decision.AMBIGUOUS), "own_face_in_doubt"),
        (seen(Decision.NEEDS_DIGITS_AND_PIN), "own_face_in_doubt"),
        (seen(Decision.UNKNOWN, final=True), "own_unknown_person"),
        (seen(Decision.UNKNOWN, at_ms=5_000), "own_unknown_person"),
        (seen(pad=PadVerdict.ATTACK), "pad_texture"),
        (seen(pad=PadVerdict.UNDECIDED, final=True), "pad_undecided"),
        (ev.CameraFailed(0, "camera_missing"), "camera_missing"),
        (ev.Failed(0, "internal_error"), "internal_error"),
    ],
)
def test_without_a_clear_live_face_nobody_is_asked_for_a_pin(event, reason):
    """It ends with a reason, the camera closed and everything forgotten."""
    session, done = play(ev.Pressed(0), event)

    assert (session.phase, session.reason, session.person) == (Phase.ENDED, reason, None)
    assert done == [fx.OpenCamera(), fx.CloseCamera(), fx.Wipe()]


def test_three_wrong_pins_end_it():
    """Each is said; a locked one ends it at once."""
    wrong = (ev.PinTyped(0, "111111"), ev.PinJudged(0, verified=False, reason="pin_wrong"))
    session, _ = play(*KNOWN, *wrong, *wrong)
    assert (session.phase, session.refusal) == (Phase.PIN, "pin_wrong")
    session, _ = play(*wrong, session=session)
    assert (session.phase, session.reason) == (Phase.ENDED, "pin_wrong")
    locked = ev.PinJudged(0, verified=False, reason="pin_locked")
    session, _ = play(*KNOWN, ev.PinTyped(0, "111111"), locked)

    assert (session.phase, session.reason) == (Phase.ENDED, "pin_locked")


def test_limits_only_become_lower():
    """A higher one is refused with its reason and asked of nobody."""
    session, done = play(*SHOWN, ev.LimitsOpened(0), ev.LimitsChosen(0, HIGH))
    assert (session.phase, session.refusal) == (Phase.LIMITS, "proof_needed")
    assert not [it for it in done if isinstance(it, fx.Lower)]
    session, done = play(ev.LimitsChosen(0, LOW), session=session)
    assert done == [fx.Lower(ANNE, LOW)]
    session, done = play(ev.Answered(0), session=session)

    assert (session.phase, session.done, done) == (Phase.LOADING, "lowered", [fx.AskData(ANNE)])


def test_pause_and_its_end_are_one_button():
    """The end is proven by the PIN's token; what could not be done says why."""
    _, done = play(*SHOWN, ev.PauseChosen(0))
    assert done[-1] == fx.Pause(ANNE)
    paused = dataclasses.replace(DATA, paused=True)
    session, done = play(*PROVEN, ev.DataArrived(0, paused), ev.PauseChosen(0))
    assert done[-1] == fx.Resume(ANNE, "t")
    session, _ = play(ev.Answered(0, "proof_stale"), session=session)

    assert (session.refusal, session.done) == ("proof_stale", "")


def test_number_and_pin_end_a_pause_and_open_nothing_else():
    """No camera, no data, no token; three wrong ones end it."""
    typed = (ev.NumberOpened(0), ev.NumberTyped(0, "07700900123", "482913"))
    session, done = play(*typed, ev.PinJudged(0, verified=True))
    assert (session.phase, session.reason, session.data) == (Phase.ENDED, "own_resumed", None)
    assert done == [fx.ResumeByNumber("07700900123", "482913"), fx.Wipe()]
    wrong = (ev.NumberTyped(0, "1", "1"), ev.PinJudged(0, verified=False, reason="pin_wrong"))
    session, done = play(ev.NumberOpened(0), *wrong, *wrong, *wrong)

    assert (session.phase, session.reason) == (Phase.ENDED, "pin_wrong")


def test_erasing_takes_two_acts_and_cannot_be_left_half_way():
    """Back is possible before the second; after it, leaving changes nothing."""
    session, done = play(*SHOWN, ev.EraseOpened(0), ev.Back(0))
    assert session.phase is Phase.SHOWN
    session, done = play(ev.EraseConfirmed(0), session=session)
    assert done == []
    session, done = play(
        ev.EraseOpened(0), ev.EraseConfirmed(0), ev.Left(0), ev.Tick(60_000), session=session
    )
    assert (session.phase, done) == (Phase.WORKING, [fx.Erase(ANNE)])
    session, done = play(ev.Erased(60_000, "c1", whole=True), session=session)

    assert (session.phase, session.reason, session.certificate) == (
        Phase.ENDED, "own_erased", "c1",
    )  # fmt: skip
    assert (session.person, session.data, done) == (None, None, [fx.Wipe()])


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (ev.Erased(0, "c", whole=False), "own_erased_in_part"),
        (ev.Failed(0, "desk_busy"), "desk_busy"),
        (ev.Tick(OwnLimits().erase_ms), "own_still_erasing"),
    ],
)
def test_an_erasure_never_claims_more_than_is_known(answer, reason):
    """What is left, what failed, what is not known yet: each in its own words."""
    session, _ = play(*SHOWN, ev.EraseOpened(0), ev.EraseConfirmed(0), answer)

    assert (session.phase, session.reason) == (Phase.ENDED, reason)


@pytest.mark.parametrize("events", [(), (ev.Pressed(0),), KNOWN, SHOWN, (*SHOWN, ev.Left(0))])
def test_whoever_walks_away_leaves_nothing_on_the_screen(events):
    """After the time of the phase, and of the end, the screen is free."""
    session, done = play(*events, ev.Tick(200_000), ev.Tick(400_000))

    assert (session.phase, session.data, session.token) == (Phase.CLOSED, None, "")
    assert done.count(fx.OpenCamera()) == done.count(fx.CloseCamera())


def test_a_touch_gives_more_time_but_not_for_ever():
    """The whole session has an end of its own."""
    session, _ = play(*SHOWN)
    for at_ms in range(0, 170_000, 20_000):
        session, _ = step(session, ev.Touched(at_ms))

    assert (session.phase, session.reason) == (Phase.ENDED, "timed_out")


def test_lower_sums_to_choose_from_are_round_and_few():
    """The highest first, all below the limit."""
    assert lower_choices(Money(10_000)) == tuple(map(Money, (5_000, 2_000, 1_000, 500)))
    assert lower_choices(Money(500)) == ()


EVENTS = st.one_of(
    st.sampled_from([
        ev.Tick(0), ev.Touched(0), ev.Pressed(0), seen(), seen(Decision.UNKNOWN),
        seen(pad=PadVerdict.ATTACK), ev.CameraFailed(0, "camera_busy"), ev.PinTyped(0, "1"),
        ev.PinJudged(0, verified=True, token="t"), ev.PinJudged(0, verified=False),
        ev.DataArrived(0, DATA), ev.LimitsOpened(0), ev.LimitsChosen(0, LOW),
        ev.LimitsChosen(0, HIGH), ev.PauseChosen(0), ev.EraseOpened(0), ev.EraseConfirmed(0),
        ev.Back(0), ev.Answered(0),
        ev.NumberOpened(0), ev.NumberTyped(0, "1", "1"),
        ev.Erased(0, "c", whole=True), ev.Failed(0, "x"), ev.Left(0),
    ]),
    st.integers(0, 50_000).map(ev.Tick),
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.lists(EVENTS, max_size=40))
def test_whatever_happens_nothing_is_done_without_face_and_pin(events):
    """No wish before a verified PIN, no PIN before a live face, no camera before a press."""
    session = new_session(0)
    looked = known = proven = opened = False
    for event in events:
        before = session
        session, effects = step(session, event)
        for effect in effects:
            match effect:
                case fx.OpenCamera():
                    assert isinstance(event, ev.Pressed)
                    opened, looked = True, True
                case fx.CloseCamera():
                    assert opened
                    opened = False
                case fx.ProvePin():
                    assert looked
                    assert known
                case fx.AskData() | fx.Lower() | fx.Pause() | fx.Resume() | fx.Erase():
                    assert proven or isinstance(event, ev.PinJudged)
                case fx.Wipe():
                    pass
                case fx.ResumeByNumber():
                    assert session.person is None
        known = known or session.phase is Phase.PIN
        proven = proven or bool(session.token)
        assert session.camera_on is (session.phase is Phase.PROBING) is opened
        assert (session.data is None) or session.token
        assert before.phase is not Phase.CLOSED or session.phase is Phase.CLOSED
