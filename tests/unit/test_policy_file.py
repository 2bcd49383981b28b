"""policy.toml: what an owner may write, and what the shipped template says."""

from __future__ import annotations

import logging
from importlib import resources

import pytest

from kiosk.domain.errors import BadInputError
from kiosk.domain.money import Money
from kiosk.domain.stepup import TRIAL_LOGGER, Ask, StepUpPolicy
from kiosk.faces.main import TRIAL_LOG, note_trials, policy_of
from kiosk.settings import MoneySettings, Settings, load_policy


def test_the_template_is_the_policy_as_shipped(tmp_path):
    """Every row of it stands for what is in force without a file."""
    text = resources.files("kiosk.commands").joinpath("texts/policy.toml").read_text("utf-8")
    (tmp_path / "policy.toml").write_text(text, encoding="utf-8")

    assert policy_of(Settings(), tmp_path) == policy_of(Settings(), tmp_path / "nowhere")
    assert policy_of(Settings(), tmp_path) == StepUpPolicy()


def test_sums_are_in_the_installations_currency(tmp_path):
    """A policy in pounds could not be compared with a bill in euros."""
    (tmp_path / "policy.toml").write_text("first_visit_minor_units = 900\n", encoding="utf-8")

    rules = policy_of(Settings(currency="EUR", money=MoneySettings()), tmp_path)

    assert rules.first_visit_max == Money(900, "EUR")
    assert rules.unproven_max.currency == rules.pin_rules.payment_max.currency == "EUR"


@pytest.mark.parametrize(
    "wrong",
    [
        'claim = "never"',
        'first_visit = "face"',
        "absence_days = 0",
        "tries = -1",
        "unproven_minor_units = -5",
        "pin_always = false",
        "first_visit = [",
    ],
)
def test_what_means_nothing_is_refused_with_the_files_name(tmp_path, wrong):
    """An owner's slip stops the start with a sentence; it is not read as something laxer."""
    (tmp_path / "policy.toml").write_text(wrong, encoding="utf-8")

    with pytest.raises(BadInputError, match=r"policy\.toml"):
        load_policy(tmp_path)


def test_a_policy_on_trial_stands_beside_the_one_in_force(tmp_path):
    """policy-trial.toml changes nothing but what is noted."""
    (tmp_path / "policy-trial.toml").write_text('failed_tries = "digits"', encoding="utf-8")

    rules = policy_of(Settings(), tmp_path)

    assert rules.failed_tries is Ask.PIN
    assert rules.trial is not None
    assert rules.trial.failed_tries is Ask.DIGITS


def test_notes_go_to_a_file_of_the_installation(tmp_path):
    """Nothing is written before there is something to note."""
    noter = logging.getLogger(TRIAL_LOGGER)
    before = list(noter.handlers)
    note_trials(tmp_path)
    (handler,) = [h for h in noter.handlers if h not in before]
    try:
        assert not (tmp_path / TRIAL_LOG).exists()
        noter.info("%s", "same asked=nothing would_ask=nothing")
    finally:
        noter.removeHandler(handler)
        handler.close()

    assert "same asked=nothing" in (tmp_path / TRIAL_LOG).read_text(encoding="utf-8")
