"""Who still has to come by: after a pack change, or after an import. All go to faces."""

from __future__ import annotations

from kiosk.domain.ids import PackId, PersonId
from kiosk.link.message import Message, Private


class ShowQueue(Message, frozen=True, tag="show_queue"):
    """Ask who has to be enrolled live, or with the pack in use; answered by `VisitQueue`."""


class QueueEntry(Private, frozen=True, tag="queue_entry"):
    """One person who has to come by, and why: `pack` or `imported`."""

    person: PersonId
    name: str
    phone_hint: str
    pack: PackId
    state: str
    why: str


class VisitQueue(Private, frozen=True, tag="visit_queue"):
    """All of them, at most `entries_max`; `waiting` counts everybody.

    `grace_until` is the last day on which people of an older pack are searched; empty where nobody
    waits for that.
    """

    pack: PackId | None
    grace_until: str
    waiting: int
    entries: tuple[QueueEntry, ...]


QUEUE_MAX = 500
"""Entries of one answer: it stays below the link's line limit, and staff see one day's work."""

VisitMessage = ShowQueue | VisitQueue
