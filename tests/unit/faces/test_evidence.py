"""Evidence of recognitions: kept without anything biometric, bounded, and never in the way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from kiosk.domain.identification import Decision, DecisionReason, Identification, Thresholds
from kiosk.domain.ids import OrderId, PackId, PersonId
from kiosk.faces.evidence import FILE_NAME, KEPT_DAYS, MatchEvidence

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
PACK = PackId("starter@1")
LIMITS = Thresholds(open=0.7, digits=0.6, pin=0.3, worst_open="asian")
VERDICT = Identification(
    Decision.IDENTIFIED, DecisionReason.CLEAR, PersonId("p-anne"), 0.81, None, LIMITS
)


@pytest.fixture
def book(tmp_path):
    return MatchEvidence(tmp_path / "evidence", lambda: NOON)


def test_what_is_kept_of_a_recognition(book, tmp_path):
    """Time, rounded scores, thresholds, codes, pack: and not whom."""
    book.keep(OrderId("o1"), VERDICT, PACK)
    told = book.of(OrderId("o1"))

    assert told == {
        "form": "1", "order": "o1", "at": "2026-11-23T12:00:00+00:00", "pack": "starter@1",
        "decision": "identified", "reason": "clear", "score": "0.81", "margin": "",
        "threshold_open": "0.70", "threshold_digits": "0.60", "threshold_pin": "0.30",
        "calibration": "asian",
    }  # fmt: skip
    file = tmp_path / "evidence" / FILE_NAME
    assert b"anne" not in file.read_bytes()
    assert file.stat().st_mode & 0o777 == 0o600


def test_the_last_recognition_of_an_order_counts(book):
    """And an order without one has nothing."""
    book.keep(OrderId("o1"), VERDICT, PACK)
    book.keep(OrderId("o1"), VERDICT, PackId("open@2"))

    assert book.of(OrderId("o1"))["pack"] == "open@2"
    assert book.of(OrderId("o2")) == {}


def test_what_is_too_old_or_too_much_goes_at_the_start(book, tmp_path):
    """After the time in which a payment can be disputed, and beyond the bound."""
    for name in ("o1", "o2", "o3"):
        book.keep(OrderId(name), VERDICT, PACK)
    few = MatchEvidence(tmp_path / "evidence", lambda: NOON, lines_max=2)
    assert [bool(few.of(OrderId(name))) for name in ("o1", "o2", "o3")] == [False, True, True]
    later = MatchEvidence(tmp_path / "evidence", lambda: NOON + timedelta(days=KEPT_DAYS + 1))

    assert later.of(OrderId("o3")) == {}


def test_a_line_that_was_cut_off_costs_no_other(book, tmp_path):
    """Nor does one of a later program."""
    book.keep(OrderId("o1"), VERDICT, PACK)
    file = tmp_path / "evidence" / FILE_NAME
    file.write_bytes(b'{"form":2,"news":1}\n' + file.read_bytes() + b'{"form":1,"ord\n')

    assert book.of(OrderId("o1"))["score"] == "0.81"


def test_a_disk_that_refuses_stops_nothing(tmp_path):
    """It is logged, and there is no evidence."""
    (tmp_path / "evidence").write_text("a file is in the way")
    book = MatchEvidence(tmp_path / "evidence", lambda: NOON)
    book.keep(OrderId("o1"), VERDICT, PACK)

    assert book.of(OrderId("o1")) == {}
