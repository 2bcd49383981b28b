"""Who may speak to money, who may say what, and what it takes to be put together."""

import msgspec
import pytest

from kiosk.domain.consent import Basis
from kiosk.domain.errors import SetupError
from kiosk.domain.evidence import CameraKind
from kiosk.domain.money import Money
from kiosk.domain.order import OrderState, Outcome
from kiosk.link.protocol import (
    PROTOCOL_VERSION,
    GetFacts,
    GetOrder,
    GetOrderStatus,
    Hello,
    ListOrders,
    ListPeople,
    OpenOrder,
    Ping,
    RevokeMandate,
    Role,
    VerifyPin,
)
from kiosk.money.config import MoneyConfig
from kiosk.money.errors import JournalBusyError, JournalDamagedError, JournalMissingError
from kiosk.money.service import build
from tests.fakes.money_room import ALICE, CHEAP, FACES, KEY, PIN, TILL


@pytest.mark.parametrize("kind", [None, *CameraKind])
@pytest.mark.parametrize("sandbox_only", [False, True])
@pytest.mark.parametrize("is_sandbox", [False, True])
def test_only_a_live_camera_comes_near_a_real_bank(room, kind, sandbox_only, is_sandbox):
    """Files, folders and simulated people may use the sandbox and nothing else."""
    room.with_capabilities(is_sandbox=is_sandbox)
    hello = Hello(PROTOCOL_VERSION, Role.FACES, kind, sandbox_only)
    not_live = kind not in {None, CameraKind.DEVICE}
    if is_sandbox or not (not_live or sandbox_only):
        room.service.admit(hello)
        return
    with pytest.raises(SetupError) as error:
        room.service.admit(hello)

    assert error.value.code == ("camera_kind_refused" if not_live else "sandbox_only_refused")


@pytest.mark.parametrize("is_sandbox", [False, True])
def test_without_a_camera_no_face_can_pay_with_real_money(enrolled, is_sandbox):
    """A session without a camera has phone number and PIN, and nothing to recognise by."""
    order = enrolled.order()
    enrolled.with_capabilities(is_sandbox=is_sandbox)
    request = enrolled.request(order)
    blind = Hello(PROTOCOL_VERSION, Role.FACES, None)
    if is_sandbox:
        assert enrolled.ask(request, blind).outcome is Outcome.PAID
        return
    with pytest.raises(SetupError) as error:
        enrolled.ask(request, blind)
    assert error.value.code == "camera_kind_refused"
    token = enrolled.ask(VerifyPin(ALICE, order, request.nonce, PIN), blind).token

    proven = msgspec.structs.replace(request, basis=Basis.PHONE_AND_PIN, pin_token=token)
    assert enrolled.ask(proven, blind).outcome is Outcome.PAID


@pytest.mark.parametrize(
    ("role", "message"),
    [
        (Role.STAFF, GetOrder("o1")),
        (Role.TILL, GetFacts(ALICE)),
        (Role.TILL, RevokeMandate(ALICE)),
        (Role.FACES, OpenOrder("o1", Money(100))),
        (Role.FACES, ListOrders()),
        (Role.STAFF, GetOrderStatus("o1")),
        (Role.SUPERVISOR, RevokeMandate(ALICE)),
        (Role.FACES, ListPeople()),
    ],
)
def test_each_role_has_its_own_words(room, role, message):
    """A till cannot charge anybody, and faces cannot make an order."""
    room.order("o1")
    with pytest.raises(SetupError) as error:
        room.ask(message, Hello(PROTOCOL_VERSION, role, CameraKind.DEVICE))

    assert error.value.code == "message_not_allowed"


def test_everybody_may_ask_whether_it_lives(room):
    """The facts are text and hold nothing personal."""
    room.enrol()
    pong = room.ask(Ping(), Hello(PROTOCOL_VERSION, Role.STAFF))

    assert (pong.server, pong.detail["journal"], pong.detail["sandbox"]) == ("money", "ok", "yes")
    assert ALICE not in str(pong.detail)


@pytest.fixture
def dear_hash(monkeypatch):
    """Building with the real cost takes a fifth of a second; it is the composition that counts."""
    return MoneyConfig(hash_cost=CHEAP.hash_cost)


def test_build_makes_a_process_that_a_second_one_cannot_join(data_dir, dear_hash):
    """The journal has one writer; after it, the next one reads what it wrote."""
    service = build(data_dir, KEY, dear_hash)
    service.start()
    list(service.handle(TILL, OpenOrder("o1", Money(100))))
    with pytest.raises(JournalBusyError):
        build(data_dir, KEY, dear_hash)
    service.stop()

    again = build(data_dir, KEY, dear_hash)
    (offer,) = again.handle(FACES, GetOrder("o1"))
    assert offer.state is OrderState.OPEN
    assert offer.nonce
    again.stop()


def test_a_missing_journal_beside_keys_is_not_a_fresh_start(data_dir, dear_hash):
    """Somebody removed the truth: selling on would forget what is owed."""
    (data_dir / "money" / "keys").mkdir(parents=True)
    (data_dir / "money" / "keys" / f"{ALICE}.key").write_bytes(b"x")
    with pytest.raises(JournalMissingError):
        build(data_dir, KEY, dear_hash)
    (data_dir / "money" / "journal.log").touch()
    with pytest.raises(JournalMissingError):
        build(data_dir, KEY, dear_hash)

    assert (data_dir / "money" / "journal.log").read_bytes() == b""


def test_a_damaged_journal_refuses_to_sell_and_frees_the_lock(data_dir, dear_hash):
    """The error says what to do, and the file can be replaced at once."""
    service = build(data_dir, KEY, dear_hash)
    list(service.handle(TILL, OpenOrder("o1", Money(100))))
    service.stop()
    journal = data_dir / "money" / "journal.log"
    good = journal.read_bytes()
    journal.write_bytes(good[:60] + b"X" + good[61:])
    with pytest.raises(JournalDamagedError) as error:
        build(data_dir, KEY, dear_hash)
    assert "backup" in error.value.mend
    journal.write_bytes(good)

    build(data_dir, KEY, dear_hash).stop()


def test_records_that_contradict_each_other_refuse_to_sell(room):
    """Whole in every line, and still no truth: a result without its intent."""
    from kiosk.domain.payment import AttemptEnd
    from kiosk.money.records import ResultStored, encode_record

    lost = ResultStored(room.service._ledger.time(), "k1", AttemptEnd.SETTLED, "settled")
    room.service._ledger._journal.append(encode_record(lost))

    with pytest.raises(JournalDamagedError, match="contradicts"):
        room.restart()
