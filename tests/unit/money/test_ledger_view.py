"""The view and the command line: what the journal says, without its lock and without a key."""

import json
import sqlite3

import pytest
from click.testing import CliRunner

from kiosk.commands.money import money
from kiosk.link.protocol import AbortOrder, CloseElsewhere
from kiosk.money.errors import JournalAbsentError, JournalDamagedError
from kiosk.money.ledger_view import list_orders, rebuild_view, verify_journal
from tests.fakes.bank import Fault
from tests.fakes.money_room import TILL, MoneyRoom


@pytest.fixture
def installation(tmp_path):
    """A journal on the real disk with a paid, an open, a cancelled and a refund-due order."""
    room = MoneyRoom(tmp_path / "data" / "money")
    room.enrol()
    room.pay(room.order("o1", 1_250))
    room.order("o2", 300)
    room.ask(AbortOrder(room.order("o3", 400), "till"), TILL)
    order = room.order("o4", 500)
    room.bank.faults, room.bank.reachable = [Fault.NO_ANSWER] * 6, False
    room.pay(order)
    room.ask(CloseElsewhere(order, "staff-7"), TILL)
    room.bank.reachable = True
    room.clock.pass_s(60)
    room.reconcile()
    folder = tmp_path / "data"
    (folder / "money" / "journal.log").write_bytes(room.disk.durable)
    return folder


def test_the_view_says_what_the_journal_says(installation):
    """Orders, attempts, mandates; and no sealed text."""
    view = sqlite3.connect(rebuild_view(installation))
    try:
        orders = view.execute("select order_id, state from orders order by number").fetchall()
        ends = view.execute("select end, minor_units from attempts").fetchall()
        mandates = view.execute("select state from mandates").fetchall()
    finally:
        view.close()

    assert orders == [
        ("o1", "paid"), ("o2", "open"), ("o3", "cancelled"), ("o4", "paid_elsewhere")
    ]  # fmt: skip
    assert ends == [("settled", 1_250), ("settled", 500)]
    assert mandates == [("active",)]
    assert b"UzE" not in (installation / "money" / "view.db").read_bytes()


def test_a_changed_view_is_not_believed(installation):
    """It is made anew each time; deleting or changing it changes nothing."""
    view = sqlite3.connect(rebuild_view(installation))
    with view:
        view.execute("update orders set state = 'paid'")
    view.close()

    assert [row["order_id"] for row in list_orders(installation, only_open=True)] == ["o2", "o4"]
    assert list_orders(installation, only_open=True)[1]["reason"] == "refund_due"


def test_the_journal_can_be_checked_while_it_is_written(installation):
    """A record that is just being written is no damage to a reader."""
    facts = verify_journal(installation)
    assert (facts.torn_bytes, facts.open_payments) == (0, 0)
    journal = installation / "money" / "journal.log"
    whole = journal.read_bytes()
    journal.write_bytes(whole[:-5])

    assert verify_journal(installation).torn_bytes > 0
    assert journal.read_bytes() == whole[:-5], "looking changes nothing"


@pytest.mark.parametrize("content", [None, b""])
def test_no_journal_is_a_clear_error(data_dir, content):
    """Not an empty list."""
    if content is not None:
        (data_dir / "money").mkdir()
        (data_dir / "money" / "journal.log").write_bytes(content)
    with pytest.raises(JournalAbsentError):
        verify_journal(data_dir)


def run(*words):
    return CliRunner().invoke(money, [str(word) for word in words])


def test_the_words_answer_people_and_programs(installation):
    """`money orders` and `money journal verify`, with and without --json."""
    result = run("orders", "--open", "--data", installation, "--json")
    assert [row["order_id"] for row in json.loads(result.stdout)["orders"]] == ["o2", "o4"]
    assert "o1  12.50 GBP  paid" in run("orders", "--data", installation).stdout

    result = run("journal", "verify", "--data", installation, "--json")
    facts = json.loads(result.stdout)
    assert facts["ok"] is True
    assert len(facts["chain"]) == 64
    assert "is whole" in run("journal", "verify", "--data", installation).stdout


def test_a_damaged_journal_is_an_error_of_the_environment(installation):
    """Exit code 3, by way of the command line's door."""
    journal = installation / "money" / "journal.log"
    content = journal.read_bytes()
    journal.write_bytes(content[:200] + b"?" + content[201:])
    result = run("journal", "verify", "--data", installation)

    assert isinstance(result.exception, JournalDamagedError)
    assert result.exception.exit_code == 3
