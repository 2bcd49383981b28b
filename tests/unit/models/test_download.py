"""Downloads from a server on this machine that behaves well, badly, or not at all."""

from __future__ import annotations

import dataclasses
import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from models import download, store
from models.download import Limits
from models.errors import PackDownloadError, PackHashError
from models.manifest import SHIPPED_DIR, Stage, describe_pack, load_pack, packs_dir

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

BODY = bytes(range(256)) * 1024
SHORT = Limits(connect_s=2.0, read_s=0.3, pauses_s=())
# For tests in which nothing stalls: a busy machine must not decide them.
PATIENT = Limits(pauses_s=())


class Handler(BaseHTTPRequestHandler):
    """Answers well or badly, as the path says; an unknown path is 404."""

    def do_GET(self) -> None:
        length: int | None = len(BODY)
        body = BODY
        match self.path:
            case "/good" | "/breaks-once" | "/busy-once" if (
                self.path == "/good" or self.server.knows(self.path)
            ):
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
            case "/breaks-once":
                body = BODY[:1000]
            case "/busy-once":
                self.send_error(503)
                return
            case "/wrong":
                body = bytes(reversed(BODY))
            case "/moved" | "/loop":
                self.send_response(302)
                self.send_header("Location", "/good" if self.path == "/moved" else "/loop")
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
        self._asked: set[str] = set()
        self._asking = threading.Lock()

    def knows(self, path: str) -> bool:
        """Say whether it was asked for this before."""
        with self._asking:
            known = path in self._asked
            self._asked.add(path)
        return known


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


@pytest.mark.parametrize("path", ["/breaks-once", "/busy-once", "/moved"])
def test_what_passes_is_tried_again_from_the_first_byte(
    server: str, tmp_path: Path, path: str
) -> None:
    """A line that broke, a server in trouble: the next try is whole, and the bar ends at 100 %."""
    counts: list[int] = []
    pauses: list[float] = []
    target = tmp_path / "got"

    download.fetch(
        stage_at(server + path, tmp_path), target, on_bytes=counts.append, pause=pauses.append
    )

    assert target.read_bytes() == BODY
    assert len(BODY) == sum(counts)
    assert pauses == ([] if path == "/moved" else [Limits().pauses_s[0]])


@pytest.mark.parametrize(
    ("path", "pauses"), [("/short", 2), ("/nothing", 0), ("/long", 0), ("/announced", 0)]
)
def test_tries_have_an_end_and_some_faults_are_not_tried_again(
    server: str, tmp_path: Path, path: str, pauses: int
) -> None:
    """Three tries at most; an answer that would be the same again is believed at once."""
    waited: list[float] = []
    counts: list[int] = []

    with pytest.raises(PackDownloadError):
        download.fetch(
            stage_at(server + path, tmp_path),
            tmp_path / "got",
            on_bytes=counts.append,
            pause=waited.append,
        )

    assert len(waited) == pauses
    assert sum(counts) == 0


def test_the_time_for_all_tries_together_has_an_end(server: str, tmp_path: Path) -> None:
    """A line that breaks again and again is not begun anew after the deadline."""
    times = iter([0.0, *[1000.0] * 100])
    waited: list[float] = []

    with pytest.raises(PackDownloadError):
        download.fetch(
            stage_at(f"{server}/short", tmp_path),
            tmp_path / "got",
            on_bytes=ignore,
            clock=lambda: next(times),
            pause=waited.append,
        )

    assert waited == []


def known_with(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Let the starter pack's encoder be the server's good file, to be had at `url`."""
    known = describe_pack(SHIPPED_DIR / "starter")
    encoder = dataclasses.replace(
        known.encoder, sha256=hashlib.sha256(BODY).hexdigest(), size_bytes=len(BODY), url=url
    )
    changed = dataclasses.replace(known, encoder=encoder)
    monkeypatch.setattr(store, "known_pack", lambda _: changed)


def fetching(on_bytes: Callable[[int], None], limits: Limits = PATIENT) -> store.Fetch:
    """Take the encoder from the server, and everything else from the shipped pack."""
    copy = store.copy_from(SHIPPED_DIR / "starter", on_bytes=ignore)

    def fetch(stage: Stage, target: Path) -> None:
        if stage.url:
            download.fetch(stage, target, on_bytes=on_bytes, limits=limits)
        else:
            copy(stage, target)

    return fetch


def test_a_download_is_installed_when_its_hash_is_right(
    server: str, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through a redirect, into its place, and every byte was counted."""
    known_with(monkeypatch, f"{server}/moved")
    counts: list[int] = []

    pack = store.install("starter", data_dir, fetching(counts.append))

    assert pack.encoder.file.read_bytes() == BODY
    assert sum(counts) == len(BODY)


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("/wrong", PackHashError),
        ("/short", PackDownloadError),
        ("/stalls", PackDownloadError),
        ("/nothing", PackDownloadError),
    ],
)
def test_a_download_that_is_not_right_leaves_no_file(
    server: str, data_dir: Path, monkeypatch: pytest.MonkeyPatch, path: str, error: type[Exception]
) -> None:
    """Of the right length and with the wrong hash, or cut, or slow: nothing lies there after."""
    known_with(monkeypatch, server + path)

    with pytest.raises(error):
        store.install(
            "starter", data_dir, fetching(ignore, SHORT if path == "/stalls" else PATIENT)
        )

    assert {file.name for file in packs_dir(data_dir).rglob("*")} == {".lock"}


def test_ctrl_c_in_the_middle_leaves_no_file(
    server: str, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who gives up half-way has what they had before: nothing, or the older install."""
    store.install("starter", data_dir, store.copy_from(SHIPPED_DIR / "starter", on_bytes=ignore))
    before = {file.name for file in packs_dir(data_dir).rglob("*")}
    known_with(monkeypatch, f"{server}/good")

    def give_up(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.install("starter", data_dir, fetching(give_up))

    assert {file.name for file in packs_dir(data_dir).rglob("*")} == before
    assert all(check.problem is None for check in store.verify("starter", data_dir))


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
