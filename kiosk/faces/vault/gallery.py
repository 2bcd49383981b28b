"""The templates that are searched, in RAM only: exact search, last digits, full numbers.

A person stands in the gallery with one vector, their pooled template; the score of a probe is the
cosine with it, as the packs' impostor tails were measured. Packs are kept apart, since their
vectors cannot be compared. It decides nothing: thresholds and margins are the domain's.

Invariants: every change takes effect with the next search; nobody is in it twice; rows that are
taken out, and everything at `close()`, are overwritten with zeros, in every structure. Numbers and
vectors are never written, logged or shown.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from kiosk.domain.identification import Candidate
from kiosk.domain.ids import PackId, PersonId
from kiosk.faces.vault.gallery_rows import Rows, top
from kiosk.faces.vault.locked import LockedArray
from kiosk.faces.vault.records import Findable, Person

DIGITS = 4
"""How many last digits of the number narrow a search (the command line's contract)."""

Vector = NDArray[np.float32]


def normalise_phone(text: str, country_code: str = "") -> str:
    """Return the digits that a number is compared by.

    Spaces, dashes, dots, brackets and a leading `+` or `00` do not count. Nothing is checked here,
    and what comes out stays as it is when it goes in again.

    Args:
        text: The number as somebody wrote it, or as it is kept.
        country_code: The installation's: it stands for the one leading 0 of a national number.
            Empty: a national number is another one than the same with its country code.
    """
    digits = "".join(mark for mark in text if mark not in " -./()\u00a0")
    digits = digits.removeprefix("+") if digits.startswith("+") else digits.removeprefix("00")
    if country_code and digits.startswith("0") and not digits.startswith("00"):
        return country_code + digits.removeprefix("0")
    return digits


def phone_forms(digits: str, country_code: str = "") -> frozenset[str]:
    """Return the digits of a kept number in each form that it may have been written in."""
    forms = {digits, normalise_phone(digits, country_code)}
    if country_code:
        forms |= {
            f"0{form.removeprefix(country_code)}" for form in forms if form.startswith(country_code)
        }
    return frozenset(forms)


@dataclass(slots=True)
class _Shelf:
    """The people of one pack: row i of `rows` is `people[i]`'s."""

    rows: Rows = field(repr=False)
    people: list[PersonId] = field(default_factory=list)
    digits: dict[str, set[PersonId]] = field(default_factory=dict, repr=False)
    row_of: dict[PersonId, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Drawn:
    """Copies of some people's vectors, a row each; whoever drew them calls `wipe()`."""

    people: tuple[PersonId, ...]
    vectors: Vector = field(repr=False)
    changes: int
    """The gallery's count when they were drawn."""
    memory: LockedArray = field(repr=False)

    def wipe(self) -> None:
        """Overwrite the vectors."""
        self.memory.close()


class Gallery:
    """Who can be recognised now. Safe to use from many threads."""

    def __init__(self, country_code: str = "") -> None:
        """Make an empty gallery.

        Args:
            country_code: How national numbers are compared, as `normalise_phone()` has it.
        """
        self.country_code = country_code
        self.door: Callable[[PackId, Vector], Vector] | None = None
        """Turns a probe into the space that the vault keeps vectors in; None: it is the same."""
        self._turn = threading.RLock()
        self._shelves: dict[PackId, _Shelf] = {}
        self._pack_of: dict[PersonId, PackId] = {}
        self._changes: Counter[PackId] = Counter()
        self._phones: dict[str, PersonId] = {}
        self._phone_of: dict[PersonId, str] = {}

    def aside(self) -> Gallery:
        """Return an empty gallery for the same probes, for people who are not in this one."""
        other = Gallery(self.country_code)
        other.door = self.door
        return other

    def add(self, person: Person | Findable) -> None:
        """Let a person be found from now on; whoever is in it already stands with the new data."""
        with self._turn:
            self.remove(person.person)
            vector = person.template
            phone = self.normalise(person.phone)  # kept perhaps under another country code
            shelf = self._shelves.get(person.pack)
            if shelf is None:
                shelf = self._shelves[person.pack] = _Shelf(Rows(len(vector)))
            shelf.row_of[person.person] = shelf.rows.append(vector)
            shelf.people.append(person.person)
            shelf.digits.setdefault(phone[-DIGITS:], set()).add(person.person)
            self._pack_of[person.person] = person.pack
            self._changes[person.pack] += 1
            self._phones[phone] = person.person
            self._phone_of[person.person] = phone

    def remove(self, person: PersonId) -> bool:
        """Let a person be found no more; return whether they were in it."""
        with self._turn:
            pack = self._pack_of.pop(person, None)
            if pack is None:
                return False
            self._changes[pack] += 1
            phone = self._phone_of.pop(person)
            if self._phones.get(phone) == person:
                del self._phones[phone]
            shelf = self._shelves[pack]
            sharing = shelf.digits[phone[-DIGITS:]]
            sharing.discard(person)
            if not sharing:
                del shelf.digits[phone[-DIGITS:]]
            row, last = shelf.row_of.pop(person), shelf.people.pop()
            if last != person:  # the last row fills the gap
                shelf.people[row] = last
                shelf.row_of[last] = row
            shelf.rows.remove(row)
            return True

    def search(
        self, pack: PackId, probe: Vector, *, digits: str | None = None, k: int = 2
    ) -> list[Candidate]:
        """Return the people most like a probe, the most similar first.

        Args:
            pack: Which pack made the probe; only its people are compared.
            probe: d float32 of length 1.
            digits: Last digits that were claimed.
            k: How many, at most.

        Returns:
            The k best of everybody and, with `digits`, also the k best of those who have them.
            Scores are cosines, -1 to 1.
        """
        assert k >= 1
        with self._turn:
            shelf = self._shelves.get(pack)
            if shelf is None or not shelf.people:
                return []
            probe = self._at_the_door(pack, probe)
            assert probe.shape == (shelf.rows.dimension,), "a probe of another encoder"
            best, scores = shelf.rows.best(probe, k)
            if digits is not None:
                claimed = [shelf.row_of[who] for who in shelf.digits.get(digits, ())]
                rows = np.array(claimed, dtype=np.intp)
                theirs = shelf.rows.scores_of(rows, probe)
                places = top(theirs, k)
                best = np.concatenate([best, rows[places]])
                scores = np.concatenate([scores, theirs[places]])
            # Who is in both parts is one candidate: rounding may tell two scores of them.
            found = dict(zip(best.tolist(), scores.tolist(), strict=True))
            candidates = [Candidate(shelf.people[row], score) for row, score in found.items()]
        return sorted(candidates, key=lambda candidate: (-candidate.score, candidate.person))

    def scores(
        self, pack: PackId, kept: Vector, *, without: PersonId | None = None
    ) -> NDArray[np.float32]:
        """Compare a vector of the vault with everybody of a pack but one.

        Returns:
            The scores, lowest first: their order says nothing of who they belong to.
        """
        with self._turn:
            shelf = self._shelves.get(pack)
            if shelf is None:
                return np.zeros(0, np.float32)
            scores = shelf.rows.scores(kept)
            row = None if without is None else shelf.row_of.get(without)
        return np.sort(scores if row is None else np.delete(scores, row))

    def with_digits(self, pack: PackId, digits: str) -> frozenset[PersonId]:
        """Return the people of a pack whose number ends with these `DIGITS` digits."""
        with self._turn:
            shelf = self._shelves.get(pack)
            return frozenset(shelf.digits.get(digits, ())) if shelf is not None else frozenset()

    def by_phone(self, number: str) -> PersonId | None:
        """Return who enrolled with this full number, written in any usual way."""
        with self._turn:
            return self._phones.get(self.normalise(number))

    def normalise(self, number: str) -> str:
        """Return the digits that this installation compares a number by."""
        return normalise_phone(number, self.country_code)

    def size(self, pack: PackId) -> int:
        """Return how many people of a pack can be found; thresholds grow with it."""
        with self._turn:
            shelf = self._shelves.get(pack)
            return len(shelf.people) if shelf is not None else 0

    def packs(self) -> tuple[PackId, ...]:
        """Return the packs that people have been in here with."""
        with self._turn:
            return tuple(self._shelves)

    def changes(self, pack: PackId) -> int:
        """Return how often somebody of a pack came or went so far."""
        with self._turn:
            return self._changes[pack]

    def draw(self, pack: PackId, people_max: int, seed: int) -> Drawn:
        """Return copies of a pack's vectors, of people drawn by lot if there are more."""
        with self._turn:
            shelf = self._shelves.get(pack)
            count = 0 if shelf is None else len(shelf.people)
            lot = np.random.default_rng(seed).permutation(count)[:people_max]
            rows = np.sort(lot).astype(np.intp)
            memory = LockedArray(
                (len(rows), 0 if shelf is None else shelf.rows.dimension), np.float32
            )
            if shelf is None:
                return Drawn((), memory.array, self._changes[pack], memory)
            shelf.rows.copy(rows, memory.array)
            people = tuple(shelf.people[row] for row in rows)
            return Drawn(people, memory.array, self._changes[pack], memory)

    def _at_the_door(self, pack: PackId, probe: Vector) -> Vector:
        """Return a probe as the vectors in here are."""
        return probe if self.door is None else self.door(pack, probe)

    def __contains__(self, person: PersonId) -> bool:
        """Say whether a person can be found."""
        with self._turn:
            return person in self._pack_of

    @property
    def is_locked(self) -> bool:
        """Say whether the system keeps all vectors out of swap."""
        with self._turn:
            return all(shelf.rows.is_locked for shelf in self._shelves.values())

    def close(self) -> None:
        """Overwrite all vectors and forget everybody."""
        with self._turn:
            for shelf in self._shelves.values():
                shelf.rows.close()
            self._shelves.clear()
            self._pack_of.clear()
            self._changes.clear()
            self._phones.clear()
            self._phone_of.clear()
