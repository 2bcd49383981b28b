"""The sandbox for cards keeps its promises: one key, one charge; one book; no number typed in."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from kiosk.money.banks.cards.webhook import Delivery, check_delivery
from kiosk.sandbox.cards import oracle
from tests.fakes.cards_process import CardsProcess
from tests.fakes.cards_service import KEYS, CardsService


@pytest.fixture
def service(tmp_path):
    found = CardsService(tmp_path)
    yield found
    found.close()


def call(service, method, path, key=None, token=KEYS.api, **fields):
    headers = {"Authorization": f"Bearer {token}"}
    if key is not None:
        headers["Idempotency-Key"] = key
    where = {"params": fields} if method == "GET" else {"data": fields}
    return requests.request(method, service.url + path, headers=headers, timeout=10, **where)


@pytest.fixture
def customer(service):
    found = call(service, "POST", "/v1/customers").json()["id"]
    page = call(
        service, "POST", "/v1/checkout/sessions",
        mode="setup", customer=found, success_url="https://a.example",
    ).json()["url"]  # fmt: skip
    assert "4242" in requests.get(page, timeout=10).text
    assert requests.post(page, data={"card": "4242"}, timeout=10).status_code == 200
    return found


def charge(service, customer, key="k1", **changes):
    listed = call(service, "GET", f"/v1/customers/{customer}/payment_methods", type="card").json()
    fields = {
        "amount": 1_250, "currency": "gbp", "customer": customer, "confirm": "true",
        "payment_method": listed["data"][0]["id"], "off_session": "true",
        "metadata[order]": "order-1", **changes,
    }  # fmt: skip
    return call(service, "POST", "/v1/payment_intents", key, **fields)


def test_one_key_one_charge(service, customer):
    """The first answer is said again, with the header that says so; then the key is forgotten."""
    first, again = charge(service, customer), charge(service, customer)
    assert first.json() == again.json()
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert service.captures() == 1
    service.control("POST", "clock", offset_s=86_401)
    assert charge(service, customer).json()["id"] != first.json()["id"]


def test_declines_are_said_again_refusals_are_not_kept(service, customer):
    """A declined card stays declined for its key; a request with a mistake may be mended."""
    service.card(customer, "0002")
    assert charge(service, customer).status_code == 402
    service.card(customer, "4242")
    assert charge(service, customer).status_code == 402
    assert charge(service, customer, "k2", amount=1).status_code == 400
    assert charge(service, customer, "k2").status_code == 200
    assert service.captures() == 1


def test_another_request_under_a_key(service, customer):
    """It is an idempotency error, and nothing is charged."""
    charge(service, customer)
    other = charge(service, customer, amount=1_251)
    assert (other.status_code, other.json()["error"]["type"]) == (400, "idempotency_error")
    assert service.captures() == 1


def test_a_key_in_use(service, customer):
    """While the first request runs, the second is a conflict."""
    started = threading.Event()
    wait, pause = service.server.stopping.wait, threading.Event()

    def slow(seconds):
        started.set()
        return pause.wait(10)

    service.server.stopping.wait = slow
    service.fault("slow", seconds=1)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(charge, service, customer)
        assert started.wait(10)
        second = charge(service, customer)
        pause.set()
        assert first.result().status_code == 200
    service.server.stopping.wait = wait
    assert second.status_code == 409
    assert second.json()["error"]["code"] == "idempotency_key_in_use"
    assert service.captures() == 1


@pytest.mark.parametrize(
    ("method", "path", "fields", "status"),
    [
        ("GET", "/v1/nothing", {}, 404),
        ("POST", "/v1/nothing", {}, 404),
        ("GET", "/v1/payment_intents/pi_none", {}, 404),
        ("GET", "/v1/payment_intents", {"limit": 101}, 400),
        ("GET", "/v1/payment_intents/search", {"query": "x"}, 400),
        ("POST", "/v1/payment_intents", {"customer": "cus_none"}, 400),
        ("POST", "/v1/payment_intents", {"bogus": 1}, 400),
        ("POST", "/v1/customers", {"metadata": "x"}, 400),
        ("POST", "/v1/customers", {"a b": "x"}, 400),
        ("DELETE", "/v1/customers/cus_none", {}, 404),
    ],
)
def test_refusals(service, method, path, fields, status):
    """What cannot be done is refused with the service's error object."""
    answer = call(service, method, path, **fields)
    assert answer.status_code == status
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_who_may_speak(service):
    """Without the secret key nothing is told; the control side has a token of its own."""
    assert call(service, "GET", "/v1/events", token="sk_test_wrong").status_code == 401
    assert call(service, "GET", "/control/oracle").status_code == 401
    assert call(service, "GET", "/v1/events", token=KEYS.control).status_code == 401


def test_the_page_takes_one_test_card(service, customer):
    """No field for a number; once used, or with another card, it is closed or refused."""
    session = call(
        service, "POST", "/v1/checkout/sessions",
        mode="setup", customer=customer, success_url="javascript:alert(1)",
    ).json()  # fmt: skip
    page = requests.get(session["url"], timeout=10)
    assert "<input" not in page.text
    refused = requests.post(session["url"], data={"card": "4242424242424242"}, timeout=10)
    assert refused.status_code == 400
    assert "javascript" not in requests.post(session["url"], data={"card": "9995"}, timeout=10).text
    assert requests.post(session["url"], data={"card": "9995"}, timeout=10).status_code == 410


def test_lists_have_pages(service, customer):
    """Newest first, with a mark where the next page begins; the search lags behind."""
    made = [charge(service, customer, f"k{number}").json()["id"] for number in range(3)]
    first = call(service, "GET", "/v1/payment_intents", limit=2, customer=customer).json()
    rest = call(service, "GET", "/v1/payment_intents", limit=2, starting_after=made[1]).json()
    assert [it["id"] for it in first["data"]] == [made[2], made[1]]
    assert (first["has_more"], rest["has_more"]) == (True, False)
    assert [it["id"] for it in rest["data"]] == [made[0]]
    query = {"query": "metadata['order']:'order-1'"}
    service.control("POST", "search", lag_s=60)
    assert call(service, "GET", "/v1/payment_intents/search", **query).json()["data"] == []
    service.control("POST", "search", lag_s=0)
    assert len(call(service, "GET", "/v1/payment_intents/search", **query).json()["data"]) == 3


def test_webhooks_are_signed(service, customer):
    """What would be delivered carries a signature that the terminal's own check accepts."""
    found = service.control("POST", "webhook")
    payload, signature = found["payload"].encode(), found["signature"]
    at_s = int(signature.split(",")[0].removeprefix("t="))
    assert json.loads(payload)["object"] == "event"
    assert check_delivery(payload, signature, KEYS.webhook, at_s) is Delivery.GENUINE


def test_money_moves_are_never_edited(service, customer):
    """The oracle's rows can only be added to."""
    charge(service, customer)
    with pytest.raises(Exception, match="append-only"), service.books.transaction():
        service.books._db.execute("delete from moves")
    assert service.captures() == 1


def test_many_at_once_under_one_key(service, customer):
    """However many ask at once: one charge, and nobody is told anything else."""
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: charge(service, customer), range(24)))
    assert {it.status_code for it in answers} <= {200, 409}
    assert len({it.json()["id"] for it in answers if it.status_code == 200}) == 1
    assert service.captures() == 1


def test_a_process_that_is_killed_keeps_its_books(data_dir):
    """Books and keys stay; a second one at the same time refuses to start."""
    process = CardsProcess(data_dir)
    account = data_dir / "sandbox" / "cards" / "account.json"
    key = json.loads(account.read_text())["api_key"]
    assert oct(account.stat().st_mode)[-3:] == "600"
    assert oracle.is_running(data_dir)
    process.kill()
    assert not oracle.is_running(data_dir)
    assert oracle.sums(data_dir).captured == 0
    again = CardsProcess(data_dir)
    assert json.loads(account.read_text())["api_key"] == key
    assert again.stop() == 0
