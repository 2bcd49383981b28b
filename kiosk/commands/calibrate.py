"""What `smiletill models calibrate` does: measure, write beside the pack, draw, and compare.

The file is replaced in one step; what was there before stays until the new one is whole.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from kiosk.bench import owner_calibration
from kiosk.bench.plots import draw_calibration
from kiosk.domain.errors import SetupError
from kiosk.domain.identification import (
    GALLERY_SIZE_FLOOR,
    ImpostorTail,
    SearchPolicy,
    thresholds,
)
from kiosk.faces.vision.calibration import (
    impostor_tails,
    is_calibrated,
    owner_file,
    tails_without_owner,
)
from models.manifest import find_pack


def run(name: str, faces: Path, data_dir: Path, *, seed: int, plot: Path | None) -> dict[str, Any]:
    """Calibrate a pack on the owner's pictures; return what was measured and what it changes.

    Raises:
        BadInputError: Too few people or pictures.
        SetupError: The pack cannot be used, or the disk refuses.
    """
    pack = find_pack(name, data_dir)
    own = tails_without_owner(pack)
    found = owner_calibration.measure(pack, owner_calibration.pictures_of(faces), own, seed)
    file = owner_file(pack, data_dir)
    _write(file, owner_calibration.to_toml(pack, found))
    after = _bands(impostor_tails(pack, data_dir))
    if found.compared is not None:
        plot = plot or file.with_suffix(".png")
        draw_calibration(plot, pack.id, found.compared, after)
    return {
        "pack": pack.id,
        "people": found.people,
        "pictures": found.pictures,
        "refused": found.refused,
        # A floor alone identifies nobody.
        "thresholds_before": _bands(own) if is_calibrated(pack) else None,
        "thresholds": after,
        "file": str(file),
        "plot": str(plot) if found.compared is not None else None,
        "seed": seed,
    }


def _bands(tails: tuple[ImpostorTail, ...]) -> dict[str, float]:
    limits = thresholds(GALLERY_SIZE_FLOOR, SearchPolicy(), tails)
    return {
        "open": round(limits.open, 3),
        "digits": round(limits.digits, 3),
        "pin": round(limits.pin, 3),
    }


def _write(file: Path, text: str) -> None:
    half = file.with_suffix(".part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with half.open("w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        half.replace(file)
    except OSError as error:
        raise SetupError(
            f"The calibration cannot be written: {error.strerror}.",
            code="calibration_not_written",
            mend="Free space or mend the permissions of the data folder, then calibrate again.",
        ) from error
