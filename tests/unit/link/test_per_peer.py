"""A service may remember something about one connection; it ends with it."""

from __future__ import annotations

import pytest

from kiosk.link.client import LinkClient
from kiosk.link.protocol import PROTOCOL_VERSION, Hello, ListPeople, People, Progress, Role
from kiosk.link.server import LinkServer


class Visitor:
    """Counts what one connection has asked."""

    def __init__(self, peer) -> None:
        self.peer, self.asked = peer, 0

    def handle(self, hello, message):
        assert hello is self.peer
        assert message == ListPeople()
        self.asked += 1
        yield Progress(str(self.asked))
        yield People(())


class Hotel:
    """A service that gives every connection a visitor of its own."""

    name = "faces"

    def admit(self, hello) -> None:
        del hello

    def detail(self):
        return {}

    def for_peer(self, peer) -> Visitor:
        return Visitor(peer)

    def handle(self, hello, message):
        raise AssertionError(hello, message)


@pytest.fixture
def run_dir(tmp_path):
    folder = tmp_path / "run"
    with LinkServer(folder, Hotel()):
        yield folder


def test_connections_are_told_apart(run_dir):
    """What one has done counts for it alone, and for nobody who connects later."""
    hello = Hello(PROTOCOL_VERSION, Role.DESK)
    counts: dict[str, list[str]] = {"first": [], "second": [], "later": []}

    def ask(client, who):
        client.call(ListPeople(), People, on_progress=lambda step: counts[who].append(step.code))

    with (
        LinkClient(run_dir, "faces", hello) as first,
        LinkClient(run_dir, "faces", hello) as second,
    ):
        ask(first, "first")
        ask(first, "first")
        ask(second, "second")
    with LinkClient(run_dir, "faces", hello) as later:
        ask(later, "later")

    assert {"first": ["1", "2"], "second": ["1"], "later": ["1"]} == counts
