"""Who works here: a manager makes accounts, changes their code and role, and removes them."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QLineEdit, QWidget

from enrollment import questions
from enrollment.qt import theme
from enrollment.qt.context import Context
from enrollment.qt.controls import (
    Banner,
    Choice,
    Field,
    allow,
    button,
    card,
    clear,
    column,
    label,
    row,
    scrolled,
)
from enrollment.qt.worker import Trouble
from kiosk.link.staff_desk import StaffAccount, StaffRole

SIDE_WIDTH = 380


class StaffPage(QWidget):
    """The accounts on the left, a form for a new or changed one on the right."""

    def __init__(
        self, context: Context, own_name: str, on_trouble: Callable[[Trouble], object]
    ) -> None:
        """Start empty; `refresh` asks faces."""
        super().__init__()
        self.setObjectName("page")
        self._context, self._words, self._on_trouble = context, context.texts, on_trouble
        self._own_name = own_name
        words = self._words
        self.banner = Banner(words("close"))
        self._list = column(gap=10)
        accounts = QWidget()
        accounts.setObjectName("scrolled")
        accounts.setLayout(column(self._list, 1))
        self._name = Field(words("staff_name"), "new_staff_name")
        self._code = Field(words("staff_code"), "new_staff_code")
        self._code.line.setEchoMode(QLineEdit.EchoMode.Password)
        self._role = Choice(words("role"), "new_staff_role")
        for role in StaffRole:
            self._role.addItem(words(f"role_{role.value}"), role.value)
        form = column(
            label(words("add_staff_title"), "large"),
            label(words("add_staff_text"), "quiet"),
            self._name,
            self._code,
            label(words("role"), "field"),
            self._role,
            button(words("add_staff"), self._add, kind="primary", name="add_staff"),
            1,
            gap=8,
        )
        side = card(form, margin=24)
        side.setFixedWidth(SIDE_WIDTH)
        both = row(scrolled(accounts), side, gap=20)
        both.setStretch(0, 1)
        top = label(words("nav_staff"), "title", wrap=False)
        whole = column(top, self.banner, both, gap=16, margin=theme.MARGIN)
        whole.setStretch(2, 1)
        self.setLayout(whole)

    def refresh(self) -> None:
        """Ask faces for the accounts."""
        self._context.worker.ask(
            lambda client, _lines: questions.staff(client),
            self._came,
            otherwise=self._on_trouble,
        )

    def focus_first(self) -> None:
        """Put the keys into the form."""
        self._name.line.setFocus()

    def _came(self, accounts: tuple[StaffAccount, ...]) -> None:
        clear(self._list)
        words = self._words
        managers = sum(account.role is StaffRole.MANAGER for account in accounts)
        for account in accounts:
            is_last = account.role is StaffRole.MANAGER and managers == 1
            who = column(
                label(account.name, "large"),
                label(words(f"role_{account.role.value}"), "quiet"),
                gap=2,
            )
            remove = button(
                words("remove_staff"),
                lambda name=account.name: self._ask_remove(name),  # type: ignore[misc]
                kind="danger",
                name=f"remove_{account.name}",
            )
            reason = words("own_account") if account.name == self._own_name else ""
            allow(remove, words("last_manager") if is_last else reason)
            line = row(who, remove)
            line.setStretch(0, 1)
            self._list.addWidget(card(line, margin=18))

    def _add(self) -> None:
        name, code = self._name.line.text().strip(), self._code.line.text()
        role = StaffRole(self._role.currentData())
        self._name.complain("" if name else self._words.problem("staff_name_missing"))
        self._code.complain("" if code else self._words.problem("staff_code_missing"))
        if not name or not code:
            return
        self._context.worker.ask(
            lambda client, _lines: questions.add_staff(client, name, code, role),
            self._added,
            otherwise=self._refused,
        )

    def _added(self, account: StaffAccount) -> None:
        self._name.line.clear()
        self._code.line.clear()
        self.banner.show_sentence(self._words("staff_added", name=account.name), tone="good")
        self.refresh()

    def _ask_remove(self, name: str) -> None:
        self.banner.show_sentence(
            self._words("remove_ask", name=name),
            self._words("remove_means"),
            tone="care",
            act=self._words("remove_yes"),
            on_act=lambda: self._remove(name),
        )

    def _remove(self, name: str) -> None:
        self._context.worker.ask(
            lambda client, _lines: questions.remove_staff(client, name),
            lambda _done: self.refresh(),
            otherwise=self._refused,
        )

    def _refused(self, trouble: Trouble) -> None:
        if trouble.code == "sign_in_needed":
            self._on_trouble(trouble)
            return
        said = self._words.trouble(trouble.code, trouble.message, trouble.mend)
        self.banner.show_sentence(said.what, said.mend)
