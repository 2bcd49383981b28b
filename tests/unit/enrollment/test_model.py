"""The staff tool's rules without a window: drafts, signatures, captures, roles, rows."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from enrollment.model.capture import Pose, Seen
from enrollment.model.draft import Draft, Entry, Step
from enrollment.model.people import Row, search
from enrollment.model.result import Result
from enrollment.model.roles import NEEDS_MANAGER, NEEDS_MANAGER_OR_PIN, Act, why_not
from enrollment.model.signature import LENGTH_MAX, Strokes, parse, typed
from kiosk.domain.evidence import CameraKind
from kiosk.domain.mandate import DEFAULT_LIMITS, MandateState
from kiosk.faces.desk.roles import role_for
from kiosk.link.audit import VerifyAudit
from kiosk.link.desk_rights import (
    ChangePin,
    ExportPerson,
    FreezePerson,
    LimitPerson,
    PausePerson,
    ReportWrong,
    ResumePerson,
    ShowRights,
    UnfreezePerson,
)
from kiosk.link.figures import ShowActivity
from kiosk.link.protocol import (
    CameraSpec,
    Enrolled,
    EnrolPerson,
    EnrolRefused,
    ErasePerson,
    Progress,
)
from kiosk.link.staff_desk import (
    SIGNATURE_LENGTH_MAX,
    ListStaff,
    ReenrolPerson,
    Rehearsal,
    StaffRole,
)

CAMERA = CameraSpec(CameraKind.DEVICE)


def draft() -> Draft:
    made = Draft(adult=True, name="Ada", phone="07700 900123", pin="194638", pin_again="194638")
    made.sign_by_typing, made.typed_name, made.version = True, "Ada", "v2"
    return made


def test_a_whole_draft_has_no_problem_and_asks_all():
    """What goes to faces is what was typed, without outer spaces."""
    whole = draft()
    whole.name = " Ada "

    assert {} == {**whole.problems(Step.CONSENT), **whole.problems(Step.DETAILS)}
    asked = whole.question(CAMERA)
    assert ("Ada", "typed:Ada", True, True) == (
        asked.name, asked.signature, asked.guided, asked.rehearse,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("attribute", "value", "entry", "code"),
    [
        ("adult", False, Entry.ADULT, "adult_missing"),
        ("typed_name", "  ", Entry.SIGNATURE, "signature_none"),
        ("sign_by_typing", False, Entry.SIGNATURE, "signature_none"),
        ("name", "", Entry.NAME, "name_missing"),
        ("name", "a\x07b", Entry.NAME, "name_bad"),
        ("name", "a" * 71, Entry.NAME, "name_bad"),
        ("phone", "０７７００９００１２３", Entry.PHONE, "phone_letters"),
        ("phone", "12345678901234567", Entry.PHONE, "phone_length"),
        ("pin", "", Entry.PIN, "pin_short"),
        ("pin", "１２３４５６", Entry.PIN, "pin_format"),
        ("pin", "987654", Entry.PIN, "pin_banned"),
        ("pin", "900123", Entry.PIN, "pin_banned"),
        ("pin_again", "", Entry.PIN_AGAIN, "pin_differs"),
        ("per_day", "1", Entry.LIMITS, "limits_bad"),
        ("per_payment", "-1", Entry.LIMITS, "amount_bad"),
    ],
)
def test_what_is_wrong_is_found_at_its_entry(attribute, value, entry, code):
    """And nothing can be asked of faces then."""
    wrong = draft()
    setattr(wrong, attribute, value)

    assert code == wrong.problem(entry)
    with pytest.raises(AssertionError):
        wrong.question(CAMERA)


def test_a_refusal_stays_until_its_entry_is_typed_anew():
    """Desk and money know more than the draft does."""
    refused = draft()
    assert Step.DETAILS is refused.refuse("phone_taken")
    assert "phone_taken" == refused.problem(Entry.PHONE)
    refused.touched(Entry.PHONE)
    assert "" == refused.problem(Entry.PHONE)
    assert refused.refuse("camera_gone") is None


def test_no_secret_is_in_a_drafts_repr():
    """Logs and failing tests print it."""
    shown = repr(draft())
    assert not [secret for secret in ("Ada'", "900123", "194638") if secret in shown]


def test_a_signature_survives_its_line():
    """Drawn, written, read, drawn again: the same strokes."""
    strokes = Strokes()
    for start in (10, 200):
        strokes.begin(start, 50)
        for step in range(20):
            strokes.reach(start + 5 * step, 50 + step % 9)

    assert strokes.is_signed()
    assert strokes.strokes == parse(strokes.line())
    assert strokes.line() == Strokes(strokes.line()).line()


def test_a_signature_has_an_end_and_a_beginning():
    """A dot is none; endless scribbling stays below what faces takes; odd points are pulled in."""
    assert SIGNATURE_LENGTH_MAX == LENGTH_MAX
    dot = Strokes()
    dot.begin(5, 5)
    dot.reach(6, 6)
    assert not dot.is_signed()
    endless = Strokes()
    endless.begin(-50, 1e9)
    for step in range(20_000):
        endless.reach(9_000 + step % 900, (step * 7) % 9_000)
    assert endless.is_full()
    assert len(endless.line()) <= LENGTH_MAX
    endless.clear()
    assert ("", False) == (endless.line(), endless.is_full())
    assert "typed:Ada" == typed(" Ada ")


def test_progress_becomes_moments():
    """Poses, hints and steps; a hint goes when the next sample is taken."""
    seen = Seen()
    for line, expected in (
        (Progress("pose_plain", 0, 9), (Step.FACE, Pose.PLAIN, "", 0.0)),
        (Progress("too_dark", 1, 9), (Step.FACE, Pose.PLAIN, "too_dark", 1 / 9)),
        (Progress("looking", 3, 9), (Step.FACE, Pose.PLAIN, "", 3 / 9)),
        (Progress("pose_turn", 3, 9), (Step.FACE, Pose.TURN, "", 3 / 9)),
        (Progress("comparing", 2, 5), (Step.BANK, Pose.TURN, "", 1.0)),
        (Progress("mandate", 4, 5), (Step.BANK, Pose.TURN, "", 1.0)),
        (Progress("approve_mandate", 10, 300, "link"), (Step.BANK, Pose.TURN, "", 1.0)),
        (Progress("rehearsing"), (Step.DONE, Pose.TURN, "", 1.0)),
    ):
        seen = seen.after(line)
        assert expected == (seen.step, seen.pose, seen.hint, seen.share), line
        if line.code == "approve_mandate":
            assert ("link", 290) == (seen.link, seen.seconds_left)
    assert "" == seen.link
    assert Step.DONE is seen.after(Progress("brand_new")).step


def test_a_clerks_limits_are_those_of_faces():
    """The window disables exactly what faces would refuse."""
    whole = draft().question(CAMERA)
    other = EnrolPerson("A", "1", "1", "v", CAMERA, look_alike_of="p")
    asked = {
        Act.ENROL: whole,
        Act.AFFIRM_OTHER: other,
        Act.SHOW: ShowRights("p"),
        Act.ERASE: ErasePerson("p"),
        Act.LIMITS: LimitPerson("p", DEFAULT_LIMITS),
        Act.PIN: ChangePin("p", "194638"),
        Act.AGAIN: ReenrolPerson("p", CAMERA),
        Act.PAUSE: PausePerson("p"),
        Act.RESUME: ResumePerson("p"),
        Act.FREEZE: FreezePerson("p"),
        Act.UNFREEZE: UnfreezePerson("p"),
        Act.EXPORT: ExportPerson("p"),
        Act.REPORT: ReportWrong("o"),
        Act.OVERVIEW: ShowActivity(),
        Act.STAFF: ListStaff(),
        Act.LOG: VerifyAudit(),
    }

    assert set(Act) == set(asked)
    needs = {act for act, message in asked.items() if role_for(message) is StaffRole.MANAGER}
    assert needs == NEEDS_MANAGER | NEEDS_MANAGER_OR_PIN
    with_pin = {act: replace(asked[act], pin="194638") for act in NEEDS_MANAGER_OR_PIN}
    assert {StaffRole.CLERK} == {role_for(message) for message in with_pin.values()}
    assert {""} == {why_not(StaffRole.MANAGER, act) for act in Act}
    assert "manager_needed" == why_not(StaffRole.CLERK, Act.ERASE)


def test_results_are_read_whole():
    """Enrolled with and without a rehearsal, refused, and a look-alike."""
    plain = Enrolled("p", 9, 80, MandateState.ACTIVE, "••42")
    assert not Result.of(plain).rehearsed
    tried = Enrolled(
        "p", 9, 80, MandateState.ACTIVE, "", rehearsal=Rehearsal(recognised=False, reason="no_face")
    )
    assert (True, False, "no_face") == (
        Result.of(tried).rehearsed,
        Result.of(tried).recognised,
        Result.of(tried).rehearsal_reason,
    )
    assert not Result.of(EnrolRefused("too_dark")).is_look_alike()
    assert Result.of(EnrolRefused("look_alike", person="q", score=0.6)).is_look_alike()


def test_search_wants_every_word():
    """Case and accents do not count, the order neither."""

    def row(name: str) -> Row:
        return Row(f"p-{name}", name, "••17", "active", "2026-01-01", "s@1", 9, "v2")

    rows = [row("Zoë Lindt"), row("Zoe Moreau"), row("Ada Lindt")]
    assert ["Zoë Lindt"] == [it.name for it in search(rows, "lindt ZOE")]
    assert 3 == len(search(rows, " 17 "))
    assert [] == search(rows, "zoe x")
