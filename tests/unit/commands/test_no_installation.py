"""A slip in --data: what only looks founds nothing, says so, and never answers for nobody."""

from __future__ import annotations

import json
from collections.abc import Iterator

import click
import pytest

from kiosk.cli import command_entry_points, run_command

FOUNDING = {
    # What these keep, bring or start is meant for an installation that may be new.
    *("demo", "run", "pay", "enrol add", "enrol gui", "enrol import", "enrol staff add"),
    *("backup restore", "keys seal-tpm", "bank sandbox serve"),
    *("money till add", "money bank import", "money bank account"),
    *("models install", "models use"),
    # These ask what a new installation would lack, or only which packs there are.
    *("doctor", "backup verify"),
    *(f"bench {word}" for word in ("detect", "identify", "liveness", "smile", "pipeline")),
}
FOLDER_ONLY = {
    # They tell what holds before the first start too, or miss the journal by a word of their own,
    # but only of a folder that is there.
    *("money orders", "money find", "money totals", "money open", "money receipt"),
    *("money journal verify", "money journal export", "money bank show"),
    *("models list", "models verify", "models licences", "models calibrate"),
    *("policy show", "policy trial", "dpia"),
    *("money till list", "money till remove", "money till fingerprint"),
    *(f"bank sandbox {word}" for word in ("oracle", "fault", "clock", "consent")),
    *(f"bank sandbox {word}" for word in ("ladder", "tokens", "requests")),
}


def words_below(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield every word that takes --data."""
    if isinstance(command, click.Group):
        for name, child in command.commands.items():
            yield from words_below(child, (*path, name))
    elif any(parameter.name == "data_dir" for parameter in command.params):
        yield path


EVERY_WORD = [
    path
    for name, point in command_entry_points().items()
    for path in words_below(point.load(), (name,))
]
LOOKING = [path for path in EVERY_WORD if " ".join(path) not in FOUNDING]


@pytest.mark.parametrize("word", LOOKING, ids=" ".join)
def test_a_slip_in_the_folder_is_named_and_founds_nothing(word, tmp_path, capsys):
    """Exit code 2 with a sentence that names the folder, and the folder is not made."""
    slip = tmp_path / "typo"
    code = run_command([*word, "--data", str(slip), "--json"])
    told = json.loads(capsys.readouterr().out)

    expected = "data_dir_missing" if " ".join(word) in FOLDER_ONLY else "installation_missing"
    assert (2, expected) == (code, told["error"])
    assert str(slip) in told["message"]
    assert told["mend"]
    assert not slip.exists()


@pytest.mark.parametrize(
    "word", [path for path in LOOKING if " ".join(path) not in FOLDER_ONLY], ids=" ".join
)
def test_a_folder_without_an_installation_stays_empty(word, tmp_path, capsys):
    """Somebody's empty folder is no installation: not that of nobody, nor one without a key."""
    code = run_command([*word, "--data", str(tmp_path), "--json"])

    assert (2, "installation_missing") == (code, json.loads(capsys.readouterr().out)["error"])
    assert not list(tmp_path.iterdir())


def test_asking_for_the_banks_access_makes_no_key(tmp_path, capsys):
    """In a folder without an installation no bank is set up, and nothing is."""
    code = run_command(["money", "bank", "show", "--data", str(tmp_path), "--json"])

    assert (1, {"is_set": False}) == (code, json.loads(capsys.readouterr().out))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("word", [("models", "list"), ("policy", "show")], ids=" ".join)
def test_a_newcomer_may_look_before_anything_is_founded(word, tmp_path, capsys, monkeypatch):
    """Without --data the packs and the rules are told, and nothing is made."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))

    assert run_command([*word, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)
    assert not list(tmp_path.iterdir())
