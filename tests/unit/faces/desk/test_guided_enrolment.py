"""Enrolment at the window: consent in the customer's language, signed; cancelled at any step."""

from __future__ import annotations

import dataclasses
import hashlib

import pytest

from kiosk.domain.errors import SmileTillError
from kiosk.domain.mandate import MandateState
from kiosk.faces.desk.agreement import check_signature
from kiosk.faces.desk.consent import OWN_FOLDER, consent_text, consent_texts, newest
from kiosk.faces.vault.records import PersonState
from kiosk.link.protocol import Enrolled, EnrolRefused, Progress
from kiosk.link.staff_desk import SIGNATURE_LENGTH_MAX, CapturedPose, GetConsent, Rehearsal
from tests.fakes.desk import samples
from tests.fakes.people import PACK
from tests.fakes.shop import ASK, STAFF, Shop, replace

DRAWN = "svg:M10 10L20 12L30 40M50 50L60 61L70 10"
GUIDED = {
    "guided": True,
    "adult": True,
    "signature": "typed:Ada Quixotelace",
    "language": "de",
    "consent_version": "v2",
    "rehearse": True,
}
REHEARSAL = Rehearsal(recognised=True, asked=("pin",), why=("look_alike",), score=0.9)
TWIN_SCORE = 0.95


class FakeRehearsal:
    """Eyes that recognise whoever is rehearsed with."""

    def __init__(self) -> None:
        self.people = []

    def __call__(self, camera, newcomer):
        self.people.append((camera, newcomer.person, newcomer.state))
        yield Progress("rehearsing")
        yield Progress("turned_away")
        return REHEARSAL


class Counter(Shop):
    """A shop whose desk has a rehearsal."""

    def open(self) -> None:
        super().open()
        self.rehearsal = FakeRehearsal()
        tools = dataclasses.replace(
            self.tools, rehearse=self.rehearsal, look_alike_from=lambda _pack: 0.6
        )
        self.tools = self.desk._tools = tools


@pytest.fixture
def shop(data_dir):
    opened = Counter(data_dir)
    yield opened
    opened.close()


def raw_files(shop) -> bytes:
    return b"".join(p.read_bytes() for p in sorted(shop.data_dir.rglob("*")) if p.is_file())


def test_a_guided_enrolment_keeps_what_was_agreed_and_how(shop):
    """Text by hash in the language read, signature as given, age as asked: after a restart too."""
    shop.capture.result = dataclasses.replace(
        samples(1), poses=(CapturedPose("plain", 12), CapturedPose("turn", 0, "not_seen"))
    )
    answer = shop.ask(replace(ASK, **GUIDED))

    assert isinstance(answer, Enrolled)
    assert ("plain", "turn") == tuple(pose.pose for pose in answer.poses)
    assert REHEARSAL == answer.rehearsal
    assert shop.capture.guided
    shop.restart()
    known = shop.vault.get(answer.person)
    assert known.adult_confirmed
    assert "asked" == known.consent.age_confirmed
    assert ("v2", "de") == (known.consent.version, known.consent.language)
    assert consent_text("v2", "de").sha256 == known.consent.sha256
    assert ("typed", GUIDED["signature"]) == (
        known.consent.signature_kind,
        known.consent.signature,
    )
    digest = hashlib.sha256(GUIDED["signature"].encode()).hexdigest()
    assert digest == known.consent.signature_sha256
    assert "Quixotelace" not in repr(known)


def test_a_signature_is_in_no_file_in_the_clear_and_dies_with_the_person(shop):
    """It lies under the person's own key, which erasing destroys."""
    person = shop.ask(replace(ASK, **GUIDED, phone="07700900777")).person
    assert b"Quixotelace" not in raw_files(shop)

    shop.vault.erase(person)
    assert b"Quixotelace" not in raw_files(shop)
    assert () == shop.vault.ids()


def test_the_plain_command_implies_the_age_by_its_text(shop):
    """The contract's call goes on without signature; how the age is known is kept."""
    person = shop.enrol(1).person
    known = shop.vault.get(person)

    assert not known.adult_confirmed
    assert ("text", "", "") == (
        known.consent.age_confirmed,
        known.consent.signature,
        known.consent.signature_kind,
    )
    assert not shop.capture.guided


@pytest.mark.parametrize(
    ("changes", "reason"),
    [({"adult": False}, "age_not_confirmed"), ({"signature": ""}, "not_signed")],
)
def test_without_age_or_signature_no_frame_is_read(shop, changes, reason):
    """The guided flow asks for both before anything else happens."""
    answer = shop.ask(replace(ASK, **{**GUIDED, **changes}))

    assert EnrolRefused(reason) == answer
    assert 0 == shop.capture.opened
    assert [] == shop.money.asked


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"signature": "typed:"}, "signature_bad"),
        ({"signature": "typed:123"}, "signature_bad"),
        ({"signature": "a scribble"}, "signature_bad"),
        ({"signature": "svg:M1 1"}, "signature_bad"),
        ({"signature": "svg:M1 1L2 2<script>L3 3L4 4L5 5"}, "signature_bad"),
        ({"signature": "typed:" + "a" * SIGNATURE_LENGTH_MAX}, "signature_bad"),
        ({"language": "xx"}, "consent_language_unknown"),
        ({"consent_version": "v9"}, "consent_version_unknown"),
        ({"phone": "12"}, "phone_bad"),
        ({"pin": "123456"}, "pin_banned"),
    ],
)
def test_what_cannot_be_used_is_refused_before_a_frame_is_read(shop, changes, code):
    """Consent, number and PIN come first: the camera stays closed and money is not asked."""
    with pytest.raises(SmileTillError) as caught:
        shop.ask(replace(ASK, **{**GUIDED, **changes}))

    assert code == caught.value.code
    assert 0 == shop.capture.opened
    assert [] == shop.money.asked
    assert () == shop.vault.ids()


def test_a_drawn_signature_is_one_too():
    """Lines of a finger; nothing a viewer would run."""
    assert "drawn" == check_signature(DRAWN)
    assert "typed" == check_signature("typed:Ada")


def test_the_text_can_be_read_in_the_customers_language(shop):
    """The newest by default; what is shown is what the hash proves."""
    german = shop.ask(GetConsent("de"))
    english = shop.ask(GetConsent(""))

    assert ("de", "en") == german.languages
    assert newest(consent_texts()) == german.version == english.version
    assert "18 Jahre" in german.text
    assert "18 or older" in english.text
    assert hashlib.sha256(german.text.encode()).hexdigest() == german.sha256


def test_an_owner_adds_a_language_by_one_file_and_cannot_replace_a_text(shop):
    """A file in DIR/texts is read; one with a shipped name is not."""
    folder = shop.data_dir / OWN_FOLDER
    folder.mkdir()
    (folder / "consent-v2.fr.md").write_text("# J'accepte\nJ'ai 18 ans.\n")
    (folder / "consent-v2.en.md").write_text("# I agree to anything\n")
    (folder / "notes.txt").write_text("no text of ours")

    assert ("de", "en", "fr") == shop.ask(GetConsent("fr", "v2")).languages
    assert consent_text("v2").sha256 == shop.ask(GetConsent("en", "v2")).sha256
    person = shop.ask(replace(ASK, **{**GUIDED, "language": "fr"})).person
    digest = hashlib.sha256((folder / "consent-v2.fr.md").read_bytes()).hexdigest()
    assert digest == shop.vault.get(person).consent.sha256


@pytest.mark.parametrize("raw", [b"", b"\xff\xfe", b"a" * 70_000])
def test_a_text_that_cannot_be_read_is_an_error(shop, raw):
    """Nobody agrees to half a text."""
    (shop.data_dir / OWN_FOLDER).mkdir()
    (shop.data_dir / OWN_FOLDER / "consent-v3.en.md").write_bytes(raw)

    with pytest.raises(SmileTillError) as caught:
        shop.ask(GetConsent("en"))
    assert "consent_text_bad" == caught.value.code


def test_the_rehearsal_sees_somebody_who_cannot_be_recognised_yet(shop):
    """It comes before the record is active: until the end a crash leaves nothing."""
    shop.ask(replace(ASK, **GUIDED))

    ((camera, person, state),) = shop.rehearsal.people
    assert (ASK.camera, PersonState.PENDING) == (camera, state)
    assert PersonState.ACTIVE is shop.vault.get(person).state


@pytest.mark.parametrize("step", range(1, 12))
def test_cancelling_at_any_step_leaves_nothing(shop, step):
    """No row, no mandate, nobody in the search, no file, and the look-alike's record as before."""
    other = shop.enrol(1, phone="07700900555").person
    before = shop.vault.head(other)
    files = {path for path in shop.data_dir.rglob("*") if path.is_file()}
    kept = shop.money.active()
    shop.money.state, shop.money.approves_after = MandateState.PENDING, 2
    shop.capture.result = samples(1)
    conversation = shop.desk.handle(STAFF, replace(ASK, **GUIDED, look_alike_of=other))
    for _ in range(step):
        assert isinstance(next(conversation), Progress)
    conversation.close()

    assert (other,) == shop.vault.ids()
    assert before == shop.vault.head(other)
    assert 1 == shop.gallery.size(PACK)
    assert kept == shop.money.active()
    assert () == shop.vault.outbox()
    assert shop.capture.opened == shop.capture.closed
    made = {path for path in shop.data_dir.rglob("*") if path.is_file()} - files
    assert not {path for path in made if "audit" not in path.parts}
    assert b"Quixotelace" not in raw_files(shop)


def test_the_cancelled_steps_above_are_all_there_are(shop):
    """The last of them is the rehearsal's; after it comes the answer."""
    other = shop.enrol(1, phone="07700900555").person
    shop.money.state, shop.money.approves_after = MandateState.PENDING, 2
    shop.capture.result = samples(1)
    *steps, answer = shop.desk.handle(STAFF, replace(ASK, **GUIDED, look_alike_of=other))

    assert isinstance(answer, Enrolled)
    assert 11 == len(steps)
    codes = [step.code for step in steps]
    assert ["checking", "looking", "comparing", "keeping", "mandate", "approve_mandate"] == list(
        dict.fromkeys(codes[:-2])
    )
    assert ["rehearsing", "turned_away"] == codes[-2:]
