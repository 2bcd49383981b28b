"""The word `enrol`: the contract's flags, keys and exit codes, against faces as a fake."""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path

import click
import pytest

import enrollment.cli
from enrollment import words
from kiosk.domain.errors import BadInputError, SmileTillError
from kiosk.domain.evidence import CameraKind, Reason
from kiosk.domain.mandate import MandateLimits, MandateState
from kiosk.domain.money import Money
from kiosk.link.protocol import (
    CameraSpec,
    Enrolled,
    EnrolPerson,
    EnrolRefused,
    Erased,
    ErasePerson,
    ListPeople,
    People,
    PersonSummary,
    Progress,
    ShowPerson,
)

ADA = PersonSummary(
    "p1", "Ada", "••23", "starter@1", 4, "v1", "2026-11-23T09:00:00+00:00", "active"
)
ADD = ["add", "--name", "Ada", "--consent-version", "v1", "--phone", "07700900123"]
ADD += ["--pin", "135790", "--frames", "pictures"]


class FakeFaces:
    """A faces process that says what the test wants and remembers what it was asked."""

    def __init__(self) -> None:
        self.answer = Enrolled("p1", 4, 80, MandateState.ACTIVE, "••42")
        self.asked = []
        self.data_dir = None
        self.prompt = None

    @contextmanager
    def open_installation(self, data_dir, *, prompt=None):
        self.data_dir, self.prompt = data_dir, prompt
        yield self

    @contextmanager
    def faces(self):
        yield self

    def call(self, message, expect, *, timeout_s=1.0, on_progress=None):
        self.asked.append(message)
        if on_progress is not None:
            on_progress(Progress("looking", 1, 3))
            on_progress(Progress("searching", 5, 0))
        if isinstance(self.answer, SmileTillError):
            raise self.answer
        assert isinstance(self.answer, expect)
        return self.answer


@pytest.fixture
def faces(monkeypatch):
    fake = FakeFaces()
    monkeypatch.setattr(enrollment.cli, "open_installation", fake.open_installation)
    return fake


@pytest.fixture
def run(capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        words = [*arguments, "--data", str(tmp_path / "data"), "--json"]
        code = enrollment.cli.enrol.main(words, standalone_mode=False)
        out, err = capfd.readouterr()
        return code, json.loads(out.splitlines()[-1]), err

    return run


def test_adding_answers_with_the_contracts_keys(faces, run, tmp_path):
    """Everything typed reaches faces, paths absolute; the answer has the named keys."""
    code, result, err = run(*ADD, "--pack", "starter")

    assert 0 == code
    expected = {"person": "p1", "samples": 4, "quality": 80}
    assert {**expected, "mandate": "active", "account_hint": "••42"} == result
    folder = CameraSpec(CameraKind.FRAME_FOLDER, path=str(tmp_path / "pictures"))
    wanted = EnrolPerson("Ada", "07700900123", "135790", "v1", folder, "starter", None)
    assert [wanted] == faces.asked
    assert tmp_path / "data" == faces.data_dir
    assert "taking samples" in err
    assert "Ada" not in err


@pytest.mark.parametrize(
    ("flags", "spec"),
    [
        (["--camera", "0"], CameraSpec(CameraKind.DEVICE, device=0)),
        (["--video", "/v.mp4"], CameraSpec(CameraKind.VIDEO_FILE, path="/v.mp4")),
        (["--frames", "/f"], CameraSpec(CameraKind.FRAME_FOLDER, path="/f")),
    ],
)
def test_each_kind_of_camera_can_be_named(faces, run, flags, spec):
    """Device 0 is a camera too."""
    run(*ADD[:-2], *flags)

    assert spec == faces.asked[0].camera


@pytest.mark.parametrize(
    ("flags", "code"),
    [
        ([], "camera_not_named"),
        (["--camera", "0", "--frames", "f"], "camera_not_named"),
        (["--camera", "-1"], "camera_bad"),
        (["--frames", "f", "--limit-per-payment", "abc"], "amount_bad"),
        (["--frames", "f", "--limit-per-day", "0"], "amount_zero"),
        (["--frames", "f", "--limit-per-payment", "90", "--limit-per-day", "80"], "limits_bad"),
    ],
)
def test_bad_input_is_refused_before_a_process_is_started(faces, run, flags, code):
    """A typing error costs nothing."""
    with pytest.raises(BadInputError) as caught:
        run(*ADD[:-2], *flags)

    assert code == caught.value.code
    assert faces.data_dir is None


@pytest.mark.parametrize(
    ("flags", "limits"),
    [
        ([], None),
        (["--limit-per-payment", "50", "--limit-per-day", "75.50"], (5_000, 7_550)),
        (["--limit-per-payment", "500"], (50_000, 50_000)),
        (["--limit-per-day", "60"], (6_000, 6_000)),
        (["--limit-per-day", "900"], (10_000, 90_000)),
    ],
)
def test_limits(faces, run, flags, limits):
    """One limit given alone pulls the other along where they would contradict."""
    run(*ADD, *flags)

    asked = faces.asked[0].limits
    assert limits == (asked and (asked.per_payment.minor_units, asked.per_day.minor_units))
    assert asked is None or isinstance(asked, MandateLimits)
    assert asked is None or isinstance(asked.per_day, Money)


@pytest.mark.parametrize("missing", ["--phone", "--pin"])
def test_without_a_terminal_a_missing_secret_is_named(faces, run, missing, monkeypatch):
    """Nobody is asked where nobody sits."""
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    at = ADD.index(missing)
    with pytest.raises(BadInputError) as caught:
        run(*ADD[:at], *ADD[at + 2 :])

    assert f"{missing[2:]}_missing" == caught.value.code


def test_at_a_terminal_number_and_pin_are_asked_for(faces, run, monkeypatch):
    """So that they need not stand in the list of processes."""
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    answers = {"Phone number": "07700900124", "PIN": "864201"}
    hidden = []
    monkeypatch.setattr(
        click, "prompt", lambda text, **kw: hidden.append(kw["hide_input"]) or answers[text]
    )
    at = ADD.index("--phone")
    run(*ADD[:at], *ADD[at + 4 :])

    assert ("07700900124", "864201") == (faces.asked[0].phone, faces.asked[0].pin)
    assert [False, True] == hidden
    assert faces.prompt is not None


def test_a_refusal_is_exit_1_with_its_reason(faces, run):
    """`person` is null, the reason is a code."""
    faces.answer = EnrolRefused("duplicate", "p2 looks the same.")

    code, result, _ = run(*ADD)

    assert 1 == code
    assert {"person": None, "reason": "duplicate", "detail": "p2 looks the same."} == result


def test_an_error_of_faces_arrives_as_itself(faces, run):
    """The door of the command line turns it into exit code and sentence."""
    faces.answer = BadInputError("no", code="consent_version_unknown", mend="yes")

    with pytest.raises(BadInputError) as caught:
        run(*ADD)
    assert "consent_version_unknown" == caught.value.code


def test_list_and_show(faces, run):
    """What staff may see, as JSON."""
    faces.answer = People((ADA,))
    code, result, _ = run("list")
    assert (0, ListPeople()) == (code, faces.asked[-1])
    assert ["p1"] == [person["person"] for person in result["people"]]

    faces.answer = ADA
    code, shown, _ = run("show", "p1")
    assert (0, ShowPerson("p1")) == (code, faces.asked[-1])
    assert result["people"][0] == shown
    assert {"name", "phone_hint", "pack", "state"} <= set(shown)


@pytest.mark.parametrize(
    ("found", "revoked", "exit_code"), [(0, True, 0), (3, True, 1), (0, False, 1)]
)
def test_erasing_answers_with_the_contracts_keys(faces, run, found, revoked, exit_code):
    """Exit 0 only when nothing was found and the bank has confirmed."""
    faces.answer = Erased(erased=True, bytes_found=found, mandate_revoked=revoked, certificate="c1")

    code, result, _ = run("erase", "p1")

    assert exit_code == code
    expected = {"erased": True, "bytes_found": found, "mandate_revoked": revoked}
    assert {**expected, "certificate": "c1"} == result
    assert [ErasePerson("p1")] == faces.asked


@pytest.mark.parametrize(
    ("flags", "camera", "motion"),
    [
        ([], CameraSpec(CameraKind.DEVICE, device=0), True),
        (["--frames", "/f", "--still"], CameraSpec(CameraKind.FRAME_FOLDER, path="/f"), False),
    ],
)
def test_the_window_is_opened_on_the_installation(
    faces, monkeypatch, tmp_path, flags, camera, motion
):
    """The till's first camera unless another is named; the window's end is the word's end."""
    from enrollment.qt import application as room

    opened = []
    monkeypatch.setattr(room, "application", lambda: None)
    monkeypatch.setattr(room, "open_window", lambda *these, **more: opened.append((these, more)))
    monkeypatch.setattr(room, "run_window", lambda _window: 0)
    faces.desk = object()
    words = ["gui", *flags, "--data", str(tmp_path), "--language", "de"]
    assert 0 == enrollment.cli.enrol.main(words, standalone_mode=False)

    [((desk, user, asked), more)] = opened
    assert (faces.desk, camera) == (desk, asked)
    assert faces.faces == user
    assert ("de", motion) == (more["language"], more["motion"])


@pytest.mark.parametrize("command", [[], ["add"], ["list"], ["show"], ["erase"]])
def test_every_word_has_help(command, capfd):
    """Each explains itself."""
    with pytest.raises(SystemExit) as ended:
        enrollment.cli.enrol.main([*command, "--help"])

    assert 0 == ended.value.code
    assert "Usage" in capfd.readouterr().out


def test_without_json_people_read_words(faces, capfd, tmp_path):
    """The same answers in sentences."""
    faces.answer = EnrolRefused("too_dark")
    data = ["--data", str(tmp_path)]
    assert 1 == enrollment.cli.enrol.main([*ADD, *data], standalone_mode=False)
    assert "more light" in capfd.readouterr().out

    faces.answer = People(())
    enrollment.cli.enrol.main(["list", *data], standalone_mode=False)
    assert "Nobody" in capfd.readouterr().out

    faces.answer = Erased(erased=True, bytes_found=0, mandate_revoked=False, certificate="c1")
    enrollment.cli.enrol.main(["erase", "p1", "--yes", *data], standalone_mode=False)
    out = capfd.readouterr().out
    assert "c1" in out
    assert "asked again" in out


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_of_the_eyes_has_words(reason):
    """No bare code reaches staff."""
    text = words.refusal(reason.value, "")

    assert "_" not in text
    assert reason.value in words.REFUSALS or reason.value in words.PROGRESS


def test_paths_do_not_depend_on_where_faces_runs(tmp_path, monkeypatch):
    """A relative folder is made absolute where it was typed."""
    monkeypatch.chdir(tmp_path)
    spec = enrollment.cli.flow.camera_spec(None, None, Path("a/../b"))

    assert str(tmp_path / "a/../b") == spec.path


def test_without_a_terminal_nobody_is_erased_unless_it_is_said(faces, tmp_path):
    """The end of a pipe is no yes; `--yes` and `--json` are."""
    data = ["--data", str(tmp_path)]

    with pytest.raises(BadInputError) as refused:
        enrollment.cli.enrol.main(["erase", "p1", *data], standalone_mode=False)

    assert refused.value.code == "yes_missing"
    assert faces.asked == []
