"""Look-alikes: found at enrolment, both face + PIN, both released when one is gone."""

from __future__ import annotations

import dataclasses

import pytest

from kiosk.domain.errors import SmileTillError
from kiosk.faces.desk.look_alikes import REASON, settle
from kiosk.faces.desk.ports import Samples
from kiosk.faces.evidence import MatchEvidence
from kiosk.faces.service import VaultPeople
from kiosk.faces.vault.records import PersonState
from kiosk.link.protocol import Enrolled, EnrolRefused, ErasePerson
from tests.fakes.desk import now
from tests.fakes.people import unit, vectors
from tests.fakes.shop import ASK, Shop, replace

LOOK_ALIKE_FROM, DUPLICATE_FROM = 0.6, 0.9


@pytest.fixture
def shop(data_dir):
    opened = Shop(data_dir)
    tools = dataclasses.replace(opened.tools, look_alike_from=lambda _pack: LOOK_ALIKE_FROM)
    opened.tools = opened.desk._tools = tools
    yield opened
    opened.close()


def alike(seed: int, score: float) -> Samples:
    """Return samples whose template has exactly this score with made-up person `seed`."""
    template = unit(vectors(seed).mean(axis=0))
    other = unit(vectors(seed + 1_000).mean(axis=0))
    across = unit(other - (other @ template) * template)
    made = unit(score * template + (1 - score**2) ** 0.5 * across)
    return Samples(made, made[None], 4, 80)


def enrol(shop, captured, *, phone="07700900999", look_alike_of=None):
    shop.capture.result = captured
    return shop.ask(replace(ASK, phone=phone, look_alike_of=look_alike_of))


def test_somebody_less_alike_is_nobodys_look_alike(shop):
    """Below the threshold nothing is asked and nobody needs a PIN."""
    shop.enrol(1)
    answer = enrol(shop, alike(1, LOOK_ALIKE_FROM - 0.02))

    assert isinstance(answer, Enrolled)
    assert "" == answer.pin_always
    assert all(not shop.vault.head(person).pin_always for person in shop.vault.ids())


@pytest.mark.parametrize(
    ("score", "reason", "limit"),
    [
        (0.62, "look_alike", LOOK_ALIKE_FROM),
        (0.88, "look_alike", LOOK_ALIKE_FROM),
        (0.93, "duplicate", DUPLICATE_FROM),
        (1.0, "duplicate", DUPLICATE_FROM),
    ],
)
def test_the_search_stops_the_enrolment_and_says_who(shop, score, reason, limit):
    """The answer names the person, the score and the threshold that it passed."""
    first = shop.enrol(1).person
    answer = enrol(shop, alike(1, score))

    assert isinstance(answer, EnrolRefused)
    assert (reason, first, limit) == (answer.reason, answer.person, answer.threshold)
    assert score == pytest.approx(answer.score, abs=0.005)
    assert (first,) == shop.vault.ids()


@pytest.mark.parametrize("score", [0.7, 0.95])
def test_twins_both_need_their_pin_from_then_on(shop, score):
    """A manager sets the alarm aside for the named person: both are linked and marked."""
    first = shop.enrol(1).person
    answer = enrol(shop, alike(1, score), look_alike_of=first)

    assert isinstance(answer, Enrolled)
    assert REASON == answer.pin_always
    shop.restart()
    for person, other in ((first, answer.person), (answer.person, first)):
        head = shop.vault.head(person)
        assert (REASON, (other,)) == (head.pin_always, head.look_alikes)
        people = VaultPeople(
            shop.vault, shop.gallery, b"k", MatchEvidence(shop.data_dir / "evidence", now)
        )
        assert REASON == people.pin_always(person)


def test_setting_somebody_else_aside_does_not_help(shop):
    """Only the one who would be named can be set aside."""
    shop.enrol(1)
    stranger = shop.enrol(2).person
    answer = enrol(shop, alike(1, 0.95), look_alike_of=stranger)

    assert isinstance(answer, EnrolRefused)


@pytest.mark.parametrize("state", ["freeze", "pause"])
def test_nobody_comes_back_under_another_name(shop, state):
    """Whoever is frozen or has paused is compared too."""
    first = shop.enrol(1).person
    getattr(shop.vault, state)(first)
    shop.gallery.remove(first)
    answer = enrol(shop, alike(1, 0.95))

    assert isinstance(answer, EnrolRefused)
    assert first == answer.person


def test_erasing_one_releases_the_other(shop):
    """Whoever has no look-alike left pays by face again, at once."""
    first = shop.enrol(1).person
    second = enrol(shop, alike(1, 0.8), look_alike_of=first).person
    shop.ask(ErasePerson(second))

    head = shop.vault.head(first)
    assert ("", ()) == (head.pin_always, head.look_alikes)


def test_one_of_three_goes_and_two_stay_linked(shop):
    """Only the last link releases."""
    first = shop.enrol(1).person
    second = enrol(shop, alike(1, 0.95), look_alike_of=first, phone="07700900881").person
    third = enrol(shop, alike(1, 0.97), look_alike_of=second, phone="07700900882")
    assert {first, second} == set(shop.vault.head(third.person).look_alikes)
    shop.ask(ErasePerson(third.person))

    assert (REASON, (second,)) == (
        shop.vault.head(first).pin_always,
        shop.vault.head(first).look_alikes,
    )


def test_another_reason_for_the_pin_stays(shop):
    """A report of a wrong person is not undone by an erasure."""
    first = shop.enrol(1).person
    shop.vault.amend(first, pin_always="wrong_person")
    second = enrol(shop, alike(1, 0.8), look_alike_of=first).person
    assert "wrong_person" == shop.vault.head(first).pin_always
    shop.ask(ErasePerson(second))

    assert ("wrong_person", ()) == (
        shop.vault.head(first).pin_always,
        shop.vault.head(first).look_alikes,
    )


def test_a_crash_between_the_two_writes_comes_right_at_the_start(shop):
    """Half a link is made whole, and a link to somebody who was rolled back is released."""
    first, second, third = (shop.enrol(seed).person for seed in (1, 2, 3))
    shop.vault.amend(first, look_alikes=(second,), pin_always=REASON)
    shop.vault.amend(third, look_alikes=("p0000000000000000",), pin_always=REASON)
    shop.restart()

    assert (REASON, (first,)) == (
        shop.vault.head(second).pin_always,
        shop.vault.head(second).look_alikes,
    )
    assert "" == shop.vault.head(third).pin_always
    assert [] == list(settle(shop.vault))


def test_a_bank_that_says_no_leaves_the_other_as_they_were(shop):
    """The other is marked only once the newcomer really comes."""
    first = shop.enrol(1).person
    shop.money.away = True
    with pytest.raises(SmileTillError):
        enrol(shop, alike(1, 0.95), look_alike_of=first)

    assert "" == shop.vault.head(first).pin_always
    assert PersonState.ACTIVE is shop.vault.head(first).state


def test_setting_a_look_alike_aside_is_in_the_audit_log(shop):
    """Who did it, about whom, and what came of it; no name."""
    first = shop.enrol(1).person
    newcomer = enrol(shop, alike(1, 0.95), look_alike_of=first).person
    begun, ended = shop.audit.entries(0)[-2:]

    assert ("enrol_person", first) == (begun.what, begun.person)
    assert {"outcome": "begun", "set_aside": "yes"} == begun.detail
    assert (newcomer, REASON) == (ended.person, ended.detail["pin_always"])
    assert begun.who.startswith("uid")
