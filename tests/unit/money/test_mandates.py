"""Mandates: opened once, revoked for good, and nothing lost between journal and bank."""

import dataclasses

import pytest

from kiosk.domain.errors import BadInputError
from kiosk.domain.ids import PayerAlias
from kiosk.domain.mandate import (
    DEFAULT_LIMITS,
    MandateLimits,
    MandateState,
    limit_refusal,
    needs_pin,
)
from kiosk.domain.mandate import PinRules as NoPinRules
from kiosk.domain.money import Money
from kiosk.domain.order import Outcome
from kiosk.link.protocol import CheckMandate, Facts, GetFacts, MandateRevoked, RevokeMandate
from kiosk.money.banks.errors import BankUnreachableError
from kiosk.money.errors import KeyFileError
from kiosk.money.keys import MandateKeys
from tests.fakes.bank import Fault
from tests.fakes.money_room import ALICE, BOB, KEY


def facts(room, alias=ALICE):
    return room.ask(GetFacts(alias)).facts


def test_an_opened_mandate_answers_its_facts(room):
    """State, limits, hint; nobody has paid yet."""
    opened = room.enrol()

    assert (opened.state, opened.account_hint) == (MandateState.ACTIVE, "••42")
    found = facts(room)
    assert (found.alias, found.limits, found.account_hint) == (ALICE, DEFAULT_LIMITS, "••42")
    assert (found.spent_today, found.payments_ever) == (Money(0), 0)
    assert found.days_since_last_use is None
    assert room.ask(GetFacts(BOB)) == Facts(None)


def test_facts_follow_the_payments(enrolled):
    """Spent today, how often, how long ago; declined ones do not count."""
    enrolled.pay(enrolled.order("o1", 1_000))
    enrolled.bank.faults = [Fault.DECLINE]
    enrolled.pay(enrolled.order("o2", 500))
    enrolled.clock.pass_s(11 * 3_600)
    enrolled.pay(enrolled.order("o3", 200))
    found = facts(enrolled)
    assert (found.spent_today, found.payments_ever) == (Money(1_200), 2)
    assert found.days_since_last_use == 0

    enrolled.clock.pass_s(2 * 86_400)
    enrolled.restart()

    found = facts(enrolled)
    assert (found.spent_today, found.payments_ever) == (Money(0), 2)
    assert found.days_since_last_use == 3 - 1


def test_a_clock_set_back_forgets_no_spending(enrolled):
    """What was spent on a day that is now tomorrow counts."""
    enrolled.pay(enrolled.order("o1", 1_000))
    enrolled.clock.pass_s(-3 * 86_400)

    found = facts(enrolled)

    assert (found.spent_today, found.days_since_last_use) == (Money(1_000), 0)


def test_an_alias_is_used_once(enrolled):
    """Also after it was erased."""
    for _ in range(2):
        with pytest.raises(BadInputError) as error:
            enrolled.enrol()
        assert error.value.code == "mandate_exists"
        enrolled.ask(RevokeMandate(ALICE))


@pytest.mark.parametrize(
    "limits",
    [
        MandateLimits(Money(0), Money(100)),
        MandateLimits(Money(100), Money(0)),
        MandateLimits(Money(100, "EUR"), Money(100, "EUR")),
    ],
)
def test_limits_that_mean_nothing_are_bad_input(room, limits):
    """Zero, or another currency than the terminal's."""
    with pytest.raises(BadInputError):
        room.enrol(limits=limits)


def test_a_real_bank_needs_its_payers_own_approval(room):
    """Opened as pending with a link, charged by nobody, kept by a restart, active when approved."""
    room.with_capabilities(headless_approval=False)
    opened = room.enrol()
    assert (opened.state, opened.account_hint) == (MandateState.PENDING, "")
    assert opened.approval_url.startswith("https://")
    order = room.order()
    assert room.pay(order).reason == "mandate_pending"
    room.restart()
    assert room.ask(CheckMandate(ALICE)).state is MandateState.PENDING

    room.bank.approve_all()
    active = room.ask(CheckMandate(ALICE))

    assert (active.state, active.account_hint) == (MandateState.ACTIVE, "••42")
    assert facts(room).account_hint == "••42"
    assert room.pay(order).outcome is Outcome.PAID
    room.restart()
    assert facts(room).account_hint == "••42"


def test_a_mandate_nobody_has_cannot_be_checked(room):
    """Only what was opened can be asked about."""
    with pytest.raises(BadInputError):
        room.ask(CheckMandate(ALICE))


def test_a_state_that_the_bank_changes_is_recorded_and_may_change_back(enrolled):
    """Suspended at the bank: the payment is declined, then refused here; active again: it pays."""
    ref = enrolled.bank.active_mandates()[0]
    enrolled.bank.set_mandate(ref, MandateState.SUSPENDED)
    order = enrolled.order()
    assert enrolled.pay(order).reason == "mandate_revoked"
    enrolled.reconcile()
    assert facts(enrolled).state is MandateState.SUSPENDED
    sends = len(enrolled.bank.sends)

    assert enrolled.pay(order).reason == "mandate_suspended"
    enrolled.bank.set_mandate(ref, MandateState.ACTIVE)
    enrolled.reconcile()

    assert len(enrolled.bank.sends) == sends
    assert enrolled.pay(order).outcome is Outcome.PAID


def test_a_mandate_revoked_at_the_bank_is_revoked_for_good(enrolled):
    """Its key is destroyed, and a later word of the bank does not bring it back."""
    ref = enrolled.bank.active_mandates()[0]
    enrolled.bank.set_mandate(ref, MandateState.REVOKED)
    assert enrolled.ask(CheckMandate(ALICE)).state is MandateState.REVOKED
    enrolled.bank.set_mandate(ref, MandateState.ACTIVE)

    assert enrolled.ask(CheckMandate(ALICE)).state is MandateState.REVOKED
    assert facts(enrolled).state is MandateState.REVOKED
    assert list((enrolled.folder / "keys").glob("*.key")) == []
    enrolled.reconcile()
    assert enrolled.bank.active_mandates() == []


def test_a_silent_bank_lets_the_enrolment_be_repeated(room):
    """The same key asks for the same mandate: one at the bank, in the end."""
    room.bank.reachable = False
    with pytest.raises(BankUnreachableError):
        room.enrol()
    assert facts(room) is None
    room.bank.reachable = True

    assert room.enrol().state is MandateState.ACTIVE
    assert len(room.bank.active_mandates()) == 1


@pytest.mark.parametrize("how", ["restart", "time"])
def test_a_mandate_that_was_begun_and_lost_is_revoked(room, how):
    """The bank made it, the answer was lost: nobody keeps an authority that nobody knows of."""
    begin = room.bank.begin_mandate

    def lost(alias, limits, key):
        begin(alias, limits, key)
        raise BankUnreachableError("time-out")

    room.bank.begin_mandate = lost
    with pytest.raises(BankUnreachableError):
        room.enrol()
    room.bank.begin_mandate = begin
    assert len(room.bank.active_mandates()) == 1
    assert list((room.folder / "keys").glob("*.key"))
    if how == "restart":
        room.restart()
    else:
        room.reconcile()
        assert room.bank.active_mandates(), "somebody may still be enrolling"
        room.clock.pass_s(600)
    room.reconcile()

    assert room.bank.active_mandates() == []
    assert list((room.folder / "keys").iterdir()) == []
    assert facts(room) is None or facts(room).state is MandateState.REVOKED


def test_revoking_destroys_the_key_at_once_and_the_bank_confirms(enrolled):
    """After it the hint is gone, and what was sealed cannot be opened by anybody."""
    order = enrolled.order()
    enrolled.pay(order)

    assert enrolled.ask(RevokeMandate(ALICE)) == MandateRevoked(at_bank=True)
    assert enrolled.bank.active_mandates() == []
    assert list((enrolled.folder / "keys").iterdir()) == []
    found = facts(enrolled)
    assert (found.state, found.account_hint) == (MandateState.REVOKED, "")
    assert enrolled.ask(RevokeMandate(ALICE)) == MandateRevoked(at_bank=True)


def test_a_revocation_waits_for_the_bank_and_survives_restarts(enrolled):
    """Here it holds at once; at the bank it is repeated until confirmed."""
    enrolled.bank.reachable = False
    assert enrolled.ask(RevokeMandate(ALICE)) == MandateRevoked(at_bank=False)
    enrolled.restart()
    enrolled.reconcile()
    assert enrolled.bank.active_mandates()
    assert enrolled.service.detail()["revocations_waiting"] == "1"
    enrolled.bank.reachable = True
    enrolled.clock.pass_s(5)
    enrolled.reconcile()

    assert enrolled.bank.active_mandates() == []
    assert enrolled.service.detail()["revocations_waiting"] == "0"


def test_revoking_whom_nobody_knows_is_no_error(room):
    """Erasing may be repeated, and may come after an enrolment that never was."""
    assert room.ask(RevokeMandate(BOB)) == MandateRevoked(at_bank=True)


def test_what_was_revoked_unseen_can_never_be_opened(room):
    """A request to open that lay in a buffer while its enrolment was rolled back opens nothing."""
    room.ask(RevokeMandate(ALICE))
    with pytest.raises(BadInputError) as error:
        room.enrol()

    assert error.value.code == "mandate_exists"
    assert room.bank.active_mandates() == []


def test_a_key_left_by_a_crash_is_destroyed_at_the_next_start(enrolled):
    """The record was written, the power went before the key was gone."""
    key = enrolled.folder / "keys" / f"{ALICE}.key"
    content = key.read_bytes()
    enrolled.ask(RevokeMandate(ALICE))
    key.write_bytes(content)

    enrolled.restart()

    assert not key.exists()


def test_a_damaged_key_stops_the_payment_but_not_the_erasure(enrolled):
    """Paying says what is wrong; the bank's id is sealed elsewhere, so revoking works."""
    order = enrolled.order()
    request = enrolled.request(order)
    key = enrolled.folder / "keys" / f"{ALICE}.key"
    key.write_bytes(b"x" * 92)
    with pytest.raises(KeyFileError):
        enrolled.ask(request)
    assert enrolled.bank.sends == []

    assert enrolled.ask(RevokeMandate(ALICE)) == MandateRevoked(at_bank=True)
    assert enrolled.bank.active_mandates() == []


# Keys --------------------------------------------------------------------------------------------


def test_a_sealed_text_opens_only_in_its_own_place(tmp_path):
    """Not for another payer, purpose or name, not changed, not under another process key."""
    keys = MandateKeys(tmp_path / "keys", KEY)
    keys.create(ALICE)
    keys.create(BOB)
    sealed = keys.seal(ALICE, "request", "k1", b"body")

    assert keys.open(ALICE, "request", "k1", sealed) == b"body"
    other = MandateKeys(tmp_path / "keys", bytes(32))
    for attempt in (
        lambda: keys.open(BOB, "request", "k1", sealed),
        lambda: keys.open(ALICE, "mandate", "k1", sealed),
        lambda: keys.open(ALICE, "request", "k2", sealed),
        lambda: keys.open(ALICE, "request", "k1", sealed[:-8] + "AAAAAAA="),
        lambda: keys.open(ALICE, "request", "k1", "no base64!"),
        lambda: keys.open_own("request", "k1", sealed),
        lambda: other.open(ALICE, "request", "k1", sealed),
    ):
        with pytest.raises(KeyFileError):
            attempt()


def test_creating_twice_keeps_the_key_and_destroying_twice_is_no_error(tmp_path):
    """Both may be repeated after a crash."""
    keys = MandateKeys(tmp_path / "keys", KEY)
    keys.create(ALICE)
    sealed = keys.seal(ALICE, "request", "k1", b"body")
    keys.create(ALICE)
    assert keys.open(ALICE, "request", "k1", sealed) == b"body"
    (file,) = (tmp_path / "keys").iterdir()
    assert file.stat().st_mode & 0o077 == 0

    keys.destroy(ALICE)
    keys.destroy(ALICE)

    with pytest.raises(KeyFileError):
        keys.open(ALICE, "request", "k1", sealed)


@pytest.mark.parametrize("alias", ["", "../x", "a" + "0" * 15, "a" + "0" * 17, "A" + "0" * 16])
def test_an_alias_never_leads_out_of_the_folder(tmp_path, alias):
    """It is part of a file name."""
    with pytest.raises(BadInputError):
        MandateKeys(tmp_path / "keys", KEY).create(PayerAlias(alias))


# The shared rules --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spent", "amount", "reason"),
    [
        (0, 5_000, None),
        (0, 5_001, "amount_above_no_pin_ceiling"),
        (10_000, 5_000, None),
        (10_001, 5_000, "day_above_no_pin_ceiling"),
    ],
)
def test_the_no_pin_ceilings_are_inclusive(enrolled, spent, amount, reason):
    """50.00 a payment and 150.00 a day go without a PIN; a penny more does not."""
    found = dataclasses.replace(facts(enrolled), spent_today=Money(spent))

    assert needs_pin(found, Money(amount), NoPinRules()) == reason


def test_only_an_active_mandate_within_its_limits_covers_an_amount(enrolled):
    """Each refusal names its reason."""
    found = dataclasses.replace(facts(enrolled), spent_today=Money(15_000))

    assert limit_refusal(found, Money(5_000)) is None
    assert limit_refusal(found, Money(5_001)) == "limit_per_day"
    assert limit_refusal(found, Money(10_001)) == "limit_per_payment"
    frozen = dataclasses.replace(found, state=MandateState.SUSPENDED)
    assert limit_refusal(frozen, Money(1)) == "mandate_suspended"
