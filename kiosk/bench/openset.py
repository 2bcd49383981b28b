"""The open set: everybody searches a gallery by the policy's own rule, also who is not in it.

A search counts as it would at the till: only the verdict IDENTIFIED lets a payment go on without
the PIN. Besides the bare rates, every search is played as a session with step-up: the face alone,
then the digits of whoever is searching, drawn by lot for everybody, then the PIN, which nobody
knows of anybody else. A *wrong payment* is one on somebody else's account, by face alone or with
one's own digits. That somebody knows another's digits is counted apart, in `with_digits`.
Pure but for the seed; reads no files.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from kiosk.bench.ends import End
from kiosk.bench.rates import interval95, upper95
from kiosk.domain.identification import (
    DIGITS_SHARE,
    Candidate,
    Decision,
    SearchPolicy,
    Thresholds,
    decide,
    duplicate_threshold,
    thresholds,
)
from kiosk.domain.ids import PersonId
from kiosk.faces.eyes import CANDIDATES
from kiosk.faces.gallery_tail import PEOPLE_MAX, PEOPLE_MIN, SEED, compare, tail_of
from kiosk.faces.vision.encoder import pooled
from kiosk.faces.vision.tails import largest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from kiosk.domain.identification import Identification, ImpostorTail

    Vectors = Sequence[NDArray[np.float32] | None]

TEMPLATE_PICTURES_MAX = 8
PROBES_MAX = 5
"""Probes of one person."""

BOOTSTRAP_ROUNDS = 400


@dataclass(frozen=True, slots=True)
class Ended:
    """One session: how it ended, and whose account is meant (a place in the gallery)."""

    end: End
    place: int | None

    def is_wrong(self, own: int | None) -> bool:
        """Say whether somebody else pays, with no PIN in the way."""
        return self.end.is_without_pin and self.place != own


@dataclass(frozen=True, slots=True)
class Tally:
    """Searches of one kind: how many, and how many went wrong, for each person."""

    probes: NDArray[np.int64]
    wrong: NDArray[np.int64]

    @property
    def rate(self) -> float:
        """Share of searches that went wrong."""
        return float(self.wrong.sum() / max(1, self.probes.sum()))

    def upper(self, seed: int) -> float:
        """Upper 95 % bound: by people who met it at all, and by subject bootstrap; the larger."""
        people = len(self.probes)
        if not people:
            return 1.0
        exact = upper95(int((self.wrong > 0).sum()), people)
        return max(exact, float(np.quantile(self._resampled(seed), 0.95)))

    def interval(self, seed: int) -> list[float]:
        """Return the two-sided 95 % interval of a rate that is not rare, by subject bootstrap.

        Where it is nobody or everybody, people are counted instead (a bootstrap would be sure).
        """
        people = len(self.probes)
        if not people or self.rate in {0.0, 1.0}:
            ends = interval95(people if self.rate else 0, people)
        else:
            low, high = np.quantile(self._resampled(seed), (0.025, 0.975))
            ends = float(low), float(high)
        return [round(end, 4) for end in ends]

    def _resampled(self, seed: int) -> NDArray[np.float64]:
        people = len(self.probes)
        rng = np.random.default_rng(seed)
        drawn = rng.integers(0, people, (BOOTSTRAP_ROUNDS, people))
        rates: NDArray[np.float64] = self.wrong[drawn].sum(1) / np.maximum(
            1, self.probes[drawn].sum(1)
        )
        return rates


@dataclass(frozen=True, slots=True)
class OpenSet:
    """One gallery size.

    Args:
        gallery: People in it.
        limits: Thresholds that the policy computed for it.
        strangers: People outside it: wrong is to be taken for anybody, by face alone.
        owners: People inside it: wrong is not to be recognised by face alone.
        strangers_digits: People outside who name somebody's digits.
        owners_digits: People inside who name their own.
        owners_pin: The same people; wrong is that digits and PIN would not be enough either.
        wrong_person: Owners taken for somebody else, by either way.
        owners_ended: How the sessions of people inside ended.
        strangers_ended: The same of people outside.
        wrong_payments: Sessions in which somebody else paid.
        wanted: People that the gallery was to hold; the set may have fewer.
        seed: Of the bootstrap.
        gallery_alone: Thresholds that the people's own tail would give by itself; None where they
            are too few to have one.
    """

    gallery: int
    limits: Thresholds
    strangers: Tally
    owners: Tally
    strangers_digits: Tally
    owners_digits: Tally
    owners_pin: Tally
    wrong_person: int
    owners_ended: Counter[End]
    strangers_ended: Counter[End]
    wrong_payments: int
    wanted: int
    seed: int
    gallery_alone: Thresholds | None = None

    def as_keys(self) -> dict[str, Any]:
        """Return the keys of the report."""
        return {
            "n": self.gallery,
            "n_wanted": self.wanted,
            # Fewer people of this split have two pictures.
            "limited_by_split": self.gallery < self.wanted,
            "threshold": round(self.limits.open, 4),
            "fpir": round(self.strangers.rate, 5),
            "fpir_upper95": round(self.strangers.upper(self.seed), 5),
            "fnir": round(self.owners.rate, 4),
            "fnir_upper95": round(self.owners.upper(self.seed), 4),
            "fnir_interval95": self.owners.interval(self.seed),
            "n_strangers": int(self.strangers.probes.sum()),
            "n_owners": int(self.owners.probes.sum()),
            "wrong_person": self.wrong_person,
            "worst_calibration_set": self.limits.worst_open,
            "gallery_alone": None if self.gallery_alone is None else _bands(self.gallery_alone),
            "with_digits": {
                "threshold": round(self.limits.digits, 4),
                "fpir": round(self.strangers_digits.rate, 5),
                "fpir_upper95": round(self.strangers_digits.upper(self.seed), 5),
                "fnir": round(self.owners_digits.rate, 4),
                "fnir_interval95": self.owners_digits.interval(self.seed),
            },
            "with_digits_and_pin": {
                "threshold": round(self.limits.pin, 4),
                "fnir": round(self.owners_pin.rate, 4),
                "fnir_interval95": self.owners_pin.interval(self.seed),
            },
            "step_up": self._step_up(),
        }

    def _step_up(self) -> dict[str, Any]:
        """Return what sessions came to; bounds as if they were independent."""
        sessions = self.owners_ended.total() + self.strangers_ended.total()
        owners = self.owners_ended.total()
        return {
            "sessions": sessions,
            "wrong_payments": self.wrong_payments,
            "wrong_payments_upper95": round(upper95(self.wrong_payments, sessions), 5),
            "owners": {
                end.value: {
                    "share": round(self.owners_ended[end] / max(1, owners), 4),
                    "interval95": [
                        round(bound, 4) for bound in interval95(self.owners_ended[end], owners)
                    ],
                }
                for end in End
            },
            "strangers": {end.value: self.strangers_ended[end] for end in End},
        }


def search_all(
    vectors: Vectors,
    person: NDArray[np.int64],
    gallery_max: int,
    tails: Sequence[ImpostorTail],
    *,
    seed: int,
) -> OpenSet:
    """Enrol up to `gallery_max` people who have two pictures, and let everybody search.

    Half of a person's pictures make the template, the others are probes; a failed picture (None)
    is a probe that identifies nobody.
    """
    rng = np.random.default_rng((seed, gallery_max))
    enrolled, templates, probes = _enrol(vectors, person, gallery_max, rng)
    own_tail = _own_tail(np.stack(templates), tails)
    tails = (*tails, *own_tail)
    search = _Search(np.stack(templates), tails, SearchPolicy())
    # Everybody's last digits, by lot: some share them, as people do.
    digits = rng.integers(0, round(1 / DIGITS_SHARE), int(person.max()) + 1)
    same: dict[int, set[int]] = {}
    for place, number in enumerate(enrolled):
        same.setdefault(int(digits[number]), set()).add(place)
    played = _Played(Counter(), Counter())
    outside = [n for n in np.unique(person) if n not in set(enrolled)]
    strangers, strangers_digits = [], []
    for number in outside:
        own = rng.permutation(np.flatnonzero(person == number))[:PROBES_MAX]
        claim = {int(rng.integers(len(enrolled)))}
        strangers.append((len(own), sum(search.whom(vectors[i], None) is not None for i in own)))
        taken = sum(search.whom(vectors[i], claim) is not None for i in own)
        strangers_digits.append((len(own), taken))
        sharing = same.get(int(digits[number]), set())
        for i in own:
            played.note(search.session(vectors[i], sharing), None)
    owners, owners_digits, owners_pin, mistaken = [], [], [], 0
    for place, rows in enumerate(probes):
        alone = [search.whom(vectors[i], None) for i in rows]
        helped = [search.whom(vectors[i], {place}) for i in rows]
        owners.append((len(rows), sum(who != place for who in alone)))
        owners_digits.append((len(rows), sum(who != place for who in helped)))
        owners_pin.append((len(rows), sum(not search.known(vectors[i], place) for i in rows)))
        mistaken += sum(who not in (place, None) for who in alone + helped)
        for i in rows:
            played.note(search.session(vectors[i], same[int(digits[enrolled[place]])]), place)
    return OpenSet(
        gallery=len(enrolled),
        limits=thresholds(len(enrolled), SearchPolicy(), tails),
        strangers=_tally(strangers),
        owners=_tally(owners),
        strangers_digits=_tally(strangers_digits),
        owners_digits=_tally(owners_digits),
        owners_pin=_tally(owners_pin),
        wrong_person=mistaken,
        owners_ended=played.owners,
        strangers_ended=played.strangers,
        wrong_payments=played.wrong,
        wanted=gallery_max,
        seed=seed,
        gallery_alone=thresholds(len(enrolled), SearchPolicy(), own_tail) if own_tail else None,
    )


def _own_tail(
    templates: NDArray[np.float32], tails: Sequence[ImpostorTail]
) -> tuple[ImpostorTail, ...]:
    """Return the tail of these people as a till would compute it, which links who looks alike."""
    if len(templates) < PEOPLE_MIN:
        return ()
    chosen = np.random.default_rng(SEED).permutation(len(templates))[:PEOPLE_MAX]
    scores = compare(templates[np.sort(chosen)])
    assert scores is not None, "nobody stops it"
    alike = np.zeros((scores.subjects, scores.subjects), np.bool_)
    found = scores.score >= duplicate_threshold(SearchPolicy(), tails)
    alike[scores.probe[found], scores.reference[found]] = True
    tail = tail_of(scores, alike, largest(tails))
    return () if tail is None else (tail,)


def _bands(limits: Thresholds) -> dict[str, float]:
    return {
        "open": round(limits.open, 4),
        "digits": round(limits.digits, 4),
        "pin": round(limits.pin, 4),
    }


def _enrol(
    vectors: Vectors, person: NDArray[np.int64], gallery_max: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], list[NDArray[np.float32]], list[list[int]]]:
    """Return who is enrolled, their templates, and which of their pictures are probes."""
    acquired = np.array([vector is not None for vector in vectors])
    several = [
        number
        for number in np.unique(person)
        if (person == number).sum() > 1 and acquired[person == number].any()
    ]
    enrolled = np.sort(rng.permutation(np.array(several, np.int64))[:gallery_max])
    templates: list[NDArray[np.float32]] = []
    probes: list[list[int]] = []
    for number in enrolled:
        own = rng.permutation(np.flatnonzero(person == number))
        # Whoever could not be acquired is not enrolled with that picture, but still comes back.
        known = [i for i in own if acquired[i]][: min(TEMPLATE_PICTURES_MAX, len(own) // 2)]
        templates.append(pooled([v for i in known if (v := vectors[i]) is not None]))
        probes.append([int(i) for i in own if i not in set(known)][:PROBES_MAX])
    return enrolled, templates, probes


@dataclass(slots=True)
class _Played:
    """Sessions so far."""

    owners: Counter[End]
    strangers: Counter[End]
    wrong: int = 0

    def note(self, ended: Ended, own: int | None) -> None:
        """Count a session; `own` is the place in the gallery of whoever came, if they have one."""
        self.wrong += ended.is_wrong(own)
        if own is None:
            self.strangers[ended.end] += 1
            return
        # Who would pay as somebody else needs that one's PIN, which is a refusal.
        mine = ended.place == own or ended.is_wrong(own)
        self.owners[ended.end if mine else End.REFUSED] += 1


class _Search:
    """A gallery and the rule that decides."""

    def __init__(
        self, templates: NDArray[np.float32], tails: Sequence[ImpostorTail], policy: SearchPolicy
    ) -> None:
        self._templates, self._tails, self._policy = templates, tails, policy
        self._people = [PersonId(f"p{place:05}") for place in range(len(templates))]

    def whom(self, vector: NDArray[np.float32] | None, claim: set[int] | None) -> int | None:
        """Return the place in the gallery of who is identified, if anybody is."""
        verdict = self._decide(vector, claim)
        if verdict is None or verdict.decision is not Decision.IDENTIFIED:
            return None
        return self._place(verdict)

    def known(self, vector: NDArray[np.float32] | None, place: int) -> bool:
        """Say whether somebody could pay with their own digits, and their PIN if it is asked."""
        verdict = self._decide(vector, {place})
        return verdict is not None and self._place(verdict) == place

    def session(self, vector: NDArray[np.float32] | None, sharing: set[int]) -> Ended:
        """Play a session of somebody with whom these share the digits (perhaps themselves)."""
        verdict = self._decide(vector, None)
        if verdict is None or verdict.decision is Decision.UNKNOWN:
            return Ended(End.REFUSED, None)
        if verdict.decision is Decision.IDENTIFIED:
            return Ended(End.FACE, self._place(verdict))
        verdict = self._decide(vector, sharing)
        assert verdict is not None, "the vector is there"
        ends = {Decision.IDENTIFIED: End.DIGITS, Decision.NEEDS_DIGITS_AND_PIN: End.PIN}
        return Ended(ends.get(verdict.decision, End.REFUSED), self._place(verdict))

    def _place(self, verdict: Identification) -> int | None:
        return None if verdict.person is None else self._people.index(verdict.person)

    def _decide(
        self, vector: NDArray[np.float32] | None, claim: set[int] | None
    ) -> Identification | None:
        if vector is None:
            return None
        scores = self._templates @ vector
        best = np.argpartition(-scores, min(CANDIDATES, len(scores) - 1))[:CANDIDATES]
        listed = {int(place) for place in best} | (claim or set())
        return decide(
            [Candidate(self._people[place], float(scores[place])) for place in sorted(listed)],
            gallery_size=len(self._people),
            policy=self._policy,
            tails=self._tails,
            claimed=None if claim is None else frozenset(self._people[i] for i in claim),
        )


def _tally(rows: list[tuple[int, int]]) -> Tally:
    table = np.array(rows, np.int64).reshape(-1, 2)
    return Tally(probes=table[:, 0], wrong=table[:, 1])
