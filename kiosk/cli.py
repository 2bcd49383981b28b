"""The door of the command line: finds the words, runs one, and turns errors into exit codes.

It knows no word itself. The words are entry points of the group `smiletill.commands`, loaded only
when they are used, so that `--help` costs neither OpenCV nor ONNX Runtime nor Qt and so that kiosk
never imports enrollment.

Exit codes: 0 ok, 1 the answer is no, 2 usage or bad input, 3 environment (and our own bugs, which
say that they are bugs), 130 interrupted.
Invariants: an error is one sentence on stderr, never a stack of frames, unless it is our bug; and
then the trace holds code positions only, because values in it could be somebody's name or PIN.
"""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import signal
import sys
import traceback
from collections.abc import Iterator, Sequence
from importlib.metadata import EntryPoint, entry_points, version
from typing import Any

import click

from kiosk.domain.errors import SetupError, SmileTillError
from models.errors import PackError

COMMAND_GROUP = "smiletill.commands"
PROGRAM = "smiletill"
EXIT_USAGE = 2
EXIT_ENVIRONMENT = 3
EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells report it
EXIT_BROKEN_PIPE = 141  # 128 + SIGPIPE, as shells report it
# Set to "full" to see the text of an unexpected exception. It may show what was typed.
TRACEBACK_VARIABLE = "SMILETILL_TRACEBACK"


def command_entry_points() -> dict[str, EntryPoint]:
    """Return the installed words by name, in alphabetical order."""
    found = {point.name: point for point in entry_points(group=COMMAND_GROUP)}
    return dict(sorted(found.items()))


def short_help_of(point: EntryPoint) -> str:
    """Return a word's first line of help by reading its source, without running it.

    Args:
        point: The entry point `module:attribute` of the word.

    Returns:
        The first docstring line of the function that became the command, else of its module,
        else an empty string (source not readable, or not there).
    """
    try:
        spec = importlib.util.find_spec(point.module)
        source = spec.loader.get_source(point.module) if spec and spec.loader else None  # type: ignore[attr-defined]
        tree = ast.parse(source or "")
    except (ImportError, AttributeError, SyntaxError, OSError):
        return ""
    commands = [
        node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == point.attr
    ]
    docstring = (ast.get_docstring(commands[0]) if commands else None) or ast.get_docstring(tree)
    return (docstring or "").partition("\n")[0]


class LazyCommands(click.Group):
    """A group whose words are imported one at a time, when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all words."""
        del ctx
        return list(command_entry_points())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one word.

        Raises:
            SetupError: The word is announced, but a part that it needs is missing.
        """
        del ctx
        point = command_entry_points().get(cmd_name)
        if point is None:
            return None
        try:
            command = point.load()
        except (ImportError, AttributeError) as error:
            raise SetupError(
                f"The word '{cmd_name}' cannot be loaded: {error}.",
                code="command_not_loadable",
                mend="Set the program up again: remove .venv and start ./run once more.",
            ) from error
        assert isinstance(command, click.Command), f"{point.value} is not a click command"
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of words with their first line of help, importing none of them."""
        del ctx
        points = command_entry_points()
        if points:
            with formatter.section("Commands"):
                formatter.write_dl([(name, short_help_of(point)) for name, point in points.items()])


@click.command(cls=LazyCommands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("smiletill"), prog_name=PROGRAM)
def smiletill() -> None:
    """Pay with a smile: faces without a network, money without a face."""


def _report(error: str, message: str, mend: str, *, as_json: bool) -> None:
    """Print one error for a person on stderr and, if asked, for a program on stdout."""
    click.echo(f"{PROGRAM}: {message} {mend}".rstrip(), err=True)
    if as_json:
        click.echo(json.dumps({"error": error, "message": message, "mend": mend}))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the error's chain of causes, the first cause first and the error itself last."""
    earlier = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if earlier is not None:
        yield from _causes(earlier)
    yield error


def _report_bug(error: BaseException, *, as_json: bool) -> None:
    """Print where we went wrong, without the values that were being handled."""
    show_text = os.environ.get(TRACEBACK_VARIABLE) == "full"
    for cause in _causes(error):
        name = type(cause).__name__
        click.echo("".join(traceback.format_tb(cause.__traceback__)), err=True, nl=False)
        click.echo(f"{name}: {cause}" if show_text else name, err=True)
    _report(
        "bug",
        "This is a mistake in SmileTill, not yours.",
        "Please report the lines above with the command's name and the version"
        f" ({version('smiletill')}); they hold no personal data.",
        as_json=as_json,
    )


def run_command(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; prints every error itself.

    Args:
        arguments: The words after the program's name.

    Returns:
        0, 1, 2, 3, 130 (interrupted) or 141 (nobody reads the output any more).
    """
    as_json = "--json" in arguments
    try:
        # Not standalone: click returns the word's return value, or the code given to ctx.exit().
        code: Any = smiletill.main(list(arguments), prog_name=PROGRAM, standalone_mode=False)
        sys.stdout.flush()
    except (SmileTillError, PackError) as error:
        _report(error.code, error.message, error.mend, as_json=as_json)
        return error.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return EXIT_USAGE
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx else PROGRAM
        _report("usage", error.format_message(), f"Try '{where} --help'.", as_json=as_json)
        return EXIT_USAGE
    except click.ClickException as error:
        _report("bad_input", error.format_message(), "", as_json=as_json)
        return EXIT_USAGE
    except (KeyboardInterrupt, click.Abort):
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # Python flushes stdout once more at exit; give it somewhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_BROKEN_PIPE
    except Exception as error:  # noqa: BLE001 - the last catch: report without values
        _report_bug(error, as_json=as_json)
        return EXIT_ENVIRONMENT
    return code if isinstance(code, int) else 0


def main() -> None:
    """Run the command line of this process and exit with its code."""
    # Everything we create is for this user only, whatever the shell's umask was.
    os.umask(0o077)
    # A polite end is an interruption too: what was started is stopped, what is temporary removed.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(run_command(sys.argv[1:]))
