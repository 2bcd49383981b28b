"""The link: what it carries, whom it refuses, and that no fault of one peer harms another."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.domain.errors import BadInputError, SetupError
from kiosk.domain.ids import OrderId
from kiosk.domain.money import Money
from kiosk.link import listener as listener_module
from kiosk.link.client import LinkClient
from kiosk.link.listener import AlreadyRunningError
from kiosk.link.protocol import (
    LINE_BYTES_MAX,
    PROTOCOL_VERSION,
    AnyMessage,
    Done,
    Frame,
    GetOrderStatus,
    Hello,
    OpenOrder,
    PayHeadless,
    Ping,
    Pong,
    Progress,
    Role,
    VerifyPin,
    decode_frame,
    encode_frame,
)
from kiosk.link.server import LinkServer
from kiosk.link.sockets import LinkDownError, connect

HELLO = Hello(PROTOCOL_VERSION, Role.TILL)


class Parrot:
    """A service that answers in every way a service can."""

    name = "money"

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.release = threading.Event()

    def admit(self, hello: Hello) -> None:
        if hello.role is Role.STAFF:
            raise SetupError("Not you.", code="not_you", mend="Go away.")

    def handle(self, hello: Hello, message: AnyMessage) -> Iterator[AnyMessage]:
        del hello
        match message:
            case GetOrderStatus(order_id="bad"):
                raise BadInputError("No.", code="no", mend="Yes.")
            case GetOrderStatus(order_id="disk"):
                raise OSError("no space")
            case GetOrderStatus(order_id="bug"):
                raise RuntimeError("secret words")
            case GetOrderStatus(order_id="wait"):
                self.entered.set()
                self.release.wait(10)
                yield Done()
            case GetOrderStatus(order_id="steps"):
                yield Progress("one", 1, 2)
                yield Progress("two", 2, 2)
                yield Done()
            case _:
                yield Done()

    def detail(self) -> dict[str, str]:
        return {"network": "refused"}


@pytest.fixture
def parrot() -> Parrot:
    return Parrot()


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    """A folder far deeper than a unix socket's path may be."""
    return tmp_path / ("deep" * 12) / ("er" * 40) / "run"


@pytest.fixture
def served(parrot: Parrot, run_dir: Path) -> Iterator[Path]:
    with LinkServer(run_dir, parrot):
        yield run_dir


def test_question_answer_and_progress(served: Path) -> None:
    """Progress arrives in order before the answer, over a path of any length."""
    seen: list[str] = []
    with LinkClient(served, "money", HELLO) as client:
        answer = client.call(
            GetOrderStatus(OrderId("steps")), Done, on_progress=lambda p: seen.append(p.code)
        )
        assert client.call(Ping(), Pong).detail == {"network": "refused"}

    assert isinstance(answer, Done)
    assert seen == ["one", "two"]


def test_error_crosses_with_code_mend_and_family(served: Path) -> None:
    """The other side's error is raised here as the same family, and the link lives on."""
    with LinkClient(served, "money", HELLO) as client:
        with pytest.raises(BadInputError) as caught:
            client.call(GetOrderStatus(OrderId("bad")), Done)
        client.call(GetOrderStatus(OrderId("good")), Done)

    assert (caught.value.code, caught.value.mend) == ("no", "Yes.")


def test_bug_inside_the_service_tells_nothing(
    served: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A bug becomes a plain error without its words, and other peers are served on."""
    with LinkClient(served, "money", HELLO) as client, pytest.raises(SetupError) as caught:
        client.call(GetOrderStatus(OrderId("bug")), Done)
    with LinkClient(served, "money", HELLO) as client:
        client.call(GetOrderStatus(OrderId("good")), Done)

    assert caught.value.code == "internal_error"
    assert "secret" not in str(caught.value)
    assert "internal" not in caplog.text


@pytest.mark.parametrize(
    ("hello", "code"),
    [
        (Hello(PROTOCOL_VERSION + 1, Role.TILL), "link_version"),
        (Hello(PROTOCOL_VERSION, Role.STAFF), "not_you"),
    ],
)
def test_handshake_refuses(served: Path, hello: Hello, code: str) -> None:
    """Another version, or a role that the service does not admit, never gets to ask."""
    with pytest.raises((BadInputError, SetupError)) as caught:
        LinkClient(served, "money", hello)

    assert caught.value.code == code


def test_peer_of_another_user_is_refused(served: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel's word about the other end counts; a stranger's line is not even read."""
    monkeypatch.setattr(listener_module, "peer_uid", lambda _: os.getuid() + 1)

    with pytest.raises(LinkDownError):
        LinkClient(served, "money", HELLO)


@pytest.mark.parametrize(
    "line",
    [
        b"nonsense\n",
        b"{}\n",
        b'{"id":1,"msg":{"type":"authorise"}}\n',
        b'{"id":1,"msg":{"type":"hello","protocol":1,"role":"till","extra":1}}\n',
        b"[" * 100_000 + b"\n",
        b"x" * (LINE_BYTES_MAX + 10) + b"\n",
        b"\xff\xfe\n",
    ],
)
def test_hostile_lines_are_answered_with_an_error_and_a_hang_up(served: Path, line: bytes) -> None:
    """Whatever comes instead of a handshake is refused, and the server goes on."""
    stranger = connect(served, "money", 5.0)
    with stranger, stranger.makefile("rb") as lines:
        stranger.sendall(line)
        answer = lines.readline()
        assert b'"problem"' in answer
        with contextlib.suppress(ConnectionResetError):
            assert lines.readline() == b""

    with LinkClient(served, "money", HELLO) as client:
        client.call(GetOrderStatus(OrderId("good")), Done)


def test_silence_has_a_limit(served: Path, parrot: Parrot) -> None:
    """A call that is not answered in time ends, and its client cannot be used by mistake."""
    with LinkClient(served, "money", HELLO) as client:
        with pytest.raises(LinkDownError):
            client.call(GetOrderStatus(OrderId("wait")), Done, timeout_s=0.05)
        parrot.release.set()
        with pytest.raises(LinkDownError):
            client.call(GetOrderStatus(OrderId("good")), Done)


def test_a_call_can_be_ended_by_another_thread(served: Path, parrot: Parrot) -> None:
    """It fails at once as if the other side had gone, however long it would have waited."""
    caught: list[BaseException] = []

    def ask(client: LinkClient) -> None:
        try:
            client.call(GetOrderStatus(OrderId("wait")), Done, timeout_s=60)
        except SetupError as error:
            caught.append(error)

    with LinkClient(served, "money", HELLO) as client:
        caller = threading.Thread(target=ask, args=(client,))
        caller.start()
        assert parrot.entered.wait(10)
        client.hang_up()
        caller.join(5)
        assert not caller.is_alive()
        client.hang_up()
    parrot.release.set()

    assert isinstance(caught[0], LinkDownError)


def test_slow_peer_does_not_hold_up_another(served: Path, parrot: Parrot) -> None:
    """Each peer has a thread of its own."""
    with LinkClient(served, "money", HELLO) as slow:
        waiting = threading.Thread(target=lambda: slow.call(GetOrderStatus(OrderId("wait")), Done))
        waiting.start()
        parrot.entered.wait(5)
        with LinkClient(served, "money", HELLO) as quick:
            quick.call(GetOrderStatus(OrderId("good")), Done)
        parrot.release.set()
        waiting.join()


def test_connections_are_bounded(parrot: Parrot, run_dir: Path) -> None:
    """One peer too many is hung up on; when one leaves there is room again."""
    with LinkServer(run_dir, parrot, connections_max=1):
        with LinkClient(run_dir, "money", HELLO), pytest.raises(LinkDownError):
            LinkClient(run_dir, "money", HELLO)
        deadline = time.monotonic() + 5
        while True:
            try:
                LinkClient(run_dir, "money", HELLO).close()
                break
            except LinkDownError:
                assert time.monotonic() < deadline


def test_a_services_own_trouble_with_a_file_is_told(served: Path) -> None:
    """An OSError inside the service is its mistake, and not taken for a peer that went away."""
    with LinkClient(served, "money", HELLO) as client, pytest.raises(SetupError) as caught:
        client.call(GetOrderStatus(OrderId("disk")), Done)

    assert caught.value.code == "internal_error"


def test_two_servers_of_a_kind_are_refused(served: Path, parrot: Parrot) -> None:
    """The lock file, not the socket file, decides who owns the installation."""
    with pytest.raises(AlreadyRunningError), LinkServer(served, parrot):
        pass


def test_stale_socket_of_a_killed_process_is_no_obstacle(parrot: Parrot, run_dir: Path) -> None:
    """A socket file that nobody listens on is replaced."""
    run_dir.mkdir(parents=True)
    dead = socket.socket(socket.AF_UNIX)
    here = Path.cwd()
    os.chdir(run_dir)
    try:
        dead.bind("money.sock")
    finally:
        os.chdir(here)
        dead.close()
    with pytest.raises(LinkDownError):
        LinkClient(run_dir, "money", HELLO)
    with LinkServer(run_dir, parrot), LinkClient(run_dir, "money", HELLO):
        pass


def test_socket_is_private(served: Path) -> None:
    """Only the owner may open it."""
    assert (served / "money.sock").stat().st_mode & 0o077 == 0
    assert served.stat().st_mode & 0o077 == 0


def test_no_repr_shows_what_was_typed() -> None:
    """Messages with personal data show only their type, also inside a frame."""
    private = PayHeadless(
        OrderId("o"), None, None, client_module_consent(), pin="135790", phone="447700900123"
    )
    shown = repr(Frame(1, private)) + repr(VerifyPin("a", "o", "n", "135790"))  # type: ignore[arg-type]

    assert "135790" not in shown
    assert "447700900123" not in shown


def client_module_consent():
    from kiosk.domain.consent import ConsentKind

    return ConsentKind.TAP


@given(st.integers(1, 100_000), st.text(max_size=30))
def test_what_is_written_is_read(minor_units: int, order_id: str) -> None:
    """Encoding and decoding are inverse, amounts to the last unit."""
    frame = Frame(7, OpenOrder(OrderId(order_id), Money(minor_units)))

    assert decode_frame(encode_frame(frame)) == frame


@given(st.binary(max_size=300))
def test_any_bytes_are_a_message_or_an_error(line: bytes) -> None:
    """Reading never does anything else than return or raise its one error."""
    with contextlib.suppress(BadInputError):
        decode_frame(line)
