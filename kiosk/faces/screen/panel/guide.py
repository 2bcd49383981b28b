"""The guided story as steps: what each says, what it does, and what it waits for. No Qt.

A step does its work on the caller's thread and returns a sentence; it may take seconds.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kiosk.domain.errors import SmileTillError
from kiosk.domain.evidence import CameraKind
from kiosk.domain.ids import OrderId
from kiosk.domain.money import parse_amount
from kiosk.domain.order import OrderState
from kiosk.faces.screen.panel.feed import say
from kiosk.link.client import LinkClient
from kiosk.link.frames import Word
from kiosk.link.protocol import (
    PROTOCOL_VERSION,
    AbortOrder,
    CameraSpec,
    Enrolled,
    EnrolPerson,
    EnrolRefused,
    GetOrderStatus,
    Hello,
    ListOrders,
    OpenOrder,
    Orders,
    OrderStatus,
    Role,
)

ENROL_S_MAX = 120.0


@dataclass(frozen=True, slots=True)
class PanelGuest:
    """A simulated customer, as the panel needs them."""

    figure: int
    name: str
    phone: str
    pin: str


@dataclass(frozen=True, slots=True)
class PanelVisit:
    """One visit to the till: what the panel says, and who steps before the simulated camera."""

    title: str
    advice: str
    amount: str
    figure: int
    holds_photo: bool


@dataclass(frozen=True, slots=True)
class PanelStory:
    """The evening, in order."""

    pack: str
    guests: tuple[PanelGuest, ...]
    visits: tuple[PanelVisit, ...]


class Guide:
    """Plays the story against a running installation.

    Args:
        run_dir: Where the sockets of faces, money and the people lie.
        story: The evening.
    """

    def __init__(self, run_dir: Path, story: PanelStory) -> None:
        """Remember both; nothing is connected."""
        self._run_dir = run_dir
        self.story = story
        self.order: OrderId | None = None

    def enrol_all(self, tell: Callable[[str], None]) -> str:
        """Enrol every guest at the desk, with the real capture on simulated frames.

        Raises:
            SmileTillError: Faces, money or the people are not there.
        """
        hello = Hello(PROTOCOL_VERSION, Role.STAFF)
        enrolled = 0
        with LinkClient(self._run_dir, "faces", hello) as faces:
            for guest in self.story.guests:
                tell(f"{guest.name} enrols at the counter …")
                scene = CameraSpec(CameraKind.SIMULATED, path=f"customer:{guest.figure}:seed=1")
                question = EnrolPerson(
                    guest.name, guest.phone, guest.pin, "v1", scene, self.story.pack
                )
                answer: object = faces.call(question, object, timeout_s=ENROL_S_MAX)
                if isinstance(answer, EnrolRefused):
                    return f"{guest.name} could not be enrolled: {answer.reason}."
                enrolled += isinstance(answer, Enrolled)
        return f"{enrolled} guests are enrolled."

    def begin(self, visit: PanelVisit) -> str:
        """Send the bill to the kiosk and put the visitor before the simulated camera."""
        say(self._run_dir, "person", visit.figure)
        if visit.holds_photo:
            say(self._run_dir, "show_photo", visit.figure)
        self.send(visit.amount)
        return visit.advice

    def send(self, amount: str) -> str:
        """Send a bill to the kiosk; one that still waits is taken back first.

        Raises:
            BadInputError: The amount is none.
        """
        due = parse_amount(amount)
        with self._money() as money:
            if self.order is not None:
                money.call(AbortOrder(self.order, "next_guest"), OrderStatus)
            self.order = OrderId(f"demo-{secrets.token_hex(4)}")
            money.call(OpenOrder(self.order, due), OrderStatus)
        return f"A bill of {due} is on the kiosk."

    def gesture(self, word: Word, person: int | None = None) -> str:
        """Have whoever stands before the camera do something."""
        say(self._run_dir, word, person)
        return ""

    def outcome(self) -> str:
        """Say how the newest bill stands."""
        if self.order is None:
            return ""
        with self._money() as money:
            status = money.call(GetOrderStatus(self.order), OrderStatus)
        return {
            OrderState.OPEN: "not paid yet",
            OrderState.IN_FLIGHT: "on its way to the bank",
            OrderState.PAID: "PAID",
            OrderState.UNKNOWN: "UNKNOWN: ask the bank",
            OrderState.CANCELLED: "taken back",
            OrderState.PAID_ELSEWHERE: "paid in another way",
        }[status.state]

    def takings(self) -> str:
        """Add up what has been paid, in words."""
        try:
            with self._money() as money:
                orders = money.call(ListOrders(), Orders).orders
        except SmileTillError:
            return ""
        paid = [it.order.amount.minor_units for it in orders if it.state is OrderState.PAID]
        return f"{len(paid)} paid, {sum(paid) // 100}.{sum(paid) % 100:02d} in all"

    def _money(self) -> LinkClient:
        return LinkClient(self._run_dir, "money", Hello(PROTOCOL_VERSION, Role.TILL))
