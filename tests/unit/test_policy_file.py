"""policy.toml: what an owner may write, and what the shipped template says."""

from __future__ import annotations

import logging
from importlib import resources

import pytest

from kiosk.domain.errors import BadInputError
from kiosk.domain.money import Money
from kiosk.domain.stepup import TRIAL_LOGGER, Ask, StepUpPolicy
from kiosk.faces.main import TRIAL_LOG, note_trials, policy_of, policy_on_trial
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
    ("wrong", "said"),
    [
        ('claim = "never"', "claim: claim must be on_doubt or first"),
        ('first_visit = "face"', "first_visit: first_visit must be none, digits or pin"),
        ('long_absence = ""', "long_absence: long_absence must be none, digits or pin"),
        ('failed_tries = "PIN"', "failed_tries: failed_tries must be none, digits or pin"),
        ('liveness_unproven = "x"', "liveness_unproven: liveness_unproven must be none,"),
        ('sensor_degraded = "x"', "sensor_degraded: sensor_degraded must be none,"),
        ("first_visit_minor_units = -5", "first_visit_minor_units must be 0 to"),
        ("unproven_minor_units = -5", "unproven_minor_units must be 0 to"),
        ("turn_above_minor_units = -5", "turn_above_minor_units must be 0 to"),
        ("absence_days = 0", "absence_days must be 1 to"),
        ("tries = -1", "tries must be 0 to"),
        ('tries = "one"', "tries: it must be a whole number"),
        ("pin_always = false", "pin_always: there is no such key"),
        ("first_visit = [", "this is no TOML"),
    ],
)
def test_what_means_nothing_is_refused_by_key_and_line(tmp_path, wrong, said):
    """An owner's slip stops the start with a sentence; it is not read as something laxer."""
    (tmp_path / "policy.toml").write_text(f"# mine\n\n{wrong}\n", encoding="utf-8")

    with pytest.raises(BadInputError, match=r"^policy\.toml, line 3[,:]") as refused:
        load_policy(tmp_path)

    assert said in refused.value.message


@pytest.mark.parametrize("wrong", ['claim = "never"', "tries = [", "pin_always = false"])
def test_a_broken_policy_on_trial_stops_nothing(tmp_path, caplog, wrong):
    """It is only noted: payments go on by the policy in force, and whoever asks is told."""
    (tmp_path / "policy.toml").write_text("tries = 2\n", encoding="utf-8")
    (tmp_path / "policy-trial.toml").write_text(wrong, encoding="utf-8")

    with caplog.at_level(logging.WARNING):
        rules = policy_of(Settings(), tmp_path)

    assert (rules.tries_max, rules.trial) == (2, None)
    assert "policy-trial.toml, line 1" in caplog.text
    with pytest.raises(BadInputError, match=r"policy-trial\.toml, line 1"):
        policy_on_trial(Settings(), tmp_path)


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
