"""The two threads behind the window: one looks, one talks to money.

What they work with is made, used and closed on its own thread. Only frozen values come back, by
signal, each with the ticket of the session that asked, so that an answer that comes late can never
be taken for the answer to another session.
A fault of the world comes back as a value; a mistake of ours is logged and comes back as one too,
because a window that hangs tells a customer nothing.
"""

from __future__ import annotations

import enum
import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from PySide6.QtCore import QObject, Signal

from kiosk.domain.errors import SmileTillError
from kiosk.domain.identification import Identification
from kiosk.domain.ids import OrderId
from kiosk.domain.order import OrderState
from kiosk.domain.session import effects as fx
from kiosk.domain.session import events as ev
from kiosk.domain.session.look import Look
from kiosk.faces.screen.signals import ring
from kiosk.link.protocol import OrderOffer

JOIN_S_MAX = 4.0
"""Seconds that a thread gets to end; a process that is stopped has eight."""
BUG = "internal_error"

Question = fx.AskFacts | fx.VerifyPin | fx.VerifyPhone | fx.Authorise

logger = logging.getLogger(__name__)


class Looker(Protocol):
    """Camera and eyes of one session after another; used on the vision thread only."""

    def prepare(self) -> None:
        """Load what takes long, before the first customer. Opens no camera."""
        ...

    def open(self) -> None:
        """Open the camera and be ready to look. Raises `SmileTillError`."""
        ...

    def look(self) -> Look | None:
        """Wait for the next frame and look at it; None when there are no more."""
        ...

    def finish(self) -> Look:
        """Say what it came to, when no frame will follow."""
        ...

    def look_again(self) -> None:
        """Go on after a pause in which the customer looked elsewhere."""
        ...

    def ask_turn(self) -> None:
        """Ask for a turned head, to a side drawn by chance; the looks tell to which."""
        ...

    def claim(self, digits: str) -> Identification | None:
        """Search again among the people with these digits."""
        ...

    def close(self) -> None:
        """Close the camera; what was seen stays until `wipe`."""
        ...

    def wipe(self) -> None:
        """Overwrite and forget what was seen."""
        ...


class Cashier(Protocol):
    """What the screen asks of money; used on the link thread only. Raises `SmileTillError`."""

    def next_order(self) -> OrderOffer | None:
        """Wait a moment for an order that needs the screen, and turn to it."""
        ...

    def answer(self, question: Question) -> ev.Event:
        """Ask for the order at hand; the event has no time yet."""
        ...

    def outcome(self) -> ev.Event:
        """Ask what became of the order at hand."""
        ...

    def state(self, order_id: OrderId) -> OrderState:
        """Ask how far an order has come."""
        ...

    def acknowledge(self, order_id: OrderId) -> None:
        """Say that somebody has seen the end of an order."""
        ...

    def take_back(self, order_id: OrderId, reason: str) -> None:
        """Give an order back to the till, not paid."""
        ...

    def close_elsewhere(self, order_id: OrderId, code: str) -> bool:
        """Have staff, known by a code, close an order as paid at the till."""
        ...


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something could not be done, by its reason code."""

    code: str


class _Order(enum.Enum):
    OPEN = "open"
    WATCH = "watch"
    PAUSE = "pause"
    CLAIM = "claim"
    TURN = "turn"
    CLOSE = "close"
    WIPE = "wipe"
    STOP = "stop"


class VisionWorker(QObject):
    """Looks while it is told to; everything it is told is done in order."""

    looked = Signal(int, object)
    """Ticket and `Look`: one more frame."""
    ended = Signal(int, object)
    """Ticket and the last `Look`: no frame will follow."""
    claimed = Signal(int, object)
    """Ticket and `Identification` or None."""
    failed = Signal(int, str)
    """Ticket and the reason code."""

    def __init__(self, looker: Looker) -> None:
        """Keep the looker for the thread; `start` makes the thread."""
        super().__init__()
        self._looker = looker
        self._orders: queue.SimpleQueue[tuple[_Order, int, str]] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="vision", daemon=True)
        self._ticket = 0
        self._is_open = False
        self._watching = False

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> bool:
        """Close and wipe, end the thread; return whether it ended in time."""
        for order in (_Order.CLOSE, _Order.WIPE, _Order.STOP):
            self._orders.put((order, 0, ""))
        self._thread.join(JOIN_S_MAX)
        return not self._thread.is_alive()

    def open(self, ticket: int) -> None:
        """Open the camera for a session."""
        self._orders.put((_Order.OPEN, ticket, ""))

    def watch(self, *, on: bool) -> None:
        """Look, or pause with the camera open while the customer types."""
        self._orders.put((_Order.WATCH if on else _Order.PAUSE, 0, ""))

    def claim(self, ticket: int, digits: str) -> None:
        """Search among the people with these digits."""
        self._orders.put((_Order.CLAIM, ticket, digits))

    def ask_turn(self) -> None:
        """Ask for a turned head."""
        self._orders.put((_Order.TURN, 0, ""))

    def close(self) -> None:
        """Close the camera."""
        self._orders.put((_Order.CLOSE, 0, ""))

    def wipe(self) -> None:
        """Forget what was seen."""
        self._orders.put((_Order.WIPE, 0, ""))

    def _run(self) -> None:
        self._guard(self._looker.prepare)
        kind = _Order.WIPE
        while kind is not _Order.STOP:
            try:
                busy = self._is_open and self._watching
                order = self._orders.get_nowait() if busy else self._orders.get()
            except queue.Empty:
                self._guard(self._look)
                continue
            kind = order[0]
            self._guard(partial(self._obey, *order))

    def _guard(self, work: Callable[[], None]) -> None:
        try:
            work()
        except SmileTillError as error:
            logger.warning("looking failed: %s", error.code)
            self._give_up(error.code)
        except Exception as error:  # noqa: BLE001 - whatever it is, the customer must be told
            logger.error("looking failed by a mistake of ours: %s", type(error).__name__)  # noqa: TRY400
            self._give_up(BUG)

    def _give_up(self, code: str) -> None:
        self._watching = False
        ring(self.failed, self._ticket, code)

    def _obey(self, kind: _Order, ticket: int, digits: str) -> None:
        match kind:
            case _Order.OPEN:
                self._ticket = ticket
                self._looker.open()
                self._is_open = True
            case _Order.WATCH:
                if not self._watching:
                    self._looker.look_again()
                self._watching = True
            case _Order.PAUSE:
                self._watching = False
            case _Order.CLAIM:
                ring(self.claimed, ticket, self._looker.claim(digits))
            case _Order.TURN:
                self._looker.ask_turn()
            case _Order.CLOSE:
                self._is_open = self._watching = False
                self._looker.close()
            case _Order.WIPE:
                self._looker.wipe()
            case _Order.STOP:
                pass

    def _look(self) -> None:
        look = self._looker.look()
        if look is None:
            self._watching = False
            ring(self.ended, self._ticket, self._looker.finish())
        else:
            ring(self.looked, self._ticket, look)


@dataclass(frozen=True, slots=True)
class _Job:
    ticket: int
    topic: str
    work: Callable[[], object]


class LinkWorker(QObject):
    """Talks to money, one question after another."""

    answered = Signal(int, str, object)
    """Ticket, topic, and the answer or `Trouble`."""

    def __init__(self) -> None:
        """Be ready; `start` makes the thread."""
        super().__init__()
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        # A payment's answer may take 45 s; a process that is stopped does not wait for it, since
        # money carries every payment to its end without us.
        self._thread = threading.Thread(target=self._run, name="link", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> bool:
        """End the thread after what it is at; return whether that came in time."""
        self._jobs.put(None)
        self._thread.join(JOIN_S_MAX)
        return not self._thread.is_alive()

    def ask(self, ticket: int, topic: str, work: Callable[[], object]) -> None:
        """Have something asked; the answer comes by `answered`."""
        self._jobs.put(_Job(ticket, topic, work))

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            answer: object
            try:
                answer = job.work()
            except SmileTillError as error:
                answer = Trouble(error.code)
            except Exception as error:  # noqa: BLE001 - whatever it is, the customer must be told
                logger.error("asking failed by a mistake of ours: %s", type(error).__name__)  # noqa: TRY400
                answer = Trouble(BUG)
            ring(self.answered, job.ticket, job.topic, answer)
