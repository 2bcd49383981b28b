"""What this machine has and lacks for SmileTill, as findings with a mend.

It looks, judges and changes nothing: no camera is opened, no key is read, no file is written.
What it looks at comes through the `Machine` port (`kiosk.machine.ThisMachine` is the real one), so
that every judgement is tested on machines we do not have.

Invariants: every finding that is not ok carries a mend; a check never raises.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from kiosk.faces.camera.identity import CameraIdentity, CameraPin
from kiosk.settings import Settings

# What the runtime imports, by import name; pyproject.toml holds the same list by package name.
LIBRARIES: Final = (
    "argon2",
    "click",
    "cryptography",
    "cv2",
    "defusedxml",
    "escpos",
    "faiss",
    "fastapi",
    "filelock",
    "insightface",
    "joserfc",
    "jwcrypto",
    "matplotlib",
    "msgspec",
    "numpy",
    "onnx",
    "onnxruntime",
    "PySide6",
    "reportlab",
    "requests",
    "segno",
    "sqlite_utils",
    "tqdm",
    "usearch",
    "uvicorn",
)
# What OpenCV and Qt load at run time, with the Debian package that brings it (`./run` installs
# the same ones).
SYSTEM_LIBRARIES: Final = (
    ("libEGL.so.1", "libegl1"),
    ("libGL.so.1", "libgl1"),
    ("libOpenGL.so.0", "libopengl0"),
    ("libxkbcommon.so.0", "libxkbcommon0"),
    ("libdbus-1.so.3", "libdbus-1-3"),
    ("libfontconfig.so.1", "libfontconfig1"),
    ("libglib-2.0.so.0", "libglib2.0-0"),
)
PYTHON_MIN: Final = (3, 11)
# What the owner writes into the data folder (docs/settings.md).
TRIAL_FILE: Final = "policy-trial.toml"
OWNERS_FILES: Final = ("settings.toml", "policy.toml", TRIAL_FILE)
# An evening's journal is a few MB; SQLite and model installs want room beside it. Our estimate.
DISK_FREE_BYTES_MIN: Final = 500 * 1024 * 1024
# 20,000 templates of 512 floats are 40 MiB; the next power of two. Our estimate.
LOCKED_MEMORY_BYTES_MIN: Final = 64 * 1024 * 1024


class State(enum.Enum):
    """How one thing stands."""

    OK = "ok"
    WARN = "warn"  # works, but look at it
    MISSING = "missing"  # what depends on it does not work


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: Stable name in snake case.
        state: How it stands.
        sentence: What is so, in one sentence.
        mend: What to do about it; empty when all is well.
        is_needed: Whether a payment in the sandbox fails without it.
    """

    name: str
    state: State
    sentence: str
    mend: str = ""
    is_needed: bool = True


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What a directory entry says about a file, without opening it."""

    size_bytes: int
    is_private: bool  # no permission for group and others


class Machine(Protocol):
    """What doctor may ask of a machine. No answer raises."""

    def python_version(self) -> tuple[int, int, int]:
        """Return the running Python's version."""

    def has_module(self, name: str) -> bool:
        """Return whether an import would find the module; does not import it."""

    def has_system_library(self, name: str) -> bool:
        """Return whether the dynamic linker can load a library."""

    def video_devices(self) -> dict[str, bool]:
        """Return camera devices by path, and whether this user may open each."""

    def camera(self, device: str) -> CameraIdentity:
        """Return what the kernel tells of a camera device."""

    def settings(self, data_dir: Path) -> Settings | None:
        """Return the installation's settings; None where they cannot be read."""

    def file_problem(self, data_dir: Path, name: str) -> tuple[str, str]:
        """Return what is wrong in a file that the owner writes, and the mend (empty if nothing)."""

    def variable(self, name: str) -> str | None:
        """Return an environment variable."""

    def has_terminal(self) -> bool:
        """Return whether somebody could be asked for a passphrase."""

    def file(self, path: Path) -> FileFacts | None:
        """Return the facts of a regular file, None if there is none."""

    def is_sealed_to_tpm(self, data_dir: Path) -> bool:
        """Return whether the installation is opened by a TPM."""

    def pack_problem(self, data_dir: Path) -> tuple[str, str, str]:
        """Return the chosen pack's name, what is wrong with it and the mend (empty if nothing)."""

    def free_bytes(self, folder: Path) -> int | None:
        """Return the space for `folder` (or where it would be made); None if not writable."""

    def can_refuse_network(self) -> bool:
        """Return whether a process can be started without a network here."""

    def is_clock_plausible(self) -> bool:
        """Return whether the clock is later than this program's own files."""

    def has_tpm(self) -> bool:
        """Return whether there is a TPM 2.0 resource manager."""

    def has_display(self) -> bool:
        """Return whether a window could be shown, now or by a kiosk compositor."""

    def locked_memory_bytes_max(self) -> int | None:
        """Return how much memory may be kept out of swap; None without limit or without swap."""


def check_python(machine: Machine, data_dir: Path) -> Finding:
    """Python is new enough and finds every library."""
    del data_dir
    version = machine.python_version()
    if version[:2] < PYTHON_MIN:
        return Finding(
            "python",
            State.MISSING,
            f"Python is {'.'.join(map(str, version))}; 3.11 or newer is needed.",
            "Install python3.11 and start ./run again.",
        )
    absent = [name for name in LIBRARIES if not machine.has_module(name)]
    if absent:
        return Finding(
            "python",
            State.MISSING,
            f"Python libraries are missing: {', '.join(absent)}.",
            "Remove the folder .venv and start ./run again.",
        )
    text = ".".join(map(str, version))
    return Finding("python", State.OK, f"Python {text} finds all its libraries.")


def check_system_libraries(machine: Machine, data_dir: Path) -> Finding:
    """OpenCV and Qt find the system libraries they load at run time."""
    del data_dir
    absent = [pair for pair in SYSTEM_LIBRARIES if not machine.has_system_library(pair[0])]
    if absent:
        return Finding(
            "system_libraries",
            State.MISSING,
            f"System libraries are missing: {', '.join(name for name, _ in absent)}.",
            f"Run: sudo apt-get install {' '.join(package for _, package in absent)}",
        )
    return Finding("system_libraries", State.OK, "The system libraries for OpenCV and Qt are here.")


def check_settings(machine: Machine, data_dir: Path) -> Finding:
    """What the owner wrote can be used: settings, policy, and a policy on trial."""
    for name in OWNERS_FILES:
        problem, mend = machine.file_problem(data_dir, name)
        if problem and name == TRIAL_FILE:
            # What is on trial is only noted: payments go on without it.
            problem = f"{problem} Nothing is on trial until that is mended."
            return Finding("settings", State.WARN, problem, mend, is_needed=False)
        if problem:
            return Finding("settings", State.MISSING, problem, mend)
    return Finding("settings", State.OK, "The settings and the policy can be used.")


def check_camera(machine: Machine, data_dir: Path) -> Finding:
    """A camera is connected and this user may open it."""
    del data_dir
    devices = machine.video_devices()
    if not devices:
        return Finding(
            "camera",
            State.MISSING,
            "No camera is connected.",
            "Plug in a USB webcam; it appears as /dev/video0. Without one, a folder of frames"
            " (--frames DIR) pays in the sandbox only.",
            is_needed=False,
        )
    allowed = [path for path, may_open in devices.items() if may_open]
    if not allowed:
        return Finding(
            "camera",
            State.MISSING,
            f"This user may not open the camera {next(iter(devices))}.",
            'Run: sudo usermod -aG video "$USER" and log in again.',
            is_needed=False,
        )
    return Finding("camera", State.OK, f"A camera can be opened: {allowed[0]}.", is_needed=False)


def check_camera_pin(machine: Machine, data_dir: Path) -> Finding:
    """The camera is the one that settings.toml names; with real money one is named."""

    def found(state: State, sentence: str, mend: str = "") -> Finding:
        return Finding("camera_pin", state, sentence, mend, is_needed=False)

    settings = machine.settings(data_dir)
    if settings is None:
        return found(State.WARN, "settings.toml cannot be read.", "Mend it: docs/settings.md.")
    pin = CameraPin(settings.camera.usb, settings.camera.serial, settings.camera.path)
    seen = {device: machine.camera(device) for device in machine.video_devices()}
    known = {device: one for device, one in seen.items() if one.is_known and not one.is_virtual}
    if pin.is_set:
        fitting = [device for device, one in known.items() if pin.fits(one)]
        if fitting:
            return found(State.OK, f"{fitting[0]} is the camera that settings.toml names.")
        told = "".join(f" Or name the one at {d}: {_line_of(one)}" for d, one in known.items())
        return found(
            State.MISSING,
            "The camera that settings.toml names is not here, and no other is opened.",
            f"Plug it in where it was.{told}",
        )
    if not known:
        return found(State.OK, "No camera is here that settings.toml could name.")
    device, identity = next(iter(known.items()))
    line = _line_of(identity)
    if settings.bank.connector == "sandbox":
        return found(State.OK, f"Any camera may be used; to name {device} in settings.toml: {line}")
    return found(
        State.WARN,
        "Real money, and any camera may be used.",
        f"Put this at the top of settings.toml, which names {device}: {line}",
    )


def _line_of(identity: CameraIdentity) -> str:
    return CameraPin.of(identity).line()


def check_pack(machine: Machine, data_dir: Path) -> Finding:
    """The model pack that the installation uses is here, byte for byte, and calibrated."""
    name, problem, mend = machine.pack_problem(data_dir)
    if problem:
        return Finding("model_pack", State.MISSING, problem, mend)
    return Finding("model_pack", State.OK, f"The model pack '{name}' is here and unchanged.")


def check_store_key(machine: Machine, data_dir: Path) -> Finding:
    """A key for the vault can be had from one of its sources, in the contract's order."""
    if machine.is_sealed_to_tpm(data_dir):
        if machine.has_tpm():
            return Finding("store_key", State.OK, "The installation is sealed to this TPM.")
        return Finding(
            "store_key",
            State.WARN,  # another way to one may be set ([keys] tcti)
            "The installation is sealed to a TPM, and /dev/tpmrm0 is not here.",
            "Switch the TPM on in the firmware set-up, or open it with: smiletill keys recover",
        )
    credentials = machine.variable("CREDENTIALS_DIRECTORY")
    if credentials and machine.file(Path(credentials) / "storekey"):
        return Finding("store_key", State.OK, "The store key comes from the system's credentials.")
    named = machine.variable("SMILETILL_PASSPHRASE_FILE")
    if named:
        return _check_passphrase_file(machine.file(Path(named)))
    if machine.has_terminal():
        return Finding("store_key", State.OK, "The passphrase will be asked for on this terminal.")
    return Finding(
        "store_key",
        State.MISSING,
        "There is no store key and no terminal to ask for a passphrase.",
        "Put a passphrase into a file that only you can read, and name the file in"
        " SMILETILL_PASSPHRASE_FILE.",
    )


def _check_passphrase_file(facts: FileFacts | None) -> Finding:
    """The file that SMILETILL_PASSPHRASE_FILE names is there, filled and private."""
    if facts is None or facts.size_bytes == 0:
        return Finding(
            "store_key",
            State.MISSING,
            "The file named by SMILETILL_PASSPHRASE_FILE is absent or empty.",
            "Write the passphrase into it, or name another file.",
        )
    if not facts.is_private:
        return Finding(
            "store_key",
            State.WARN,
            "Other users of this machine can read the passphrase file.",
            'Run: chmod 600 "$SMILETILL_PASSPHRASE_FILE"',
        )
    return Finding("store_key", State.OK, "The passphrase comes from a file only you can read.")


def check_disk(machine: Machine, data_dir: Path) -> Finding:
    """The installation's folder can be written and has room."""
    free = machine.free_bytes(data_dir)
    if free is None:
        return Finding(
            "disk",
            State.MISSING,
            f"The installation's folder cannot be written: {data_dir}.",
            "Name another one with --data DIR, or mend its permissions.",
        )
    megabytes = free // (1024 * 1024)
    if free < DISK_FREE_BYTES_MIN:
        return Finding(
            "disk",
            State.MISSING,
            f"Only {megabytes} MB are free for {data_dir}.",
            f"Free at least {DISK_FREE_BYTES_MIN // (1024 * 1024)} MB; a full disk stops payments.",
        )
    return Finding("disk", State.OK, f"{megabytes} MB are free for {data_dir}.")


def check_network_refusal(machine: Machine, data_dir: Path) -> Finding:
    """The faces process can be started without a network."""
    del data_dir
    if machine.can_refuse_network():
        return Finding(
            "network_refusal",
            State.OK,
            "A process can be started without a network here.",
            is_needed=False,
        )
    return Finding(
        "network_refusal",
        State.WARN,
        "This system does not let us start a process without a network (unshare -n).",
        "Install util-linux and allow user namespaces, or run as a systemd service with"
        " RestrictAddressFamilies=AF_UNIX.",
        is_needed=False,
    )


def check_clock(machine: Machine, data_dir: Path) -> Finding:
    """The clock is not plainly wrong; journal, limits a day and certificates rest on it."""
    del data_dir
    if machine.is_clock_plausible():
        return Finding("clock", State.OK, "The clock is plausible.")
    return Finding(
        "clock",
        State.MISSING,
        "The clock shows a time before this program was made.",
        "Run: sudo timedatectl set-ntp true",
    )


def check_tpm(machine: Machine, data_dir: Path) -> Finding:
    """A TPM could hold the store key."""
    del data_dir
    if machine.has_tpm():
        return Finding("tpm", State.OK, "A TPM is present.", is_needed=False)
    return Finding(
        "tpm",
        State.WARN,
        "No TPM is present, so the store key rests on a passphrase.",
        "Switch the TPM on in the firmware set-up, or keep the passphrase file off this disk.",
        is_needed=False,
    )


def check_display(machine: Machine, data_dir: Path) -> Finding:
    """A window could be shown."""
    del data_dir
    if machine.has_display():
        return Finding("display", State.OK, "A display is present.", is_needed=False)
    return Finding(
        "display",
        State.WARN,
        "No display is present.",
        "Connect a screen before using one; `smiletill pay` needs none.",
        is_needed=False,
    )


def check_locked_memory(machine: Machine, data_dir: Path) -> Finding:
    """Templates in memory can be kept out of swap."""
    del data_dir
    limit = machine.locked_memory_bytes_max()
    if limit is None or limit >= LOCKED_MEMORY_BYTES_MIN:
        return Finding(
            "locked_memory", State.OK, "Memory can be kept out of swap.", is_needed=False
        )
    return Finding(
        "locked_memory",
        State.WARN,
        f"This machine swaps, and only {limit // 1024} KiB can be kept out of swap.",
        "Run: sudo swapoff -a, or raise LimitMEMLOCK (ulimit -l) to 64 MiB.",
        is_needed=False,
    )


CHECKS: Final[tuple[Callable[[Machine, Path], Finding], ...]] = (
    check_python,
    check_system_libraries,
    check_settings,
    check_camera,
    check_camera_pin,
    check_pack,
    check_store_key,
    check_disk,
    check_clock,
    check_network_refusal,
    check_tpm,
    check_display,
    check_locked_memory,
)


def examine(machine: Machine, data_dir: Path) -> tuple[Finding, ...]:
    """Look at everything once, in the order in which a person would mend it."""
    return tuple(check(machine, data_dir) for check in CHECKS)


def can_pay_in_sandbox(findings: tuple[Finding, ...]) -> bool:
    """Return whether nothing is missing that a payment in the sandbox needs."""
    return not any(f.is_needed and f.state is State.MISSING for f in findings)
