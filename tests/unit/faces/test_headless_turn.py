"""Without a screen nobody can be asked to turn the head: the PIN is asked, and never a pass."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pytest

from kiosk.domain.consent import ConsentKind
from kiosk.domain.evidence import CameraKind, PadVerdict
from kiosk.domain.ids import OrderId, OrderNonce, PayerAlias
from kiosk.domain.money import Money
from kiosk.domain.order import OrderState, Outcome
from kiosk.domain.pad import ALWAYS, Layer, Liveness
from kiosk.domain.session.look import Look
from kiosk.domain.stepup import Ask, StepUpPolicy
from kiosk.faces.camera.port import Frame
from kiosk.faces.headless import HeadlessSession
from kiosk.faces.vision.pad.sight import CameraFacts
from kiosk.link.protocol import CameraSpec, PayHeadless, SessionReport
from tests.fakes.screen import FACTS, PIN, order, verdict

LIT = ALWAYS | {Layer.LIGHT}
MISSING = Liveness(PadVerdict.BONA_FIDE, None, proven=LIT, missing=frozenset({Layer.TURN}))
WAITING = Liveness(PadVerdict.BONA_FIDE, None, proven=LIT, waiting=frozenset({Layer.TURN}))
PICTURE = np.full((48, 64, 3), 90, np.uint8)
LAX = StepUpPolicy(turn_above=Money(1_000), liveness_unproven=Ask.NONE, sensor_degraded=Ask.NONE)
"""Asks for a turn far below the sums that need the PIN anyway, and for no PIN elsewhere."""


class FakeMoney:
    """Money with one order; whoever is authorised pays."""

    def __init__(self, minor_units: int) -> None:
        self.order = order(minor_units=minor_units)
        self.tokens: list[str | None] = []

    def status(self, _order_id):
        return SimpleNamespace(state=OrderState.OPEN, reason="", order=self.order)

    def facts(self, _alias):
        return FACTS

    def verify_pin(self, _alias, _order_id, _nonce, pin):
        fits = pin == PIN
        return SimpleNamespace(verified=fits, reason="", token="t" if fits else None)

    def authorise(self, _order, _nonce, _alias, *_rest, **_more):
        return SimpleNamespace(outcome=Outcome.PAID, reason="settled")


class StillEyes:
    """Has recognised Anne, who is lit and blinks; of a turn it says what the test wants."""

    newest = None
    streams = ()
    frames_seen = 1

    def __init__(self, liveness: Liveness) -> None:
        self._look = Look(PadVerdict.BONA_FIDE, verdict(), "", 0.1, liveness=liveness)

    def look(self, _frame):
        return self._look

    def finish(self):
        return self._look

    def stages_ms(self):
        return {}

    def lessons(self, _person):
        return ()

    def wipe(self):
        pass


PEOPLE = SimpleNamespace(
    alias=lambda _person: PayerAlias("a-1"),
    pin_always=lambda _person: "",
    keep_evidence=lambda *_: None,
    used=lambda _person: None,
)


def pay(liveness, *, minor_units=2_000, pin=None, policy=LAX, frames=40):
    request = PayHeadless(
        OrderId("o-1"),
        OrderNonce("n"),
        CameraSpec(CameraKind.FRAME_FOLDER, path="nowhere"),
        ConsentKind.TAP,
        pin=pin,
    )
    camera = SimpleNamespace(
        frames=lambda: iter([Frame(PICTURE, k, 200 * k) for k in range(frames)])
    )
    session = HeadlessSession(
        request,
        money=FakeMoney(minor_units),
        people=PEOPLE,
        camera=lambda: nullcontext(camera),
        eyes=lambda: StillEyes(liveness),
        policy=policy,
    )
    (report,) = [told for told in session.run() if isinstance(told, SessionReport)]
    return report


@pytest.mark.parametrize("kind", [CameraKind.FRAME_FOLDER, CameraKind.SIMULATED, CameraKind.DEVICE])
def test_no_camera_of_a_payment_without_a_screen_can_ask(kind):
    """So the layer is missing from the first frame on."""
    assert not CameraFacts.of(kind).asked


@pytest.mark.parametrize(
    ("minor_units", "policy"), [(2_000, LAX), (9_000, StepUpPolicy())], ids=["lax", "as shipped"]
)
def test_what_cannot_run_is_the_pin_and_never_a_pass(minor_units, policy):
    """Not paid without it, paid with it."""
    without = pay(MISSING, minor_units=minor_units, policy=policy)
    assert (without.outcome, without.asked) == (Outcome.NOT_PAID, ("pin",))

    given = pay(MISSING, minor_units=minor_units, policy=policy, pin=PIN)
    assert (given.outcome, given.asked) == (Outcome.PAID, ("pin",))


def test_eyes_that_could_ask_are_told_that_nobody_is_there():
    """The same end, should a camera ever say that it can: no question is waited for."""
    report = pay(WAITING)

    assert (report.outcome, report.asked) == (Outcome.NOT_PAID, ("pin",))


def test_below_the_sum_nothing_has_changed():
    """As ever: no PIN, no turn."""
    report = pay(MISSING, minor_units=900)

    assert (report.outcome, report.asked) == (Outcome.PAID, ())
