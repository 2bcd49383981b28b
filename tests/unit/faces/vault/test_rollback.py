"""An older copy of the whole data directory is noticed by the TPM's counter."""

from __future__ import annotations

import shutil

import pytest

from kiosk.faces.vault import rollback
from kiosk.faces.vault.rollback import CounterGuard, DataRolledBackError
from kiosk.faces.vault.tpm import NV_FIRST
from tests.fakes.tpm import SoftwareTpm, need_tpm_programs

KEY = bytes(range(32))


class KilledError(BaseException):
    """Stands for SIGKILL."""


@pytest.fixture(scope="module")
def machine():
    need_tpm_programs()
    with SoftwareTpm() as machine:
        yield machine


@pytest.fixture
def guard(machine, data_dir):
    index = machine.tpm.new_counter(NV_FIRST)
    guard = CounterGuard(data_dir, machine.tpm, index, KEY)
    guard.advance()
    yield guard
    machine.tpm.remove_counter(index)


def test_the_newest_copy_starts_and_every_older_one_is_refused(guard, data_dir, tmp_path):
    """A copy from before the last start or end is refused, also long after."""
    copies = []
    for number in range(3):
        guard.check()
        copies.append(tmp_path / f"copy-{number}")
        shutil.copy(data_dir / rollback.NAME, copies[-1])
        guard.advance()
    guard.check()

    for copy in copies:
        shutil.copy(copy, data_dir / rollback.NAME)
        with pytest.raises(DataRolledBackError):
            guard.check()


def test_a_crash_between_disk_and_tpm_is_no_rollback(guard, monkeypatch):
    """The disk is ahead by one then, which the next start accepts and levels out."""

    def killed(*_):
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(type(guard.tpm), "raise_counter", killed)
        with pytest.raises(KilledError):
            guard.advance()
    guard.check()
    guard.advance()
    guard.check()
    assert guard.tpm.counter(guard.index) == guard._read()


@pytest.mark.parametrize(
    "raw", [None, b"", b"{}", b'{"version":1,"counter":99,"mac":"' + b"0" * 64]
)
def test_without_the_right_number_nothing_starts(guard, data_dir, raw):
    """A removed, damaged or made-up number is as good as an old one."""
    if raw is None:
        (data_dir / rollback.NAME).unlink()
    else:
        (data_dir / rollback.NAME).write_bytes(raw)
    with pytest.raises(DataRolledBackError):
        guard.check()

    forged = CounterGuard(data_dir, guard.tpm, guard.index, bytes(32))
    forged.write(guard.tpm.counter(guard.index))
    with pytest.raises(DataRolledBackError):
        guard.check()
