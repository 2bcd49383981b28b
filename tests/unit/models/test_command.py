"""The word `models` on the command line: answers, exit codes, and what goes to which stream."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from kiosk.commands.models import models
from models.errors import PackError, PackHashError
from models.manifest import SHIPPED_DIR, packs_dir

if TYPE_CHECKING:
    from pathlib import Path

STARTER = str(SHIPPED_DIR / "starter")


@pytest.fixture
def call(data_dir: Path, capsys: pytest.CaptureFixture[str]):
    """A function that runs `models …` and returns exit code, last JSON line and stderr."""

    def run(*words: str) -> tuple[int, dict[str, Any], str]:
        arguments = [*words, "--data", str(data_dir), "--json"]
        code = models.main(arguments, standalone_mode=False)
        out, err = capsys.readouterr()
        return code or 0, json.loads(out.splitlines()[-1]), err

    return run


def test_install_shows_progress_on_stderr_only(call, data_dir: Path) -> None:
    """Stdout is one JSON line; the bar is on stderr."""
    code, answer, err = call("install", "starter", "--from", STARTER)

    assert code == 0
    assert answer["installed"] == "starter@3"
    assert str(packs_dir(data_dir) / "starter") == answer["folder"]
    assert "100%" in err


def test_list_says_what_is_here_and_what_is_used(call) -> None:
    """A pack whose weights are absent is listed as not installed, without being a problem."""
    _, answer, _ = call("list")

    packs = {pack["name"]: pack for pack in answer["packs"]}
    assert answer["current"] == "starter"
    assert packs["starter"]["installed"]
    assert packs["starter"]["current"]
    assert not packs["mobileface"]["installed"]
    assert packs["mobileface"]["problem"] is None


def test_verify_answers_no_and_names_the_file(call, data_dir: Path, flip_byte) -> None:
    """A flipped byte makes `verify` exit 1 with and without the pack's name."""
    call("install", "starter", "--from", STARTER)
    assert call("verify")[0] == 0
    flip_byte(packs_dir(data_dir) / "starter" / "starter_smile_48.onnx")

    for words in (("verify",), ("verify", "starter")):
        code, answer, _ = call(*words)

        assert code == 1
        wrong = [file["file"] for file in answer["files"] if not file["ok"]]
        assert wrong == ["starter_smile_48.onnx"]


def test_use_refuses_a_damaged_pack(call, data_dir: Path, flip_byte) -> None:
    """A pack is chosen only after it verified."""
    call("install", "starter", "--from", STARTER)
    assert call("use", "starter")[1]["current"] == "starter"
    flip_byte(packs_dir(data_dir) / "starter" / "starter_smile_48.onnx")

    with pytest.raises(PackHashError):
        call("use", "starter")


def test_licences_of_every_file_are_printed(call) -> None:
    """Each file has licence, source and commit; each pack says whether it may be used in trade."""
    _, answer, _ = call("licences")

    assert {"mobileface@1", "starter@3"} <= {pack["id"] for pack in answer["packs"]}
    for pack in answer["packs"]:
        assert pack["commercial_use"] is True
        for file in pack["files"]:
            assert all(file[key] for key in ("file", "licence", "source", "commit"))


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("install", "nobody"), 2),
        (("install", "../x"), 2),
        (("install", "mobileface"), 3),
        (("verify", "mobileface"), 3),
        (("use", "mobileface"), 3),
    ],
)
def test_errors_carry_the_exit_code_of_the_contract(call, words, code: int) -> None:
    """A wrong name is bad input, a missing pack is the environment; both have a mend."""
    with pytest.raises(PackError) as caught:
        call(*words)

    assert code == caught.value.exit_code
    assert caught.value.mend
