"""The careful way in which the sandbox bank listens: bounded in threads, time and bytes.

`BoundedServer` accepts connections and gives each a thread; what is said on them is its
subclasses' business. It knows no protocol, no books and no tokens.
Invariants:
- A request's time runs from the last moment at which the kernel's queue of new connections was
  seen empty, hence from before it arrived, whatever happened to this process since.
- No connection waits for a free thread: it gets one at once or is closed.
- `DeadlineReader` never yields half a request as if it were a whole one.
The one assumption: never do more than `request_queue_size` connections wait at once.
"""

from __future__ import annotations

import contextlib
import io
import select
import socket
import socketserver
import sys
import threading
import time
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

POLL_S = 0.1
"""How often an accept loop looks whether it is to end."""

_BUSY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


def boot_clock_s() -> float:
    """Return seconds since boot, counting on while the machine sleeps; nobody can set it."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class DeadlineReader(io.RawIOBase):
    """A socket as a file: all of it by a fixed time, however it drips, and never half of it.

    The end of the stream is an error, because http.server would take a request that breaks off
    in its head for a whole one, and we would refuse what was never said.
    """

    def __init__(self, connection: socket.socket, deadline_s: float) -> None:
        """Read from `connection` until `deadline_s` on the boot clock."""
        super().__init__()
        self._connection = connection
        self._deadline_s = deadline_s

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read some bytes.

        Raises:
            TimeoutError: The time is over.
            ConnectionAbortedError: The other side ended before the request did.
        """
        left_s = self._deadline_s - boot_clock_s()
        if left_s <= 0:
            raise TimeoutError
        self._connection.settimeout(left_s)
        received = self._connection.recv_into(buffer)
        if received == 0:
            raise ConnectionAbortedError
        return received


class BoundedServer(ThreadingHTTPServer):
    """Listens on 127.0.0.1; construct, `serve_forever` on a thread, `stop`."""

    daemon_threads = False
    block_on_close = True
    request_queue_size = 128

    def __init__(
        self, handler: type[BaseHTTPRequestHandler], threads_max: int, port: int = 0
    ) -> None:
        """Bind and listen.

        Args:
            handler: Speaks on one connection.
            threads_max: Connections that are served at once; others are refused.
            port: TCP port, or 0 for any free one.

        Raises:
            OSError: The port is taken.
        """
        self.stopping = threading.Event()
        self._slots = threading.BoundedSemaphore(threads_max)
        self._connections: dict[socket.socket, float] = {}
        self._connections_lock = threading.Lock()
        super().__init__(("127.0.0.1", port), handler)
        self._queue = select.poll()
        self._queue.register(self.socket, select.POLLIN)
        self._queue_empty_s = boot_clock_s()

    def server_bind(self) -> None:
        """Bind without asking any name server for our own name, as the base class would."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def stop(self) -> None:
        """End `serve_forever`, wake whoever waits, let started requests finish, and close."""
        self.stopping.set()
        self.shutdown()
        with self._connections_lock:
            for connection in self._connections:
                _shut(connection, socket.SHUT_RD)
        self.server_close()

    def service_actions(self) -> None:
        """Note when nobody waits; the base class calls this after each turn of its loop."""
        now_s = boot_clock_s()
        if not self._queue.poll(0):
            self._queue_empty_s = now_s

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept one connection and note since when it may have been waiting."""
        connection, address = super().get_request()
        with self._connections_lock:
            self._connections[connection] = self._queue_empty_s
        return connection, address

    def waiting_since_s(self, connection: socket.socket) -> float:
        """Return a moment before the connection arrived, on the boot clock."""
        with self._connections_lock:
            return self._connections[connection]

    def exchange(self, old: socket.socket, new: socket.socket) -> None:
        """Go on with `new` where `old` was accepted; both are the same connection."""
        with self._connections_lock:
            self._connections[new] = self._connections.pop(old)
            if self.stopping.is_set():
                _shut(new, socket.SHUT_RD)  # `stop` may have looked for it in between

    def shutdown_request(self, request: Any) -> None:
        """Close a connection, and forget it first, because a closed one has no identity."""
        with self._connections_lock:
            self._connections.pop(request, None)
        super().shutdown_request(request)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Give the connection a thread, or refuse it when all are busy."""
        if not self._slots.acquire(blocking=False):
            request.setblocking(False)
            with contextlib.suppress(OSError):
                self.refuse(request)
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def refuse(self, request: socket.socket) -> None:
        """Say that all threads are busy, without waiting."""
        request.send(_BUSY)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Handle the connection and give the thread's slot back."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._slots.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say where we went wrong, without values; a client that hangs up is everyday life."""
        del request, client_address
        error = sys.exception()
        if error is None or isinstance(error, OSError):
            return
        where = "".join(traceback.format_tb(error.__traceback__))
        sys.stderr.write(f"{where}{type(error).__name__}\n")


def _shut(connection: socket.socket, how: int) -> None:
    try:
        # The plain socket's own: that of a TLS socket would take its encryption off.
        socket.socket.shutdown(connection, how)
    except OSError:
        return  # it is gone already, which is what we want
