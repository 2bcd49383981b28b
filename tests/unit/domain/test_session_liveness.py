"""What cannot be proven lowers the sum: above it the light comes back, or a PIN is asked."""

from __future__ import annotations

import pytest

from kiosk.domain.evidence import PadVerdict
from kiosk.domain.ids import OrderId
from kiosk.domain.money import Money
from kiosk.domain.order import Order, Outcome
from kiosk.domain.pad import ALWAYS, Layer, Liveness
from kiosk.domain.session import Phase, SessionLimits
from kiosk.domain.session import effects as fx
from kiosk.domain.session import events as ev
from kiosk.domain.session.look import Look, meaning
from kiosk.domain.stepup import StepUpPolicy
from tests.unit.domain.sessions import FACTS, play, probed

CEILING = StepUpPolicy().unproven_max
SMALL = Order(OrderId("o-1"), CEILING, "Bistro")
LARGE = Order(OrderId("o-1"), Money(CEILING.minor_units + 1), "Bistro")
STRONG = Liveness(PadVerdict.BONA_FIDE, None, proven=ALWAYS | {Layer.LIGHT})
SHINING = Liveness(PadVerdict.BONA_FIDE, None, proven=ALWAYS, waiting=frozenset({Layer.LIGHT}))
WEAK = Liveness(
    PadVerdict.BONA_FIDE,
    None,
    proven=frozenset({Layer.TEXTURE}),
    missing=frozenset({Layer.STREAM, Layer.LIGHT}),
)
DAYLIGHT = Liveness(PadVerdict.BONA_FIDE, None, proven=ALWAYS, missing=frozenset({Layer.LIGHT}))


def seen(at_ms, liveness, **more):
    return probed(at_ms, liveness=liveness, **more)


def recognised(liveness):
    return ev.Pressed(0), seen(400, liveness), ev.FactsArrived(410, FACTS)


@pytest.mark.parametrize("liveness", [STRONG, SHINING, WEAK, DAYLIGHT])
def test_a_small_sum_waits_for_nothing(liveness):
    """Up to half of the no-PIN ceiling whoever is bona fide and identified is shown the amount."""
    session, _ = play(*recognised(liveness), order=SMALL)

    assert session.phase is Phase.CONFIRMING


def test_a_larger_sum_is_shown_when_everything_is_proven():
    """Stream, surroundings and light: no PIN below the ceiling that money keeps."""
    session, done = play(*recognised(STRONG), order=LARGE)

    assert session.phase is Phase.CONFIRMING
    assert fx.ShowAmount() in done


@pytest.mark.parametrize(
    ("liveness", "reason"), [(WEAK, "sensor_degraded"), (DAYLIGHT, "liveness_unproven")]
)
def test_what_could_not_run_asks_for_the_pin(liveness, reason):
    """A folder of frames, daylight: nothing is waited for that cannot come."""
    session, _ = play(*recognised(liveness), order=LARGE)

    assert session.phase is Phase.PIN
    assert [row.reason for row in session.wanted] == [reason]


def test_the_pin_stands_in_for_the_proof():
    """After it the amount is shown, and nothing is asked twice."""
    session, _ = play(
        *recognised(WEAK),
        ev.PinTyped(900, "135790"),
        ev.PinJudged(950, verified=True, token="t"),
        order=LARGE,
    )

    assert session.phase is Phase.CONFIRMING


def test_light_on_its_way_is_waited_for():
    """The camera looks on until it has come back."""
    session, _ = play(*recognised(SHINING), seen(900, SHINING), order=LARGE)
    assert session.phase is Phase.PROVING
    assert session.camera_on

    session, _ = play(*recognised(SHINING), seen(900, SHINING), seen(2_600, STRONG), order=LARGE)
    assert session.phase is Phase.CONFIRMING
    assert session.asked == ()


@pytest.mark.parametrize(
    "event",
    [
        seen(2_600, DAYLIGHT),
        seen(700, SHINING, final=True),
        ev.CameraFailed(700, "camera_unplugged"),
        ev.Tick(410 + SessionLimits().proving_ms),
        seen(410 + SessionLimits().proving_ms, SHINING),
    ],
)
def test_light_that_does_not_come_asks_for_the_pin(event):
    """Drowned in daylight, out of frames, or out of time."""
    session, _ = play(*recognised(SHINING), event, order=LARGE)

    assert session.phase is Phase.PIN


def test_an_attack_ends_it_with_its_own_reason():
    """While the light is waited for, and with the layer's code."""
    attack = ev.Probed(900, PadVerdict.ATTACK, None, "pad_light")
    session, done = play(*recognised(SHINING), attack, order=LARGE)

    assert (session.outcome, session.reason) == (Outcome.NOT_PAID, "pad_light")
    assert not any(isinstance(effect, fx.Authorise) for effect in done)


def test_another_face_ends_it():
    """Whoever comes into view while the light is waited for is not charged."""
    look = Look(PadVerdict.BONA_FIDE, None, "", track_changed=True)
    event = meaning(look, Phase.PROVING, 900)

    assert event == ev.TrackChanged(900)
    session, _ = play(*recognised(SHINING), event, order=LARGE)
    assert (session.outcome, session.reason) == (Outcome.NOT_PAID, "person_changed")


AT_AMOUNT = (*recognised(STRONG), ev.AmountShown(420))
STILL = ev.SmileSampled(600, 0.1)
MOVED = ev.SmileSampled(600, 0.1, moved=True)


WAVERING = (0.65, 0.8, 0.9, 0.79, 0.67, 0.77)


def smiled(since_ms, score=0.9):
    return [ev.SmileSampled(at, score) for at in range(since_ms, since_ms + 501, 100)]


@pytest.mark.parametrize(
    "consent",
    [
        [STILL, ev.Tapped(900)],
        [ev.SmileSampled(450, 0.1), *smiled(500)],
        [STILL, *smiled(700, 0.65)],
        [STILL, *(ev.SmileSampled(700 + 100 * k, s) for k, s in enumerate(WAVERING))],
    ],
    ids=[
        "the button",
        "a smile sooner than anybody can react",
        "a mask that is turned",
        "one whose mouth wavers higher",
    ],
)
def test_a_face_that_did_not_move_is_asked_for_the_pin(consent):
    """A mask is lit like a face: above the lowered sum the light alone is not enough."""
    session, done = play(*AT_AMOUNT, *consent, order=LARGE)

    assert session.phase is Phase.PIN
    assert [row.reason for row in session.wanted] == ["liveness_unproven"]
    assert not any(isinstance(effect, fx.Authorise) for effect in done)


def test_the_pin_stands_in_for_a_movement_and_the_consent_is_given_anew():
    """The amount is shown again, and the button then sends."""
    known = [ev.Tapped(900), ev.PinTyped(2_000, "135790")]
    known.append(ev.PinJudged(2_100, verified=True, token="t"))
    session, _ = play(*AT_AMOUNT, *known, ev.Tapped(2_150), order=LARGE)
    assert session.phase is Phase.CONFIRMING

    session, _ = play(*AT_AMOUNT, *known, ev.AmountShown(2_150), ev.Tapped(2_900), order=LARGE)
    assert session.phase is Phase.AUTHORISING


BLINKED = Liveness(PadVerdict.BONA_FIDE, None, proven=ALWAYS | {Layer.LIGHT, Layer.MOVEMENT})


@pytest.mark.parametrize(
    "events",
    [
        [*AT_AMOUNT, MOVED, ev.Tapped(900)],
        [*recognised(BLINKED), ev.AmountShown(420), ev.Tapped(900)],
        [*AT_AMOUNT, STILL, *smiled(700)],
    ],
    ids=["blinked meanwhile", "blinked before", "smiled in answer"],
)
def test_who_blinked_or_smiled_needs_no_pin(events):
    """The button is equal to the smile."""
    session, _ = play(*events, order=LARGE)

    assert session.phase is Phase.AUTHORISING


def test_the_button_needs_nothing_more_for_a_small_sum():
    """As before."""
    session, _ = play(*AT_AMOUNT, ev.Tapped(900), order=SMALL)

    assert session.phase is Phase.AUTHORISING


def test_a_look_tells_whether_the_face_has_moved():
    """From the layers' word."""
    look = Look(PadVerdict.BONA_FIDE, None, "", smile=0.2, liveness=BLINKED)

    assert meaning(look, Phase.CONFIRMING, 5) == ev.SmileSampled(5, 0.2, moved=True)
