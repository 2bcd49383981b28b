"""Brings news to the event loop: a bell for who waits for one order, a stream for who listens.

`GET /v1/events` is a stream of server-sent events (WHATWG HTML, 9.2): `id` is the number of the
journal's record, so a listener that comes back with `Last-Event-ID` misses nothing.

Invariants: a listener's queue is bounded and one that does not keep up is hung up on; nobody is
waited for without end; at the stop everybody is let go at once.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from itertools import zip_longest

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from kiosk.domain.ids import OrderId
from kiosk.money.till.news import Missed, News, NewsDesk
from kiosk.money.till.rest import news_told

QUEUE_MAX = 200
LISTENERS_MAX = 16
KEEP_ALIVE_S = 15.0
SEND_S_MAX = 10.0
"""Seconds until a listener that does not read is hung up on."""
RETRY_MS = 2_000
"""What listeners are told to wait before they come back."""

Queue = asyncio.Queue[News | None]
"""News for one listener; None: it is over."""


class Bell:
    """Rings in the event loop when an order changes. Made and used on the loop's thread."""

    def __init__(self, desk: NewsDesk) -> None:
        """Listen from now on."""
        self._loop = asyncio.get_running_loop()
        self._desk = desk
        self._waiting: dict[OrderId, set[asyncio.Event]] = {}
        self._queues: set[Queue] = set()
        self.is_closed = False
        self._number = desk.listen(self._hear)

    @property
    def listeners(self) -> int:
        """How many streams are open."""
        return len(self._queues)

    @contextlib.contextmanager
    def ringing(self, order_id: OrderId) -> Iterator[asyncio.Event]:
        """Give an event that rings at each change of an order, and at the stop."""
        event = asyncio.Event()
        self._waiting.setdefault(order_id, set()).add(event)
        try:
            yield event
        finally:
            left = self._waiting[order_id]
            left.discard(event)
            if not left:
                del self._waiting[order_id]

    @contextlib.contextmanager
    def listening(self) -> Iterator[Queue]:
        """Give a queue with all news from now on."""
        queue: Queue = asyncio.Queue(QUEUE_MAX)
        self._queues.add(queue)
        try:
            yield queue
        finally:
            self._queues.discard(queue)

    def close(self) -> None:
        """Let everybody go."""
        self.is_closed = True
        self._desk.stop(self._number)
        for queue in tuple(self._queues):
            self._end(queue)
        for events in tuple(self._waiting.values()):
            for event in events:
                event.set()

    def close_soon(self) -> None:
        """Let everybody go; from any thread."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self.close)

    def _hear(self, news: News) -> None:
        """Take news from whichever thread has written the record; quick, and never raises."""
        # The loop may have ended in this moment.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._ring, news)

    def _ring(self, news: News) -> None:
        for event in self._waiting.get(news.order_id, ()):
            event.set()
        for queue in tuple(self._queues):
            try:
                queue.put_nowait(news)
            except asyncio.QueueFull:
                self._end(queue)

    def _end(self, queue: Queue) -> None:
        """End a stream; what it has not sent yet is sent again when its listener comes back."""
        self._queues.discard(queue)
        while not queue.empty():
            queue.get_nowait()
        queue.put_nowait(None)


class EventStream(Response):
    """The answer to `GET /v1/events`; an ASGI application of one request.

    Args:
        bell: Where news comes from.
        missed: Returns what came after the record that the listener names.
        wants: Whether this listener may see a piece of news.
        since: The last record that it has seen; None: it is new.
    """

    def __init__(
        self,
        bell: Bell,
        missed: Callable[[int], Awaitable[Missed]],
        wants: Callable[[News], bool],
        since: int | None,
    ) -> None:
        """Remember; nothing is sent yet."""
        super().__init__()
        self._bell = bell
        self._missed = missed
        self._wants = wants
        self._since = since

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send news until the listener goes, or is too slow, or the kiosk stops."""
        del scope
        with self._bell.listening() as queue:
            # First listen, then look back: nothing falls between.
            last = 0
            start = {"type": "http.response.start", "status": 200, "headers": _HEADERS}
            await send(start)
            gone = asyncio.create_task(_until_gone(receive))
            try:
                await self._send(send, f"retry: {RETRY_MS}\n\n")
                if self._since is not None:
                    last = await self._catch_up(send, self._since)
                await self._go_on(send, queue, gone, last)
            except (TimeoutError, OSError):
                pass  # a listener that does not read, or is not there any more
            finally:
                gone.cancel()
        with contextlib.suppress(TimeoutError, OSError):
            await self._send(send, "", more=False)

    async def _catch_up(self, send: Send, since: int) -> int:
        missed = await self._missed(since)
        if not missed.is_whole:
            await self._send(send, "event: reset\ndata: {}\n\n")
        news = [it for it in missed.news if self._wants(it)]
        for one, following in zip_longest(news, news[1:]):
            # One record can change several orders; only after the last of them it has been seen.
            is_last = following is None or following.record != one.record
            await self._send(send, _written(one, with_id=is_last))
        return missed.news[-1].record if missed.news else since

    async def _go_on(self, send: Send, queue: Queue, gone: asyncio.Task[None], last: int) -> None:
        while not self._bell.is_closed:
            getting = asyncio.create_task(queue.get())
            done, _ = await asyncio.wait(
                {getting, gone}, timeout=KEEP_ALIVE_S, return_when=asyncio.FIRST_COMPLETED
            )
            if getting not in done:
                getting.cancel()
            if gone in done:
                return
            if getting not in done:
                await self._send(send, ": here\n\n")
                continue
            news = getting.result()
            if news is None:
                return
            if news.record > last and self._wants(news):
                await self._send(send, _written(news, with_id=True))

    @staticmethod
    async def _send(send: Send, text: str, *, more: bool = True) -> None:
        body = {"type": "http.response.body", "body": text.encode(), "more_body": more}
        async with asyncio.timeout(SEND_S_MAX):
            await send(body)


_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"x-accel-buffering", b"no"),
]


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _written(news: News, *, with_id: bool) -> str:
    number = f"id: {news.record}\n" if with_id else ""
    return f"{number}event: order\ndata: {news_told(news).model_dump_json()}\n\n"
