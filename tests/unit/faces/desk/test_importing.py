"""Bringing in a person from pictures: an enrolment's rules, a mark, and never without the PIN."""

from __future__ import annotations

import dataclasses

import pytest

from kiosk.domain.errors import SmileTillError
from kiosk.domain.evidence import CameraKind
from kiosk.faces.desk.desk import Desk
from kiosk.faces.desk.importing import IMPORTED
from kiosk.faces.desk.ports import CaptureRefusal
from kiosk.link.importing import ImportPerson
from kiosk.link.protocol import Enrolled, EnrolRefused, Progress
from tests.fakes.desk import samples
from tests.fakes.people import PACK
from tests.fakes.shop import Shop, replace

ASK = ImportPerson(
    name="Ada Lovelace",
    phone="07700900123",
    pin="135790",
    consent_version="v1",
    consent_given_at="2026-11-01",
    pictures=("/pictures/a.jpg",),
)


class PictureShop(Shop):
    """A shop that makes samples of pictures."""

    made = None

    def open(self) -> None:
        super().open()

        def pictures(places, pack):
            assert (places, pack) == (ASK.pictures, PACK)
            yield Progress("looking", 1, 1)
            return samples(7) if self.made is None else self.made

        self.tools = dataclasses.replace(self.tools, pictures=pictures)
        self.desk = Desk(self.tools)


@pytest.fixture
def shop(data_dir):
    opened = PictureShop(data_dir)
    yield opened
    opened.close()


def test_whoever_is_brought_in_can_be_found_and_needs_the_pin(shop):
    """At once, also after a restart; the consent has the list's date."""
    answer = shop.ask(ASK)

    assert isinstance(answer, Enrolled)
    known = shop.vault.get(answer.person)
    assert IMPORTED == known.pin_always == shop.vault.head(answer.person).pin_always
    assert "2026-11-01T00:00:00+00:00" == known.consent.given_at
    assert "2026-11-23T09:30:00+00:00" == known.enrolled_at
    assert answer.person == shop.gallery.search(PACK, samples(7).template)[0].person
    assert [CameraKind.FRAME_FOLDER] == shop.money.cameras, "pictures are no live camera to money"
    shop.restart()
    assert IMPORTED == shop.vault.head(answer.person).pin_always


def test_whoever_is_there_already_is_not_brought_in(shop):
    """By number or by face; the score comes with the refusal."""
    first = shop.ask(ASK)
    assert "phone_taken" == shop.ask(ASK).reason

    again = shop.ask(replace(ASK, phone="07700900124"))

    assert ("duplicate", first.person) == (again.reason, again.person)
    assert again.score > 0.9
    assert 1 == len(shop.vault.ids())


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"consent_given_at": ""}, "consent_date_bad"),
        ({"consent_given_at": "yesterday"}, "consent_date_bad"),
        ({"consent_given_at": "2026-11-24"}, "consent_date_bad"),
        ({"consent_version": "v999"}, "consent_version_unknown"),
        ({"name": " "}, "name_bad"),
        ({"phone": "12"}, "phone_bad"),
        ({"pin": "111111"}, "pin_banned"),
    ],
)
def test_what_cannot_be_used_is_refused_before_a_picture_is_read(shop, change, code):
    """And nothing is kept."""
    shop.made = AssertionError("a picture was read")
    with pytest.raises(SmileTillError) as raised:
        shop.ask(replace(ASK, **change))
    assert code == raised.value.code
    assert () == shop.vault.ids()


def test_pictures_that_show_nobody_are_told(shop):
    """With the vision's reason."""
    shop.made = CaptureRefusal("two_faces", "0 of 1 pictures")

    assert EnrolRefused("two_faces", "0 of 1 pictures") == shop.ask(ASK)
    assert () == shop.vault.ids()


def test_the_audit_log_says_who_was_brought_in(shop):
    """As a change of its own kind, and the picture of activity counts it."""
    person = shop.ask(ASK).person

    told = [(it.what, it.person) for it in shop.audit.entries()]
    assert [("import_person", ""), ("import_person", person)] == told
