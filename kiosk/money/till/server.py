"""Listens for tills: HTTPS on a thread of the money process, with bounds on everything.

It makes the parts (`open_till` is their composition) and starts and stops the server; what is
answered is decided elsewhere.

Invariants: connections, their heads, their time and their number are bounded, so that nobody on
the restaurant's network can starve the money process of files or memory; after `stop` nothing
listens and no thread is left.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import ssl
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor

import msgspec
import uvicorn

from kiosk.domain.errors import SetupError
from kiosk.money.till.access import FOLDER_NAME, KeyRing, write_private
from kiosk.money.till.app import PAYMENT_WAIT_S, WORKERS, TillParts, create_app
from kiosk.money.till.certificate import Certificate, certificate_of
from kiosk.money.till.counter import Counter
from kiosk.money.till.gate import WRONG_KEY_DELAY_S, Outside
from kiosk.money.till.news import NewsDesk
from kiosk.money.till.nexo import NexoDesk
from kiosk.money.till.office import Office
from kiosk.money.till.protocol import TimedProtocol
from kiosk.money.till.rest import RestDesk
from kiosk.money.till.room import TillRoom
from kiosk.money.till.staff import StaffDesk

ADDRESS_NAME = "address.json"
CONNECTIONS_MAX = 160
CONNECTIONS_EACH_MAX = 96
"""Of one address: fifty requests at once, a page with its stream, and room."""
HEAD_BYTES_MAX = 16_384
KEEP_ALIVE_S = 20
START_S_MAX = 10.0
STOP_S_MAX = 3
"""Seconds that requests under way get at the stop; a waiting Payment is let go at once."""

logger = logging.getLogger(__name__)


class TillServer:
    """The running interface; use `open_till`."""

    def __init__(
        self, parts: TillParts, listener: BoundedListener, certificate: Certificate
    ) -> None:
        """Take over an open socket; nothing is answered yet."""
        self._parts = parts
        self._listener = listener
        self.certificate = certificate
        config = uvicorn.Config(
            Outside(create_app(parts)),
            http=TimedProtocol,
            ws="none",
            loop="asyncio",
            interface="asgi3",
            lifespan="on",
            log_config=None,
            log_level=logging.WARNING,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            limit_concurrency=CONNECTIONS_MAX,
            backlog=128,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=STOP_S_MAX,
            h11_max_incomplete_event_size=HEAD_BYTES_MAX,
            ssl_certfile=certificate.path,
            ssl_keyfile=certificate.key_path,
        )
        config.load()
        assert config.ssl is not None, "there is a certificate"
        config.ssl.minimum_version = ssl.TLSVersion.TLSv1_2
        self._server = _Server(config)
        self._thread = threading.Thread(target=self._run, name="money-till")

    @property
    def url(self) -> str:
        """Where it listens."""
        host, port = self._listener.getsockname()[:2]
        return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"

    def start(self) -> None:
        """Answer from now on.

        Raises:
            SetupError: It did not come up.
        """
        self._thread.start()
        ends_at = time.monotonic() + START_S_MAX
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > ends_at:
                self.stop()
                raise SetupError(
                    "The till interface did not start.",
                    code="till_not_started",
                    mend="Look at the log above, and set [till] enabled = false meanwhile.",
                )
            time.sleep(0.01)

    def stop(self) -> None:
        """Let everybody go and end; stopping twice is no error."""
        self._server.should_exit = True
        bell = self._parts.bell
        if bell is not None and self._thread.is_alive():
            bell.close_soon()
        if self._thread.ident is not None:
            self._thread.join()
        self._parts.workers.shutdown(wait=True, cancel_futures=True)
        self._listener.close_all()

    def _run(self) -> None:
        self._server.run([self._listener])


class _Server(uvicorn.Server):
    """uvicorn's, which leaves no connection half open behind."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop, then hang up on whoever has not gone by then."""
        await super().shutdown(sockets)
        for connection in tuple(self.server_state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)


def open_till(
    room: TillRoom,
    *,
    payment_wait_s: float = PAYMENT_WAIT_S,
    wrong_key_delay_s: float = WRONG_KEY_DELAY_S,
) -> TillServer:
    """Put the till interface together and open its socket.

    Args:
        room: What it works with.
        payment_wait_s: Longest that one request waits for a Payment.
        wrong_key_delay_s: What a wrong key costs.

    Raises:
        SetupError: Its certificate, its keys or its address cannot be used.
    """
    folder = room.data_dir / "money" / FOLDER_NAME
    config = room.config
    certificate = certificate_of(folder, config.till.host, room.clock.now())
    keys = KeyRing(folder)
    keys.keys()
    counter = Counter(room.ledger, room.intake, config, room.look_soon)
    office = Office(room.ledger, room.bank, room.clock, config, room.refund, room.data_dir)
    staff = StaffDesk(config.staff_codes)
    listener = BoundedListener.at(config.till.host, config.till.port)
    parts = TillParts(
        keys=keys,
        nexo=NexoDesk(counter, office, staff),
        rest=RestDesk(counter, office, staff, config),
        news=NewsDesk(room.ledger),
        workers=ThreadPoolExecutor(WORKERS, "money-till-worker"),
        payment_wait_s=payment_wait_s,
        wrong_key_delay_s=wrong_key_delay_s,
    )
    server = TillServer(parts, listener, certificate)
    facts = {"version": 1, "url": server.url, "fingerprint": certificate.fingerprint}
    try:
        write_private(folder / ADDRESS_NAME, msgspec.json.encode(facts))
    except OSError as error:
        server.stop()
        raise SetupError(
            "The data directory cannot be written.",
            code="data_dir_not_writable",
            mend="Check the folder given with --data, its owner and the free space.",
        ) from error
    logger.info("tills: %s, certificate %s", server.url, certificate.fingerprint)
    return server


class BoundedListener(socket.socket):
    """A listening socket that holds so many connections and no more, TLS handshakes included.

    Whoever comes above the bound is hung up on at once.
    """

    _held: weakref.WeakSet[socket.socket]

    @classmethod
    def at(cls, host: str, port: int) -> BoundedListener:
        """Listen at an address.

        Raises:
            SetupError: The address is not ours, or in use.
        """
        try:
            family, _, _, _, address = socket.getaddrinfo(
                host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
            made = cls(family, socket.SOCK_STREAM)
        except OSError as error:
            raise _not_listening("the address means nothing") from error
        made._held = weakref.WeakSet()
        try:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind(address)
            made.listen(128)
            made.setblocking(False)
        except OSError as error:
            made.close()
            taken = error.errno == errno.EADDRINUSE
            raise _not_listening("it is in use" if taken else "it is not ours") from error
        return made

    def close_all(self) -> None:
        """Listen no more, and let go of what the event loop left half open."""
        self.close()
        for connection in list(self._held):
            connection.close()

    def accept(self) -> tuple[socket.socket, object]:
        """Accept a connection, or hang up on it where there are too many."""
        connection, address = super().accept()
        host = address[0] if isinstance(address, tuple) else ""
        held = [it for it in self._held if it.fileno() != -1]
        same = sum(1 for it in held if _peer(it) == host)
        if len(held) >= CONNECTIONS_MAX or same >= CONNECTIONS_EACH_MAX:
            connection.close()
            logger.warning("a connection was refused: too many are open")
            # asyncio goes on to the next one after this error.
            raise ConnectionAbortedError
        self._held.add(connection)
        return connection, address


def _peer(connection: socket.socket) -> str:
    try:
        name = connection.getpeername()
    except OSError:
        return ""
    return str(name[0])


def _not_listening(what: str) -> SetupError:
    return SetupError(
        f"The till interface cannot listen at the address of [till]: {what}.",
        code="till_address_bad",
        mend="Change host or port under [till] in settings.toml, or stop what uses the port.",
    )
