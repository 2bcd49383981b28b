"""The payer's page: what it shows, who may decide on it, and the way back with a code."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import ssl
from http.client import HTTPSConnection
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest
from joserfc import jws

from kiosk.sandbox.bank.vrp.pages import limit_in_words, validity_in_words
from tests.fakes.third_party import REGISTRY, Reply

VERIFIER = "v" * 43
CHALLENGE = (
    base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
)


class Browser:
    """Keeps its cookie, follows nothing, has no certificate."""

    def __init__(self, ca_pem):
        self.context = ssl.create_default_context(cadata=ca_pem)
        self.cookie = None

    def __call__(self, method, url, fields=None):
        parts = urlsplit(url)
        connection = HTTPSConnection(parts.hostname, parts.port, timeout=10, context=self.context)
        headers = {"Cookie": self.cookie} if self.cookie else {}
        body = None
        if fields is not None:
            body = urlencode(fields)
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection.request(method, f"{parts.path}?{parts.query}", body, headers)
        response = connection.getresponse()
        reply = Reply(response.status, response.headers, response.read())
        connection.close()
        if "Set-Cookie" in reply.headers:
            self.cookie = reply.headers["Set-Cookie"].partition(";")[0]
        return reply


@pytest.fixture
def browser(tpp):
    return Browser(tpp.onboarding["ca_pem"])


def hidden(reply):
    page = reply.raw.decode()
    fields = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]+)"', page))
    fields["account"] = re.search(r'name="account" value="([^"]+)"', page)[1]
    return fields


def authorise_url(tpp, consent_id, **claims):
    request = tpp.jwt(
        tpp.claims(
            **{
                "response_type": "code id_token",
                "client_id": tpp.onboarding["client_id"],
                "redirect_uri": tpp.onboarding["redirect_uri"],
                "scope": "openid payments",
                "state": "s-1",
                "nonce": "n-1",
                "code_challenge": CHALLENGE,
                "code_challenge_method": "S256",
                "claims": {"id_token": {"openbanking_intent_id": {"value": consent_id}}},
            }
            | claims
        )
    )
    query = urlencode({"client_id": tpp.onboarding["client_id"], "request": request})
    return f"{tpp.onboarding['authorization_endpoint']}?{query}"


def intent_url(tpp, consent_id):
    return f"{tpp.onboarding['authorization_endpoint']}?openbanking_intent_id={quote(consent_id)}"


def test_page_shows_the_consent_and_nothing_from_elsewhere(tpp, browser):
    """Payee, limits, validity and accounts in words; no script, no outside resource, no framing."""
    reply = browser("GET", intent_url(tpp, tpp.stage()))

    page = reply.raw.decode()
    assert reply.status == 200
    assert tpp.onboarding["creditor"]["Name"] in page
    assert "at most 50.00 GBP" in page
    assert "at most 200.00 GBP a day, by the calendar" in page
    assert "from 1 January 2026 until" in page
    assert 'type="radio"' in page
    assert "width=device-width" in page
    assert not re.search(r"<script|<img|<link|https?://|url\(|@import", page)
    policy = reply.headers["Content-Security-Policy"]
    style = re.search(r"<style>(.*)</style>", page)[1].encode()
    digest = base64.b64encode(hashlib.sha256(style).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert reply.headers["Cache-Control"] == "no-store"
    assert "HttpOnly" in reply.headers["Set-Cookie"]


def test_approving_a_scanned_intent(tpp, browser):
    """Approve with a chosen account: the consent stands, and its decoupled request gives tokens."""
    consent_id = tpp.stage()
    page = browser("GET", intent_url(tpp, consent_id))

    done = browser(
        "POST",
        tpp.onboarding["authorization_endpoint"],
        hidden(page) | {"decision": "approve"},
    )

    assert b"Approved" in done.raw
    assert tpp.call("GET", f"/domestic-vrp-consents/{consent_id}").json["Data"]["Status"] == "AUTH"
    assert tpp.consent_tokens(consent_id)["access_token"]
    assert b"decided already" in browser("GET", intent_url(tpp, consent_id)).raw


def test_hybrid_flow(tpp, browser, clock):
    """A signed request leads back with a code and an identity token that fits it; once."""
    consent_id = tpp.stage()
    page = browser("GET", authorise_url(tpp, consent_id))
    assert (
        tpp.onboarding["redirect_uri"].rpartition("/")[0]
        in (page.headers["Content-Security-Policy"])
    )

    sent = browser(
        "POST",
        tpp.onboarding["authorization_endpoint"],
        hidden(page) | {"decision": "approve"},
    )

    assert sent.status == 303
    base, _, fragment = sent.headers["Location"].partition("#")
    assert base == tpp.onboarding["redirect_uri"]
    back = {name: values[0] for name, values in parse_qs(fragment).items()}
    assert back["state"] == "s-1"
    token = jws.deserialize_compact(back["id_token"], tpp.bank_keys(), registry=REGISTRY)
    claims = json.loads(token.payload)
    assert claims["openbanking_intent_id"] == consent_id
    assert claims["nonce"] == "n-1"
    assert claims["aud"] == tpp.onboarding["client_id"]
    half = hashlib.sha256(back["code"].encode()).digest()[:16]
    assert claims["c_hash"] == base64.urlsafe_b64encode(half).rstrip(b"=").decode()
    assert browser("GET", base).status == 200

    def redeem(**changes):
        fields = {
            "grant_type": "authorization_code",
            "code": back["code"],
            "redirect_uri": tpp.onboarding["redirect_uri"],
            "code_verifier": VERIFIER,
        }
        return tpp.token(**(fields | changes))

    tokens = redeem()
    assert tokens.status == 200
    paid = tpp.call(
        "POST",
        "/domestic-vrps",
        tpp.payment_body(consent_id),
        token=tokens.json["access_token"],
        key="k1",
    )
    assert paid.status == 201
    assert redeem().json["error"] == "invalid_grant"


@pytest.mark.parametrize(
    "change", [{"code_verifier": "w" * 43}, {"redirect_uri": "https://x.example"}, {"code": "x"}]
)
def test_codes_are_not_transferable(tpp, browser, change):
    """A wrong verifier, way back or code buys nothing."""
    page = browser("GET", authorise_url(tpp, tpp.stage()))
    sent = browser(
        "POST", tpp.onboarding["authorization_endpoint"], hidden(page) | {"decision": "approve"}
    )
    code = parse_qs(sent.headers["Location"].partition("#")[2])["code"][0]
    fields = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": tpp.onboarding["redirect_uri"],
        "code_verifier": VERIFIER,
    }

    assert tpp.token(**(fields | change)).json["error"] == "invalid_grant"


def test_code_ends_after_a_minute(tpp, browser, clock, stranger):
    """A code that waits too long, or that another client brings, buys nothing."""
    fields = {
        "grant_type": "authorization_code",
        "redirect_uri": tpp.onboarding["redirect_uri"],
        "code_verifier": VERIFIER,
    }
    for spoil in ("late", "stolen"):
        page = browser("GET", authorise_url(tpp, tpp.stage()))
        sent = browser(
            "POST",
            tpp.onboarding["authorization_endpoint"],
            hidden(page) | {"decision": "approve"},
        )
        code = parse_qs(sent.headers["Location"].partition("#")[2])["code"][0]
        if spoil == "late":
            clock.now_s += 61
        who = stranger if spoil == "stolen" else tpp
        assert who.token(code=code, **fields).json["error"] == "invalid_grant"


def test_rejecting_goes_back_with_an_error(tpp, browser):
    """Reject: access_denied and the state, no code; the consent is RJCT."""
    consent_id = tpp.stage()
    page = browser("GET", authorise_url(tpp, consent_id))

    sent = browser(
        "POST", tpp.onboarding["authorization_endpoint"], hidden(page) | {"decision": "reject"}
    )

    assert parse_qs(sent.headers["Location"].partition("#")[2]) == {
        "error": ["access_denied"],
        "state": ["s-1"],
    }
    assert tpp.call("GET", f"/domestic-vrp-consents/{consent_id}").json["Data"]["Status"] == "RJCT"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda fields: fields | {"seal": "0" * 64},
        lambda fields: fields | {"seal": "\u00fc"},
        lambda fields: fields | {"ticket": "x"},
        lambda fields: {name: value for name, value in fields.items() if name != "seal"},
        lambda fields: fields | {"decision": "maybe"},
        lambda fields: fields | {"account": "somebody-elses"},
    ],
)
def test_forged_decisions_do_not_count(tpp, browser, spoil):
    """Without the page's own token, or with an account not shown, nothing is approved."""
    consent_id = tpp.stage()
    fields = hidden(browser("GET", intent_url(tpp, consent_id))) | {"decision": "approve"}

    reply = browser("POST", tpp.onboarding["authorization_endpoint"], spoil(fields))

    assert reply.status == 400
    assert tpp.call("GET", f"/domestic-vrp-consents/{consent_id}").json["Data"]["Status"] == "AWAU"


def test_another_browser_cannot_decide(tpp, browser):
    """The page's fields without this browser's cookie are worth nothing, and count once."""
    consent_id = tpp.stage()
    fields = hidden(browser("GET", intent_url(tpp, consent_id))) | {"decision": "approve"}
    url = tpp.onboarding["authorization_endpoint"]

    assert Browser(tpp.onboarding["ca_pem"])("POST", url, fields).status == 400
    assert browser("POST", url, fields).status == 200
    assert browser("POST", url, fields).status == 400


def test_page_gets_old(tpp, browser, clock):
    """After ten minutes a shown page is too old."""
    fields = hidden(browser("GET", intent_url(tpp, tpp.stage()))) | {"decision": "approve"}
    clock.now_s += 601
    assert browser("POST", tpp.onboarding["authorization_endpoint"], fields).status == 400


@pytest.mark.parametrize(
    "claims",
    [
        {"redirect_uri": "https://elsewhere.example/"},
        {"response_type": "code"},
        {"nonce": ""},
        {"nonce": 7},
        {"code_challenge_method": "plain"},
        {"scope": "openid"},
        {"exp": 5},
        {"claims": {}},
    ],
)
def test_requests_that_lead_nowhere(tpp, browser, claims):
    """A request that is not as registered and signed shows an error and no way back."""
    reply = browser("GET", authorise_url(tpp, tpp.stage(), **claims))

    assert reply.status == 400
    assert "Location" not in reply.headers


def test_consent_of_another_client(tpp, stranger, browser):
    """A client's signed request cannot name another client's consent."""
    assert browser("GET", authorise_url(stranger, tpp.stage())).status == 400


def test_addresses_of_the_front(tpp, browser):
    """Unknown consents, pages and methods; what comes from the address is never shown raw."""
    base = tpp.onboarding["authorization_endpoint"]
    odd = browser("GET", f"{base}?openbanking_intent_id=%3Cscript%3E")
    assert odd.status == 400
    assert b"<script" not in odd.raw
    assert browser("GET", base).status == 400
    assert browser("GET", base.replace("authorize", "nowhere")).status == 404
    assert browser("PUT", base).status == 405
    assert browser("POST", base, {"a": "b"}).status == 400


def test_words():
    """Limits and days read like sentences."""
    limit = {"PeriodType": "Half-year", "PeriodAlignment": "Consent"}
    limit |= {"Amount": "5.00", "Currency": "GBP"}
    assert limit_in_words(limit) == "at most 5.00 GBP half a year, counted from today"
    assert validity_in_words(None, None) == "until you end it"
    assert validity_in_words("2026-11-03", "2027-01-31") == (
        "from 3 November 2026 until 31 January 2027"
    )
