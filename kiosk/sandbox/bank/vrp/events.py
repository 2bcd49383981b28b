"""Events for the third party: queued in the transaction that causes them, polled, acknowledged.

An event is given out at every poll until it is acknowledged, so that none is lost with an answer;
the third party tells repeats by `jti`. The bank's door signs them; here they are claims.
It does not push, and does not wait for events (`returnImmediately` is taken as true).
Limits: the oldest unacknowledged events of a client give way above `QUEUE_LENGTH_MAX`, and one
that was reported as faulty `ERRORS_MAX` times is given up.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kiosk.sandbox.bank.vrp.errors import Code, ObError

if TYPE_CHECKING:
    from kiosk.sandbox.bank.vrp.turn import Turn

QUEUE_LENGTH_MAX = 1000
EVENTS_PER_ANSWER_MAX = 50
ERRORS_MAX = 3
SUBSCRIPTIONS_MAX = 10

_PREFIX = "urn:uk:org:openbanking:events:"
RESOURCE_UPDATE = f"{_PREFIX}resource-update"
REVOKED = f"{_PREFIX}consent-authorization-revoked"
ACCOUNT_UPDATE = f"{_PREFIX}domestic-vrp-consent-linked-account-update"
EVENT_TYPES = (RESOURCE_UPDATE, REVOKED, ACCOUNT_UPDATE)

CONSENTS = "domestic-vrp-consents"
PAYMENTS = "domestic-vrps"
_SPACE = "http://openbanking.org.uk"
_VERSION = "v4.0"


@dataclass(frozen=True, slots=True)
class EventTrouble:
    """What goes wrong on order with the events that are given out."""

    delay_s: float = 0.0
    """Seconds of the bank's clock before an event is given out."""
    newest_first: bool = False


def queue_event(
    turn: Turn,
    client_id: str,
    kind: str,
    resource: tuple[str, str],
    at_s: float,
    reason: str = "",
) -> None:
    """Queue an event, unless the client subscribed to other kinds only.

    Args:
        turn: The open books.
        client_id: Whose resource changed.
        kind: One of `EVENT_TYPES`.
        resource: Type and id of what changed.
        at_s: The bank's time of the change.
        reason: Why, if that is to be told.
    """
    if not _is_wanted(turn, client_id, kind):
        return
    resource_type, resource_id = resource
    link = turn.link(f"{resource_type}/{resource_id}")
    event: dict[str, Any] = {
        "subject": {
            "subject_type": f"{_SPACE}/rid_{_SPACE}/rty",
            f"{_SPACE}/rid": resource_id,
            f"{_SPACE}/rty": resource_type,
            f"{_SPACE}/rlk": [{"version": _VERSION, "link": link}],
        }
    }
    if reason:
        event["reason"] = reason
    jti = str(uuid.uuid4())
    claims = {
        "iss": turn.issuer,
        "iat": int(turn.now_s),
        "jti": jti,
        "sub": link,
        "aud": client_id,
        "txn": jti,
        "toe": int(at_s),
        "events": {kind: event},
    }
    turn.insert(
        "vrp_events",
        {"jti": jti, "client_id": client_id, "claims": json.dumps(claims), "at_s": turn.now_s},
    )
    turn.change(
        "delete from vrp_events where client_id = ?1 and id <= (select id from vrp_events"
        " where client_id = ?1 order by id desc limit 1 offset ?2)",
        [client_id, QUEUE_LENGTH_MAX],
    )


def poll_events(
    turn: Turn, client_id: str, request: dict[str, Any], trouble: EventTrouble
) -> dict[str, Any]:
    """Take acknowledgements and give out what is left.

    Args:
        turn: The open books.
        client_id: Who asks.
        request: A checked OBEventPolling1.
        trouble: What goes wrong on order.

    Returns:
        `moreAvailable`, and `sets` with the claims of each event under its `jti`.
    """
    for jti in request.get("ack", ()):
        turn.change("delete from vrp_events where client_id = ? and jti = ?", [client_id, jti])
    for jti in request.get("setErrs", {}):
        turn.change(
            "update vrp_events set errors = errors + 1 where client_id = ? and jti = ?",
            [client_id, jti],
        )
    turn.change(
        "delete from vrp_events where client_id = ? and errors >= ?", [client_id, ERRORS_MAX]
    )
    wanted = min(request.get("maxEvents", EVENTS_PER_ANSWER_MAX), EVENTS_PER_ANSWER_MAX)
    order = "desc" if trouble.newest_first else "asc"
    found = turn.rows(
        "select jti, claims from vrp_events where client_id = ? and at_s <= ?"  # noqa: S608 - two fixed words
        f" order by id {order} limit ?",
        [client_id, turn.now_s - trouble.delay_s, wanted + 1],
    )
    return {
        "moreAvailable": len(found) > wanted,
        "sets": {row["jti"]: json.loads(row["claims"]) for row in found[:wanted]},
    }


def _is_wanted(turn: Turn, client_id: str, kind: str) -> bool:
    """Say whether a client is told of a kind; without any subscription it is told all."""
    subscriptions = _subscriptions(turn, client_id)
    return not subscriptions or any(
        kind in data.get("EventTypes", EVENT_TYPES) for _, data in subscriptions
    )


# --- subscriptions ------------------------------------------------------------------------------


def create_subscription(turn: Turn, client_id: str, request: dict[str, Any]) -> dict[str, Any]:
    """Make a subscription from a checked OBEventSubscription1.

    Raises:
        ObError: 409 U029, the client has the same one or too many.
    """
    known = _subscriptions(turn, client_id)
    if len(known) >= SUBSCRIPTIONS_MAX or any(
        data.get("CallbackUrl") == request["Data"].get("CallbackUrl")
        and data["Version"] == request["Data"]["Version"]
        for _, data in known
    ):
        raise ObError(409, Code.RESOURCE_EXISTS, "There is such a subscription already.")
    subscription_id = f"sub-{uuid.uuid4().hex}"
    turn.insert(
        "vrp_subscriptions",
        {"id": subscription_id, "client_id": client_id, "body": json.dumps(request["Data"])},
    )
    return _subscription_answer(turn, subscription_id, request["Data"])


def list_subscriptions(turn: Turn, client_id: str) -> dict[str, Any]:
    """Return all subscriptions of a client as OBEventSubscriptionsResponse1."""
    found = [
        {"EventSubscriptionId": subscription_id} | data
        for subscription_id, data in _subscriptions(turn, client_id)
    ]
    return _around(turn, "event-subscriptions", {"EventSubscription": found})


def change_subscription(
    turn: Turn, client_id: str, subscription_id: str, request: dict[str, Any]
) -> dict[str, Any]:
    """Replace a subscription by a checked OBEventSubscriptionResponse1.

    Raises:
        ObError: U011, the client has no such subscription.
    """
    require_subscription(turn, client_id, subscription_id)
    data = {k: value for k, value in request["Data"].items() if k != "EventSubscriptionId"}
    turn.change(
        "update vrp_subscriptions set body = ? where id = ?", [json.dumps(data), subscription_id]
    )
    return _subscription_answer(turn, subscription_id, data)


def delete_subscription(turn: Turn, client_id: str, subscription_id: str) -> None:
    """End a subscription.

    Raises:
        ObError: U011, the client has no such subscription.
    """
    require_subscription(turn, client_id, subscription_id)
    turn.change("delete from vrp_subscriptions where id = ?", [subscription_id])


def require_subscription(turn: Turn, client_id: str, subscription_id: str) -> None:
    """Refuse an id that is not one of the client's subscriptions.

    Raises:
        ObError: U011.
    """
    if subscription_id not in dict(_subscriptions(turn, client_id)):
        raise ObError(400, Code.NOT_FOUND, "There is no such subscription.", "EventSubscriptionId")


def _subscriptions(turn: Turn, client_id: str) -> list[tuple[str, dict[str, Any]]]:
    rows = turn.rows(
        "select id, body from vrp_subscriptions where client_id = ? order by rowid", [client_id]
    )
    return [(row["id"], json.loads(row["body"])) for row in rows]


def _subscription_answer(turn: Turn, subscription_id: str, data: dict[str, Any]) -> dict[str, Any]:
    return _around(
        turn,
        f"event-subscriptions/{subscription_id}",
        {"EventSubscriptionId": subscription_id} | data,
    )


def _around(turn: Turn, path: str, data: dict[str, Any]) -> dict[str, Any]:
    return {"Data": data, "Links": {"Self": turn.events_link(path)}, "Meta": {}}
