"""The back office's words as an owner uses them, against running processes and the sandbox bank."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.cli import run_command
from kiosk.commands.money.staff import CODE_VARIABLE
from kiosk.sandbox.bank import oracle
from tests.e2e.conftest import Call, Smiletill
from tests.fakes.installation import enrol_without_camera, running
from tests.fakes.statement import Booked, as_camt, as_csv

PHONE, PIN = "447700900123", "135790"
STAFF = {CODE_VARIABLE: "4321"}


class Office:
    """One installation and the words spoken to it."""

    def __init__(self, data_dir: Path, smiletill: Smiletill) -> None:
        self.data_dir = data_dir
        self._smiletill = smiletill

    def money(self, *words: object, **environment: str) -> Call:
        return self._smiletill(
            "money", *words, "--data", self.data_dir, "--json", **{**STAFF, **environment}
        )

    def pay(self, order: str, amount: str) -> str:
        call = self._smiletill(
            *("pay", "--amount", amount, "--phone", PHONE, "--pin", PIN, "--order", order),
            *("--data", self.data_dir, "--json"),
        )
        return str(call.result["outcome"])

    def lose_answers(self) -> None:
        """Payments are executed and not answered, and cannot be looked up."""
        for method, after in (("POST", True), ("GET", False)):
            oracle.add_fault(
                self.data_dir,
                {
                    "kind": "status", "path": "/payments", "method": method, "times": 1_000,
                    "after_commit": after, "seconds": 0.0, "status": 503,
                },
            )  # fmt: skip

    def kinds(self) -> list[str]:
        return [item["kind"] for item in self.money("open").result["open"]]

    def reference(self, order: str) -> str:
        (found,) = self.money("find", "--order", order).result["payments"]
        return str(found["attempts"][-1]["reference"])


@pytest.fixture
def office(data_dir: Path, passphrase: Path, smiletill: Smiletill) -> Iterator[Office]:
    del passphrase
    (data_dir / "settings.toml").write_text(
        '[money]\nresolve_window_s = 1.5\n[screen.staff_codes]\nann = "4321"\n'
    )
    enrol_without_camera(data_dir, PHONE, PIN)
    with running(data_dir):
        yield Office(data_dir, smiletill)


def test_a_refund_from_the_asking_to_the_statement(office: Office, tmp_path: Path) -> None:
    """Only who has the code; never above the paid sum; a task until the statement has it."""
    assert office.pay("b1", "12.50") == "paid"
    ask = ("refund", "b1", "--amount", "5.00", "--reason", "cold", "--request", "q1")
    for staff, code in (("ann", "9999"), ("bob", "4321"), ("ann", "")):
        refused = office.money(*ask, "--staff", staff, **{CODE_VARIABLE: code})
        assert (refused.code, refused.result["error"]) == (2, "staff_refused")
    first = office.money(*ask, "--staff", "ann")
    again = office.money(*ask, "--staff", "ann")
    above = office.money("refund", "b1", "--amount", "7.51", "--staff", "ann")

    assert (first.code, first.result["refund"]["state"]) == (0, "pending")
    assert again.result == first.result
    assert (above.code, above.result["refusal"]) == (1, "above_paid")
    assert above.result["refundable_minor_units"] == 750
    assert office.kinds() == ["refund_task"]
    assert len(office.money("refunds", "b1").result["refunds"]) == 1

    file = tmp_path / "statement.xml"
    told = first.result["refund"]
    lines = (Booked(told["payment_reference"], 1_250), Booked(told["reference"], -500))
    file.write_bytes(as_camt(*lines))
    taken = office.money("statement", file, "--staff", "ann")
    assert (taken.code, taken.result["agrees"], taken.result["refund_done"]) == (0, 1, 1)
    assert office.kinds() == []
    totals = office.money("totals", "--day", "today").result
    assert totals["orders"]["paid"] == {"count": 1, "minor_units": 1_250}
    assert (totals["received"]["minor_units"], totals["net_minor_units"]) == (1_250, 750)

    rest = office.money("refund", "b1", "--staff", "ann").result["refund"]
    assert rest["minor_units"] == 750
    closed = office.money("refund-close", rest["number"], "done", "--staff", "ann")
    assert (closed.code, closed.result["refund"]["state"]) == (0, "done")
    nobodys = office.money("refund-close", 999, "done", "--staff", "ann")
    assert (nobodys.code, nobodys.result["error"]) == (2, "refund_unknown")
    the_export_is_tied_to_the_journal(office, tmp_path)


def the_export_is_tied_to_the_journal(office: Office, folder: Path) -> None:
    """Its last chain value is the one that `verify` names; nothing personal is in it."""
    facts = office.money("journal", "verify").result
    for kind in ("jsonl", "csv"):
        out = folder / f"journal.{kind}"
        done = office.money("journal", "export", "--out", out, "--format", kind)
        assert (done.code, done.result["chain"]) == (0, facts["chain"])
        assert "alias" not in out.read_text()
    rows = [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()]
    assert rows[-1]["chain"] == facts["chain"]


def test_an_unknown_payment_and_everything_that_ends_it(office: Office, tmp_path: Path) -> None:
    """Too early to decide, then the statement settles one and the bank contradicts staff."""
    office.lose_answers()
    assert office.pay("b1", "12.50") == "unknown"
    decided = office.money("decide", "b1", "not-paid", "--reason", "saw", "--staff", "ann")
    assert (decided.code, decided.result["refusal"]) == (1, "too_early")
    assert office.kinds() == ["unknown"]

    reference = office.reference("b1")
    off, right = tmp_path / "off.csv", tmp_path / "right.csv"
    off.write_bytes(as_csv(Booked(f"X {reference} Y", 1_249), Booked("RENT", -90_000)))
    right.write_bytes(as_csv(Booked(f"X {reference} Y", 1_250)))
    conflict = office.money("statement", off, "--staff", "ann")
    assert (conflict.code, conflict.result["amount_differs"]) == (1, 1)
    assert conflict.result["unknown_reference"] == 1
    item = conflict.result["told"][0]["line"]
    assert sorted(office.kinds()) == ["conflict", "unknown"]
    assert office.money("close-conflict", item, "--staff", "ann").code == 0

    settled = office.money("statement", right, "--staff", "ann")
    again = office.money("statement", right, "--staff", "ann")
    assert (settled.code, settled.result["settled"]) == (0, 1)
    assert (again.code, again.result["known_line"]) == (0, 1)
    assert office.kinds() == []
    (found,) = office.money("find", "--reference", reference).result["payments"]
    assert (found["order"], found["state"]) == ("b1", "paid")


@pytest.mark.parametrize(
    "words",
    [
        ("refund", "b1"), ("refund", "no such", "--staff", "ann"), ("totals", "--day", "noon"),
        ("totals", "--day", "9999-12-31"), ("find", "--day", "0001-01-01"),
        ("totals", "--since", "9999-12-31T23:59"),
        ("totals", "--until", "2026-11-23T12:00"), ("find", "--since", "2026"),
        ("find", "--amount", "x"), ("decide", "b1", "maybe", "--staff", "ann"),
        ("statement", "absent.csv", "--staff", "ann"), ("refund-close", "0", "done"),
    ],
)  # fmt: skip
def test_bad_input_is_told_before_anything_starts(
    data_dir: Path, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2 and one JSON line."""
    code = run_command(["money", *words, "--data", str(data_dir), "--json"])

    assert code == 2
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["mend"]


@pytest.mark.parametrize("word", ["open", "totals", "find", "journal"])
def test_without_a_journal_there_is_nothing_to_look_at(
    data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], word: str
) -> None:
    """Exit code 3, not an empty answer that looks like a quiet day."""
    more = ("export", "--out", str(tmp_path / "out")) if word == "journal" else ()
    code = run_command(["money", word, *more, "--data", str(data_dir), "--json"])

    assert code == 3
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told["error"] == "journal_absent"
