"""A scripted bank behind real mutual TLS: right answers by default, and whatever a test spoils.

It knows the least that a flow needs and has no rules; those are tried on the sandbox bank.
Signatures are made with jwcrypto, which the connector does not use.
"""

from __future__ import annotations

import datetime as dt
import email.utils
import hashlib
import ipaddress
import json
import os
import ssl
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization as forms
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from jwcrypto.common import JWSEHeaderParameter
from jwcrypto.jwk import JWK
from jwcrypto.jws import JWS

SPACE = "http://openbanking.org.uk/"
CRITICAL = [f"{SPACE}{name}" for name in ("iat", "iss", "tan")]
REGISTRY = {name: JWSEHeaderParameter(name, True, True, None) for name in CRITICAL}
ISSUER, ANCHOR, BANK_ORG = "https://bank.example", "openbanking.org.uk", "0015800000BANK"
ROOT = "/open-banking/v4.0"
CREDITOR = {
    "SchemeName": "UK.OBIE.SortCodeAccountNumber",
    "Identification": "04000499887766",
    "Name": "Trattoria Prova",
}
DEBTOR = "11223313243542"


def pem_of(key) -> str:
    return key.private_bytes(
        forms.Encoding.PEM, forms.PrivateFormat.PKCS8, forms.NoEncryption()
    ).decode()


def certificate(name, key, issuer=None, issuer_key=None, *, is_server=False):
    """Issue a certificate; without an issuer it is an authority."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    signer = (issuer_key or key).public_key()
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=10))
        .add_extension(x509.BasicConstraints(issuer is None, None), critical=True)
        .add_extension(identifier, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer), critical=False)
    )
    if is_server:
        here = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        builder = builder.add_extension(x509.SubjectAlternativeName([here]), critical=False)
    return builder.sign(issuer_key or key, hashes.SHA256())


@dataclass
class Keys:
    """All keys of the bank, its client, and of somebody else."""

    authority: ec.EllipticCurvePrivateKey
    authority_certificate: x509.Certificate
    bank_pem: str
    client_pem: tuple[str, str]
    """Certificate and key."""
    client_signing: str
    bank_signing: JWK
    other_signing: JWK


def make_keys() -> Keys:
    authority, server, client = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
    root = certificate("Test authority", authority)
    server_certificate = certificate("bank", server, root, authority, is_server=True)
    client_certificate = certificate("client-1", client, root, authority)
    signing, bank, other = (rsa.generate_private_key(65_537, 2048) for _ in range(3))
    text = forms.Encoding.PEM
    return Keys(
        authority,
        root,
        pem_of(server) + server_certificate.public_bytes(text).decode(),
        (client_certificate.public_bytes(text).decode(), pem_of(client)),
        pem_of(signing),
        JWK.from_pem(pem_of(bank).encode()),
        JWK.from_pem(pem_of(other).encode()),
    )


@dataclass
class Answer:
    """What goes back; a test changes it in place."""

    status: int
    body: dict | None
    raw: bytes | None = None
    signature: str | None = None
    """Set to send exactly this one; empty: none."""
    headers: dict[str, str] = field(default_factory=dict)
    key: JWK | None = None
    header: dict = field(default_factory=dict)
    """Changes of the signature's header."""
    action: str = ""
    """`drop` closes without a word, `hang` says nothing, `cut` sends half of the body."""


@dataclass
class Seen:
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    answer: Answer | None = None
    sent: bytes = b""
    sent_headers: dict[str, str] = field(default_factory=dict)


class ScriptedVrpBank:
    """Listens on loopback; `spoil` is called with each request and its right answer."""

    def __init__(self, keys: Keys, port: int = 0) -> None:
        self.keys = keys
        self.seen: list[Seen] = []
        self.spoil = lambda seen, answer: None
        self.skew_s = 0.0
        self.consents: dict[str, dict] = {}
        self.payments: dict[str, dict] = {}
        self.by_key: dict[str, str] = {}
        self.sets: dict[str, str] = {}
        self.acknowledged: list[str] = []
        self.errors: dict[str, dict] = {}
        self.first_status = "RCVD"
        self.tokens: set[str] = set()
        self.kid = "bank-1"
        self.published = [("bank-1", keys.bank_signing)]
        self.stopping = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler_of(self))
        self._server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_verify_locations(
            cadata=keys.authority_certificate.public_bytes(forms.Encoding.PEM).decode()
        )
        context.verify_mode = ssl.CERT_REQUIRED
        handle = os.memfd_create("test")
        os.write(handle, keys.bank_pem.encode())
        context.load_cert_chain(f"/proc/self/fd/{handle}")
        os.close(handle)
        self._server.socket = context.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self._server.server_port}"

    @property
    def port(self) -> int:
        return self._server.server_port

    def close(self) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def onboarding(self, **changes) -> dict:
        """The client's file; a change to None takes a field away."""
        ca = self.keys.authority_certificate.public_bytes(forms.Encoding.PEM).decode()
        found = {
            "version": 1,
            "client_id": "client-1",
            "org_id": "0015800001TPP",
            "software_id": "software1",
            "transport_cert_pem": self.keys.client_pem[0],
            "transport_key_pem": self.keys.client_pem[1],
            "signing_key_pem": self.keys.client_signing,
            "signing_kid": "client-kid-1",
            "ca_pem": ca,
            "issuer": ISSUER,
            "token_endpoint": f"{self.url}/token",
            "authorization_endpoint": f"{self.url}/authorize",
            "backchannel_authentication_endpoint": f"{self.url}/bc-authorize",
            "jwks_uri": f"{self.url}/jwks",
            "resource_base": f"{self.url}{ROOT}/pisp",
            "events_base": f"{self.url}{ROOT}",
            "trust_anchor": ANCHOR,
            "bank_signing_iss": BANK_ORG,
            "redirect_uri": "https://terminal.example/done",
            "creditor": CREDITOR,
            "headless_approve_url": f"{self.url}/psu/approve",
        }
        return {name: value for name, value in (found | changes).items() if value is not None}

    def calls(self, method: str, ending: str) -> list[Seen]:
        return [s for s in self.seen if s.method == method and s.path.endswith(ending)]

    # --- signatures ---------------------------------------------------------------------------

    def sign(self, body: bytes, key: JWK | None = None, **changes) -> str:
        header = {
            "alg": "PS256",
            "kid": self.kid,
            f"{SPACE}iat": int(time.time() + self.skew_s),
            f"{SPACE}iss": BANK_ORG,
            f"{SPACE}tan": ANCHOR,
            "crit": CRITICAL,
        }
        header |= changes
        header = {name: value for name, value in header.items() if value is not None}
        token = JWS(body, header_registry=REGISTRY)
        token.allowed_algs = ["PS256", "RS256"]
        token.add_signature(key or self.keys.bank_signing, None, json.dumps(header))
        head, _, signature = token.serialize(compact=True).split(".")
        return f"{head}..{signature}"

    def jwt(self, claims: dict, key: JWK | None = None) -> str:
        token = JWS(json.dumps(claims))
        token.allowed_algs = ["PS256"]
        header = {"alg": "PS256", "kid": self.kid, "typ": "JWT"}
        token.add_signature(key or self.keys.bank_signing, None, json.dumps(header))
        return token.serialize(compact=True)

    def add_event(self, jti: str, kind: str, resource: str, key: JWK | None = None, **changes):
        """Queue an event; `changes` replace its claims."""
        subject = {
            "subject_type": f"{SPACE}rid_{SPACE}rty",
            f"{SPACE}rid": resource,
            f"{SPACE}rty": kind,
        }
        claims = {
            "iss": ISSUER,
            "iat": int(time.time()),
            "jti": jti,
            "aud": "client-1",
            "sub": f"{self.url}{ROOT}/pisp/{kind}/{resource}",
            "txn": jti,
            "toe": int(time.time()),
            "events": {"urn:uk:org:openbanking:events:resource-update": {"subject": subject}},
        }
        self.sets[jti] = self.jwt(claims | changes, key)

    # --- right answers ------------------------------------------------------------------------

    def right(self, seen: Seen) -> Answer:
        path = seen.path.removeprefix(ROOT)
        if path == "/token":
            return self._token(parse_qs(seen.body.decode()))
        if path == "/jwks":
            keys = [
                key.export_public(as_dict=True) | {"kid": kid, "use": "sig"}
                for kid, key in self.published
            ]
            return Answer(200, {"keys": keys}, signature="")
        if path == "/bc-authorize":
            return Answer(200, {"auth_req_id": "req-1", "expires_in": 300}, signature="")
        if path == "/psu/approve":
            self.consents[json.loads(seen.body)["consent_id"]]["Data"]["Status"] = "AUTH"
            return Answer(200, {}, signature="")
        token = seen.headers.get("authorization", "").removeprefix("Bearer ")
        if token not in self.tokens:
            return Answer(401, None)
        body = json.loads(seen.body) if seen.body else {}
        parts = path.strip("/").split("/")
        return self._resource(seen, parts, body)

    def _token(self, form: dict) -> Answer:
        grant = form["grant_type"][0]
        name = "client" if grant == "client_credentials" else "consent"
        if name == "consent" and not any(
            c["Data"]["Status"] == "AUTH" for c in self.consents.values()
        ):
            return Answer(400, {"error": "authorization_pending"}, signature="")
        token = f"token-{name}-{len(self.tokens) + 1}"
        self.tokens.add(token)
        body = {"access_token": token, "token_type": "Bearer", "expires_in": 3600}
        if name == "consent":
            body["refresh_token"] = f"refresh-{len(self.tokens)}"
        return Answer(200, body, signature="")

    def _resource(self, seen: Seen, parts: list[str], body: dict) -> Answer:
        match seen.method, parts:
            case "POST", ["pisp", "domestic-vrp-consents"]:
                return Answer(201, self._consent(seen.headers["x-idempotency-key"], body))
            case "GET", ["pisp", "domestic-vrp-consents", name] if name in self.consents:
                return Answer(200, self.consents[name])
            case "DELETE", ["pisp", "domestic-vrp-consents", name] if name in self.consents:
                del self.consents[name]
                return Answer(204, None)
            case "POST", ["pisp", "domestic-vrp-consents", _, "funds-confirmation"]:
                return Answer(201, self._funds(body))
            case "POST", ["pisp", "domestic-vrps"]:
                return Answer(201, self._payment(seen.headers["x-idempotency-key"], body))
            case "GET", ["pisp", "domestic-vrps", name] if name in self.payments:
                return Answer(200, self.payments[name])
            case "POST", ["events"]:
                return self._poll(body)
            case _:
                return Answer(400, {"Errors": [{"ErrorCode": "U011", "Path": "id"}]})

    def _poll(self, body: dict) -> Answer:
        self.acknowledged += body.get("ack", [])
        self.errors |= body.get("setErrs", {})
        for name in (*body.get("ack", ()), *body.get("setErrs", {})):
            self.sets.pop(name, None)
        wanted = body.get("maxEvents", 50)
        return Answer(
            200,
            {
                "moreAvailable": len(self.sets) > wanted,
                "sets": dict(list(self.sets.items())[:wanted]),
            },
            signature="",
        )

    def _consent(self, key: str, body: dict) -> dict:
        name = f"consent-{hashlib.sha256(key.encode()).hexdigest()[:8]}"
        return self.consents.setdefault(
            name,
            self._around(
                {
                    "ConsentId": name,
                    "Status": "AWAU",
                    "StatusUpdateDateTime": "2026-11-23T12:00:00+00:00",
                    "DebtorAccount": CREDITOR | {"Identification": DEBTOR, "Name": "A Payer"},
                    **body["Data"],
                },
                body["Risk"],
            ),
        )

    def _payment(self, key: str, body: dict) -> dict:
        name = self.by_key.setdefault(key, f"vrp-{len(self.by_key) + 1}")
        return self.payments.setdefault(
            name,
            self._around(
                {
                    "DomesticVRPId": name,
                    "ConsentId": body["Data"]["ConsentId"],
                    "Status": self.first_status,
                    "StatusUpdateDateTime": "2026-11-23T12:00:00+00:00",
                    "Initiation": body["Data"]["Initiation"],
                    "Instruction": body["Data"]["Instruction"],
                },
                body["Risk"],
            ),
        )

    def _funds(self, body: dict) -> dict:
        now = "2026-11-23T12:00:00+00:00"
        found = self._around(
            body["Data"]
            | {
                "FundsConfirmationId": "funds-1",
                "FundsAvailableResult": {
                    "FundsAvailableDateTime": now,
                    "FundsAvailable": "Available",
                },
            },
            None,
        )
        return {"Data": found["Data"]}

    def _around(self, data: dict, risk: dict | None) -> dict:
        return {
            "Data": {"CreationDateTime": "2026-11-23T12:00:00+00:00"} | data,
            "Risk": risk,
            "Links": {"Self": f"{self.url}{ROOT}/pisp/self"},
            "Meta": {},
        }


def _handler_of(bank: ScriptedVrpBank):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def handle(self):
            try:
                super().handle()
            except OSError:
                return

        def answer(self):
            self.close_connection = True
            length = int(self.headers.get("Content-Length", "0"))
            headers = {name.lower(): value for name, value in self.headers.items()}
            seen = Seen(self.command, self.path, headers, self.rfile.read(length))
            found = bank.right(seen)
            bank.spoil(seen, found)
            seen.answer = found
            bank.seen.append(seen)
            if found.action == "drop":
                return
            if found.action == "hang":
                bank.stopping.wait(5)
                return
            self.write(seen, found)

        def write(self, seen, found):
            raw = found.raw
            if raw is None:
                raw = b"" if found.body is None else json.dumps(found.body).encode()
            told = {
                "Content-Type": "application/json; charset=utf-8",
                "Date": email.utils.formatdate(time.time() + bank.skew_s, usegmt=True),
            }
            interaction = seen.headers.get("x-fapi-interaction-id")
            if interaction:
                told["x-fapi-interaction-id"] = interaction
            signature = found.signature
            if signature is None and raw:
                signature = bank.sign(raw, found.key, **found.header)
            if signature:
                told["x-jws-signature"] = signature
            told |= found.headers
            if found.status != 204:
                told["Content-Length"] = str(len(raw))
            seen.sent, seen.sent_headers = raw, told
            self.send_response_only(found.status)
            for name, value in told.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(raw[: len(raw) // 2] if found.action == "cut" else raw)

        do_GET = do_POST = do_DELETE = answer  # noqa: N815 - the base's names

    return Handler
