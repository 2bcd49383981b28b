"""Doctor judges machines we do not have, and always says how to mend what it found."""

from pathlib import Path

import pytest

from kiosk.doctor import FileFacts, State, can_pay_in_sandbox, examine
from kiosk.faces.camera.identity import CameraIdentity
from kiosk.settings import BankSettings, CameraSettings, Settings
from tests.fakes.machine import FakeMachine

DATA = Path("/installation")
PRIVATE = FileFacts(size_bytes=20, is_private=True)


def finding_of(machine, name):
    return next(finding for finding in examine(machine, DATA) if finding.name == name)


def test_a_machine_in_order_has_nothing_to_mend():
    """With everything there, every finding is ok and says nothing about mending."""
    findings = examine(FakeMachine(), DATA)

    assert [(f.state, f.mend) for f in findings] == [(State.OK, "")] * len(findings)
    assert can_pay_in_sandbox(findings)


# What is wrong, which finding says so, how bad it is, whether the sandbox can still be paid in,
# and a word that the sentence or the mend must hold.
FAULTS = {
    "old python": ({"version": (3, 10, 9)}, "python", State.MISSING, False, "3.11"),
    "no cv2": ({"absent_modules": {"cv2"}}, "python", State.MISSING, False, "cv2"),
    "no libGL": (
        {"absent_libraries": {"libGL.so.1"}},
        "system_libraries",
        State.MISSING,
        False,
        "apt-get install libgl1",
    ),
    "policy": (
        {"problems": {"policy.toml": ("policy.toml, line 2, tris: there is none.", "Mend it.")}},
        "settings",
        State.MISSING,
        False,
        "line 2",
    ),
    "policy on trial": (
        {"problems": {"policy-trial.toml": ("policy-trial.toml, line 1: no TOML.", "Mend it.")}},
        "settings",
        State.WARN,
        True,
        "Nothing is on trial",
    ),
    "no camera": ({"devices": {}}, "camera", State.MISSING, True, "USB webcam"),
    "camera of others": (
        {"devices": {"/dev/video2": False}},
        "camera",
        State.MISSING,
        True,
        "usermod -aG video",
    ),
    "flipped byte": (
        {"pack": ("starter", "A file of the pack is not the one named.", "Install it again.")},
        "model_pack",
        State.MISSING,
        False,
        "Install it again",
    ),
    "no key": ({"terminal": False}, "store_key", State.MISSING, False, "SMILETILL_PASSPHRASE_FILE"),
    "passphrase file gone": (
        {"variables": {"SMILETILL_PASSPHRASE_FILE": "/gone"}},
        "store_key",
        State.MISSING,
        False,
        "absent or empty",
    ),
    "passphrase file empty": (
        {
            "variables": {"SMILETILL_PASSPHRASE_FILE": "/p"},
            "files": {Path("/p"): FileFacts(0, is_private=True)},
        },
        "store_key",
        State.MISSING,
        False,
        "absent or empty",
    ),
    "passphrase file open to all": (
        {
            "variables": {"SMILETILL_PASSPHRASE_FILE": "/p"},
            "files": {Path("/p"): FileFacts(9, is_private=False)},
        },
        "store_key",
        State.WARN,
        True,
        "chmod 600",
    ),
    "read-only disk": ({"free": None}, "disk", State.MISSING, False, "--data"),
    "full disk": ({"free": 1024 * 1024}, "disk", State.MISSING, False, "1 MB"),
    "clock at 1970": ({"clock_plausible": False}, "clock", State.MISSING, False, "set-ntp"),
    "no unshare": ({"refuses_network": False}, "network_refusal", State.WARN, True, "util-linux"),
    "no tpm": ({"tpm": False}, "tpm", State.WARN, True, "firmware"),
    "no display": ({"display": False}, "display", State.WARN, True, "screen"),
    "swap": ({"locked_memory": 8 * 2**20}, "locked_memory", State.WARN, True, "8192 KiB"),
}


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_a_fault_is_named_and_judged(fault):
    """One fault gives one finding that is not ok, with a mend; the rest stays ok."""
    changes, name, state, can_pay, word = FAULTS[fault]
    findings = examine(FakeMachine(**changes), DATA)
    wrong = [finding for finding in findings if finding.state is not State.OK]

    assert [(finding.name, finding.state) for finding in wrong] == [(name, state)]
    assert wrong[0].mend
    assert word in f"{wrong[0].sentence} {wrong[0].mend}"
    assert can_pay_in_sandbox(findings) is can_pay


def test_store_key_sources_are_asked_in_the_order_of_the_contract():
    """The TPM it is sealed to, then credentials, then the passphrase file, then the terminal."""
    variables = {"CREDENTIALS_DIRECTORY": "/c", "SMILETILL_PASSPHRASE_FILE": "/p"}
    both = {Path("/c/storekey"): PRIVATE, Path("/p"): PRIVATE}

    credentials = FakeMachine(variables=variables, files=both)
    passphrase = FakeMachine(variables=variables, files={Path("/p"): PRIVATE})

    sealed = FakeMachine(variables=variables, files=both, sealed_to_tpm=True)

    assert "this TPM" in finding_of(sealed, "store_key").sentence
    lost = finding_of(FakeMachine(sealed_to_tpm=True, tpm=False), "store_key")
    assert (State.WARN, True) == (lost.state, "smiletill keys recover" in lost.mend)
    assert "credentials" in finding_of(credentials, "store_key").sentence
    assert "from a file" in finding_of(passphrase, "store_key").sentence
    assert "terminal" in finding_of(FakeMachine(), "store_key").sentence


def test_one_camera_that_opens_is_enough():
    """A second device that is not ours does not spoil the first."""
    machine = FakeMachine(devices={"/dev/video0": False, "/dev/video1": True})

    assert finding_of(machine, "camera").state is State.OK
    assert "/dev/video1" in finding_of(machine, "camera").sentence


def test_no_finding_shows_the_environment():
    """A variable's value could be a secret given by mistake; findings never repeat one."""
    machine = FakeMachine(variables={"SMILETILL_PASSPHRASE_FILE": "hunter2-hunter2"})

    assert "hunter2" not in "".join(f.sentence + f.mend for f in examine(machine, DATA))


REAL = BankSettings(connector="cards")
PINNED = CameraSettings(usb="046d:0825", path="devices/pci/usb1/1-3/1-3:1.0")


def test_the_line_that_pins_the_camera_is_printed_and_with_real_money_asked_for():
    """In the sandbox it is an offer, with a real bank a warning; and nothing once it is done."""
    offer = finding_of(FakeMachine(), "camera_pin")
    warning = finding_of(FakeMachine(set_up=Settings(bank=REAL)), "camera_pin")
    done = finding_of(FakeMachine(set_up=Settings(bank=REAL, camera=PINNED)), "camera_pin")

    line = 'camera = { usb = "046d:0825", serial = "A1", path = "devices/pci/usb1/1-3/1-3:1.0" }'
    assert offer.state is State.OK
    assert offer.sentence.endswith(line)
    assert warning.state is State.WARN
    assert warning.mend.endswith(line)
    assert (done.state, done.mend) == (State.OK, "")


def test_a_pinned_camera_that_is_not_here_is_missing():
    """Whoever is there instead can be pinned by the line in the mend."""
    found = finding_of(
        FakeMachine(set_up=Settings(camera=CameraSettings(usb="1234:5678"))), "camera_pin"
    )

    assert found.state is State.MISSING
    assert "046d:0825" in found.mend


def test_a_loopback_is_not_offered_as_the_camera():
    """A program's pictures fit no pin and are no line to paste."""
    fake = CameraIdentity("v4l2loopback", place="/sys/devices/virtual/video4linux/video0")
    found = finding_of(FakeMachine(cameras={"/dev/video0": fake}), "camera_pin")

    assert "camera =" not in found.sentence
