"""Every word of the command line loads, explains itself and is written down for people."""

import re
import tomllib

import click
import pytest
from click.testing import CliRunner

from kiosk.cli import command_entry_points, short_help_of


def declared_words(repository) -> set[str]:
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    return set(project["entry-points"]["smiletill.commands"])


def leaves(name: str, command: click.Command) -> list[tuple[str, click.Command]]:
    """A command and all its sub-commands as (full name, command)."""
    if isinstance(command, click.Group):
        below = [leaves(f"{name} {sub}", it) for sub, it in command.commands.items()]
        return [(name, command), *(pair for pairs in below for pair in pairs)]
    return [(name, command)]


def test_installed_words_are_the_declared_ones(repository):
    """The virtual environment knows the same words as pyproject.toml."""
    assert set(command_entry_points()) == declared_words(repository)


@pytest.mark.parametrize("word", sorted(command_entry_points()))
def test_every_word_loads_and_answers_help(word):
    """Each entry point is a click command; it and its sub-words explain themselves."""
    command = command_entry_points()[word].load()
    assert isinstance(command, click.Command)

    for full_name, leaf in leaves(word, command):
        result = CliRunner().invoke(leaf, ["--help"], prog_name=f"smiletill {full_name}")
        assert result.exit_code == 0, full_name
        assert leaf.get_short_help_str(), f"{full_name} does not say what it does"


@pytest.mark.parametrize("word", sorted(command_entry_points()))
def test_every_word_has_a_line_in_the_list_of_words(word):
    """`smiletill --help` says what each word does, though it imports none."""
    assert short_help_of(command_entry_points()[word])


@pytest.mark.parametrize("word", sorted(command_entry_points()))
def test_every_word_is_written_down(repository, word):
    """README or docs name every word and every sub-word."""
    pages = [repository / "README.md", *sorted((repository / "docs").rglob("*.md"))]
    text = " ".join(page.read_text() for page in pages)

    unnamed = [
        full_name
        for full_name, _ in leaves(word, command_entry_points()[word].load())
        if not re.search(rf"smiletill {re.escape(full_name)}\b", text)
    ]

    assert unnamed == []
