"""A camera or a folder that is not there is told before a window opens or a process starts."""

from __future__ import annotations

import json

import pytest

from kiosk.cli import run_command
from kiosk.commands import run as word


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--frames", "/nowhere"), "The folder of frames does not exist."),
        (("--video", "/nowhere.mp4"), "The video file does not exist."),
        (("--simulated", "bogus"), "This is no scene that the simulated people can play."),
    ],
)
def test_a_terminal_does_not_open_before_a_camera_that_cannot_be(
    words, said, tmp_path, capsys, monkeypatch
):
    """Exit code 2 instead of a screen on which nothing is ever seen."""

    def opened(*_, **__):
        raise AssertionError

    monkeypatch.setattr(word, "open_installation", opened)
    data_dir = tmp_path / "data"

    assert 2 == run_command(["run", *words, "--data", str(data_dir)])
    assert capsys.readouterr().err.startswith(f"smiletill: {said}")
    assert not data_dir.exists()


def test_the_demo_finds_out_first_that_its_pictures_have_no_place(capsys):
    """Not after two minutes of story, and not as a mistake of ours."""
    assert 2 == run_command(["demo", "--headless", "--screenshots", "/proc/x", "--json"])
    assert json.loads(capsys.readouterr().out)["error"] == "folder_bad"
