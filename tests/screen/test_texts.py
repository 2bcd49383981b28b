"""Every reason that the code can give has words, in every language."""

from __future__ import annotations

import ast
import re

import pytest

from kiosk.domain.evidence import Reason
from kiosk.domain.money import Money
from kiosk.faces.screen.texts import LANGUAGES, Texts

SOURCES = (
    "kiosk/domain/session/machine.py",
    "kiosk/domain/session/asking.py",
    "kiosk/domain/session/ends.py",
    "kiosk/domain/stepup.py",
    "kiosk/domain/mandate.py",
    "kiosk/domain/payment/machine.py",
    "kiosk/money/engine.py",
    "kiosk/money/pin_desk.py",
    "kiosk/money/pin_counter.py",
    "kiosk/faces/money_link.py",
    "kiosk/faces/camera/device.py",
    "kiosk/faces/vision/room.py",
    "kiosk/faces/screen/session_model.py",
    "kiosk/faces/screen/fingers.py",
    "kiosk/faces/screen/customs.py",
    "kiosk/domain/own_data/machine.py",
    "kiosk/faces/screen/workers.py",
)
"""Modules whose words of this form are reasons that may reach a customer."""
NO_REASONS = {
    # names of messages, topics, keys and seals between threads and parts
    "close", "event", "next", "note", "outcome", "state", "open", "watch", "pause", "claim", "wipe",
    "stop", "request", "money", "camera", "vision", "link", "en", "de", "phone_digits", "pin",
    "turn",
    # what was done to one's own data: words of the screen
    "left", "lowered", "paused", "resumed",
    "mandate_", "active", "pending", "rejected", "suspended", "revoked", "expired",
    # errors of set-up, shown by the command line
    "pack_version_differs", "linux",
    # what a row of policy.toml may ask
    "none", "digits",
}  # fmt: skip
CODE = re.compile(r"[a-z]+(_[a-z]+)*_?")


def codes(repository, source: str) -> set[str]:
    tree = ast.parse((repository / source).read_text())
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and CODE.fullmatch(node.value)
    }


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("source", SOURCES)
def test_every_reason_in_the_code_has_sentences(repository, source, language):
    """A new code without words fails here, and not before a customer."""
    _, reasons = LANGUAGES[language]

    assert codes(repository, source) - NO_REASONS - set(reasons) == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_reason_of_the_eyes_and_of_the_bank_has_sentences(repository, language):
    """Frames that do not count, and refusals of a mandate or a bank."""
    _, reasons = LANGUAGES[language]
    eyes = {reason.value for reason in Reason}
    folder = repository / "kiosk/money/banks"
    table = "".join(file.read_text() for file in sorted(folder.rglob("*.py")))
    bank = set(
        re.findall(
            r'"((?:limit|mandate|insufficient|currency|declined|authentication|card)_[a-z_]+)"',
            table,
        )
    )
    # The connectors' own, about opening a mandate, and words of the card network that they read.
    bank -= {"mandate_not_found", "mandate_ref"}
    bank -= {"authentication_failed", "card_error", "card_velocity_exceeded"}

    assert eyes | bank <= set(reasons)
    assert len(bank) >= 8


def test_the_languages_say_the_same_things():
    """Same keys, and no sentence is empty but a mend that is not needed."""
    (words, reasons), *others = LANGUAGES.values()
    for other_words, other_reasons in others:
        assert set(other_words) == set(words)
        assert set(other_reasons) == set(reasons)
        for code, (what, mend) in other_reasons.items():
            assert what
            assert bool(mend) == bool(reasons[code][1])


def test_an_unknown_code_sends_to_staff():
    """Never an empty screen."""
    assert Texts("en").reason("news").mend == "Please ask staff."


@pytest.mark.parametrize(
    ("language", "money", "text"),
    [
        ("en", Money(123_456), "£1,234.56"),
        ("en", Money(5, "EUR"), "€0.05"),
        ("en", Money(1_000, "CHF"), "CHF\N{NO-BREAK SPACE}10.00"),
        ("de", Money(123_456, "EUR"), "1.234,56\N{NO-BREAK SPACE}€"),
        ("xx", Money(100), "£1.00"),
    ],
)
def test_sums_are_written_as_people_write_them(language, money, text):
    """By whole numbers only."""
    assert Texts(language).amount(money) == text
