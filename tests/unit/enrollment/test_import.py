"""Importing a list: every row has one end, a stop loses nothing, and no cell gets into a file."""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path

import pytest

import enrollment.cli
from enrollment.import_list import ListBadError, read_list
from enrollment.import_state import ImportState, ImportStateError, Step
from kiosk.domain.errors import BadInputError, SetupError, SmileTillError
from kiosk.domain.mandate import MandateState
from kiosk.link.importing import ImportPerson
from kiosk.link.protocol import Enrolled, EnrolRefused

HEADING = "name,phone,pin,pictures,consent_given_at"


class FakeFaces:
    """Faces that enrols by number, and may be made to stop."""

    def __init__(self) -> None:
        self.phones: dict[str, str] = {}
        self.asked: list[ImportPerson] = []
        self.stops_after: int | None = None
        self.stops_before_answer = False

    @contextmanager
    def open_installation(self, _data_dir, *, prompt=None):
        assert prompt is None
        yield self

    @contextmanager
    def faces(self):
        yield self

    def call(self, message, expect, *, timeout_s=1.0, on_progress=None):
        if self.stops_after is not None and len(self.phones) >= self.stops_after:
            raise SetupError("faces went away", code="link_down", mend="start it")
        self.asked.append(message)
        if message.name == "Too Simple":
            raise BadInputError("PIN", code="pin_bad", mend="another")
        if message.name == "Double":
            return EnrolRefused("duplicate", "p1 looks the same", "p1", 0.83, 0.6)
        if message.phone in self.phones:
            return EnrolRefused("phone_taken")
        self.phones[message.phone] = person = f"p{len(self.phones):016x}"
        if self.stops_before_answer:
            self.stops_before_answer = False
            raise SetupError("faces went away", code="link_down", mend="start it")
        assert expect == (Enrolled | EnrolRefused)
        return Enrolled(person, 1, 50, MandateState.ACTIVE, "••42")


@pytest.fixture
def faces(monkeypatch):
    fake = FakeFaces()
    monkeypatch.setattr(enrollment.cli, "open_installation", fake.open_installation)
    return fake


@pytest.fixture
def run(capfd, tmp_path):
    """Import a list of these rows; return exit code, result and the rows of the report."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(b"")
    list_file = tmp_path / "list.csv"

    def run(*rows, heading=HEADING, flags=()):
        list_file.write_text("\n".join([heading, *rows]) + "\n")
        words = ["import", str(folder), "--csv", str(list_file), "--consent-version", "v1"]
        words += ["--data", str(tmp_path / "data"), "--json", *flags]
        code = enrollment.cli.enrol.main(words, standalone_mode=False)
        result = json.loads(capfd.readouterr().out.splitlines()[-1])
        return code, result, json.loads(Path(result["report"][0]).read_text())["people"]

    return run


def row(number: int, name: str = "", **cells) -> str:
    told = {
        "name": name or f"Ada Lovelace-{number}",
        "phone": f"0770090{number:04d}",
        "pin": "135790",
        "pictures": "a.jpg",
        "consent_given_at": "2026-11-01",
        **cells,
    }
    return ",".join(told.values())


def files_of(tmp_path) -> str:
    return "".join(path.read_text() for path in (tmp_path / "data").rglob("*") if path.is_file())


def test_everybody_of_a_list_is_enrolled(faces, run, tmp_path):
    """With what the row says; nothing of it but its number is in a file afterwards."""
    code, result, rows = run(*(row(number) for number in range(3)))

    assert (0, 3, 3, 0) == (code, result["rows"], result["enrolled"], result["failed"])
    assert [2, 3, 4] == [it["row"] for it in rows]
    assert ("2026-11-01", "v1") == (
        faces.asked[0].consent_given_at,
        faces.asked[0].consent_version,
    )
    assert (str(tmp_path / "pictures" / "a.jpg"),) == faces.asked[0].pictures
    written = files_of(tmp_path)
    assert "enrolled" in written
    for cell in ("Lovelace", "0770090", "135790", "a.jpg"):
        assert cell not in written


def test_a_row_that_fails_does_not_stop_the_others(faces, run, tmp_path):
    """The report says which and why, with the score of whoever looks the same."""
    code, result, rows = run(
        row(1),
        row(2, "Too Simple"),
        row(3, "Double"),
        row(4, consent_given_at=""),
        row(5, pictures="../elsewhere.jpg"),
        row(6, pictures="b.jpg"),
        row(7),
    )

    assert 1 == code
    reasons = ["", "pin_bad", "duplicate", "consent_given_at_missing", "pictures_elsewhere"]
    assert [*reasons, "no_picture", ""] == [it["reason"] for it in rows]
    assert 0.83 == rows[2]["score"]
    assert {"pin_bad": 1, "duplicate": 1} == {
        key: count for key, count in result["reasons"].items() if key in {"pin_bad", "duplicate"}
    }


@pytest.mark.parametrize("cut_off", [False, True])
def test_a_stop_is_gone_on_with(faces, run, cut_off):
    """Nobody is sent twice, and whoever was enrolled while it stopped counts as enrolled."""
    rows = [row(number) for number in range(6)]
    faces.stops_after = None if cut_off else 3
    faces.stops_before_answer = cut_off
    with pytest.raises(SmileTillError):
        run(*rows)
    before = len(faces.phones)
    assert before == (1 if cut_off else 3)

    faces.stops_after = None
    code, result, told = run(*rows)

    assert (0, 6) == (code, result["enrolled"])
    assert 6 == len(faces.phones)
    assert (["before_the_stop"] if cut_off else [""]) == [told[0]["reason"]]
    asked = len(faces.asked)
    code, _, _ = run(*rows)
    assert (0, asked) == (code, len(faces.asked))


def test_failed_rows_are_tried_again_when_asked(faces, run):
    """Without the flag they stay as they are."""
    rows = [row(1), row(2)]
    faces.phones["07700900002"] = "p1"
    run(*rows)
    faces.phones.pop("07700900002")

    assert 1 == run(*rows)[0]
    assert 0 == run(*rows, flags=["--again"])[0]


@pytest.mark.parametrize(
    "text",
    [
        "name,phone\nAda,1\n",
        HEADING + ",shoe_size\n" + row(1) + ",42\n",
        HEADING + "\n",
        "name,name,phone,pin,pictures,consent_given_at\nA,B,1,2,3,4\n",
    ],
)
def test_a_file_that_is_no_list_is_refused(tmp_path, text):
    """Before anybody is brought in; no cell is repeated."""
    path = tmp_path / "list.csv"
    path.write_text(text)
    with pytest.raises(ListBadError) as raised:
        read_list(path)
    assert "Ada" not in str(raised.value)


def test_the_state_survives_a_torn_line_and_has_one_user(tmp_path):
    """What was cut off was not done; somebody else's state, or a second import, is refused."""
    with ImportState(tmp_path, "ab" * 32) as state:
        state.put(Step(2, "enrolled", person="p1"))
        state.put(Step(3, "begun"))
        with pytest.raises(ImportStateError), ImportState(tmp_path, "ab" * 32):
            pass
    (path,) = tmp_path.glob("*.jsonl")
    path.write_bytes(path.read_bytes()[:-4])

    with ImportState(tmp_path, "ab" * 32) as state:
        assert [2] == list(state.steps)
        state.put(Step(3, "failed", "no_face"))
    with ImportState(tmp_path, "ab" * 32) as state:
        assert "no_face" == state.steps[3].reason

    path.write_bytes(b'{"version": 9}\n')
    with pytest.raises(ImportStateError), ImportState(tmp_path, "ab" * 32):
        pass
