"""Proofs of erasures: owed until they are made, beside everything else, and gone on with."""

from __future__ import annotations

import json
import threading

import pytest

from kiosk.domain.errors import SetupError
from kiosk.domain.mandate import MandateState
from kiosk.faces.caretaker import Caretaker
from kiosk.faces.desk.erase import shred
from kiosk.faces.desk.renewing import renew_on
from kiosk.faces.vault.erase import LeftoverSearch
from kiosk.link.protocol import ErasePerson, Progress
from kiosk.link.vault_care import RenewTemplates
from tests.fakes.desk import samples
from tests.fakes.people import PACK
from tests.fakes.shop import STAFF, Shop


@pytest.fixture
def shop(data_dir):
    made = Shop(data_dir)
    yield made
    made.close()


def never() -> bool:
    return False


def certificates(shop) -> list[dict]:
    folder = shop.data_dir / "vault" / "certificates"
    return [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]


def test_a_proof_that_a_crash_cut_off_goes_on_at_the_next_start(shop):
    """Gone at once; proved after the restart with all that it looks for, leaks included."""
    person = shop.enrol(1, name="Ada Lovelace").person
    template = shop.vault.get(person).template
    search = LeftoverSearch(shop.vault, shop.data_dir, shred(shop.tools, person))
    next(iter(search))
    (shop.data_dir / "leak").write_bytes(template.tobytes())
    (shop.data_dir / "notes.txt").write_text("call Ada Lovelace back\n")
    shop.restart()  # the process died in the middle of the search

    assert [] == certificates(shop)
    assert () == shop.vault.ids()
    assert 1 == len(shop.vault.proofs())
    assert 1 == shop.desk.resume_proofs(never)

    (made,) = certificates(shop)
    assert {"leak", "notes.txt"} == set(made["found_in"])
    assert () == shop.vault.proofs()
    assert 0 == shop.desk.resume_proofs(never)


def test_a_proof_that_is_stopped_waits(shop):
    """A process that ends does not wait for a search; it stays owed."""
    shred(shop.tools, shop.enrol(1).person)
    assert 0 == shop.desk.resume_proofs(lambda: True)
    assert 1 == len(shop.vault.proofs())
    assert [] == certificates(shop)


def test_a_proof_leaves_nothing_of_what_it_looked_for(shop):
    """While it is owed nothing readable is on the disk; once it is made the ticket is gone too."""
    person = shop.enrol(1, name="Ada Lovelace").person
    work = shred(shop.tools, person)
    vault = shop.data_dir / "vault"

    def raw() -> bytes:
        return b"".join(path.read_bytes() for path in vault.glob("vault.db*"))

    (sealed,) = shop.vault._database.execute("SELECT record FROM proof").fetchone()
    assert sealed[20:60] in raw()
    assert b"Lovelace" not in raw()
    assert work.vectors.tobytes()[:64] not in raw()
    shop.desk.resume_proofs(never)
    assert sealed[20:60] not in raw()


def test_a_certificate_names_nobody_and_says_when(shop):
    """Dates of erasure and proof, counts, a hash; nothing that leads to the person."""
    person = shop.enrol(1, name="Ada Lovelace").person
    alias = shop.vault.alias(person)
    answer = shop.ask(ErasePerson(person))
    (made,) = certificates(shop)
    assert answer.certificate == made["certificate"]
    assert made["erased_at"] <= made["proved_at"]
    assert (3, 0) == (made["vault_format"], made["bytes_found"])
    text = json.dumps(made)
    assert not any(secret in text for secret in ("Lovelace", person, alias, "7700900001"))


def test_the_desk_is_free_while_a_proof_is_made(shop):
    """Another person is enrolled, erased and found in the middle of a long search."""
    first, second = shop.enrol(1).person, shop.enrol(2).person
    steps = shop.desk.handle(STAFF, ErasePerson(first))
    while next(steps).code != "searching":
        pass
    third = shop.enrol(3).person
    shop.ask(ErasePerson(second))
    assert [third] == [c.person for c in shop.gallery.search(PACK, samples(3).template)]
    assert shop.vault.alias(third)
    *_, answer = steps
    assert 0 == answer.bytes_found
    assert 2 == len(certificates(shop))


def test_an_erased_person_cannot_pay_in_any_way_and_others_can(shop):
    """Neither face, nor digits, nor number and PIN lead to the erased; the other is as before."""
    gone, other = shop.enrol(1).person, shop.enrol(2).person
    alias, others = shop.vault.alias(gone), shop.vault.alias(other)
    face = samples(1).template
    shop.ask(ErasePerson(gone))
    for _ in range(2):  # also after a restart
        found = shop.gallery.search(PACK, face, digits="0001")
        assert [other] == [candidate.person for candidate in found]
        assert found[0].score < 0.7
        assert frozenset() == shop.gallery.with_digits(PACK, "0001")
        assert shop.gallery.by_phone("07700900001") is None
        assert MandateState.REVOKED is shop.money.mandates[alias]
        assert other == shop.gallery.search(PACK, samples(2).template)[0].person
        assert other == shop.gallery.by_phone("07700900002")
        assert MandateState.ACTIVE is shop.money.mandates[others]
        shop.restart()


def test_a_file_that_cannot_be_read_leaves_the_proof_owed(shop, monkeypatch):
    """Nothing is certified that was not read; the person is gone all the same."""
    person = shop.enrol(1).person

    def refuse(*_):
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr("os.pread", refuse)
        with pytest.raises(SetupError):
            shop.ask(ErasePerson(person))
        assert 0 == shop.desk.resume_proofs(never)
    assert person not in shop.vault.ids()
    assert 1 == shop.desk.resume_proofs(never)
    assert 1 == len(certificates(shop))


def test_a_rolled_back_enrolment_owes_no_proof(shop):
    """Whoever was never more than pending has agreed to nothing that is proved."""
    shop.money.state = MandateState.REJECTED
    shop.enrol(1)
    assert () == shop.vault.proofs()


def test_the_caretaker_does_what_is_owed_and_ends(shop):
    """It proves, ends renewals, survives an error, and stops when told."""
    shred(shop.tools, shop.enrol(1).person)
    shop.enrol(2)
    under_way = shop.vault.renew()
    under_way.close()
    shop.vault._draw_space()
    done = threading.Event()

    def fail(_stopping):
        raise SetupError("the disk is full", code="vault_unusable", mend="free some")

    cares = (
        shop.desk.resume_proofs,
        lambda stopping: renew_on(shop.vault, stopping),
        fail,
        lambda _: done.set(),
    )
    caretaker = Caretaker(cares, every_s=0.001)
    assert done.wait(30)
    caretaker.close()
    caretaker.close()
    assert () == shop.vault.proofs()
    assert not shop.vault.renewal_waits


def test_staff_renew_templates_while_people_are_found(shop):
    """The word of a manager: everybody moves, and is found at every step and after a restart."""
    person = shop.enrol(1).person
    probe = samples(1).kept[0]
    steps = []
    for step in shop.desk.handle(STAFF, RenewTemplates()):
        steps.append(step)
        assert person == shop.gallery.search(PACK, probe)[0].person
    assert [Progress("renewing", 1, 1)] == steps[:-1]
    assert 1 == steps[-1].people
    shop.restart()
    assert person == shop.gallery.search(PACK, probe)[0].person
