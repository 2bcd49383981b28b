"""Which model pack an installation works with, and what becomes of people of the one before.

The pack is the one that was chosen (`smiletill models use NAME`), else that of the people who are
enrolled, else the one that comes with the program. When another is chosen, people of the old pack
are searched with it until the grace period is over; then they are frozen, not erased, and wait for
their next visit. The day of the change is kept in `DIR/pack-change.json`.

It loads no network and decides about nobody's payment.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec

from kiosk.domain.errors import SetupError, SmileTillError
from kiosk.domain.ids import PackId, PersonId
from kiosk.faces.desk.importing import IMPORTED
from kiosk.faces.desk.look_alikes import REASON
from kiosk.faces.desk.reenrol import EXPIRED
from kiosk.faces.pack_people import PackPeople
from kiosk.faces.vault.keyring import sync_folder
from kiosk.faces.vault.records import PersonState
from kiosk.faces.vault.store import Vault
from kiosk.faces.vision.room import VisionRoom

FILE_NAME = "pack-change.json"
VERSION = 1
FILE_BYTES_MAX = 4_096
_MILDER = {"", IMPORTED, REASON}
"""Reasons that a live enrolment settles too; the mark of an expiry may take their place."""

logger = logging.getLogger(__name__)


class _Change(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: int
    to: PackId
    since: str


class PackChange:
    """The packs of one installation. Safe to use from many threads.

    Args:
        data_dir: DIR.
        vault: Whose people they are.
        room: Knows the packs by name.
        grace_days: Days for which people of an old pack are still searched.
        now: The time, with its zone.
    """

    def __init__(
        self,
        data_dir: Path,
        vault: Vault,
        room: VisionRoom,
        grace_days: int,
        now: Callable[[], datetime],
    ) -> None:
        """Read nothing yet."""
        self._path = data_dir / FILE_NAME
        self._vault, self._room = vault, room
        self._grace = timedelta(days=grace_days)
        self._now = now
        self._turn = threading.Lock()
        self._here: set[PackId] = set()
        self._people = PackPeople(data_dir)
        self._since: tuple[PackId, date] | None = None

    def current(self) -> PackId | None:
        """Return the pack to enrol with; None while nobody is enrolled and none was chosen.

        Raises:
            SmileTillError: The one that was chosen cannot be used.
        """
        chosen = self._room.chosen()
        return self._vault.pack() if chosen is None else chosen

    def choose(self, name: str) -> None:
        """Make a pack the installation's own, if another one was chosen.

        Raises:
            SmileTillError: It cannot be used, or the choice cannot be written.
        """
        if self._room.chosen() is not None:
            self._room.choose(name)

    def older(self) -> tuple[PackId, ...]:
        """Return the other packs that people are still searched with, as far as they are here."""
        current = self.current()
        others = [pack for pack in self._vault.packs() if pack != current]
        if current is None or not others or self._today() > self.until(current):
            return ()
        return tuple(pack for pack in others if self._is_here(pack))

    def until(self, current: PackId) -> date:
        """Return the last day on which people of older packs are searched."""
        with self._turn:
            if self._since is None or self._since[0] != current:
                self._since = current, self._read(current)
            return self._since[1] + self._grace

    def waiting(self) -> tuple[PersonId, ...]:
        """Return the people of older packs, who have to come by."""
        current = self.current()
        return tuple(
            person
            for pack, people in self._vault.packs().items()
            if current is not None and pack != current
            for person in people
        )

    def note_people(self) -> None:
        """Leave a word for who has no key: how many people there are of which pack."""
        self._people.note({pack: len(people) for pack, people in self._vault.packs().items()})

    def expire(self) -> tuple[PersonId, ...]:
        """Freeze whoever did not come by in time; return whom."""
        current = self.current()
        waiting = self.waiting()
        if current is None or not waiting or self._today() <= self.until(current):
            return ()
        late = [who for who in waiting if self._vault.head(who).state is PersonState.ACTIVE]
        for person in late:
            if self._vault.head(person).pin_always in _MILDER:
                self._vault.amend(person, pin_always=EXPIRED)
            self._vault.freeze(person)
        return tuple(late)

    def _today(self) -> date:
        return self._now().astimezone(UTC).date()

    def _is_here(self, pack: PackId) -> bool:
        if pack in self._here:
            return True
        try:
            self._room.tails(pack)
        except SmileTillError as error:
            logger.warning("people of %s cannot be searched: %s", pack, error.code)
            return False
        self._here.add(pack)
        return True

    def _read(self, current: PackId) -> date:
        """Return the day of the change to this pack, which is today if it is not written down.

        A clock that was set back does not make the grace period longer than it is.
        """
        today = self._today()
        try:
            with self._path.open("rb") as file:
                known = msgspec.json.decode(file.read(FILE_BYTES_MAX), type=_Change)
            if known.version == VERSION and known.to == current:
                return min(date.fromisoformat(known.since), today)
        except FileNotFoundError:
            pass
        except (OSError, msgspec.DecodeError, ValueError):
            logger.warning("%s cannot be read; the grace period begins today", FILE_NAME)
        self._write(_Change(VERSION, current, today.isoformat()))
        return today

    def _write(self, change: _Change) -> None:
        fresh = self._path.with_suffix(".new")
        try:
            fresh.write_bytes(msgspec.json.encode(change) + b"\n")
            fresh.replace(self._path)
            sync_folder(self._path.parent)
        except OSError as error:
            raise SetupError(
                f"The day of the pack's change cannot be kept ({error.strerror}).",
                code="pack_change_unwritable",
                mend="Look whether the disk is full or read-only.",
            ) from error
