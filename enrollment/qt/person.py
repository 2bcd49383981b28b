"""One person's page: what is known to staff, and what can be done at the desk.

It asks faces and shows the answers; which acts there are and who may do them is the model's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QButtonGroup, QStackedWidget, QWidget

from enrollment import questions
from enrollment.flow import FacesClient
from enrollment.model.acts import Again, Reported, Taken, Typed
from enrollment.model.capture import Seen
from enrollment.model.people import Row
from enrollment.model.roles import Act, needs_pin
from enrollment.qt import figures, theme
from enrollment.qt.context import Context
from enrollment.qt.controls import Banner, button, column, label, row, scrolled
from enrollment.qt.erasing import ErasedPart, ErasingPart
from enrollment.qt.figures import Picture
from enrollment.qt.forms import ActForm
from enrollment.qt.record import PaymentsPart, RecordPart, state_colour
from enrollment.qt.steps.face import FacePage
from enrollment.qt.worker import CANCELLED, Trouble, Work
from kiosk.domain.ids import PersonId
from kiosk.link.desk_rights import PersonKept
from kiosk.link.figures import QualityFigure, ScoresFigure
from kiosk.link.protocol import Erased, Progress
from kiosk.link.staff_desk import ReenrolPerson, StaffRole

PARTS = ("record", "payments", "pictures")


@dataclass(frozen=True)
class Doors:
    """Where a person's page leads to; all are the window's.

    Args:
        on_back: Called when staff want the list again.
        on_trouble: Told what could not be done.
        on_busy: Told whether an erasure is under way.
        save_path: Asks where a file shall lie, given a name; None: nowhere.
        everybody: The people of the list, as last seen.
    """

    on_back: Callable[[], object]
    on_trouble: Callable[[Trouble], object]
    on_busy: Callable[[bool], object]
    save_path: Callable[[str], Path | None]
    everybody: Callable[[], tuple[Row, ...]]


class PersonPage(QWidget):
    """A record, its payments and pictures, and the forms for what can be done.

    Args:
        context: Words, the way to faces.
        role: Of who is signed in.
        doors: Where it leads to.
    """

    def __init__(self, context: Context, role: StaffRole, doors: Doors) -> None:
        """Start empty; `open` asks faces."""
        super().__init__()
        self.setObjectName("page")
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self._context, self._role, self._doors = context, role, doors
        self._words = context.texts
        self.kept: PersonKept | None = None
        self._person = ""
        self._seen, self._ticket = Seen(), 0
        self.form: ActForm | None = None
        self.banner = Banner(self._words("close"))
        self._record = RecordPart(context, role, self.act)
        self._payments = PaymentsPart(context)
        self._scores = Picture(self._words("plot_scores_title"), "plot_scores")
        self._quality = Picture(self._words("plot_quality_title"), "plot_quality")
        self._erasing = ErasingPart(context)
        self._erased = ErasedPart(context, doors.on_back)
        pictures = QWidget()
        pictures.setObjectName("scrolled")
        pictures.setLayout(column(self._scores, self._quality, 1, gap=16))
        self._parts = QStackedWidget()
        for part in (scrolled(self._record), self._payments, scrolled(pictures)):
            self._parts.addWidget(part)
        self._stack = QStackedWidget()
        self._face = FacePage(context, lambda: None)
        stop = button(self._words("stop"), self._stop, kind="danger", name="again_stop")
        self._looking = QWidget()
        self._looking.setObjectName("page")
        self._looking.setLayout(column(self._face, row(stop, 1)))
        for page in (self._shown(), self._erasing, self._erased, self._looking):
            self._stack.addWidget(page)
        back = button(self._words("to_people"), doors.on_back, kind="flat", name="to_people")
        whole = column(row(back, 1), self.banner, self._stack, gap=12, margin=theme.MARGIN)
        whole.setStretch(2, 1)
        self.setLayout(whole)

    def open(self, person: str) -> None:
        """Show another person."""
        self._person, self.kept = person, None
        self.banner.hide()
        self._turn_to("record")
        self._leave_form()
        self._name.setText("")
        self._parts.setEnabled(False)
        self.focus_first()
        self._ask_kept()

    def focus_first(self) -> None:
        """Put the keys on the page itself: nothing here should happen by Enter."""
        self.setFocus()

    def act(self, act: Act) -> None:
        """Show the form for what staff pressed."""
        if self.kept is None:
            return  # another record is on its way
        self.banner.hide()
        self._leave_form()
        self.form = ActForm(
            self._context,
            act,
            self.kept,
            others=self._doors.everybody() if act is Act.REPORT else (),
            pin_needed=needs_pin(self._role, act),
            on_go=self._go,
            on_back=self._leave_form,
        )
        self._stack.addWidget(self.form)
        self._stack.setCurrentWidget(self.form)
        self.form.focus_first()

    # Asking -------------------------------------------------------------------------------------

    def _ask_kept(self) -> None:
        person = self._person
        self._context.worker.ask(
            lambda client, _lines: questions.kept(client, person),
            self._kept_came,
            otherwise=self._doors.on_trouble,
        )

    def _kept_came(self, kept: PersonKept) -> None:
        if kept.person != self._person:
            return  # another one was opened meanwhile
        self.kept = kept
        self._name.setText(kept.name)
        self._parts.setEnabled(True)
        self._state.setText(self._words(f"state_{kept.state}"))
        self._state.setStyleSheet(f"color: {state_colour(kept.state)};")
        self._record.show_kept(kept)
        self._payments.show_kept(kept)

    def _go(self, typed: Typed) -> None:
        """Have done what a form asks for."""
        assert self.form is not None, "a form is shown while it asks"
        act, person = self.form.act, self._person
        if act is Act.ERASE:
            self._start_erase()
        elif act is Act.AGAIN:
            self._start_again()
        elif act is Act.EXPORT:
            self._export()
        elif act is Act.REPORT:
            self._ask(
                lambda client, _lines: questions.report(client, person, typed), self._reported
            )
        else:
            self._ask(
                lambda client, _lines: questions.change(client, person, act, typed), self._taken
            )

    def _ask(self, work: Work, then: Callable[..., object]) -> None:
        self._context.worker.ask(work, then, otherwise=self._refused)

    def _taken(self, taken: Taken) -> None:
        if taken.reason:
            said = self._words.trouble(taken.reason)
            mend = said.mend
            if taken.attempts_left is not None:
                mend = f"{mend} {self._words('tries_left', count=taken.attempts_left)}"
            self._say_in_form(said.what, mend)
            return
        self._done(self._words(f"{self._act_name()}_done"))

    def _reported(self, told: Reported) -> None:
        words = self._words
        if not told.reported:
            said = words.trouble(told.reason)
            self._say_in_form(said.what, said.mend)
            return
        refund = words("refund_none")
        if told.refund:
            refund = words("refund_open", amount=told.amount, number=told.number)
        self._done(words("report_done", count=told.bound), refund)

    def _export(self) -> None:
        person, language = self._person, self._words.language
        path = self._doors.save_path(f"smiletill-{person}.pdf")
        if path is None:
            self._say_in_form(self._words("not_saved"), "")
            return

        def work(client: FacesClient, _lines: object) -> Path:
            return questions.export(client, person, path, language)

        self._ask(work, lambda written: self._done(self._words("export_done", path=written.name)))

    def _refused(self, trouble: Trouble) -> None:
        if trouble.code == "sign_in_needed" or self.form is None:
            self._doors.on_trouble(trouble)
            return
        said = self._words.trouble(trouble.code, trouble.message, trouble.mend)
        self._say_in_form(said.what, said.mend)

    def _say_in_form(self, what: str, mend: str) -> None:
        if self.form is not None:
            self.form.refused(what, mend)

    def _done(self, what: str, mend: str = "") -> None:
        self._leave_form()
        self.banner.show_sentence(what, mend, tone="good")
        self._ask_kept()

    # Erasing ------------------------------------------------------------------------------------

    def _start_erase(self) -> None:
        person = self._person
        self._leave_form()
        self._erasing.show_line(Progress("erasing"))
        self._stack.setCurrentWidget(self._erasing)
        self._doors.on_busy(True)
        self._context.worker.ask(
            lambda client, lines: questions.erase(client, person, lines),
            self._erase_ended,
            otherwise=self._erase_failed,
            on_progress=self._erasing.show_line,
        )

    def _erase_ended(self, erased: Erased) -> None:
        self._doors.on_busy(False)
        self._erased.show_erased(erased)
        self._stack.setCurrentWidget(self._erased)

    def _erase_failed(self, trouble: Trouble) -> None:
        self._doors.on_busy(False)
        self._stack.setCurrentIndex(0)
        self._doors.on_trouble(trouble)

    # New samples --------------------------------------------------------------------------------

    def _start_again(self) -> None:
        question = ReenrolPerson(PersonId(self._person), self._context.camera, guided=True)
        self._leave_form()
        self._seen = Seen()
        self._face.show_seen(self._seen)
        self._stack.setCurrentWidget(self._looking)
        self._doors.on_busy(True)
        self._ticket = self._context.worker.ask(
            lambda client, lines: questions.again(client, question, lines),
            self._again_ended,
            otherwise=self._again_failed,
            on_progress=self._again_came,
        )

    def _again_came(self, line: Progress) -> None:
        self._seen = self._seen.after(line)
        self._face.show_seen(self._seen)

    def _again_ended(self, told: Again) -> None:
        self._doors.on_busy(False)
        self._stack.setCurrentIndex(0)
        if told.reason:
            said = self._words.trouble(told.reason)
            self.banner.show_sentence(said.what, said.mend)
        else:
            sentence = self._words("again_done", samples=told.samples, quality=told.quality)
            self.banner.show_sentence(sentence, tone="good")
            self._ask_kept()

    def _again_failed(self, trouble: Trouble) -> None:
        self._doors.on_busy(False)
        self._stack.setCurrentIndex(0)
        if trouble.code == CANCELLED:
            self.banner.show_sentence(self._words("again_stopped"), tone="plain")
        else:
            self._doors.on_trouble(trouble)

    # The widget ---------------------------------------------------------------------------------

    def _shown(self) -> QWidget:
        self._name = label("", "title", name="person_name", wrap=False)
        self._state = label("", "large", name="person_state", wrap=False)
        self._tabs = QButtonGroup(self)
        line = row(self._name, self._state, 1, gap=16)
        for number, part in enumerate(PARTS):
            tab = button(
                self._words(f"part_{part}"),
                lambda part=part: self._turn_to(part),  # type: ignore[misc]
                kind="choice",
                name=f"part_{part}",
            )
            tab.setCheckable(True)
            tab.setChecked(number == 0)
            self._tabs.addButton(tab, number)
            line.addWidget(tab)
        page = QWidget()
        page.setObjectName("page")
        whole = column(line, self._parts, gap=16)
        whole.setStretch(1, 1)
        page.setLayout(whole)
        return page

    def _turn_to(self, part: str) -> None:
        number = PARTS.index(part)
        self._parts.setCurrentIndex(number)
        self._tabs.button(number).setChecked(True)
        if part == "pictures":
            person = self._person
            self._context.worker.ask(
                lambda client, _lines: questions.figures(client, person),
                self._figures_came,
                otherwise=self._doors.on_trouble,
            )

    def _figures_came(self, numbers: tuple[ScoresFigure, QualityFigure]) -> None:
        scores, quality = numbers
        words = self._words
        self._scores.show_numbers(
            figures.draw_scores(scores, words), figures.scores_sentence(scores, words)
        )
        sentence = words("plot_quality_text", own=quality.own, count=quality.people)
        self._quality.show_numbers(figures.draw_quality(quality, words), sentence)

    def _stop(self) -> None:
        self._context.worker.cancel(self._ticket)

    def _leave_form(self) -> None:
        if self.form is not None:
            self._stack.removeWidget(self.form)
            self.form.deleteLater()
            self.form = None
        self._stack.setCurrentIndex(0)

    def _act_name(self) -> str:
        assert self.form is not None, "a form is shown while it asks"
        return self.form.act.value
