"""The supervisor: uses what it finds running, restarts what dies, ends what it started."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from kiosk.domain.errors import SmileTillError
from tests.e2e.conftest import Smiletill
from tests.fakes.bank_process import BankProcess
from tests.fakes.installation import enrol_without_camera, running

PHONE, PIN = "447700900123", "135790"


def test_a_bank_that_somebody_runs_is_used(
    data_dir: Path, passphrase: Path, smiletill: Smiletill
) -> None:
    """With `bank sandbox serve` running, a payment goes to that bank and leaves it running."""
    del passphrase
    enrol_without_camera(data_dir, PHONE, PIN)
    bank = BankProcess(data_dir)
    try:
        with running(data_dir) as (_, pids):
            assert "bank" not in pids
            call = smiletill(
                *("pay", "--amount", "2.00", "--phone", PHONE, "--pin", PIN),
                *("--data", data_dir, "--json"),
            )
        assert call.result["outcome"] == "paid"
        assert bank.process.poll() is None
    finally:
        bank.stop()


def test_a_dead_process_comes_back_and_all_end_with_the_call(
    data_dir: Path, passphrase: Path
) -> None:
    """Faces killed while nothing goes on is started again; afterwards no process is left."""
    del passphrase
    with running(data_dir) as (installation, pids):
        first = pids["faces"]
        os.kill(first, signal.SIGKILL)
        deadline = time.monotonic() + 30
        while pids["faces"] == first or not installation.is_up("faces"):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        seen = dict(pids)

    for pid in seen.values():
        assert not Path(f"/proc/{pid}").exists()


def test_a_setting_that_means_nothing_starts_nothing(data_dir: Path, passphrase: Path) -> None:
    """A misspelt key in settings.toml is named before any process is started."""
    del passphrase
    (data_dir / "settings.toml").write_text("payeee = 'Bistro'\n")
    with pytest.raises(SmileTillError) as caught, running(data_dir):
        pass

    assert caught.value.code == "settings_bad"
    assert "payeee" in str(caught.value)
    assert not (data_dir / "keyring.json").exists()
