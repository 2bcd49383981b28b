"""Records: read strictly, written as the journals of version 1 hold them."""

from pathlib import Path

import pytest

from kiosk.domain.order import OrderState
from kiosk.domain.payment import AttemptEnd
from kiosk.money.errors import JournalDamagedError
from kiosk.money.ledger import read_book
from kiosk.money.mandate_book import Revocation
from kiosk.money.records import AnyRecord, decode_record, encode_record

SAMPLE = Path(__file__).parent / "samples" / "journal-v1.log"


def test_an_old_journal_can_be_read():
    """A file with every kind of record there was, as version 1 wrote it, still means the same."""
    seen: list[AnyRecord] = []
    reading, book = read_book(SAMPLE, seen.append)

    assert reading.torn_bytes == 0
    later = {
        record_type(kind)
        for kind in (
            "result", "order_seen", "contradiction", "refund_opened", "refund_ended",
            "refund_reversed", "statement",
            "conflict_closed", "till_asked", "till_answered", "accepted", "reversed",
            "mandate_changed", "limits_set", "pin_set", "mandate_paused", "mandate_resumed",
                "vault_seen",
        )
    }  # fmt: skip
    assert {type(record) for record in seen} | later == set(AnyRecord.__args__)
    assert {name: entry.state for name, entry in book.orders.items()} == {
        "o1": OrderState.PAID, "o2": OrderState.CANCELLED, "o3": OrderState.PAID_ELSEWHERE,
    }  # fmt: skip
    (attempt,) = book.attempts.values()
    assert (attempt.end, attempt.payment_ref) == (AttemptEnd.SETTLED, "p-1")
    (mandate,) = book.mandates.values()
    assert mandate.revocation is Revocation.CONFIRMED


def record_type(kind: str):
    return next(it for it in AnyRecord.__args__ if it.__struct_config__.tag == kind)


def test_records_are_written_as_they_are_read():
    """Reading and writing again gives the same bytes."""
    bodies = [line.split(b" ", 4)[4] for line in SAMPLE.read_bytes().splitlines()][1:]

    assert [encode_record(decode_record(body)) for body in bodies] == bodies


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b'{"kind":"pin_attempt"}',
        b'{"kind":"pin_attempt","at":"yesterday","alias":"a"}',
        b'{"kind":"pin_attempt","at":"2026-11-23T12:00:00.000000Z","alias":"a","name":"Ann"}',
        b'{"kind":"news","at":"2026-11-23T12:00:00.000000Z"}',
        b'{"kind":"tail_cut","at":"2026-11-23T12:00:00.000000Z","bytes_removed":"3"}',
        b'{"kind":"tail_cut","at":"2026-11-23T12:00:00.000000Z","bytes_removed":1e999}',
        b"[" * 100_000,
    ],
)
def test_what_this_version_does_not_know_is_damage(body):
    """No unknown kind, no unknown or missing field, no wrong type is passed over."""
    with pytest.raises(JournalDamagedError):
        decode_record(body)
