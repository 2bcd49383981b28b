"""A customer's rights at the desk, against a real money process in memory."""

from __future__ import annotations

import pytest

from kiosk.domain.errors import BadInputError, SetupError
from kiosk.domain.ids import OrderId, PersonId
from kiosk.domain.mandate import DEFAULT_LIMITS, MandateLimits
from kiosk.domain.money import Money
from kiosk.domain.order import Outcome
from kiosk.faces.desk.importing import IMPORTED
from kiosk.faces.desk.rights import staff_word
from kiosk.faces.desk.roles import role_for
from kiosk.faces.vault.records import PersonState
from kiosk.link.back_office import CloseRefund
from kiosk.link.desk_rights import (
    ChangePin,
    CorrectPerson,
    ExportPerson,
    FreezePerson,
    LiftReport,
    LimitPerson,
    ListPersonPayments,
    PausePerson,
    ReportLifted,
    ReportWrong,
    ResumePerson,
    ShowRights,
    UnfreezePerson,
)
from kiosk.link.protocol import (
    ErasePerson,
    Frame,
    Hello,
    Role,
    encode_frame,
)
from kiosk.link.rights import ProvePin
from kiosk.link.staff_desk import StaffRole
from tests.fakes.money_room import PIN, TILL
from tests.fakes.rights_shop import RightsShop

STAFF = Hello(1, Role.STAFF)
NEW, WRONG = "736152", "918273"
LOW = MandateLimits(Money(1_000), Money(2_000))


@pytest.fixture
def shop(tmp_path):
    opened = RightsShop(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def ada(shop) -> PersonId:
    return shop.enrol(1)


# Seeing ------------------------------------------------------------------------------------------


def test_show_tells_all_that_is_kept_and_the_export_the_whole_number(shop, ada):
    """Consent, limits, last payments; staff see the number's end, only the export has it all."""
    shop.pay(ada)
    shown, export = shop.do(ShowRights(ada)), shop.do(ExportPerson(ada))

    assert (shown.phone, export.phone) == ("••01", "447700900001")
    assert (shown.consent_version, shown.consent_language) == ("v1", "en")
    assert shown.age_confirmed == "text", "the plain command's customer was not asked"
    assert (shown.limits, shown.granted, shown.paused) == (DEFAULT_LIMITS, DEFAULT_LIMITS, False)
    assert [(it.order_id, it.amount) for it in shown.payments] == [("o1", Money(1_250))]
    assert (shown.money_asked, shown.payments_total, shown.spent_today.minor_units) == (
        True, 1, 1_250,
    )  # fmt: skip
    assert shop.do(ListPersonPayments(ada, skip=1)).payments == ()


def test_no_answer_holds_a_template(shop, ada):
    """Whatever a template could be written as, none of its numbers is in the longest answer."""
    line = encode_frame(Frame(1, shop.do(ExportPerson(ada))))
    kept = shop.vault.get(ada)

    for vector in (kept.template, *kept.samples):
        assert vector.tobytes() not in line
        assert not any(f"{float(value):.4f}".encode() in line for value in vector[:8])
    fields = set(type(shop.do(ShowRights(ada))).__struct_fields__)
    assert fields.isdisjoint({"template", "samples_kept", "vectors", "alias"})


def test_what_the_vault_keeps_is_shown_while_money_is_away(shop, ada):
    """It says so instead of showing limits that nobody has told."""
    shop.is_away = True
    shown = shop.do(ShowRights(ada))

    assert (shown.name, shown.money_asked, shown.limits) == ("Ada", False, None)


# Limits and PIN ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("pin", "at_desk"), [("", True), (PIN, True), (PIN, False)])
def test_limits_are_raised_by_a_manager_or_by_the_customers_pin(shop, ada, pin, at_desk):
    """Within what the bank was told; the answer tells what holds."""
    assert shop.do(LimitPerson(ada, LOW)).limits == LOW
    ask = LimitPerson(ada, DEFAULT_LIMITS, pin)
    raised = shop.do(ask) if at_desk else shop.desk.for_customer(ask)
    above = MandateLimits(Money(10_000), Money(30_000))

    assert (raised.reason, raised.limits) == ("", DEFAULT_LIMITS)
    assert shop.do(LimitPerson(ada, above)).reason == "above_granted"


def test_the_customer_alone_lowers_but_does_not_raise(shop, ada):
    """At the screen nobody vouches for them but their PIN."""
    lowered = shop.desk.for_customer(LimitPerson(ada, LOW))
    raised = shop.desk.for_customer(LimitPerson(ada, DEFAULT_LIMITS))

    assert (lowered.reason, raised.reason, raised.limits) == ("", "proof_needed", LOW)


def test_a_new_pin_by_the_old_one_or_by_a_manager(shop, ada):
    """A wrong old PIN changes nothing, counts, and tells how many tries are left."""
    wrong = shop.do(ChangePin(ada, NEW, WRONG))
    assert (wrong.reason, wrong.attempts_left) == ("pin_wrong", 4)
    with pytest.raises(BadInputError):
        shop.do(ChangePin(ada, "111111", PIN))
    assert shop.do(ChangePin(ada, NEW, PIN)).reason == ""
    assert shop.room.ask(ProvePin(shop.alias(ada), NEW)).verified
    assert shop.do(ChangePin(ada, PIN)).reason == ""

    assert shop.room.ask(ProvePin(shop.alias(ada), PIN)).verified


def test_a_clerk_needs_the_customers_pin_for_what_a_manager_may(ada):
    """By the table of roles."""
    for message in (LimitPerson(ada, LOW), ChangePin(ada, NEW), ResumePerson(ada)):
        assert role_for(message) is StaffRole.MANAGER
    for message in (
        LimitPerson(ada, LOW, PIN), ChangePin(ada, NEW, PIN), ResumePerson(ada, PIN),
        ShowRights(ada), FreezePerson(ada), PausePerson(ada), ReportWrong(OrderId("o1")),
    ):  # fmt: skip
        assert role_for(message) is StaffRole.CLERK
    for message in (ExportPerson(ada), UnfreezePerson(ada), ErasePerson(ada)):
        assert role_for(message) is StaffRole.MANAGER


# Correction --------------------------------------------------------------------------------------


def test_a_name_and_a_number_are_corrected_at_once(shop, ada):
    """The new number finds them, the old one nobody; what is not named stays."""
    assert shop.do(CorrectPerson(ada, phone="07700 900555")).reason == ""
    assert shop.do(CorrectPerson(ada, name=" Ada  King ")).reason == ""
    kept = shop.do(ExportPerson(ada))

    assert (kept.name, kept.phone) == ("Ada  King", "447700900555")
    assert shop.gallery.by_phone("447700900555") == ada
    assert shop.gallery.by_phone("447700900001") is None
    assert shop.do(CorrectPerson(ada, phone="+44 7700 900555")).reason == ""


def test_nobody_gets_somebody_elses_number(shop, ada):
    """Nor one that is none, nor a name that is none."""
    shop.enrol(2)
    assert shop.do(CorrectPerson(ada, phone="07700900002")).reason == "phone_taken"
    for wrong in (CorrectPerson(ada, phone="12"), CorrectPerson(ada, name="\n")):
        with pytest.raises(BadInputError):
            shop.do(wrong)

    assert shop.do(ExportPerson(ada)).phone == "447700900001"


def test_a_correction_thaws_and_resumes_nobody(shop, ada):
    """Whoever is not searched stays so."""
    shop.do(FreezePerson(ada))
    assert shop.do(CorrectPerson(ada, phone="07700900555")).state == "frozen"

    assert ada not in shop.gallery


# Pause and freeze --------------------------------------------------------------------------------


def test_a_pause_ends_recognition_and_payment_at_once_and_a_pin_ends_the_pause(shop, ada):
    """Nobody is found by face or number; money refuses; afterwards all is as before."""
    for _ in range(2):
        paused = shop.do(PausePerson(ada))
        assert (paused.state, paused.paused, paused.reason) == ("paused", True, "")
    assert ada not in shop.gallery
    assert shop.gallery.by_phone("447700900001") is None
    assert shop.pay(ada, "o1").reason == "paused_by_payer"
    assert shop.do(ResumePerson(ada, WRONG)).reason == "pin_wrong"
    assert ada not in shop.gallery
    resumed = shop.do(ResumePerson(ada, PIN))

    assert (resumed.state, resumed.paused) == ("active", False)
    assert ada in shop.gallery
    assert shop.pay(ada, "o2").outcome is Outcome.PAID


def test_a_pause_holds_here_although_money_is_away(shop, ada):
    """What protects comes first; said again when money is back, it is whole."""
    shop.is_away = True
    with pytest.raises(SetupError):
        shop.do(PausePerson(ada))
    assert ada not in shop.gallery
    shop.is_away = False

    assert shop.do(PausePerson(ada)).paused


def test_frozen_by_staff_is_not_ended_by_the_customer(shop, ada):
    """Neither a pause nor its end thaws; staff do, and a pause from before stays one."""
    shop.do(PausePerson(ada))
    assert shop.do(FreezePerson(ada)).state == "frozen"
    for message in (ResumePerson(ada, PIN), PausePerson(ada)):
        with pytest.raises(BadInputError) as error:
            shop.do(message)
        assert error.value.code == "person_state"
    assert shop.do(UnfreezePerson(ada)).state == "paused"
    assert ada not in shop.gallery
    shop.do(ResumePerson(ada))
    shop.do(FreezePerson(ada))
    assert ada not in shop.gallery

    assert shop.do(UnfreezePerson(ada)).state == "active"
    assert ada in shop.gallery


def test_a_right_is_not_kept_waiting_by_an_enrolment(shop, ada):
    """Somebody is frozen while another waits for their bank's approval."""
    with shop.desk._change:
        assert shop.do(FreezePerson(ada)).state == "frozen"


def test_rights_of_a_stranger_are_refused(shop):
    """An id that nobody has is an error of its own."""
    for message in (ShowRights("p0"), PausePerson("p0"), ReportWrong(OrderId("o"), "p0")):
        with pytest.raises(BadInputError) as error:
            shop.do(message)
        assert error.value.code == "person_unknown"


# Wrong person ------------------------------------------------------------------------------------


def test_one_report_binds_the_pair_to_pin_refunds_and_keeps_evidence(shop, ada):
    """Both pay with PIN from now on, each linked to the other; the money goes back once."""
    bob = shop.enrol(2)
    shop.pay(ada, "o1")
    first = shop.do(ReportWrong(OrderId("o1"), ada, bob))

    assert (first.reason, first.person, set(first.frozen)) == ("", ada, {ada, bob})
    assert (first.refund.amount, first.amount) == (Money(1_250), Money(1_250))
    assert first.evidence == {"order": "o1", "score": "0.81"}
    for one, other in ((ada, bob), (bob, ada)):
        kept = shop.vault.get(one)
        assert (kept.pin_always, kept.look_alikes) == ("wrong_person", (other,))
        assert one in shop.gallery
    assert shop.do(ReportWrong(OrderId("o1"), ada, bob)) == first
    assert len(shop.room.book.refunds.entries) == 1


def test_a_report_is_lifted_when_its_refund_is_closed_and_for_one_at_a_time(shop, ada):
    """While the money is on its way nothing changes; then the link goes with the PIN."""
    bob = shop.enrol(2)
    assert shop.do(LiftReport(ada)).reason == "not_reported"
    shop.pay(ada, "o1")
    refund = shop.do(ReportWrong(OrderId("o1"), ada, bob)).refund
    assert refund.state.is_open, "the fake bank gives nothing back by itself"
    for one in (ada, bob):
        assert shop.do(LiftReport(one)) == ReportLifted(one, "report_open", "wrong_person")
    assert shop.vault.get(ada).pin_always == "wrong_person"

    shop.room.ask(CloseRefund(refund.number, done=True, staff="ann"), TILL)
    assert shop.do(LiftReport(ada)) == ReportLifted(ada)
    kept, other = shop.vault.get(ada), shop.vault.get(bob)
    assert (kept.pin_always, kept.look_alikes) == ("", ())
    assert (other.pin_always, other.look_alikes) == ("wrong_person", ())
    assert ada in shop.gallery
    assert shop.do(LiftReport(ada)).reason == "not_reported"
    assert [it.what for it in shop.audit.entries()].count("lift_report") == 5


def test_a_twin_keeps_the_pin_when_a_report_is_lifted(shop, ada):
    """The report stood in the place of what enrolment had found; it is found again."""
    twin = shop.enrol(1, look_alike_of=ada, phone="07700900777")
    shop.pay(ada, "o1")
    refund = shop.do(ReportWrong(OrderId("o1"), ada, twin)).refund
    shop.room.ask(CloseRefund(refund.number, done=True, staff="ann"), TILL)

    for one, other in ((ada, twin), (twin, ada)):
        assert shop.do(LiftReport(one)) == ReportLifted(one, pin_always="look_alike")
        kept = shop.vault.get(one)
        assert (kept.pin_always, kept.look_alikes) == ("look_alike", (other,))


def test_a_report_does_not_make_an_imported_person_one_who_was_seen_live(shop, ada):
    """Nobody is let off the PIN by a report's end who has only been seen in pictures."""
    bob = shop.enrol(2)
    shop.vault.amend(bob, pin_always=IMPORTED)
    shop.pay(ada, "o1")
    told = shop.do(ReportWrong(OrderId("o1"), ada, bob))
    assert told.frozen == (ada, bob)
    shop.room.ask(CloseRefund(told.refund.number, done=True, staff="ann"), TILL)

    assert shop.do(LiftReport(bob)).reason == "not_reported"
    assert shop.vault.get(bob).look_alikes == (ada,)
    assert shop.do(LiftReport(ada)) == ReportLifted(ada)
    kept = shop.vault.get(bob)
    assert (kept.pin_always, kept.look_alikes) == (IMPORTED, ())


def test_only_a_manager_lifts_a_report():
    """A clerk reports; that it is settled is a manager's word."""
    assert role_for(ReportWrong(OrderId("o1"))) is StaffRole.CLERK
    assert role_for(LiftReport(PersonId("p1"))) is StaffRole.MANAGER


def test_a_report_finds_out_whom_the_order_charged(shop, ada):
    """Without a name it is who the journal says; another name is refused, and nothing is done."""
    bob = shop.enrol(2)
    shop.pay(ada, "o1")
    wrong = shop.do(ReportWrong(OrderId("o1"), bob))
    assert (wrong.reason, wrong.frozen, wrong.refund) == ("not_the_payer", (), None)
    assert shop.vault.get(bob).pin_always == ""
    found = shop.do(ReportWrong(OrderId("o1")))

    assert (found.person, found.frozen) == (ada, (ada,))


def test_a_report_of_somebody_who_was_erased_still_gives_the_money_back(shop, ada):
    """There is nobody left to bind, and the refund becomes a task."""
    shop.pay(ada, "o1")
    shop.do(ErasePerson(ada))
    told = shop.do(ReportWrong(OrderId("o1")))

    assert (told.person, told.frozen, told.refund.amount) == (None, (), Money(1_250))


def test_what_cannot_be_reported(shop, ada):
    """An order nobody knows or nobody paid, and a pair of one."""
    shop.room.order("o1")

    assert shop.do(ReportWrong(OrderId("o9"))).reason == "order_unknown"
    assert shop.do(ReportWrong(OrderId("o1"))).reason == "nobody_charged"
    with pytest.raises(BadInputError) as error:
        shop.do(ReportWrong(OrderId("o1"), ada, ada))
    assert error.value.code == "same_person"
    assert shop.vault.get(ada).state is PersonState.ACTIVE


def test_staff_are_journalled_as_one_word():
    """Whatever an account is called, money can write it down."""
    assert [staff_word(it) for it in ("uid:1000", "staff:Ann Lee", "staff:…")] == [
        "uid-1000", "Ann-Lee", "staff",
    ]  # fmt: skip
    assert len(staff_word("staff:" + "x" * 99)) == 40


# The audit log -----------------------------------------------------------------------------------


def test_every_change_is_written_down_with_who_did_it(shop, ada):
    """Staff by their user, the customer as such; looking at one's record is no change."""
    before = len(shop.audit.entries())
    shop.do(ShowRights(ada))
    shop.do(FreezePerson(ada))
    shop.do(UnfreezePerson(ada))
    shop.desk.for_customer(PausePerson(ada))
    shop.do(ExportPerson(ada))
    entries = shop.audit.entries()[before:]

    assert [it.what for it in entries] == [
        "freeze_person", "unfreeze_person", "pause_person", "export_person",
    ]  # fmt: skip
    assert {it.person for it in entries} == {ada}
    assert [it.who == "customer" for it in entries] == [False, False, True, False]


def test_a_report_stands_in_the_audit_log_with_its_evidence(shop, ada):
    """Order and rounded scores, as codes; an order's id that could be a number is left out."""
    for order in ("o1", "20261123001"):
        shop.pay(ada, order)
        shop.do(ReportWrong(OrderId(order), ada))
    first, second = shop.audit.entries()[-2:]

    assert (first.what, first.person) == ("report_wrong", ada)
    assert (first.detail["order"], first.detail["score"]) == ("o1", "0.81")
    assert ("order" in second.detail, second.detail["score"]) == (False, "0.81")
