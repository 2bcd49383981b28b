"""The one thread that talks to faces: it makes, uses and closes the connection.

The window hands it questions and gets answers by signal, each with the ticket of its question, so
that an answer that comes late is never taken for another's. Only frozen values cross.
Whatever goes wrong comes back as a `Trouble`, in sentences for staff; a mistake of ours is logged
and comes back as one too, because a window that hangs tells nobody anything.
`cancel` hangs up in the middle of a question; faces then undoes what it had begun.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from PySide6.QtCore import QObject, Signal

from enrollment.flow import FacesClient, OnProgress
from enrollment.qt.signals import ring
from kiosk.domain.errors import SmileTillError
from kiosk.link.protocol import Progress

JOIN_S_MAX = 10.0
QUESTIONS_MAX = 32
LINES_MAX = 512
"""Lines of progress that wait for the window; of more than that the oldest are dropped."""
CANCELLED = "cancelled"
BUG = "internal_error"
BUSY = "window_busy"

logger = logging.getLogger(__name__)


class Connection(FacesClient, Protocol):
    """A connection to faces that can be ended, also by another thread in the middle of a call."""

    def hang_up(self) -> None:
        """Wake whoever waits on it; their call ends with an error."""
        ...

    def close(self) -> None:
        """End it. Calling it twice is no error."""
        ...


Connect = Callable[[], Connection]
Work = Callable[[FacesClient, OnProgress], object]


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something could not be done: its reason code, and the sentences of whoever said so."""

    code: str
    message: str = ""
    mend: str = ""


@dataclass(frozen=True, slots=True)
class _Question:
    ticket: int
    work: Work


@dataclass(frozen=True, slots=True)
class _Asker:
    """Whom to tell, on the window's thread."""

    then: Callable[[Any], object] | None
    otherwise: Callable[[Trouble], object] | None
    on_progress: Callable[[Progress], object] | None


class FacesWorker(QObject):
    """Asks faces one question after another.

    Args:
        connect: Makes a connection; raises `SmileTillError`.
    """

    _ended = Signal(int, object)
    """Ticket, and the answer or a `Trouble`."""
    _lines_came = Signal()
    trouble = Signal(object)
    """A `Trouble` that nobody asked to be told of."""

    def __init__(self, connect: Connect) -> None:
        """Keep the way to faces; `start` makes the thread, the first question the connection."""
        super().__init__()
        self._connect = connect
        self.first: Work | None = None
        """Asked on every new connection before anything else; such as who is at the desk."""
        self._questions: queue.Queue[_Question | None] = queue.Queue(QUESTIONS_MAX)
        self._guard = threading.Lock()
        self._client: Connection | None = None
        self._current = 0
        self._cancelled: set[int] = set()
        self._lines: deque[tuple[int, Progress]] = deque(maxlen=LINES_MAX)
        self._ticket = 0
        self._askers: dict[int, _Asker] = {}
        self._thread = threading.Thread(target=self._run, name="faces-link")
        self._lines_came.connect(self._tell_lines)
        self._ended.connect(self._tell_end)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> bool:
        """Hang up, end the thread; return whether that came in time."""
        with self._guard:
            self._cancelled.update(self._askers)
            self._hang_up()
        self._askers.clear()
        self._questions.put(None)
        self._thread.join(JOIN_S_MAX)
        return not self._thread.is_alive()

    def ask(
        self,
        work: Work,
        then: Callable[[Any], object] | None = None,
        *,
        otherwise: Callable[[Trouble], object] | None = None,
        on_progress: Callable[[Progress], object] | None = None,
    ) -> int:
        """Have something asked, and return the ticket that `cancel` takes.

        Args:
            work: Run on the worker's thread.
            then: Told of the answer.
            otherwise: Told of a `Trouble`; without it the signal `trouble` tells.
            on_progress: Told of every step before the answer.
        """
        self._ticket += 1
        ticket = self._ticket
        self._askers[ticket] = _Asker(then, otherwise, on_progress)
        try:
            self._questions.put_nowait(_Question(ticket, work))
        except queue.Full:
            self._tell_end(ticket, Trouble(BUSY))
        return ticket

    def cancel(self, ticket: int) -> None:
        """Hang up on a question; it ends as `Trouble("cancelled")` unless it is done already."""
        with self._guard:
            self._cancelled.add(ticket)
            if self._current == ticket:
                self._hang_up()

    def forget(self) -> None:
        """End the connection; the next question makes a new one."""
        self.ask(lambda _client, _lines: self._drop())

    def _hang_up(self) -> None:
        if self._client is not None:
            self._client.hang_up()

    def _run(self) -> None:
        while (question := self._questions.get()) is not None:
            ticket = question.ticket
            answer: object
            try:
                answer = self._answer(question)
            except SmileTillError as error:
                self._drop_if_down(error.code)
                answer = Trouble(error.code, error.message, error.mend)
            except Exception as error:  # noqa: BLE001 - whatever it is, staff must be told
                logger.error("asking faces failed by a mistake of ours: %s", type(error).__name__)  # noqa: TRY400
                self._drop()
                answer = Trouble(BUG)
            with self._guard:
                self._current = 0
                if ticket in self._cancelled and isinstance(answer, Trouble):
                    answer = Trouble(CANCELLED)
                self._cancelled.discard(ticket)
            ring(self._ended, ticket, answer)
        self._drop()

    def _answer(self, question: _Question) -> object:
        with self._guard:
            self._current = question.ticket
        client = self._connected(question.ticket)

        def on_progress(line: Progress) -> None:
            with self._guard:
                is_first = not self._lines
                self._lines.append((question.ticket, line))
            if is_first:
                ring(self._lines_came)

        return question.work(client, on_progress)

    def _connected(self, ticket: int) -> Connection:
        client = self._client
        if client is None:
            client = self._connect()
            with self._guard:
                self._client = client
            try:
                if self.first is not None:
                    self.first(client, lambda _line: None)
            except SmileTillError:
                self._drop()
                raise
        with self._guard:
            if ticket in self._cancelled:
                raise _CancelledError
        return client

    def _drop_if_down(self, code: str) -> None:
        # Whoever hung up, and why: nothing more comes over this connection.
        if code in {"link_down", CANCELLED}:
            self._drop()

    def _drop(self) -> None:
        with self._guard:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def _tell_lines(self) -> None:
        with self._guard:
            lines = list(self._lines)
            self._lines.clear()
            wanted = [pair for pair in lines if pair[0] not in self._cancelled]
        for ticket, line in wanted:
            asker = self._askers.get(ticket)
            if asker is not None and asker.on_progress is not None:
                asker.on_progress(line)

    def _tell_end(self, ticket: int, answer: object) -> None:
        asker = self._askers.pop(ticket, None)
        if asker is None:
            return
        if not isinstance(answer, Trouble):
            if asker.then is not None:
                asker.then(answer)
        elif asker.otherwise is not None:
            asker.otherwise(answer)
        else:
            ring(self.trouble, answer)


class _CancelledError(SmileTillError):
    def __init__(self) -> None:
        super().__init__("It was cancelled.", code=CANCELLED, mend="Start again.")
