"""Adaptive templates: what visits have added to an enrolment, and what is searched of it.

They lie behind the samples in the same sealed matrix, so everything that is done to a person's
vectors - renewal, backup, erasure with its proof - is done to them. The first row stays the anchor.
What is searched is one vector, the normalised mean of anchor and adaptive ones with the anchor's
share: the impostor tails are those of one pooled vector a person, and the best of several would
give a stranger as many chances as there are vectors.

Which visit may add one is said by `kiosk.domain.adaptation`.
"""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray
from sqlite_utils import Database

from kiosk.domain.adaptation import ADAPTIVE_MAX
from kiosk.domain.ids import PersonId
from kiosk.faces.vault import codec
from kiosk.faces.vault.core import VaultCore, as_damage
from kiosk.faces.vault.proving import in_space
from kiosk.faces.vault.rows import insert_rows, read_template, take_rows

Vectors = NDArray[np.float32]


class Adapting(VaultCore):
    """The part of a vault that keeps and drops adaptive templates."""

    def adapt(self, person: PersonId, vector: Vectors, day: str) -> None:
        """Keep one more adaptive template, durably; the oldest makes room.

        Args:
            person: Whose.
            vector: d float32 of length 1, as the encoder of the person's pack made it.
            day: UTC date, ISO 8601.

        Raises:
            PersonUnknownError: Nobody has this id.
            VaultUnusableError: The disk refuses; nothing was changed.
        """
        with self._turn:
            head = self._kept(person).head
            rotated = self._newest.transform(head.pack, head.dimension).apply(vector[np.newaxis])
            self._rewrite(person, rotated, ADAPTIVE_MAX, day)

    def drop_adapted(self, person: PersonId) -> bool:
        """Destroy a person's adaptive templates, durably; return whether there were any.

        Raises:
            PersonUnknownError: Nobody has this id.
            VaultUnusableError: The disk refuses; nothing was changed.
        """
        with self._turn:
            if not self._kept(person).head.adapted:
                return False
            self._rewrite(person, None, 0, "")
            return True

    def adapted(self) -> tuple[PersonId, ...]:
        """Return who has adaptive templates."""
        with self._turn:
            return tuple(who for who, kept in self._people.items() if kept.head.adapted)

    def anchor_score(self, person: PersonId, probe: Vectors) -> float:
        """Return the similarity of a probe of the person's pack to their anchor.

        Raises:
            PersonUnknownError: Nobody has this id.
            VaultDamagedError: The record is not what was written.
        """
        with self._turn, as_damage():
            head = self._kept(person).head
            rows = read_template(self._database, head)
            anchor = codec.open_template(self._keys, head, rows)[:1]
            rotated = self.transform(head.pack, head.dimension).apply(probe)
            return float(rotated @ self._shown(head, anchor)[0])

    def _rewrite(self, person: PersonId, more: Vectors | None, most: int, day: str) -> None:
        """Seal the vectors anew, with the newest `most` adaptive ones; the old rows are gone."""
        with self._turn, as_damage():
            head, newest = self._kept(person).head, self._newest
            sealed = codec.open_template(self._keys, head, read_template(self._database, head))
            before = in_space(self._spaces, newest, head, sealed)
            first = len(before) - head.adapted
            adaptive = before[first:] if more is None else np.vstack([before[first:], more])
            adaptive = adaptive[len(adaptive) - min(most, len(adaptive)) :]
            rows = codec.seal_template(self._keys, head.pack, np.vstack([before[:first], adaptive]))

            def also(db: Database) -> None:
                take_rows(db, "template", head.template, codec.chunk_count(head))
                insert_rows(db, {"template": rows})

            changed = msgspec.structs.replace(
                head,
                vectors=first + len(adaptive),
                space=newest.number,
                template=rows[0]["id"],
                adapted=len(adaptive),
                adapted_at=day,
            )
            self._rehead(person, changed, also)
            self._empty_log()
