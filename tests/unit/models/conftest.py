"""A pack that may be broken: a copy of the shipped starter pack, and nothing of the user's own."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from models.manifest import SHIPPED_DIR

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _no_packs_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))


@pytest.fixture
def starter_copy(tmp_path: Path) -> Path:
    """A folder with the starter pack's files, to be damaged."""
    return shutil.copytree(SHIPPED_DIR / "starter", tmp_path / "packs" / "starter")


@pytest.fixture
def flip_byte():
    """A function that changes one byte in the middle of a file and leaves its length."""

    def flip(path: Path) -> None:
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 0x01
        path.write_bytes(data)

    return flip
