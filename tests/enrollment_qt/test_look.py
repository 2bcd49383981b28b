"""How the window looks: for fingers, for weak eyes, in both languages, without a face."""

from __future__ import annotations

import re

import pytest
from PySide6.QtCore import QPoint, QRect
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel, QLineEdit, QScrollArea

from enrollment.qt import texts_de, texts_en, theme
from enrollment.qt.texts import Texts
from enrollment.words import REFUSALS, RIGHTS_REFUSED
from tests.fakes.desk_faces import person

TOUCH_MM = 11.9


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [it / 12.92 if it <= 0.04045 else ((it + 0.055) / 1.055) ** 2.4 for it in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_colours_are_the_kiosks(repository):
    """Kiosk and staff tool are one family."""
    qml = (repository / "kiosk/faces/screen/qml/SmileTill/Theme.qml").read_text()
    kiosk = dict(re.findall(r'property color (\w+): "(#\w+)"', qml))
    ours = {
        "paper": theme.PAPER, "card": theme.CARD, "hairline": theme.HAIRLINE, "ink": theme.INK,
        "quiet": theme.QUIET, "accent": theme.ACCENT, "accentDown": theme.ACCENT_DOWN,
        "paleInk": theme.PALE_INK, "wrong": theme.WRONG, "paid": theme.PAID,
        "cancelled": theme.CANCELLED, "unknown": theme.UNKNOWN,
    }  # fmt: skip

    assert ours.items() <= kiosk.items()


@pytest.mark.parametrize(
    ("ink", "ground", "least"),
    [
        (theme.INK, theme.PAPER, 7.0),
        (theme.QUIET, theme.PAPER, 4.5),
        (theme.WRONG, theme.CARD, 4.5),
        (theme.WRONG, theme.WRONG_TINT, 4.5),
        (theme.PALE_INK, theme.ACCENT, 4.5),
        (theme.ACCENT_DOWN, theme.ACCENT_TINT, 4.5),
        (theme.BAR_QUIET, theme.BAR, 4.5),
        (theme.PAID, theme.PAID_TINT, 4.5),
        (theme.EDGE, theme.CARD, 3.0),
    ],
)
def test_what_is_read_stands_out(ink, ground, least):
    """WCAG 2.2: 4.5 to 1 for text, 3 to 1 for what has an edge to be found by."""
    assert least <= contrast(ink, ground)


def test_both_languages_say_everything():
    """The same keys, and a text for each key, pose, state and code that the code uses."""
    for ours, theirs in (
        (texts_en.WORDS, texts_de.WORDS),
        (texts_en.PROBLEMS, texts_de.PROBLEMS),
        (texts_en.REASONS, texts_de.REASONS),
        (texts_en.HINTS, texts_de.HINTS),
    ):
        assert set(ours) == set(theirs)
    words = Texts("de")
    for code in {*REFUSALS, *RIGHTS_REFUSED}:
        assert words.trouble("other") != words.trouble(code), code
    for code in ("no_face", "too_dark", "pad_texture", "duplicate", "pin_wrong", "not_the_same"):
        assert code in {*texts_de.REASONS, *texts_de.HINTS, *texts_de.PROBLEMS}, code


def test_every_key_that_is_used_has_a_text(repository):
    """Found in the source, so that no page shows a bare key."""
    used: set[str] = set()
    for file in (repository / "enrollment/qt").rglob("*.py"):
        used |= set(re.findall(r'(?:words|_words)\(\s*"(\w+)"', file.read_text()))

    assert used - set(texts_en.WORDS) == set()
    assert len(used) > 60


def in_scroll_area(shown) -> bool:
    above = shown.parentWidget()
    while above is not None and not isinstance(above, QScrollArea):
        above = above.parentWidget()
    return above is not None


def every_page(tool):
    """Go through the window, and stop at each page."""
    tool.faces.people = [person(1, "Ada Moreau"), person(2, "Ben Okafor", "frozen")]
    tool.until("sign_in")
    yield "sign-in"
    tool.sign_in()
    tool.click("next")
    yield "consent"
    tool.click("type")
    yield "consent-typed"
    tool.click("draw")
    tool.agree()
    tool.click("next")
    yield "details"
    tool.fill()
    tool.faces.stop_at = "looking"
    tool.click("next")
    tool.until("capture_ring")
    yield "face"
    tool.faces.stop_at = "approve_mandate"
    tool.faces.go_on.set()
    tool.until("qr_code")
    yield "bank"
    tool.faces.stop_at = ""
    tool.faces.go_on.set()
    tool.until("save_copy")
    yield "done"
    tool.click("nav_people")
    tool.until("people")
    yield "people"
    tool.window.open_person("p-00000001")
    tool.until("act_limits")
    yield "person"
    tool.click("part_pictures")
    tool.wait(lambda: tool.text("plot_scores_sentence"))
    yield "pictures"
    tool.click("part_record")
    for act in ("limits", "pin", "pause", "report", "freeze", "export", "erase"):
        tool.click(f"act_{act}")
        yield f"form {act}"
        tool.click("form_back")
    for page in ("overview", "staff", "log"):
        tool.click(f"nav_{page}")
        yield page


@pytest.mark.parametrize("language", ["en", "de"])
def test_nothing_is_cut_and_everything_can_be_touched(make, language):
    """At the smallest size the window allows: no text is cut, no button is below 12 mm."""
    tool = make(language=language)
    tool.window.resize(1024, 720)
    millimetre = tool.window.screen().physicalDotsPerInch() / 25.4
    for page in every_page(tool):
        for _ in range(4):
            QApplication.processEvents()
        bounds = tool.window.rect()
        assert 1024 >= bounds.width(), page
        assert 780 >= bounds.height(), page
        for shown in tool.window.findChildren(QAbstractButton):
            if not shown.isVisible() or not shown.text():
                continue
            where = f"{page}: {shown.objectName()}"
            assert shown.height() >= TOUCH_MM * millimetre, where
            assert shown.accessibleName(), where
            assert shown.width() >= shown.fontMetrics().horizontalAdvance(shown.text()), where
        for shown in tool.window.findChildren(QLabel):
            if not shown.isVisible() or not shown.text():
                continue
            where = f"{page}: {shown.text()}"
            corner = shown.mapTo(tool.window, QPoint(0, 0))
            place = QRect(corner, shown.size())
            if in_scroll_area(shown):
                place.moveTop(max(0, min(corner.y(), bounds.height() - place.height())))
            assert bounds.contains(place), where
            width = shown.contentsRect().width()
            wanted = shown.heightForWidth(width) if shown.wordWrap() else shown.sizeHint().height()
            assert shown.height() >= wanted - 2, where
            if not shown.wordWrap():
                assert shown.width() >= shown.sizeHint().width() - 1, where
        for shown in tool.window.findChildren(QLineEdit):
            assert not shown.isVisible() or shown.accessibleName(), page


def test_no_picture_has_a_way_into_the_window(repository):
    """No module of it reads, decodes or shows an image file or a camera."""
    words = ("QCamera", "QImage", "QPixmap", "cv2", "QMovie", "setPixmap")
    for file in (repository / "enrollment").rglob("*.py"):
        text = file.read_text()
        assert not [word for word in words if word in text], file.name
