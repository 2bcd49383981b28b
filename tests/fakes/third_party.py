"""A third party at the sandbox bank's open-banking door: its certificate, its keys, its tokens.

It signs with joserfc, the bank with jwcrypto, so that no mistake is made on both sides at once.
It sends whatever a test asks for, right or wrong, and judges nothing but the bank's signatures.
"""

from __future__ import annotations

import base64
import http.client
import json
import secrets
import ssl
import tempfile
import uuid
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from joserfc import jws
from joserfc.jwk import KeySet, RSAKey
from joserfc.registry import HeaderParameter

IAT = "http://openbanking.org.uk/iat"
ISS = "http://openbanking.org.uk/iss"
TAN = "http://openbanking.org.uk/tan"
REGISTRY = jws.JWSRegistry(
    {
        name: HeaderParameter(name, kind)
        for name, kind in ((IAT, "int"), (ISS, "str"), (TAN, "str"))
    },
    algorithms=["PS256", "RS256"],
)
REGISTRY.max_header_length = 2_000
CIBA = "urn:openid:params:grant-type:ciba"
ABSENT = object()


@dataclass
class Reply:
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    raw: bytes

    @property
    def json(self):
        return json.loads(self.raw)

    @property
    def code(self):
        return self.json["Errors"][0]["ErrorCode"]


@dataclass
class Exchange:
    """One recorded request and its answer."""

    method: str
    url: str
    headers: dict
    body: bytes
    reply: Reply


@dataclass
class ThirdParty:
    """One client of the bank."""

    onboarding: dict = field(repr=False)
    now_s: object = field(repr=False)
    exchanges: list = field(default_factory=list, repr=False)

    def __post_init__(self):
        self.key = RSAKey.import_key(self.onboarding["signing_key_pem"])
        self.context = ssl.create_default_context(cadata=self.onboarding["ca_pem"])
        with tempfile.NamedTemporaryFile("w") as file:
            file.write(self.onboarding["transport_cert_pem"] + self.onboarding["transport_key_pem"])
            file.flush()
            self.context.load_cert_chain(file.name)

    # --- signing ------------------------------------------------------------------------------

    def header(self, **changes):
        header = {
            "alg": "PS256",
            "kid": self.onboarding["signing_kid"],
            IAT: int(self.now_s()),
            ISS: f"{self.onboarding['org_id']}/{self.onboarding['software_id']}",
            TAN: "openbanking.org.uk",
            "crit": [IAT, ISS, TAN],
        } | changes
        return {name: value for name, value in header.items() if value is not ABSENT}

    def sign(self, body, **changes):
        """Sign a body; `changes` replace or (with ABSENT) remove claims, however wrong."""
        header = self.header(**changes)
        head = b64(json.dumps(header).encode())
        signing_input = f"{head}.{b64(body)}".encode()
        algorithm = header["alg"] if header.get("alg") in {"PS256", "RS256"} else "PS256"
        raw = REGISTRY.get_alg(algorithm).sign(signing_input, self.key)
        return f"{head}..{b64(raw)}"

    def jwt(self, claims, **header):
        head = {"alg": "PS256", "kid": self.onboarding["signing_kid"]} | header
        return jws.serialize_compact(head, json.dumps(claims).encode(), self.key, registry=REGISTRY)

    def claims(self, life_s=60, **more):
        now_s = int(self.now_s())
        return {
            "iss": self.onboarding["client_id"],
            "aud": self.onboarding["issuer"],
            "iat": now_s,
            "nbf": now_s,
            "exp": now_s + life_s,
            "jti": secrets.token_hex(8),
        } | more

    def bank_keys(self):
        return KeySet.import_key_set(self.send("GET", self.onboarding["jwks_uri"]).json)

    def check(self, reply):
        """Raise unless the bank signed exactly this answer; returns the claims of the header."""
        signature = reply.headers["x-jws-signature"]
        checked = jws.deserialize_compact(
            signature, self.bank_keys(), registry=REGISTRY, payload=reply.raw
        )
        return checked.headers()

    # --- sending ------------------------------------------------------------------------------

    def send(self, method, url, body=b"", headers=()):
        parts = urlsplit(url)
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        fields = dict(headers)
        with closing(
            http.client.HTTPSConnection(
                parts.hostname, parts.port, timeout=20, context=self.context
            )
        ) as connection:
            connection.request(method, target, body=body or None, headers=fields)
            response = connection.getresponse()
            reply = Reply(response.status, response.headers, response.read())
        self.exchanges.append(Exchange(method, url, fields, body, reply))
        return reply

    def form(self, url, **fields):
        fields = {"client_id": self.onboarding["client_id"]} | fields
        fields = {name: value for name, value in fields.items() if value is not ABSENT}
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.send("POST", url, urlencode(fields).encode(), kind)

    def token(self, **fields):
        return self.form(self.onboarding["token_endpoint"], **fields)

    def client_token(self):
        reply = self.token(grant_type="client_credentials", scope="payments")
        assert reply.status == 200, reply.raw
        return reply.json["access_token"]

    def call(self, method, path, body=None, *, token=None, key=None, signature=None, **changes):
        """Call a resource as the standard wants it; `changes` alter headers (names with `_`)."""
        raw = (
            body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        )
        base = self.onboarding["events_base" if path.startswith("/event") else "resource_base"]
        headers = {
            "Authorization": f"Bearer {token or self.client_token()}",
            "Accept": "application/json",
            "x-fapi-interaction-id": str(uuid.uuid4()),
        }
        if body is not None:
            headers["Content-Type"] = "application/json"
            if path != "/events":
                headers["x-jws-signature"] = signature or self.sign(raw)
        if key is not None:
            headers["x-idempotency-key"] = key
        for name, value in changes.items():
            headers[name.replace("_", "-")] = value
        headers = {name: value for name, value in headers.items() if value is not ABSENT}
        return self.send(method, base + path, raw, headers)

    # --- journeys -----------------------------------------------------------------------------

    def consent_body(self, **parameters):
        return {
            "Data": {
                "ReadRefundAccount": "Yes",
                "ControlParameters": {
                    "ValidFromDateTime": "2026-01-01T00:00:00+00:00",
                    "ValidToDateTime": "2030-01-01T00:00:00+00:00",
                    "MaximumIndividualAmount": {"Amount": "50.00", "Currency": "GBP"},
                    "PeriodicLimits": [
                        {
                            "PeriodType": "Day",
                            "PeriodAlignment": "Calendar",
                            "Amount": "200.00",
                            "Currency": "GBP",
                        }
                    ],
                    "VRPType": ["UK.OBIE.VRPType.Other"],
                    "PSUAuthenticationMethods": ["UK.OBIE.SCANotRequired"],
                    "PSUInteractionTypes": ["InSession"],
                }
                | parameters,
                "Initiation": {"CreditorAccount": self.onboarding["creditor"]},
            },
            "Risk": {"PaymentContextCode": "FaceToFacePointOfSale", "MerchantCategoryCode": "5812"},
        }

    def payment_body(self, consent_id, amount="12.50", reference="ABCDEFGHIJ234567AB"):
        staged = self.consent_body()
        return {
            "Data": {
                "ConsentId": consent_id,
                "PSUAuthenticationMethod": "UK.OBIE.SCANotRequired",
                "PSUInteractionType": "InSession",
                "VRPType": "UK.OBIE.VRPType.Other",
                "Initiation": staged["Data"]["Initiation"],
                "Instruction": {
                    "InstructionIdentification": reference,
                    "EndToEndIdentification": reference,
                    "InstructedAmount": {"Amount": amount, "Currency": "GBP"},
                    "CreditorAccount": self.onboarding["creditor"],
                    "RemittanceInformation": {"Unstructured": [reference]},
                },
            },
            "Risk": staged["Risk"],
        }

    def stage(self):
        reply = self.call(
            "POST", "/domestic-vrp-consents", self.consent_body(), key=secrets.token_hex(8)
        )
        assert reply.status == 201, reply.raw
        return reply.json["Data"]["ConsentId"]

    def approve(self, consent_id, **more):
        body = json.dumps({"consent_id": consent_id, **more}).encode()
        return self.send(
            "POST",
            self.onboarding["headless_approve_url"],
            body,
            {"Content-Type": "application/json"},
        )

    def backchannel(self, consent_id, **claims):
        request = self.jwt(
            self.claims(scope="openid payments", **{"openbanking-intent-id": consent_id}, **claims)
        )
        return self.form(self.onboarding["backchannel_authentication_endpoint"], request=request)

    def consent_tokens(self, consent_id):
        started = self.backchannel(consent_id)
        assert started.status == 200, started.raw
        reply = self.token(grant_type=CIBA, auth_req_id=started.json["auth_req_id"])
        assert reply.status == 200, reply.raw
        return reply.json

    def approved(self):
        """Stage and approve a consent; returns its id and its access token."""
        consent_id = self.stage()
        assert self.approve(consent_id).status == 200
        return consent_id, self.consent_tokens(consent_id)["access_token"]


def b64(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def read_client_file(data_dir: Path) -> dict:
    """Return what the bank wrote for its terminal."""
    return json.loads((data_dir / "sandbox" / "vrp" / "client.json").read_text())
