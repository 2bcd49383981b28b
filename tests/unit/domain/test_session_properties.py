"""What no sequence of events whatever can make the session do."""

from __future__ import annotations

import dataclasses

from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.domain.consent import Basis
from kiosk.domain.evidence import PadVerdict
from kiosk.domain.identification import Decision
from kiosk.domain.ids import PersonId
from kiosk.domain.mandate import MandateState
from kiosk.domain.money import Money
from kiosk.domain.order import Outcome
from kiosk.domain.pad import ALWAYS, UNKNOWN_LIVENESS, Layer, Liveness
from kiosk.domain.session import Phase, SessionLimits, new_session, step
from kiosk.domain.session import effects as fx
from kiosk.domain.session import events as ev
from kiosk.domain.stepup import StepUpPolicy
from tests.unit.domain.sessions import ANNE, FACTS, ORDER, verdict

BERT = PersonId("p-bert")

verdicts = st.builds(verdict, st.sampled_from(Decision), st.sampled_from([ANNE, BERT]))
facts = st.builds(
    lambda state, spent, ever: dataclasses.replace(
        FACTS, state=state, spent_today=Money(spent), payments_ever=ever
    ),
    st.sampled_from([MandateState.ACTIVE] * 3 + [MandateState.REVOKED]),
    st.integers(0, 25_000),
    st.integers(0, 2),
)
BOTH = frozenset({Layer.LIGHT, Layer.TURN})


def lives(proven: frozenset[Layer]) -> Liveness:
    """Make what all layers say together; what of light and turn is not proven may still come."""
    return Liveness(PadVerdict.BONA_FIDE, None, ALWAYS | proven, BOTH - proven)


LIT, TURNED = frozenset({Layer.LIGHT}), frozenset({Layer.TURN})
livenesses = st.sampled_from(
    [UNKNOWN_LIVENESS, lives(frozenset()), lives(LIT), lives(LIT), lives(TURNED), lives(BOTH)]
)
people = st.sampled_from([ANNE, BERT, None])
tokens = st.sampled_from(["token", None])
makers = st.one_of(
    st.just(lambda at: ev.Tick(at)),
    st.just(lambda at: ev.Pressed(at)),
    st.builds(
        lambda pad, v, final, seen: lambda at: ev.Probed(at, pad, v, "", final, seen),
        st.sampled_from([PadVerdict.BONA_FIDE] * 4 + [PadVerdict.UNDECIDED, PadVerdict.ATTACK]),
        st.none() | verdicts,
        st.booleans(),
        livenesses,
    ),
    st.just(lambda at: ev.TurnSkipped(at)),
    st.just(lambda at: ev.TrackChanged(at)),
    st.just(lambda at: ev.CameraFailed(at, "camera_unplugged")),
    st.just(lambda at: ev.DigitsTyped(at, "4711")),
    st.builds(lambda v: lambda at: ev.Claimed(at, v), st.none() | verdicts),
    st.just(lambda at: ev.PinTyped(at, "135790")),
    st.builds(lambda ok, t: lambda at: ev.PinJudged(at, ok, "", t), st.booleans(), tokens),
    st.just(lambda at: ev.PhoneChosen(at)),
    st.just(lambda at: ev.PhoneTyped(at, "1", "2")),
    st.builds(lambda p, t: lambda at: ev.PhoneJudged(at, p, "", t), people, tokens),
    st.builds(lambda f: lambda at: ev.FactsArrived(at, f), st.none() | facts),
    st.just(lambda at: ev.AmountShown(at)),
    st.builds(
        lambda s, unsure: lambda at: ev.SmileSampled(at, s, unsure=unsure),
        st.none() | st.sampled_from([0.0, 0.5, 1.0]),
        st.booleans(),
    ),
    st.just(lambda at: ev.Tapped(at)),
    st.just(lambda at: ev.Declined(at)),
    st.just(lambda at: ev.Cancelled(at)),
    st.just(lambda at: ev.LinkLost(at)),
    st.builds(lambda o: lambda at: ev.Authorised(at, o), st.sampled_from(Outcome)),
)
good = verdict(Decision.IDENTIFIED)
doubt = verdict(Decision.NEEDS_DIGITS_AND_PIN)
FITTING = {
    # What usually comes next in a phase: chance alone would hardly ever reach the money.
    Phase.OFFERED: [lambda at: ev.Pressed(at), lambda at: ev.PhoneChosen(at)],
    Phase.PROBING: [
        lambda at: ev.Probed(at, PadVerdict.BONA_FIDE, good),
        lambda at: ev.Probed(at, PadVerdict.BONA_FIDE, good, liveness=lives(frozenset())),
        lambda at: ev.Probed(at, PadVerdict.BONA_FIDE, good, liveness=lives(LIT)),
        lambda at: ev.Probed(at, PadVerdict.BONA_FIDE, doubt),
        lambda at: ev.Probed(at, PadVerdict.UNDECIDED, good),
    ],
    Phase.DIGITS: [lambda at: ev.DigitsTyped(at, "4711")],
    Phase.CLAIMING: [
        lambda at: ev.Claimed(at, good),
        lambda at: ev.Claimed(at, doubt),
        lambda at: ev.Claimed(at, verdict(Decision.AMBIGUOUS)),
    ],
    Phase.FACTS: [lambda at: ev.FactsArrived(at, FACTS)],
    Phase.PIN: [lambda at: ev.PinTyped(at, "135790")],
    Phase.PHONE: [lambda at: ev.PhoneTyped(at, "1", "2")],
    Phase.VERIFYING_PIN: [lambda at: ev.PinJudged(at, verified=True, token="t1")],
    Phase.VERIFYING_PHONE: [
        lambda at: ev.PhoneJudged(at, ANNE, token="t2"),
        lambda at: ev.PhoneJudged(at, BERT, token=None),
    ],
    Phase.PROVING: [
        lambda at: ev.Probed(at, PadVerdict.BONA_FIDE, good, liveness=lives(LIT)),
        lambda at: ev.Tick(at),
    ],
    Phase.TURNING: [
        lambda at: ev.Probed(at, PadVerdict.BONA_FIDE, good, liveness=lives(BOTH)),
        lambda at: ev.Probed(at, PadVerdict.BONA_FIDE, good, liveness=lives(LIT)),
        lambda at: ev.TurnSkipped(at),
    ],
    Phase.CONFIRMING: [
        lambda at: ev.AmountShown(at),
        lambda at: ev.Tapped(at),
        lambda at: ev.SmileSampled(at, 0.1),
        lambda at: ev.SmileSampled(at, 0.9),
    ],
    Phase.AUTHORISING: [lambda at: ev.Tick(at), lambda at: ev.LinkLost(at)],
    Phase.ENDED: [lambda at: ev.Tick(at)],
    Phase.CLOSED: [lambda at: ev.Tick(at)],
}
histories = st.lists(
    st.tuples(
        st.builds(
            lambda wild, number, luck: wild if luck == 7 else number,
            makers,
            st.integers(0, 11),
            st.integers(0, 11),
        ),
        st.sampled_from([*[0, 20, 50, 300] * 5, 2_000, 15_000]),
    ),
    min_size=12,
    max_size=40,
)


def event_for(session, choice, at):  # type: ignore[no-untyped-def]
    """Make the next event: one that fits the phase, or any."""
    if isinstance(choice, int):
        fitting = FITTING[session.phase]
        return fitting[choice % len(fitting)](at)
    return choice(at)


orders = st.sampled_from(
    [
        ORDER,
        dataclasses.replace(ORDER, amount=Money(3_000)),
        dataclasses.replace(ORDER, amount=Money(7_000)),
        dataclasses.replace(ORDER, amount=Money(9_000)),
    ]
)
FAST = SessionLimits(unknown_ms=0)


class Witness:
    """Watches a session from outside and notes what really happened, independently of it."""

    def __init__(self) -> None:
        """Nothing has happened."""
        self.shown_since_ask = False
        self.authorised: list[fx.Authorise] = []
        self.bona_fide = False
        self.tokens: set[str] = set()
        self.camera_on = False
        self.camera_ever_pressed = False
        self.gesture_after_shown = False
        self.asked_to_turn = self.turned = False


@settings(max_examples=600, deadline=None)
@given(orders, histories, st.booleans(), st.sampled_from([StepUpPolicy().turn_above, Money(1_000)]))
def test_no_history_breaks_the_promises(order, history, claim_first, turn_above) -> None:  # type: ignore[no-untyped-def]
    """Whatever comes: at most one charge, with a basis and a consent; no lie afterwards.

    And no sum that asks for a turned head is charged to a face without one or the PIN.
    """
    at = 0
    policy = StepUpPolicy(claim_first=claim_first, turn_above=turn_above)
    session = new_session(order, 0, limits=FAST, policy=policy)
    witness = Witness()
    for make, pause_ms in history:
        at += pause_ms
        event = event_for(session, make, at)
        before = session
        session, effects = step(session, event)
        _observe(witness, before, event)
        for effect in effects:
            _check_effect(witness, effect)
            if isinstance(effect, fx.Authorise) and effect.basis is Basis.FACE:
                by_turn = witness.turned or not order.amount.exceeds(turn_above)
                assert by_turn or effect.pin_token in witness.tokens
        if witness.authorised and session.outcome in {Outcome.CANCELLED, Outcome.NOT_PAID}:
            told = session.outcome
            assert isinstance(event, ev.Authorised) or before.outcome is told
        if session.phase is not Phase.PROBING and session.phase in {Phase.OFFERED, Phase.PHONE}:
            assert not session.camera_on
        if session.phase in {Phase.AUTHORISING, Phase.ENDED, Phase.CLOSED}:
            assert not witness.camera_on
    assert len(witness.authorised) <= 1


def _observe(witness: Witness, before, event) -> None:  # type: ignore[no-untyped-def]
    """Note what the outside world did, whether or not the session took it in."""
    if isinstance(event, ev.Pressed):
        witness.camera_ever_pressed = True
    if isinstance(event, ev.Probed) and event.pad is PadVerdict.BONA_FIDE:
        witness.bona_fide = True
    if isinstance(event, ev.Probed) and Layer.TURN in event.liveness.proven:
        witness.turned |= witness.asked_to_turn
    if isinstance(event, ev.PinJudged | ev.PhoneJudged) and event.token:
        witness.tokens.add(event.token)
    if before.phase is Phase.CONFIRMING:
        if isinstance(event, ev.AmountShown):
            witness.shown_since_ask = True
        smiled = isinstance(event, ev.SmileSampled) and (event.score or 0) > 0.5
        if witness.shown_since_ask and (isinstance(event, ev.Tapped) or smiled):
            witness.gesture_after_shown = True


def _check_effect(witness: Witness, effect: fx.Effect) -> None:
    match effect:
        case fx.OpenCamera():
            assert witness.camera_ever_pressed
            witness.camera_on = True
        case fx.CloseCamera():
            assert witness.camera_on
            witness.camera_on = False
        case fx.AskTurn():
            assert witness.camera_on
            assert not witness.asked_to_turn, "nobody is asked twice"
            witness.asked_to_turn = True
        case fx.ShowAmount():
            witness.shown_since_ask = False
            witness.gesture_after_shown = False
        case fx.Authorise():
            assert witness.gesture_after_shown
            if effect.basis is Basis.FACE:
                assert witness.bona_fide
            else:
                assert effect.pin_token in witness.tokens
            witness.authorised.append(effect)
        case _:
            pass


@settings(max_examples=300, deadline=None)
@given(orders, histories)
def test_every_phase_has_a_way_out_in_time(order, history) -> None:  # type: ignore[no-untyped-def]
    """From wherever a history leads, time alone ends the session; UNKNOWN waits to be seen."""
    at = 0
    session = new_session(order, 0, limits=FAST)
    for make, pause_ms in history:
        at += pause_ms
        session, _ = step(session, event_for(session, make, at))
    for _ in range(8):
        at += 300_000
        session, _ = step(session, ev.Tick(at))

    waits_for_staff = session.phase is Phase.ENDED and session.outcome is Outcome.UNKNOWN
    assert session.phase is Phase.CLOSED or waits_for_staff
    session, _ = step(session, ev.Acknowledged(at))
    assert session.phase is Phase.CLOSED


@settings(max_examples=200, deadline=None)
@given(histories)
def test_the_same_events_give_the_same_session(history) -> None:  # type: ignore[no-untyped-def]
    """The machine is a function: no clock, no chance."""
    ends = []
    for _ in range(2):
        at, session, done = 0, new_session(ORDER, 0), []
        for make, pause_ms in history:
            at += pause_ms
            session, effects = step(session, event_for(session, make, at))
            done += effects
        ends.append((session, done))

    assert ends[0] == ends[1]
