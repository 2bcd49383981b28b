"""Finds out what became of what is open: payments without the bank's word, and revocations.

At start everything that the last process left in flight is looked up, within a bound; then a
thread looks again and again, less and less often. Nothing here ever sends a payment.

Invariant: an attempt is either in flight in the engine or looked after here, never both.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from kiosk.domain.errors import SmileTillError
from kiosk.domain.ids import IdempotencyKey, PayerAlias
from kiosk.domain.payment import Payment, Phase, Recovered, SendRules, Tick, unresolved
from kiosk.money.attempts import Performer, Task
from kiosk.money.clock import Clock
from kiosk.money.config import MoneyConfig
from kiosk.money.engine import Engine
from kiosk.money.errors import JournalWriteError
from kiosk.money.ledger import Ledger
from kiosk.money.mandates import MandateDesk
from kiosk.money.records import ResultsMissing

KEYS_IN_RECORD_MAX = 500
"""Keys of 32 digits in one record: 18 KB, well below the record's limit."""
NUDGE_MS_MIN = 1_000
"""At most once a second is the bank asked because somebody looks at an order."""
PAUSE_MS_MIN = 200
"""A thread that has just looked does not look again sooner."""

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Open:
    """One open attempt, and when it is looked up next."""

    payment: Payment
    due_at_ms: int
    every_ms: int
    looked_at_ms: int


class Reconciler:
    """Looks after open attempts and revocations. `recover` once, then `start`, at last `stop`."""

    def __init__(
        self,
        ledger: Ledger,
        performer: Performer,
        mandates: MandateDesk,
        engine: Engine,
        clock: Clock,
        config: MoneyConfig,
        rules: SendRules,
    ) -> None:
        """Take what it works with; nothing is asked yet."""
        self._ledger = ledger
        self._performer = performer
        self._mandates = mandates
        self._engine = engine
        self._clock = clock
        self._config = config
        self._rules = rules
        self._first_ms = round(config.reconcile_every_s * 1_000)
        self._last_ms = round(config.reconcile_every_s_max * 1_000)
        self._guard = threading.Lock()
        self._open: dict[IdempotencyKey, _Open] = {}
        self._revocations: dict[PayerAlias, tuple[int, int]] = {}
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._stumbled = False
        """Whether something went wrong that no error of the world explains."""

    def recover(self) -> None:
        """Bring what the last process left to an end that is stored: known, or unknown.

        Asks the bank for at most `reconcile_first_s` and one time-out of its connector.

        Raises:
            JournalWriteError, KeyFileError: The disk refuses.
        """
        self._mandates.tidy(starting=True)
        with self._ledger.lock:
            book = self._ledger.book
            left = {key: book.attempts[key].end is None for key in book.open_keys}
        ends_at_ms = self._clock.steady_ms() + round(self._config.reconcile_first_s * 1_000)
        missing: list[IdempotencyKey] = []
        for key, has_no_result in left.items():
            now_ms = self._clock.steady_ms()
            if has_no_result and now_ms < ends_at_ms:
                payment, _ = self._performer.drive(
                    Task(key), Payment(self._rules), Recovered(now_ms)
                )
                if payment.phase is Phase.STRANDED:
                    raise JournalWriteError("a result could not be stored")
                if payment.phase is Phase.UNRESOLVED:
                    self.adopt(key, payment)
                continue
            if has_no_result:
                missing.append(key)
            self.adopt(key, unresolved(self._rules, now_ms))
        for first in range(0, len(missing), KEYS_IN_RECORD_MAX):
            keys = tuple(missing[first : first + KEYS_IN_RECORD_MAX])
            self._ledger.append(ResultsMissing(self._ledger.time(), keys))

    def adopt(self, key: IdempotencyKey, payment: Payment) -> None:
        """Look after an attempt from now on."""
        now_ms = self._clock.steady_ms()
        with self._guard:
            self._open[key] = _Open(payment, now_ms + self._first_ms, self._first_ms, now_ms)
        self._wake.set()

    def nudge(self, key: IdempotencyKey) -> None:
        """Look an attempt up soon, because somebody waits for it."""
        with self._guard:
            item = self._open.get(key)
            if item is None:
                return
            soon_ms = max(self._clock.steady_ms(), item.looked_at_ms + NUDGE_MS_MIN)
            item.due_at_ms = min(item.due_at_ms, soon_ms)
        self._wake.set()

    def look(self) -> int:
        """Look up everything that is due, once; return how many attempts are still open.

        What goes wrong with one is logged and does not stop the others. With a journal that takes
        no more, there is nothing to look for: nothing found could be told.
        """
        if self._ledger.is_poisoned:
            return len(self._open)
        for key in self._due():
            with self._going_on("an open payment cannot be looked up"):
                self._look_up(key)
        with self._going_on("mandates cannot be tidied up"):
            self._mandates.tidy(starting=False)
        for alias in self._due_revocations():
            with self._going_on("a revocation cannot be confirmed"):
                self._mandates.confirm(alias)
        with self._guard:
            return len(self._open)

    def start(self) -> None:
        """Go on looking on a thread of its own."""
        assert self._thread is None, "it runs"
        self._thread = threading.Thread(target=self._run, name="money-reconcile", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread, after at most one answer of the bank."""
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        rest_ms = 0
        while not self._stopping.is_set():
            self._stumbled = False
            with self._going_on("what is open cannot be looked after"):
                self.look()
            longer_ms = min(max(2 * rest_ms, self._first_ms), self._last_ms)
            rest_ms = longer_ms if self._stumbled else 0
            self._wake.wait(max(self._pause_s(), rest_ms / 1_000))
            self._wake.clear()

    @contextmanager
    def _going_on(self, what: str) -> Iterator[None]:
        """Log an error and go on; without its text, which may hold values.

        A mistake of ours too: a thread that died of it would leave every open payment alone.
        """
        try:
            yield
        except SmileTillError as error:
            logger.warning("%s: %s", what, error.code)
        except Exception as error:  # noqa: BLE001 - see above
            self._stumbled = True
            logger.error("%s: %s", what, type(error).__name__)  # noqa: TRY400 - no values

    def _pause_s(self) -> float:
        now_ms = self._clock.steady_ms()
        with self._guard:
            due = [item.due_at_ms for item in self._open.values()]
        next_ms = min([*due, now_ms + self._first_ms])
        return max(PAUSE_MS_MIN, next_ms - now_ms) / 1_000

    def _due(self) -> list[IdempotencyKey]:
        now_ms = self._clock.steady_ms()
        with self._guard:
            due = [key for key, item in self._open.items() if item.due_at_ms <= now_ms]
            looked_after = set(self._open)
        # What was left without a result (a full disk, a mistake of ours) is taken up as after a
        # restart. Flights begin and end under the ledger's lock, so none is mistaken for lost.
        with self._ledger.lock:
            known = looked_after | self._engine.flying()
            book = self._ledger.book
            lost = [
                key for key in book.open_keys if book.attempts[key].end is None and key not in known
            ]
        return due + lost

    def _look_up(self, key: IdempotencyKey) -> None:
        now_ms = self._clock.steady_ms()
        with self._guard:
            item = self._open.get(key)
            if item is not None:
                # Before it is looked up: one that cannot be comes later too, less and less often.
                item.every_ms = min(item.every_ms * 2, self._last_ms)
                item.due_at_ms, item.looked_at_ms = now_ms + item.every_ms, now_ms
        if item is None:
            payment, _ = self._performer.drive(Task(key), Payment(self._rules), Recovered(now_ms))
            if payment.phase is Phase.UNRESOLVED:
                self.adopt(key, payment)
            return
        payment, _ = self._performer.drive(Task(key), item.payment, Tick(now_ms))
        with self._guard:
            item.payment = payment
            if payment.phase is Phase.ENDED:
                del self._open[key]

    def _due_revocations(self) -> list[PayerAlias]:
        now_ms = self._clock.steady_ms()
        waiting = self._mandates.unconfirmed()
        due: list[PayerAlias] = []
        for alias in waiting:
            at_ms, every_ms = self._revocations.get(alias, (now_ms, self._first_ms))
            if at_ms <= now_ms:
                due.append(alias)
                self._revocations[alias] = (now_ms + every_ms, min(every_ms * 2, self._last_ms))
        for alias in self._revocations.keys() - set(waiting):
            del self._revocations[alias]
        return due
