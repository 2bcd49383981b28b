"""A strict reader for TOML tables: every key is asked for, has its type, or is refused.

It knows nothing of packs. An unknown key is an error, because a misspelt threshold that is
silently ignored would be a threshold nobody set.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from models.errors import PackManifestError

# A manifest is a page of text with a calibration table; a megabyte is far beyond any real one.
MANIFEST_BYTES_MAX: Final = 1 << 20

_MEND: Final = "Take the pack's pack.toml from a fresh copy of SmileTill."


def manifest_error(path: Path, what: str) -> PackManifestError:
    """Return the error for the manifest at `path`; `what` finishes the sentence about it."""
    return PackManifestError(
        f"The manifest {path.parent.name}/{path.name} {what}.",
        code="pack_manifest_bad",
        mend=_MEND,
    )


class Table:
    """One TOML table that is read key by key and must be empty at the end.

    Args:
        path: The file it came from, for messages.
        where: The table's name in that file, for messages.
        values: What TOML gave; copied, never changed.
    """

    def __init__(self, path: Path, where: str, values: object) -> None:
        """Refuse anything that is not a table."""
        if not isinstance(values, dict):
            raise manifest_error(path, f"has no table [{where}]")
        self._path = path
        self._where = where
        self._left: dict[str, object] = dict(values)

    def __contains__(self, key: str) -> bool:
        """Say whether `key` is there and has not been read yet."""
        return key in self._left

    def error(self, what: str) -> PackManifestError:
        """Return an error about this table."""
        return manifest_error(self._path, f"says something impossible: [{self._where}] {what}")

    def take(self, key: str) -> object:
        """Return the value of `key` and forget it; refuse when it is absent."""
        if key not in self._left:
            raise self.error(f"has no {key}")
        return self._left.pop(key)

    def text(self, key: str, *, default: str | None = None) -> str:
        """Return a string; refuse anything else, and an empty one."""
        value = default if default is not None and key not in self._left else self.take(key)
        if not isinstance(value, str) or (not value and value != default):
            raise self.error(f"{key} must be text")
        return value

    def flag(self, key: str) -> bool:
        """Return a boolean; refuse anything else."""
        value = self.take(key)
        if not isinstance(value, bool):
            raise self.error(f"{key} must be true or false")
        return value

    def whole(self, key: str, *, least: int, most: int) -> int:
        """Return an integer between `least` and `most`, both included."""
        return self._whole(key, self.take(key), least, most)

    def number(self, key: str) -> float:
        """Return a finite number; TOML's nan and inf are refused."""
        return self._number(key, self.take(key))

    def size(self, key: str) -> tuple[int, int]:
        """Return a (width, height) in pixels, each between 1 and 4096."""
        value = self.take(key)
        match value:
            case [width, height]:
                return self._whole(key, width, 1, 4096), self._whole(key, height, 1, 4096)
            case _:
                raise self.error(f"{key} must be [width, height]")

    def numbers(self) -> Mapping[str, float]:
        """Return every key that is left as a finite number."""
        return {key: self._number(key, self._left.pop(key)) for key in tuple(self._left)}

    def close(self) -> None:
        """Refuse the table if a key was never asked for."""
        if self._left:
            raise self.error(f"has keys nobody knows: {', '.join(sorted(self._left))}")

    def _whole(self, key: str, value: object, least: int, most: int) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise self.error(f"{key} must be a whole number from {least} to {most}")
        return value

    def _number(self, key: str, value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.error(f"{key} must be a number")
        if not math.isfinite(value):
            raise self.error(f"{key} must be finite")
        return float(value)


def read_toml(path: Path) -> Table:
    """Read the TOML file at `path` as one table.

    Raises:
        PackManifestError: It is absent, too big, not UTF-8 or not TOML.
    """
    try:
        with path.open("rb") as stream:
            raw = stream.read(MANIFEST_BYTES_MAX + 1)
    except OSError as error:
        raise manifest_error(path, f"cannot be read ({error.strerror})") from error
    if len(raw) > MANIFEST_BYTES_MAX:
        raise manifest_error(path, f"is larger than {MANIFEST_BYTES_MAX} bytes")
    try:
        values = tomllib.loads(raw.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise manifest_error(path, "is not valid TOML") from error
    return Table(path, "pack.toml", values)
