"""The one idea: who sees faces has no network, and a payment goes through all the same."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from kiosk.commands.pay import pay_order
from kiosk.domain.consent import ConsentKind
from kiosk.domain.ids import OrderId
from kiosk.domain.money import Money
from kiosk.domain.order import Outcome
from kiosk.link.protocol import PayHeadless, Ping, Pong
from kiosk.sandbox.bank.oracle import executed_debits
from tests.fakes.installation import enrol_without_camera, running

PHONE, PIN = "447700900123", "135790"


def can_unshare() -> bool:
    """Say whether this machine lets us refuse a network at all."""
    if shutil.which("unshare") is None:
        return False
    for words in (["unshare", "--net", "true"], ["unshare", "--map-root-user", "--net", "true"]):
        if subprocess.run(words, capture_output=True, check=False).returncode == 0:
            return True
    return False


@pytest.mark.skipif(not can_unshare(), reason="this machine does not allow `unshare --net`")
def test_faces_without_a_network_pays(data_dir: Path, passphrase: Path) -> None:
    """Faces has no interface but a dead loopback, money has one, and the order is paid once."""
    del passphrase
    enrol_without_camera(data_dir, PHONE, PIN)
    with running(data_dir) as (installation, pids):
        report = pay_order(
            installation,
            PayHeadless(OrderId("o-1"), None, None, ConsentKind.TAP, pin=PIN, phone=PHONE),
            Money(1_250),
        )
        with installation.faces() as faces:
            told = faces.call(Ping(), Pong).detail
        here = Path("/proc/self/ns/net").readlink()
        network_of = {name: Path(f"/proc/{pid}/ns/net").readlink() for name, pid in pids.items()}
        debits = executed_debits(data_dir, "o-1")
        files = [Path(f"/proc/{pids['money']}/fd") / name for name in _fds(pids["money"])]
        opened = {str(file.readlink()) for file in files if file.is_symlink()}

    assert report.outcome is Outcome.PAID
    assert debits == 1
    assert told["network"] == "refused"
    assert network_of["faces"] != here
    assert network_of["money"] == here
    assert not any("vault" in name or "/dev/video" in name for name in opened)


def _fds(pid: int) -> list[str]:
    return [entry.name for entry in Path(f"/proc/{pid}/fd").iterdir()]


def test_each_process_is_given_only_its_own_key(data_dir: Path, passphrase: Path) -> None:
    """No process's environment or command line names a key, and nothing in DIR is one."""
    enrol_without_camera(data_dir, PHONE, PIN)
    with running(data_dir) as (_, pids):
        for pid in pids.values():
            seen = (
                Path(f"/proc/{pid}/environ").read_bytes()
                + Path(f"/proc/{pid}/cmdline").read_bytes()
            )
            assert b"PASSPHRASE" not in seen
            assert str(passphrase).encode() not in seen
    secret = passphrase.read_bytes().strip()
    for file in data_dir.rglob("*"):
        if file.is_file():
            assert secret not in file.read_bytes()
