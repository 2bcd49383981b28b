"""What an answer means: only this very payment, wholly described, settles anything."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.domain.ids import IdempotencyKey, OrderId
from kiosk.domain.money import Money
from kiosk.money.banks.cards.client import Reply
from kiosk.money.banks.cards.meaning import Expected, of_intent, of_payment, of_refund
from kiosk.money.banks.exchange import Failure
from kiosk.money.banks.port import OutcomeKind

EXPECTED = Expected(IdempotencyKey("k"), OrderId("o"), Money(1_250))
GOOD = {
    "id": "pi_1", "object": "payment_intent", "amount": 1_250, "amount_received": 1_250,
    "currency": "gbp", "status": "succeeded", "metadata": {"key": "k", "order": "o"},
    "last_payment_error": None,
}  # fmt: skip
ERROR = {"type": "card_error", "code": "card_declined", "decline_code": "insufficient_funds"}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=5,
)


def test_the_payment_itself_settles():
    assert of_payment(Reply(200, GOOD), EXPECTED).kind is OutcomeKind.SETTLED


@pytest.mark.parametrize(
    "change",
    [
        {"id": "x"}, {"id": None}, {"object": "refund"}, {"amount": 1_251}, {"amount": 1_250.0},
        {"amount": True}, {"amount_received": 0}, {"currency": "eur"}, {"currency": None},
        {"status": "requires_capture"}, {"status": "new"}, {"status": None}, {"metadata": None},
        {"metadata": {"key": "other", "order": "o"}}, {"metadata": {"key": "k", "order": "x"}},
        {"metadata": {"key": "k"}}, {"status": "requires_payment_method"},
    ],
)  # fmt: skip
def test_anything_else_is_unknown(change):
    """One field that is not as asked, and nothing is known."""
    assert of_payment(Reply(200, GOOD | change), EXPECTED).kind is OutcomeKind.UNKNOWN


def test_a_decline_must_be_of_this_payment():
    """An error that carries another payment, or none, says nothing of ours."""
    declined = GOOD | {"status": "requires_payment_method"}
    right = Reply(402, {"error": ERROR | {"payment_intent": declined}})
    other = Reply(402, {"error": ERROR | {"payment_intent": declined | {"amount": 9}}})
    paid = Reply(402, {"error": ERROR | {"payment_intent": GOOD}})

    assert of_payment(right, EXPECTED).reason == "insufficient_funds"
    for reply in (other, paid, Reply(402, {"error": ERROR}), Reply(402, {})):
        assert of_payment(reply, EXPECTED).kind is OutcomeKind.UNKNOWN


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (400, {"type": "invalid_request_error"}, OutcomeKind.DECLINED),
        (401, {"type": "invalid_request_error"}, OutcomeKind.DECLINED),
        (400, {"type": "idempotency_error"}, OutcomeKind.UNKNOWN),
        (409, {"type": "idempotency_error"}, OutcomeKind.UNKNOWN),
        (429, {"type": "invalid_request_error"}, OutcomeKind.UNKNOWN),
        (500, {"type": "api_error"}, OutcomeKind.UNKNOWN),
        (404, {}, OutcomeKind.UNKNOWN),
        (302, {"type": "invalid_request_error"}, OutcomeKind.UNKNOWN),
    ],
)
def test_refusals(status, error, kind):
    """Only a refusal in the service's own words is one."""
    assert of_payment(Reply(status, {"error": error}), EXPECTED).kind is kind


def test_failures():
    """Not sent is certain; anything after the first byte is not."""
    assert of_payment(Failure(is_sent=False, reason="x"), EXPECTED).kind is OutcomeKind.NOT_SENT
    assert of_refund(Failure(is_sent=True, reason="x"), EXPECTED).kind is OutcomeKind.UNKNOWN


@given(st.integers(100, 599), st.dictionaries(st.sampled_from([*GOOD, "error"]), json_values))
def test_nonsense_settles_nothing(status, body):
    """No JSON of a stranger makes a payment settled or declined, or breaks us."""
    for judge in (of_payment, of_refund):
        assert judge(Reply(status, body), EXPECTED).kind is OutcomeKind.UNKNOWN


@given(st.sampled_from(sorted(GOOD)), json_values)
def test_a_changed_field_never_settles(name, value):
    """Unless the change is none that matters, the payment is not taken for settled."""
    found = GOOD | {name: value}
    if of_intent(found, EXPECTED).kind is OutcomeKind.SETTLED:
        unchanged = found == GOOD and type(value) is type(GOOD[name])
        assert unchanged or name in {"id", "last_payment_error", "metadata"}
