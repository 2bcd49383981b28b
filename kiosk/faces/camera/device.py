"""A webcam: OpenCV's VideoCapture on a thread of its own, with a one-slot mailbox of the newest.

The thread opens, reads, reopens and releases the device; the consumer only waits at the mailbox,
so a driver that hangs can stall the thread but never the session.
A frame nobody fetched is overwritten by the next one.
Retries and waits are bounded; after them the consumer gets a typed error.
Commands of the exposure go to the thread by a mailbox of one slot too; when the device is closed,
lost or failing, the exposure is given back to it.

It does not choose a camera and sets nothing but size, buffer length and, on command, exposure.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np

from kiosk.domain.evidence import CameraKind
from kiosk.faces.camera.exposure import Exposure, ExposureState, Obedience, WebcamExposure
from kiosk.faces.camera.identity import UNPINNED, CameraIdentity, CameraPin, identity_of
from kiosk.faces.camera.port import CameraDeviceError, Frame
from kiosk.faces.opencv import cv2

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from numpy.typing import NDArray


class Capture(Protocol):
    """The part of `cv2.VideoCapture` that is used; tests pass their own."""

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        """Say whether the device is open."""
        ...

    def read(self) -> tuple[bool, NDArray[np.uint8] | None]:
        """Wait for the next frame."""
        ...

    def release(self) -> None:
        """Close the device."""
        ...


@dataclass(frozen=True, slots=True)
class DeviceLimits:
    """Times and counts, each our own choice for a USB webcam."""

    open_timeout_s: float = 6.0
    """USB webcams open in 0.3 to 3 s; twice that."""
    frame_timeout_s: float = 2.0
    """Longest wait for a frame before the camera counts as stalled (60 frames at 30 a second)."""
    failed_reads_max: int = 10
    """Reads in a row that may fail before the device is reopened."""
    reopen_attempts_max: int = 5
    reopen_pause_s: float = 0.5
    """Pause before each attempt: a replugged webcam needs about two seconds to come back."""
    black_mean_max: float = 4.0
    """Grey levels (0 to 255): a lens cap or a dead sensor; a dark room stays above."""
    black_frames_min: int = 30
    """One second of black frames before it is noted."""
    width: int = 640
    height: int = 480


@dataclass(slots=True)
class _Slot:
    frame: Frame | None = None
    error: CameraDeviceError | None = None
    opened: bool = False


class DeviceCamera:
    """Frames from a webcam, newest first.

    Args:
        number: The device's number (`/dev/video<number>` on Linux).
        limits: Times and counts.
        open_capture: Opens the device; called on the camera's thread, for each reopening again.
        now_ms: A monotonic clock in milliseconds.
        identify: Tells who the device is; by default the kernel, nobody for a capture of one's own.
        pin: Who it has to be, at every opening.
        obedience: What is remembered of cameras' answers; None: its exposure is not touched.
    """

    def __init__(
        self,
        number: int,
        *,
        limits: DeviceLimits | None = None,
        open_capture: Callable[[], Capture] | None = None,
        now_ms: Callable[[], int] | None = None,
        identify: Callable[[], CameraIdentity] | None = None,
        pin: CameraPin = UNPINNED,
        obedience: Obedience | None = None,
    ) -> None:
        """Remember what to open; open nothing."""
        asked = CameraIdentity if open_capture is not None else partial(identity_of, number)
        self._identify = identify or asked
        self._identity = CameraIdentity()
        self._pin = pin
        self._obedience = obedience
        self._commanded: tuple[float | None] | None = None
        self._exposure = Exposure()
        self._number = number
        self._limits = limits or DeviceLimits()
        self._open_capture = open_capture or self._open_device
        self._now_ms = now_ms or (lambda: time.monotonic_ns() // 1_000_000)
        self._changed = threading.Condition()
        self._slot = _Slot()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._black_in_a_row = 0
        self.reopened = 0
        """How often the device was lost and found again."""

    @property
    def kind(self) -> CameraKind:
        """A device is the only live camera."""
        return CameraKind.DEVICE

    @property
    def exposure(self) -> Exposure:
        """What was done to the exposure last."""
        return self._exposure

    @property
    def is_known_to_follow(self) -> bool:
        """Say whether this device has been seen to follow often enough."""
        return self._obedience is not None and self._obedience.knows(self._identity)

    def expose(self, times: float | None) -> None:
        """Have the camera's thread change the exposure before it reads the next frame."""
        with self._changed:
            self._commanded = (times,)

    def note_answer(self, *, followed: bool) -> None:
        """Remember whether the picture followed; of a device that nobody knows nothing is."""
        if self._obedience is not None and self._identity.is_known:
            self._obedience.note(self._identity, followed=followed)

    @property
    def times_to_hold(self) -> float:
        """By how much of what it tells this device was last held."""
        return 1.0 if self._obedience is None else self._obedience.hold_of(self._identity)

    def note_hold(self, times: float) -> None:
        """Remember by how much it was."""
        if self._obedience is not None and self._identity.is_known:
            self._obedience.note_hold(self._identity, times)

    @property
    def looks_covered(self) -> bool:
        """Say whether the last second was black: a lens cap, or a dead sensor."""
        return self._black_in_a_row >= self._limits.black_frames_min

    def __enter__(self) -> Self:
        """Start the thread and wait until the device is open.

        Raises:
            CameraDeviceError: `camera_virtual`, `camera_not_pinned`, `camera_missing`,
                `camera_busy` or `camera_stalled`.
        """
        self._identity = self._identify()
        if self._identity.is_virtual:
            raise _virtual(self._number)
        if not self._pin.fits(self._identity):
            raise _not_pinned(self._number, self._identity)
        self._slot = _Slot()
        refused = ExposureState.AUTOMATIC if self._obedience else ExposureState.REFUSED
        self._exposure, self._commanded = Exposure(refused), None
        self._stop.clear()
        self._thread = threading.Thread(target=self._run, name="camera", daemon=True)
        self._thread.start()
        with self._changed:
            self._changed.wait_for(
                lambda: self._slot.opened or self._slot.error is not None,
                timeout=self._limits.open_timeout_s,
            )
            # A device that opened and was lost at once is told by `frames`, after its frames.
            error = None if self._slot.opened else self._slot.error or _stalled()
        if error is not None:
            self._close()
            raise error
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop the thread, which releases the device, and drop the frame in the mailbox."""
        self._close()

    def frames(self) -> Iterator[Frame]:
        """Yield the newest frame each time, without end.

        Raises:
            CameraDeviceError: `camera_unplugged` after the last attempt to reopen, or
                `camera_stalled` when no frame came in time.
        """
        patience_s = self._limits.frame_timeout_s + self._limits.reopen_attempts_max * (
            self._limits.reopen_pause_s
        )
        while not self._stop.is_set():
            with self._changed:
                came = self._changed.wait_for(
                    lambda: self._slot.frame is not None or self._slot.error is not None,
                    timeout=patience_s,
                )
                frame, self._slot.frame = self._slot.frame, None
                error = self._slot.error
            if frame is not None:
                yield frame
                continue
            raise error if came and error is not None else _stalled()

    def _close(self) -> None:
        self._stop.set()
        if self._thread is not None:
            # A driver that hangs keeps its thread; it is a daemon and must not keep us.
            self._thread.join(timeout=self._limits.frame_timeout_s)
            self._thread = None
        with self._changed:
            self._slot.frame = None

    def _run(self) -> None:
        index = 0
        attempts = 0
        while not self._stop.is_set():
            capture: Capture | None = None
            try:
                capture = self._open_capture()
                if capture.isOpened():
                    if not self._is_pinned():
                        return
                    with self._changed:
                        self._slot.opened = True
                        self._changed.notify_all()
                    before = index
                    index = self._read_until_lost(capture, index)
                    attempts = 0 if index > before else attempts
                elif not self._slot.opened:
                    self._fail(self._not_opened())
                    return
            finally:
                if capture is not None:
                    capture.release()
            if self._stop.is_set():
                return
            attempts += 1
            if attempts > self._limits.reopen_attempts_max:
                self._fail(_unplugged())
                return
            self.reopened += 1
            self._stop.wait(self._limits.reopen_pause_s)
            now = self._identify()
            if now not in {self._identity, CameraIdentity()}:
                self._fail(_swapped())
                return

    def _is_pinned(self) -> bool:
        """Look who it is now that it is open, before a frame of it is read; else say so."""
        if not self._pin.is_set:
            return True
        now = self._identify()
        if self._pin.fits(now) and not now.is_virtual:
            return True
        self._fail(_not_pinned(self._number, now))
        return False

    def _read_until_lost(self, capture: Capture, index: int) -> int:
        """Read until reads fail too often in a row; return the next index."""
        failed = 0
        exposure = None if self._obedience is None else WebcamExposure(capture, self._now_ms)
        try:
            while not self._stop.is_set() and failed < self._limits.failed_reads_max:
                self._carry_out(exposure)
                ok, image = capture.read()
                if not ok or image is None:
                    failed += 1
                    continue
                failed = 0
                self._deliver(np.ascontiguousarray(image, dtype=np.uint8), index)
                index += 1
        finally:
            if exposure is not None:
                exposure.release()
                self._tell(Exposure(at_ms=self._now_ms()))
        return index

    def _carry_out(self, exposure: WebcamExposure | None) -> None:
        with self._changed:
            commanded, self._commanded = self._commanded, None
        if commanded is not None and exposure is not None:
            self._tell(exposure.carry_out(*commanded))

    def _tell(self, exposure: Exposure) -> None:
        self._exposure = replace(exposure, number=self._exposure.number + 1)

    def _deliver(self, image: NDArray[np.uint8], index: int) -> None:
        """Put a frame into the mailbox."""
        black = float(image[::8, ::8].mean()) <= self._limits.black_mean_max
        self._black_in_a_row = self._black_in_a_row + 1 if black else 0
        frame = Frame(image, index, self._now_ms())
        with self._changed:
            self._slot.frame = frame
            self._changed.notify_all()

    def _fail(self, error: CameraDeviceError) -> None:
        with self._changed:
            self._slot.error = error
            self._changed.notify_all()

    def _open_device(self) -> Capture:
        backend = cv2.CAP_V4L2 if sys.platform.startswith("linux") else cv2.CAP_ANY
        # A missing device would make OpenCV print warnings; ask the file system first.
        if sys.platform.startswith("linux") and not self._device_file().exists():
            return _NoCapture()
        capture: Any = cv2.VideoCapture(self._number, backend)
        if capture.isOpened():
            capture.set(cv2.CAP_PROP_FRAME_WIDTH, self._limits.width)
            capture.set(cv2.CAP_PROP_FRAME_HEIGHT, self._limits.height)
            capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        opened: Capture = capture
        return opened

    def _device_file(self) -> Path:
        return Path(f"/dev/video{self._number}")

    def _not_opened(self) -> CameraDeviceError:
        if sys.platform.startswith("linux") and self._device_file().exists():
            return CameraDeviceError(
                f"Camera {self._number} is there but cannot be opened.",
                code="camera_busy",
                mend="Close what uses it, or add this user to the group video.",
            )
        return CameraDeviceError(
            f"There is no camera {self._number}.",
            code="camera_missing",
            mend="Plug a camera in, or name another with --camera.",
        )


class _NoCapture:
    """Stands for a device that is not there."""

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        return False

    def read(self) -> tuple[bool, None]:
        return False, None

    def release(self) -> None:
        pass


def _virtual(number: int) -> CameraDeviceError:
    return CameraDeviceError(
        f"Camera {number} is a program's pictures, not a camera.",
        code="camera_virtual",
        mend="Name a real camera with --camera, and remove the loopback driver.",
    )


def _not_pinned(number: int, found: CameraIdentity) -> CameraDeviceError:
    if not found.is_known:
        return CameraDeviceError(
            f"Nothing tells who camera {number} is, and this terminal works with one only.",
            code="camera_not_pinned",
            mend="Plug in the camera that settings.toml names. See smiletill doctor.",
        )
    return CameraDeviceError(
        f"Camera {number} is not the one that this terminal works with.",
        code="camera_not_pinned",
        mend="Plug that one in where it was, or pin this one: smiletill doctor prints the line.",
    )


def _swapped() -> CameraDeviceError:
    return CameraDeviceError(
        "Another camera took the place of the one that was unplugged.",
        code="camera_swapped",
        mend="Plug the first one in again, or start the terminal anew with this one.",
    )


def _stalled() -> CameraDeviceError:
    return CameraDeviceError(
        "The camera sends no frames.",
        code="camera_stalled",
        mend="Unplug it and plug it in again.",
    )


def _unplugged() -> CameraDeviceError:
    return CameraDeviceError(
        "The camera was unplugged and did not come back.",
        code="camera_unplugged",
        mend="Plug it in again and start the payment anew.",
    )
