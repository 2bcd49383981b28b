"""What the desk is handed: a way to take samples, a way to ask money, and what a duplicate is.

The composition root of the faces process wires these to camera, vision and link; tests wire fakes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from kiosk.domain.evidence import CameraKind
from kiosk.domain.ids import OrderId, PackId, PersonId
from kiosk.faces.desk.audit import AuditLog
from kiosk.faces.desk.staff import StaffBook
from kiosk.faces.vault.gallery import Gallery
from kiosk.faces.vault.records import Person
from kiosk.faces.vault.store import Vault
from kiosk.link.protocol import AnyMessage, CameraSpec, Progress
from kiosk.link.staff_desk import CapturedPose, Rehearsal

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Samples:
    """A reference made from one person's good samples.

    Args:
        template: d float32 of length 1, the pooled samples; this is what is searched.
        kept: n x d float32, rows of length 1: single samples to keep.
        count: Good samples that were pooled.
        quality: Their mean quality, 0 to 100.
        poses: What became of each pose of a guided capture.
    """

    template: NDArray[np.float32] = field(repr=False, compare=False)
    kept: NDArray[np.float32] = field(repr=False, compare=False)
    count: int
    quality: int
    poses: tuple[CapturedPose, ...] = ()

    def wipe(self) -> None:
        """Overwrite the vectors where nobody made them read-only."""
        for vectors in (self.template, self.kept):
            if vectors.flags.writeable:
                vectors.fill(0.0)


@dataclass(frozen=True, slots=True)
class CaptureRefusal:
    """There is no reference, and why: a reason code, and a detail without personal data."""

    reason: str
    detail: str = ""


Capturing = Generator[Progress, None, Samples | CaptureRefusal]


class Capture(Protocol):
    """Open the camera, take samples, close it. Yields progress; errors of the camera are raised.

    A generator and not a callback, because the desk's own answers are one: what it yields is on its
    way to staff at once, and a client that goes away closes it, camera included.
    """

    def __call__(self, camera: CameraSpec, pack: PackId, *, guided: bool = False) -> Capturing:
        """Take the samples; `guided` asks for poses."""
        ...


TakePictures = Callable[[tuple[str, ...], PackId], Capturing]
"""Make samples of pictures, without a camera and without a proof of life."""


class AskMoney(Protocol):
    """A connection to money."""

    def ask(self, message: AnyMessage, expect: type[Answer], timeout_s: float = ...) -> Answer:
        """Ask something that does no harm when asked twice; raise `SmileTillError` otherwise."""
        ...


OpenMoney = Callable[[CameraKind | None], AbstractContextManager[AskMoney]]
"""Connect to money, declaring the camera that samples are taken with (None: no camera is used)."""


class Rehearse(Protocol):
    """Look at the camera as a payment would, without an order; charge and write nothing."""

    def __call__(
        self, camera: CameraSpec, newcomer: Person
    ) -> Generator[Progress, None, Rehearsal]:
        """Rehearse for somebody who cannot be searched yet."""
        ...


class Packs(Protocol):
    """The model packs of the installation, while people of two are searched."""

    def current(self) -> PackId | None:
        """Return the pack to enrol with; None while nobody is enrolled and none was chosen."""
        ...

    def choose(self, name: str) -> None:
        """Make a pack the installation's own, if another one was chosen."""
        ...

    def older(self) -> tuple[PackId, ...]:
        """Return the older packs that people are still searched with."""
        ...

    def waiting(self) -> tuple[PersonId, ...]:
        """Return the people of older packs."""
        ...

    def until(self, current: PackId) -> date:
        """Return the last day on which they are searched."""
        ...


@dataclass(frozen=True, slots=True)
class DeskTools:
    """Everything that the desk works with.

    Args:
        data_dir: DIR, for the search after an erasure.
        vault: The open vault.
        gallery: Who can be recognised; the desk keeps it equal to the vault's active people.
        capture: Takes samples.
        money: Connects to money.
        resolve_pack: Turns the name that staff gave (None: the installation's own) into a pack id.
        duplicate_from: Score from which two people count as one, for a pack.
        open_threshold: Score from which a customer is identified, for a pack and so many people.
        look_alike_from: Score from which they look alike; None: the same as `duplicate_from`.
        packs: Which pack is the installation's own; None: that of whoever is enrolled.
        pictures: Makes samples of pictures, for an import; None where there are no eyes.
        rehearse: Tries a payment without an order; None where there are no eyes.
        now: The time, with its zone.
        audit: Where everything that changes something is written down.
        pause: Waits for some seconds.
        evidence: Tells what is kept of the recognition for an order, empty if nothing is.
        staff: Accounts of the staff; without them nobody can sign in.
    """

    data_dir: Path
    vault: Vault
    gallery: Gallery
    capture: Capture
    money: OpenMoney
    resolve_pack: Callable[[str | None], PackId]
    duplicate_from: Callable[[PackId], float]
    open_threshold: Callable[[PackId, int], float]
    now: Callable[[], datetime]
    audit: AuditLog
    pause: Callable[[float], None] = time.sleep
    evidence: Callable[[OrderId], dict[str, str]] = lambda _order_id: {}
    staff: StaffBook | None = None
    look_alike_from: Callable[[PackId], float] | None = None
    rehearse: Rehearse | None = None
    pictures: TakePictures | None = None
    packs: Packs | None = None
