"""A peer on a real socket that does exactly what a test tells it, one connection at a time."""

from __future__ import annotations

import socket
import threading

import pytest


class Peer:
    """Accepts connections on a thread and hands each to `behave(connection)`."""

    def __init__(self, behave) -> None:
        self.requests: list[bytes] = []
        self.stopping = threading.Event()
        self._behave = behave
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def read_request(self, connection) -> bytes:
        """Read one request to the end of its body and note it."""
        received = b""
        while b"\r\n\r\n" not in received:
            received += connection.recv(65_536)
        head, _, body = received.partition(b"\r\n\r\n")
        length = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        while len(body) < length:
            body += connection.recv(65_536)
        self.requests.append(head + b"\r\n\r\n" + body)
        return body

    def close(self) -> None:
        self.stopping.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _run(self) -> None:
        while not self.stopping.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                try:
                    self._behave(self, connection)
                except OSError:
                    continue


@pytest.fixture
def peer():
    """Start peers with `peer(behave)`; all are closed after the test."""
    running = []

    def start(behave) -> Peer:
        running.append(Peer(behave))
        return running[-1]

    yield start
    for one in running:
        one.close()
