"""The fault script: what is read, in which order it strikes, and whether it executes first."""

from __future__ import annotations

import pytest

from kiosk.sandbox.bank.faults import (
    SCRIPT_LENGTH_MAX,
    Fault,
    FaultKind,
    FaultScript,
    apply_fault,
    read_fault,
)
from kiosk.sandbox.bank.wire import Answer, RequestError

RIGHT = Answer(
    201,
    {
        "payment_ref": "p1",
        "order_id": "o1",
        "key": "k1",
        "amount": {"minor_units": 5, "currency": "GBP"},
    },
)


def run(fault):
    """Apply a fault; returns the answer and what happened in which order."""
    log = []

    def execute():
        log.append("executed")
        return RIGHT

    answer = apply_fault(fault, execute, lambda seconds: log.append(f"waited {seconds:g}"))
    return answer, log


@pytest.mark.parametrize("path", ["/payments", "/payments/", "/"])
def test_a_path_covers_what_lies_below_it(path):
    """With or without its last stroke; the root covers everything."""
    script = FaultScript()
    script.add(Fault(FaultKind.HANG, path=path, times=2))

    assert script.take("POST", "/payments") is not None
    assert script.take("POST", "/payments/by-key/k") is not None


def test_entries_are_used_up_in_order():
    """Each entry strikes its number of matching requests, then the next one, then none."""
    script = FaultScript()
    script.add(Fault(FaultKind.GARBAGE, times=2))
    script.add(Fault(FaultKind.HANG, path="/mandates", method="GET"))
    script.add(Fault(FaultKind.STATUS))

    def take(method, path):
        fault = script.take(method, path)
        return None if fault is None else fault.kind

    assert script.pending() == 4
    assert take("GET", "/payments/by-key/k") is None
    assert take("GET", "/mandates/m1") is FaultKind.HANG
    assert take("POST", "/paymentsx") is None
    assert [take("POST", "/payments") for _ in range(4)] == [
        FaultKind.GARBAGE,
        FaultKind.GARBAGE,
        FaultKind.STATUS,
        None,
    ]


def test_script_is_bounded_and_can_be_cleared():
    """The script has a ceiling, and a cleared bank behaves."""
    script = FaultScript()
    for _ in range(SCRIPT_LENGTH_MAX):
        script.add(Fault(FaultKind.HANG))
    with pytest.raises(RequestError):
        script.add(Fault(FaultKind.HANG))
    script.clear()
    assert script.take("POST", "/payments") is None


@pytest.mark.parametrize(
    "found",
    [
        {},
        {"kind": "explode"},
        {"kind": []},
        {"kind": "slow", "seconds": -1},
        {"kind": "slow", "seconds": 31},
        {"kind": "slow", "seconds": True},
        {"kind": "status", "status": 200},
        {"kind": "hang", "times": 0},
        {"kind": "hang", "times": 1.0},
        {"kind": "hang", "path": "payments"},
        {"kind": "hang", "path": None},
        {"kind": "hang", "method": "PUT"},
        {"kind": "hang", "after_commit": 1},
        {"kind": "hang", "other": 1},
    ],
)
def test_bad_entries_are_refused(found):
    """A fault that does not exist is refused when it is scripted, not when it should strike."""
    with pytest.raises(RequestError):
        read_fault(found)


def test_entry_is_read_whole():
    """Every field of the JSON form arrives."""
    found = {"kind": "status", "path": "/mandates", "method": "GET", "times": 3}
    found |= {"after_commit": True, "seconds": 1, "status": 503}
    assert read_fault(found) == Fault(FaultKind.STATUS, "/mandates", "GET", 3, True, 1, 503)


@pytest.mark.parametrize(
    ("fault", "happened"),
    [
        (Fault(FaultKind.DROP_BEFORE), []),
        (Fault(FaultKind.DROP_AFTER_COMMIT), ["executed"]),
        (Fault(FaultKind.HANG), ["waited 60"]),
        (Fault(FaultKind.HANG, after_commit=True), ["executed", "waited 60"]),
    ],
)
def test_no_answer_at_all(fault, happened):
    """These close the connection; only the books know whether it was executed."""
    assert run(fault) == (None, happened)


def test_slow_before_and_after_commit():
    """A slow answer is right in the end, and waits on the chosen side of the commit."""
    assert run(Fault(FaultKind.SLOW, seconds=2)) == (RIGHT, ["waited 2", "executed"])
    late = Fault(FaultKind.SLOW, seconds=2, after_commit=True)
    assert run(late) == (RIGHT, ["executed", "waited 2"])


def test_status_before_and_after_commit():
    """A 5xx or 429 tells nothing about the commit; 429 says when to come back."""
    answer, happened = run(Fault(FaultKind.STATUS, status=503))
    assert (answer.status, happened) == (503, [])
    answer, happened = run(Fault(FaultKind.STATUS, status=429, after_commit=True))
    assert (answer.status, happened) == (429, ["executed"])
    assert answer.headers == (("Retry-After", "1"),)


def test_spoilt_and_swapped_answers():
    """These are executed; the answer is unreadable, cut, or about something else."""
    answer, happened = run(Fault(FaultKind.GARBAGE))
    assert happened == ["executed"]
    with pytest.raises(UnicodeDecodeError):
        answer.payload().decode()
    assert run(Fault(FaultKind.TRUNCATED))[0].cut
    assert run(Fault(FaultKind.OTHER_ORDER))[0].body["order_id"] != "o1"
    assert run(Fault(FaultKind.WRONG_AMOUNT))[0].body["amount"]["minor_units"] == 6
