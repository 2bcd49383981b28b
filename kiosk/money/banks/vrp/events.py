"""News from the bank by polling: checked, looked up, and told in our words.

An event says only that something changed; what it is now comes from a signed answer to a GET. So a
forged, late or repeated event can do no harm, and its order does not matter.
Events that cannot be believed are told to the bank with the next poll (`setErrs`), so that they do
not come for ever; those whose resource cannot be read now are left to come again.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Mapping
from typing import Any

from kiosk.money.banks.errors import BankUnreachableError
from kiosk.money.banks.exchange import Failure
from kiosk.money.banks.port import BankEvent, EventBatch
from kiosk.money.banks.vrp.bodies import poll_body
from kiosk.money.banks.vrp.jose import AHEAD_S_MAX, SignatureError
from kiosk.money.banks.vrp.session import JSON_TYPE, Session

logger = logging.getLogger(__name__)

EVENTS_MAX = 20
"""Per poll: each may need an exchange of its own."""
ACKNOWLEDGED_MAX = 100
FAULTS_MAX = 100
TRIES_MAX = 10
"""Polls at which an event's resource may be unreadable, before the event gives way to others; what
is open is looked after by its id anyway."""
CONSENT_TYPES = frozenset({"domestic-vrp-consent", "domestic-vrp-consents"})
PAYMENT_TYPES = frozenset({"domestic-vrp", "domestic-vrps"})
"""The standard's texts and examples use both numbers."""

_SPACE = "http://openbanking.org.uk/"
_RESOURCE_ID, _RESOURCE_TYPE = f"{_SPACE}rid", f"{_SPACE}rty"
_JTI = re.compile(r"[!-~]{1,128}", re.ASCII)
_CONSENT_IN_LINK = re.compile(r"/domestic-vrp-consents/([A-Za-z0-9._~-]{1,128})$", re.ASCII)

LookUp = Callable[[Session, str, str], BankEvent | None]
"""Takes an event's id and its resource's; None: it cannot be read now."""


class EventReader:
    """Polls for events; threads may share it."""

    def __init__(self, payment: LookUp, consent: LookUp) -> None:
        """Remember how payments and consents are looked up."""
        self._payment = payment
        self._consent = consent
        self._guard = threading.Lock()
        self._faults: dict[str, str] = {}
        self._tries: dict[str, int] = {}

    def poll(self, session: Session) -> EventBatch:
        """Fetch some events and look up what they are about.

        Raises:
            BankUnreachableError: No usable answer.
        """
        with self._guard:
            faults = dict(self._faults)
        body = self._send(session, poll_body(EVENTS_MAX, (), faults))
        sets = body.get("sets")
        if not isinstance(sets, dict) or len(sets) > EVENTS_MAX:
            raise BankUnreachableError("its answer makes no sense")
        with self._guard:
            for name in faults:
                self._faults.pop(name, None)
        found = [self._read(session, name, token) for name, token in sets.items()]
        events = tuple(event for event in found if event is not None)
        # Without one that was understood, asking again at once would give the same ones.
        return EventBatch(events, more=body.get("moreAvailable") is True and bool(events))

    def acknowledge(self, session: Session, event_ids: tuple[str, ...]) -> None:
        """Tell the bank that these are stored; those it does not hear of come again."""
        for start in range(0, len(event_ids), ACKNOWLEDGED_MAX):
            part = event_ids[start : start + ACKNOWLEDGED_MAX]
            try:
                self._send(session, poll_body(0, part, {}))
            except BankUnreachableError:
                return

    def _send(self, session: Session, body: bytes) -> Mapping[str, Any]:
        url = f"{session.onboarding.events_base.rstrip('/')}/events"
        reply = session.as_client("POST", url, body, (JSON_TYPE,))
        if isinstance(reply, Failure):
            raise BankUnreachableError(reply.reason.replace("_", " "))
        if reply.status not in {200, 201} or reply.body is None:
            raise BankUnreachableError(f"it answered with status {reply.status}")
        return reply.body

    def _read(self, session: Session, name: str, token: object) -> BankEvent | None:
        """Check one event and look up what it is about; None: nothing can be said of it now."""
        fault = ""
        claims: dict[str, Any] = {}
        try:
            claims = session.transport.claims(token) if isinstance(token, str) else {}
        except SignatureError as error:
            fault = "authentication_failed"
            logger.warning("an event of the bank cannot be believed: %s", error.reason)
        fault = fault or _fault(session, name, claims)
        if fault:
            self._note(name, fault)
            return None
        kind, resource = _subject(claims)
        if kind in PAYMENT_TYPES and resource:
            return self._patiently(name, self._payment(session, name, resource))
        if kind in CONSENT_TYPES and resource:
            return self._patiently(name, self._consent(session, name, resource))
        # News of something that this terminal does not use: taken note of.
        return BankEvent(name)

    def _patiently(self, name: str, event: BankEvent | None) -> BankEvent | None:
        """Let an event whose resource cannot be read come again, and not for ever."""
        with self._guard:
            tries = self._tries.pop(name, 0) + 1
            if event is None and tries < TRIES_MAX:
                self._tries[name] = tries
                while len(self._tries) > FAULTS_MAX:
                    del self._tries[next(iter(self._tries))]
                return None
        if event is None:
            logger.error("an event of the bank cannot be looked up, and is passed over")
            return BankEvent(name)
        return event

    def _note(self, name: str, fault: str) -> None:
        with self._guard:
            if _JTI.fullmatch(name) and len(self._faults) < FAULTS_MAX:
                self._faults[name] = fault


def _fault(session: Session, name: str, claims: Mapping[str, Any]) -> str:
    """Say in the words of RFC 8935, 2.4, what is wrong with an event's claims, if anything is."""
    audience, issued = claims.get("aud"), claims.get("iat")
    if claims.get("iss") != session.onboarding.issuer:
        return "invalid_issuer"
    us = {session.onboarding.client_id, session.onboarding.software_id}
    if not us.intersection(audience if isinstance(audience, list) else [str(audience)]):
        return "invalid_audience"
    latest_s = session.transport.clock.now_s() + AHEAD_S_MAX
    if isinstance(issued, bool) or not isinstance(issued, int | float) or issued > latest_s:
        return "invalid_request"
    if claims.get("jti") != name or not _JTI.fullmatch(name):
        return "invalid_request"
    return "" if isinstance(claims.get("events"), dict) else "invalid_request"


def _subject(claims: Mapping[str, Any]) -> tuple[str, str]:
    """Return type and id of the resource that an event is about, or empty texts.

    An event about a consent's account may carry the account in `rid`; the consent is in `sub`.
    """
    for event in claims["events"].values():
        subject = event.get("subject") if isinstance(event, dict) else None
        if not isinstance(subject, dict):
            continue
        kind, resource = subject.get(_RESOURCE_TYPE), subject.get(_RESOURCE_ID)
        if isinstance(kind, str) and isinstance(resource, str):
            link = claims.get("sub")
            in_link = _CONSENT_IN_LINK.search(link) if isinstance(link, str) else None
            if kind in CONSENT_TYPES and in_link:
                return kind, in_link[1]
            return kind, resource
    link = claims.get("sub")
    in_link = _CONSENT_IN_LINK.search(link) if isinstance(link, str) else None
    return ("domestic-vrp-consents", in_link[1]) if in_link else ("", "")
