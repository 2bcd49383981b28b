"""Text, PDF and ESC/POS show the same receipt; nothing is cut, and nothing gets to the printer.

The golden files are written again by `SMILETILL_WRITE_GOLDEN=1`; look at the difference.
"""

from __future__ import annotations

import os
import re
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.money.receipts.escpos import render_escpos
from kiosk.money.receipts.layout import Banner, Code, Heading, Note, Pair, Rule, clean, wrap
from kiosk.money.receipts.pdf import render_pdf
from kiosk.money.receipts.text import WIDTHS, cells, render_text
from kiosk.money.receipts.texts import WORDS, Language
from tests.unit.money.receipts.sheets import SHEETS, rows

GOLDEN = Path(__file__).parent / "golden"
CONTROL = "\x1b@\x1bp\x00\x19\xfa\x1dV\x00\n\r\x07"
"""Reset, open the cash drawer, cut: what a till's line must not be able to say."""


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", SHEETS)
def test_text_looks_as_agreed(name, width):
    """The text of known receipts, to the letter."""
    file = GOLDEN / f"{name}-{width}.txt"
    text = render_text(rows(name), width)
    if os.environ.get("SMILETILL_WRITE_GOLDEN"):
        file.write_text(text)
    assert text == file.read_text()


texts = st.text(max_size=60) | st.text(string.printable, max_size=60)
amounts = st.integers(0, 10**12).map(lambda units: f"{units // 100}.{units % 100:02d} GBP")
any_row = st.one_of(
    texts.map(Heading), texts.map(Note), texts.map(Banner), st.just(Rule()), texts.map(Code),
    st.builds(Pair, texts, amounts, st.booleans()), st.builds(Pair, texts, texts),
)  # fmt: skip


@given(st.lists(any_row, max_size=12), st.sampled_from(WIDTHS))
def test_no_line_is_too_wide_and_no_amount_is_cut(given_rows, width):
    """Whatever a till writes: each line fits, and each amount stands whole at the right edge."""
    lines = render_text(given_rows, width).split("\n")
    assert max(map(cells, lines)) <= width
    for row in given_rows:
        if isinstance(row, Pair) and re.fullmatch(r"\d+\.\d\d GBP", row.right):
            assert any(line.endswith(f" {row.right}") and cells(line) == width for line in lines)


@given(st.lists(any_row, max_size=6), st.sampled_from(WIDTHS))
def test_nothing_but_our_own_commands_reaches_a_printer(given_rows, width):
    """The bytes between our commands are printable, whatever the till's lines hold."""
    plain = [row for row in given_rows if not isinstance(row, Code)]
    sent = render_escpos(plain, width)
    for command in (
        rb"\x1b@", rb"\x1bt\x13", rb"\x1b![\x00\x10]", rb"\x1bE[\x00\x01]", rb"\x1bd\x06\x1dV\x00"
    ):  # fmt: skip
        sent = re.sub(command, b"", sent)
    assert not set(sent) & (set(range(32)) - {10})


def test_a_line_cannot_send_commands():
    """Control characters become spaces in every kind of receipt."""
    row = Pair(f"Soup{CONTROL}x", "1.00")
    assert render_text([row], 32) == "Soup @ p ú V x              1.00\n"
    assert b"\x1bp" not in render_escpos([row], 32)


def test_escpos_bytes():
    """Reset, code page 858, bold state, pounds and umlauts of that page, QR code, cut."""
    sent = render_escpos(rows("paid", with_code=True), 42)

    assert sent.startswith(b"\x1b@\x1bt\x13")
    assert b"Gr\x81nen L\x94wen" in sent
    assert b"TOTAL                               \x9c51.45\n" in sent
    assert b"\x1b!\x10\x1bE\x01               *** PAID ***\n" in sent
    assert b"\x1d(k\x15\x001P0ABCDEFGHIJKLMNOP23" in sent
    assert sent.endswith(b"\x1dV\x00")
    assert b"\xd5" in render_escpos(rows("refunded-de"), 42)  # the euro


def test_escpos_keeps_its_columns_where_letters_are_replaced():
    """A character that the printer lacks is replaced before the line is measured."""
    sent = render_escpos([Pair("寿司 Łosoś ••42", "9.50")], 32)
    assert b"?? ?osos **42               9.50\n" in sent


def pdf_text(name):
    """What the page shows, read back from uncompressed content by the fonts' own tables."""
    raw = render_pdf(rows(name), language="en", compressed=False)
    shown = re.findall(rb"\(((?:\\.|[^()\\])*)\) Tj", raw)
    return raw, [re.sub(rb"\\([0-7]{3}|.)", b"?", piece).decode("latin-1") for piece in shown]


def test_pdf_shows_the_receipt():
    """Names, amounts, state and reference can be read from the page's content."""
    _, shown = pdf_text("paid")
    for piece in ("PAID", "TOTAL", "ABCDEFGHIJKLMNOP23", "44.00", "table-7-2026-07-01"):
        assert piece in shown
    # The pound is a code of the embedded font's own, so it reads back as an escape.
    assert any(re.fullmatch(r"\?51.45", piece) for piece in shown)


def test_pdf_is_the_same_each_time():
    """No time, no place, no random name: the same receipt is the same file."""
    raw, _ = pdf_text("unknown")
    assert raw == pdf_text("unknown")[0]
    assert render_pdf(rows("paid"), language="en") == render_pdf(rows("paid"), language="en")


def test_pdf_embeds_its_letters():
    """The fonts travel with the file, so that it looks the same everywhere; one page, 80 mm."""
    raw, _ = pdf_text("refunded-de")
    assert raw.count(b"/FontFile2") == 2
    assert raw.count(b"/Type /Page\n") == 1
    box = re.search(rb"/MediaBox \[ 0 0 ([\d.]+) ([\d.]+) \]", raw)
    assert float(box[1]) == pytest.approx(80 / 25.4 * 72, abs=0.01)


@given(st.lists(any_row.filter(lambda row: not isinstance(row, Code)), max_size=8))
def test_pdf_takes_whatever_a_till_writes(given_rows):
    """No text breaks the page."""
    assert render_pdf(given_rows, language="en").startswith(b"%PDF-")


@given(st.text(max_size=40), st.integers(1, 20))
def test_wrapping_loses_nothing(text, width):
    """Lines fit (a wide character on one column aside) and hold every character in order."""
    lines = wrap(text, width, cells)
    assert "".join(lines).replace(" ", "") == "".join(text.split())
    assert all(cells(line) <= max(width, 2) for line in lines)


@given(st.text(max_size=40))
def test_clean_text_is_one_harmless_line(text):
    """No control character, no line break, only what is allowed."""
    shown = clean(text, str.isascii)
    assert shown.isascii()
    assert not any(ord(char) < 32 or ord(char) == 127 for char in shown)


def test_all_languages_say_all_states():
    """Every state has its large letters in every language, and no two of them are the same."""
    for language in Language:
        states = WORDS[language].states
        assert len(set(states.values())) == len(states)
        assert WORDS[language].notes.keys() == states.keys()


def test_a_customer_gets_no_more_than_a_customer_needs():
    """How the payer was recognised and the bank's id are on the merchant's copy only."""
    customer, merchant = render_text(rows("paid"), 42), render_text(rows("refunded-de"), 42)
    assert "PIN" not in customer
    assert "pay-0001" not in customer
    assert "Gesicht, PIN" in merchant
    assert "pay-0001" in merchant
