"""An enrolment from sign-in to the customer's copy, and everything that can go wrong on the way."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLineEdit

from enrollment.model.signature import parse
from kiosk.domain.errors import BadInputError, SetupError
from kiosk.domain.money import Money
from kiosk.link.protocol import EnrolPerson, EnrolRefused, Progress
from kiosk.link.staff_desk import GetConsent
from tests.enrollment_qt.conftest import CAMERA, NAME, PHONE, PIN
from tests.fakes.desk_faces import ENROLLED, LINK, camera_gone

LOOK_ALIKE = EnrolRefused("look_alike", "", person="p-other", score=0.61, threshold=0.48)


def test_an_enrolment_goes_through_six_steps(tool):
    """Every step shows what it is for, and faces is asked once, with all that was typed."""
    tool.faces.stop_at = "looking"
    tool.to_camera()

    tool.until("capture_ring")
    tool.wait(lambda: tool.text("pose_words") == "Look at the camera")
    tool.faces.stop_at = "too_dark"
    tool.faces.go_on.set()
    tool.wait(lambda: tool.text("pose_hint") == "More light on the face, please.")
    tool.faces.stop_at = "pose_turn"
    tool.faces.go_on.set()
    tool.wait(lambda: tool.text("pose_words") == "Turn your head a little")
    tool.faces.stop_at = "approve_mandate"
    tool.faces.go_on.set()
    tool.until("qr_code")
    assert ("bank", LINK) == (tool.step, tool.find("qr_code").content)
    assert "4:48" == tool.text("time_left")
    tool.faces.stop_at = "rehearsing"
    tool.faces.go_on.set()
    tool.until("rehearsing")
    tool.faces.stop_at = "too_far"
    tool.faces.go_on.set()
    tool.wait(lambda: tool.text("rehearsal_hint") == "Come a little closer.")
    tool.faces.stop_at = ""
    tool.faces.go_on.set()
    tool.until("save_copy")

    assert "done" == tool.step
    assert "Ada Moreau can pay with a smile" == tool.text("done_title")
    assert "Recognised in 0.8 s. A first payment also asks for the PIN." == tool.text("rehearsal")
    [asked] = tool.faces.of(EnrolPerson)
    assert (NAME, PHONE, PIN, "v2", CAMERA) == (
        asked.name, asked.phone, asked.pin, asked.consent_version, asked.camera,
    )  # fmt: skip
    assert (asked.adult, asked.guided, asked.rehearse, asked.language) == (True, True, True, "en")
    assert len(parse(asked.signature)[0]) > 5
    assert (Money(10_000), Money(20_000)) == (asked.limits.per_payment, asked.limits.per_day)


def test_the_customer_gets_a_copy(tool):
    """A PDF for its owner only, and a code that holds version, hash and record but no name."""
    tool.to_camera()
    tool.click("save_copy")

    tool.wait(lambda: tool.text("copy_saved"))
    file = tool.folder / "smiletill-consent-v2.pdf"
    assert file.read_bytes().startswith(b"%PDF")
    assert 0o600 == file.stat().st_mode & 0o777
    tool.wait(lambda: "smiletill-consent-v2.pdf" in tool.text("copy_saved"))
    content = tool.find("qr_code").content
    assert all(
        part in content for part in ("v2", "5a" * 32, "p-41c7a09e", "2026-11-28T10:30:00+00:00")
    )
    assert "Ada" not in content
    assert PHONE not in content

    tool.click("next")
    assert ("consent", "") == (tool.step, tool.window.draft.name)


def test_a_copy_that_cannot_be_written_is_said(tool):
    """The customer is enrolled all the same."""
    tool.to_camera()
    tool.until("save_copy")
    tool.folder /= "missing"
    tool.click("save_copy")
    tool.wait(lambda: tool.is_shown("banner"))

    assert "cannot be written" in tool.said()


def test_keys_alone_are_enough(tool):
    """Tab goes through the entries in their order, Enter presses the button."""
    tool.sign_in()
    tool.click("adult")
    tool.click("type")
    tool.type("typed_name", NAME)
    tool.press(Qt.Key.Key_Return, "next")
    tool.until("phone")
    for name, text in (("name", NAME), ("phone", PHONE), ("per_payment", ""), ("per_day", "")):
        assert tool.find(name).hasFocus(), name
        if text:
            tool.type(name, text)
        tool.press(Qt.Key.Key_Tab, name)
    assert tool.find("pin").hasFocus()
    tool.type("pin", PIN)
    assert tool.find("pin_again").hasFocus(), "a whole PIN goes on by itself"
    tool.type("pin_again", PIN)
    tool.press(Qt.Key.Key_Return, "next")
    tool.until("save_copy")

    assert f"typed:{NAME}" == tool.faces.of(EnrolPerson)[0].signature


def test_the_pin_can_be_touched(tool):
    """Ten digits and one to erase, for whoever has no keyboard; the PIN itself is never shown."""
    tool.sign_in()
    tool.agree()
    for digit in (*"1949", "_erase", *"638"):
        tool.click(f"digit{digit}")
    for digit in PIN:
        tool.click(f"digit{digit}")

    assert (PIN, PIN) == (tool.window.draft.pin, tool.window.draft.pin_again)
    assert QLineEdit.EchoMode.Password is tool.find("pin", QLineEdit).echoMode()


def test_the_customer_reads_in_their_language(tool):
    """The text is fetched in it, the words follow, what was ticked stays."""
    tool.sign_in()
    tool.click("adult")
    tool.click("language_de")
    tool.wait(lambda: "Mit Lächeln bezahlen" in tool.find("notice").toPlainText(), "German")

    assert "Weiter" == tool.find("next").text()
    assert tool.find("adult").isChecked()
    assert ["en", "de"] == [asked.language for asked in tool.faces.of(GetConsent)]
    tool.sign()
    tool.click("next")
    tool.fill()
    tool.click("next")
    tool.until("save_copy")
    assert "de" == tool.faces.of(EnrolPerson)[0].language


@pytest.mark.parametrize(
    ("ticked", "signed", "sentence"),
    [
        (False, True, "Please confirm that you are 18 or older."),
        (True, False, "Please sign, by hand or by typing your name."),
    ],
)
def test_without_age_or_signature_nobody_goes_on(tool, ticked, signed, sentence):
    """No camera, no next page; the sentence says what is missing."""
    tool.sign_in()
    if ticked:
        tool.click("adult")
    if signed:
        tool.sign()
    tool.click("next")

    assert sentence == tool.text("consent_complaint")
    assert "consent" == tool.step
    assert [] == tool.faces.of(EnrolPerson)


WRONG = [
    ("phone", "07700 9x0123", "phone", "A phone number has only digits, spaces and a leading +."),
    ("phone", "123", "phone", "A full phone number has 7 to 15 digits."),
    ("phone", "", "phone", "Please type the full phone number."),
    ("name", " ", "name", "Please type the name."),
    ("pin", "111111", "pin", "This PIN is one of those that are guessed first."),
    ("pin", "12ab56", "pin", "The PIN needs six digits, and nothing but digits."),
    ("pin", "1946", "pin", "The PIN needs six digits."),
    ("pin_again", "194639", "pin_again", "The two PINs are different."),
    ("per_payment", "lots", "per_payment", "Write limits like 50.00."),
    ("per_day", "50", "per_payment", "The limit per day is below the limit per payment."),
    ("per_day", "90000", "per_payment", "The highest limit is 1000.00."),
]


def test_wrong_entries_are_said_and_kept(tool):
    """Each at its own place, before any camera; everything else stays as it was typed."""
    tool.sign_in()
    tool.agree()
    for entry, typed, where, sentence in WRONG:
        tool.fill()
        tool.type("per_payment", "100.00")
        tool.type("per_day", "200.00")
        tool.type(entry, typed)
        tool.click("next")

        assert sentence in tool.complaint(where), entry
        assert "details" == tool.step
        kept = {"name": NAME, "phone": PHONE, "pin": PIN, "pin_again": PIN}
        kept[entry] = typed
        assert kept == {name: tool.find(name, QLineEdit).text() for name in kept}
    assert [] == tool.faces.of(EnrolPerson)


def test_a_banned_pin_is_said_at_once(tool):
    """Without pressing anything, and again gone with the next digit."""
    tool.sign_in()
    tool.agree()
    tool.type("pin", "121212")
    assert "guessed first" in tool.complaint("pin")

    tool.press(Qt.Key.Key_Backspace, "pin")
    assert "" == tool.complaint("pin")


@pytest.mark.parametrize(
    ("answer", "step", "sentence"),
    [
        (BadInputError("x", code="phone_taken", mend="y"), "details", "with this number already"),
        (EnrolRefused("phone_taken"), "details", "with this number already"),
        (BadInputError("x", code="pin_banned", mend="y"), "details", "guessed first"),
        (("looking", camera_gone()), "face", "The camera is gone."),
        (("looking", EnrolRefused("pad_texture")), "face", "not look like a living face"),
        (("looking", EnrolRefused("too_dark")), "face", "More light on the face"),
        (("mandate", EnrolRefused("mandate_rejected")), "bank", "The bank did not agree"),
        (("approve_mandate", EnrolRefused("mandate_pending")), "bank", "did not come in time"),
        (SetupError("Odd.", code="new_code", mend="Do so."), "face", "Odd."),
    ],
)
def test_a_refusal_says_why_and_loses_nothing(tool, answer, step, sentence):
    """On the step where it can be mended; the next try needs nothing typed or signed again."""
    tool.faces.answer = [answer, ENROLLED]
    tool.to_camera()
    places = {"details": "banner", "face": "stop_why", "bank": "bank_stop_why"}
    tool.until(places[step])

    shown = {
        "details": tool.said,
        "face": lambda: tool.text("stop_why") + tool.text("stop_mend"),
        "bank": lambda: tool.text("bank_stop_why"),
    }
    assert sentence in shown[step]()
    assert step == tool.step
    assert "Traceback" not in shown[step]()
    if step == "details":
        assert tool.complaint("phone") or tool.complaint("pin")
        tool.type("phone", PHONE)
        tool.type("pin", PIN)
    again = {"details": "next", "face": "try_again", "bank": "bank_try_again"}
    tool.click(again[step])
    tool.until("save_copy")

    first, second = tool.faces.of(EnrolPerson)
    assert first == second


def test_cancel_while_the_camera_looks_leaves_nothing(tool):
    """It hangs up on faces, which undoes what it had begun; the customer can start again."""
    tool.faces.stop_at = "looking"
    tool.to_camera()
    tool.wait(lambda: tool.text("pose_words") == "Look at the camera")
    tool.click("cancel")
    tool.until("banner")

    assert "Stopped. Nothing was kept." in tool.said()
    assert ("details", 1) == (tool.step, tool.faces.cancelled)
    assert NAME == tool.find("name", QLineEdit).text()
    tool.faces.stop_at = ""
    tool.click("next")
    tool.until("save_copy")


def test_cancel_before_that_asks_once(tool):
    """What was typed is forgotten only after a second press."""
    tool.sign_in()
    tool.agree()
    tool.fill()
    tool.click("cancel")
    assert "Cancel this enrolment?" in tool.said()
    tool.click("banner_close")
    assert NAME == tool.window.draft.name
    tool.click("cancel")
    tool.click("banner_act")

    assert ("consent", "", "") == (tool.step, tool.window.draft.name, tool.window.draft.pin)
    assert not tool.find("adult").isChecked()


def test_faces_gone_in_the_middle_is_said_and_mended(tool):
    """The sentence is calm; when faces is back, one press goes on with the same sign-in."""
    tool.faces.stop_at = "looking"
    tool.to_camera()
    tool.wait(lambda: tool.text("pose_words") == "Look at the camera")
    tool.faces.away = True
    tool.faces.go_on.set()
    tool.until("stop_why")
    assert "The part of the till that sees is not there." == tool.text("stop_why")
    tool.click("try_again")
    tool.wait(lambda: not tool.window.wizard.is_busy())

    tool.faces.away, tool.faces.stop_at = False, ""
    tool.click("try_again")
    tool.until("save_copy")
    assert NAME in tool.text("done_title")


def test_a_look_alike_is_staffs_to_decide(tool):
    """A manager says that it is another person: both get face and PIN."""
    tool.faces.answer = [("comparing", LOOK_ALIKE), ENROLLED]
    tool.to_camera()
    tool.until("look_alike_score")
    assert "0.61" in tool.text("look_alike_score")
    tool.click("other_person")
    tool.until("save_copy")

    assert [None, "p-other"] == [asked.look_alike_of for asked in tool.faces.of(EnrolPerson)]


def test_a_clerk_cannot_say_that_it_is_another(make):
    """The button is there, disabled, with the reason beside it."""
    tool = make()
    tool.faces.answer = ("comparing", LOOK_ALIKE)
    tool.sign_in("tom", "blue-pear")
    tool.agree()
    tool.fill()
    tool.click("next")
    tool.until("other_person")

    assert not tool.find("other_person").isEnabled()
    assert "Only a manager may do this." == tool.text("other_person_reason")


def test_a_sign_in_that_ended_loses_nothing(tool):
    """After minutes without a word faces forgets who is there; the next one finds the draft."""
    tool.sign_in()
    tool.agree()
    tool.fill()
    tool.faces.forget_sign_ins()
    tool.click("next")
    tool.until("staff_code")
    assert "You were signed out." in tool.said()
    tool.sign_in("tom", "blue-pear")

    tool.click("next")
    tool.until("phone")
    assert NAME == tool.find("name", QLineEdit).text()
    tool.click("next")
    tool.until("save_copy")


def test_a_notice_that_does_not_come_can_be_asked_for_again(tool):
    """Nobody can agree to a text that is not there."""
    error = SetupError("No text.", code="consent_gone", mend="Install it.")
    tool.faces.broken[GetConsent] = error
    tool.until("sign_in")
    tool.type("staff_name", "mia")
    tool.type("staff_code", "green-apple")
    tool.click("sign_in")
    tool.until("banner")
    assert "No text. Install it." == tool.said()
    assert not tool.find("next").isEnabled()

    del tool.faces.broken[GetConsent]
    tool.click("banner_act")
    tool.wait(lambda: tool.find("next").isEnabled(), "the text")


def test_progress_that_nobody_knows_is_shown(tool):
    """A newer faces may say more than this window knows."""
    tool.faces.lines = [Progress("warming_up"), Progress("looking", 1, 3)]
    tool.to_camera()
    tool.until("save_copy")
