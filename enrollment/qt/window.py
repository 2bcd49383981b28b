"""The window: who is signed in, what is shown, and the drafts that outlive its pages.

Pages are built for one language and one member of staff; when either changes they are built anew
over the same draft, so that nothing typed is lost. It decides nothing about people.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import (
    QApplication,
    QButtonGroup,
    QFileDialog,
    QMainWindow,
    QPushButton,
    QStackedWidget,
    QWidget,
)

from enrollment import questions, staff_flow
from enrollment.flow import FacesClient
from enrollment.model.draft import Draft
from enrollment.model.roles import Act, why_not
from enrollment.qt.context import Context
from enrollment.qt.controls import allow, button, column, label, row
from enrollment.qt.log import LogPage
from enrollment.qt.overview import OverviewPage
from enrollment.qt.people import PeoplePage
from enrollment.qt.person import Doors, PersonPage
from enrollment.qt.signin import SignInPage
from enrollment.qt.staff import StaffPage
from enrollment.qt.texts import Texts
from enrollment.qt.wizard import Ways, Wizard
from enrollment.qt.worker import Connect, Trouble
from kiosk.link.staff_desk import SignedIn

WIDTH, HEIGHT = 1240, 820
SIDEBAR_WIDTH = 216
KEEP_MS = 60_000
"""While staff and customer are at work, faces hears of it so often; else a sign-in ends."""
MANAGERS = {"overview": Act.OVERVIEW, "staff": Act.STAFF, "log": Act.LOG}
"""Pages that only a manager opens; a clerk sees their names and why not."""
_INPUT = {QEvent.Type.KeyPress, QEvent.Type.MouseButtonPress, QEvent.Type.Wheel}


@dataclass(frozen=True)
class Desk:
    """What the window is handed.

    Args:
        make_context: A context for a language.
        connect_as_user: Connects as the machine's own user, to make the first manager.
        save_path: Asks where a file shall lie, given a name; None: the system's dialog.
    """

    make_context: Callable[[Texts], Context]
    connect_as_user: Connect
    save_path: Callable[[str], Path | None] | None = None


class Window(QMainWindow):
    """The staff tool."""

    def __init__(self, desk: Desk, language: str) -> None:
        """Ask for a sign-in; `stop` ends what it began."""
        super().__init__()
        self._desk = desk
        self.draft = Draft(language=language)
        self.staff: SignedIn | None = None
        self._name = ""
        self._first = False
        self._busy = False
        self.wizard: Wizard | None = None
        self.people: PeoplePage | None = None
        self.person: PersonPage | None = None
        self.sign_in_page: SignInPage | None = None
        self._nav: dict[str, QPushButton] = {}
        self._managers: dict[str, OverviewPage | StaffPage | LogPage] = {}
        self._pages = QStackedWidget()
        self._idle = QTimer(self)
        self._idle.setSingleShot(True)
        self._idle.timeout.connect(self._idled)
        self._keep = QTimer(self)
        self._keep.setSingleShot(True)
        self.setWindowTitle("SmileTill")
        self.resize(WIDTH, HEIGHT)
        self._speak(language)
        self.context.worker.trouble.connect(self.show_trouble)
        app = QApplication.instance()
        assert app is not None, "a window needs its application"
        app.installEventFilter(self)
        self._show_sign_in()
        self._look_for_staff()

    # Who is at the desk -------------------------------------------------------------------------

    def sign_in(self, name: str, code: str) -> None:
        """Have somebody sign in; the first one is made a manager."""
        connect, make = self._desk.connect_as_user, self._first

        def work(client: FacesClient, _lines: object) -> SignedIn:
            if make:
                own = connect()
                try:
                    questions.add_manager(own, name, code)
                finally:
                    own.close()
            return questions.sign_in(client, name, code)

        def again(client: FacesClient, _lines: object) -> SignedIn:
            return questions.sign_in(client, name, code)

        def signed_in(staff: SignedIn) -> None:
            # A connection that ends in the middle, by a cancel or a restart of faces, is made anew
            # for the same person; their code is kept for this and until they sign out.
            self.context.worker.first = again
            self._signed_in(staff)

        self.context.worker.ask(work, signed_in, otherwise=self._sign_in_failed)

    def sign_out(self) -> None:
        """End the sign-in; what was typed for a customer is forgotten too."""
        self.draft = Draft(language=self.words.language)
        self._name = ""
        self._leave()
        self._show_sign_in()

    def _signed_in(self, staff: SignedIn) -> None:
        self.staff, self._name, self._first = staff, staff.name, False
        self._idle.start(staff.idle_s * 1000)
        self._keep.start(KEEP_MS)
        self._show_desk()

    def _sign_in_failed(self, trouble: Trouble) -> None:
        said = self.words.trouble(trouble.code, trouble.message, trouble.mend)
        if self.sign_in_page is not None:
            self.sign_in_page.refused(said.what, said.mend)

    def _lost_sign_in(self, trouble: Trouble) -> None:
        """Nobody is signed in any more; the draft stays for whoever signs in next."""
        self._leave()
        self._show_sign_in()
        said = self.words.trouble(trouble.code)
        if self.sign_in_page is not None:
            self.sign_in_page.refused(said.what, said.mend, tone="plain")

    def _leave(self) -> None:
        self.staff = None
        self._idle.stop()
        self.context.worker.first = None
        self.context.worker.forget()

    def _idled(self) -> None:
        if self._busy:
            self._idle.start(KEEP_MS)
        elif self.staff is not None:
            self._lost_sign_in(Trouble("sign_in_needed"))

    def _look_for_staff(self) -> None:
        connect = self._desk.connect_as_user

        def work(_client: object, _lines: object) -> bool:
            own = connect()
            try:
                return questions.has_staff(own)
            finally:
                own.close()

        self.context.worker.ask(work, self._staff_known, otherwise=self._sign_in_failed)

    def _staff_known(self, found: bool) -> None:  # noqa: FBT001 - an answer
        if not found and self.staff is None:
            self._first = True
            self._show_sign_in()

    # What is shown ------------------------------------------------------------------------------

    def show_enrol(self) -> None:
        """Show the enrolment at hand."""
        self._turn_to("enrol", self.wizard)

    def show_people(self) -> None:
        """Show the list."""
        assert self.people is not None, "the list is there once somebody is signed in"
        self.people.refresh()
        self._turn_to("people", self.people)
        self.people.focus_first()

    def show_page(self, name: str) -> None:
        """Show one of the managers' pages."""
        page = self._managers[name]
        page.refresh()
        self._turn_to(name, page)
        page.focus_first()

    def open_person(self, person: str) -> None:
        """Show one person's page."""
        assert self.person is not None, "pages are there once somebody is signed in"
        self._turn_to("people", self.person)
        self.person.open(person)

    def speak(self, language: str) -> None:
        """Go on in another language; what was typed stays."""
        self._speak(language)
        self.draft.language = language
        if self.staff is None:
            self._show_sign_in()
        else:
            self._show_desk()

    def show_trouble(self, trouble: Trouble) -> None:
        """Say what could not be done, on the page that is shown."""
        if trouble.code == "sign_in_needed":
            self._lost_sign_in(trouble)
            return
        said = self.words.trouble(trouble.code, trouble.message, trouble.mend)
        page = self._pages.currentWidget()
        if isinstance(page, PeoplePage):
            act, again = self.words("try_again"), page.refresh
            page.banner.show_sentence(said.what, said.mend, act=act, on_act=again)
        elif isinstance(page, PersonPage | OverviewPage | StaffPage | LogPage):
            page.banner.show_sentence(said.what, said.mend)

    def _speak(self, language: str) -> None:
        self.words = Texts(language)
        self.context = self._desk.make_context(self.words)

    def _show_sign_in(self) -> None:
        self.wizard = self.people = self.person = None
        self.sign_in_page = SignInPage(
            self.context,
            name=self._name,
            first=self._first,
            on_submit=self.sign_in,
            on_language=lambda: self.speak(self.words.other()),
        )
        self.setCentralWidget(self.sign_in_page)
        self.sign_in_page.focus_first()

    def _show_desk(self) -> None:
        assert self.staff is not None, "the desk is for whoever is signed in"
        self.sign_in_page = None
        self._pages = QStackedWidget()
        self.people = PeoplePage(
            self.context, on_open=self.open_person, on_trouble=self.show_trouble
        )
        doors = Doors(
            on_back=self.show_people,
            on_trouble=self.show_trouble,
            on_busy=self._set_busy,
            save_path=self._desk.save_path or self._ask_path,
            everybody=self.people.everybody,
        )
        self.person = PersonPage(self.context, self.staff.role, doors)
        self._managers = {
            "overview": OverviewPage(self.context, self.show_trouble),
            "staff": StaffPage(self.context, self.staff.name, self.show_trouble),
            "log": LogPage(self.context, self.show_trouble),
        }
        whole = QWidget()
        whole.setObjectName("page")
        both = row(self._sidebar(), self._pages, gap=0)
        both.setStretch(1, 1)
        whole.setLayout(both)
        for page in (self.people, self.person, *self._managers.values()):
            self._pages.addWidget(page)
        self.setCentralWidget(whole)
        self._new_wizard()

    def _new_wizard(self) -> None:
        assert self.staff is not None, "the desk is for whoever is signed in"
        old = self.wizard
        ways = Ways(
            save_path=self._desk.save_path or self._ask_path,
            on_open=self.open_person,
            on_language=self.speak,
            on_busy=self._set_busy,
            on_sign_in=self._lost_sign_in,
            on_again=self._again,
        )
        self.wizard = Wizard(self.context, self.staff.role, self.draft, ways)
        self._pages.addWidget(self.wizard)
        self.show_enrol()
        if old is not None and old.parent() is self._pages:
            self._pages.removeWidget(old)
            old.deleteLater()

    def _again(self) -> None:
        self.draft = Draft(language=self.words.language)
        self._new_wizard()

    def _sidebar(self) -> QWidget:
        assert self.staff is not None, "the desk is for whoever is signed in"
        words = self.words
        self._nav = {
            "enrol": button(words("nav_enrol"), self.show_enrol, kind="nav", name="nav_enrol"),
            "people": button(words("nav_people"), self.show_people, kind="nav", name="nav_people"),
        }
        for name in MANAGERS:
            turn = partial(self.show_page, name)
            self._nav[name] = button(words(f"nav_{name}"), turn, kind="nav", name=f"nav_{name}")
        group = QButtonGroup(self)
        for choice in self._nav.values():
            choice.setCheckable(True)
            group.addButton(choice)
        self._language = button(
            words("other_language"),
            lambda: self.speak(words.other()),
            kind="nav",
            name="language",
        )
        self._out = button(words("sign_out"), self.sign_out, kind="nav", name="sign_out")
        heading = (label("SmileTill", "large"), label("", "small"))
        who = (
            label(self.staff.name, "field", name="signed_in"),
            label(words(f"role_{self.staff.role.value}"), "small"),
        )
        for line in (*heading, *who):
            line.setIndent(18)  # as the words of the buttons
        bar = QWidget()
        bar.setObjectName("sidebar")
        bar.setFixedWidth(SIDEBAR_WIDTH)
        bar.setLayout(
            column(
                *heading,
                *self._nav.values(),
                1,
                *who,
                self._language,
                self._out,
                gap=8,
                margin=20,
            )
        )
        return bar

    def _turn_to(self, name: str, page: QWidget | None) -> None:
        assert page is not None, "pages are there once somebody is signed in"
        self._pages.setCurrentWidget(page)
        self._nav[name].setChecked(True)

    def _set_busy(self, busy: bool) -> None:  # noqa: FBT001 - a callback
        """While faces enrols or erases, nothing else can be turned to."""
        self._busy = busy
        reason = self.words("nav_busy") if busy else ""
        for choice in (*self._nav.values(), self._language, self._out):
            allow(choice, reason)
        if self.staff is not None and not busy:
            for name, act in MANAGERS.items():
                code = why_not(self.staff.role, act)
                allow(self._nav[name], self.words.problem(code) if code else "")

    def _ask_path(self, name: str) -> Path | None:
        chosen, _ = QFileDialog.getSaveFileName(self, "", str(Path.home() / name), "PDF (*.pdf)")
        return Path(chosen) if chosen else None

    # Qt -----------------------------------------------------------------------------------------

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Somebody is at work: put the end of their sign-in off."""
        if self.staff is not None and event.type() in _INPUT:
            self._idle.start(self.staff.idle_s * 1000)
            if not self._keep.isActive() and not self._busy:
                self._keep.start(KEEP_MS)
                language = self.words.language
                self.context.worker.ask(
                    lambda client, _lines: staff_flow.consent(client, language),
                    otherwise=lambda _trouble: None,
                )
        return super().eventFilter(watched, event)

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 - Qt's name
        """Cancel whatever is under way; faces undoes what it had begun."""
        self._idle.stop()
        self._keep.stop()
        app = QApplication.instance()
        if app is not None:
            app.removeEventFilter(self)
        self.context.worker.stop()
        super().closeEvent(event)
