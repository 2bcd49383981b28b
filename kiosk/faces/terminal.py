"""The terminal: puts the real eyes, camera and money behind the screen.

The composition root of the screen; `kiosk.faces.main` hands it the parts of the process.
A camera that is not live plays at the speed of its own clock, since a customer at a screen has none
but real time.
"""

from __future__ import annotations

import hmac
import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kiosk.domain.errors import SmileTillError
from kiosk.domain.headturn import draw_turn
from kiosk.domain.identification import Identification
from kiosk.domain.ids import OrderId, OrderNonce, PackId, PersonId
from kiosk.domain.lightcode import LightBook
from kiosk.domain.order import OrderState
from kiosk.domain.session import events as ev
from kiosk.domain.session.look import Look
from kiosk.domain.stepup import StepUpPolicy
from kiosk.faces.camera.choice import Cameras
from kiosk.faces.exposure import ExposureKeeper
from kiosk.faces.eyes import Eyes
from kiosk.faces.learning import Learn, learn_from, learn_nothing
from kiosk.faces.money_link import MoneyLink
from kiosk.faces.paired_eyes import eyes_of
from kiosk.faces.registrar import CustomerDesk, DeskRegistrar, Owners
from kiosk.faces.screen.application import application, close_window, load_window, run_until
from kiosk.faces.screen.session_model import SessionModel
from kiosk.faces.teller import People, Question, Teller
from kiosk.faces.vault.gallery import Gallery
from kiosk.faces.vision.pad.sight import CameraFacts
from kiosk.faces.vision.room import VisionRoom
from kiosk.link.protocol import (
    AbortOrder,
    AcknowledgeOrder,
    CameraSpec,
    CloseElsewhere,
    Done,
    NextOrder,
    OrderOffer,
    OrderStatus,
)

if TYPE_CHECKING:
    from kiosk.faces.camera.port import Frame

NEXT_WAIT_MS = 800
LIGHT_LEAD_MS = 200
"""From drawing a light plan to its first colour: it must be at the screen before."""
WRONG_CODES_MAX = 3
CODE_PAUSE_S = 60.0
"""After three wrong staff codes in a row none is looked at for a minute."""

logger = logging.getLogger(__name__)


class RoomLooker:
    """The vision room and one camera, as the screen's `Looker`; for the vision thread only.

    Args:
        room: Lends the networks.
        gallery: Who can be meant.
        packs_of: Tells the packs that people here are searched with, the installation's own first.
        spec: Which camera.
        cameras: Makes it.
        lights: Whether the screen may change its colour while the camera looks.
        confirmed: Tells, once, who has paid by face and PIN since it was last asked.
        learn: Told what their visit could teach.
    """

    def __init__(
        self,
        room: VisionRoom,
        gallery: Gallery,
        packs_of: Callable[[], tuple[PackId, ...]],
        spec: CameraSpec,
        cameras: Cameras,
        *,
        lights: bool = True,
        confirmed: Callable[[], PersonId | None] = lambda: None,
        learn: Learn = learn_nothing,
    ) -> None:
        """Open and load nothing."""
        self._lights = lights
        self._confirmed = confirmed
        self._learn = learn
        self._book = LightBook(secrets.randbelow)
        self._room = room
        self._gallery = gallery
        self._packs_of = packs_of
        self._spec = spec
        self._cameras = cameras
        self._visit = ExitStack()
        self._camera = ExitStack()
        self._frames: Iterator[Frame] | None = None
        self._eyes: Eyes | None = None
        self._exposure: ExposureKeeper | None = None
        self._began: tuple[float, int] | None = None
        self._turn_is_due = self._turn_is_asked = False

    def prepare(self) -> None:
        """Load the networks."""
        with self._room.visit_all(self._packs_of()):
            logger.info("the networks are loaded")

    def open(self) -> None:
        """Take the room, open the camera, begin with nothing seen."""
        self._confirmed()  # whoever paid before is not who is looked at now
        sights = self._visit.enter_context(self._room.visit_all(self._packs_of()))
        facts = CameraFacts.of(self._spec.kind, lit=self._lights, exposure=True, screen=True)
        self._eyes = eyes_of(sights, self._gallery, facts)
        make = self._cameras.of(
            self._spec, pad_sandbox_only=any(it.pack.sandbox_only for it in sights)
        )
        self._began = None
        self._turn_is_due = self._turn_is_asked = False
        camera = self._camera.enter_context(make())
        self._frames = camera.frames()
        self._exposure = ExposureKeeper(camera, self._eyes.streams, secrets.randbelow)

    def look(self) -> Look | None:
        """Look at the next frame, at its time."""
        assert self._eyes is not None
        assert self._frames is not None
        assert self._exposure is not None
        frame = next(self._frames, None)
        if frame is None:
            return None
        if not self._spec.kind.is_live:
            self._wait_for(frame.at_ms)
        if self._exposure.lets_shine:
            self._prompt(frame.at_ms)
        return self._exposure.look(self._eyes, frame)

    def _prompt(self, at_ms: int) -> None:
        """Begin what is due: colours, or, without colours, a turn, which they would disturb."""
        assert self._eyes is not None
        if self._eyes.wants_light and not self._turn_is_asked:
            self._eyes.shine(self._book.draw(at_ms + LIGHT_LEAD_MS))
        if self._turn_is_due and self._eyes.can_turn(at_ms):
            self._turn_is_due = False
            self._eyes.ask_turn(draw_turn(secrets.randbelow, at_ms))

    def ask_turn(self) -> None:
        """Ask for a turned head from the next frame on that shows who was identified."""
        self._turn_is_due = self._turn_is_asked = True

    def finish(self) -> Look:
        """Say what it came to."""
        assert self._eyes is not None
        return self._eyes.finish()

    def look_again(self) -> None:
        """Go on after a pause."""
        self._turn_is_due = self._turn_is_asked = False
        if self._eyes is not None:
            self._eyes.look_again()

    def claim(self, digits: str) -> Identification | None:
        """Search among the people with these digits."""
        return None if self._eyes is None else self._eyes.claim(digits)

    def close(self) -> None:
        """Close the camera."""
        self._frames = self._exposure = None
        self._camera.pop_all().close()

    def wipe(self) -> None:
        """Forget what was seen and give the room back."""
        learn_from(self, self._eyes, self._learn)
        if self._eyes is not None:
            self._eyes.wipe()
            self._eyes = None
        self._visit.pop_all().close()

    def take_confirmed(self) -> PersonId | None:
        """Return, once, who has paid by face and PIN."""
        return self._confirmed()

    def _wait_for(self, at_ms: int) -> None:
        now = time.monotonic()
        if self._began is None:
            self._began = now, at_ms
        began, first_ms = self._began
        time.sleep(max(0.0, began + (at_ms - first_ms) / 1_000 - now))


class MoneyCashier:
    """The link to money, as the screen's `Cashier`; for the link thread only.

    Args:
        money: The link.
        people: The vault's answers.
        staff_codes: Who may close a bill as paid at the till, and by which code.
    """

    def __init__(self, money: MoneyLink, people: People, staff_codes: Mapping[str, str]) -> None:
        """Turn to no order yet."""
        self._money = money
        self._people = people
        self._staff_codes = staff_codes
        self._teller: Teller | None = None
        self._wrong_codes = 0
        self._deaf_until = 0.0

    def next_order(self) -> OrderOffer | None:
        """Wait a moment for an order, and turn to it."""
        offer = self._money.ask(NextOrder(NEXT_WAIT_MS), object)
        if not isinstance(offer, OrderOffer):
            return None
        nonce = offer.nonce or OrderNonce("")
        self._teller = Teller(self._money, self._people, offer.order, nonce, on_screen=True)
        return offer

    def answer(self, question: Question) -> ev.Event:
        """Ask for the order at hand."""
        assert self._teller is not None
        return self._teller.answer(question)

    def outcome(self) -> ev.Event:
        """Ask what became of the order at hand."""
        assert self._teller is not None
        return self._teller.outcome()

    def take_confirmed(self) -> PersonId | None:
        """Return, once, who has paid the order at hand by face and PIN."""
        return None if self._teller is None else self._teller.take_confirmed()

    def state(self, order_id: OrderId) -> OrderState:
        """Ask how far an order has come."""
        return self._money.status(order_id).state

    def acknowledge(self, order_id: OrderId) -> None:
        """Say that somebody has seen the end."""
        self._money.ask(AcknowledgeOrder(order_id), Done)

    def take_back(self, order_id: OrderId, reason: str) -> None:
        """Give the order back to the till."""
        self._money.ask(AbortOrder(order_id, reason), OrderStatus)

    def close_elsewhere(self, order_id: OrderId, code: str) -> bool:
        """Close an order as paid at the till, if the code is somebody's."""
        staff = self._who(code)
        if staff is None:
            return False
        status = self._money.ask(CloseElsewhere(order_id, staff), OrderStatus)
        return status.state is OrderState.PAID_ELSEWHERE

    def _who(self, code: str) -> str | None:
        now = time.monotonic()
        if now < self._deaf_until:
            return None
        # Every code is compared, so that the time tells nothing.
        fits = [
            name
            for name, known in self._staff_codes.items()
            if hmac.compare_digest(known.encode(), code.encode())
        ]
        self._wrong_codes = 0 if fits else self._wrong_codes + 1
        if self._wrong_codes >= WRONG_CODES_MAX:
            self._wrong_codes, self._deaf_until = 0, now + CODE_PAUSE_S
        return fits[0] if fits else None


@dataclass(frozen=True, slots=True)
class TerminalParts:
    """What the process lends to its screen."""

    run_dir: Path
    room: VisionRoom
    gallery: Gallery
    people: People
    packs_of: Callable[[], tuple[PackId, ...]]
    camera: CameraSpec
    cameras: Cameras
    policy: StepUpPolicy
    payee: str
    language: str
    staff_codes: Mapping[str, str]
    lights: bool
    """Whether the screen may change its colour while the camera looks."""
    desk: CustomerDesk
    owners: Owners
    learn: Learn


class Terminal:
    """The screen of one faces process; made, run and closed on the main thread."""

    def __init__(self, parts: TerminalParts, *, windowed: bool) -> None:
        """Make the window and its session; nothing runs yet.

        Raises:
            SetupError: There is no display, or the QML is damaged.
        """
        application()
        self._money = MoneyLink(
            parts.run_dir, parts.camera.kind, sandbox_only=_is_sandbox_only(parts)
        )
        cashier = MoneyCashier(self._money, parts.people, parts.staff_codes)
        looker = RoomLooker(
            parts.room,
            parts.gallery,
            parts.packs_of,
            parts.camera,
            parts.cameras,
            lights=parts.lights,
            confirmed=cashier.take_confirmed,
            learn=parts.learn,
        )
        self.model = SessionModel(
            looker,
            cashier,
            policy=parts.policy,
            payee=parts.payee,
            language=parts.language,
            staff_can_close=bool(parts.staff_codes),
            registrar=DeskRegistrar(parts.desk, parts.owners, self._money.prove_pin),
        )
        self._engine, self._window = load_window({"session": self.model, "windowed": windowed})

    def run(self, stop: threading.Event) -> None:
        """Show until the window is closed or the process is told to stop."""
        self.model.start()
        run_until(stop)
        ended = self.model.stop()
        close_window(self._engine, self._window)
        if ended:
            self._money.close()
        else:
            # It waits for money, which brings the payment to its end without us.
            logger.warning("a thread of the screen did not end in time")


def _is_sandbox_only(parts: TerminalParts) -> bool:
    """Say whether the pack in use may never meet a real bank; one that is missing says so later."""
    try:
        return any(parts.room.is_sandbox_only(pack) for pack in parts.packs_of())
    except SmileTillError as error:
        logger.warning("the model pack cannot be used: %s", error.code)
        return True
