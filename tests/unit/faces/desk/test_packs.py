"""A pack change: a grace period, a queue, a freeze at its end, and new samples that end it all."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from kiosk.domain.errors import SetupError
from kiosk.faces.desk.desk import Desk
from kiosk.faces.desk.errors import PackDiffersError
from kiosk.faces.desk.importing import IMPORTED
from kiosk.faces.desk.reenrol import EXPIRED
from kiosk.faces.pack_change import PackChange
from kiosk.faces.pack_people import noted_people
from kiosk.faces.vault.records import PersonState
from kiosk.faces.vision.room import VisionRoom
from kiosk.link.protocol import CameraSpec, ErasePerson
from kiosk.link.staff_desk import Reenrolled, ReenrolPerson
from kiosk.link.visits import ShowQueue
from models import store
from tests.fakes.desk import resolve_pack, samples
from tests.fakes.people import PACK
from tests.fakes.shop import ASK, Shop

NEW = "mobileface@1"
CAMERA: CameraSpec = ASK.camera


class FakeRoom:
    """Packs by name, and which one was chosen."""

    def __init__(self) -> None:
        self.name: str | None = None
        self.gone: set[str] = set()

    def chosen(self):
        return None if self.name is None else resolve_pack(self.name)

    def choose(self, name):
        self.name = name

    def tails(self, pack):
        if pack in self.gone:
            raise SetupError("not there", code="pack_not_installed", mend="install it")
        return ()


class PackShop(Shop):
    """A shop with a room of packs, and a day."""

    def open(self) -> None:
        super().open()
        self.day = datetime(2026, 11, 23, 9, tzinfo=UTC)
        self.room = getattr(self, "room", FakeRoom())
        self.packs = PackChange(self.data_dir, self.vault, self.room, 90, lambda: self.day)
        self.tools = dataclasses.replace(self.tools, packs=self.packs)
        self.desk = Desk(self.tools)


@pytest.fixture
def shop(data_dir):
    opened = PackShop(data_dir)
    yield opened
    opened.close()


def test_without_a_choice_the_pack_is_that_of_whoever_is_enrolled(shop):
    """Nobody waits, whatever the program's own pack is."""
    assert shop.packs.current() is None
    shop.enrol(1, pack="mobileface")

    assert (NEW, ()) == (shop.packs.current(), shop.packs.older())
    assert 0 == shop.ask(ShowQueue()).waiting


def test_whoever_has_no_key_is_told_how_many_people_there_are_of_which_pack(shop):
    """The note beside the vault follows it, and names nobody."""
    shop.packs.note_people()
    assert noted_people(shop.data_dir) == {}

    shop.enrol(1, pack="mobileface")
    person = shop.enrol(2, pack="mobileface").person
    shop.packs.note_people()
    assert noted_people(shop.data_dir) == {NEW: 2}

    shop.ask(ErasePerson(person))
    shop.packs.note_people()
    assert noted_people(shop.data_dir) == {NEW: 1}


def test_the_first_enrolments_pack_is_the_installations(shop):
    """Also where another one was chosen before anybody was enrolled; later ones must agree."""
    shop.room.name = "starter"
    shop.enrol(1, pack="mobileface")

    assert ("mobileface", NEW) == (shop.room.name, shop.packs.current())
    with pytest.raises(PackDiffersError):
        shop.enrol(2, pack="starter")


def test_people_of_the_old_pack_are_searched_for_the_grace_period(shop):
    """From the day of the change on, restarts and a clock set back included."""
    person = shop.enrol(1).person
    shop.room.name = "mobileface"

    assert ((PACK,), date(2027, 2, 21)) == (shop.packs.older(), shop.packs.until(NEW))
    queue = shop.ask(ShowQueue())
    assert (NEW, "2027-02-21", 1) == (queue.pack, queue.grace_until, queue.waiting)
    assert [(person, "pack")] == [(it.person, it.why) for it in queue.entries]
    shop.restart()
    shop.day += timedelta(days=90)
    assert (PACK,) == shop.packs.older()
    shop.day += timedelta(days=1)
    assert () == shop.packs.older()


def test_an_old_pack_that_is_gone_cannot_be_searched_with(shop):
    """Its people are on the queue all the same, which does not say that they can pay."""
    shop.enrol(1)
    shop.room.name = "mobileface"
    shop.room.gone = {PACK}

    assert () == shop.packs.older()
    queue = shop.ask(ShowQueue())
    assert ("", 1) == (queue.grace_until, queue.waiting)


def test_whoever_comes_too_late_is_frozen_and_not_erased(shop):
    """Once; a stronger reason for the PIN stays; new samples thaw them."""
    late, wrong = shop.enrol(1).person, shop.enrol(2).person
    shop.vault.amend(wrong, pin_always="wrong_person")
    shop.room.name = "mobileface"
    shop.packs.until(NEW)
    assert () == shop.packs.expire()
    shop.day += timedelta(days=91)

    assert {late, wrong} == set(shop.packs.expire())
    assert () == shop.packs.expire()
    heads = {who: shop.vault.head(who) for who in (late, wrong)}
    assert {PersonState.FROZEN} == {head.state for head in heads.values()}
    assert [EXPIRED, "wrong_person"] == [heads[late].pin_always, heads[wrong].pin_always]

    shop.gallery.remove(late)
    shop.capture.result = samples(1)
    assert isinstance(shop.ask(ReenrolPerson(late, CAMERA)), Reenrolled)
    head = shop.vault.head(late)
    assert (PersonState.ACTIVE, NEW, "") == (head.state, head.pack, head.pin_always)
    assert late in shop.gallery


def test_new_samples_move_a_person_to_the_new_pack(shop):
    """The old pack says who it is; they are found with the new one, and off the queue."""
    person = shop.enrol(1).person
    shop.room.name = "mobileface"
    before = shop.capture.opened
    shop.capture.result = samples(1)

    assert isinstance(shop.ask(ReenrolPerson(person, CAMERA)), Reenrolled)

    assert before + 2 == shop.capture.opened, "once with each pack"
    assert NEW == shop.vault.head(person).pack
    assert person == shop.gallery.search(NEW, samples(1).template)[0].person
    assert [] == shop.gallery.search(PACK, samples(1).template)
    assert 0 == shop.ask(ShowQueue()).waiting
    shop.restart()
    assert person == shop.gallery.search(NEW, samples(1).template)[0].person


def test_somebody_else_cannot_be_put_in_a_persons_place(shop):
    """Not with the old pack, and nothing has changed."""
    person = shop.enrol(1).person
    shop.room.name = "mobileface"
    kept = shop.vault.get(person).template.copy()
    shop.capture.result = samples(9)

    assert "not_the_same" == shop.ask(ReenrolPerson(person, CAMERA)).reason
    assert np.array_equal(kept, shop.vault.get(person).template)


def test_imported_people_are_on_the_queue_until_they_were_seen_live(shop):
    """Then the mark is gone."""
    person = shop.enrol(1).person
    shop.vault.amend(person, pin_always=IMPORTED)
    assert [(person, "imported")] == [(it.person, it.why) for it in shop.ask(ShowQueue()).entries]

    shop.capture.result = samples(1)
    shop.ask(ReenrolPerson(person, CAMERA))

    assert "" == shop.vault.head(person).pin_always
    assert () == shop.ask(ShowQueue()).entries


def test_a_damaged_file_begins_the_grace_period_today(shop):
    """It is said in the log, and nobody is frozen by it."""
    shop.enrol(1)
    shop.room.name = "mobileface"
    (shop.data_dir / "pack-change.json").write_text("{")

    assert date(2027, 2, 21) == shop.packs.until(NEW)


def test_a_choice_is_noticed_at_once(data_dir):
    """By a room that has been asked before; without a choice there is none."""
    room = VisionRoom(data_dir)
    assert room.chosen() is None
    for name in ("sandbox", "starter"):
        chosen = store.use(name, data_dir)
        assert chosen.id == room.chosen() == room.chosen()
