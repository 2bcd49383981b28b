"""`smiletill enrol audit`: the verdict is the exit code, the export is CSV or JSON."""

from __future__ import annotations

import csv
import json
from contextlib import contextmanager

import pytest

import enrollment.cli
from kiosk.link.audit import AuditEntries, AuditEntry, AuditVerdict, ListAudit, VerifyAudit

ENTRIES = [
    AuditEntry(n, "2026-11-23T09:30:00+00:00", "uid 1000", "erase_person", "p1", {"outcome": "x"})
    for n in range(1, 6)
]


class FakeFaces:
    """A faces process with a log of five entries, of which it tells two at a time."""

    whole = True

    @contextmanager
    def open_installation(self, _data_dir, *, prompt=None):
        assert prompt is None
        yield self

    @contextmanager
    def faces(self):
        yield self

    def call(self, message, expect, *, timeout_s=1.0, on_progress=None):
        match message:
            case ListAudit(after):
                answer = AuditEntries(tuple(ENTRIES[after : after + 2]))
            case VerifyAudit():
                problems = () if self.whole else ("audit-000001.log: record 3 cannot be read",)
                answer = AuditVerdict(self.whole, 5, 1, problems=problems)
        assert isinstance(answer, expect)
        return answer


@pytest.fixture
def faces(monkeypatch):
    fake = FakeFaces()
    monkeypatch.setattr(enrollment.cli, "open_installation", fake.open_installation)
    return fake


def main(words):
    return enrollment.cli.enrol.main(words, standalone_mode=False) or 0


@pytest.mark.parametrize("whole", [True, False])
def test_the_verdict_is_the_exit_code(faces, capsys, tmp_path, whole):
    """Exit 0 for a whole log, 1 for any other, and the problems in words."""
    faces.whole = whole
    code = main(["audit", "verify", "--data", str(tmp_path), "--json"])
    told = json.loads(capsys.readouterr().out.splitlines()[-1])

    assert (0 if whole else 1, whole, whole) == (code, told["whole"], not told["problems"])


def test_the_export_holds_every_entry(faces, capsys, tmp_path):
    """As a file of either kind, or as JSON on the output."""
    for kind in ("csv", "json"):
        out = tmp_path / f"audit.{kind}"
        words = ["audit", "export", "--format", kind, "--out", str(out), "--json"]
        assert 0 == main([*words, "--data", str(tmp_path)])
        assert 5 == json.loads(capsys.readouterr().out.splitlines()[-1])["entries"]
    with (tmp_path / "audit.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))

    assert ["1", "2", "3", "4", "5"] == [row["n"] for row in rows]
    assert {"outcome=x"} == {row["detail"] for row in rows}
    assert "uid 1000" == json.loads((tmp_path / "audit.json").read_text())[4]["who"]

    assert 0 == main(["audit", "export", "--data", str(tmp_path), "--json"])
    assert 5 == len(json.loads(capsys.readouterr().out.splitlines()[-1])["entries"])
