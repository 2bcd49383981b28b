"""The development sets that benches read: where they lie, and who was kept out of training.

Whether a person was kept out is decided by the name alone, so that training and measurement agree
without a list; `models/training/starter` uses the same function.
It reads tables and pictures and writes nothing.
"""

from __future__ import annotations

import csv
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kiosk.domain.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Iterable

HELD_OUT_SHARE = 0.2
"""Share of LFW's people that no network of the pack `starter` was trained on."""

WEBCAM_HELD_OUT = frozenset({"0006", "0012"})
"""NUAA subjects kept out: two of eight; there are too few for a share by hash."""

SHARED_VARIABLE = "SMILETILL_SHARED"


@dataclass(frozen=True, slots=True)
class FacePicture:
    """One picture of LFW: its file, whose it is, and how it is labelled (may be empty)."""

    file: Path
    identity: str
    expression: str


def held_out(identity: str) -> bool:
    """Say whether an LFW identity was kept out of every training."""
    digest = hashlib.sha256(identity.encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64 < HELD_OUT_SHARE


def set_folder(given: Path | None, name: str) -> Path:
    """Return the folder of a set: the one given, else the shared one of that name.

    Raises:
        SetupError: `bench_set_missing`.
    """
    if given is not None:
        return given
    # `or`: an empty variable counts as unset.
    shared = Path(os.environ.get(SHARED_VARIABLE) or Path(__file__).parents[3] / "shared")
    folder = shared / name
    if not folder.is_dir():
        raise SetupError(
            f"The pictures for this measurement are not at {folder}.",
            code="bench_set_missing",
            mend=f"Name their folder with --{name} DIR, or set {SHARED_VARIABLE}.",
        )
    return folder


def face_pictures(folder: Path, *, held_out_only: bool) -> list[FacePicture]:
    """Return the pictures of `labels.csv` in its order."""
    pictures = [
        FacePicture(folder / row["file"], row["identity"], row["expression"])
        for row in _rows(folder / "labels.csv")
    ]
    return [p for p in pictures if held_out(p.identity)] if held_out_only else pictures


def webcam_frames(folder: Path, *, held_out_only: bool) -> list[Path]:
    """Return the frames of all of NUAA's sequences, live and printed, in order."""
    chosen = [
        folder / row["kind"] / row["sequence"]
        for row in _rows(folder / "sequences.csv")
        if not held_out_only or row["subject"] in WEBCAM_HELD_OUT
    ]
    return [file for sequence in chosen for file in sorted(sequence.glob("*.jpg"))]


def live_sequences(folder: Path) -> list[dict[str, str]]:
    """Return the rows of NUAA's live sequences, in order."""
    return [row for row in _rows(folder / "sequences.csv") if row["kind"] == "client"]


def _rows(file: Path) -> Iterable[dict[str, str]]:
    try:
        with file.open(encoding="utf-8", newline="") as stream:
            return list(csv.DictReader(stream))
    except OSError as error:
        raise SetupError(
            f"The table {file} cannot be read.",
            code="bench_set_missing",
            mend="Give the folder that holds it.",
        ) from error
