"""People who look alike: found by the search at enrolment, both face + PIN from then on.

From `look_alike_from` on the search stops the enrolment and names who looks the same: the newcomer
may be that person again, or somebody else, such as a twin. Only a manager sets it aside, for one
named person, and with that both always need their PIN; from `duplicate_from` on, the reason says
that it is most likely the same person. People who are frozen or have paused are compared too, so
that nobody comes back under another name.

Links are kept on both sides; whoever is left without any is released. `settle()` looks at everybody
and makes that so at the start: a crash between two writes comes right by itself.
It knows no camera and asks nobody.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kiosk.domain.identification import Candidate
from kiosk.domain.ids import PackId, PersonId
from kiosk.faces.desk.ports import DeskTools
from kiosk.faces.vault.errors import PersonUnknownError, VaultUnusableError
from kiosk.faces.vault.records import LOOK_ALIKES_MAX, Person, PersonState
from kiosk.faces.vault.store import Vault
from kiosk.link.protocol import EnrolRefused

logger = logging.getLogger(__name__)

REASON = "look_alike"
"""Why somebody always needs the PIN; the screen has a sentence for it."""
_HIDDEN = (PersonState.FROZEN, PersonState.PAUSED)


@dataclass(frozen=True, slots=True)
class Likeness:
    """Who scores at or above the threshold, best first, and the two thresholds."""

    alike: tuple[Candidate, ...]
    look_alike_from: float
    duplicate_from: float

    @property
    def people(self) -> tuple[PersonId, ...]:
        """Their ids."""
        return tuple(candidate.person for candidate in self.alike)

    def refusal(self, set_aside: PersonId | None) -> EnrolRefused | None:
        """Say why the newcomer is not enrolled, or None.

        Args:
            set_aside: Whom a manager has said it is not; it must be the one that would be named.
        """
        if not self.alike or set_aside == self.alike[0].person:
            return None
        best = self.alike[0]
        same = best.score >= self.duplicate_from
        limit = self.duplicate_from if same else self.look_alike_from
        return EnrolRefused(
            "duplicate" if same else REASON,
            f"{best.person} looks the same (score {best.score:.2f}, from {limit:.2f}).",
            best.person,
            round(best.score, 3),
            round(limit, 3),
        )


def likeness(tools: DeskTools, pack: PackId, template: NDArray[np.float32]) -> Likeness:
    """Compare a newcomer with everybody who is kept, searched or not."""
    duplicate_from = tools.duplicate_from(pack)
    look_alike_from = min(duplicate_from, _look_alike_from(tools, pack))
    found = list(tools.gallery.search(pack, template, k=LOOK_ALIKES_MAX))
    hidden = tools.gallery.aside()
    try:
        for state in _HIDDEN:
            for person in tools.vault.ids(state):
                known = tools.vault.get(person)
                if known.pack == pack:
                    hidden.add(known)
        found += hidden.search(pack, template, k=LOOK_ALIKES_MAX)
    finally:
        hidden.close()
    alike = sorted(
        (candidate for candidate in found if candidate.score >= look_alike_from),
        key=lambda candidate: (-candidate.score, candidate.person),
    )
    return Likeness(tuple(alike[:LOOK_ALIKES_MAX]), look_alike_from, duplicate_from)


def are_alike(tools: DeskTools, one: Person, other: Person) -> bool:
    """Say whether two who are kept look alike, as an enrolment would find it.

    Of two packs nothing can be compared: they count as alike until one of them comes by.
    """
    if one.pack != other.pack:
        return True
    limit = min(tools.duplicate_from(one.pack), _look_alike_from(tools, one.pack))
    return float(one.template @ other.template) >= limit


def _look_alike_from(tools: DeskTools, pack: PackId) -> float:
    return (tools.look_alike_from or tools.duplicate_from)(pack)


def settle(vault: Vault) -> Sequence[PersonId]:
    """Make all links mutual and release whoever has none left; return whom it changed.

    Links to people who are still being enrolled, or are gone, count for nothing.
    """
    kept = {
        person: vault.head(person)
        for person in vault.ids()
        if vault.head(person).state is not PersonState.PENDING
    }
    linked: dict[PersonId, set[PersonId]] = {}
    for person, head in kept.items():
        for other in head.look_alikes:
            if other in kept and other != person:
                linked.setdefault(person, set()).add(other)
                linked.setdefault(other, set()).add(person)
    changed: list[PersonId] = []
    for person, head in kept.items():
        links = tuple(sorted(linked.get(person, ())))[:LOOK_ALIKES_MAX]
        reason = head.pin_always
        if links and not reason:
            reason = REASON
        elif not links and reason == REASON:
            reason = ""
        if (links, reason) != (tuple(sorted(head.look_alikes)), head.pin_always):
            vault.amend(person, look_alikes=links, pin_always=reason)
            changed.append(person)
    return changed


def unlink(vault: Vault, gone: PersonId, others: Sequence[PersonId]) -> None:
    """Forget the link to somebody who is gone, and release whoever has none left.

    It does not raise: a disk that refuses now is made up for by `settle()` at the next start.
    """
    for person in others:
        try:
            head = vault.head(person)
            links = tuple(other for other in head.look_alikes if other != gone)
            released = not links and head.pin_always == REASON
            vault.amend(person, look_alikes=links, pin_always="" if released else head.pin_always)
        except PersonUnknownError:
            continue  # erased too
        except VaultUnusableError as error:
            logger.warning("a look-alike is released later: %s", error.code)


def link(vault: Vault, newcomer: PersonId, alike: Sequence[PersonId]) -> None:
    """Have the others need their PIN from now on, before the newcomer can be recognised."""
    for person in alike:
        head = vault.head(person)
        links = tuple(sorted({*head.look_alikes, newcomer}))[:LOOK_ALIKES_MAX]
        vault.amend(person, look_alikes=links, pin_always=head.pin_always or REASON)
