"""What all words share: where an installation lies, and how an answer is printed."""

import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from kiosk.commands.common import data_option, default_data_dir, emit, json_option
from kiosk.domain.errors import SetupError


@click.command()
@data_option
@json_option
def word(data_dir, as_json):
    emit({"dir": str(data_dir)}, as_json, f"It is in\n{data_dir}")


def test_the_installation_follows_xdg(monkeypatch):
    """XDG_DATA_HOME decides, and a relative one is ignored."""
    monkeypatch.setenv("HOME", "/house/somebody")

    monkeypatch.setenv("XDG_DATA_HOME", "/elsewhere")
    assert default_data_dir() == Path("/elsewhere/smiletill")
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    assert default_data_dir() == Path("/house/somebody/.local/share/smiletill")


def test_without_a_home_the_mend_names_the_option(monkeypatch):
    """A service user without a home is told to name the folder."""

    def homeless():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setattr(Path, "home", homeless)

    with pytest.raises(SetupError) as caught:
        default_data_dir()

    assert caught.value.code == "no_home_directory"
    assert "--data" in caught.value.mend


def test_an_answer_is_words_or_one_json_object():
    """With --json the last line of stdout is the object, without it there is none."""
    runner = CliRunner()

    assert runner.invoke(word, ["--data", "/x"]).stdout == "It is in\n/x\n"
    assert json.loads(runner.invoke(word, ["--data", "/x", "--json"]).stdout) == {"dir": "/x"}


def test_an_answer_holds_plain_json_values_only():
    """NaN is no JSON; printing it would break whoever reads the report."""
    with pytest.raises(ValueError, match="JSON"):
        emit({"score": float("nan")}, True, "")
