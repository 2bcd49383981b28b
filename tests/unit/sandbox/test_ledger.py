"""The books: double entry, one transaction for a payment and its key, limits, the bank's clock."""

from __future__ import annotations

import sqlite3

import pytest

from kiosk.domain.errors import SetupError
from kiosk.sandbox.bank.ledger import (
    IDEMPOTENCY_LIFE_S,
    KeyConflictError,
    Ledger,
    TooLateError,
    UnknownMandateError,
)
from kiosk.sandbox.bank.wire import MandateRequest, PaymentRequest, Sum


def open_mandate(ledger, key="m1", per_payment=10_000, per_day=20_000):
    request = MandateRequest("a1", Sum(per_payment, "GBP"), Sum(per_day, "GBP"))
    return ledger.open_mandate(key, "digest", request)["ref"]


def pay(ledger, mandate, key="k1", minor_units=1250, **more):
    request = PaymentRequest(
        more.get("order", f"order-{key}"),
        Sum(minor_units, more.get("currency", "GBP")),
        "Trattoria",
        mandate,
    )
    return ledger.pay(key, more.get("digest", "digest"), request, more.get("in_time", lambda: True))


def test_payment_is_one_debit_and_its_credit(ledger):
    """A settled payment takes from the customer exactly what the merchant gets."""
    mandate = open_mandate(ledger)

    answer = pay(ledger, mandate, order="order-7")

    assert answer["status"] == "settled"
    assert (1, 1250) == (ledger.debits("order-7").count, ledger.debits("order-7").sum_minor_units)
    assert ledger.is_balanced()
    account = ledger._mandate_row(mandate)["account"]
    assert ledger._balance(account, "GBP") == 100_000 - 1250
    assert ledger._balance("merchant", "GBP") == 1250


def test_money_rows_cannot_be_changed(ledger, tmp_path):
    """Not even another program on the same file can edit or delete what was booked."""
    pay(ledger, open_mandate(ledger))
    other = sqlite3.connect(tmp_path / "bank.db")
    try:
        for statement in (
            "update entries set minor_units = 1",
            "delete from entries",
            "update payments set status = 'declined'",
            "delete from transfers",
        ):
            with pytest.raises(sqlite3.IntegrityError, match="append only"):
                other.execute(statement)
    finally:
        other.close()


@pytest.mark.parametrize("step", ["_transfer", "_remember"])
def test_crash_inside_payment_leaves_nothing(ledger, monkeypatch, step):
    """A payment and the answer under its key are one transaction: both or neither (F18)."""
    mandate = open_mandate(ledger)
    original = getattr(Ledger, step)

    def crash(self, *args, **kwargs):
        original(self, *args, **kwargs)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Ledger, step, crash)
        with pytest.raises(KeyboardInterrupt):
            pay(ledger, mandate)

    assert ledger.payment_by_key("k1") is None
    assert ledger.debits().count == 0
    assert pay(ledger, mandate)["status"] == "settled"


def test_same_key_same_answer(ledger):
    """The same key and bytes give the first answer and no second debit, also for a decline."""
    mandate = open_mandate(ledger)

    assert pay(ledger, mandate) == pay(ledger, mandate)
    declined = pay(ledger, mandate, key="k2", minor_units=10_001)
    assert declined["reason"] == "limit_per_payment"
    assert pay(ledger, mandate, key="k2", minor_units=10_001) == declined
    assert ledger.debits().count == 1


def test_same_key_other_bytes_is_a_conflict(ledger):
    """A key names one request; other bytes under it are refused and not executed."""
    mandate = open_mandate(ledger)
    pay(ledger, mandate)

    with pytest.raises(KeyConflictError):
        pay(ledger, mandate, digest="other")
    assert ledger.debits().count == 1


def test_key_outlives_its_life_only_for_lookups(ledger, clock):
    """After 24 h on the bank's clock a key pays again; until then it does not (F17)."""
    mandate = open_mandate(ledger)
    first = pay(ledger, mandate)
    ledger.set_clock(IDEMPOTENCY_LIFE_S - 1)
    assert pay(ledger, mandate) == first

    clock.now_s += 1

    assert ledger.payment_by_key("k1") == first
    assert pay(ledger, mandate)["payment_ref"] != first["payment_ref"]
    assert ledger.debits("order-k1").count == 2


def test_clock_survives_a_restart(tmp_path, clock):
    """The offset of the bank's clock is kept with the books."""
    for expected in (clock.now_s, clock.now_s + 3600):
        ledger = Ledger(tmp_path / "books.db", clock)
        assert ledger.now_s() == expected
        ledger.set_clock(3600)
        ledger.close()


def test_limits_to_the_penny(ledger, clock):
    """Exactly the limit passes, a penny more does not, and the next day starts afresh."""
    mandate = open_mandate(ledger)

    assert pay(ledger, mandate, "k1", 10_000)["status"] == "settled"
    assert pay(ledger, mandate, "k2", 10_001)["reason"] == "limit_per_payment"
    assert pay(ledger, mandate, "k3", 10_000)["status"] == "settled"
    assert pay(ledger, mandate, "k4", 1)["reason"] == "limit_per_day"
    clock.now_s += 86_400
    assert pay(ledger, mandate, "k5", 1)["status"] == "settled"


def test_account_is_never_overdrawn(ledger):
    """The balance can be spent to zero and not below."""
    mandate = open_mandate(ledger, per_payment=200_000, per_day=200_000)

    assert pay(ledger, mandate, "k1", 100_001)["reason"] == "insufficient_funds"
    assert pay(ledger, mandate, "k2", 100_000)["status"] == "settled"
    assert pay(ledger, mandate, "k3", 1)["reason"] == "insufficient_funds"


@pytest.mark.parametrize("state", ["pending", "rejected", "suspended", "revoked", "expired"])
def test_only_an_active_mandate_pays(ledger, state):
    """Each other state declines with its own reason."""
    mandate = open_mandate(ledger)
    ledger.set_mandate_state(mandate, state)

    assert pay(ledger, mandate)["reason"] == f"mandate_{state}"
    assert ledger.debits().count == 0


def test_revoked_is_final_and_unknown_is_said(ledger):
    """Nothing brings a revoked mandate back; a mandate nobody opened is a decline."""
    mandate = open_mandate(ledger)
    ledger.set_mandate_state(mandate, "revoked")
    ledger.set_mandate_state(mandate, "active")

    assert ledger.mandate(mandate)["state"] == "revoked"
    assert pay(ledger, "m-nobody")["reason"] == "mandate_unknown"
    assert pay(ledger, open_mandate(ledger, "m2"), "k2", currency="EUR")["reason"] == (
        "currency_mismatch"
    )
    with pytest.raises(UnknownMandateError):
        ledger.mandate("m-nobody")


def test_mandate_waits_for_its_customer_when_told_to(ledger):
    """Without approval at once a mandate is pending until the customer acts."""
    ledger.approve_at_once = False
    mandate = open_mandate(ledger)

    assert ledger.mandate(mandate)["state"] == "pending"
    ledger.set_mandate_state(mandate, "active")
    assert pay(ledger, mandate)["status"] == "settled"


def test_too_late_is_neither_executed_nor_remembered(ledger):
    """A request whose time is over leaves no trace, so that the same key may still be paid."""
    mandate = open_mandate(ledger)

    with pytest.raises(TooLateError):
        pay(ledger, mandate, in_time=lambda: False)
    assert ledger.payment_by_key("k1") is None
    assert pay(ledger, mandate)["status"] == "settled"


def test_time_is_asked_under_the_lock_of_lookups(ledger):
    """While a request is judged in time no look-up can say that its key is unknown."""
    mandate = open_mandate(ledger)
    held = []

    pay(ledger, mandate, in_time=lambda: held.append(ledger._lock.locked()) or True)

    assert held == [True]


@pytest.mark.parametrize("content", [b"not a database at all" * 100, b"SQLite format 3\0" * 300])
def test_damaged_books_are_refused(tmp_path, content):
    """A file that is no ledger is an error with a mend, not a crash."""
    file = tmp_path / "books.db"
    file.write_bytes(content)

    with pytest.raises(SetupError) as caught:
        Ledger(file)
    assert caught.value.code == "sandbox_ledger_damaged"


def test_books_that_do_not_balance_are_refused(tmp_path):
    """A lost credit row is found at the next start."""
    ledger = Ledger(tmp_path / "books.db")
    pay(ledger, open_mandate(ledger))
    ledger.close()
    other = sqlite3.connect(tmp_path / "books.db")
    other.execute("drop trigger entries_no_delete")
    other.execute("delete from entries where account = 'merchant'")
    other.commit()
    other.close()

    with pytest.raises(SetupError) as caught:
        Ledger(tmp_path / "books.db")
    assert caught.value.code == "sandbox_ledger_damaged"


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (sqlite3.SQLITE_FULL, "sandbox_disk_full"),
        (sqlite3.SQLITE_IOERR_SHMSIZE, "sandbox_disk_full"),
        (sqlite3.SQLITE_IOERR_WRITE, "sandbox_not_writable"),
        (sqlite3.SQLITE_READONLY_DIRECTORY, "sandbox_not_writable"),
        (sqlite3.SQLITE_BUSY_RECOVERY, "sandbox_ledger_busy"),
        (sqlite3.SQLITE_NOTADB, "sandbox_ledger_damaged"),
        (sqlite3.SQLITE_CORRUPT_INDEX, "sandbox_ledger_damaged"),
    ],
)
def test_what_the_disk_refuses_is_not_called_damage(tmp_path, monkeypatch, code, told):
    """Only a damaged file may be removed; a full disk and a permission have mends of their own."""
    error = sqlite3.OperationalError("as SQLite has it")
    error.sqlite_errorcode = code

    def refuse(*_, **__):
        raise error

    monkeypatch.setattr("kiosk.sandbox.bank.ledger.MIGRATIONS.apply", refuse)
    with pytest.raises(SetupError) as caught:
        Ledger(tmp_path / "books.db")
    assert caught.value.code == told
    assert ("remove bank.db" in caught.value.mend) == (told == "sandbox_ledger_damaged")


def test_books_that_cannot_be_opened_are_not_called_damaged(tmp_path):
    """SQLite fails at the very first step, and the sentence is still ours."""
    (tmp_path / "books.db").mkdir()

    with pytest.raises(SetupError) as caught:
        Ledger(tmp_path / "books.db")
    assert caught.value.code == "sandbox_not_writable"
