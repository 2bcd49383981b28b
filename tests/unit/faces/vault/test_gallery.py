"""The gallery: exact search, changes at once, nothing left in memory."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.domain.ids import PackId, PersonId
from kiosk.faces.vault.gallery import Gallery, normalise_phone
from kiosk.faces.vault.records import Person, PersonState
from tests.fakes.people import PACK, new_person, unit

OTHER = PackId("mobileface@1")


def person(number: int, *, pack: PackId = PACK, phone: str | None = None) -> Person:
    new = new_person(number, pack=pack, dimension=16)
    return Person(
        person=PersonId(f"p{number:016x}"),
        state=PersonState.ACTIVE,
        name=new.name,
        phone=phone or new.phone,
        alias=new.alias,
        pack=pack,
        template=new.template,
        samples=new.samples,
        anchor=new.template,
        adaptive=new.samples[:0],
        sample_count=new.sample_count,
        quality=new.quality,
        consent=new.consent,
        enrolled_at=new.enrolled_at,
    )


PEOPLE = [person(n, pack=PACK if n % 3 else OTHER, phone=f"4477{n % 5:04d}") for n in range(40)]


def naive(present, pack, probe, digits, k):
    """Return the scores that a plain loop finds."""
    scored = [
        (float(np.dot(p.template.astype(np.float64), probe)), p.person, p.phone[-4:])
        for p in present.values()
        if p.pack == pack
    ]
    scored.sort(reverse=True)
    meant = [s for s in scored if s[2] == digits]
    return {who: score for score, who, _ in scored[:k] + meant[:k]}


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, len(PEOPLE) - 1)), max_size=80),
    st.integers(0, 10**6),
    st.one_of(st.none(), st.integers(0, 6).map(lambda n: f"{n:04d}")),
    st.integers(1, 5),
    st.sampled_from([PACK, OTHER]),
)
def test_search_is_exact_after_any_history(history, seed, digits, k, pack):
    """After any adds and removes, a search gives what a plain loop over everybody gives."""
    gallery, present = Gallery(), {}
    for add, index in history:
        someone = PEOPLE[index]
        if add:
            gallery.add(someone)
            present[someone.person] = someone
        else:
            assert gallery.remove(someone.person) == (someone.person in present)
            present.pop(someone.person, None)
    probe = unit(np.random.default_rng(seed).normal(size=16))

    found = gallery.search(pack, probe, digits=digits, k=k)

    expected = naive(present, pack, probe.astype(np.float64), digits, k)
    assert {c.person for c in found} == set(expected)
    assert all(abs(c.score - expected[c.person]) < 1e-5 for c in found)
    assert [c.score for c in found] == sorted((c.score for c in found), reverse=True)
    assert gallery.size(pack) == sum(p.pack == pack for p in present.values())
    wanted = {p.person for p in present.values() if p.pack == pack and p.phone[-4:] == digits}
    assert digits is None or wanted == gallery.with_digits(pack, digits)


def test_it_grows_past_its_first_size():
    """Nobody is lost when the matrix is made larger."""
    gallery = Gallery()
    crowd = [person(n) for n in range(200)]
    for someone in crowd:
        gallery.add(someone)

    for someone in crowd:
        (best,) = gallery.search(PACK, someone.template, k=1)
        assert someone.person == best.person
        assert 1.0 == pytest.approx(best.score, abs=1e-5)


def test_adding_somebody_again_replaces_them():
    """A new template counts and the old one is gone."""
    gallery = Gallery()
    gallery.add(person(1))
    changed = person(2)
    gallery.add(Person(**{**_fields(changed), "person": person(1).person}))

    assert 1 == gallery.size(PACK)
    assert 0.9 < gallery.search(PACK, changed.template)[0].score


def _fields(someone: Person) -> dict:
    return {name: getattr(someone, name) for name in someone.__dataclass_fields__}


@pytest.mark.parametrize(
    "written", ["+44 7700 900001", "0044-7700-900001", "(44) 7700.900001", "447700900001"]
)
def test_numbers_are_found_however_written(written):
    """Spaces, signs and the international prefix make no difference."""
    gallery = Gallery()
    someone = person(1, phone="447700900001")
    gallery.add(someone)

    assert someone.person == gallery.by_phone(written)
    assert "447700900001" == normalise_phone(written)
    gallery.remove(someone.person)
    assert gallery.by_phone(written) is None


@pytest.mark.parametrize("kept", ["07700900001", "447700900001"])
@pytest.mark.parametrize(
    "written", ["07700 900001", "+44 7700 900001", "0044 7700 900001", "+44 (7700) 900001"]
)
def test_a_national_number_is_the_international_one(kept, written):
    """Whichever form is kept already; the last digits are the same in both."""
    gallery = Gallery("44")
    someone = person(1, phone=kept)
    gallery.add(someone)

    assert someone.person == gallery.by_phone(written)
    assert {someone.person} == gallery.with_digits(PACK, "0001")
    assert gallery.by_phone("+49 7700 900001") is None
    gallery.remove(someone.person)
    assert gallery.by_phone(written) is None
    assert frozenset() == gallery.with_digits(PACK, "0001")


@pytest.mark.parametrize("written", ["07700900001", "00447700900001", "+447700900001", "7700"])
def test_a_number_that_is_compared_again_stays_the_same(written):
    """Kept digits go through the same rule as typed ones."""
    once = normalise_phone(written, "44")

    assert once == normalise_phone(once, "44")


def test_what_is_removed_or_closed_is_overwritten():
    """No vector stays behind in the gallery's memory."""
    gallery = Gallery()
    for n in range(3):
        gallery.add(person(n))
    (matrix,) = (shelf.rows._blocks[0].rows for shelf in gallery._shelves.values())

    gallery.remove(person(1).person)
    assert not matrix[2:].any()
    assert matrix[:2].any(axis=1).all()
    gallery.close()
    assert not matrix.any()
    assert [] == gallery.search(PACK, person(0).template)
    assert person(0).person not in gallery


def test_nothing_personal_is_shown():
    """Neither vectors nor numbers are in a repr."""
    gallery = Gallery()
    someone = person(1, phone="447700907351")
    gallery.add(someone)
    (shelf,) = gallery._shelves.values()

    for text in (repr(shelf), repr(someone), repr(gallery)):
        assert someone.name not in text
        assert someone.phone[-4:] not in text
        assert "array" not in text
