"""Mistakes on purpose: each is put into the real code, and the crash runs must find it.

A green crash run proves nothing unless it turns red for a mistake. Every mutant is a patch of a few
lines, applied in a process of its own, and counts as caught only by a violation of an invariant;
an exception (`Kind.BROKEN`) does not count, since it could be the patch's own.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import kiosk.money.banks.sandbox.connector as sandbox_connector
import kiosk.money.ledger as ledger_module
import kiosk.money.service as service_module
from kiosk.domain.order import OrderState
from kiosk.domain.payment import (
    AttemptEnd,
    Find,
    IntentStored,
    OutcomeKind,
    Phase,
    ResultStored,
    Send,
    StoreIntent,
    machine,
)
from kiosk.money import records
from kiosk.money.attempts import Performer
from kiosk.money.bank_events import EventDesk
from kiosk.money.journal import Journal
from kiosk.money.recall import Recaller
from kiosk.money.reconcile import Reconciler
from kiosk.money.till.intake import OrderIntake
from tests.crash.harness.drive import Driver
from tests.crash.harness.plan import make_plan
from tests.crash.harness.shared import fork_child
from tests.crash.harness.simulated import simulate
from tests.crash.harness.verdict import Kind

REAL_RUNS_MAX = 200
SIMULATED_RUNS_MAX = 5_000


@dataclass(frozen=True)
class Mutant:
    """One mistake; `is_real` says which kind of run has to find it."""

    name: str
    apply: Callable[[], None]
    is_real: bool = True


def _with_key(prepared, key: str):
    headers = tuple(
        (name, key if value == prepared.key else value) for name, value in prepared.headers
    )
    return replace(prepared, key=key, headers=headers)


def _before_each_send(change: Callable) -> None:
    """Let `change(self, request)` make the request that is sent."""
    perform = Performer._perform

    def performing(self, task, payment, effect):
        if isinstance(effect, Send):
            task = replace(task, request=change(self, task.request))
        return perform(self, task, payment, effect)

    Performer._perform = performing


def _after_each_send(change: Callable) -> None:
    """Let `change(event)` make the event that answers a send."""
    perform = Performer._perform

    def performing(self, task, payment, effect):
        event = perform(self, task, payment, effect)
        return change(event) if isinstance(effect, Send) else event

    Performer._perform = performing


def new_key_per_send() -> None:
    _before_each_send(lambda _self, request: _with_key(request, secrets.token_hex(16)))


def body_rebuilt_on_resend() -> None:
    _before_each_send(
        lambda _self, request: replace(
            request, body=request.body + b" " * secrets.choice((0, 1, 2, 3))
        )
    )


def journal_after_send() -> None:
    perform = Performer._perform

    def performing(self, task, payment, effect):
        if isinstance(effect, StoreIntent):
            self.later = task.intent
            return IntentStored(self._clock.steady_ms())
        event = perform(self, task, payment, effect)
        if isinstance(effect, Send) and getattr(self, "later", None) is not None:
            self._ledger.append(self.later)
            self.later = None
        return event

    Performer._perform = performing


def time_out_is_failed() -> None:
    def change(event):
        lost = {"answer_lost", "bank_timeout", "timeout"}
        if event.kind is OutcomeKind.UNKNOWN and event.reason in lost:
            return replace(event, kind=OutcomeKind.DECLINED)
        return event

    _after_each_send(change)


def server_error_is_failed() -> None:
    def change(event):
        if event.kind is OutcomeKind.UNKNOWN and event.reason.startswith("bank_status_5"):
            return replace(event, kind=OutcomeKind.DECLINED)
        return event

    _after_each_send(change)


def send_after_abandon() -> None:
    perform = Performer._perform
    sent: dict[str, tuple] = {}

    def performing(self, task, payment, effect):
        if isinstance(effect, Send):
            sent[task.key] = (task.request, task.mandate_ref)
        if isinstance(effect, Find) and payment.phase is Phase.FINDING_LATER and task.key in sent:
            self._bank.submit(*sent[task.key])
        return perform(self, task, payment, effect)

    Performer._perform = performing


def no_fsync() -> None:
    append = Journal.append

    class NoSync:
        def __init__(self, storage) -> None:
            self.storage = storage

        def __getattr__(self, name: str):
            return getattr(self.storage, name)

        def sync(self) -> None:
            pass

    def appending(self, body: bytes) -> None:
        if not isinstance(self._storage, NoSync):
            self._storage = NoSync(self._storage)
        append(self, body)

    Journal.append = appending


def _let_contradict(*kinds: type) -> None:
    objection = ledger_module.objection
    ledger_module.objection = lambda book, record: (
        None if isinstance(record, kinds) else objection(book, record)
    )


def event_applied_twice() -> None:
    _let_contradict(records.ResultCorrected)

    def settled(self, key, answer) -> None:
        self._ledger.append(
            records.ResultCorrected(
                self._ledger.time(), key, AttemptEnd.SETTLED, "settled", answer.payment_ref
            )
        )

    EventDesk._settled = settled


def told_before_stored() -> None:
    store_end = Performer._store_end
    perform = Performer._perform

    def storing(self, key, verdict, *, is_correction):
        self.later = lambda: store_end(self, key, verdict, is_correction=is_correction)
        return ResultStored()

    def performing(self, task, payment, effect):
        later, self.later = getattr(self, "later", None), None
        if later is not None:
            later()
        return perform(self, task, payment, effect)

    Performer._store_end, Performer._perform = storing, performing


def other_orders_answer_believed() -> None:
    sandbox_connector._is_same = lambda _given, _expected: True


def _with_rules(**changes) -> None:
    send_rules = service_module.send_rules
    service_module.send_rules = lambda *given: replace(send_rules(*given), **changes)


def resend_without_distance() -> None:
    _with_rules(apart_ms_min=1, resend_at_ms=(0, 100, 200, 300, 400, 500))


def not_found_believed_at_once() -> None:
    _with_rules(arrival_ms_max=0)


def recovery_pays_with_a_fresh_key() -> None:
    recover = Reconciler.recover

    def recovering(self) -> None:
        for key in list(self._ledger.book.open_keys):
            task = self._recaller.recall(key).task
            if task.request is not None:
                fresh = _with_key(task.request, secrets.token_hex(16))
                self._performer._bank.submit(fresh, task.mandate_ref)
        recover(self)

    Reconciler.recover = recovering


def abort_wins_over_flight() -> None:
    _let_contradict(records.OrderAborted)
    abort = OrderIntake.abort

    def aborting(self, ask):
        with self._ledger.lock:
            if self._entry(ask.order_id).state is OrderState.IN_FLIGHT:
                self._ledger.append(
                    records.OrderAborted(self._ledger.time(), ask.order_id, ask.reason)
                )
            return abort(self, ask)

    OrderIntake.abort = aborting


def refusal_of_a_resend_believed() -> None:
    answered = machine._answered

    def answering(payment, event):
        if event.kind is OutcomeKind.DECLINED:
            payment = replace(payment, exposed_at_ms=None)
        return answered(payment, event)

    machine._answered = answering


def resent_however_old() -> None:
    recall = Recaller.recall

    def recalling(self, key):
        found = recall(self, key)
        return found if found.age_ms is None else replace(found, age_ms=0)

    Recaller.recall = recalling


def own_clock_believed() -> None:
    def believing(self, key):
        return self._recaller.recall(key).age_ms

    Reconciler._confirmed_age_ms = believing


MUTANTS = (
    Mutant("new key per send", new_key_per_send),
    Mutant("journal after send", journal_after_send),
    Mutant("time-out = failed", time_out_is_failed),
    Mutant("5xx = failed", server_error_is_failed),
    Mutant("body rebuilt on resend", body_rebuilt_on_resend),
    Mutant("send after abandon", send_after_abandon),
    Mutant("no fsync", no_fsync, is_real=False),
    Mutant("duplicate event applied twice", event_applied_twice, is_real=False),
    Mutant("told before stored", told_before_stored),
    Mutant("another order's answer believed", other_orders_answer_believed),
    Mutant("resend without distance", resend_without_distance),
    Mutant("recovery pays with a fresh key", recovery_pays_with_a_fresh_key),
    Mutant("abort wins over a payment in flight", abort_wins_over_flight),
    Mutant("not found believed at once", not_found_believed_at_once, is_real=False),
    Mutant("refusal of a resend believed", refusal_of_a_resend_believed, is_real=False),
    Mutant("resent after a restart however old", resent_however_old, is_real=False),
    Mutant("clock believed that stood still", own_clock_believed, is_real=False),
)


def hunt(seed: int, connectors: tuple[str, ...], numbers: Iterable[int], folder: Path):
    """Try mutants, each in a process of its own, and say by what each was caught."""
    for number in numbers:
        own = folder / f"mutant-{number}"
        own.mkdir()
        yield _in_child(lambda number=number, own=own: _try(seed, connectors, number, own))


def _try(seed: int, connectors: tuple[str, ...], number: int, folder: Path) -> dict:
    mutant = MUTANTS[number]
    mutant.apply()
    runs = _real(seed, connectors, folder) if mutant.is_real else _simulated(seed, folder)
    tried, kinds = 0, set()
    for violations in runs:
        tried += 1
        kinds = {kind for kind, _ in violations} - {Kind.BROKEN.value}
        if kinds:
            break
    return {
        "number": number,
        "name": mutant.name,
        "mode": "real" if mutant.is_real else "simulated",
        "caught_by": sorted(kinds),
        "runs": tried,
    }


def _real(seed: int, connectors: tuple[str, ...], folder: Path) -> Iterable[list]:
    driver = Driver(folder)
    try:
        for number in range(REAL_RUNS_MAX):
            yield driver.run(make_plan(seed, number, connectors)).violations
    finally:
        driver.close()


def _simulated(seed: int, folder: Path) -> Iterable[list]:
    for outcome in simulate(seed, range(SIMULATED_RUNS_MAX), folder):
        yield outcome["violations"]


def _in_child(work: Callable[[], dict]) -> dict:
    reading, writing = os.pipe()

    def report() -> int:
        os.close(reading)
        os.write(writing, json.dumps(work()).encode())
        return 0

    pid = fork_child(report)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read()
    os.waitpid(pid, 0)
    return json.loads(said)
