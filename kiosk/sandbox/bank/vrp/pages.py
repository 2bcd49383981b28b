"""The page on which a payer reads a consent and approves or rejects it.

It stands in for the bank's own app or web site after its login; the sandbox's customer needs no
password, since there is nobody to protect. Plain HTML, no script, nothing from elsewhere.
Two ways lead to it: a signed request (the browser goes back to the third party with a code), and
the bare intent, as scanned from a code on the terminal's screen (nothing to go back to).
Invariants:
- A decision counts only with the token of the very page that was shown to this browser.
- The page shows what the books hold, never what the address says.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import html
import secrets
import threading
from dataclasses import dataclass
from datetime import date
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from kiosk.sandbox.bank.vrp import jose
from kiosk.sandbox.bank.vrp.errors import ObError
from kiosk.sandbox.bank.vrp.oauth import (
    Addresses,
    OAuth,
    OAuthError,
    decide,
    intent_of,
    read_form,
    read_pairs,
    read_request_object,
)
from kiosk.sandbox.bank.vrp.tokens import CODE_LIFE_S, Code, TokenMint
from kiosk.sandbox.bank.wire import Answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from kiosk.sandbox.bank.vrp.books import VrpBooks
    from kiosk.sandbox.bank.vrp.pki import Pki
    from kiosk.sandbox.bank.vrp.server import Request

TICKETS_MAX = 200
TICKET_LIFE_S = 600
COOKIE = "approval"

STYLE = (
    "body{font:1.1rem/1.5 system-ui,sans-serif;margin:0 auto;max-width:34rem;padding:1rem;"
    "color:#111;background:#fff}"
    "h1{font-size:1.4rem}dt{color:#555;margin-top:.7rem}dd{margin:0;font-weight:600}"
    "label,button{display:block;width:100%;padding:.9rem;margin:.4rem 0;box-sizing:border-box;"
    "border:1px solid #777;border-radius:.5rem;font-size:1.1rem}"
    "button{cursor:pointer;background:#fff}button.main{background:#0b5c2c;color:#fff}"
    "small{color:#555}"
)
_STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()

PERIODS = {
    "Day": "a day",
    "Week": "a week",
    "Fortnight": "a fortnight",
    "Month": "a month",
    "Half-year": "half a year",
    "Year": "a year",
}


@dataclass(frozen=True, slots=True)
class Ticket:
    """One page that was shown and has not been decided on."""

    consent_id: str
    client_id: str
    until_s: float
    redirect_uri: str = ""
    """Where the browser goes back to; empty for a bare intent."""
    state: str = ""
    nonce: str = ""
    challenge: str = ""


class Pages:
    """Answers browsers."""

    def __init__(
        self,
        pki: Pki,
        books: VrpBooks,
        oauth: OAuth,
        mint: TokenMint,
        now_s: Callable[[], float],
        addresses: Addresses,
    ) -> None:
        """Answer from these."""
        self._pki = pki
        self._books = books
        self._oauth = oauth
        self._mint = mint
        self._now_s = now_s
        self._addresses = addresses
        self._secret = secrets.token_bytes(32)
        self._lock = threading.Lock()
        self._tickets: dict[str, Ticket] = {}

    def __call__(self, request: Request) -> Answer:
        """Answer one request of a browser."""
        try:
            match request.method, request.path:
                case "GET", "/authorize":
                    return self._show(request)
                case "POST", "/authorize":
                    return self._decide(request)
                case "GET", "/landing":
                    return _page("Done", "<p>You can go back to the till.</p>")
                case _, ("/authorize" | "/landing"):
                    return Answer(405, None, (("Allow", "GET, POST"),))
                case _:
                    return Answer(404)
        except OAuthError as error:
            return _sorry(error.description or error.error)
        except ObError as error:
            return _sorry(error.message or "This request is not known.")

    # --- showing ------------------------------------------------------------------------------

    def _show(self, request: Request) -> Answer:
        ticket = self._ticket(read_pairs(request.query))
        shown = self._books.consent_for_page(ticket.consent_id)
        if shown["client_id"] != ticket.client_id:
            raise OAuthError("invalid_request_object", "This request is not known.")
        if shown["status"] not in {"AWAU", "CANC"} and not ticket.redirect_uri:
            return _page("Nothing to do", "<p>This request has been decided already.</p>")
        name, session = secrets.token_urlsafe(18), _session(request) or secrets.token_urlsafe(18)
        with self._lock:
            while len(self._tickets) >= TICKETS_MAX:
                del self._tickets[next(iter(self._tickets))]
            self._tickets[name] = ticket
        cookie = f"{COOKIE}={session}; HttpOnly; Secure; SameSite=Lax; Path=/authorize"
        body = _form(shown, name, self._seal(name, session))
        return _page("Payments by smile", body, ticket.redirect_uri, (("Set-Cookie", cookie),))

    def _ticket(self, query: dict[str, str]) -> Ticket:
        """Read what the browser came with.

        Raises:
            OAuthError: It is not a request that we can answer by going back.
        """
        until_s = self._now_s() + TICKET_LIFE_S
        if "request" not in query:
            consent_id = query.get("openbanking_intent_id", "")
            return Ticket(
                consent_id, self._books.consent_for_page(consent_id)["client_id"], until_s
            )
        client = self._pki.client(query.get("client_id", ""))
        if client is None:
            raise OAuthError("invalid_request", "This client is not known.")
        claims = read_request_object(
            query["request"], client, {self._addresses.issuer}, self._now_s()
        )
        texts = {
            name: claims.get(name, "")
            for name in ("redirect_uri", "response_type", "state", "nonce", "code_challenge")
        }
        if not all(isinstance(text, str) and len(text) <= 1024 for text in texts.values()):
            raise OAuthError("invalid_request_object", "A claim is no text, or too long.")
        # Only what is signed counts (FAPI 1.0 Advanced, 5.2.2).
        if set(texts["response_type"].split()) != {"code", "id_token"}:
            raise OAuthError("unsupported_response_type", "Ask for code id_token.")
        if texts["redirect_uri"] != self._addresses.landing:
            raise OAuthError("invalid_request_object", "The way back is not registered.")
        if not texts["nonce"]:
            raise OAuthError("invalid_request_object", "A nonce is needed.")
        if texts["code_challenge"] and claims.get("code_challenge_method") != "S256":
            raise OAuthError("invalid_request_object", "Only S256 is known.")
        return Ticket(
            intent_of(claims),
            client.client_id,
            until_s,
            texts["redirect_uri"],
            texts["state"],
            texts["nonce"],
            texts["code_challenge"],
        )

    # --- deciding -----------------------------------------------------------------------------

    def _decide(self, request: Request) -> Answer:
        form = read_form(request)
        name, session = form.get("ticket", ""), _session(request)
        seal = self._seal(name, session or "")
        if session is None or not hmac.compare_digest(form.get("seal", "").encode(), seal.encode()):
            raise OAuthError("invalid_request", "This page was not shown to this browser.")
        decision = form.get("decision", "")
        if decision not in {"approve", "reject"}:
            raise OAuthError("invalid_request", "Approve or reject.")
        with self._lock:
            ticket = self._tickets.pop(name, None)
        if ticket is None or self._now_s() >= ticket.until_s:
            raise OAuthError("invalid_request", "This page is too old. Please start again.")
        status = self._books.consent_for_page(ticket.consent_id)["status"]
        # A consent that stands is merely confirmed: its payer is shown to be still the same.
        if not (status == "AUTH" and decision == "approve"):
            decide(self._books, ticket.consent_id, decision, form.get("account") or None)
        if ticket.redirect_uri:
            return self._send_back(ticket, is_approved=decision == "approve")
        words = "Approved" if decision == "approve" else "Rejected"
        return _page(words, "<p>You can put your phone away and go back to the till.</p>")

    def _send_back(self, ticket: Ticket, *, is_approved: bool) -> Answer:
        back = {"state": ticket.state} if ticket.state else {}
        if is_approved:
            code = self._mint.keep_code(
                Code(
                    ticket.client_id,
                    ticket.consent_id,
                    ticket.redirect_uri,
                    self._now_s() + CODE_LIFE_S,
                    ticket.nonce,
                    ticket.challenge,
                )
            )
            claims = {"nonce": ticket.nonce, "c_hash": jose.half_hash(code)}
            if ticket.state:
                claims["s_hash"] = jose.half_hash(ticket.state)
            id_token = self._oauth.id_token(ticket.client_id, ticket.consent_id, claims)
            back |= {"code": code, "id_token": id_token}
        else:
            back |= {"error": "access_denied"}
        # Of the hybrid flow the answer comes in the fragment, which no server's log ever sees.
        location = ("Location", f"{ticket.redirect_uri}#{urlencode(back)}")
        return Answer(303, None, (*_guards(ticket.redirect_uri), location))

    def _seal(self, ticket: str, session: str) -> str:
        return hmac.new(self._secret, f"{ticket} {session}".encode(), hashlib.sha256).hexdigest()


def _form(shown: dict[str, Any], ticket: str, seal: str) -> str:
    creditor = shown["creditor"] or {}
    rows = [("Paid to", creditor.get("Name", "whoever the till names"))]
    rows += [("Each payment", f"at most {_money(shown['maximum_individual_amount'])}")]
    rows += [("In all", limit_in_words(limit)) for limit in shown["periodic_limits"]]
    rows += [("Valid", validity_in_words(shown["first_day"], shown["last_day"]))]
    facts = "".join(f"<dt>{_safe(name)}</dt><dd>{_safe(value)}</dd>" for name, value in rows)
    chosen = shown["account"] or (shown["accounts"][0]["id"] if shown["accounts"] else "")
    accounts = "".join(
        f'<label><input type="radio" name="account" value="{_safe(account["id"])}"'
        f"{' checked' if account['id'] == chosen else ''}> {_safe(account['name'])}"
        f" {_safe(account['hint'])}</label>"
        for account in shown["accounts"]
    )
    return (
        f"<p>SmileTill asks to take payments from your account.</p><dl>{facts}</dl>"
        '<form method="post" action="/authorize">'
        f'<input type="hidden" name="ticket" value="{_safe(ticket)}">'
        f'<input type="hidden" name="seal" value="{_safe(seal)}">'
        f"<p>From which account?</p>{accounts}"
        '<button class="main" name="decision" value="approve">Approve</button>'
        '<button name="decision" value="reject">Reject</button></form>'
        "<p><small>You can end this at any time at the till or at your bank."
        " This is a sandbox: no real money moves.</small></p>"
    )


def limit_in_words(limit: dict[str, Any]) -> str:
    """Say a periodic limit as a person would."""
    period = PERIODS.get(limit["PeriodType"], limit["PeriodType"])
    counted = "counted from today" if limit["PeriodAlignment"] == "Consent" else "by the calendar"
    return f"at most {_money(limit)} {period}, {counted}"


def validity_in_words(first: str | None, last: str | None) -> str:
    """Say from when and until when, of days in ISO 8601."""
    until = "until you end it" if last is None else f"until {_day(last)}"
    return until if first is None else f"from {_day(first)} {until}"


def _money(amount: dict[str, Any]) -> str:
    return f"{amount['Amount']} {amount['Currency']}"


def _day(text: str) -> str:
    day = date.fromisoformat(text)
    return f"{day.day} {day.strftime('%B %Y')}"


def _safe(text: object) -> str:
    return html.escape(str(text), quote=True)


def _session(request: Request) -> str | None:
    try:
        cookies = SimpleCookie(request.headers.get("Cookie", ""))
    except CookieError:
        return None
    return cookies[COOKIE].value if COOKIE in cookies else None


def _sorry(why: str) -> Answer:
    page = _page("This did not work", f"<p>{_safe(why)}</p>")
    return Answer(400, None, page.headers, page.raw)


def _page(
    title: str, body: str, redirect_uri: str = "", headers: tuple[tuple[str, str], ...] = ()
) -> Answer:
    text = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{_safe(title)}</title><style>{STYLE}</style></head>"
        f"<body><main><h1>{_safe(title)}</h1>{body}</main></body></html>"
    )
    return Answer(200, None, (*_guards(redirect_uri), *headers), text.encode())


def _guards(redirect_uri: str) -> tuple[tuple[str, str], ...]:
    """Return what keeps a page from being framed, kept, or filled from elsewhere."""
    back = urlsplit(redirect_uri)
    # Browsers apply form-action to where a form's answer sends them too.
    forms = f"'self' {back.scheme}://{back.netloc}" if back.netloc else "'self'"
    policy = (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action {forms};"
        " base-uri 'none'; frame-ancestors 'none'"
    )
    return (
        ("Content-Type", "text/html; charset=utf-8"),
        ("Content-Security-Policy", policy),
        ("Cache-Control", "no-store"),
        ("Referrer-Policy", "no-referrer"),
        ("X-Content-Type-Options", "nosniff"),
        ("X-Frame-Options", "DENY"),
    )
