"""The list of people as staff read it: rows, a search, and who still has to come by.

Values are what `enrollment.flow` returns; a key that an older faces does not send is left out.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

ACTIVE = "active"
QUERY_LENGTH_MAX = 100


@dataclass(frozen=True, slots=True)
class Row:
    """One person in the list. `notes` are reason codes for what staff should know at once."""

    person: str
    name: str
    phone_hint: str
    state: str
    enrolled_at: str
    pack: str
    samples: int
    consent_version: str
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, known: Mapping[str, Any]) -> Row:
        """Read one person of the flow."""
        return cls(
            person=str(known["person"]),
            name=str(known["name"]),
            phone_hint=str(known["phone_hint"]),
            state=str(known["state"]),
            enrolled_at=str(known["enrolled_at"]),
            pack=str(known["pack"]),
            samples=int(known["samples"]),
            consent_version=str(known["consent_version"]),
            notes=notes_of(known),
        )


def notes_of(known: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what staff should know of a person at once, as reason codes."""
    notes = []
    if known.get("pin_always"):
        notes.append(f"pin_{known['pin_always']}")
    if known.get("warned_at"):
        notes.append("retention")
    return tuple(notes)


@dataclass(frozen=True, slots=True)
class Listed:
    """The list, and who of it has to come by: until when people of an older pack can pay."""

    rows: tuple[Row, ...]
    waiting: int = 0
    grace_until: str = ""


def with_visits(rows: Iterable[Row], visits: Mapping[str, str]) -> tuple[Row, ...]:
    """Add to each row why that person has to come by, if so: `pack` or `imported`."""
    return tuple(
        replace(row, notes=(*row.notes, f"visit_{visits[row.person]}"))
        if row.person in visits
        else row
        for row in rows
    )


def search(rows: Iterable[Row], query: str) -> list[Row]:
    """Return the rows that hold every word of a query in name, number hint or id."""
    words = _folded(query[:QUERY_LENGTH_MAX]).split()
    return [row for row in rows if all(word in _searchable(row) for word in words)]


def _searchable(row: Row) -> str:
    return _folded(f"{row.name} {row.phone_hint} {row.person}")


def _folded(text: str) -> str:
    """Without case and accents, so that Zoe finds Zoë."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(mark for mark in decomposed if not unicodedata.combining(mark))
