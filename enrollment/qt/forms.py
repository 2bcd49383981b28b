"""One form for each thing that is done to a record: what it asks, what it means, one button.

The customer's own PIN is asked for where the one who is signed in may not do it alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from PySide6.QtWidgets import QWidget

from enrollment.model.acts import Typed
from enrollment.model.people import Row
from enrollment.model.roles import Act
from enrollment.qt.context import Context
from enrollment.qt.controls import Banner, Choice, Field, button, card, column, label, row
from kiosk.domain.money import Money
from kiosk.domain.pin import PIN_DIGITS
from kiosk.link.desk_rights import PersonKept

SECRET = {"pin", "new_pin", "new_pin_again"}
FIELDS = {
    Act.LIMITS: ("per_payment", "per_day"),
    Act.PIN: ("new_pin", "new_pin_again"),
    Act.REPORT: (),
}
HARMFUL = {Act.ERASE}


class ActForm(QWidget):
    """A form in the place of the record.

    Args:
        context: Words.
        act: What is to be done.
        kept: The record.
        others: Everybody, for the question who really bought.
        pin_needed: The customer has to type their PIN.
        on_go: Called with what was typed, once nothing is wrong with it.
        on_back: Called when it is not to be done.
    """

    def __init__(
        self,
        context: Context,
        act: Act,
        kept: PersonKept,
        *,
        others: Sequence[Row],
        pin_needed: bool,
        on_go: Callable[[Typed], object],
        on_back: Callable[[], object],
    ) -> None:
        """Show what holds now."""
        super().__init__()
        self.setObjectName("page")
        self.act = act
        self._words = context.texts
        self._pin_needed, self._on_go = pin_needed, on_go
        self.banner = Banner(self._words("close"))
        self._fields = self._make_fields(kept)
        words = self._words
        self._order = Choice(words("which_order"), "form_order")
        self._really = Choice(words("who_bought"), "form_really")
        kind = "erase" if act in HARMFUL else "primary"
        self._go = button(words(f"{act.value}_go"), self.submit, kind=kind, name="form_go")
        back = button(words("back"), on_back, name="form_back")
        who = label(kept.name, "field", name="form_person")
        parts: list[QWidget] = [
            who,
            label(words(f"{act.value}_title"), "title", name="form_title"),
            label(words(f"{act.value}_means"), "quiet", name="form_means"),
        ]
        if act is Act.REPORT:
            parts += self._report_parts(kept, others)
        for field in self._fields.values():
            parts.append(field)
            field.line.returnPressed.connect(self.submit)
        inside = column(*parts, gap=10)
        inside.addSpacing(10)
        inside.addLayout(row(self._go, back, 1))
        box = card(inside)
        box.setMaximumWidth(640)
        line = row(box, 1)
        line.setStretch(0, 20)
        self.setLayout(column(self.banner, line, 1, gap=12))

    def focus_first(self) -> None:
        """Put the keys into the first entry, or on the button."""
        first = next(iter(self._fields.values()), None)
        if first is not None:
            first.line.setFocus()
        else:
            self._go.setFocus()

    def submit(self) -> None:
        """Hand over what was typed, or say what is wrong with it."""
        typed = self.typed()
        problems = typed.problems(self.act, pin_needed=self._pin_needed)
        for name, field in self._fields.items():
            code = problems.get(name, "")
            field.complain(self._words.problem(code) if code else "")
        if "order" in problems:
            self.banner.show_sentence(self._words.problem(problems["order"]))
        if problems:
            return
        self._go.setEnabled(False)
        self._on_go(typed)

    def typed(self) -> Typed:
        """Return what was typed."""
        values = {name: field.line.text().strip() for name, field in self._fields.items()}
        made = Typed(**values)
        if self.act is Act.REPORT:
            order = self._order.currentData() or self._order.currentText().strip()
            return replace(made, order=str(order), really=str(self._really.currentData() or ""))
        return made

    def refused(self, what: str, mend: str) -> None:
        """Say why it was not done; what was typed stays, but for the PIN."""
        self._go.setEnabled(True)
        if "pin" in self._fields:
            self._fields["pin"].line.clear()
        self.banner.show_sentence(what, mend)

    def _make_fields(self, kept: PersonKept) -> dict[str, Field]:
        words = self._words
        known = {}
        if kept.limits is not None:
            known = {
                "per_payment": _plain(kept.limits.per_payment),
                "per_day": _plain(kept.limits.per_day),
            }
        names = [*FIELDS.get(self.act, ())]
        if self._pin_needed:
            names.append("pin")
        made: dict[str, Field] = {}
        for name in names:
            title = words("customers_pin") if name == "pin" else words(name)
            made[name] = Field(title, f"form_{name}", text=known.get(name, ""))
            if name in SECRET:
                made[name].hide_what_is_typed()
                made[name].line.setMaxLength(PIN_DIGITS)
        return made

    def _report_parts(self, kept: PersonKept, others: Sequence[Row]) -> list[QWidget]:
        words = self._words
        self._order.setEditable(not kept.payments)
        for paid in kept.payments:
            when = f"{words.day(paid.at)} {paid.at[11:16]}"
            self._order.addItem(f"{when}   {words.amount(paid.amount)}", paid.order_id)
        self._really.addItem(words("not_known"), "")
        for one in others:
            if one.person != kept.person:
                self._really.addItem(f"{one.name}   {one.phone_hint}", one.person)
        return [
            label(words("which_order"), "field"),
            self._order,
            label(words("who_bought"), "field"),
            self._really,
        ]


def _plain(money: Money) -> str:
    return f"{money.minor_units // 100}.{money.minor_units % 100:02d}"
