"""Step 2: the customer reads notice and consent in their language, is 18, and signs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtGui import QFont, QTextBlockFormat, QTextCharFormat, QTextCursor, QTextDocument
from PySide6.QtWidgets import QButtonGroup, QStackedWidget, QTextBrowser, QWidget

from enrollment.model.draft import Draft, Entry, Step
from enrollment.qt import theme
from enrollment.qt.context import Context
from enrollment.qt.controls import Field, Tick, button, card, column, label, row
from enrollment.qt.drawn import SignaturePad
from kiosk.link.staff_desk import ConsentShown

LARGER = {1: 2, 2: 1}
"""How many sizes a heading of a level is above the text; Qt's own steps."""
TEXT = theme.BODY + 1
LINE_PER_CENT = 128.0
PARAGRAPH_GAP = 12.0


def space_out(document: QTextDocument) -> None:
    """Give a Markdown document the window's sizes, and room between its paragraphs."""
    block = document.begin()
    while block.isValid():
        level = block.blockFormat().headingLevel()
        cursor = QTextCursor(block)
        form = QTextBlockFormat()
        form.setLineHeight(LINE_PER_CENT, QTextBlockFormat.LineHeightTypes.ProportionalHeight.value)
        is_first = block.blockNumber() == 0
        form.setTopMargin(0.0 if is_first else PARAGRAPH_GAP * (2 if level else 0.5))
        form.setBottomMargin(PARAGRAPH_GAP * 0.5)
        cursor.mergeBlockFormat(form)
        cursor.movePosition(cursor.MoveOperation.EndOfBlock, cursor.MoveMode.KeepAnchor)
        letters = QTextCharFormat()
        letters.setProperty(QTextCharFormat.Property.FontSizeAdjustment, LARGER.get(level, 0))
        cursor.mergeCharFormat(letters)
        block = block.next()


class ConsentPage(QWidget):
    """The text on the left, the agreement on the right.

    Args:
        context: Words and sizes.
        draft: What is typed.
        on_language: Called with a language that the text can be read in.
        on_change: Called after every change of the draft.
    """

    def __init__(
        self,
        context: Context,
        draft: Draft,
        on_language: Callable[[str], object],
        on_change: Callable[[], object],
    ) -> None:
        """Show what was agreed to before."""
        super().__init__()
        self.setObjectName("page")
        self._words = context.texts
        self._draft = draft
        self._on_language = on_language
        self._on_change = on_change
        self._languages = row(gap=8)
        self._group = QButtonGroup(self)
        self.text = QTextBrowser()
        self.text.setObjectName("notice")
        self.text.setAccessibleName(self._words("consent_title"))
        self.text.setOpenLinks(False)
        self.text.document().setDocumentMargin(14)
        font = QFont(self.text.font())
        font.setPixelSize(TEXT)
        self.text.document().setDefaultFont(font)
        self.text.setPlainText(self._words("notice_loading"))
        heading = row(label(self._words("consent_title"), "large", wrap=False), 1, self._languages)
        reading = column(heading, self.text)
        reading.setStretch(1, 1)
        both = row(reading, self._agreement(), gap=24)
        both.setStretch(0, 5)
        both.setStretch(1, 4)
        both.setContentsMargins(0, 0, 0, 0)
        self.setLayout(both)

    def show_notice(self, notice: ConsentShown) -> None:
        """Show a text, and in what else it can be read."""
        self._draft.version, self._draft.language = notice.version, notice.language
        self.text.document().setMarkdown(notice.text)
        space_out(self.text.document())
        cursor = self.text.textCursor()
        cursor.movePosition(cursor.MoveOperation.Start)
        self.text.setTextCursor(cursor)
        if self._group.buttons():
            return
        for language in notice.languages:
            words = self._words(f"language_{language}")
            choice = button(
                words,
                partial(self._on_language, language),
                kind="choice",
                name=f"language_{language}",
            )
            choice.setCheckable(True)
            choice.setChecked(language == notice.language)
            self._group.addButton(choice)
            self._languages.addWidget(choice)

    def show_problems(self, problems: dict[Entry, str]) -> None:
        """Say what is missing."""
        sentences = [self._words.problem(code) for code in problems.values()]
        self._complaint.setText("\n".join(sentences))

    def step(self) -> Step:
        """Return which step this is."""
        return Step.CONSENT

    def focus_first(self) -> None:
        """Put the keys where reading begins."""
        self.text.setFocus()

    def _agreement(self) -> QWidget:
        words = self._words
        self._adult = Tick(words("adult"), "adult", checked=self._draft.adult)
        self._adult.toggled.connect(self._set_adult)
        self._pad = SignaturePad(self._draft.strokes, words("sign_here"), self._drawn)
        self._typed = Field(words("typed_name"), "typed_name", text=self._draft.typed_name)
        self._typed.line.textChanged.connect(self._set_typed)
        clear = button(words("sign_again"), self._pad.clear, kind="flat", name="sign_again")
        by_hand = QWidget()
        by_hand.setLayout(column(self._pad, row(1, clear), gap=0))
        by_keys = QWidget()
        by_keys.setLayout(column(self._typed, label(words("typed_means"), "small"), 1))
        self._ways = QStackedWidget()
        self._ways.addWidget(by_hand)
        self._ways.addWidget(by_keys)
        draw = button(words("sign_by_hand"), lambda: self._sign_by(0), kind="choice", name="draw")
        keys = button(words("sign_by_keys"), lambda: self._sign_by(1), kind="choice", name="type")
        ways = QButtonGroup(self)
        for number, choice in enumerate((draw, keys)):
            choice.setCheckable(True)
            choice.setChecked(number == int(self._draft.sign_by_typing))
            ways.addButton(choice)
        self._ways.setCurrentIndex(int(self._draft.sign_by_typing))
        self._complaint = label("", "complaint", name="consent_complaint")
        inside = column(
            label(words("agree_title"), "large"),
            label(words("agree_text"), "quiet"),
            self._adult,
            row(draw, keys, 1, gap=8),
            self._ways,
            self._complaint,
        )
        inside.setStretch(4, 1)
        return card(inside, margin=22)

    def _sign_by(self, way: int) -> None:
        self._ways.setCurrentIndex(way)
        self._draft.sign_by_typing = bool(way)
        if way:
            self._typed.line.setFocus()
        self._changed(Entry.SIGNATURE)

    def _set_adult(self, checked: bool) -> None:  # noqa: FBT001 - Qt's signal
        self._draft.adult = checked
        self._changed(Entry.ADULT)

    def _set_typed(self, text: str) -> None:
        self._draft.typed_name = text
        self._changed(Entry.SIGNATURE)

    def _drawn(self) -> None:
        self._changed(Entry.SIGNATURE)

    def _changed(self, entry: Entry) -> None:
        self._draft.touched(entry)
        self._on_change()
