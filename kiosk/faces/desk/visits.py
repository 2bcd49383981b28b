"""Who still has to come by, so that staff can ask them: people of an older pack, imported people.

Looking changes nothing. What takes them off the queue is `reenrol` or an erasure; whoever is
frozen at the end of the grace period stays on it.
"""

from __future__ import annotations

from kiosk.faces.desk.importing import IMPORTED
from kiosk.faces.desk.people import summary
from kiosk.faces.desk.ports import DeskTools
from kiosk.faces.vault.records import PersonState
from kiosk.link.visits import QUEUE_MAX, QueueEntry, VisitQueue


def queue(tools: DeskTools) -> VisitQueue:
    """List them, people of an older pack first."""
    packs = tools.packs
    pack = tools.vault.pack() if packs is None else packs.current()
    older = () if packs is None else packs.waiting()
    imported = [
        person
        for person in tools.vault.ids()
        if tools.vault.head(person).pin_always == IMPORTED and person not in set(older)
    ]
    everybody = [
        *((person, "pack") for person in older),
        *((person, "imported") for person in imported),
    ]
    everybody = [it for it in everybody if tools.vault.head(it[0]).state is not PersonState.PENDING]
    entries = []
    for person, why in everybody[:QUEUE_MAX]:
        shown = summary(tools.vault.get(person))
        entries.append(
            QueueEntry(person, shown.name, shown.phone_hint, shown.pack, shown.state, why)
        )
    # Nobody is searched with a pack that is not here, or not in that version, nor after the grace.
    until = packs.until(pack).isoformat() if packs and pack and packs.older() else ""
    return VisitQueue(pack, until, len(everybody), tuple(entries))
