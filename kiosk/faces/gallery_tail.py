"""What the people of the gallery say of strangers: one more impostor tail, beside the pack's.

A calibration set is of other people before other cameras. Those who are enrolled here are the ones
who could be taken for each other here, so their references are compared, everybody's with everybody
else's, and the tail of these scores takes part in every payment's thresholds: the worst tail wins,
so it can only raise them. It is computed beside the payments, from copies in RAM that are
overwritten; a few numbers of the law come out, and nothing is written down.

It decides nothing and takes no part at enrolment: there a higher threshold would find fewer people
alike (docs/decisions/the-gallery-has-a-tail.md).

Invariants: a pair whose two are kept apart by their PINs as look-alikes is left out, unless there
are more such pairs than chance makes; while a tail is computed the one before it stays; after
`close()` there is none.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kiosk.domain.errors import SmileTillError
from kiosk.domain.identification import ImpostorTail, SearchPolicy
from kiosk.faces.vault.errors import PersonUnknownError
from kiosk.faces.vision.tails import Scores, fit_beside, largest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kiosk.domain.ids import PackId, PersonId
    from kiosk.faces.vault.gallery import Gallery

SOURCE = "gallery"
PEOPLE_MIN = 20
"""190 pairs; as many people as an owner's own measurement needs, and for the same reason."""
PEOPLE_MAX = 1_000
"""499,500 pairs, of people drawn by lot where there are more: a second's work on one core."""
CHANGED_SHARE = 0.05
"""Share of the gallery that came or went, from which its tail is computed again."""
PUT_OFF_MAX = 150
"""Looks for which a new tail waits for a moment without a customer; five minutes."""
BLOCK_ROWS = 128
SEED = 20261128

logger = logging.getLogger(__name__)

Stopping = Callable[[], bool]


@dataclass(slots=True)
class _Known:
    """What is known of one pack's people; `changes` is the gallery's count when it was found."""

    tail: ImpostorTail | None = None
    changes: int = 0
    put_off: int = 0
    has_failed: bool = False
    is_due: bool = False


class GalleryTails:
    """The tails of one gallery, by pack. `of()` is safe from any thread, `care()` from one.

    Args:
        gallery: Whose people.
        calibration: The tails of a pack's calibration sets; the largest says how a tail goes on
            below what the people here support.
        look_alikes: Whom somebody is linked to, so that both always need their PIN.
        is_idle: Whether nobody is before the camera.
        people_max: People that are compared at most.
    """

    def __init__(
        self,
        gallery: Gallery,
        calibration: Callable[[PackId], Sequence[ImpostorTail]],
        look_alikes: Callable[[PersonId], Collection[PersonId]],
        is_idle: Callable[[], bool] = lambda: True,
        *,
        people_max: int = PEOPLE_MAX,
    ) -> None:
        """Know nothing yet."""
        self._gallery = gallery
        self._calibration = calibration
        self._look_alikes = look_alikes
        self._is_idle = is_idle
        self._people_max = people_max
        self._known: dict[PackId, _Known] = {}
        self._turn = threading.Lock()
        self._is_closed = False

    def of(self, pack: PackId) -> tuple[ImpostorTail, ...]:
        """Return the tail of a pack's people, as it was last computed; returns at once."""
        with self._turn:
            known = self._known.get(pack)
            if known is None:
                return ()
            known.is_due = known.has_failed  # whoever asks has the pack again
            return () if known.tail is None else (known.tail,)

    def packs(self) -> tuple[PackId, ...]:
        """Return the packs whose people have a tail now."""
        with self._turn:
            return tuple(pack for pack, known in self._known.items() if known.tail is not None)

    def care(self, stopping: Stopping) -> None:
        """Compute what is due: at first, and after the gallery has changed by a share of it.

        Raises:
            SmileTillError: A pack cannot be read; it is tried again once somebody looks with it.
        """
        for pack in self._gallery.packs():
            if stopping():
                return
            if self._is_due(pack):
                self._renew(pack, stopping)

    def close(self) -> None:
        """Forget all tails, and keep none that may still come."""
        with self._turn:
            self._is_closed = True
            self._known.clear()

    def _is_due(self, pack: PackId) -> bool:
        known = self._known.get(pack)
        if known is None or known.is_due:
            return True
        share = max(1, math.ceil(CHANGED_SHARE * self._gallery.size(pack)))
        if self._gallery.changes(pack) - known.changes < share:
            return False
        # Somebody is paying: it costs them a core for a moment.
        if not self._is_idle() and known.put_off < PUT_OFF_MAX:
            known.put_off += 1
            return False
        return True

    def _renew(self, pack: PackId, stopping: Stopping) -> None:
        drawn = self._gallery.draw(pack, self._people_max, SEED)
        try:
            if len(drawn.people) < PEOPLE_MIN:
                self._keep(pack, _Known(None, drawn.changes))
                return
            large = largest(self._calibration(pack))
            scores = compare(drawn.vectors, stopping)
            if scores is not None:
                tail = tail_of(scores, self._linked(drawn.people), large)
                self._keep(pack, _Known(tail, drawn.changes))
        except SmileTillError:
            before = self._known.get(pack, _Known())
            self._keep(pack, _Known(before.tail, drawn.changes, has_failed=True))
            raise
        finally:
            drawn.wipe()

    def _keep(self, pack: PackId, fresh: _Known) -> None:
        with self._turn:
            if not self._is_closed:
                self._known[pack] = fresh

    def _linked(self, people: Sequence[PersonId]) -> NDArray[np.bool_]:
        """Return which two are linked, by their places."""
        place = {person: number for number, person in enumerate(people)}
        linked = np.zeros((len(people), len(people)), np.bool_)
        for person, number in place.items():
            try:
                others = self._look_alikes(person)
            except PersonUnknownError:
                continue  # erased since
            for other in others:
                if other in place:
                    linked[number, place[other]] = linked[place[other], number] = True
        return linked


def compare(vectors: NDArray[np.float32], stopping: Stopping = lambda: False) -> Scores | None:
    """Compare everybody with everybody else, in blocks; None when told to stop."""
    count = len(vectors)
    probe, reference = np.triu_indices(count, 1)
    score = np.empty(len(probe))
    done = 0
    for first in range(0, count, BLOCK_ROWS):
        if stopping():
            return None
        block = vectors[first : first + BLOCK_ROWS] @ vectors.T
        here = np.concatenate([block[row, first + row + 1 :] for row in range(len(block))])
        score[done : done + len(here)] = here
        done += len(here)
    return Scores(score, probe, reference, count)


def tail_of(
    scores: Scores, linked: NDArray[np.bool_], large: ImpostorTail, seed: int = SEED
) -> ImpostorTail | None:
    """Return the tail of people's scores; None where they have none.

    Args:
        scores: Every pair of different people, once.
        linked: Which two are kept apart by their PINs.
        large: The calibration set with the most people.
        seed: Of the bootstrap.
    """
    left_out = linked[scores.probe, scores.reference]
    if 0 < left_out.sum() <= twins_max(len(scores.score)):
        keep = ~left_out
        scores = Scores(
            scores.score[keep], scores.probe[keep], scores.reference[keep], scores.subjects
        )
    try:
        return fit_beside(scores, large, seed).as_tail(SOURCE)
    except ValueError:
        logger.warning("the people of the gallery are compared, and their scores have no tail")
        return None


def twins_max(pairs: int) -> int:
    """Return how many linked pairs count as twins, of whom nobody else is to pay the price.

    As many as the thresholds at enrolment let chance make (`fmr_duplicate`), with two standard
    deviations of it: with more, these people are not twins but a gallery of people who are alike.
    """
    expected = pairs * SearchPolicy().fmr_duplicate
    return math.ceil(expected + 2 * math.sqrt(expected))
