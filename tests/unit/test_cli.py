"""The command line turns every ending into one sentence, one JSON object and one exit code."""

import json
from importlib.metadata import EntryPoint

import click
import pytest

from kiosk import cli
from kiosk.domain.errors import BadInputError, SetupError

SECRET = "135790"


def raising(error):
    @click.command()
    @click.option("--json", "as_json", is_flag=True)
    def word(as_json):
        raise error

    return word


@pytest.fixture
def with_word(monkeypatch):
    """Make the command line know exactly one word, `word`, with the given command."""

    def install(command):
        point = EntryPoint("word", "somewhere:word", cli.COMMAND_GROUP)
        monkeypatch.setattr(cli, "command_entry_points", lambda: {"word": point})
        monkeypatch.setattr(EntryPoint, "load", lambda self: command)

    return install


@pytest.mark.parametrize(("error_type", "code"), [(BadInputError, 2), (SetupError, 3)])
def test_an_error_of_the_world_is_one_sentence_and_its_exit_code(
    with_word, capsys, error_type, code
):
    """Stderr gets sentence and mend, stdout's last line the same as JSON."""
    with_word(raising(error_type("It is so.", code="so", mend="Do this.")))

    assert cli.run_command(["word", "--json"]) == code

    out, err = capsys.readouterr()
    assert err == "smiletill: It is so. Do this.\n"
    assert json.loads(out) == {"error": "so", "message": "It is so.", "mend": "Do this."}


def test_without_json_an_error_leaves_stdout_empty(with_word, capsys):
    """Somebody who pipes the answer does not get an error for one."""
    with_word(raising(SetupError("It is so.", code="so", mend="Do this.")))

    assert cli.run_command(["word"]) == 3
    assert capsys.readouterr().out == ""


def test_a_bug_shows_where_but_never_a_value(with_word, capsys):
    """Neither the text of the exception nor of its cause reaches the terminal."""
    error = ValueError(f"bad PIN {SECRET}")
    error.__cause__ = KeyError(SECRET)
    with_word(raising(error))

    assert cli.run_command(["word", "--json"]) == 3

    out, err = capsys.readouterr()
    assert SECRET not in out + err
    assert "KeyError" in err
    assert "ValueError" in err
    assert "in word" in err
    assert json.loads(out)["error"] == "bug"


def test_the_text_of_a_bug_is_shown_on_request(with_word, capsys, monkeypatch):
    """A developer can see the message, knowing what it may hold."""
    monkeypatch.setenv(cli.TRACEBACK_VARIABLE, "full")
    with_word(raising(ValueError(SECRET)))

    assert cli.run_command(["word"]) == 3
    assert SECRET in capsys.readouterr().err


def test_interrupting_is_quiet(with_word, capsys):
    """Ctrl-C ends with 130 and no trace."""
    with_word(raising(KeyboardInterrupt()))

    assert cli.run_command(["word"]) == 130
    assert capsys.readouterr().err.strip() == ""


@pytest.mark.parametrize(("answer", "code"), [(None, 0), (0, 0), (1, 1)])
def test_a_word_returns_its_exit_code(with_word, answer, code):
    """The answer "no" is exit code 1, not an error."""
    with_word(click.Command("word", callback=lambda: answer))

    assert cli.run_command(["word"]) == code


def test_an_unknown_word_is_a_usage_error(capsys):
    """It is named, with where to look, and as JSON when asked."""
    assert cli.run_command(["no-such-word", "--json"]) == 2

    out, err = capsys.readouterr()
    assert "no-such-word" in err
    assert json.loads(out)["error"] == "usage"


def test_no_word_at_all_shows_the_help(capsys):
    """The help is what one gets, and it is still not a success."""
    assert cli.run_command([]) == 2
    assert "Usage: smiletill" in capsys.readouterr().err


def test_a_word_whose_part_is_missing_breaks_only_itself(capsys, monkeypatch):
    """The others still work, and the sentence names the part."""
    absent = EntryPoint("absent", "kiosk.no_such_room:absent", cli.COMMAND_GROUP)
    points = {"absent": absent, "doctor": cli.command_entry_points()["doctor"]}
    monkeypatch.setattr(cli, "command_entry_points", lambda: points)

    assert cli.run_command(["absent"]) == 3
    assert "kiosk.no_such_room" in capsys.readouterr().err
    assert cli.run_command(["--help"]) == 0
    assert cli.run_command(["doctor", "--help"]) == 0


def test_short_help_prefers_the_command_over_its_module(tmp_path, monkeypatch):
    """The line in the list is the one that the word's own --help begins with."""
    (tmp_path / "a_word.py").write_text(
        '"""The module."""\nraise SystemExit\n\ndef word():\n    """The word.\n\n    More."""\n'
    )
    monkeypatch.syspath_prepend(str(tmp_path))

    assert cli.short_help_of(EntryPoint("word", "a_word:word", "g")) == "The word."
    assert cli.short_help_of(EntryPoint("word", "a_word:other", "g")) == "The module."
    assert cli.short_help_of(EntryPoint("word", "no_such_module:word", "g")) == ""
