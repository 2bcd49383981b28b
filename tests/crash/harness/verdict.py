"""Judges one run: what was told, what is stored and what was sent, against what the bank did.

Nothing here asks the code under test for its opinion except by reading the journal's file. Each
violation has a kind; the kinds are counted in the report.
"""

from __future__ import annotations

import enum
import hashlib
import itertools
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from kiosk.domain.order import OrderState, Outcome

APART_MS_MIN = 1_000
KEY_LIFE_MS = 23 * 3_600_000
READY_S_MAX = 3.0


class Kind(enum.Enum):
    """What went wrong, with the invariant of payments.md, section 6."""

    DOUBLE_DEBIT = "double_debits"
    """I1."""
    PAID_WITHOUT_DEBIT = "paid_without_debit"
    """I2: also where the debit is of another amount."""
    REFUSED_WITH_DEBIT = "refused_with_debit"
    """I3: told not paid, open or cancelled."""
    SUM_DIFFERS = "sum_differs"
    """I4."""
    UNLIKE_RESEND = "unlike_resends"
    """I5."""
    EARLY_RESEND = "early_resends"
    """I6: less than 1.0 s apart."""
    LATE_SEND = "late_sends"
    """I6: after the end was stored, or after 23 h."""
    SENT_UNSTORED = "sent_unstored"
    """A request left before its intent was on the disk."""
    RECORD_LOST = "records_lost"
    """I7."""
    DAMAGE_ACCEPTED = "damage_accepted"
    """I7: sold on a journal that was changed in the middle."""
    TOLD_UNSTORED = "told_unstored"
    """An outcome was told that the next life does not find."""
    SLOW_RESTART = "slow_restarts"
    """I8."""
    LEAK = "leaks"
    """I9."""
    BROKEN = "broken"
    """A process ended by an exception: a mistake, but not of money."""


@dataclass(frozen=True)
class Violation:
    kind: Kind
    detail: str


@dataclass
class Evidence:
    """What is known of one order after a run."""

    amount: int
    told: list[dict]
    """In the order of telling; `at_ms` on the shared clock."""
    notes: list[dict]
    """The ports' notes, in their order."""
    arrived: list[dict]
    """The bank's log of this run's requests."""
    executed: list[tuple[str, int]]
    """(key, minor units) by the bank's books."""
    journal_lines: Iterable[bytes] = ()
    settled_records: list[tuple[str, int]] = field(default_factory=list)
    """(key, minor units) of every record that says settled."""
    refused_keys: set[str] = field(default_factory=set)
    """Keys whose last record says that nothing was paid."""
    is_rolled_back: bool = False
    """Somebody took acknowledged records away: only what the bank's key still protects holds."""


def judge(evidence: Evidence) -> list[Violation]:
    """Return everything that must not be."""
    return [
        *_debits(evidence),
        *_told(evidence),
        *_sends(evidence),
        *_requests(evidence),
        *_records(evidence),
    ]


def compare_with_stored(
    news: list[dict], notes: list[dict], state: OrderState | None
) -> Iterable[Violation]:
    """What was told last in a life must be what the next life finds."""
    last = next((it for it in reversed(news) if it["what"] in {"paid", "status"}), None)
    if last is None:
        return
    said = last.get("outcome") or last.get("state")
    # A settlement may have been reversed, an order closed, after it was told and before the end.
    if said == Outcome.PAID.value and state in {None, OrderState.OPEN, OrderState.IN_FLIGHT}:
        yield Violation(Kind.TOLD_UNSTORED, f"paid told, {state} stored")
    if said == OrderState.CANCELLED.value and state is not OrderState.CANCELLED:
        yield Violation(Kind.TOLD_UNSTORED, f"cancelled told, {state} stored")
    refused = said == Outcome.NOT_PAID.value and last["reason"] != "journal_write_failed"
    began = any(it.get("kind") == "intent" and it["at_ms"] >= last["at_ms"] for it in notes)
    if refused and not began and state is OrderState.IN_FLIGHT:
        yield Violation(Kind.TOLD_UNSTORED, "not paid told, in flight stored")


def _debits(evidence: Evidence) -> Iterable[Violation]:
    if len(evidence.executed) > 1:
        yield Violation(Kind.DOUBLE_DEBIT, f"{len(evidence.executed)} debits")
    keys = [key for key, _ in evidence.settled_records]
    if len(keys) != len(set(keys)):
        yield Violation(Kind.SUM_DIFFERS, "an attempt is settled twice in the journal")
    if any(key in evidence.refused_keys for key, _ in evidence.executed):
        yield Violation(Kind.REFUSED_WITH_DEBIT, "the journal says that nothing was paid")
    if set(evidence.settled_records) - set(evidence.executed):
        yield Violation(Kind.PAID_WITHOUT_DEBIT, "the journal knows a payment the bank does not")


def _told(evidence: Evidence) -> Iterable[Violation]:
    first_sent: dict[str, int] = {}
    for note in evidence.notes:
        if note["what"] == "sent":
            first_sent.setdefault(note["key"], note["at_ms"])
    for news in evidence.told:
        said = news.get("outcome") or news.get("state")
        if said == Outcome.PAID.value:
            if [amount for _, amount in evidence.executed] != [evidence.amount]:
                yield Violation(Kind.PAID_WITHOUT_DEBIT, f"paid told, {evidence.executed}")
            continue
        if evidence.is_rolled_back:
            # Who lost the intent cannot know of its debit; the same key still prevents a second.
            continue
        if said == OrderState.CANCELLED.value and evidence.executed:
            yield Violation(Kind.REFUSED_WITH_DEBIT, "cancelled told")
        if said in {Outcome.NOT_PAID.value, OrderState.OPEN.value}:
            # A later attempt may pay; one that was under way may not.
            for key, _ in evidence.executed:
                if first_sent.get(key, news["at_ms"]) < news["at_ms"]:
                    yield Violation(Kind.REFUSED_WITH_DEBIT, f"{said} told ({news['reason']})")


def _sends(evidence: Evidence) -> Iterable[Violation]:
    intents: set[str] = set()
    ended: set[str] = set()
    sent: dict[str, int] = {}
    digests: dict[str, str] = {}
    for note in evidence.notes:
        key = note.get("key")
        if note["what"] == "stored":
            if note["kind"] == "intent":
                intents.add(key)
            elif note["kind"] in {"result", "correction"}:
                ended.add(key)
            elif note["kind"] == "results_missing":
                ended |= set(note["keys"])
        elif note["what"] == "sent":
            at_ms = note["at_ms"]
            if key not in intents:
                yield Violation(Kind.SENT_UNSTORED, key)
            if key in ended and not evidence.is_rolled_back:
                yield Violation(Kind.LATE_SEND, "after its end was stored")
            if at_ms - sent.get(key, at_ms) > KEY_LIFE_MS:
                yield Violation(Kind.LATE_SEND, "after 23 h")
            sent.setdefault(key, at_ms)
            # Who lost the intent signs anew; the body is judged by the bank's own comparison.
            same = digests.setdefault(key, note["digest"]) == note["digest"]
            if not same and not evidence.is_rolled_back:
                yield Violation(Kind.UNLIKE_RESEND, "body or headers differ")


def _requests(evidence: Evidence) -> Iterable[Violation]:
    by_key: dict[str, list[dict]] = defaultdict(list)
    for request in evidence.arrived:
        by_key[request["key"]].append(request)
    for unsorted in by_key.values():
        requests = sorted(unsorted, key=lambda it: it["at_ms"])
        digests = {request["digest"] for request in requests}
        if len(digests) > 1 and not evidence.is_rolled_back:
            yield Violation(Kind.UNLIKE_RESEND, "by the bank's log")
        for before, after in itertools.pairwise(requests):
            # From before the one arrived until after the other did: the longest it can have been.
            if after["at_ms"] - before["for_ms"] < APART_MS_MIN:
                yield Violation(Kind.EARLY_RESEND, "by the bank's log")


def _records(evidence: Evidence) -> Iterable[Violation]:
    if evidence.is_rolled_back:
        return
    present = {hashlib.sha256(line).hexdigest() for line in evidence.journal_lines}
    for note in evidence.notes:
        if note["what"] == "stored" and note["digest"] not in present:
            yield Violation(Kind.RECORD_LOST, str(note["kind"]))
