"""Finds out what became of what is open: payments without the bank's word, and revocations.

At start everything that the last process left in flight is looked up, within a bound; then a
thread looks again and again, less and less often, and takes the bank's news.
Where the bank cannot be asked, the journalled bytes of an attempt are sent again, while its window
is open and nobody was told its outcome (the rules are in kiosk/domain/payment); nothing else is
ever sent from here.

Invariants: an attempt is either in flight in the engine or looked after here, never both; whoever
finds its end first stores it, and nobody stores a second one.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from kiosk.domain.errors import SmileTillError
from kiosk.domain.ids import IdempotencyKey, PayerAlias, PaymentRef
from kiosk.domain.payment import (
    AttemptEnd,
    Payment,
    Phase,
    Recovered,
    SendRules,
    Tick,
    unresolved,
)
from kiosk.domain.refund import Witness
from kiosk.money.attempts import Performer, Task
from kiosk.money.bank_events import EventDesk
from kiosk.money.clock import CLOCK_SKEW_S_MAX, Clock
from kiosk.money.config import MoneyConfig
from kiosk.money.engine import Engine
from kiosk.money.errors import JournalWriteError
from kiosk.money.ledger import Ledger
from kiosk.money.mandates import MandateDesk
from kiosk.money.recall import Recaller
from kiosk.money.records import (
    AnyRecord,
    AttemptAccepted,
    ResultCorrected,
    ResultsMissing,
)

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

    def __init__(  # noqa: PLR0917 - made in one place
        self,
        ledger: Ledger,
        performer: Performer,
        mandates: MandateDesk,
        engine: Engine,
        clock: Clock,
        config: MoneyConfig,
        rules: SendRules,
        recaller: Recaller,
        events: EventDesk | None,
    ) -> None:
        """Take what it works with; nothing is asked yet. Without `events`, none are polled."""
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
        self._recaller = recaller
        self._events = events
        self._events_due_ms = 0
        self._resuming: dict[IdempotencyKey, None] = {}
        self._others: list[Callable[[], None]] = []
        self._threads: list[threading.Thread] = []
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
            left = [book.attempts[key] for key in book.open_keys]
        self._ledger.watch(self._heard)
        ends_at_ms = self._clock.steady_ms() + round(self._config.reconcile_first_s * 1_000)
        missing: list[IdempotencyKey] = []
        for attempt in left:
            now_ms = self._clock.steady_ms()
            old = unresolved(self._rules, now_ms, attempt.payment_ref)
            if attempt.end is None and not old.can_ask and self._may_resume(attempt.key):
                self._resuming[attempt.key] = None
                continue
            if attempt.end is None and old.can_ask and now_ms < ends_at_ms:
                payment = self._recover(Task(attempt.key), None, attempt.payment_ref)
                if payment.phase is Phase.STRANDED:
                    raise JournalWriteError("a result could not be stored")
                continue
            if attempt.end is None:
                missing.append(attempt.key)
            if not attempt.is_reversed:
                self.adopt(attempt.key, old)
        for first in range(0, len(missing), KEYS_IN_RECORD_MAX):
            keys = tuple(missing[first : first + KEYS_IN_RECORD_MAX])
            self._ledger.append(ResultsMissing(self._ledger.time(), keys))

    def _may_resume(self, key: IdempotencyKey) -> bool:
        """Say whether the window of an attempt is still open; the machine decides in the end."""
        age_ms = self._recaller.recall(key).age_ms
        return age_ms is not None and age_ms < self._rules.window_ms

    def _recover(self, task: Task, age_ms: int | None, payment_ref: PaymentRef | None) -> Payment:
        """Bring an attempt without a result to a stored end, and look after it if it is open."""
        event = Recovered(self._clock.steady_ms(), age_ms, payment_ref)
        payment, _ = self._performer.drive(task, Payment(self._rules), event)
        if payment.phase is Phase.UNRESOLVED:
            self.adopt(task.key, payment)
        return payment

    def resume(self) -> None:
        """Carry on what `recover` left because the bank cannot be asked: resend, or say unknown.

        Takes as long as the windows of these attempts are open, one after the other.
        """
        for key in list(self._resuming):
            with self._going_on("an attempt cannot be carried on"):
                recalled = self._recaller.recall(key)
                age_ms = self._confirmed_age_ms(key)
                self._recover(recalled.task, age_ms, recalled.payment_ref)
            # Whatever went wrong: from here on it is looked up, and never sent again.
            with self._guard:
                del self._resuming[key]

    def _confirmed_age_ms(self, key: IdempotencyKey) -> int | None:
        """Return an attempt's age once the bank's clock confirms ours; None: it is not sent again.

        Ours may have stood still while the machine was off, for longer than the key protects: then
        a request that the bank has forgotten would look seconds old.
        """
        alias = self._ledger.book.attempts[key].alias
        while True:
            skew_s = self._mandates.clock_skew_s(alias)
            age_ms = self._recaller.recall(key).age_ms
            if age_ms is None or age_ms >= self._rules.window_ms:
                return None
            if skew_s is not None:
                return age_ms if abs(skew_s) <= CLOCK_SKEW_S_MAX else None
            if not self._clock.wait(self._rules.apart_ms_min):
                return None

    def look_also(self, look: Callable[[], None]) -> None:
        """Have somebody else look too, each time. It keeps its own pauses between its questions."""
        self._others.append(look)

    def resolve(
        self,
        key: IdempotencyKey,
        end: AttemptEnd,
        reason: str,
        by: Witness,
        *,
        staff: str = "",
        payment_ref: PaymentRef | None = None,
    ) -> bool:
        """Store how an attempt ended whose end is stored as unknown.

        Returns:
            Whether it still was unknown; if not, nothing has changed: it is on its way this moment,
            or somebody else came first.

        Raises:
            JournalWriteError: Nothing is stored.
        """
        assert end.is_final, "what is unknown is stored as that already"
        with self._ledger.lock:
            attempt = self._ledger.book.attempts.get(key)
            if attempt is None or attempt.end is not AttemptEnd.UNKNOWN:
                return False
            time = self._ledger.time()
            self._ledger.append(ResultCorrected(time, key, end, reason, payment_ref, by, staff))
            return True

    def _heard(self, record: AnyRecord) -> None:
        """Take note of ends that somebody else has stored. Called under the ledger's lock."""
        match record:
            case ResultCorrected(key=key):
                with self._guard:
                    self._open.pop(key, None)
            case AttemptAccepted(key=key, payment_ref=payment_ref):
                with self._guard:
                    item = self._open.get(key)
                    if item is not None and item.payment.phase is Phase.UNRESOLVED:
                        item.payment = replace(item.payment, payment_ref=payment_ref)
            case _:
                pass

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
        if self._events is not None and self._clock.steady_ms() >= self._events_due_ms:
            open_now = bool(self._open)
            every_ms = self._first_ms if open_now else self._last_ms
            self._events_due_ms = self._clock.steady_ms() + every_ms
            with self._going_on("the bank's news cannot be taken"):
                self._events.poll()
        for key in self._due():
            with self._going_on("an open payment cannot be looked up"):
                self._look_up(key)
        with self._going_on("mandates cannot be tidied up"):
            self._mandates.tidy(starting=False)
        for alias in self._mandates.take_doubted():
            with self._going_on("a mandate cannot be read"):
                self._mandates.refresh(alias)
        for alias in self._due_revocations():
            with self._going_on("a revocation cannot be confirmed"):
                self._mandates.confirm(alias)
        for look in self._others:
            with self._going_on("the back office cannot look"):
                look()
        with self._guard:
            return len(self._open)

    def start(self) -> None:
        """Go on looking on a thread of its own, and carry on what can only be sent again."""
        assert not self._threads, "it runs"
        self._threads.append(
            threading.Thread(target=self._run, name="money-reconcile", daemon=True)
        )
        if self._resuming:
            self._threads.append(
                threading.Thread(target=self.resume, name="money-resume", daemon=True)
            )
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End the threads, after at most one answer of the bank each."""
        self._stopping.set()
        self._wake.set()
        while self._threads:
            self._threads.pop().join()

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
            looked_after = set(self._open) | set(self._resuming)
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
            # Somebody may have been told that its outcome is unknown: no age, so no resend.
            with self._ledger.lock:
                payment_ref = self._ledger.book.attempts[key].payment_ref
            self._recover(Task(key), None, payment_ref)
            return
        payment, _ = self._performer.drive(Task(key), item.payment, Tick(now_ms))
        with self._guard:
            item.payment = payment
            if payment.phase is Phase.ENDED:
                self._open.pop(key, None)

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
