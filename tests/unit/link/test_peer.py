"""The server tells its service who is at the other end, by the kernel's word."""

from __future__ import annotations

import os

from kiosk.link.client import LinkClient
from kiosk.link.peer import Peer
from kiosk.link.protocol import Done, Hello, ListOrders, Role
from kiosk.link.server import LinkServer
from kiosk.link.sockets import outer_uid


class Listening:
    """A service that remembers who asked."""

    name = "faces"

    def __init__(self) -> None:
        self.peers = []

    def admit(self, hello):
        assert not isinstance(hello, Peer)

    def handle(self, hello, message):
        self.peers.append(hello)
        yield Done()

    def detail(self):
        return {}


def test_a_service_hears_the_uid_and_the_number_of_a_connection(tmp_path):
    """What was said in the handshake stays; uid and number of the connection come with it."""
    service = Listening()
    with LinkServer(tmp_path, service):
        for _ in range(2):
            with LinkClient(tmp_path, "faces", Hello(1, Role.STAFF)) as client:
                client.call(ListOrders(), Done)
                client.call(ListOrders(), Done)

    first, again, second, _ = service.peers
    assert (Role.STAFF, os.getuid()) == (first.role, first.uid)
    assert first == again
    assert first.connection != second.connection


def test_a_user_is_named_as_the_machine_knows_it(tmp_path):
    """In a namespace made for faces the one user is 0 inside and somebody else outside."""
    uid_map = tmp_path / "uid_map"
    uid_map.write_text("         0       1000          1\n")

    assert 1000 == outer_uid(0, uid_map)
    assert 7 == outer_uid(7, uid_map)
    assert 7 == outer_uid(7, tmp_path / "absent")
