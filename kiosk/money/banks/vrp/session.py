"""A client's dealings with one bank, and where the onboarding file for it comes from.

With a sealed file (secret `vrp`) the bank is the one it names, for as long as this process lives.
Without, it is the installation's sandbox bank, whose file is read again before each exchange: its
port changes at each start.
Invariant: what `Session.as_client` sends moves no money, so a refused token is renewed and the
request sent once more; a payment is never sent from here.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from kiosk.domain.errors import BadInputError
from kiosk.money.banks.exchange import Failure, Timeouts
from kiosk.money.banks.port import BankSecrets
from kiosk.money.banks.vrp.onboarding import FILE_BYTES_MAX, Onboarding, read_onboarding
from kiosk.money.banks.vrp.options import VrpOptions
from kiosk.money.banks.vrp.tokens import TokenDesk
from kiosk.money.banks.vrp.transport import BankClock, Reply, Transport

logger = logging.getLogger(__name__)

ONBOARDING_SECRET = "vrp"  # noqa: S105 - the name of a secret
SANDBOX_FILE = Path("sandbox", "vrp", "client.json")
SIGNED_EARLY_S = 2
"""A signature is dated this much back: the bank must find it in the past, and its clock is known to
half a second and half an exchange."""

JSON_TYPE = ("Content-Type", "application/json")


class Session:
    """One bank and one client; threads may share it."""

    def __init__(
        self, onboarding: Onboarding, options: VrpOptions, timeouts: Timeouts, clock: BankClock
    ) -> None:
        """Load the keys; nothing is sent yet."""
        self.onboarding = onboarding
        self.transport = Transport(onboarding, timeouts, clock)
        self.desk = TokenDesk(self.transport, options.client_auth)

    def resource(self, path: str) -> str:
        """Return the address of a payment resource."""
        return f"{self.onboarding.resource_base.rstrip('/')}/{path}"

    def signed(self, body: bytes, key: str = "") -> tuple[tuple[str, str], ...]:
        """Return the headers of a signed request that moves no money."""
        iat_s = int(self.transport.clock.now_s()) - SIGNED_EARLY_S
        headers = (JSON_TYPE, ("x-jws-signature", self.transport.signer.detached(body, iat_s)))
        return (*headers, ("x-idempotency-key", key)) if key else headers

    def as_client(
        self,
        method: str,
        url: str,
        body: bytes = b"",
        headers: tuple[tuple[str, str], ...] = (),
    ) -> Reply | Failure:
        """Send a request under the client's own token; a refused token is renewed once."""
        token = self.desk.client()
        if isinstance(token, Failure):
            return token
        reply = self.transport.send(method, url, body, headers, token)
        if isinstance(reply, Failure) or reply.status != 401:
            return reply
        token = self.desk.client(refused=token)
        if isinstance(token, Failure):
            return token
        return self.transport.send(method, url, body, headers, token)


class SessionSource:
    """Finds the onboarding file and keeps one session as long as the file stays the same."""

    def __init__(
        self,
        data_dir: Path,
        secrets: BankSecrets,
        options: VrpOptions,
        timeouts: Timeouts,
        clock: BankClock,
    ) -> None:
        """Read nothing yet."""
        self._file = data_dir / SANDBOX_FILE
        self._secrets = secrets
        self._options = options
        self._timeouts = timeouts
        self._clock = clock
        self._guard = threading.Lock()
        self._is_sealed: bool | None = None
        self._raw = b""
        self._session: Session | None = None

    @property
    def is_sandbox(self) -> bool:
        """Say whether the bank is a sandbox; without any file it is the installation's own.

        Raises:
            SmileTillError: The sealed file cannot be opened or used.
        """
        with self._guard:
            if not self._look_for_sealed():
                return True
            assert self._session is not None
            return self._session.onboarding.is_sandbox

    def session(self) -> Session | None:
        """Return the session, or None while there is no bank.

        Raises:
            SmileTillError: The sealed file cannot be opened or used.
        """
        with self._guard:
            if self._look_for_sealed():
                return self._session
            raw = self._read_sandbox_file()
            if raw != self._raw:
                self._raw, self._session = raw, None
                try:
                    self._session = self._open(raw) if raw else None
                except BadInputError as error:
                    logger.warning("the sandbox bank's file is of no use: %s", error.message)
            return self._session

    def _look_for_sealed(self) -> bool:
        if self._is_sealed is None:
            raw = self._secrets.get(ONBOARDING_SECRET)
            if raw is not None:
                self._session = self._open(raw)
            self._is_sealed = raw is not None
        return self._is_sealed

    def _read_sandbox_file(self) -> bytes:
        try:
            with self._file.open("rb") as file:
                return file.read(FILE_BYTES_MAX + 1)
        except OSError:
            return b""

    def _open(self, raw: bytes) -> Session:
        onboarding = read_onboarding(raw)
        if self._options.approval == "headless" and not onboarding.is_sandbox:
            raise BadInputError(
                "[bank.options] approval = headless is for the sandbox bank only.",
                code="bank_option_bad",
                mend="Use qr or page: a real bank's customers approve for themselves.",
            )
        return Session(onboarding, self._options, self._timeouts, self._clock)
