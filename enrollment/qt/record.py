"""What is known of one person, in three parts: the record, the payments, the pictures."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QGridLayout,
    QHeaderView,
    QLabel,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from enrollment.model.acts import acts_for, notes_of
from enrollment.model.people import ACTIVE
from enrollment.model.roles import Act, why_not
from enrollment.qt import theme
from enrollment.qt.context import Context
from enrollment.qt.controls import allow, button, card, clear, column, label, row
from kiosk.link.desk_rights import PersonKept
from kiosk.link.staff_desk import StaffRole

FACTS = (
    "number", "since", "last_used", "account", "limits", "spent",
    "consent", "samples", "pack", "id",
)  # fmt: skip
SIDE_WIDTH = 300


class RecordPart(QWidget):
    """Facts on the left, what can be done on the right."""

    def __init__(self, context: Context, role: StaffRole, on_act: Callable[[Act], object]) -> None:
        """Start empty."""
        super().__init__()
        self.setObjectName("scrolled")
        self._words, self._role, self._on_act = context.texts, role, on_act
        self._notes = label("", "complaint", name="person_notes")
        self._facts: dict[str, QLabel] = {}
        grid = QGridLayout()
        grid.setHorizontalSpacing(28)
        grid.setVerticalSpacing(18)
        for place, key in enumerate(FACTS):
            self._facts[key] = label("", name=f"fact_{key}")
            cell = column(label(self._words(f"fact_{key}"), "field"), self._facts[key], 1, gap=3)
            grid.addLayout(cell, place // 2, place % 2)
        grid.setColumnStretch(0, 1)
        grid.setColumnStretch(1, 1)
        self._money = label(self._words("money_away"), "complaint", name="money_away")
        self._acts = column(gap=8)
        side = card(column(label(self._words("acts_title"), "large"), self._acts, 1), margin=20)
        side.setFixedWidth(SIDE_WIDTH)
        about = card(column(self._notes, self._money, grid, 1, gap=18))
        whole = row(about, side, gap=16)
        whole.setStretch(0, 1)
        self.setLayout(column(whole, 1))

    def show_kept(self, kept: PersonKept) -> None:
        """Show a record and what can be done in its state."""
        words = self._words
        notes = [words(f"note_{note}_text") for note in notes_of(kept)]
        self._notes.setText("\n".join(notes))
        self._notes.setVisible(bool(notes))
        self._money.setVisible(not kept.money_asked)
        limits, most = kept.limits, words("none_told")
        if limits is not None:
            most = words(
                "limits_are",
                payment=words.amount(limits.per_payment),
                day=words.amount(limits.per_day),
            )
        signed = words(f"signed_{kept.signature_kind}") if kept.signature_kind else ""
        spent = kept.spent_today
        values = {
            "number": kept.phone,
            "since": words.day(kept.enrolled_at),
            "last_used": words.day(kept.last_used) if kept.last_used else words("never"),
            "account": kept.account_hint or words("none_told"),
            "limits": most,
            "spent": words.amount(spent) if spent is not None else words("none_told"),
            "consent": words(
                "consent_is",
                version=kept.consent_version,
                day=words.day(kept.consent_given_at),
                signed=signed,
            ).rstrip(" ,"),
            "samples": words("samples_are", samples=kept.samples, quality=kept.quality),
            "pack": kept.pack,
            "id": kept.person,
        }
        for key, value in values.items():
            self._facts[key].setText(value)
        self._show_acts(kept)

    def _show_acts(self, kept: PersonKept) -> None:
        clear(self._acts)
        for act in acts_for(kept.state, paused=kept.paused):
            kind = "danger" if act is Act.ERASE else "plain"
            made = button(
                self._words(f"{act.value}_button"),
                lambda act=act: self._on_act(act),  # type: ignore[misc]
                kind=kind,
                name=f"act_{act.value}",
            )
            reason = why_not(self._role, act)
            sentence = self._words.problem(reason) if reason else ""
            allow(made, sentence)
            self._acts.addWidget(made)
        if any(why_not(self._role, act) for act in acts_for(kept.state, paused=kept.paused)):
            why = label(self._words("grey_means"), "small", name="grey_means")
            self._acts.addWidget(why)


class PaymentsPart(QWidget):
    """The newest payments, as a table."""

    COLUMNS = ("at", "amount", "outcome", "refunded", "order")

    def __init__(self, context: Context) -> None:
        """Start empty."""
        super().__init__()
        self.setObjectName("page")
        self._words = context.texts
        self._count = label("", "quiet", name="payments_count")
        self._table = QTableWidget(0, len(self.COLUMNS))
        self._table.setObjectName("payments")
        self._table.setAccessibleName(self._words("part_payments"))
        self._table.setHorizontalHeaderLabels([self._words(f"paid_{it}") for it in self.COLUMNS])
        self._table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self._table.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self._table.setShowGrid(False)
        self._table.setTabKeyNavigation(False)
        self._table.setWordWrap(False)
        self._table.verticalHeader().hide()
        self._table.verticalHeader().setDefaultSectionSize(context.sizes.touch)
        header = self._table.horizontalHeader()
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        whole = column(self._count, self._table, gap=8)
        whole.setStretch(1, 1)
        self.setLayout(whole)

    def show_kept(self, kept: PersonKept) -> None:
        """Show them."""
        words = self._words
        shown = len(kept.payments)
        self._count.setText(words("people_count", shown=shown, count=kept.payments_total))
        self._table.setRowCount(shown)
        for number, paid in enumerate(kept.payments):
            refunded = words.amount(paid.refunded) if paid.refunded.minor_units else ""
            cells = (
                f"{words.day(paid.at)} {paid.at[11:16]}",
                words.amount(paid.amount),
                words(f"outcome_{paid.outcome}"),
                refunded,
                paid.order_id,
            )
            for place, text in enumerate(cells):
                self._table.setItem(number, place, QTableWidgetItem(text))


def state_colour(state: str) -> str:
    """Return the colour of a state's word."""
    return theme.PAID if state == ACTIVE else theme.WRONG
