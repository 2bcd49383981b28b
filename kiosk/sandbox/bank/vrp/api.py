"""The resources of UK Open Banking VRP v4.0 and of events: who may do what, in which form.

It checks everything about a request but the fields of its body, which the books check, and signs
the answers. It moves no money and holds no state.
Order of the checks: address (404), method (405), token (401, 403), types (406, 415), headers,
signature, JSON (400), then the books.
Invariants:
- A consent's token is good for that consent only and only while the consent stands.
- Every answer with a body is signed, except where the standard has none (events), and every
  refusal with a body.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from kiosk.sandbox.bank.faults import Fault, FaultKind
from kiosk.sandbox.bank.ledger import TooLateError
from kiosk.sandbox.bank.vrp import headers as head
from kiosk.sandbox.bank.vrp import jose
from kiosk.sandbox.bank.vrp.errors import Code, ObError
from kiosk.sandbox.bank.vrp.headers import Rules
from kiosk.sandbox.bank.vrp.pki import BANK_ORG_ID, TRUST_ANCHOR, Client, Pki, thumbprint_of
from kiosk.sandbox.bank.vrp.tokens import Grant, Kind, TokenMint
from kiosk.sandbox.bank.wire import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kiosk.sandbox.bank.vrp.books import VrpBooks
    from kiosk.sandbox.bank.vrp.server import Request

ROOT = "/open-banking/v4.0"
STALE_S = 86_400
"""How old the signature is that a scripted fault repeats."""
REPLAYED_S = 10
"""How old the refusal is that a scripted fault repeats: younger than any bound on an answer's age,
older than any doubt about the clocks."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One checked request on its way to the books."""

    client_id: str
    consent_id: str
    """The one that the token was given for; empty for the client's own token."""
    id: str
    """The id in the address, or empty."""
    key: str
    digest: str
    body: object
    in_time: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Call:
    """One operation of the standard."""

    work: Callable[[VrpBooks, Visit], dict[str, Any] | None]
    status: int
    rules: Rules
    kinds: frozenset[Kind]
    is_answer_signed: bool = True


_CLIENT = frozenset({Kind.CLIENT})
_PAYER = frozenset({Kind.CONSENT})
_READ = Rules()
_SIGNED = Rules(has_body=True, is_signed=True)
_KEYED = Rules(has_body=True, is_signed=True, is_keyed=True)

_CONSENTS, _PAYMENTS = "pisp/domestic-vrp-consents", "pisp/domestic-vrps"

CALLS: dict[str, dict[str, Call]] = {
    _CONSENTS: {
        "POST": Call(
            lambda books, v: books.create_consent(v.client_id, v.key, v.digest, v.body),
            201, _KEYED, _CLIENT,
        ),
    },
    f"{_CONSENTS}/*": {
        "GET": Call(lambda books, v: books.consent(v.client_id, v.id), 200, _READ, _CLIENT),
        "DELETE": Call(
            lambda books, v: books.delete_consent(v.client_id, v.id), 204, _READ, _CLIENT
        ),
    },
    f"{_CONSENTS}/*/funds-confirmation": {
        "POST": Call(
            lambda books, v: books.confirm_funds(v.client_id, v.consent_id, v.id, v.body),
            201, _SIGNED, _PAYER,
        ),
    },
    _PAYMENTS: {
        "POST": Call(
            lambda books, v: books.create_payment(
                v.client_id, v.consent_id, v.key, v.digest, v.body, v.in_time
            ),
            201, _KEYED, _PAYER,
        ),
    },
    f"{_PAYMENTS}/*": {
        "GET": Call(lambda books, v: books.payment(v.client_id, v.id), 200, _READ, _CLIENT),
    },
    f"{_PAYMENTS}/*/payment-details": {
        "GET": Call(
            lambda books, v: books.payment_details(v.client_id, v.id), 200, _READ, _CLIENT
        ),
    },
    "events": {
        "POST": Call(
            lambda books, v: books.poll_events(v.client_id, v.body),
            200, Rules(has_body=True), _CLIENT, is_answer_signed=False,
        ),
    },
    "event-subscriptions": {
        "POST": Call(
            lambda books, v: books.create_subscription(v.client_id, v.body), 201, _SIGNED, _CLIENT
        ),
        "GET": Call(lambda books, v: books.subscriptions(v.client_id), 200, _READ, _CLIENT),
    },
    "event-subscriptions/*": {
        "PUT": Call(
            lambda books, v: books.change_subscription(v.client_id, v.id, v.body),
            200, _SIGNED, _CLIENT,
        ),
        "DELETE": Call(
            lambda books, v: books.delete_subscription(v.client_id, v.id), 204, _READ, _CLIENT
        ),
    },
}  # fmt: skip


class Api:
    """Answers what comes below `ROOT`, right or, on order, wrong."""

    def __init__(
        self, pki: Pki, books: VrpBooks, mint: TokenMint, now_s: Callable[[], float]
    ) -> None:
        """Answer from these.

        Args:
            pki: Who is known, and the bank's signing key.
            books: What the bank knows of consents and payments.
            mint: Reads access tokens.
            now_s: The bank's clock.
        """
        self._pki = pki
        self._books = books
        self._mint = mint
        self._now_s = now_s

    def answer(self, request: Request) -> Answer:
        """Do what is asked and sign the answer."""
        is_signed = True
        try:
            call, identity = find_call(request)
            body = self._work(request, call, identity)
            is_signed = call.is_answer_signed
            answer = Answer(call.status, body)
        except ObError as error:
            answer = _refusal(error)
        except TooLateError:
            answer = Answer(503)
        except sqlite3.Error:
            answer = _refusal(ObError(500, Code.UNEXPECTED, "The books cannot be used."))
        answer = replace(
            answer,
            headers=(
                *answer.headers,
                ("x-fapi-interaction-id", head.interaction_id(request.headers)),
            ),
        )
        return self._signed(answer) if is_signed else answer

    def spoil(self, fault: Fault, answer: Answer) -> Answer:
        """Make a well-formed answer say or sign something else; the kinds that only we know."""
        body = json.loads(answer.payload() or b"null")
        data: dict[str, Any] = body["Data"] if isinstance(body, dict) and "Data" in body else {}
        instruction = data.get("Instruction")
        match fault.kind:
            case FaultKind.WRONG_SIGNATURE:
                return self._signed(answer, payload=answer.payload() + b" ")
            case FaultKind.STALE_SIGNATURE:
                return self._signed(answer, payload=b'{"Data":{}}', age_s=STALE_S)
            case FaultKind.REPLAYED_REFUSAL:
                # Under the interaction id of this request, so that its time alone tells.
                code, path = Code.FAILS_CONTROL_PARAMETERS, "Data.ControlParameters"
                refused = ObError(400, code, "Of another request.", path).body()
                replay = replace(answer, status=400, body=refused)
                return self._signed(replay, age_s=REPLAYED_S)
            case FaultKind.OTHER_ORDER if instruction:
                data["DomesticVRPId"] = "another-payment"
                instruction["InstructionIdentification"] = "ANOTHERORDER"
                instruction["EndToEndIdentification"] = "ANOTHERORDER"
            case FaultKind.WRONG_AMOUNT if instruction:
                amount = instruction["InstructedAmount"]
                amount["Amount"] = "1" + amount["Amount"]
            case _:
                return answer
        return self._signed(replace(answer, body=body))

    def scripted(self, fault: Fault, answer: Answer, request: Request) -> Answer:
        """Give the answer of a scripted status its proper form."""
        body = ObError(500, Code.UNEXPECTED, "On order.").body() if fault.status == 500 else None
        interaction = ("x-fapi-interaction-id", head.interaction_id(request.headers))
        return self._signed(replace(answer, body=body, headers=(*answer.headers, interaction)))

    def _work(self, request: Request, call: Call, identity: str) -> dict[str, Any] | None:
        client, grant = self._caller(request, call.kinds)
        head.check_types(request.headers, call.rules)
        if request.trouble is not None:
            raise request.trouble
        head.check_values(request.headers, call.rules)
        if call.rules.is_signed:
            jose.check_detached(
                request.headers.get("x-jws-signature"),
                request.body,
                client.signing,
                client.issuer,
                TRUST_ANCHOR,
                self._now_s(),
            )
        visit = Visit(
            client_id=client.client_id,
            consent_id=grant.consent_id,
            id=identity,
            key=request.headers.get("x-idempotency-key", "") if call.rules.is_keyed else "",
            digest=hashlib.sha256(request.body).hexdigest(),
            body=read_json(request.body) if call.rules.has_body else None,
            in_time=request.in_time,
        )
        body = call.work(self._books, visit)
        if body is not None and isinstance(body.get("sets"), dict):
            sets = {jti: self._event(claims) for jti, claims in body["sets"].items()}
            body = body | {"sets": sets}
        return body

    def _event(self, claims: dict[str, Any]) -> str:
        return jose.sign_jwt(claims, self._pki.signing)

    def _caller(self, request: Request, kinds: frozenset[Kind]) -> tuple[Client, Grant]:
        """Return who asks, with which token.

        Raises:
            ObError: 401 or 403.
        """
        token = head.bearer(request.headers)
        client = self._pki.client_of(request.certificate or b"")
        grant = None if token is None else self._mint.read(token, {Kind.CLIENT, Kind.CONSENT})
        if client is None or grant is None:
            raise ObError(401)
        if (grant.client_id, grant.thumbprint) != (
            client.client_id,
            thumbprint_of(request.certificate or b""),
        ):
            raise ObError(401)
        if grant.kind not in kinds:
            raise ObError(403)
        if grant.consent_id:
            self._check_consent(client.client_id, grant.consent_id)
        return client, grant

    def _check_consent(self, client_id: str, consent_id: str) -> None:
        """Refuse the token of a consent that does not stand any more."""
        try:
            status = self._books.consent(client_id, consent_id)["Data"]["Status"]
        except ObError as error:
            raise ObError(401) from error  # deleted by its third party, and its tokens with it
        message = "The token ended with the consent."
        if status == "EXPD":
            raise ObError(401, Code.TOKEN_EXPIRED, message)
        if status == "CANC":
            raise ObError(401, Code.TOKEN_SUSPENDED, message, also=(Code.REAUTHENTICATE,))

    def _signed(self, answer: Answer, *, payload: bytes | None = None, age_s: int = 0) -> Answer:
        """Sign an answer that has a body, instead of any signature that it had."""
        body = answer.payload()
        others = tuple(pair for pair in answer.headers if pair[0] != "x-jws-signature")
        if not body:
            return replace(answer, headers=others)
        signature = jose.sign_detached(
            body if payload is None else payload,
            self._pki.signing,
            BANK_ORG_ID,
            TRUST_ANCHOR,
            int(self._now_s()) - age_s,
        )
        return replace(answer, headers=(*others, ("x-jws-signature", signature)))


def is_resource(path: str) -> bool:
    """Say whether a path belongs to the resources."""
    return path == ROOT or path.startswith(f"{ROOT}/")


def find_call(request: Request) -> tuple[Call, str]:
    """Find the operation and the id in its address.

    Raises:
        ObError: 404 or 405.
    """
    steps = request.path.removeprefix(ROOT).strip("/").split("/")
    # Of `pisp` resources the third step is an id, of the others the second.
    place = 2 if steps[0] == "pisp" else 1
    identity = ""
    if len(steps) > place:
        identity, steps[place] = unquote(steps[place]), "*"
    calls = CALLS.get("/".join(steps))
    if calls is None:
        raise ObError(404)
    call = calls.get(request.method)
    if call is None:
        raise NotAllowedError(calls)
    return call, identity


class NotAllowedError(ObError):
    """405, with the methods that are."""

    def __init__(self, methods: Mapping[str, object]) -> None:
        """Keep them for the answer."""
        super().__init__(405)
        self.allow = ", ".join(sorted(methods))


def read_json(body: bytes) -> object:
    """Read a body strictly.

    Raises:
        ObError: U010: it is no JSON, has doubled names, or text that is none.
    """
    try:
        found = json.loads(
            body.decode(), object_pairs_hook=_no_duplicates, parse_constant=_no_constant
        )
        json.dumps(found, ensure_ascii=False).encode()  # lone surrogates fail here
    except (ValueError, RecursionError) as error:
        raise ObError(400, Code.FORMAT_INVALID, "The body is no JSON.") from error
    return found


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name comes twice")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def _refusal(error: ObError) -> Answer:
    body = error.body()
    if error.status == 403 and body is None:
        # The standard leaves the code open where it is not U028; the header is what is wrong.
        body = ObError(
            403, Code.HEADER_INVALID, "This token does not allow it.", "Authorization"
        ).body()
    headers = (("Allow", error.allow),) if isinstance(error, NotAllowedError) else ()
    return Answer(error.status, body, headers)
