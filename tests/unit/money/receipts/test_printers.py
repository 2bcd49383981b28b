"""Printers are found by their address; one that fails is told as such."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading

import pytest
from escpos.printer import File, Network, Usb

from kiosk.domain.errors import BadInputError, SetupError
from kiosk.money.receipts.escpos import render_escpos
from kiosk.money.receipts.printers import find_printer, print_receipt
from tests.unit.money.receipts.sheets import rows


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        ("network:10.0.0.5", Network),
        ("network:printer.lan:9101", Network),
        ("file:/dev/usb/lp0", File),
    ],
)
def test_addresses(target, kind):
    """Each way to a printer has its own word."""
    assert isinstance(find_printer(target), kind)


def test_usb_without_its_library(monkeypatch):
    """The address is understood, and who prints is told what else there is."""
    monkeypatch.setattr(Usb, "is_usable", staticmethod(lambda: False))
    with pytest.raises(SetupError) as caught:
        find_printer("usb:04b8:0e15")
    assert caught.value.code == "printer_needs_pyusb"


@pytest.mark.parametrize(
    "target", ["", "lp0", "file:", "usb:04b8", "network:", "network:a b", "network:h:0", "usb:x:y"]
)
def test_no_address(target):
    """Anything else is refused with an example."""
    with pytest.raises(BadInputError):
        find_printer(target)


def test_a_file_gets_the_bytes(tmp_path):
    """A device file receives exactly what was rendered."""
    file = tmp_path / "lp0"
    print_receipt(f"file:{file}", rows("paid"), 42)
    assert file.read_bytes() == render_escpos(rows("paid"), 42)


def test_a_network_printer_gets_the_bytes():
    """A printer on the network receives exactly what was rendered."""
    got = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def listen():
            connection, _ = server.accept()
            with connection, connection.makefile("rb") as stream:
                got.append(stream.read())

        thread = threading.Thread(target=listen)
        thread.start()
        print_receipt(f"network:127.0.0.1:{server.getsockname()[1]}", rows("paid"), 42)
        thread.join()
    assert got == [render_escpos(rows("paid"), 42)]


# Upstream, python-escpos 3.1: a refused connection's socket is left to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("target", ["file:/nowhere/at/all", "network:127.0.0.1:1"])
def test_no_printer(target):
    """A printer that is not there is a matter for staff, not for the payment."""
    with pytest.raises(SetupError) as caught:
        print_receipt(target, rows("paid"), 42)
    assert caught.value.code == "printer_unreachable"


def test_printing_leaves_nothing_in_the_temporary_folder(tmp_path):
    """python-escpos writes a cache at each import; ours is gone when the import is done."""
    words = [sys.executable, "-c", "import kiosk.money.receipts.printers"]
    subprocess.run(words, env={**os.environ, "TMPDIR": str(tmp_path)}, check=True, timeout=60)

    assert list(tmp_path.iterdir()) == []
