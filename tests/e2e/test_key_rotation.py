"""Keys are rotated while the terminal runs: nobody notices, and a restart finds the new ones."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

from click.testing import CliRunner

from kiosk.commands.keys import keys
from tests.e2e.conftest import Smiletill
from tests.fakes.installation import enrol_without_camera, running
from tests.fakes.restorable import make_cheap

PHONE, PIN = "447700900123", "135790"


def test_payments_go_on_through_a_rotation_a_crash_and_a_restart(
    data_dir: Path, passphrase: Path, smiletill: Smiletill
) -> None:
    """Paid after the rotation, after faces died with its old key, and after a full start."""
    del passphrase
    make_cheap(data_dir)
    enrol_without_camera(data_dir, PHONE, PIN)

    def pay(order: str) -> str:
        call = smiletill(
            *("pay", "--amount", "2.00", "--phone", PHONE, "--pin", PIN, "--order", order),
            *("--data", data_dir, "--json"),
        )
        assert call.code == 0, call.result
        return str(call.result["outcome"])

    with running(data_dir) as (installation, pids):
        done = CliRunner().invoke(
            keys, ["rotate", "--data", str(data_dir), "--json"], catch_exceptions=False
        )
        assert json.loads(done.stdout) == {"ok": True, "people": 1, "running": True}
        assert pay("after") == "paid"
        first = pids["faces"]
        os.kill(first, signal.SIGKILL)
        deadline = time.monotonic() + 30
        while pids["faces"] == first or not installation.is_up("faces"):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert pay("crashed") == "paid"
    assert pay("restarted") == "paid"
