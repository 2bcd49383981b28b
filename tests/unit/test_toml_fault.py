"""What is wrong in settings.toml or policy.toml is said with the line and the key."""

from __future__ import annotations

import pytest

from kiosk import settings
from kiosk.domain.errors import BadInputError
from kiosk.faces.screen.texts import LANGUAGES
from kiosk.money.banks.registry import CONNECTORS
from kiosk.settings import load_policy, load_settings

FAULTS = {
    "unknown at the top": ("foo = 1", "settings.toml, line 1, foo: there is no such key."),
    "unknown in a section": (
        '# mine\n\n[bank]\nconector = "vrp"',
        "settings.toml, line 4, bank.conector: there is no such key.",
    ),
    "unknown section": (
        "[banks]\nurl = ''",
        "settings.toml, line 2, banks: there is no such key.",
    ),
    "another type": (
        "payee = 'A'\n[retention]\nunused_months = '12'",
        "settings.toml, line 3, retention.unused_months: it must be a whole number, and is text",
    ),
    "dotted key": ("till.port = 'x'", "settings.toml, line 1, till.port: it must be a whole"),
    "a table's value": (
        "[bank.options]\nsandbox_card = 3",
        "settings.toml, line 2, bank.options: it must be text in quotes, and is a whole number.",
    ),
    "no such bank": (
        "[bank]\nconnector = 'piggy'",
        "settings.toml, line 2, bank.connector: connector must be one of cards, sandbox, vrp.",
    ),
    "no such language": (
        "[screen]\nlanguage = 'fr'",
        "settings.toml, line 2, screen.language: language must be de or en.",
    ),
    "rule": (
        "[till]\nenabled = true\nport = 99999",
        "settings.toml, line 3, till.port: till.host and till.port must name",
    ),
    "no currency": (
        "currency = 'pounds'",
        "settings.toml, line 1, currency: currency must be three capital letters",
    ),
    "less than nothing": (
        "[money]\nno_pin_ceiling_minor_units = -5",
        "settings.toml, line 2, money.no_pin_ceiling_minor_units: no_pin_ceiling_minor_units must",
    ),
    "no time": (
        "[money]\nno_pin_day_minor_units = 5\nresolve_window_s = -1.0",
        "settings.toml, line 3, money.resolve_window_s: resolve_window_s must be 0 to 60.",
    ),
    "rule of a section": (
        "[screen.staff_codes]\nada = '12'",
        "settings.toml, line 2, screen: a staff code must have 4 to 8 digits.",
    ),
    "no TOML": ("\npayee = 'x\n", "settings.toml, line 2: this is no TOML ("),
    "no end": ("\npayee = 'x", "settings.toml, line 2: this is no TOML ("),
}


@pytest.mark.parametrize(("text", "sentence"), FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_is_named_with_line_and_key(text, sentence, tmp_path):
    """Exit code 2, and whoever wrote the file finds the place."""
    (tmp_path / "settings.toml").write_text(text)

    with pytest.raises(BadInputError) as caught:
        load_settings(tmp_path)

    assert caught.value.message.startswith(sentence)
    assert caught.value.message.endswith(".")
    assert caught.value.exit_code == 2


def test_a_policys_fault_is_named_the_same_way(tmp_path):
    """The rows that ask are told too."""
    (tmp_path / "policy.toml").write_text("tries = 1\nfirst_visit_minor_unit = 5\n")

    with pytest.raises(BadInputError, match=r"policy\.toml, line 2, first_visit_minor_unit: the"):
        load_policy(tmp_path)


def test_bytes_that_are_no_text_and_a_folder_are_said(tmp_path):
    """A copy that went wrong is no mistake of ours."""
    (tmp_path / "settings.toml").write_bytes(b"payee = '\xff'")
    with pytest.raises(BadInputError, match="no text in UTF-8"):
        load_settings(tmp_path)
    (tmp_path / "policy.toml").mkdir()
    with pytest.raises(BadInputError, match=r"policy\.toml cannot be read"):
        load_policy(tmp_path)


def test_the_settings_know_the_banks_and_languages_that_there_are():
    """A new connector or language must be told to the settings, which refuse all others."""
    assert set(settings.CONNECTORS) == set(CONNECTORS)
    assert set(settings.LANGUAGES) == set(LANGUAGES)
