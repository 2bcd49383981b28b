"""One's own data at the screen, answered by the real desk and a real money process in memory."""

from __future__ import annotations

import pytest

from kiosk.domain.errors import SetupError
from kiosk.domain.mandate import MandateLimits
from kiosk.domain.money import Money
from kiosk.domain.own_data import effects as fx
from kiosk.domain.own_data import events as ev
from kiosk.faces.evidence import MatchEvidence
from kiosk.faces.registrar import DeskRegistrar
from kiosk.faces.service import VaultPeople
from kiosk.faces.vault.errors import PersonUnknownError
from kiosk.link.rights import ProvePin
from tests.fakes.desk import now
from tests.fakes.money_room import PIN
from tests.fakes.rights_shop import RightsShop

LOW = MandateLimits(Money(1_000), Money(2_000))
WRONG = "918273"


@pytest.fixture
def shop(tmp_path):
    opened = RightsShop(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def registrar(shop, tmp_path):
    evidence = MatchEvidence(tmp_path / "evidence", now)
    owners = VaultPeople(shop.vault, shop.gallery, b"d" * 32, evidence)
    return DeskRegistrar(shop.desk, owners, lambda alias, pin: shop.room.ask(ProvePin(alias, pin)))


@pytest.fixture
def ada(shop):
    return shop.enrol(1)


def test_every_question_of_the_screen_is_answered(shop, registrar, ada):
    """PIN, data, limits, pause and its end, as events; each change audited as the customer's."""
    proven = registrar.answer(fx.ProvePin(ada, PIN))
    assert proven.verified
    assert registrar.answer(fx.Lower(ada, LOW)) == ev.Answered(0)
    shown = registrar.answer(fx.AskData(ada)).data
    assert (shown.limits, shown.state, shown.account_hint) == (LOW, "active", shown.account_hint)
    assert registrar.answer(fx.Pause(ada)) == ev.Answered(0)
    assert ada not in shop.gallery
    assert registrar.answer(fx.AskData(ada)).data.paused
    assert registrar.answer(fx.Resume(ada, "wrong")).reason == "proof_stale"
    assert registrar.answer(fx.Resume(ada, proven.token)) == ev.Answered(0)

    assert ada in shop.gallery
    acts = [it.what for it in shop.audit.entries() if it.who == "customer"]
    assert acts == ["limit_person", "pause_person", "resume_person", "resume_person"]


def test_a_wrong_pin_counts_at_money(shop, registrar, ada):
    """The screen's tries are those of a payment."""
    assert registrar.answer(fx.ProvePin(ada, WRONG)).reason == "pin_wrong"

    assert shop.room.book.pins[shop.alias(ada)].failures == 1


def test_a_pause_is_ended_by_number_and_pin(shop, registrar, ada):
    """A wrong PIN, a wrong number and somebody who has not paused are one answer."""
    wrong = ev.PinJudged(0, verified=False, reason="phone_or_pin_wrong")
    assert registrar.answer(fx.ResumeByNumber("07700900001", PIN)) == wrong
    registrar.answer(fx.Pause(ada))
    shop.room.clock.pass_s(3_600)
    assert registrar.answer(fx.ResumeByNumber("07700900001", WRONG)) == wrong
    assert registrar.answer(fx.ResumeByNumber("07700900002", PIN)) == wrong
    shop.room.clock.pass_s(3_600)

    assert registrar.answer(fx.ResumeByNumber("07700 900001", PIN)).verified
    assert ada in shop.gallery


def test_withdrawing_erases_with_a_certificate(shop, registrar, ada):
    """Whole only when nothing was found and the bank has confirmed."""
    told = registrar.answer(fx.Erase(ada))

    assert (told.whole, bool(told.certificate)) == (True, True)
    with pytest.raises(PersonUnknownError):
        shop.vault.get(ada)


def test_nothing_is_shown_while_money_is_away(shop, registrar, ada):
    """Half of it would look like all of it."""
    shop.is_away = True
    with pytest.raises(SetupError) as error:
        registrar.answer(fx.AskData(ada))

    assert error.value.code == "money_unreachable"
