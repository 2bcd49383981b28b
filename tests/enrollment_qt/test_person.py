"""One person's page: every right of a customer, the wrong-person report, erasure, roles."""

from __future__ import annotations

import json

import pytest
from PySide6.QtWidgets import QComboBox, QLineEdit

from kiosk.domain.errors import SetupError
from kiosk.domain.money import Money
from kiosk.link.desk_rights import (
    ChangePin,
    LimitPerson,
    ReportWrong,
    ResumePerson,
    ShowRights,
    WrongReported,
)
from kiosk.link.protocol import EnrolRefused, ErasePerson
from tests.fakes.desk_faces import FakeFaces, person

ADA = "p-00000001"


@pytest.fixture
def opened(make):
    """A tool on Ada's page, for whoever is named."""

    def open_page(name: str = "mia", code: str = "green-apple", **more: object):
        people = [person(1, "Ada Moreau", **more), person(2, "Ben Okafor")]
        tool = make(faces=FakeFaces(people=people))
        tool.sign_in(name, code)
        tool.click("nav_people")
        tool.wait(lambda: len(tool.window.people.table.rows) == 2)
        tool.window.open_person(ADA)
        tool.wait(lambda: tool.is_shown("person_name") and tool.text("person_name"))
        tool.until("act_report")
        return tool

    return open_page


def test_a_record_shows_what_is_kept(opened):
    """Of the number only its end; limits, account and consent in words."""
    tool = opened()

    assert ("Ada Moreau", "Can pay") == (tool.text("person_name"), tool.text("person_state"))
    assert "••17" == tool.text("fact_number")
    assert "£100.00 a payment, £200.00 a day" == tool.text("fact_limits")
    assert "v2 on 11 Feb 2026, signed by hand" == tool.text("fact_consent")
    assert "26 Nov 2026" == tool.text("fact_last_used")
    tool.click("part_payments")
    assert "4 of 4" == tool.text("payments_count")


def test_what_staff_must_know_stands_on_top(opened):
    """A look-alike, a record that is soon erased; and a till whose money is away."""
    tool = opened(pin_always="look_alike", warned_at="2026-11-01")
    notes = tool.text("person_notes")
    assert "somebody enrolled looks the same" in notes
    assert "going to be erased" in notes
    assert not tool.is_shown("money_away")

    tool.faces.money_away = True
    tool.window.open_person(ADA)
    assert not tool.find("act_limits").isEnabled(), "nothing can be done to who is not there yet"
    tool.until("money_away")
    tool.until("act_limits")  # Qt shows what was put into a layout in a later turn
    assert tool.find("act_limits").isEnabled()


def test_limits_are_set_by_a_manager(opened):
    """The form shows those that hold, refuses nonsense, and says that the new ones hold."""
    tool = opened()
    tool.click("act_limits")
    assert "100.00" == tool.find("form_per_payment", QLineEdit).text()
    assert not tool.is_shown("form_pin")
    tool.type("form_per_payment", "500")
    tool.click("form_go")
    assert "below the limit per payment" in tool.complaint("form_per_payment")
    tool.type("form_per_payment", "20.00")
    tool.type("form_per_day", "50.00")
    tool.click("form_go")
    tool.wait(lambda: tool.is_shown("banner"))

    assert "The new limits hold." == tool.said()
    [asked] = tool.faces.of(LimitPerson)
    assert (Money(2_000), Money(5_000), "") == (
        asked.limits.per_payment,
        asked.limits.per_day,
        asked.pin,
    )


def test_a_clerk_needs_the_customers_pin(opened):
    """Asked for in the form; a wrong one says how many tries are left and keeps the rest."""
    tool = opened("tom", "blue-pear")
    tool.click("act_pin")
    tool.type("form_new_pin", "111111")
    tool.type("form_new_pin_again", "849271")
    tool.click("form_go")
    assert "guessed first" in tool.complaint("form_new_pin")
    assert "different" in tool.complaint("form_new_pin_again")
    assert "six digits" in tool.complaint("form_pin")
    tool.type("form_new_pin", "849271")
    tool.type("form_pin", "482915")
    tool.click("form_go")
    tool.wait(lambda: tool.is_shown("banner"))
    assert "The PIN is wrong. Have the customer try again. Tries left: 2." == tool.said()
    assert ("849271", "") == (
        tool.find("form_new_pin", QLineEdit).text(),
        tool.find("form_pin", QLineEdit).text(),
    )
    tool.type("form_pin", "194638")
    tool.click("form_go")
    tool.wait(lambda: tool.is_shown("act_pin"))

    assert "The new PIN holds." == tool.said()
    assert ["482915", "194638"] == [asked.pin for asked in tool.faces.of(ChangePin)]


def test_pause_and_end_of_pause(opened):
    """The page offers the one that makes sense."""
    tool = opened("tom", "blue-pear")
    assert not tool.is_shown("act_resume")
    tool.click("act_pause")
    tool.click("form_go")
    tool.until("act_resume")
    assert "Paused" == tool.text("person_state")
    tool.click("act_resume")
    tool.type("form_pin", "194638")
    tool.click("form_go")
    tool.until("act_pause")
    assert ["194638"] == [asked.pin for asked in tool.faces.of(ResumePerson)]


def test_freezing_is_for_all_and_thawing_for_managers(opened):
    """A clerk sees the button, grey, and why."""
    tool = opened("tom", "blue-pear")
    tool.click("act_freeze")
    tool.click("form_go")
    tool.until("act_unfreeze")

    assert "Frozen" == tool.text("person_state")
    assert not tool.is_shown("act_pause")
    for name in ("act_unfreeze", "act_erase", "act_export"):
        assert not tool.find(name).isEnabled()
        assert "Only a manager may do this." == tool.find(name).toolTip()
    assert tool.is_shown("grey_means")


def test_a_copy_of_all_data_is_a_private_file(opened):
    """A PDF with the whole number, for its owner; or JSON where the name says so."""
    tool = opened()
    tool.click("act_export")
    tool.click("form_go")
    tool.wait(lambda: tool.is_shown("banner"))
    assert f"Saved as smiletill-{ADA}.pdf." in tool.said()
    file = tool.folder / f"smiletill-{ADA}.pdf"
    assert (b"%PDF", 0o600) == (file.read_bytes()[:4], file.stat().st_mode & 0o777)

    told = tool.folder / "all.json"
    tool.window.person._doors.__dict__["save_path"] = lambda _name: told
    tool.click("act_export")
    tool.click("form_go")
    tool.wait(told.exists)
    tool.wait(lambda: tool.is_shown("banner"))
    kept = json.loads(told.read_text())
    assert ("447700900123", 4) == (kept["phone"], len(kept["payments"]))
    assert "template" not in told.read_text()


def test_a_file_that_cannot_be_written_is_said(opened):
    """In the form, so that another try is one press away."""
    tool = opened()
    tool.folder /= "missing"
    tool.click("act_export")
    tool.click("form_go")
    tool.wait(lambda: tool.is_shown("banner"))
    assert "cannot be written" in tool.said()


def test_the_wrong_person_is_reported_in_one_form(opened):
    """Which payment, who really bought; both are bound to PIN and the refund is opened."""
    tool = opened("tom", "blue-pear")
    tool.click("act_report")
    orders = tool.find("form_order", QComboBox)
    assert "26 Nov 2026 12:30   £12.50" == orders.currentText()
    really = tool.find("form_really", QComboBox)
    assert ["", "p-00000002"] == [really.itemData(number) for number in range(really.count())]
    really.setCurrentIndex(1)
    tool.click("form_go")
    tool.wait(lambda: tool.is_shown("act_report"))

    assert (
        "Reported. Always with PIN from now on: 2. Refund number 3 of 24.80 GBP is opened."
        == tool.said()
    )
    [asked] = tool.faces.of(ReportWrong)
    assert ("o-17", ADA, "p-00000002") == (asked.order_id, asked.person, asked.really)


def test_a_report_that_is_refused_says_why(opened):
    """Nothing was done; the form stays."""
    tool = opened()
    tool.faces.report = WrongReported("o-17", "not_the_payer")
    tool.click("act_report")
    tool.click("form_go")
    tool.wait(lambda: tool.is_shown("banner"))
    assert "This order has charged somebody else." in tool.said()


def test_a_manager_erases_with_proof(opened):
    """Asked once more; then progress, what was found, and a certificate."""
    tool = opened()
    tool.faces.stop_at = "searching"
    tool.click("act_erase")
    assert "cannot be undone" in tool.text("form_means")
    tool.click("form_back")
    tool.click("act_erase")
    tool.click("form_go")
    tool.wait(lambda: tool.text("erase_doing") == "Searching all files for leftovers")
    assert not tool.find("nav_enrol").isEnabled()
    tool.faces.go_on.set()
    tool.until("erased_found")

    assert [ErasePerson(ADA)] == tool.faces.of(ErasePerson)
    assert "Nothing of them was found in any file." == tool.text("erased_found")
    assert "The mandate is revoked at the bank." == tool.text("erased_mandate")
    assert "Certificate c-77f0a1" == tool.text("erased_certificate")
    tool.click("erased_back")
    tool.wait(lambda: tool.text("people_count") == "1 of 1")


def test_new_samples_are_taken_of_the_same_person_only(opened):
    """With the same guide; stopping leaves the old ones, and another face is refused."""
    tool = opened("tom", "blue-pear")
    tool.faces.stop_at = "pose_turn"
    tool.click("act_again")
    tool.click("form_go")
    tool.wait(lambda: tool.is_shown("pose_words") and "Turn" in tool.text("pose_words"))
    assert not tool.find("nav_people").isEnabled()
    tool.click("again_stop")
    tool.wait(lambda: tool.is_shown("banner"))
    assert "Stopped. The old samples stand." == tool.said()
    assert 1 == tool.faces.cancelled

    tool.faces.stop_at = ""
    for answer, sentence in (
        (EnrolRefused("not_the_same"), "does not look like the person of this record"),
        (None, "The new samples hold: 9, quality 91 of 100."),
    ):
        tool.faces.answer = answer
        tool.click("act_again")
        tool.click("form_go")
        tool.wait(lambda said=sentence: tool.is_shown("banner") and said in tool.said(), sentence)


def test_a_record_that_is_gone_is_said_calmly(tool):
    """Somebody else may have erased it meanwhile."""
    tool.sign_in()
    tool.window.open_person("p-nobody")
    tool.wait(lambda: tool.is_shown("banner"))
    assert "There is no such record any more. Go back to the list." == tool.said()


def test_pictures_say_in_a_sentence_what_they_show(opened):
    """For whoever does not see them; the thresholds are drawn and named."""
    tool = opened("tom", "blue-pear")
    tool.click("part_pictures")
    tool.wait(lambda: tool.text("plot_scores_sentence"))

    assert (
        "Of 240 others the nearest scores 0.19; a payment needs 0.43."
        == tool.text("plot_scores_sentence")
        == tool.find("plot_scores").accessibleName()
    )
    assert "This person: 86 of 100, among 241 people." == tool.text("plot_quality_sentence")
    axes = tool.find("plot_scores").figure.axes[0]
    names = [text.get_text() for text in axes.get_legend().get_texts()]
    assert ["own samples", "recognised from", "counts as the same person from"] == names
    assert "similarity score" == axes.get_xlabel()


def test_managers_see_what_happened_and_who_did_it(tool):
    """Overview, log and staff; a clerk finds the three grey."""
    tool.sign_in()
    tool.click("nav_overview")
    tool.wait(lambda: tool.text("plot_activity_sentence"))
    assert "enrolled" in tool.text("plot_activity_sentence")
    tool.click("days_30")
    tool.click("nav_log")
    tool.wait(lambda: "Whole and unchanged: 6 entries" in tool.text("log_verdict"))
    tool.faces.problems = ("audit-1.log: line 3 was changed.",)
    tool.click("verify_again")
    tool.wait(lambda: tool.is_shown("banner"))
    assert "The log is not whole." in tool.said()
    assert "line 3 was changed" in tool.said()


def test_a_manager_looks_after_the_staff(tool):
    """New accounts, new codes, removal; never the last manager."""
    tool.sign_in()
    tool.click("nav_staff")
    tool.until("remove_tom")
    assert "The last manager cannot be removed." == tool.find("remove_mia").toolTip()
    tool.type("new_staff_name", "eva")
    tool.click("add_staff")
    assert "Please type your code." == tool.complaint("new_staff_code")
    tool.type("new_staff_code", "red-plum")
    tool.click("add_staff")
    tool.until("remove_eva")
    assert "eva can sign in." == tool.said()
    tool.click("remove_tom")
    assert "Remove tom?" in tool.said()
    tool.click("banner_act")
    tool.wait(lambda: not tool.is_shown("remove_tom"))
    assert {"mia", "eva"} == set(tool.faces.staff)


def test_a_clerk_finds_the_managers_pages_grey(tool):
    """With the reason; also after an enrolment has disabled and enabled all ways."""
    tool.sign_in("tom", "blue-pear")
    for name in ("nav_overview", "nav_staff", "nav_log"):
        assert not tool.find(name).isEnabled()
        assert "Only a manager may do this." == tool.find(name).toolTip()
    assert tool.find("nav_people").isEnabled()


def test_an_error_in_a_form_stays_in_the_form(opened):
    """Money is away: said, nothing lost."""
    tool = opened()
    tool.faces.broken[ShowRights] = SetupError("Money is away.", code="money_away", mend="Wait.")
    tool.click("act_limits")
    tool.click("form_go")
    tool.wait(lambda: tool.is_shown("banner"))
    assert "Money is away. Wait." == tool.said()
