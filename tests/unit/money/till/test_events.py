"""News as server-sent events: every change once, also after a lost connection or a restart."""

import http.client
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from kiosk.money.till import news as news_module
from kiosk.money.till import stream
from kiosk.money.till.access import TillRole
from kiosk.money.till.news import NewsDesk
from tests.fakes.bank import Fault
from tests.fakes.till import TillClient, TillRoom

EVENTS_S_MAX = 10.0


@contextmanager
def listening(till: TillClient, since: int | None = None) -> Iterator[http.client.HTTPResponse]:
    connection = till.connect()
    headers = {"Authorization": f"Bearer {till.key}"}
    if since is not None:
        headers["Last-Event-ID"] = str(since)
    connection.request("GET", "/v1/events", headers=headers)
    response = connection.getresponse()
    try:
        assert response.status == 200
        assert response.getheader("Content-Type", "").startswith("text/event-stream")
        yield response
    finally:
        response.close()
        connection.close()


def events(response: http.client.HTTPResponse, count: int) -> list[dict[str, Any]]:
    """Read so many events; `name` and `id` are added to their data."""
    found: list[dict[str, Any]] = []
    block: dict[str, str] = {}
    ends_at = time.monotonic() + EVENTS_S_MAX
    while len(found) < count:
        assert time.monotonic() < ends_at, f"only {len(found)} of {count} events came"
        line = response.readline().decode().rstrip("\n")
        if line:
            name, _, value = line.partition(": ")
            block[name] = value
            continue
        if "data" in block:
            data = json.loads(block["data"])
            found.append({**data, "name": block["event"], "id": block.get("id")})
        block = {}
    return found


def test_a_listener_hears_every_change_of_its_orders(tills: TillRoom):
    """Opened, sent, paid; the till its own, staff all; the ids are the journal's records."""
    with listening(tills.bar) as mine, listening(tills.tablet) as all_:
        tills.tablet.rest("POST", "/v1/orders", {"order_id": "T1", "amount": "1.00"})
        tills.tablet.rest("DELETE", "/v1/orders/T1")
        tills.bar.rest("POST", "/v1/orders", {"order_id": "A1", "amount": "12.50"})
        tills.money.pay("A1")
        own = events(mine, 3)
        every = events(all_, 5)

    assert [(it["order_id"], it["state"]) for it in own] == [
        ("A1", "open"), ("A1", "in_flight"), ("A1", "paid"),
    ]  # fmt: skip
    assert [(it["order_id"], it["state"]) for it in every[:2]] == [
        ("T1", "open"), ("T1", "cancelled"),
    ]  # fmt: skip
    assert every[2:] == own
    assert [int(it["id"]) for it in every] == sorted({int(it["id"]) for it in every})
    assert own[-1]["amount"] == "12.50"
    assert not own[-1]["late"]


def test_a_declined_try_is_news(tills: TillRoom):
    """At once, with its reason: nobody has to wait for the order's end to hear of it."""
    tills.money.bank.faults = [Fault.DECLINE]
    with listening(tills.bar) as stream_of_bar:
        tills.bar.rest("POST", "/v1/orders", {"order_id": "A1", "amount": "12.50"})
        tills.money.pay("A1")
        told = events(stream_of_bar, 3)

    assert [it["state"] for it in told] == ["open", "in_flight", "open"]
    assert told[-1]["reason"] == "insufficient_funds"


@pytest.mark.parametrize("restart", [False, True])
def test_a_listener_that_comes_back_has_missed_nothing(tills: TillRoom, restart):
    """It names the last record that it saw; also when the process was restarted meanwhile."""
    with listening(tills.bar) as first:
        tills.bar.rest("POST", "/v1/orders", {"order_id": "A1", "amount": "12.50"})
        (seen,) = events(first, 1)
    tills.money.pay("A1")
    tills.bar.rest("POST", "/v1/orders", {"order_id": "A2", "amount": "1.00"})
    if restart:
        tills.money.restart()
        tills.reopen()
    with listening(tills.bar, int(seen["id"])) as again:
        missed = events(again, 3)
        tills.bar.rest("DELETE", "/v1/orders/A2")
        (later,) = events(again, 1)

    assert [(it["order_id"], it["state"]) for it in missed] == [
        ("A1", "in_flight"), ("A1", "paid"), ("A2", "open"),
    ]  # fmt: skip
    assert (later["order_id"], later["state"]) == ("A2", "cancelled")


def test_a_late_outcome_is_news(tills: TillRoom):
    """An unknown payment that turns out to be paid is told, and marked as late."""
    tills.money.bank.faults = [Fault.NO_ANSWER] * 10
    tills.money.bank.reachable = False
    tills.bar.rest("POST", "/v1/orders", {"order_id": "A1", "amount": "12.50"})
    with listening(tills.bar) as listener:
        tills.money.pay("A1")
        before = events(listener, 2)
        tills.money.bank.reachable = True
        tills.money.clock.pass_ms(120_000)
        tills.money.reconcile()
        (late,) = events(listener, 1)

    assert [it["state"] for it in before] == ["in_flight", "unknown"]
    assert (late["state"], late["late"]) == ("paid", True)


def test_whoever_missed_too_much_is_told_so(tills: TillRoom, monkeypatch):
    """A `reset` first: look at the orders; then what is still known."""
    monkeypatch.setattr(news_module, "NEWS_KEPT", 2)
    tills.reopen()
    for number in range(3):
        tills.bar.rest("POST", "/v1/orders", {"order_id": f"A{number}", "amount": "1.00"})
        tills.bar.rest("DELETE", f"/v1/orders/A{number}")
    tills.reopen()
    with listening(tills.bar, 1) as listener:
        found = events(listener, 3)

    assert [it["name"] for it in found] == ["reset", "order", "order"]
    assert [it["state"] for it in found[1:]] == ["open", "cancelled"]


def test_listeners_are_bounded_and_the_stop_lets_them_go(tills: TillRoom, monkeypatch):
    """One more than the bound is 503; at the stop every stream ends by itself."""
    monkeypatch.setattr("kiosk.money.till.app.LISTENERS_MAX", 1)
    with listening(tills.bar) as listener:
        listener.readline()
        assert tills.bar.rest("GET", "/v1/events").status == 503
        stopping = threading.Thread(target=tills.server.stop)
        stopping.start()
        assert b"data" not in listener.read()
        stopping.join(10)
        assert not stopping.is_alive()


def test_a_silent_stream_shows_that_it_lives(tills: TillRoom, monkeypatch):
    """A comment now and then, so that nobody in between hangs up."""
    monkeypatch.setattr(stream, "KEEP_ALIVE_S", 0.05)
    with listening(tills.bar) as listener:
        lines = [listener.readline() for _ in range(6)]

    assert lines.count(b": here\n") == 2


def test_a_bad_last_event_id_is_refused(tills: TillRoom):
    """It is a number or left out."""
    for bad in ("x", "-1", "1" * 13, "\xb2"):
        assert tills.bar.send("GET", "/v1/events", Last_Event_ID=bad).status == 400
    assert tills.client("b", TillRole.TILL).rest("GET", "/v1/diagnosis").status == 200


def test_the_news_of_a_replay_is_the_news_of_the_run(tills: TillRoom):
    """Read from the journal anew, every change has the same number and state."""
    desk = NewsDesk(tills.money.service._ledger)
    live: list[object] = []
    desk.listen(live.append)
    before = tills.money.service._ledger.records
    tills.bar.rest("POST", "/v1/orders", {"order_id": "A1", "amount": "12.50"})
    tills.money.pay("A1")
    tills.tablet.rest(
        "POST",
        "/v1/orders/A1/refunds",
        {"staff": "ann", "code": "1234", "request_id": "r"},
    )
    tills.money.restart()

    assert list(NewsDesk(tills.money.service._ledger).since(before).news) == live
    assert len(live) >= 4
