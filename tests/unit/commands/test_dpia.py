"""The impact assessment says what the settings say, and what it was not told it does not say."""

from __future__ import annotations

import json

import pytest

from kiosk.commands.dpia import dpia, facts, text
from kiosk.commands.dpia.text import LEFT_TO_THE_OWNER, NOT_ASKED, render
from kiosk.domain.errors import BadInputError, SetupError
from kiosk.faces.evidence import KEPT_DAYS

SETTINGS = """
payee = "Trattoria Verde"
country_code = "39"
currency = "EUR"
claim = "first"
[money]
no_pin_ceiling_minor_units = 2_000
no_pin_day_minor_units = 4_000
[bank]
connector = "vrp"
url = "https://bank.example/vrp"
[till]
enabled = true
host = "192.0.2.7"
port = 9443
[screen]
staff_codes = { anna = "4711", ben = "8250" }
[keys]
source = "tpm"
[retention]
unused_months = 7
notice_days = 45
"""


@pytest.fixture
def run(capsys, tmp_path):
    def run(*words):
        dpia.main([*words, "--data", str(tmp_path), "--json"], standalone_mode=False)
        return json.loads(capsys.readouterr().out.splitlines()[-1])

    return run


def test_every_field_follows_the_settings(run, tmp_path):
    """Each setting that an assessment tells of changes the assessment."""
    plain = run()
    (tmp_path / "settings.toml").write_text(SETTINGS)
    told = run()
    follows = {
        "controller": "Trattoria Verde",
        "country_code": "39",
        "claim": "first",
        "no_pin_up_to": "20.00 EUR",
        "no_pin_a_day_up_to": "40.00 EUR",
        "till_interface": "192.0.2.7:9443",
        "screen_staff_codes": 2,
        "key_source": "tpm",
        "retention_unused_months": 7,
        "retention_notice_days": 45,
    }

    assert {key: told[key] for key in follows} == follows
    assert all(plain[key] != told[key] for key in follows)
    (bank,) = told["recipients"]
    assert (bank["who"], bank["where"]) == ("bank connector vrp", "https://bank.example/vrp")
    document = render(told)
    for shown in (
        "Trattoria Verde",
        "20.00 EUR",
        "192.0.2.7:9443",
        "always",
        "vrp",
        "tpm",
        "7 months unused and 45 days",
    ):
        assert shown in document
    assert "anna" not in document
    assert "4711" not in document


def test_the_pack_and_its_measured_errors_are_those_in_use(run):
    """Threshold and sets come from the pack's own calibration."""
    pack = run()["pack"]

    assert pack["id"].startswith("starter@")
    assert pack["worst_set"] in {one["set"] for one in pack["measured_on"]}
    assert pack["stranger_taken_for_somebody"] == 1e-3
    assert str(pack["threshold_open"]) in render(run())


def test_what_only_a_running_installation_knows_is_not_made_up(run):
    """No process is started for it."""
    told = run()

    assert (told["people"], told["staff_accounts"], told["network_of_faces"]) == (None,) * 3
    assert render(told).count(NOT_ASKED) == 3
    assert told["evidence_days"] == KEPT_DAYS
    assert f"{KEPT_DAYS} days" in render(told)


def test_what_a_running_installation_tells_is_a_number_and_no_name(monkeypatch, tmp_path):
    """People and staff are counted; faces says itself whether it has a network."""
    monkeypatch.setattr(
        facts,
        "_running",
        lambda _it: {"people": 41, "staff": {"clerk": 3, "manager": 1}, "network": "refused"},
    )
    document = render(facts.gather(tmp_path))

    assert "| People enrolled | 41 |" in document
    assert "| Staff accounts | 3 clerk, 1 manager |" in document
    assert "| Network of the process that sees faces | refused |" in document


def test_learning_from_visits_and_the_signature_are_among_the_data(run, tmp_path):
    """Off by default and said so; switched on it is data of its own, and a question more."""
    off = render(run())
    (tmp_path / "settings.toml").write_text("[packs]\nadapt = true\n")
    on = render(run())

    assert "(adaptive templates) | off |" in off
    assert "(adaptive templates) | on |" in on
    assert ("at most 4 | vault" in off, "at most 4 | vault" in on) == (False, True)
    assert on.count("- [ ] ") == off.count("- [ ] ") + 1
    assert "the signature, as drawn or typed" in off


def test_the_owner_is_told_what_is_left(run):
    """The questions that a program cannot answer stay open boxes."""
    document = render(run())

    assert document.count("- [ ] ") == len(LEFT_TO_THE_OWNER) == 7
    assert all(f"(Article 35(7)({letter})" in document for letter in "ab")
    assert len(text.RISKS) == 8


def test_it_is_written_to_a_file(run, tmp_path):
    """As Markdown; a file that cannot be written is an error with a mend."""
    out = tmp_path / "dpia.md"
    told = run("--out", str(out))

    assert told["file"] == str(out)
    assert out.read_text().startswith("# Data protection impact assessment: ")
    with pytest.raises(SetupError):
        run("--out", "/proc/dpia.md")
    with pytest.raises(BadInputError):
        run("--out", str(tmp_path / "none" / "dpia.md"))


def test_a_cell_never_breaks_its_table():
    """A name with a bar or a line break stays one cell."""
    assert "a\\|b c" in text._table(("x",), [("a|b\nc",)])
