"""The open set: everybody searches a gallery by the policy's own rule, also who is not in it.

A search counts as it would at the till: only the verdict IDENTIFIED lets a payment go on.
Pure but for the seed; reads no files.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from kiosk.bench.rates import upper95
from kiosk.domain.identification import (
    Candidate,
    Decision,
    SearchPolicy,
    Thresholds,
    decide,
    thresholds,
)
from kiosk.domain.ids import PersonId
from kiosk.faces.vision.encoder import pooled

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from numpy.typing import NDArray

    from kiosk.domain.identification import Identification, ImpostorTail

    Vectors = Sequence[NDArray[np.float32] | None]

TEMPLATE_PICTURES_MAX = 8
PROBES_MAX = 5
"""Probes of one person."""

BOOTSTRAP_ROUNDS = 400


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
        rng = np.random.default_rng(seed)
        drawn = rng.integers(0, people, (BOOTSTRAP_ROUNDS, people))
        rates = self.wrong[drawn].sum(1) / np.maximum(1, self.probes[drawn].sum(1))
        return max(exact, float(np.quantile(rates, 0.95)))


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
        wrong_person: Owners taken for somebody else, by either way.
        seed: Of the bootstrap.
    """

    gallery: int
    limits: Thresholds
    strangers: Tally
    owners: Tally
    strangers_digits: Tally
    owners_digits: Tally
    wrong_person: int
    seed: int

    def as_keys(self) -> dict[str, Any]:
        """Return the keys of the report."""
        return {
            "n": self.gallery,
            "threshold": round(self.limits.open, 4),
            "fpir": round(self.strangers.rate, 5),
            "fpir_upper95": round(self.strangers.upper(self.seed), 5),
            "fnir": round(self.owners.rate, 4),
            "fnir_upper95": round(self.owners.upper(self.seed), 4),
            "n_strangers": int(self.strangers.probes.sum()),
            "n_owners": int(self.owners.probes.sum()),
            "wrong_person": self.wrong_person,
            "worst_calibration_set": self.limits.worst_open,
            "with_digits": {
                "threshold": round(self.limits.digits, 4),
                "fpir": round(self.strangers_digits.rate, 5),
                "fpir_upper95": round(self.strangers_digits.upper(self.seed), 5),
                "fnir": round(self.owners_digits.rate, 4),
            },
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
    acquired = np.array([vector is not None for vector in vectors])
    several = [
        number
        for number in np.unique(person)
        if (person == number).sum() > 1 and acquired[person == number].any()
    ]
    enrolled = np.sort(rng.permutation(np.array(several, np.int64))[:gallery_max])
    templates, probes = [], []
    for number in enrolled:
        own = rng.permutation(np.flatnonzero(person == number))
        # Whoever could not be acquired is not enrolled with that picture, but still comes back.
        known = [i for i in own if acquired[i]][: min(TEMPLATE_PICTURES_MAX, len(own) // 2)]
        templates.append(pooled([v for i in known if (v := vectors[i]) is not None]))
        probes.append([i for i in own if i not in set(known)][:PROBES_MAX])
    matrix = np.stack(templates)
    search = _Search(matrix, tails, SearchPolicy())
    outside = [n for n in np.unique(person) if n not in set(enrolled)]
    strangers, strangers_digits = [], []
    for number in outside:
        own = rng.permutation(np.flatnonzero(person == number))[:PROBES_MAX]
        claim = int(rng.integers(len(enrolled)))
        strangers.append((len(own), sum(search.taken(vectors[i], None) for i in own)))
        strangers_digits.append((len(own), sum(search.taken(vectors[i], claim) for i in own)))
    owners, owners_digits, mistaken = [], [], 0
    for place, rows in enumerate(probes):
        alone = [search.whom(vectors[i], None) for i in rows]
        helped = [search.whom(vectors[i], place) for i in rows]
        owners.append((len(rows), sum(who != place for who in alone)))
        owners_digits.append((len(rows), sum(who != place for who in helped)))
        mistaken += sum(who not in (place, None) for who in alone + helped)
    return OpenSet(
        gallery=len(enrolled),
        limits=thresholds(len(enrolled), SearchPolicy(), tails),
        strangers=_tally(strangers),
        owners=_tally(owners),
        strangers_digits=_tally(strangers_digits),
        owners_digits=_tally(owners_digits),
        wrong_person=mistaken,
        seed=seed,
    )


class _Search:
    """A gallery and the rule that decides."""

    def __init__(
        self, templates: NDArray[np.float32], tails: Sequence[ImpostorTail], policy: SearchPolicy
    ) -> None:
        self._templates, self._tails, self._policy = templates, tails, policy
        self._people = [PersonId(f"p{place:05}") for place in range(len(templates))]

    def whom(self, vector: NDArray[np.float32] | None, claim: int | None) -> int | None:
        """Return the place in the gallery of who is identified, if anybody is."""
        if vector is None:
            return None
        claimed = None if claim is None else frozenset({self._people[claim]})
        verdict = self._decide(self._templates @ vector, claimed)
        if verdict.decision is not Decision.IDENTIFIED or verdict.person is None:
            return None
        return self._people.index(verdict.person)

    def taken(self, vector: NDArray[np.float32] | None, claim: int | None) -> bool:
        """Say whether somebody is identified."""
        return self.whom(vector, claim) is not None

    def _decide(
        self, scores: NDArray[np.float32], claimed: Collection[PersonId] | None
    ) -> Identification:
        candidates = [
            Candidate(person, float(score))
            for person, score in zip(self._people, scores, strict=True)
        ]
        return decide(
            candidates,
            gallery_size=len(candidates),
            policy=self._policy,
            tails=self._tails,
            claimed=claimed,
        )


def _tally(rows: list[tuple[int, int]]) -> Tally:
    table = np.array(rows, np.int64).reshape(-1, 2)
    return Tally(probes=table[:, 0], wrong=table[:, 1])
