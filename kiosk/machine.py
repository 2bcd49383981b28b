"""The machine that this program runs on, as `kiosk.doctor` asks about it.

Every answer is cheap (no library is imported, no device is opened; one short child process shows
whether a network can be refused) and none raises: what cannot be found out counts as absent.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import resource
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from kiosk.doctor import FileFacts
from kiosk.domain.errors import SmileTillError
from kiosk.faces.camera.identity import CameraIdentity, identity_of
from kiosk.faces.vault import keyring
from kiosk.faces.vision.calibration import impostor_tails
from kiosk.settings import Settings, load_policy, load_settings
from models import store
from models.errors import PackError
from models.manifest import find_pack

UNSHARE_TIMEOUT_S: Final = 5.0


class ThisMachine:
    """The real machine; see `kiosk.doctor.Machine` for what each answer means."""

    def python_version(self) -> tuple[int, int, int]:
        """Return the running Python's version."""
        return sys.version_info[:3]

    def has_module(self, name: str) -> bool:
        """Return whether an import would find the module; does not import it."""
        return importlib.util.find_spec(name) is not None

    def has_system_library(self, name: str) -> bool:
        """Return whether the dynamic linker can load a library."""
        try:
            ctypes.CDLL(name)
        except OSError:
            return False
        return True

    def video_devices(self) -> dict[str, bool]:
        """Return camera devices by path, and whether this user may open each."""
        # Sorted by number: /dev/video10 comes after /dev/video2.
        devices = [p for p in Path("/dev").glob("video*") if p.name.removeprefix("video").isdigit()]
        devices.sort(key=lambda path: int(path.name.removeprefix("video")))
        return {str(path): os.access(path, os.R_OK | os.W_OK) for path in devices}

    def camera(self, device: str) -> CameraIdentity:
        """Return what the kernel tells of a camera device."""
        return identity_of(int(device.removeprefix("/dev/video")))

    def settings(self, data_dir: Path) -> Settings | None:
        """Return the installation's settings; None where they cannot be read."""
        try:
            return load_settings(data_dir)
        except (SmileTillError, OSError):
            return None

    def file_problem(self, data_dir: Path, name: str) -> tuple[str, str]:
        """Return what is wrong in a file that the owner writes, and the mend (empty if nothing)."""
        try:
            if name == "settings.toml":
                load_settings(data_dir)
            else:
                load_policy(data_dir, name)
        except SmileTillError as error:
            return error.message, error.mend
        return "", ""

    def variable(self, name: str) -> str | None:
        """Return an environment variable."""
        return os.environ.get(name)

    def has_terminal(self) -> bool:
        """Return whether somebody could be asked for a passphrase."""
        try:
            return os.isatty(0)
        except OSError:
            return False

    def file(self, path: Path) -> FileFacts | None:
        """Return the facts of a regular file, None if there is none."""
        try:
            facts = path.stat()
        except (OSError, ValueError):
            return None
        if not stat.S_ISREG(facts.st_mode):
            return None
        is_private = not facts.st_mode & (stat.S_IRWXG | stat.S_IRWXO)
        return FileFacts(facts.st_size, is_private=is_private)

    def is_sealed_to_tpm(self, data_dir: Path) -> bool:
        """Return whether the installation is opened by a TPM; no key is looked at."""
        try:
            kept = keyring.read(data_dir)
        except SmileTillError:
            return False
        return kept is not None and kept.primary.source is keyring.KeySource.TPM

    def pack_problem(self, data_dir: Path) -> tuple[str, str, str]:
        """Return the chosen pack's name, what is wrong with it and the mend (empty if nothing)."""
        name = ""
        try:
            name = store.current_pack(data_dir)
            impostor_tails(find_pack(name, data_dir), data_dir)
        except (PackError, SmileTillError) as error:
            return name, error.message, error.mend
        return name, "", ""

    def free_bytes(self, folder: Path) -> int | None:
        """Return the space for `folder` (or where it would be made); None if not writable."""
        try:
            existing = next(p for p in (folder, *folder.absolute().parents) if p.exists())
            if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
                return None
            return shutil.disk_usage(existing).free
        except (OSError, ValueError):
            return None

    def can_refuse_network(self) -> bool:
        """Return whether a process can be started without a network here."""
        # Root needs no user namespace; everybody else gets the right to unshare from one.
        options = ["-n"] if os.geteuid() == 0 else ["-r", "-n"]
        try:
            done = subprocess.run(
                ["unshare", *options, "true"],  # noqa: S607 - wherever the system keeps it
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=UNSHARE_TIMEOUT_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return False
        return done.returncode == 0

    def is_clock_plausible(self) -> bool:
        """Return whether the clock is later than this program's own files."""
        try:
            return time.time() >= Path(__file__).stat().st_mtime
        except OSError:
            return True

    def has_tpm(self) -> bool:
        """Return whether there is a TPM 2.0 resource manager."""
        return Path("/dev/tpmrm0").exists()

    def has_display(self) -> bool:
        """Return whether a window could be shown, now or by a kiosk compositor."""
        has_server = any(os.environ.get(name) for name in ("WAYLAND_DISPLAY", "DISPLAY"))
        return has_server or any(Path("/dev/dri").glob("card*"))

    def locked_memory_bytes_max(self) -> int | None:
        """Return how much memory may be kept out of swap; None without limit or without swap."""
        try:
            # One heading, then one line an active swap area.
            swap_areas = Path("/proc/swaps").read_text(encoding="ascii").splitlines()[1:]
        except (OSError, ValueError):
            swap_areas = ["unknown"]
        soft, _hard = resource.getrlimit(resource.RLIMIT_MEMLOCK)
        return None if not swap_areas or soft == resource.RLIM_INFINITY else soft
