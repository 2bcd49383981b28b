"""Whether the audit log is whole: every line, every file, and the seal at the end.

It reads and judges, and changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kiosk.faces.desk import audit_files as files
from kiosk.link.audit import AuditEntry, AuditVerdict
from kiosk.link.chained import ChainBrokenError

PROBLEMS_MAX = 100
"""Sentences of one verdict; a hundred broken files need no more words."""


@dataclass(slots=True)
class _Finding:
    """What reading the files one after the other has come to."""

    entries: int = 0
    first_at: str = ""
    last_at: str = ""
    problems: list[str] = field(default_factory=list)
    before: files.FileReading | None = None
    """The file before, if it could be read to its end."""

    def take(self, entry: AuditEntry) -> None:
        """Count an entry."""
        self.entries += 1
        self.first_at = self.first_at or entry.at
        self.last_at = entry.at


def check(folder: Path, key: bytes) -> AuditVerdict:
    """Read the whole log; nobody writes meanwhile."""
    found = _Finding()
    numbers = files.file_numbers(folder)
    if numbers and numbers[0] != 1:
        found.problems.append(f"the files before {files.file_name(numbers[0])} are missing")
    for place, number in enumerate(numbers):
        if place and number != numbers[place - 1] + 1:
            found.problems.append(f"the files before {files.file_name(number)} are missing")
            found.before = None
        _check_file(folder, number, found, is_first=place == 0, is_last=number == numbers[-1])
    seals = files.read_seals(folder)
    if not numbers:
        found.problems.append("there is no file")
    elif found.before is not None:
        damage = damage_behind_seal(seals, key, found.before)
        if damage:
            found.problems.append(damage)
        elif seals and seals[0].key != files.key_name(key):
            found.problems.append("the seal was made with another key")
    return AuditVerdict(
        whole=not found.problems,
        entries=found.entries,
        files=len(numbers),
        first_at=found.first_at,
        last_at=found.last_at,
        problems=tuple(found.problems[:PROBLEMS_MAX]),
    )


def damage_behind_seal(seals: Sequence[files.Seal], key: bytes, reading: files.FileReading) -> str:
    """Compare the end of the last file with the seal; return what is wrong, or nothing.

    A crash may come between a line and its seal, or between a new file and its seal, and is no
    damage. Neither is a seal under another key: that is for the caller to say.
    """
    header, last = reading.header, reading.last
    if not seals:
        return "the seal is missing" if (header.file, last) != (1, 0) else ""
    seal = seals[0]
    if seal.key == files.key_name(key) and not files.is_ours(seal, key):
        return "the seal was changed"
    if seal.file == header.file:
        chains = {last: reading.position.chain, last - 1: reading.before}
        if seal.entries > last:
            return f"{seal.entries - last} entries are missing at the end"
        if seal.entries not in chains:
            return "entries were added that were never sealed"
        fits = seal.chain == chains[seal.entries].hex()
        return "" if fits else "the last entries are not those that were sealed"
    if seal.file > header.file:
        return f"the files behind {files.file_name(header.file)} are missing"
    fresh = last == header.first - 1 and seal.file == header.file - 1
    follows = header.follows == seal.chain or header.after_damage
    return "" if fresh and follows else "the last file was added and never sealed"


def _check_file(
    folder: Path, number: int, found: _Finding, *, is_first: bool, is_last: bool
) -> None:
    name = files.file_name(number)
    before, found.before = found.before, None
    try:
        reading = files.read_file(folder / name, found.take)
    except ChainBrokenError as error:
        found.problems.append(f"{name}: {error}")
        return
    except OSError as error:
        found.problems.append(f"{name}: {error.strerror or 'it cannot be read'}")
        return
    found.before = reading
    header = reading.header
    if header.after_damage:
        found.problems.append(f"{name} was begun because of damage: {header.after_damage}")
    elif is_first and header.follows != files.NO_CHAIN:
        found.problems.append(f"{name} follows a file that is not there")
    elif before is not None and (
        header.follows != before.position.chain.hex() or header.first != before.last + 1
    ):
        found.problems.append(f"{name} does not follow the file before it")
    if reading.torn_bytes and not is_last:
        found.problems.append(f"{name} ends in the middle of a line")
