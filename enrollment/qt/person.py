"""One person's page: what is known to staff, and what can be done at the desk."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QGridLayout, QLabel, QProgressBar, QStackedWidget, QWidget

from enrollment import questions
from enrollment.model.people import ACTIVE, Row, day
from enrollment.model.roles import Act, why_not
from enrollment.qt import theme
from enrollment.qt.context import Context
from enrollment.qt.controls import Banner, allow, button, card, column, label, row, scrolled
from enrollment.qt.worker import Trouble
from kiosk.link.protocol import Erased, Progress
from kiosk.link.staff_desk import StaffRole


class PersonPage(QWidget):
    """A record, its acts, and how an erasure went.

    Args:
        context: Words, the way to faces.
        role: Of who is signed in.
        on_back: Called when staff want the list again.
        on_trouble: Told what could not be done.
        on_busy: Told whether an erasure is under way.
    """

    def __init__(
        self,
        context: Context,
        role: StaffRole,
        *,
        on_back: Callable[[], object],
        on_trouble: Callable[[Trouble], object],
        on_busy: Callable[[bool], object],
    ) -> None:
        """Start empty; `open` asks faces."""
        super().__init__()
        self.setObjectName("page")
        self._context, self._role, self._words = context, role, context.texts
        self._on_trouble, self._on_busy = on_trouble, on_busy
        self._row: Row | None = None
        self.banner = Banner(self._words("close"))
        back = button(self._words("to_people"), on_back, kind="flat", name="to_people")
        self._stack = QStackedWidget()
        self._stack.addWidget(scrolled(self._record()))
        self._stack.addWidget(self._erasing())
        self._stack.addWidget(self._erased(on_back))
        whole = column(row(back, 1), self.banner, self._stack, gap=12, margin=theme.MARGIN)
        whole.setStretch(2, 1)
        self.setLayout(whole)

    def open(self, person: str) -> None:
        """Show another person."""
        self._row = None
        self.banner.hide()
        self._stack.setCurrentIndex(0)
        self._context.worker.ask(
            lambda client, _lines: questions.person(client, person),
            self.show_row,
            otherwise=self._on_trouble,
        )

    def show_row(self, known: Row) -> None:
        """Show what is known."""
        self._row = known
        words = self._words
        self._name.setText(known.name)
        self._state.setText(words(f"state_{known.state}"))
        colour = theme.PAID if known.state == ACTIVE else theme.WRONG
        self._state.setStyleSheet(f"color: {colour}; font-weight: 600;")
        facts = {
            "number": known.phone_hint,
            "since": day(known.enrolled_at),
            "consent": known.consent_version,
            "samples": str(known.samples),
            "pack": known.pack,
            "id": known.person,
        }
        for key, value in facts.items():
            self._facts[key].setText(value)
        notes = [words(f"note_{note}_text") for note in known.notes]
        self._notes.setText("\n".join(notes))
        self._notes.setVisible(bool(notes))

    def focus_first(self) -> None:
        """Leave the keys where they are: nothing here should happen by Enter."""

    def _record(self) -> QWidget:
        words = self._words
        self._name = label("", "title", name="person_name")
        self._state = label("", "body", name="person_state", wrap=False)
        self._notes = label("", "complaint", name="person_notes")
        self._facts: dict[str, QLabel] = {}
        grid = QGridLayout()
        grid.setHorizontalSpacing(40)
        grid.setVerticalSpacing(14)
        for place, key in enumerate(("number", "since", "consent", "samples", "pack", "id")):
            self._facts[key] = label("", name=f"fact_{key}")
            cell = column(label(words(f"fact_{key}"), "field"), self._facts[key], gap=2)
            grid.addLayout(cell, place // 3, place % 3)
        head = row(self._name, self._state)
        head.setStretch(0, 1)
        about = card(column(head, self._notes, grid, gap=20))
        page = QWidget()
        page.setObjectName("scrolled")
        page.setLayout(column(about, self._acts(), 1, gap=16))
        return page

    def _acts(self) -> QWidget:
        words = self._words
        self._erase = button(words("erase"), self._ask_erase, kind="danger", name="erase")
        reason = why_not(self._role, Act.ERASE)
        allow(self._erase, words.problem(reason) if reason else "")
        text = label(words("erase_text"), "quiet")
        why = label(words.problem(reason) if reason else "", "complaint", name="erase_reason")
        why.setVisible(bool(reason))
        words_of_it = column(label(words("erase_title"), "large"), text, why, gap=4)
        line = row(words_of_it, self._erase, gap=24)
        line.setStretch(0, 1)
        return card(line)

    def _ask_erase(self) -> None:
        self.banner.show_sentence(
            self._words("erase_ask"),
            self._words("erase_means"),
            tone="care",
            act=self._words("erase_yes"),
            on_act=self._start_erase,
        )

    def _start_erase(self) -> None:
        assert self._row is not None, "only somebody who is shown can be erased"
        person = self._row.person
        self._came(Progress("erasing"))
        self._stack.setCurrentIndex(1)
        self._on_busy(True)
        self._context.worker.ask(
            lambda client, lines: questions.erase(client, person, lines),
            self._ended,
            otherwise=self._failed,
            on_progress=self._came,
        )

    def _came(self, line: Progress) -> None:
        self._doing.setText(self._words(f"{line.code}_title"))
        self._bar.setRange(0, line.total)
        self._bar.setValue(line.done)

    def _ended(self, erased: Erased) -> None:
        words = self._words
        self._on_busy(False)
        found = erased.bytes_found
        self._found.setText(
            words("erased_found", count=found) if found else words("erased_nothing")
        )
        key = "erased_mandate" if erased.mandate_revoked else "erased_mandate_waits"
        self._mandate.setText(words(key))
        self._certificate.setText(words("erased_certificate", certificate=erased.certificate))
        self._row = None
        self._stack.setCurrentIndex(2)
        self._back_button.setFocus()

    def _failed(self, trouble: Trouble) -> None:
        self._on_busy(False)
        self._stack.setCurrentIndex(0)
        self._on_trouble(trouble)

    def _erasing(self) -> QWidget:
        self._doing = label("", "title", name="erase_doing")
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName(self._words("erase_title"))
        inside = column(self._doing, label(self._words("erasing_text"), "quiet"), self._bar, gap=16)
        page = QWidget()
        page.setObjectName("page")
        page.setLayout(column(card(inside), 1))
        return page

    def _erased(self, on_back: Callable[[], object]) -> QWidget:
        words = self._words
        self._found = label("", name="erased_found")
        self._mandate = label("", name="erased_mandate")
        self._certificate = label("", "mono", name="erased_certificate")
        self._back_button = button(words("to_people"), on_back, kind="primary", name="erased_back")
        inside = column(
            label(words("erased_title"), "title"),
            self._found,
            self._mandate,
            label(words("erased_text"), "quiet"),
            self._certificate,
            row(self._back_button, 1),
            gap=14,
        )
        page = QWidget()
        page.setObjectName("page")
        page.setLayout(column(card(inside), 1))
        return page
