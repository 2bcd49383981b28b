"""Puts the open-banking door together: listeners, keys, books, tokens, pages; and opens it.

It writes `client.json`, what a bank's onboarding would give to the terminal as a third party; the
addresses in it are new at every start, the keys and the authority stay.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from typing import TYPE_CHECKING

from kiosk.sandbox.bank.faults import FaultKind, FaultScript, apply_fault
from kiosk.sandbox.bank.files import write_whole
from kiosk.sandbox.bank.serving import POLL_S
from kiosk.sandbox.bank.vrp.api import ROOT, Api, is_resource
from kiosk.sandbox.bank.vrp.books import VrpBooks
from kiosk.sandbox.bank.vrp.control import RequestLog, VrpControl
from kiosk.sandbox.bank.vrp.oauth import Addresses, OAuth
from kiosk.sandbox.bank.vrp.pages import Pages
from kiosk.sandbox.bank.vrp.payments import MERCHANT_IDENTIFICATION
from kiosk.sandbox.bank.vrp.pki import (
    BANK_ORG_ID,
    TRUST_ANCHOR,
    Pki,
    browser_context,
    open_pki,
    server_context,
)
from kiosk.sandbox.bank.vrp.server import DoorServer
from kiosk.sandbox.bank.vrp.tokens import TokenMint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from kiosk.sandbox.bank.ledger import Ledger
    from kiosk.sandbox.bank.vrp.server import Request
    from kiosk.sandbox.bank.wire import Answer

VRP_FOLDER = "vrp"
CLIENT_FILE = "client.json"
CLIENT_VERSION = 1
CREDITOR = {
    "SchemeName": "UK.OBIE.SortCodeAccountNumber",
    "Identification": MERCHANT_IDENTIFICATION,
    "Name": "SmileTill sandbox restaurant",
}
"""The merchant's made-up account: six digits of sort code, eight of account number."""


class Door:
    """The open door of one bank."""

    def __init__(self, folder: Path, ledger: Ledger, faults: FaultScript, pki: Pki) -> None:
        """Listen on two free ports and furnish both.

        Args:
            folder: Where the keys are.
            ledger: The bank's books.
            faults: The script that both sides of the bank share.
            pki: The keys.

        Raises:
            OSError: No port is free.
        """
        now_s = ledger.now_s
        with contextlib.ExitStack() as undo:
            self.clients = DoorServer(now_s, server_context(folder, pki))
            undo.callback(self.clients.server_close)
            self.browsers = DoorServer(now_s, browser_context(folder))
            undo.callback(self.browsers.server_close)
            self.addresses = Addresses(self.clients.url, self.browsers.url)
            self.books = VrpBooks(ledger, self.clients.url, issuer=self.clients.url)
            undo.pop_all()
        self.pki = pki
        self.log = RequestLog()
        self.mint = TokenMint(pki.token_secret, now_s)
        self._faults = faults
        self._api = Api(pki, self.books, self.mint, now_s)
        self._oauth = OAuth(pki, self.books, self.mint, now_s, self.addresses)
        self.clients.application = self._answer
        self.browsers.application = Pages(
            pki, self.books, self._oauth, self.mint, now_s, self.addresses
        )
        self.control = VrpControl(self.books, self.mint, self.log)

    @contextlib.contextmanager
    def open(self, poll_s: float = POLL_S) -> Iterator[None]:
        """Serve until the end of the block, which is noticed within `poll_s`."""
        with contextlib.ExitStack() as stack:
            for name, server in (("vrp-clients", self.clients), ("vrp-browsers", self.browsers)):
                loop = threading.Thread(target=server.serve_forever, args=(poll_s,), name=name)
                loop.start()
                stack.callback(loop.join)
                stack.callback(server.stop)
            yield

    def onboarding(self, place: int = 0) -> dict[str, object]:
        """Return what a third party needs to be this bank's client; the terminal is the first."""
        client, at = self.pki.clients[place], self.addresses
        return {
            "version": CLIENT_VERSION,
            "client_id": client.client_id,
            "org_id": client.org_id,
            "software_id": client.software_id,
            "transport_cert_pem": client.transport.certificate,
            "transport_key_pem": client.transport.key,
            "signing_key_pem": client.signing.pem,
            "signing_kid": client.signing.kid,
            "ca_pem": self.pki.authority.certificate,
            "issuer": at.issuer,
            "token_endpoint": at.token,
            "authorization_endpoint": at.authorise,
            "backchannel_authentication_endpoint": at.backchannel,
            "jwks_uri": at.jwks,
            "resource_base": f"{at.issuer}{ROOT}/pisp",
            "events_base": f"{at.issuer}{ROOT}",
            "trust_anchor": TRUST_ANCHOR,
            "bank_signing_iss": BANK_ORG_ID,
            "redirect_uri": at.landing,
            "creditor": CREDITOR,
            "headless_approve_url": at.approve,
        }

    def _answer(self, request: Request) -> Answer | None:
        """Answer a client, right or, on order, wrong; None closes the connection."""
        began_s = time.monotonic()
        fault = self._faults.take(request.method, request.path)
        answer: Answer | None
        if fault is None:
            answer = self._right(request)
        else:
            pause: Callable[[float], object] = self.clients.stopping.wait
            answer = apply_fault(fault, lambda: self._right(request), pause, self._api.spoil)
            if answer is not None and fault.kind is FaultKind.STATUS:
                answer = self._api.scripted(fault, answer, request)
        status = 0 if answer is None else answer.status
        self.log.add(request, status, time.monotonic() - began_s)
        return answer

    def _right(self, request: Request) -> Answer:
        return (self._api if is_resource(request.path) else self._oauth).answer(request)


def make_door(sandbox_folder: Path, ledger: Ledger, faults: FaultScript) -> Door:
    """Make the door of an installation's bank and write what its client needs.

    Raises:
        SetupError: The keys are damaged, or the disk refuses.
        OSError: No port is free.
    """
    folder = sandbox_folder / VRP_FOLDER
    door = Door(folder, ledger, faults, open_pki(folder))
    write_whole(folder / CLIENT_FILE, json.dumps(door.onboarding()))
    return door
