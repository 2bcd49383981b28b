"""Guided options, staff accounts and the customer's copy, against faces as a fake."""

from __future__ import annotations

import hashlib
import json
from contextlib import contextmanager

import pytest

import enrollment.cli
from enrollment.consent_copy import Agreement, code_content, write_copy
from kiosk.domain.mandate import MandateState
from kiosk.link.protocol import (
    Done,
    Enrolled,
    EnrolPerson,
    EnrolRefused,
    PersonSummary,
    ShowPerson,
)
from kiosk.link.staff_desk import (
    AddStaff,
    CapturedPose,
    ConsentShown,
    GetConsent,
    ListStaff,
    Rehearsal,
    RemoveStaff,
    StaffAccount,
    StaffAccounts,
    StaffRole,
)

ADD = ["add", "--name", "Ada", "--consent-version", "v2", "--phone", "07700900123"]
ADD += ["--pin", "135790", "--frames", "pictures"]
GUIDED = ["--guided", "--adult", "--signed", "Ada L", "--language", "de", "--rehearse"]
TEXT = ConsentShown("v2", "de", "# Titel\n\n## Teil\n- ein Punkt\nEin Satz.\n", "ab" * 32, ("de",))
ANNA = StaffAccount("anna", StaffRole.CLERK, "2026-11-28T14:00:00+00:00")
ADA = PersonSummary(
    "p1", "Ada", "••23", "starter@1", 4, "v2", "2026-11-28T14:00:00+00:00", "active"
)
ENROLLED = Enrolled(
    "p1",
    20,
    80,
    MandateState.ACTIVE,
    "••42",
    (CapturedPose("plain", 12), CapturedPose("glasses", 0, "not_seen")),
    "look_alike",
    Rehearsal(recognised=True, asked=("pin",), why=("look_alike",), score=0.9, seconds=1.5),
)


class FakeFaces:
    """A faces process that answers each kind of question with the same."""

    def __init__(self) -> None:
        self.asked = []
        self.enrolled = ENROLLED

    @contextmanager
    def open_installation(self, _data_dir, *, prompt=None):
        del prompt
        yield self

    @contextmanager
    def faces(self):
        yield self

    def call(self, message, expect, *, timeout_s=1.0, on_progress=None):
        del timeout_s, on_progress
        self.asked.append(message)
        answers = {
            EnrolPerson: self.enrolled,
            GetConsent: TEXT,
            ShowPerson: ADA,
            AddStaff: ANNA,
            ListStaff: StaffAccounts((ANNA,)),
            RemoveStaff: Done(),
        }
        answer = answers[type(message)]
        assert isinstance(answer, expect)
        return answer


@pytest.fixture
def faces(monkeypatch):
    fake = FakeFaces()
    monkeypatch.setattr(enrollment.cli, "open_installation", fake.open_installation)
    return fake


@pytest.fixture
def run(capfd, tmp_path):
    def run(*arguments, as_json=True):
        words = [*arguments, "--data", str(tmp_path / "data"), *(["--json"] if as_json else [])]
        code = enrollment.cli.enrol.main(words, standalone_mode=False)
        out, err = capfd.readouterr()
        return code, json.loads(out.splitlines()[-1]) if as_json else out, err

    return run


def test_every_option_of_the_window_is_one_of_the_command_line(faces, run):
    """Both send the same message."""
    code, result, _ = run(*ADD, *GUIDED, "--look-alike-of", "p7")

    (asked,) = faces.asked
    assert 0 == code
    assert (True, True, True, "de", "typed:Ada L", "p7") == (
        asked.guided,
        asked.adult,
        asked.rehearse,
        asked.language,
        asked.signature,
        asked.look_alike_of,
    )
    assert [
        {"pose": "plain", "samples": 12, "skipped": ""},
        {"pose": "glasses", "samples": 0, "skipped": "not_seen"},
    ] == result["poses"]
    assert ("look_alike", ["pin"]) == (result["pin_always"], result["rehearsal"]["asked"])


def test_staff_are_told_what_to_tell_the_customer(faces, run):
    """The twin's PIN and the rehearsal, in sentences."""
    _, said, _ = run(*ADD, *GUIDED, as_json=False)

    assert "both always need their PIN" in said
    assert "would have asked for pin" in said
    assert "Not seen: glasses." in said
    assert faces.asked


def test_a_look_alike_is_named_with_its_score(faces, run):
    """The person, the score and the threshold are for whoever decides."""
    faces.enrolled = EnrolRefused("look_alike", "p7 looks the same.", "p7", 0.71, 0.61)
    code, result, _ = run(*ADD)

    assert 1 == code
    assert ("p7", 0.71, 0.61) == (result["looks_like"], result["score"], result["threshold"])


def test_the_customers_copy_is_written_where_they_want_it(faces, run, tmp_path):
    """After the enrolment, never before; nobody else can read the file."""
    path = tmp_path / "copy.pdf"
    _, result, _ = run(*ADD, *GUIDED, "--copy", str(path))

    assert str(path) == result["copy"]
    assert path.read_bytes().startswith(b"%PDF")
    assert 0o600 == path.stat().st_mode & 0o777
    assert [EnrolPerson, GetConsent, ShowPerson] == [type(it) for it in faces.asked]


def test_the_copy_says_what_was_agreed_to(tmp_path):
    """Text, time, record and hashes; the typed name stands in the PDF, and not in the code."""
    agreement = Agreement(TEXT, "p1", "2026-11-28T14:00:00+00:00", "typed:Ada L")
    pages = write_copy(tmp_path / "copy.pdf", agreement, compressed=False)
    digest = hashlib.sha256(b"typed:Ada L").hexdigest()

    assert 1 == pages
    content = code_content(agreement)
    assert len(content) < 400
    assert "ab" * 32 in content
    assert digest in content
    assert "Ada" not in content
    assert "http" not in content


def test_staff_accounts_are_added_listed_and_removed(faces, run):
    """No answer holds a code."""
    account = {"name": "anna", "role": "clerk", "added_at": ANNA.added_at}
    assert (0, account) == _told(run("staff", "add", "anna", "--code", "anna-code"))
    assert (0, {"accounts": [account]}) == _told(run("staff", "list"))
    assert (0, {"removed": "anna"}) == _told(run("staff", "remove", "anna"))
    assert [
        AddStaff("anna", "anna-code", StaffRole.CLERK),
        ListStaff(),
        RemoveStaff("anna"),
    ] == faces.asked


def test_the_text_can_be_printed(faces, run):
    """What a customer reads, and what proves it."""
    _, result, _ = run("consent", "--language", "de")

    assert [GetConsent("de")] == faces.asked
    assert ("v2", "de", TEXT.text, TEXT.sha256) == tuple(
        result[key] for key in ("version", "language", "text", "sha256")
    )


def _told(ran):
    code, result, _ = ran
    return code or 0, result
