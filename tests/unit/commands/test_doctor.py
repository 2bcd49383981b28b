"""The word `doctor` prints findings for people and for programs, and answers yes or no."""

import json

import pytest

from kiosk import cli
from kiosk.commands import doctor as word
from tests.fakes.machine import FakeMachine


@pytest.fixture
def on_machine(monkeypatch):
    def use(machine):
        monkeypatch.setattr(word, "ThisMachine", lambda: machine)

    return use


def test_a_missing_camera_is_named_but_does_not_say_no(on_machine, capsys):
    """A folder of frames stands in for the camera in the sandbox."""
    on_machine(FakeMachine(devices={}))

    assert cli.run_command(["doctor"]) == 0

    text = capsys.readouterr().out
    assert "missing  No camera is connected." in text
    assert "-> Plug in a USB webcam" in text


def test_a_missing_key_is_a_no(on_machine, capsys):
    """Without a key nobody can pay: exit code 1, also for programs."""
    on_machine(FakeMachine(terminal=False))

    assert cli.run_command(["doctor", "--json"]) == 1

    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    checks = {check["name"]: check for check in report["checks"]}
    assert report["ok"] is False
    assert checks["store_key"]["state"] == "missing"
    assert checks["store_key"]["needed"] is True
    assert checks["camera"] == {
        "name": "camera",
        "state": "ok",
        "needed": False,
        "sentence": "A camera can be opened: /dev/video0.",
        "mend": "",
    }
