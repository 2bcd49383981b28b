"""HTTP/1.1 as uvicorn speaks it, with a limit on how long a request may take to arrive.

uvicorn bounds the pause between requests but not a request that comes byte by byte (slow loris).
"""

from __future__ import annotations

import asyncio
from typing import cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

ARRIVAL_S_MAX = 15.0
"""From a connection's start, or a request's first byte, to the end of its body."""

GOODBYE_S_MAX = 0.2
"""At the stop, from the last byte of an answer to the end of its connection."""


class TimedProtocol(H11Protocol):
    """Hangs up on whoever does not get a request across in time."""

    _hurry: asyncio.TimerHandle | None = None
    _is_stopping = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for the first request."""
        made = cast("asyncio.Transport", transport)
        super().connection_made(made)
        self._hurry = self.loop.call_later(ARRIVAL_S_MAX, made.abort)

    def data_received(self, data: bytes) -> None:
        """Take bytes; the time runs until a request is whole."""
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """Go on to the next request, of which a part may be there already."""
        super().on_response_complete()
        if self._is_stopping:
            self._abort_soon()
        elif self.conn.trailing_data[0]:
            self._watch()

    def shutdown(self) -> None:
        """Close, at once or after the answer under way, whether the other side agrees or not."""
        self._is_stopping = True
        super().shutdown()
        # Before the first request there is none, whatever uvicorn's annotation says.
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is None or cycle.response_complete:
            self._abort_soon()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the time."""
        self._stop()
        super().connection_lost(exc)

    def _abort_soon(self) -> None:
        """Wait no longer for the other side's end of TLS than a moment."""
        self.loop.call_later(GOODBYE_S_MAX, self.transport.abort)

    def _watch(self) -> None:
        arriving = self.conn.their_state in {h11.IDLE, h11.SEND_BODY}
        if not arriving:
            self._stop()
        elif self._hurry is None and not self.transport.is_closing():
            self._hurry = self.loop.call_later(ARRIVAL_S_MAX, self.transport.abort)

    def _stop(self) -> None:
        if self._hurry is not None:
            self._hurry.cancel()
            self._hurry = None
