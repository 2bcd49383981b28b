"""The TPM: what it refuses, in words with a mend; what a reboot does; a counter that only rises."""

from __future__ import annotations

import pytest

from kiosk.domain.errors import SetupError
from kiosk.faces.vault.tpm import NV_FIRST, Tpm
from tests.fakes.tpm import SoftwareTpm, need_tpm_programs

SECRET = bytes(range(32))


@pytest.fixture(scope="module")
def machine():
    need_tpm_programs()
    with SoftwareTpm() as machine:
        yield machine


@pytest.fixture
def measured(machine):
    """The machine, freshly started with its usual measurement in PCR 7."""
    machine.restart()
    machine.measure()
    return machine


def code_of(call) -> str:
    with pytest.raises(SetupError) as caught:
        call()
    assert caught.value.mend
    return caught.value.code


def test_a_reboot_into_the_same_state_gives_the_secret_back(measured):
    """What was sealed opens after a restart with the same measurements, and not with others."""
    sealed = measured.tpm.seal(SECRET, (7,))
    measured.restart()
    measured.measure()
    assert SECRET == measured.tpm.unseal(sealed)

    measured.measure(what="02")
    for _ in range(5):  # a refusal leaves nothing behind in the TPM that would fill it up
        assert "tpm_policy" == code_of(lambda: measured.tpm.unseal(sealed))
    measured.restart()
    assert "tpm_policy" == code_of(lambda: measured.tpm.unseal(sealed))


def test_pcrs_that_nothing_was_measured_into_are_refused_unless_asked_for(measured):
    """A policy over blank PCRs keeps nobody out, so nobody gets one by accident."""
    assert "tpm_pcrs_unset" == code_of(lambda: measured.tpm.seal(SECRET, (7, 16)))

    sealed = measured.tpm.seal(SECRET, (16, 7), unmeasured=True)
    assert (7, 16) == sealed.pcrs
    assert SECRET == measured.tpm.unseal(sealed)


def test_a_changed_blob_is_an_error(measured):
    """A blob that was tampered with gives no other secret."""
    from msgspec.structs import replace

    sealed = measured.tpm.seal(SECRET, (7,))
    raw = bytearray.fromhex(sealed.private)
    raw[40] ^= 1

    assert "tpm_other" == code_of(lambda: measured.tpm.unseal(replace(sealed, private=raw.hex())))


def test_a_counter_only_rises_also_when_it_is_made_anew(measured):
    """Nobody turns the counter back, not even by removing it."""
    index = measured.tpm.new_counter(NV_FIRST + 7)
    other = measured.tpm.new_counter(NV_FIRST + 7)
    assert index != other
    first = measured.tpm.counter(index)
    measured.tpm.raise_counter(index)
    assert first + 1 == measured.tpm.counter(index)
    measured.restart()
    assert first + 1 == measured.tpm.counter(index)

    measured.tpm.remove_counter(index)
    assert "tpm_counter_gone" == code_of(lambda: measured.tpm.counter(index))
    assert measured.tpm.counter(measured.tpm.new_counter(index)) > first + 1


def test_no_tpm_no_tools_and_one_that_is_silent_are_three_errors(machine, tmp_path, monkeypatch):
    """Each says what to do about it."""
    nowhere = Tpm(f"swtpm:path={tmp_path}/nothing.sock")
    assert "tpm_missing" == code_of(lambda: nowhere.pcr_values((7,)))
    assert "tpm_missing" == code_of(lambda: Tpm("device:/dev/nosuch").pcr_values((7,)))
    assert "tpm_slow" == code_of(lambda: Tpm(machine.tcti, step_s_max=0.0).pcr_values((7,)))

    monkeypatch.setenv("PATH", str(tmp_path))
    assert "tpm_tools_missing" == code_of(lambda: machine.tpm.pcr_values((7,)))


def test_the_environment_names_the_tpm_where_the_settings_do_not(measured, monkeypatch):
    """tpm2-tools' own variable is used as they use it."""
    monkeypatch.setenv("TPM2TOOLS_TCTI", measured.tcti)

    assert measured.tpm.pcr_values((7,)) == Tpm().pcr_values((7,))
