"""The OpenAPI document against the interface itself: no answer that is not in it, no bug."""

from collections import Counter

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.fakes.till import till_room

EXAMPLES = 20
CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
)
LONG = {"/v1/events"}
"""A stream without end is no answer that could be compared; test_events.py does."""


@pytest.fixture(scope="module")
def tills(tmp_path_factory):
    with till_room(tmp_path_factory.mktemp("document"), payment_wait_s=0.0) as room:
        room.tablet.rest("POST", "/v1/orders", {"order_id": "A1", "amount": "12.50"})
        room.money.pay("A1")
        yield room


@pytest.fixture(scope="module")
def schema(tills):
    document = tills.tablet.rest("GET", "/openapi.json").json
    return schemathesis.openapi.from_dict(document)


def test_every_path_is_in_the_document(schema):
    """All of them, with their methods."""
    found = Counter(operation.ok().path for operation in schema.get_all_operations())

    assert found == {
        "/nexo": 1, "/v1/orders": 2, "/v1/orders/{order_id}": 2, "/v1/orders/{order_id}/close": 1,
        "/v1/orders/{order_id}/refunds": 1, "/v1/totals": 1, "/v1/menu": 1,
        "/v1/receipts/{order_id}": 1, "/v1/diagnosis": 1, "/v1/events": 1,
    }  # fmt: skip


def test_the_document_names_every_nexo_category(tills):
    """Bodies of requests and answers, by name."""
    schemas = tills.tablet.rest("GET", "/openapi.json").json["components"]["schemas"]

    for category in schemas["Category"]["enum"]:
        assert f"{category}Request" in schemas["NexoSaleToPOIRequest"]["properties"]
        assert f"{category}Response" in schemas["NexoSaleToPOIResponse"]["properties"]


def test_no_server_error_and_no_undocumented_answer(tills, schema):
    """Whatever the document allows and much that it does not, with the key and without."""
    told: Counter[int] = Counter()
    session = requests.Session()
    for found in schema.get_all_operations():
        operation = found.ok()
        if operation.path in LONG:
            continue
        for mode in schemathesis.GenerationMode:
            cases = operation.as_strategy(generation_mode=mode)

            @settings(
                max_examples=EXAMPLES,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(cases, st.sampled_from([tills.tablet, tills.bar, None]))
            def check(case, till):
                key = "Bearer st_wrong" if till is None else f"Bearer {till.key}"
                response = case.call(
                    session=session,
                    base_url=tills.bar.url,
                    verify=str(tills.bar.certificate),
                    headers={"Authorization": key},
                )
                told[response.status_code] += 1
                case.validate_response(response, checks=CHECKS)

            check()

    session.close()
    assert told[200] > 20, told
    assert told[400] > 20, told
