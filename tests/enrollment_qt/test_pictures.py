"""Every step and page as a picture: for docs/staff-tool.md, and for our own eyes.

With SMILETILL_PICTURES=FOLDER they are written there, as enrol-….png. Names are made up, and no
face is on any of them, because none has a way into the window.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from kiosk.link.protocol import EnrolRefused
from kiosk.link.visits import QueueEntry
from tests.enrollment_qt.conftest import Tool
from tests.fakes import desk_faces
from tests.fakes.desk_faces import FakeFaces, person

PAINT_ROUNDS = 6
BYTES_MIN = 8_000
LOOK_ALIKE = EnrolRefused("look_alike", "", person="p-00000002", score=0.61, threshold=0.48)


class Album:
    """Takes pictures of one window."""

    def __init__(self, tool: Tool, folder: Path) -> None:
        self.tool, self.folder = tool, folder
        self.taken: list[Path] = []

    def take(self, name: str) -> None:
        for _ in range(PAINT_ROUNDS):
            QApplication.processEvents()
        path = self.folder / f"enrol-{name}.png"
        assert self.tool.window.grab().save(str(path))
        self.taken.append(path)


def people() -> list:
    names = (
        "Ada Moreau", "Ben Okafor", "Chiara Lindt", "Daniel Weiß", "Esra Yılmaz", "Farid Haddad",
        "Greta Nyström", "Hugo Almeida", "Ines Kovač",
    )  # fmt: skip
    made = [person(number, name) for number, name in enumerate(names, 1)]
    made[3] = person(4, names[3], "frozen")
    made[1] = person(2, names[1], pin_always="look_alike")
    made[5] = person(6, names[5], warned_at="2026-11-01")
    made[7] = person(8, names[7], "paused")
    return made


def sign_nicely(tool: Tool) -> None:
    pad = tool.find("signature_pad")
    middle = pad.height() * 0.55
    points = [
        QPoint(
            round(40 + 3.1 * step),
            round(middle - 34 * math.sin(step / 4.2) * math.exp(-step / 70) - step * 0.25),
        )
        for step in range(80)
    ]
    QTest.mousePress(pad, Qt.MouseButton.LeftButton, pos=points[0])
    for point in points[1:]:
        QTest.mouseMove(pad, point)
    QTest.mouseRelease(pad, Qt.MouseButton.LeftButton, pos=points[-1])


def enrolment(tool: Tool, album: Album) -> None:
    """Take the six steps."""
    faces = tool.faces
    tool.until("sign_in")
    tool.type("staff_name", "mia")
    tool.type("staff_code", "green-apple")
    album.take("1-staff")
    tool.click("sign_in")
    tool.until("nav_enrol")
    tool.wait(lambda: tool.window.wizard._notice is not None, "the notice")
    tool.click("adult")
    sign_nicely(tool)
    album.take("2-consent")
    tool.click("next")
    tool.fill()
    tool.type("pin", "111111")
    album.take("3-details-wrong")
    tool.fill()
    album.take("3-details")
    faces.stop_at = "looking"
    tool.click("next")
    tool.until("capture_ring")
    tool.wait(lambda: tool.text("pose_words") == "Look at the camera")
    album.take("4-face")
    for code, said in (("too_dark", "More light"), ("pose_turn", "Turn"), ("pose_glasses", "Gl")):
        faces.stop_at = code
        faces.go_on.set()
        tool.wait(lambda said=said: said in tool.text("pose_hint") + tool.text("pose_words"))
        album.take(f"4-face-{code.removeprefix('pose_')}")
    faces.stop_at = "approve_mandate"
    faces.go_on.set()
    tool.until("qr_code")
    album.take("5-bank")
    faces.stop_at = ""
    faces.go_on.set()
    tool.until("save_copy")
    album.take("6-done")
    tool.click("next")


def look_alike(tool: Tool, album: Album) -> None:
    tool.faces.answer = ("comparing", LOOK_ALIKE)
    tool.agree()
    tool.fill(name="Bruno Okafor")
    tool.click("next")
    tool.until("look_alike_score")
    album.take("look-alike")
    tool.click("cancel")
    tool.click("banner_act")


def pages(tool: Tool, album: Album) -> None:
    """Take the list, a person's page and the managers' pages."""
    tool.click("nav_people")
    tool.wait(lambda: len(tool.window.people.table.rows) > 5)
    album.take("people")
    tool.window.open_person("p-00000001")
    tool.until("act_limits")
    album.take("person")
    tool.click("part_payments")
    album.take("payments")
    tool.click("part_pictures")
    tool.wait(lambda: tool.text("plot_scores_sentence"))
    album.take("pictures")
    tool.click("part_record")
    for act in ("limits", "report"):
        tool.click(f"act_{act}")
        album.take(f"form-{act}")
        tool.click("form_back")
    for page, ready in (
        ("overview", "plot_activity_sentence"),
        ("log", "log_verdict"),
    ):
        tool.click(f"nav_{page}")
        tool.wait(lambda ready=ready: "…" not in (tool.text(ready) or "…"))
        album.take(page)
    tool.click("nav_staff")
    tool.until("remove_tom")
    album.take("staff")


def test_every_step_and_page_can_be_drawn(make, repository, tmp_path, monkeypatch):
    """Six steps with what can happen, then the pages; none of them is empty."""
    for language in ("en", "de"):
        file = repository / f"kiosk/faces/desk/texts/consent-v2.{language}.md"
        monkeypatch.setitem(desk_faces.NOTICE, language, file.read_text())
    waiting = QueueEntry("p-00000007", "Greta Nyström", "••19", "old@1", "active", "pack")
    faces = FakeFaces(people=people(), visits=[waiting], grace_until="2027-02-01")
    tool = make(faces=faces)
    folder = Path(os.environ.get("SMILETILL_PICTURES") or tmp_path)
    album = Album(tool, folder)

    enrolment(tool, album)
    look_alike(tool, album)
    pages(tool, album)

    assert 20 == len(set(album.taken))
    assert all(path.stat().st_size > BYTES_MIN for path in album.taken)
