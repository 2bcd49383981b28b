"""The money process as its link sees it: who may speak, who may say what, and who answers.

`build` is the composition root of the process and the only place that constructs adapters.
Nothing is decided here but permission.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from kiosk.domain.consent import Basis
from kiosk.domain.errors import SetupError
from kiosk.domain.ids import OrderId
from kiosk.link.back_office import (
    CloseConflict,
    CloseRefund,
    DecideUnknown,
    ListRefunds,
    RefundOrder,
    TakeStatement,
)
from kiosk.link.key_care import WatchVault
from kiosk.link.protocol import (
    AbortOrder,
    AcknowledgeOrder,
    AnyMessage,
    Authorise,
    CheckMandate,
    CloseElsewhere,
    Done,
    Facts,
    GetFacts,
    GetOrder,
    GetOrderStatus,
    Hello,
    ListOrders,
    NextOrder,
    OpenMandate,
    OpenOrder,
    Ping,
    Pong,
    RevokeMandate,
    Role,
    VerifyPin,
)
from kiosk.link.rights import (
    CountWrongReports,
    ListPayments,
    ProvePin,
    ReportWrongPerson,
    ResumeMandate,
    SetLimits,
    SetPin,
    SuspendMandate,
)
from kiosk.money.attempts import Performer, send_rules
from kiosk.money.back_office import BackOffice
from kiosk.money.bank_events import EventDesk
from kiosk.money.bank_secrets import SealedSecrets
from kiosk.money.banks.port import Bank, BankContext
from kiosk.money.banks.registry import open_bank
from kiosk.money.clock import Clock, SystemClock
from kiosk.money.config import MoneyConfig
from kiosk.money.engine import Engine
from kiosk.money.errors import JournalMissingError
from kiosk.money.keys import MandateKeys, parse_alias
from kiosk.money.ledger import JOURNAL_NAME, Ledger
from kiosk.money.mandates import MandateDesk
from kiosk.money.offers import Offers
from kiosk.money.pin_desk import PinDesk
from kiosk.money.pin_hash import PinHasher
from kiosk.money.recall import Recaller
from kiosk.money.reconcile import Reconciler
from kiosk.money.rights import RightsDesk
from kiosk.money.storage import FileStorage, Storage
from kiosk.money.till.intake import OrderIntake
from kiosk.money.till.room import TillRoom
from kiosk.money.vault_watch import watch_vault

STOP_S_MAX = 30.0
"""A payment in flight is brought to a stored end before the process goes; two time-outs of a
connector fit in."""

_MAY_SAY: dict[Role, tuple[type[AnyMessage], ...]] = {
    Role.FACES: (
        GetOrder, GetFacts, VerifyPin, Authorise, OpenMandate, CheckMandate,
        RevokeMandate, GetOrderStatus,
        # The screen offers orders, gives back what nobody wants, and lets staff close them.
        NextOrder, AcknowledgeOrder, AbortOrder, CloseElsewhere,
        # What payers do to their own mandates, at the desk or at the screen.
        ProvePin, SetLimits, SetPin, SuspendMandate, ResumeMandate, ListPayments,
        ReportWrongPerson, CountWrongReports,
        # Faces and money keep each other's last word.
        WatchVault,
    ),
    # A till asks for an order with a fresh nonce to make a lost session's authorisation worthless.
    Role.TILL: (
        OpenOrder, AbortOrder, CloseElsewhere, GetOrder, GetOrderStatus, ListOrders,
        # The command line asks for a member of staff's code before it sends these.
        RefundOrder, CloseRefund, ListRefunds, DecideUnknown, TakeStatement, CloseConflict,
    ),
    Role.STAFF: (),
    Role.SUPERVISOR: (),
}  # fmt: skip

logger = logging.getLogger(__name__)


class Door(Protocol):
    """Something that listens besides the link."""

    def start(self) -> None:
        """Listen. Raises SetupError."""
        ...

    def stop(self) -> None:
        """Listen no more."""
        ...


class MoneyService:
    """Answers the link's messages. Made by `build`; `start` before serving, `stop` after."""

    name = "money"

    def __init__(
        self, storage: Storage, keys: MandateKeys, bank: Bank, clock: Clock, config: MoneyConfig
    ) -> None:
        """Read the journal and wire the parts.

        Raises:
            JournalDamagedError, JournalWriteError: Nothing can be sold; see their mend.
        """
        self._bank = bank
        self._clock = clock
        self._config = config
        self._open_tills: Callable[[], Door] | None = None
        self._tills: Door | None = None
        self._ledger = Ledger(storage, clock)
        hasher = PinHasher(config.hash_cost)
        offers = Offers()
        rules = send_rules(bank.capabilities, config)
        self._mandates = MandateDesk(self._ledger, keys, bank, hasher, clock, config.currency)
        self._intake = OrderIntake(self._ledger, offers, config)
        self._pins = PinDesk(self._ledger, self._mandates, offers, hasher, clock, config)
        self._engine = Engine(
            self._ledger, keys, bank, self._mandates, offers, clock, config, rules
        )
        performer = Performer(self._ledger, bank, clock)
        recaller = Recaller(self._ledger, keys, self._mandates, clock)
        self._events = EventDesk(self._ledger, bank, self._mandates)
        self._reconciler = Reconciler(
            self._ledger,
            performer,
            self._mandates,
            self._engine,
            clock,
            config,
            rules,
            recaller,
            self._events if bank.capabilities.events else None,
        )
        self._engine.hand_over_to(self._reconciler.adopt)
        self.back_office = BackOffice(self._ledger, keys, bank, clock, self._reconciler.resolve)
        self._reconciler.look_also(self.back_office.look)
        self._rights = RightsDesk(
            self._ledger, self._mandates, self._pins, self.back_office.refunds, hasher, clock
        )

    def start(self) -> None:
        """Bring what was left open to a stored end, and go on looking after it.

        Takes at most `MoneyConfig.reconcile_first_s` and one time-out of the bank's connector.

        Raises:
            JournalWriteError, KeyFileError: The disk refuses.
        """
        self._reconciler.recover()
        self._reconciler.start()
        if self._open_tills is not None:
            self._tills = self._open_tills()
            self._tills.start()

    def lend_to_tills(self, open_tills: Callable[[TillRoom], Door], data_dir: Path) -> None:
        """Have the interface for tills opened by `start`, and closed by `stop`."""
        room = self.till_room(data_dir)
        self._open_tills = lambda: open_tills(room)

    def till_room(self, data_dir: Path) -> TillRoom:
        """Return what the interface for tills works with."""
        return TillRoom(
            ledger=self._ledger,
            intake=self._intake,
            bank=self._bank,
            clock=self._clock,
            config=self._config,
            refund=self.back_office.refunds.refund,
            look_soon=self._look_soon,
            data_dir=data_dir,
        )

    def wait_idle(self, timeout_s: float) -> bool:
        """Wait until no payment is in flight; return whether that came in time."""
        return self._engine.wait_idle(timeout_s)

    def stop(self) -> None:
        """Bring payments in flight to a stored end without further sends, then close everything."""
        # Nobody new comes in; a till that waits is told to ask later, when the process is back.
        if self._tills is not None:
            self._tills.stop()
        self._clock.stop()
        if not self._engine.wait_idle(STOP_S_MAX):
            logger.error("a payment is still in flight; it is looked up at the next start")
        self._reconciler.stop()
        self._ledger.close()
        self._bank.close()

    def detail(self) -> dict[str, str]:
        """Return facts for the doctor; all values are text."""
        skew_s = self._bank.health().clock_skew_s
        with self._ledger.lock:
            return {
                "journal": "poisoned" if self._ledger.is_poisoned else "ok",
                "records": str(self._ledger.records),
                "open_payments": str(len(self._ledger.book.open_keys)),
                "revocations_waiting": str(len(self._mandates.unconfirmed())),
                "sandbox": "yes" if self._bank.capabilities.is_sandbox else "no",
                "bank_clock_skew_s": "unknown" if skew_s is None else f"{skew_s:.1f}",
                "bank_alarms": str(sum(self._events.alarms.values())),
            }

    def admit(self, hello: Hello) -> None:
        """Let nothing that is not a live camera come near a real bank.

        Raises:
            SetupError: This peer could lead real money astray.
        """
        if hello.role is not Role.FACES or self._bank.capabilities.is_sandbox:
            return
        if hello.camera is not None and not hello.camera.is_live:
            raise _camera_refused()
        if hello.sandbox_only:
            raise SetupError(
                "Something of this session is for the sandbox only, and this is a real bank.",
                code="sandbox_only_refused",
                mend="Calibrate for real people and let the PIN be typed, or use the sandbox.",
            )

    def handle(self, hello: Hello, message: AnyMessage) -> Iterator[AnyMessage]:
        """Answer one message with one message.

        Raises:
            SmileTillError: The world is not in order; the link carries it over.
        """
        if not isinstance(message, (Ping, *_MAY_SAY[hello.role])):
            raise SetupError(
                "This part of SmileTill may not ask that of the money process.",
                code="message_not_allowed",
                mend="Check that all parts of SmileTill are of the same version.",
            )
        by_face = isinstance(message, Authorise) and message.basis is Basis.FACE
        if by_face and hello.camera is None and not self._bank.capabilities.is_sandbox:
            # Without a camera there is phone number and PIN, and nothing that a face could prove.
            raise _camera_refused()
        yield self._answer(message)

    # One case a message: a table of handlers would hide the types from the checker.
    def _answer(self, message: AnyMessage) -> AnyMessage:  # noqa: PLR0911, PLR0912
        match message:
            case GetOrder(order_id=order_id):
                return self._offer(order_id)
            case NextOrder() | AcknowledgeOrder():
                return self._screen(message)
            case GetFacts(alias=alias):
                return Facts(self._mandates.facts(parse_alias(alias)))
            case VerifyPin():
                return self._pins.verify(message)
            case Authorise():
                return self._engine.authorise(message)
            case OpenMandate(alias=alias, limits=limits, pin=pin):
                return self._mandates.open(alias, limits, pin)
            case WatchVault():
                return watch_vault(self._ledger, message)
            case CheckMandate(alias=alias):
                return self._mandates.check(alias)
            case RevokeMandate(alias=alias):
                return self._mandates.revoke(alias)
            case ProvePin() | SetLimits() | SetPin() | SuspendMandate() | ResumeMandate():
                return self._rights.answer(message)
            case ListPayments() | ReportWrongPerson() | CountWrongReports():
                return self._rights.answer(message)
            case OpenOrder() | AbortOrder() | CloseElsewhere() | GetOrderStatus() | ListOrders():
                return self._till(message)
            case RefundOrder() | CloseRefund() | ListRefunds():
                return self.back_office.answer(message)
            case DecideUnknown() | TakeStatement():
                return self.back_office.answer(message)
            case CloseConflict():
                self.back_office.decisions.close_conflict(message)
                return Done()
            case Ping():
                return Pong(self.name, self.detail())
            case _:
                raise AssertionError(f"{type(message).__name__} is allowed, but nobody answers it")

    def _screen(self, message: NextOrder | AcknowledgeOrder) -> AnyMessage:
        match message:
            case NextOrder(wait_ms=wait_ms):
                found = self._intake.next_for_screen(wait_ms)
                return Done() if found is None else self._offer(found)
            case AcknowledgeOrder():
                self._intake.acknowledge(message)
                return Done()

    def _till(
        self, message: OpenOrder | AbortOrder | CloseElsewhere | GetOrderStatus | ListOrders
    ) -> AnyMessage:
        match message:
            case OpenOrder():
                return self._intake.open(message)
            case AbortOrder():
                return self._intake.abort(message)
            case CloseElsewhere():
                return self._intake.close_elsewhere(message)
            case GetOrderStatus(order_id=order_id):
                self._look_soon(order_id)
                return self._intake.status(order_id)
            case ListOrders(only_open=only_open):
                return self._intake.list(only_open=only_open)

    def _offer(self, order_id: OrderId) -> AnyMessage:
        self._look_soon(order_id)
        return self._engine.offer(order_id)

    def _look_soon(self, order_id: OrderId) -> None:
        """Have an open payment looked up, because somebody asks for its order."""
        with self._ledger.lock:
            entry = self._ledger.book.orders.get(order_id)
            last = entry.keys[-1] if entry is not None and entry.keys else None
        if last is not None:
            self._reconciler.nudge(last)


def _camera_refused() -> SetupError:
    return SetupError(
        "Only a live camera may pay with real money.",
        code="camera_kind_refused",
        mend="Use a camera device, or the sandbox connector.",
    )


def build(data_dir: Path, money_key: bytes, config: MoneyConfig) -> MoneyService:
    """Put the money process of one installation together; nothing is sent yet.

    Args:
        data_dir: The installation.
        money_key: 32 bytes, derived for this process by the supervisor.
        config: The numbers it goes by.

    Raises:
        JournalBusyError: Another process writes this journal.
        JournalDamagedError, JournalMissingError: Nothing may be sold until it is mended.
        JournalWriteError, KeyFileError: The disk refuses.
        SetupError: There is no such connector.
    """
    folder = data_dir / "money"
    keys = MandateKeys(folder / "keys", money_key)
    journal = folder / JOURNAL_NAME
    # A journal always begins with a header; where mandates exist, an empty one was emptied.
    if keys.aliases() and (not journal.exists() or journal.stat().st_size == 0):
        raise JournalMissingError
    context = BankContext(
        data_dir=data_dir,
        url=config.bank_url or None,
        secrets=SealedSecrets(folder / "bank", keys),
        currency=config.currency,
        options=dict(config.bank_options),
    )
    bank = open_bank(config.connector, context)
    try:
        service = MoneyService(FileStorage(journal), keys, bank, SystemClock(), config)
        if config.till.enabled:
            # Imported here: a terminal without a till loads no web server.
            from kiosk.money.till.server import open_till  # noqa: PLC0415

            service.lend_to_tills(open_till, data_dir)
    except BaseException:
        bank.close()
        raise
    return service
