"""The enrolment: its steps in a row, the draft they fill, and the one question that faces is asked.

The draft outlives everything but the customer's enrolment and their "cancel": whatever goes wrong
on the way, nothing has to be typed or signed again. While faces works, cancel hangs up, and faces
undoes what it had begun.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path

from PySide6.QtWidgets import QStackedWidget, QWidget

from enrollment import questions, staff_flow
from enrollment.consent_copy import Agreement, code_content, write_copy
from enrollment.model.capture import Seen
from enrollment.model.draft import Draft, Step
from enrollment.model.result import Result
from enrollment.model.roles import Act, why_not
from enrollment.qt import theme
from enrollment.qt.context import Context
from enrollment.qt.controls import Banner, allow, button, column, restyle, row
from enrollment.qt.drawn import StepBar
from enrollment.qt.steps.bank import BankPage
from enrollment.qt.steps.consent import ConsentPage
from enrollment.qt.steps.details import DetailsPage
from enrollment.qt.steps.done import DonePage
from enrollment.qt.steps.face import FacePage
from enrollment.qt.steps.look_alike import LookAlikePage
from enrollment.qt.worker import CANCELLED, Trouble
from kiosk.link.staff_desk import ConsentShown, StaffRole

STEPS = list(Step)
BANK_CODES = ("mandate", "bank", "approval")


@dataclass(frozen=True)
class Ways:
    """Where an enrolment leads to; all are the window's.

    Args:
        save_path: Asks where the customer's copy shall lie, given a name; None: nowhere.
        on_open: Called with a person whose record staff want to see.
        on_language: Called when the customer wants another language.
        on_busy: Told whether faces is at work for this enrolment.
        on_sign_in: Called when nobody is signed in any more.
        on_again: Called when this enrolment is over or given up; makes a new one.
    """

    save_path: Callable[[str], Path | None]
    on_open: Callable[[str], object]
    on_language: Callable[[str], object]
    on_busy: Callable[[bool], object]
    on_sign_in: Callable[[Trouble], object]
    on_again: Callable[[], object]


class Wizard(QWidget):
    """One enrolment.

    Args:
        context: Words, sizes, the way to faces.
        role: Of who is signed in.
        draft: What has been typed; kept by the window, so that it outlives this widget.
        ways: Where it leads to.
    """

    def __init__(self, context: Context, role: StaffRole, draft: Draft, ways: Ways) -> None:
        """Begin at the consent, or where the draft is."""
        super().__init__()
        self.setObjectName("page")
        self._context, self._role, self.draft = context, role, draft
        self._words = context.texts
        self._ways = ways
        self.step = Step.CONSENT
        self.seen = Seen()
        self.result = Result()
        self._notice: ConsentShown | None = None
        self._agreement: Agreement | None = None
        self._ticket = 0
        self._build()
        self._ask_notice(draft.language or self._words.language, draft.version)
        self._show(Step.CONSENT)

    # What staff and customer press -------------------------------------------------------------

    def next(self) -> None:
        """Go on, if nothing is missing; begin anew after the last step."""
        self._banner.hide()
        if self.step is Step.DONE:
            self._discard()
            return
        problems = self.draft.problems(self.step)
        if self.step is Step.CONSENT:
            self._consent.show_problems(problems)
            if not problems and self._notice is not None:
                self._show(Step.DETAILS)
        elif self.step is Step.DETAILS:
            self._details.show_problems(problems)
            if problems:
                self._details.focus_first()
            else:
                self.start()
        else:
            self.start()

    def back(self) -> None:
        """Go back one step; what was typed stays."""
        self._banner.hide()
        self._show(Step.CONSENT if self.step is Step.DETAILS else Step.DETAILS)

    def cancel(self) -> None:
        """Stop what faces does; or, where it does nothing, begin anew after a question."""
        if self.is_busy():
            self._context.worker.cancel(self._ticket)
            return
        self._banner.show_sentence(
            self._words("cancel_ask"),
            self._words("cancel_means"),
            tone="care",
            act=self._words("cancel_yes"),
            on_act=self._discard,
        )

    def start(self) -> None:
        """Ask faces to enrol: the camera opens now and not before."""
        problems = {**self.draft.problems(Step.CONSENT), **self.draft.problems(Step.DETAILS)}
        if problems or self.is_busy():
            return
        question = self.draft.question(self._context.camera)
        self.seen = Seen()
        self._show(Step.FACE)
        self._face.show_seen(self.seen)
        self._ticket = self._context.worker.ask(
            lambda client, lines: questions.enrol(client, question, lines),
            self._ended,
            otherwise=self._failed,
            on_progress=self._came,
        )
        self._set_busy()

    def is_busy(self) -> bool:
        """Say whether faces works for this enrolment."""
        return self._ticket != 0

    # What faces says ----------------------------------------------------------------------------

    def _came(self, line: object) -> None:
        self.seen = self.seen.after(line)  # type: ignore[arg-type]
        page = self._page_of(self.seen.step)
        if self.step is not self.seen.step or self._stack.currentWidget() is not page:
            self._show(self.seen.step)
        if page is self._done:
            self._done.show_rehearsal(self.seen.hint)
        elif page is self._bank:
            self._bank.show_seen(self.seen)
        else:
            self._face.show_seen(self.seen)

    def _ended(self, result: Result) -> None:
        self._ticket = 0
        self.result = result
        self._set_busy()
        if result.person:
            assert self._notice is not None, "nobody is enrolled without a text"
            when = self._context.now().astimezone(UTC).isoformat(timespec="seconds")
            signature = self.draft.signature()
            self._agreement = Agreement(self._notice, result.person, when, signature)
            self._show(Step.DONE)
            self._done.show_result(result, self.draft.name.strip(), code_content(self._agreement))
        elif result.is_look_alike():
            reason = why_not(self._role, Act.AFFIRM_OTHER)
            self._look_alike.show_result(result, self._words.problem(reason) if reason else "")
            self._show(Step.FACE, self._look_alike)
        else:
            said = self._words.trouble(result.reason, result.detail)
            self._stopped(result.reason, said.what, said.mend)

    def _failed(self, trouble: Trouble) -> None:
        self._ticket = 0
        self._set_busy()
        if trouble.code == "sign_in_needed":
            self._show(Step.DETAILS)
            self._ways.on_sign_in(trouble)
            return
        if trouble.code == CANCELLED:
            self._show(Step.DETAILS)
            self._banner.show_sentence(
                self._words("stopped"),
                self._words("stopped_means"),
                tone="plain",
                act=self._words("cancel_yes"),
                on_act=self._discard,
            )
            return
        said = self._words.trouble(trouble.code, trouble.message, trouble.mend)
        self._stopped(trouble.code, said.what, said.mend)

    def _stopped(self, code: str, what: str, mend: str) -> None:
        """Say why it came to nothing where it can be mended."""
        step = self.draft.refuse(code)
        if step is Step.DETAILS:
            self._show(Step.DETAILS)
            self._details.show_problems(self.draft.problems(Step.DETAILS))
            self._details.focus_first()
            self._banner.show_sentence(what, mend)
        elif step is Step.CONSENT or code.startswith("consent"):
            self._show(Step.CONSENT)
            self._consent.show_problems(self.draft.problems(Step.CONSENT))
            self._banner.show_sentence(what, mend)
        elif self.seen.step is Step.BANK or code.startswith(BANK_CODES):
            self._show(Step.BANK)
            self._bank.show_stop(what, mend)
        else:
            self._show(Step.FACE)
            self._face.show_stop(what, mend)

    def _same_person(self) -> None:
        """The customer is enrolled already: their record is what staff want to see."""
        person = self.result.other_person
        self._ways.on_again()
        self._ways.on_open(person)

    def _other_person(self) -> None:
        """Two people who look the same: both will need their PIN."""
        self.draft.look_alike_of = self.result.other_person
        self.start()

    # The text -----------------------------------------------------------------------------------

    def _ask_notice(self, language: str, version: str = "") -> None:
        self._context.worker.ask(
            lambda client, _lines: staff_flow.consent(client, language, version),
            self._notice_came,
            otherwise=self._notice_failed,
        )

    def _notice_came(self, notice: ConsentShown) -> None:
        self._notice = notice
        self._consent.show_notice(notice)
        self._set_busy()

    def _notice_failed(self, trouble: Trouble) -> None:
        if trouble.code == "sign_in_needed":
            self._ways.on_sign_in(trouble)
            return
        if trouble.code == "consent_language_unknown" and self._words.language != "en":
            self._ask_notice("en")
            return
        said = self._words.trouble(trouble.code, trouble.message, trouble.mend)
        self._banner.show_sentence(
            said.what,
            said.mend,
            act=self._words("try_again"),
            on_act=lambda: self._ask_notice(self.draft.language, self.draft.version),
        )

    # The widget ---------------------------------------------------------------------------------

    def _build(self) -> None:
        words = self._words
        self._bar = StepBar([words(f"step_{step.value}") for step in STEPS])
        self._banner = Banner(words("close"))
        self._consent = ConsentPage(self._context, self.draft, self._language, self._set_busy)
        self._details = DetailsPage(self._context, self.draft, self._set_busy)
        self._face = FacePage(self._context, self.start)
        self._look_alike = LookAlikePage(self._context, self._same_person, self._other_person)
        self._bank = BankPage(self._context, self.start)
        self._done = DonePage(self._context, self._save, self._open)
        self._stack = QStackedWidget()
        pages = (
            self._consent, self._details, self._face, self._look_alike, self._bank, self._done,
        )  # fmt: skip
        for page in pages:
            self._stack.addWidget(page)
        self._cancel = button(words("cancel"), self.cancel, kind="danger", name="cancel")
        self._back = button(words("back"), self.back, kind="plain", name="back")
        self._next = button(words("next"), self.next, kind="primary", name="next")
        footer = row(self._cancel, 1, self._back, self._next)
        whole = column(
            self._bar, self._banner, self._stack, footer, gap=12, margin=theme.MARGIN - 8
        )
        whole.setStretch(2, 1)
        self.setLayout(whole)

    def _page_of(self, step: Step) -> QWidget:
        pages: dict[Step, QWidget] = {
            Step.CONSENT: self._consent,
            Step.DETAILS: self._details,
            Step.FACE: self._face,
            Step.BANK: self._bank,
            Step.DONE: self._done,
        }
        return pages[step]

    def _show(self, step: Step, page: QWidget | None = None) -> None:
        self.step = step
        shown = page or self._page_of(step)
        self._stack.setCurrentWidget(shown)
        number = STEPS.index(step)
        name = self._words(f"step_{step.value}")
        said = self._words("step_of", number=number + 1, count=len(STEPS), name=name)
        self._bar.show_step(number, said)
        self._set_busy()
        focus = getattr(shown, "focus_first", None)
        if focus is not None:
            focus()

    def _set_busy(self) -> None:
        """Show the buttons that mean something now."""
        words = self._words
        at_work = self.is_busy()
        is_done = self.step is Step.DONE and not at_work
        texts = {Step.DETAILS: "open_camera", Step.DONE: "next_customer"}
        self._next.setText(words(texts.get(self.step, "next")))
        self._next.setAccessibleName(self._next.text())
        self._next.setVisible(self.step in {Step.CONSENT, Step.DETAILS} or is_done)
        waits = self.step is Step.CONSENT and self._notice is None
        allow(self._next, words("notice_loading") if waits else "")
        self._back.setVisible(self.step is not Step.CONSENT and not at_work and not is_done)
        self._cancel.setText(words("stop") if at_work else words("cancel"))
        self._cancel.setAccessibleName(self._cancel.text())
        self._cancel.setVisible(not is_done)
        restyle(self._next)
        self._ways.on_busy(at_work)

    def _language(self, language: str) -> None:
        self.draft.version = ""
        self._ways.on_language(language)

    def _discard(self) -> None:
        """Forget what was typed; the window makes a new enrolment in place of this one."""
        self._ways.on_again()

    def _open(self) -> None:
        person = self.result.person
        self._ways.on_again()
        self._ways.on_open(person)

    def _save(self) -> None:
        """Write the customer's copy where staff say."""
        agreement = self._agreement
        assert agreement is not None, "there is a copy once somebody is enrolled"
        path = self._ways.save_path(f"smiletill-consent-{agreement.text.version}.pdf")
        if path is None:
            return
        self._context.worker.ask(
            lambda _client, _lines: write_copy(path, agreement),
            lambda _pages: self._done.show_saved(path.name),
            otherwise=self._not_saved,
        )

    def _not_saved(self, trouble: Trouble) -> None:
        said = self._words.trouble(trouble.code, trouble.message, trouble.mend)
        self._banner.show_sentence(said.what, said.mend)
