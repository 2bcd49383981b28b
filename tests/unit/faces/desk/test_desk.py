"""The desk: everything or nothing, consent before the first frame, one change at a time."""

from __future__ import annotations

import dataclasses
import hashlib

import msgspec
import pytest

from kiosk.domain.errors import SetupError, SmileTillError
from kiosk.domain.evidence import CameraKind
from kiosk.domain.mandate import DEFAULT_LIMITS, MandateLimits, MandateState
from kiosk.domain.money import Money
from kiosk.faces.desk.consent import consent_text, consent_texts
from kiosk.faces.desk.desk import PAGE_PEOPLE
from kiosk.faces.desk.ports import CaptureRefusal
from kiosk.faces.vault.records import LOOK_ALIKES_MAX, PersonState
from kiosk.link.protocol import (
    LINE_BYTES_MAX,
    Enrolled,
    EnrolRefused,
    Erased,
    ErasePerson,
    Frame,
    Hello,
    ListPeople,
    People,
    PersonSummary,
    Progress,
    Role,
    ShowPerson,
    encode_frame,
)
from tests.fakes.desk import samples
from tests.fakes.people import PACK, new_person
from tests.fakes.shop import ASK, STAFF, Shop


@pytest.fixture
def shop(data_dir):
    opened = Shop(data_dir)
    yield opened
    opened.close()


def assert_nothing_is_left(shop: Shop) -> None:
    """Nobody is kept or found, no mandate can be charged, no message waits."""
    assert () == shop.vault.ids()
    assert 0 == shop.gallery.size(PACK)
    assert set() == shop.money.active()
    assert shop.capture.opened == shop.capture.closed


def test_enrolment_keeps_everything_and_takes_effect_at_once(shop):
    """One answer with what the contract names; the person is found by the next search."""
    answer = shop.enrol(1, name="  Ada Lovelace ", phone="+44 7700 900123")

    assert Enrolled(answer.person, 4, 80, MandateState.ACTIVE, "••42") == answer
    (best,) = shop.gallery.search(PACK, samples(1).template)
    assert answer.person == best.person
    assert answer.person == shop.gallery.by_phone("00447700900123")
    known = shop.vault.get(answer.person)
    assert ("Ada Lovelace", "447700900123") == (known.name, known.phone)
    assert PersonState.ACTIVE is known.state
    assert "2026-11-23T09:30:00+00:00" == known.enrolled_at == known.consent.given_at
    assert {known.alias} == shop.money.active()
    assert [CameraKind.FRAME_FOLDER] == shop.money.cameras
    assert DEFAULT_LIMITS == shop.money.asked[0].limits

    shop.restart()
    assert answer.person in shop.gallery


def test_limits_are_handed_to_money(shop):
    """What staff typed is what the mandate says."""
    limits = MandateLimits(Money(2_000), Money(3_000))
    shop.enrol(1, limits=limits)

    assert limits == shop.money.asked[0].limits


def test_the_consent_record_proves_the_text(shop):
    """Version, language and SHA-256 of the shipped text are kept with the person."""
    person = shop.enrol(1).person

    consent = shop.vault.get(person).consent
    text = consent_text("v1")
    assert hashlib.sha256(text.text.encode()).hexdigest() == consent.sha256 == text.sha256
    assert ("v1", "en") == (consent.version, consent.language)


def test_version_1_of_the_text_is_never_edited():
    """People have agreed to exactly these words; a change needs a new version."""
    assert TEXT_V1_SHA256 == consent_texts()["v1", "en"].sha256


TEXT_V1_SHA256 = "683dc1dd0143b216ea11310164bdae680c40b1ba8514f1e4a04af34a31ad608c"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"consent_version": "v999"}, "consent_version_unknown"),
        ({"consent_version": "../v1"}, "consent_version_unknown"),
        ({"consent_version": ""}, "consent_version_unknown"),
        ({"name": "  "}, "name_bad"),
        ({"name": "x" * 71}, "name_bad"),
        ({"name": "a\nb"}, "name_bad"),
        ({"name": "a\u202eb"}, "name_bad"),
        ({"phone": "123456"}, "phone_bad"),
        ({"phone": "1" * 16}, "phone_bad"),
        ({"phone": "0770O900123"}, "phone_bad"),
        ({"phone": "٠٧٧٠٠٩٠٠١٢٣"}, "phone_bad"),
        ({"phone": ""}, "phone_bad"),
        ({"pin": "12345"}, "pin_format"),
        ({"pin": "123456"}, "pin_banned"),
        ({"pack": "nonsense"}, "pack_unknown"),
    ],
)
def test_bad_input_is_refused_before_a_frame_is_read(shop, changes, code):
    """Consent comes first: without it, and without usable input, the camera stays closed."""
    with pytest.raises(SmileTillError) as caught:
        shop.enrol(1, **changes)

    assert code == caught.value.code
    assert 2 == caught.value.exit_code
    assert 0 == shop.capture.opened
    assert [] == shop.money.asked
    assert_nothing_is_left(shop)


def test_a_number_can_be_enrolled_once(shop):
    """Two people never share a number, however it is written; no frame is read to say so."""
    shop.enrol(1, phone="07700900001")
    opened = shop.capture.opened

    answer = shop.enrol(2, phone="0770 090-0001")

    assert isinstance(answer, EnrolRefused)
    assert "phone_taken" == answer.reason
    assert opened == shop.capture.opened
    shop.vault.freeze(shop.vault.ids()[0])
    shop.restart()
    assert "phone_taken" == shop.enrol(2, phone="07700900001").reason


def test_a_number_can_be_enrolled_once_in_either_form(shop):
    """The national and the international form are one number, also of somebody who is frozen."""
    shop.enrol(1, phone="07700 900123")

    assert "phone_taken" == shop.enrol(2, phone="+44 7700 900123").reason
    shop.vault.freeze(shop.vault.ids()[0])
    shop.restart()
    assert "phone_taken" == shop.enrol(2, phone="0044 7700 900123").reason


def test_a_number_kept_in_the_older_form_is_known(shop):
    """People enrolled before the country code counted are found, active or frozen."""
    person = shop.vault.begin(dataclasses.replace(new_person(7), phone="07700900123"))
    shop.vault.activate(person)
    shop.restart()
    assert person == shop.gallery.by_phone("+447700900123")

    shop.vault.freeze(person)
    shop.restart()
    assert "phone_taken" == shop.enrol(2, phone="+447700900123").reason


def test_the_same_face_under_another_name_is_refused(shop):
    """A second record of one person would double every limit."""
    first = shop.enrol(1).person

    answer = shop.enrol(1, phone="07700 900 999", name="Somebody Else")

    assert "duplicate" == answer.reason
    assert first in answer.detail
    assert (first,) == shop.vault.ids()
    assert isinstance(shop.enrol(2), Enrolled)


@pytest.mark.parametrize("reason", ["too_few_frames", "pad_texture"])
def test_a_refused_capture_keeps_nothing(shop, reason):
    """Too few good samples, or an attack presentation: the reason, and nothing else."""
    shop.capture.result = CaptureRefusal(reason, "2 of 3")

    assert EnrolRefused(reason, "2 of 3") == shop.ask(ASK)
    assert [] == shop.money.asked
    assert_nothing_is_left(shop)


def test_a_camera_that_fails_keeps_nothing(shop):
    """Its own error arrives, and the desk is free again."""
    shop.capture.result = SetupError("unplugged", code="camera_unplugged", mend="plug it in")

    for _ in range(2):
        with pytest.raises(SetupError) as caught:
            shop.ask(ASK)
        assert "camera_unplugged" == caught.value.code
    assert_nothing_is_left(shop)


@pytest.mark.parametrize("state", [s for s in MandateState if s is not MandateState.ACTIVE])
def test_without_an_active_mandate_nothing_is_kept(shop, state):
    """A person whom the bank refused cannot be recognised, and no half mandate stays."""
    shop.money.state = state

    answer = shop.enrol(1)

    assert f"mandate_{state.value}" == answer.reason
    assert {MandateState.REVOKED} == set(shop.money.mandates.values())
    assert () == shop.vault.outbox()
    assert_nothing_is_left(shop)


def test_the_payers_approval_is_waited_for_and_its_link_told(shop):
    """Every two seconds, with the link, also when an answer is lost; then there is a person."""
    shop.money.state = MandateState.PENDING
    shop.money.approves_after, shop.money.loses = 3, 1

    *steps, answer = shop.desk.handle(STAFF, ASK)

    assert isinstance(answer, Enrolled)
    assert answer.mandate is MandateState.ACTIVE
    links = [step.detail for step in steps if step.code == "approve_mandate"]
    assert links == ["https://bank.test/a"] * 4
    assert shop.pauses == [2] * 4


def test_an_approval_that_never_comes_leaves_nothing(shop):
    """After five minutes the mandate is revoked and nobody is enrolled."""
    shop.money.state = MandateState.PENDING

    assert shop.enrol(1).reason == "mandate_pending"
    assert sum(shop.pauses) == 300
    assert {MandateState.REVOKED} == set(shop.money.mandates.values())
    assert_nothing_is_left(shop)


@pytest.mark.parametrize("fault", ["pin_refused", "lost_answer"])
def test_an_error_of_money_rolls_everything_back(shop, fault):
    """Its error arrives; a mandate that came about although the answer was lost is revoked."""
    setattr(shop.money, fault, True)

    with pytest.raises(SmileTillError):
        shop.enrol(1)

    assert () == shop.vault.outbox()
    assert_nothing_is_left(shop)


def test_money_that_is_away_leaves_only_the_order_to_revoke(shop):
    """The message survives a restart and is delivered when money is back."""
    shop.money.away = True
    with pytest.raises(SmileTillError):
        shop.enrol(1)
    shop.restart()
    assert 1 == len(shop.vault.outbox())
    assert 1 == shop.desk.deliver_outbox()

    shop.money.away = False
    assert 0 == shop.desk.deliver_outbox()
    assert () == shop.vault.outbox()
    assert_nothing_is_left(shop)


@pytest.mark.parametrize("steps", range(8))
def test_staff_who_hang_up_leave_nothing(shop, steps):
    """A client that goes away at any step of an enrolment leaves no record and no mandate."""
    conversation = shop.desk.handle(STAFF, ASK)
    for _ in range(steps):
        assert isinstance(next(conversation), Progress), "it had ended before they hung up"
    conversation.close()

    assert_nothing_is_left(shop)
    assert isinstance(shop.enrol(1), Enrolled)


@pytest.mark.parametrize("mandate_exists", [False, True])
def test_a_crash_between_record_and_activation_is_rolled_back(shop, mandate_exists):
    """The next start removes the pending record and revokes what money may have made of it."""
    new = new_person(1)
    shop.vault.begin(new)
    if mandate_exists:
        shop.money.mandates[new.alias] = MandateState.ACTIVE

    shop.restart()

    assert new.name not in [person.name for person in shop.vault.people()]
    assert 0 == shop.desk.deliver_outbox()
    assert_nothing_is_left(shop)


def test_the_first_pack_stays(shop):
    """People of two packs cannot be compared, so the second pack is refused."""
    first = shop.enrol(1, pack="mobileface")
    assert "mobileface@1" == shop.vault.pack() == shop.vault.get(first.person).pack

    with pytest.raises(SmileTillError) as caught:
        shop.enrol(2, pack="starter")
    assert "pack_differs" == caught.value.code
    assert isinstance(shop.enrol(2), Enrolled)
    assert 2 == shop.gallery.size("mobileface@1")


def test_a_refused_first_enrolment_sets_no_pack(shop):
    """Only somebody who is really enrolled decides the pack."""
    shop.money.state = MandateState.REJECTED
    shop.enrol(1, pack="mobileface")
    shop.money.state = MandateState.ACTIVE

    assert isinstance(shop.enrol(1, pack="starter"), Enrolled)


def test_one_change_at_a_time(shop):
    """A second enrolment or erasure is told to wait; looking is always possible."""
    person = shop.enrol(2).person
    shop.capture.result = samples(1)
    running = shop.desk.handle(STAFF, ASK)
    next(running)

    for message in (ASK, ErasePerson(person)):
        with pytest.raises(SmileTillError) as caught:
            shop.ask(message)
        assert "desk_busy" == caught.value.code
    assert isinstance(shop.ask(ListPeople()), People)
    *_, answer = running
    assert isinstance(answer, Enrolled)


def test_a_long_list_comes_in_pages(shop, monkeypatch):
    """Nobody is left out, nobody comes twice, and the last page says that it is."""
    monkeypatch.setattr("kiosk.faces.desk.desk.PAGE_PEOPLE", 2)
    made = [shop.enrol(number).person for number in range(1, 6)]
    seen, skip, pages = [], 0, 0
    while pages == 0 or skip:
        page = shop.ask(ListPeople(skip))
        seen += [known.person for known in page.people]
        skip, pages = page.rest, pages + 1

    assert (made, 3) == (seen, pages)
    assert () == shop.ask(ListPeople(99)).people


def test_the_longest_page_fits_the_link(shop):
    """Of names of four-byte letters and ids as long as any."""
    longest = shop.ask(ShowPerson(shop.enrol(1).person))
    alike = (longest.person,) * LOOK_ALIKES_MAX
    longest = msgspec.structs.replace(longest, name="\U00020000" * 70, look_alikes=alike)
    page = People((longest,) * PAGE_PEOPLE, 10**6)

    assert len(encode_frame(Frame(1, page))) <= LINE_BYTES_MAX


@pytest.mark.parametrize("role", [it for it in Role if it not in {Role.STAFF, Role.DESK}])
def test_nobody_but_staff_is_answered(shop, role):
    """A till or a peer process that asks for names gets none."""
    shop.enrol(1)
    for message in (ASK, ListPeople(), ShowPerson(shop.vault.ids()[0])):
        with pytest.raises(SmileTillError) as caught:
            list(shop.desk.handle(Hello(1, role), message))
        assert "role_refused" == caught.value.code


def test_people_are_listed_with_two_digits(shop):
    """Staff see names and states; of the number only what the till never asks for alone."""
    first, second = shop.enrol(1, phone="07700900123"), shop.enrol(2)
    shop.vault.begin(new_person(3))

    people = shop.ask(ListPeople()).people

    assert [first.person, second.person] == [person.person for person in people]
    shown = shop.ask(ShowPerson(first.person))
    assert isinstance(shown, PersonSummary)
    assert people[0] == shown
    assert ("••23", "active", 4, "v1", PACK) == (
        shown.phone_hint, shown.state, shown.samples, shown.consent_version, shown.pack
    )  # fmt: skip


@pytest.mark.parametrize("question", [ShowPerson, ErasePerson])
def test_an_unknown_id_is_said_to_be_unknown(shop, question):
    """A typing error, an erased person and a pending record look the same."""
    pending = shop.vault.begin(new_person(3))
    for person in ("p0000000000000000", "", "nonsense", pending):
        with pytest.raises(SmileTillError) as caught:
            shop.ask(question(person))
        assert "person_unknown" == caught.value.code


def test_erasing_is_proved_and_revokes(shop):
    """Found nowhere, not searched any more, mandate revoked; another person is untouched."""
    person, other = shop.enrol(1).person, shop.enrol(2).person
    alias = shop.vault.alias(person)

    answer = shop.ask(ErasePerson(person))

    assert Erased(
        erased=True, bytes_found=0, mandate_revoked=True, certificate=answer.certificate
    ) == answer  # fmt: skip
    assert (shop.data_dir / "vault" / "certificates" / f"{answer.certificate}.json").is_file()
    assert MandateState.REVOKED is shop.money.mandates[alias]
    assert person not in shop.gallery
    assert shop.gallery.by_phone("07700900001") is None
    assert (other,) == shop.vault.ids()
    assert other in shop.gallery
    assert MandateState.ACTIVE is shop.money.mandates[shop.vault.alias(other)]
    shop.restart()
    assert (other,) == shop.vault.ids()


@pytest.mark.parametrize("fault", ["away", "bank_away"])
def test_erasing_does_not_wait_for_money(shop, fault):
    """Without money or its bank the person is gone all the same; the revocation follows."""
    person = shop.enrol(1).person
    alias = shop.vault.alias(person)
    setattr(shop.money, fault, True)

    answer = shop.ask(ErasePerson(person))

    assert (True, 0, False) == (answer.erased, answer.bytes_found, answer.mandate_revoked)
    setattr(shop.money, fault, False)
    shop.restart()
    assert 0 == shop.desk.deliver_outbox()
    assert MandateState.REVOKED is shop.money.mandates[alias]


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_staff_who_hang_up_do_not_stop_an_erasure(shop, steps):
    """Whoever asked for it, the proof is finished; before the first step nothing was touched."""
    person = shop.enrol(1).person
    conversation = shop.desk.handle(STAFF, ErasePerson(person))
    for _ in range(steps):
        next(conversation)
    conversation.close()

    gone = steps > 1
    assert gone == (person not in shop.vault.ids())
    certificates = shop.data_dir / "vault" / "certificates"
    assert gone == (certificates.is_dir() and 1 == len(list(certificates.iterdir())))
    assert (1 if gone else 0) == len(shop.vault.outbox())


def test_a_leak_is_told_and_certified(shop):
    """A name that somebody wrote elsewhere is counted, and the certificate names the file."""
    person = shop.enrol(1, name="Ada Lovelace").person
    (shop.data_dir / "notes.txt").write_text("call Ada Lovelace back\n")

    answer = shop.ask(ErasePerson(person))

    assert 1 == answer.bytes_found
    path = shop.data_dir / "vault" / "certificates" / f"{answer.certificate}.json"
    assert "notes.txt" in path.read_text()


def test_enrolling_again_after_an_erasure_works(shop):
    """Withdrawing is not for ever: the same face and number can come back under a new id."""
    first = shop.enrol(1).person
    shop.ask(ErasePerson(first))

    again = shop.enrol(1)

    assert isinstance(again, Enrolled)
    assert first != again.person
