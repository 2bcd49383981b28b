"""A machine made of plain values, in perfect order unless a test says otherwise."""

from dataclasses import dataclass, field
from pathlib import Path

from kiosk.doctor import FileFacts
from kiosk.faces.camera.identity import CameraIdentity
from kiosk.settings import Settings

WEBCAM = CameraIdentity(
    "uvcvideo", "046d:0825", "A1", "/sys/devices/pci/usb1/1-3/1-3:1.0/video4linux/video0"
)


@dataclass
class FakeMachine:
    """Answers `kiosk.doctor.Machine`'s questions from its attributes."""

    version: tuple[int, int, int] = (3, 11, 2)
    absent_modules: set[str] = field(default_factory=set)
    absent_libraries: set[str] = field(default_factory=set)
    devices: dict[str, bool] = field(default_factory=lambda: {"/dev/video0": True})
    cameras: dict[str, CameraIdentity] = field(default_factory=lambda: {"/dev/video0": WEBCAM})
    set_up: Settings | None = field(default_factory=Settings)
    problems: dict[str, tuple[str, str]] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    terminal: bool = True
    files: dict[Path, FileFacts] = field(default_factory=dict)
    pack: tuple[str, str, str] = ("starter", "", "")
    free: int | None = 10**12
    refuses_network: bool = True
    clock_plausible: bool = True
    tpm: bool = True
    sealed_to_tpm: bool = False
    display: bool = True
    locked_memory: int | None = None

    def python_version(self) -> tuple[int, int, int]:
        return self.version

    def has_module(self, name: str) -> bool:
        return name not in self.absent_modules

    def has_system_library(self, name: str) -> bool:
        return name not in self.absent_libraries

    def video_devices(self) -> dict[str, bool]:
        return self.devices

    def camera(self, device: str) -> CameraIdentity:
        return self.cameras.get(device, CameraIdentity())

    def settings(self, data_dir: Path) -> Settings | None:
        return self.set_up

    def file_problem(self, data_dir: Path, name: str) -> tuple[str, str]:
        return self.problems.get(name, ("", ""))

    def variable(self, name: str) -> str | None:
        return self.variables.get(name)

    def has_terminal(self) -> bool:
        return self.terminal

    def file(self, path: Path) -> FileFacts | None:
        return self.files.get(path)

    def is_sealed_to_tpm(self, data_dir: Path) -> bool:
        return self.sealed_to_tpm

    def pack_problem(self, data_dir: Path) -> tuple[str, str, str]:
        return self.pack

    def free_bytes(self, folder: Path) -> int | None:
        return self.free

    def can_refuse_network(self) -> bool:
        return self.refuses_network

    def is_clock_plausible(self) -> bool:
        return self.clock_plausible

    def has_tpm(self) -> bool:
        return self.tpm

    def has_display(self) -> bool:
        return self.display

    def locked_memory_bytes_max(self) -> int | None:
        return self.locked_memory
