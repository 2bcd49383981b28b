"""How a payer approves a consent at the bank, and how its tokens come to this terminal.

- Sandbox: the simulated customer is told to approve.
- `qr`: the payer's banking app scans the consent's id (CIBA by intent id), and this terminal asks
  the token endpoint until the tokens come.
- `page`: the payer opens the bank's page; the browser comes back to the provider's address with a
  code, which staff hand over with `smiletill money bank approved` (FAPI 1.0 Advanced, hybrid flow).
  Where the bank offers both, whichever comes first counts.
It does not read consents' states; that a consent is authorised its caller has read already.
"""

from __future__ import annotations

import hmac
from urllib.parse import parse_qsl, quote, urlsplit

import msgspec

from kiosk.domain.errors import BadInputError
from kiosk.money.banks.errors import BankUnreachableError
from kiosk.money.banks.exchange import Failure
from kiosk.money.banks.vrp.bodies import encode
from kiosk.money.banks.vrp.consent_store import VERSION, Consent, ConsentStore, Redirect
from kiosk.money.banks.vrp.options import VrpOptions
from kiosk.money.banks.vrp.session import JSON_TYPE, Session
from kiosk.money.banks.vrp.tokens import REQUEST_LIFE_S, Refused, Tokens

PENDING_WORDS = frozenset({"authorization_pending", "slow_down"})
URL_LENGTH_MAX = 16_384


class Approvals:
    """Approvals under way; threads may share it."""

    def __init__(self, store: ConsentStore, options: VrpOptions) -> None:
        """Ask nothing yet."""
        self._store = store
        self._options = options

    def is_headless(self, session: Session) -> bool:
        """Say whether the simulated customer approves at once."""
        return session.onboarding.is_sandbox and self._options.approval in {"auto", "headless"}

    def begin(self, session: Session, kept: Consent) -> Consent:
        """Have an approval under way: a new one where none is, or where it is over.

        Raises:
            BankUnreachableError: The bank offers no way, or does not answer.
        """
        now_s = session.transport.clock.now_s()
        is_page = self._options.approval == "page"
        if (kept.request_id or kept.state) and now_s < kept.request_until_s:
            return kept
        kept = msgspec.structs.replace(kept, request_id="", page_url="", state="")
        if is_page and session.onboarding.authorization_endpoint:
            asked = session.desk.approval_request(kept.consent_id)
            kept = msgspec.structs.replace(
                kept,
                page_url=asked.url,
                state=asked.state,
                nonce=asked.nonce,
                verifier=asked.verifier,
                request_until_s=now_s + REQUEST_LIFE_S,
            )
        if session.onboarding.backchannel_authentication_endpoint:
            begun = session.desk.begin_backchannel(kept.consent_id)
            if isinstance(begun, Failure):
                raise BankUnreachableError(begun.reason.replace("_", " "))
            if isinstance(begun, Refused):
                raise BankUnreachableError("it does not let this mandate be approved")
            until_s = now_s + min(begun.life_s, REQUEST_LIFE_S)
            kept = msgspec.structs.replace(
                kept, request_id=begun.request_id, request_until_s=until_s
            )
        if not (kept.request_id or kept.state):
            raise BankUnreachableError("its onboarding file names no way to approve a mandate")
        self._store.keep(kept)
        return kept

    def simulate(self, session: Session, kept: Consent) -> None:
        """Have the simulated customer approve; what came of it is read from the consent."""
        session.transport.send(
            "POST",
            session.onboarding.headless_approve_url,
            encode({"consent_id": kept.consent_id, "decision": "approve"}),
            (JSON_TYPE,),
        )

    def address(self, session: Session, kept: Consent) -> str:
        """Return what the payer opens or scans."""
        if kept.page_url:
            return kept.page_url
        if session.onboarding.is_sandbox and session.onboarding.authorization_endpoint:
            # The sandbox has no app; its page knows a bare intent.
            intent = quote(kept.consent_id, safe="")
            return f"{session.onboarding.authorization_endpoint}?openbanking_intent_id={intent}"
        return kept.consent_id

    def tokens(self, session: Session, kept: Consent) -> Tokens | Refused | None:
        """Return the tokens of an authorised consent; None: they have not come yet.

        Raises:
            BankUnreachableError: The bank does not answer, or with what cannot be believed.
        """
        got: Tokens | Refused | Failure | None = None
        redirect = self._store.take_redirect(kept.state) if kept.state else None
        if redirect is not None:
            got = self._from_redirect(session, kept, redirect)
        elif kept.request_id:
            got = session.desk.poll(kept.request_id)
            if isinstance(got, Tokens) and got.id_token:
                _believe(session.desk.identity(got.id_token, kept.consent_id) is not None)
        if isinstance(got, Failure):
            raise BankUnreachableError(got.reason.replace("_", " "))
        if isinstance(got, Refused) and got.error in PENDING_WORDS:
            return None
        return got

    def _from_redirect(
        self, session: Session, kept: Consent, redirect: Redirect
    ) -> Tokens | Refused | Failure:
        """Check what came by the payer's browser, then change the code into tokens."""
        claims = session.desk.identity(redirect.id_token, kept.consent_id, kept.nonce) or {}
        for name, text in (("c_hash", redirect.code), ("s_hash", kept.state)):
            told = claims.get(name)
            _believe(
                isinstance(told, str) and hmac.compare_digest(told, session.desk.half_hash(text))
            )
        return session.desk.code(redirect.code, kept.verifier)


def hand_over(store: ConsentStore, url: str) -> None:
    """Leave the address to which a payer's browser came back, for the terminal to use.

    Args:
        store: Where the terminal looks.
        url: The whole address, with what the bank put behind `#` or `?`.

    Raises:
        BadInputError: It is no such address, or says that the payer or the bank refused.
    """
    parts = urlsplit(url if len(url) <= URL_LENGTH_MAX else "")
    found = dict(parse_qsl(parts.fragment or parts.query, max_num_fields=20))
    if "error" in found:
        raise BadInputError(
            "The bank's page ended without an approval.",
            code="approval_refused",
            mend="Begin the enrolment again, or take another bank account.",
        )
    if not all(found.get(name) for name in ("code", "id_token", "state")):
        raise BadInputError(
            "This is not the address to which the bank's page leads back.",
            code="approval_address_bad",
            mend="Copy the whole address from the browser, from https to its end.",
        )
    store.put_redirect(found["state"], Redirect(VERSION, found["code"], found["id_token"]))


def _believe(is_so: object) -> None:
    if not is_so:
        raise BankUnreachableError("its answer makes no sense")
