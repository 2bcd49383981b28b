"""The bank as a process: start, address file, second bank, taken port, kill -9, oracle, words."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import random
import signal
import socket
import stat
import threading

import pytest
from click.testing import CliRunner

from kiosk.commands.bank import bank as bank_words
from kiosk.domain.errors import BadInputError, SetupError
from kiosk.domain.ids import IdempotencyKey, PayerAlias
from kiosk.domain.mandate import MandateLimits
from kiosk.domain.money import Money
from kiosk.money.banks.port import OutcomeKind
from kiosk.money.banks.sandbox.connector import open_sandbox
from kiosk.sandbox.bank import main as bank_main
from kiosk.sandbox.bank import oracle
from kiosk.sandbox.bank.ledger import Ledger
from kiosk.sandbox.bank.server import READ_S
from tests.fakes.bank_port import context_of, intent_of, sought_of
from tests.fakes.bank_process import BankProcess

LIMITS = MandateLimits(per_payment=Money(90_000), per_day=Money(90_000))
SEED = 20_261_123
KILLS = 12


@pytest.fixture
def process(data_dir):
    running = BankProcess(data_dir)
    yield running
    running.kill()


def open_mandate(bank, key="mandate-1"):
    return bank.begin_mandate(PayerAlias("a0123456789abcdef"), LIMITS, IdempotencyKey(key)).ref


def prepared(bank, mandate, name, minor_units=100):
    return bank.prepare(intent_of(mandate, name, minor_units))


def asked(request):
    return sought_of(request.key.removeprefix("key-"), request.amount.minor_units)


def test_start_and_clean_end(data_dir):
    """The address file is whole and private while the bank runs, and gone after SIGTERM."""
    bank = BankProcess(data_dir)
    address = bank.address()
    folder = data_dir / "sandbox"

    assert address.pid == bank.process.pid
    assert address.url == bank.url
    assert json.loads((folder / "bank.json").read_text())["version"] == 1
    for name in ("bank.json", "merchant.token", "bank.db"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
    token = (folder / "merchant.token").read_text()

    assert bank.stop() == 0
    assert not (folder / "bank.json").exists()
    again = BankProcess(data_dir)
    assert (folder / "merchant.token").read_text() == token
    assert again.stop() == 0


def test_second_bank_is_refused(process, data_dir):
    """Two banks never share one installation."""
    code, stderr = BankProcess(data_dir).wait()

    assert code == 3
    assert "already running" in stderr


def test_taken_port_is_said(data_dir):
    """A fixed port that is taken is an environment error, and leaves the folder usable."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        code, stderr = BankProcess(data_dir, "--port", str(other.getsockname()[1])).wait()

    assert code == 3
    assert "--port" in stderr
    assert not (data_dir / "sandbox" / "bank.json").exists()


def test_damaged_ledger_is_said(data_dir):
    """A damaged ledger is an environment error with a mend."""
    (data_dir / "sandbox").mkdir()
    (data_dir / "sandbox" / "bank.db").write_bytes(b"x" * 5000)

    code, stderr = BankProcess(data_dir).wait()

    assert code == 3
    assert "damaged" in stderr


def test_oracle_with_and_without_bank(process, data_dir):
    """The oracle gives the same count from the running bank, after kill -9 and after an end."""
    connector = open_sandbox(context_of(data_dir))
    mandate = open_mandate(connector)
    assert connector.submit(prepared(connector, mandate, "1"), mandate).kind is OutcomeKind.SETTLED
    assert oracle.executed_debits(data_dir, "order-1") == 1
    assert oracle.executed_debits(data_dir, "order-2") == 0

    process.kill()

    assert oracle.read_address(data_dir) is not None
    assert oracle.executed_debits(data_dir, "order-1") == 1
    assert BankProcess(data_dir).stop() == 0
    assert oracle.executed_debits(data_dir, "order-1") == 1
    assert oracle.all_debits(data_dir).sum_minor_units == 100


def test_oracle_of_an_empty_installation(data_dir):
    """Where no bank ever ran nothing was executed, and nothing can be scripted."""
    assert oracle.executed_debits(data_dir, "order-1") == 0
    with pytest.raises(SetupError) as caught:
        oracle.add_fault(data_dir, {"kind": "hang"})
    assert caught.value.code == "sandbox_not_running"


def test_oracle_refuses_unreadable_books_and_strangers(data_dir):
    """Damaged books and something else at the address are errors, never a zero."""
    folder = data_dir / "sandbox"
    folder.mkdir()
    (folder / "bank.db").write_bytes(b"x" * 5000)
    with pytest.raises(SetupError) as caught:
        oracle.executed_debits(data_dir, "order-1")
    assert caught.value.code == "sandbox_ledger_damaged"

    with socket.create_server(("127.0.0.1", 0)) as stranger:
        url = f"http://127.0.0.1:{stranger.getsockname()[1]}"
        address = {"url": url, "pid": 1, "control_token": "x"}
        (folder / "bank.json").write_text(json.dumps(address))
        answering = threading.Thread(target=_answer_once, args=(stranger,))
        answering.start()
        with pytest.raises(SetupError) as caught:
            oracle.executed_debits(data_dir, "order-1")
        answering.join()
    assert caught.value.code == "sandbox_answer_bad"


def test_oracle_tells_refused_books_from_damaged_ones(data_dir):
    """What cannot be opened is not damaged, and nothing is to be removed."""
    (data_dir / "sandbox" / "bank.db").mkdir(parents=True)

    with pytest.raises(SetupError) as caught:
        oracle.executed_debits(data_dir, "order-1")
    assert caught.value.code == "sandbox_not_writable"


def test_a_full_disk_is_said(data_dir, monkeypatch):
    """A file that finds no room is an environment error, and no half of it stays."""

    def refuse(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", refuse)
    with pytest.raises(SetupError) as caught:
        bank_main._merchant_token(data_dir)
    assert caught.value.code == "sandbox_disk_full"
    assert list(data_dir.iterdir()) == []


def _answer_once(listener):
    connection, _ = listener.accept()
    with connection:
        connection.recv(65_536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")


def test_words_of_the_command_line(process, data_dir):
    """Oracle, fault and clock reach the running bank and print one JSON object."""

    def run(*words):
        arguments = ["sandbox", *words, "--data", str(data_dir), "--json"]
        result = CliRunner().invoke(bank_words, arguments, catch_exceptions=False)
        assert result.exit_code == 0
        return json.loads(result.stdout.splitlines()[-1])

    connector = open_sandbox(context_of(data_dir))
    mandate = open_mandate(connector)
    assert run("fault", "status", "--status", "503", "--times", "5")["ok"] is True
    assert connector.submit(prepared(connector, mandate, "1"), mandate).kind is OutcomeKind.UNKNOWN
    assert run("fault", "none")["ok"] is True
    assert connector.submit(prepared(connector, mandate, "1"), mandate).kind is OutcomeKind.SETTLED
    assert run("oracle", "--order", "order-1")["debits"] == 1
    assert run("oracle") == {"debits": 1, "sum_minor_units": 100}
    assert run("clock", "3600")["offset_s"] == 3600
    with pytest.raises(BadInputError):
        run("clock", str(10**15))


def test_kill_at_any_moment(data_dir):
    """Kill -9 while paying: the books balance, each key is one debit, and answers repeat."""
    chance = random.Random(SEED)
    connector = open_sandbox(context_of(data_dir))
    bank = BankProcess(data_dir)
    mandate = open_mandate(connector)
    sent, unclear = [], 0
    for round_number in range(KILLS):
        killer = threading.Timer(chance.uniform(0.0, 0.06), bank.process.send_signal, [9])
        killer.start()
        for turn in range(1000):
            request = prepared(connector, mandate, f"{round_number}-{turn}", 1)
            answer = connector.submit(request, mandate)
            sent.append((request, answer))
            if answer.kind is not OutcomeKind.SETTLED:
                break
        killer.join()
        bank.kill()
        books = Ledger(data_dir / "sandbox" / "bank.db")
        books.close()
        bank = BankProcess(data_dir)
        unclear += sent[-1][1].kind is OutcomeKind.UNKNOWN

    for request, answer in sent:
        again = connector.submit(request, mandate)
        assert again.kind is OutcomeKind.SETTLED
        assert again == connector.find(asked(request))
        if answer.kind is OutcomeKind.SETTLED:
            assert again == answer
        assert answer.kind in {OutcomeKind.SETTLED, OutcomeKind.UNKNOWN, OutcomeKind.NOT_SENT}
    bank.kill()
    for request, _ in sent:
        assert oracle.executed_debits(data_dir, request.order_id) == 1
    assert oracle.all_debits(data_dir).count == len(sent)
    # Else the kills never met a request on its way, and this test claims too much.
    assert unclear > 0


def test_a_stopped_bank_executes_nothing_late(process, data_dir):
    """What waited while the process was frozen is dropped when it thaws (SIGSTOP, SIGCONT)."""
    connector = open_sandbox(context_of(data_dir))
    mandate = open_mandate(connector)
    request = prepared(connector, mandate, "1")
    head = "".join(f"{name}: {value}\r\n" for name, value in request.headers)
    token = (data_dir / "sandbox" / "merchant.token").read_text()
    os.kill(process.process.pid, signal.SIGSTOP)
    os.waitpid(process.process.pid, os.WUNTRACED)
    port = int(process.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(
            f"POST /payments HTTP/1.1\r\nAuthorization: Bearer {token}\r\n{head}"
            f"Content-Length: {len(request.body)}\r\n\r\n".encode()
            + request.body
        )
        # The bank must be frozen for longer than its READ_S; nothing shorter can show it.
        threading.Event().wait(READ_S + 0.2)
        os.kill(process.process.pid, signal.SIGCONT)
        with contextlib.suppress(ConnectionResetError):
            assert connection.recv(100) == b""

    # Until the bank has seen its queue empty it drops newcomers too, and says nothing.
    answers = (connector.find(asked(request)).kind for _ in range(100))
    first_word = next(kind for kind in answers if kind is not OutcomeKind.UNKNOWN)
    assert first_word is OutcomeKind.NOT_FOUND
    assert oracle.executed_debits(data_dir, request.order_id) == 0
