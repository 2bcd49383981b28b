"""How many people of which model pack an installation holds, in a file that needs no key.

The vault knows it, but opens only with its key; whoever prints the thresholds of an installation
has none and asks about nobody. So the faces process notes it in `DIR/pack-people.json`: packs and
counts, no person. It is a note, not a truth: it may be as old as the last run, and nothing that
decides reads it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import msgspec

from kiosk.domain.ids import PackId

FILE_NAME = "pack-people.json"
FILE_BYTES_MAX = 4_096
VERSION = 1

logger = logging.getLogger(__name__)


class _Note(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: int
    people: dict[PackId, int]


class PackPeople:
    """Keeps the note of one installation; used from one thread at a time."""

    def __init__(self, data_dir: Path) -> None:
        """Write nothing yet."""
        self._path = data_dir / FILE_NAME
        self._noted: Mapping[PackId, int] | None = None

    def note(self, people: Mapping[PackId, int]) -> None:
        """Write the counts down, if they are others than last time; a full disk stops nothing."""
        if people == self._noted:
            return
        fresh = self._path.with_suffix(".new")
        try:
            fresh.write_bytes(msgspec.json.encode(_Note(VERSION, dict(people))) + b"\n")
            fresh.replace(self._path)
        except OSError as error:
            logger.warning("%s cannot be written (%s)", FILE_NAME, error.strerror)
            return
        self._noted = dict(people)


def noted_people(data_dir: Path) -> dict[PackId, int]:
    """Return the people of each pack as they were last noted, most first; perhaps nobody."""
    try:
        with (data_dir / FILE_NAME).open("rb") as file:
            note = msgspec.json.decode(file.read(FILE_BYTES_MAX), type=_Note)
    except (OSError, msgspec.DecodeError):
        return {}
    if note.version != VERSION:
        return {}
    people = {pack: count for pack, count in note.people.items() if count > 0}
    return dict(sorted(people.items(), key=lambda item: (-item[1], item[0])))
