"""Who is at the desk, what they may press, and an end that leaves nothing."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QLineEdit

from enrollment.qt.worker import BUG, CANCELLED, FacesWorker, Trouble
from kiosk.domain.errors import BadInputError, SetupError
from kiosk.link.protocol import EnrolPerson, Progress
from kiosk.link.staff_desk import AddStaff, SignIn, StaffRole
from kiosk.link.visits import QueueEntry
from tests.enrollment_qt.conftest import NAME
from tests.fakes.desk_faces import FakeFaces, person


def test_a_wrong_code_is_said_without_saying_which(tool):
    """Nothing of the restaurant's people is on the page, and the code is gone from the line."""
    tool.until("sign_in")
    tool.type("staff_name", "mia")
    tool.type("staff_code", "wrong-code")
    tool.click("sign_in")
    tool.until("banner")

    assert "Name or code is wrong. Try again, or ask a manager." == tool.said()
    assert "" == tool.find("staff_code", QLineEdit).text()
    assert not tool.is_shown("nav_people")


def test_the_first_manager_is_made_in_the_window(make):
    """On an installation without staff; two different codes make nobody."""
    tool = make(faces=FakeFaces(staff={}))
    tool.until("staff_code_again")
    tool.type("staff_name", "mia")
    tool.type("staff_code", "green-apple")
    tool.type("staff_code_again", "green-pear")
    tool.click("sign_in")
    assert "The two codes are different." == tool.complaint("staff_code_again")
    assert [] == tool.faces.of(AddStaff)

    tool.type("staff_code_again", "green-apple")
    tool.click("sign_in")
    tool.until("nav_enrol")
    assert ("green-apple", StaffRole.MANAGER) == tool.faces.staff["mia"]
    assert "mia" == tool.text("signed_in")


def test_faces_that_is_not_there_is_said_on_the_first_page(make):
    """And a later try works."""
    tool = make(faces=FakeFaces(away=True))
    tool.until("banner")
    assert "The part of the till that sees is not there." in tool.said()

    tool.faces.away = False
    tool.sign_in()


def test_signing_out_forgets_the_customer(tool):
    """What was typed is gone, and so is the code that a new connection would be made with."""
    tool.sign_in()
    tool.agree()
    tool.fill()
    tool.click("sign_out")
    tool.until("staff_name")
    assert "" == tool.window.draft.name
    assert tool.window.context.worker.first is None

    tool.sign_in("tom", "blue-pear")
    assert ["mia", "tom"] == [asked.name for asked in tool.faces.of(SignIn)]


def test_idle_minutes_end_the_sign_in_and_keep_the_draft(tool):
    """The page is locked; whoever signs in next goes on."""
    tool.sign_in()
    tool.agree()
    tool.fill()
    assert 250_000 < tool.window._idle.interval() <= 300_000
    tool.window._idle.timeout.emit()
    tool.until("staff_code")
    assert "You were signed out." in tool.said()
    assert NAME == tool.window.draft.name


def test_work_at_the_desk_keeps_the_sign_in(tool):
    """Faces hears of somebody who only reads and types, but not at every key."""
    tool.sign_in()
    before = len(tool.faces.asked)
    tool.click("adult")
    assert before == len(tool.faces.asked)
    tool.window._keep.stop()
    tool.click("adult")
    tool.wait(lambda: len(tool.faces.asked) == before + 1, "a word to faces")


def test_while_faces_enrols_nothing_else_can_be_turned_to(tool):
    """The ways are disabled and say why; cancel is there."""
    tool.faces.stop_at = "looking"
    tool.to_camera()
    tool.wait(lambda: tool.is_shown("capture_ring"))
    for name in ("nav_people", "language", "sign_out"):
        assert not tool.find(name).isEnabled()
        assert "Somebody is being enrolled or erased." == tool.find(name).toolTip()
    assert tool.find("cancel").isEnabled()


def test_closing_in_the_middle_cancels_and_leaves_nothing(make):
    """The thread ends, the connection is closed, faces has been told by the hang-up."""
    tool = make()
    tool.faces.stop_at = "looking"
    tool.to_camera()
    tool.wait(lambda: tool.is_shown("capture_ring"))
    tool.wait(lambda: tool.faces.of(EnrolPerson))
    tool.window.close()

    assert 1 == tool.faces.cancelled
    assert all(connection.closed for connection in tool.faces.connections)


def test_people_can_be_found_and_opened(tool):
    """By part of a name without its accents, or by the digits that staff see."""
    names = ("Ada Moreau", "Zoë Lindt", "Ben Okafor")
    tool.faces.people = [person(number, name) for number, name in enumerate(names, 1)]
    tool.faces.people.append(person(9, "Dora Voss", "frozen"))
    tool.sign_in()
    tool.click("nav_people")
    table = tool.window.people.table
    tool.wait(lambda: len(table.rows) == 4, "the list")
    assert "4 of 4" == tool.text("people_count")
    tool.type("search", "zoe")
    assert ["Zoë Lindt"] == [row.name for row in table.rows]
    tool.type("search", "17")
    assert ["Ada Moreau"] == [row.name for row in table.rows]
    tool.type("search", "nobody")
    assert "0 of 4" == tool.text("people_count")
    tool.type("search", "")
    tool.click("noted")
    assert ["Dora Voss"] == [row.name for row in table.rows]
    tool.click("everybody")
    tool.type("search", "ben")
    tool.find("search", QLineEdit).returnPressed.emit()
    tool.wait(lambda: tool.is_shown("person_name") and tool.text("person_name") == "Ben Okafor")
    assert ("Can pay", "••51") == (tool.text("person_state"), tool.text("fact_number"))
    tool.click("to_people")
    tool.until("people")


def test_who_has_to_come_by_is_named_in_the_list(tool):
    """With the last day, and found under what is to be looked after."""
    tool.faces.people = [person(1, "Ada Moreau"), person(2, "Ben Okafor")]
    entry = QueueEntry("p-00000002", "Ben Okafor", "••34", "old@1", "active", "pack")
    tool.faces.visits, tool.faces.grace_until = [entry], "2027-02-01"
    tool.sign_in()
    tool.click("nav_people")
    tool.until("visits")

    assert "1 to come by until 1 Feb 2027: take new samples on their page." == (tool.text("visits"))
    tool.click("noted")
    table = tool.window.people.table
    assert ["Ben Okafor"] == [row.name for row in table.rows]
    assert "Needs to come by" == table.data(table.index(0, 3))


@pytest.mark.parametrize(
    ("raised", "code"),
    [
        (BadInputError("a", code="x_bad", mend="b"), "x_bad"),
        (SetupError("a", code="link_down", mend="b"), "link_down"),
        (ValueError("secret"), BUG),
    ],
)
def test_the_worker_turns_every_error_into_a_trouble(qtbot, raised, code, caplog):
    """Also a mistake of ours, whose text may hold what was typed and is not logged."""
    faces = FakeFaces()
    worker = FacesWorker(faces.connect)
    worker.start()
    told: list[Trouble] = []

    def work(client, lines):
        lines(Progress("looking"))
        raise raised

    worker.ask(work, otherwise=told.append)
    qtbot.waitUntil(lambda: bool(told))
    assert worker.stop()

    assert code == told[0].code
    assert "secret" not in caplog.text
    assert all(connection.closed for connection in faces.connections)


def test_a_question_cancelled_before_its_turn_is_not_asked(qtbot):
    """It ends as cancelled, and the one at work goes on."""
    faces = FakeFaces()
    worker = FacesWorker(faces.connect)
    told: list[object] = []
    first = worker.ask(lambda client, lines: "first", told.append)
    second = worker.ask(lambda client, lines: "never", told.append, otherwise=told.append)
    worker.cancel(second)
    worker.start()
    qtbot.waitUntil(lambda: len(told) == 2)
    assert worker.stop()

    assert ["first", Trouble(CANCELLED)] == told
    assert first < second


def test_a_window_that_asks_too_much_is_told_so(qtbot):
    """The queue has an end."""
    worker = FacesWorker(FakeFaces().connect)
    told: list[Trouble] = []
    for _ in range(40):
        worker.ask(lambda client, lines: None, otherwise=told.append)
    worker.start()
    assert worker.stop()

    assert {"window_busy"} == {trouble.code for trouble in told}
    assert 8 == len(told)
