"""Downloads from a server on this machine that behaves well, badly, or not at all."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from models import download
from models.download import Limits
from models.errors import PackDownloadError
from models.manifest import SHIPPED_DIR, Stage, load_pack

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BODY = bytes(range(256)) * 1024
SHORT = Limits(connect_s=2.0, read_s=0.3, pauses_s=())


class Handler(BaseHTTPRequestHandler):
    """Answers well or badly, as the path says; an unknown path is 404."""

    def do_GET(self) -> None:
        length: int | None = len(BODY)
        body = BODY
        match self.path:
            case "/good":
                pass
            case "/short":
                body = BODY[:1000]
            case "/long":
                body, length = BODY + b"x" * 200_000, None
            case "/unannounced":
                body, length = BODY[:1000], None
            case "/announced":
                length = len(BODY) + 1
            case "/stalls":
                body = BODY[:1000]
            case "/loop":
                self.send_response(302)
                self.send_header("Location", "/loop")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            case _:
                self.send_error(404)
                return
        self.send_response(200)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(body)
        if self.path == "/stalls":
            self.wfile.flush()
            self.server.closing.wait(10)

    def log_message(self, *args: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    """A server whose stalled answers end when the test does."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.closing = threading.Event()


@pytest.fixture
def server() -> Iterator[str]:
    """The address of a running server."""
    with Server() as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.closing.set()
        http.shutdown()
        thread.join()


def stage_at(url: str, folder: Path) -> Stage:
    return Stage(
        name="encoder",
        kind="arcface",
        file=folder / "x.onnx",
        sha256="0" * 64,
        input_size=(112, 112),
        colour="RGB",
        mean=0.0,
        std=1.0,
        crop_scale=None,
        output="",
        licence="MIT",
        source="a test",
        commit="0",
        size_bytes=len(BODY),
        url=url,
    )


def ignore(count: int) -> None:
    """Do not count."""


def test_a_file_arrives_whole(server: str, tmp_path: Path) -> None:
    """The bytes are the server's, every one is counted, and only the owner may read them."""
    counts: list[int] = []
    target = tmp_path / "got"

    download.fetch(stage_at(f"{server}/good", tmp_path), target, on_bytes=counts.append)

    assert target.read_bytes() == BODY
    assert len(BODY) == sum(counts)
    assert target.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/short", "download_failed"),
        ("/unannounced", "download_wrong_size"),
        ("/long", "download_wrong_size"),
        ("/announced", "download_wrong_size"),
        ("/stalls", "download_failed"),
        ("/loop", "download_failed"),
        ("/nothing", "download_refused"),
    ],
)
def test_a_bad_answer_is_a_clear_error(server: str, tmp_path: Path, path: str, code: str) -> None:
    """Each way a server can fail has a reason, a mend, and never more bytes than allowed."""
    target = tmp_path / "got"

    with pytest.raises(PackDownloadError) as caught:
        download.fetch(stage_at(server + path, tmp_path), target, on_bytes=ignore, limits=SHORT)

    assert code == caught.value.code
    assert "--from DIR" in caught.value.mend
    assert not target.exists() or target.stat().st_size <= len(BODY)


def test_nobody_listening_is_a_clear_error(server: str, tmp_path: Path) -> None:
    """A refused connection says so."""
    url = "http://127.0.0.1:1/x"  # port 1: nothing listens there

    with pytest.raises(PackDownloadError, match="ConnectionError"):
        download.fetch(stage_at(url, tmp_path), tmp_path / "got", on_bytes=ignore, limits=SHORT)


def test_a_transfer_that_lasts_too_long_is_given_up(server: str, tmp_path: Path) -> None:
    """Each read may be quick and the whole still too slow: the sum has a limit."""
    times = iter([0.0, *[1000.0] * 1000])

    with pytest.raises(PackDownloadError) as caught:
        download.fetch(
            stage_at(f"{server}/good", tmp_path),
            tmp_path / "got",
            on_bytes=ignore,
            clock=lambda: next(times),
        )

    assert caught.value.code == "download_too_slow"


def test_a_pack_without_addresses_is_refused_before_the_first_byte() -> None:
    """Mobileface's converted files lie nowhere on the net; the mend names --from."""
    with pytest.raises(PackDownloadError) as caught:
        download.require_addresses(load_pack(SHIPPED_DIR / "mobileface", verify=False))

    assert "install mobileface --from DIR" in caught.value.mend
