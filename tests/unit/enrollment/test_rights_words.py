"""A customer's rights on the command line, against faces as a fake, and the export as a PDF."""

from __future__ import annotations

import json
from contextlib import contextmanager

import msgspec
import pytest

import enrollment.cli
from enrollment import export_words, rights_flow
from enrollment.pdf import Cells, Heading, Paragraph, write_pdf
from kiosk.cli import run_command
from kiosk.domain.errors import BadInputError, SetupError
from kiosk.domain.ids import OrderId, PersonId
from kiosk.domain.mandate import DEFAULT_LIMITS, MandateLimits, MandateState
from kiosk.domain.money import Money
from kiosk.domain.refund import RefundState, RefundWay
from kiosk.link.back_office import Refund
from kiosk.link.desk_rights import (
    ChangePin,
    CorrectPerson,
    ExportPerson,
    FreezePerson,
    LiftReport,
    LimitPerson,
    ListPersonPayments,
    PausePerson,
    PersonKept,
    ReportLifted,
    ReportWrong,
    ResumePerson,
    RightTaken,
    ShowRights,
    UnfreezePerson,
    WrongReported,
)
from kiosk.link.protocol import Erased, ErasePerson
from kiosk.link.rights import PayerPayment, PayerPayments

PAID = PayerPayment(
    OrderId("o1"), Money(1_250), "2026-11-23T12:00:00.000000Z", "paid", "settled", Money(0)
)
KEPT = PersonKept(
    "p1", "Ada", "447700900123", "active", "starter@1", "2026-11-01T09:00:00+00:00", 4, 80,
    "v1", "en", "ab" * 32, "2026-11-01T09:00:00+00:00", "typed", "asked", "look_alike", 1,
    "2026-11-23", "", money_asked=True, mandate=MandateState.ACTIVE, account_hint="••42",
    limits=DEFAULT_LIMITS, granted=DEFAULT_LIMITS, spent_today=Money(1_250),
    payments=(PAID,), payments_total=3,
)  # fmt: skip
TAKEN = RightTaken("p1", "active", limits=DEFAULT_LIMITS)
REFUND = Refund(
    1, "wrong-person:o1", OrderId("o1"), Money(1_250), RefundWay.MANUAL, RefundState.PENDING,
    "wrong_person", "R", "P", "uid-0", "2026-11-23T12:00:00.000000Z",
)  # fmt: skip


class FakeFaces:
    """Answers by the kind of the question."""

    def __init__(self) -> None:
        self.asked: list[object] = []
        self.taken = TAKEN
        self.kept = KEPT
        self.lifted = ReportLifted(PersonId("p1"))
        self.report = WrongReported(
            OrderId("o1"), "", "p1", ("p1", "p2"), REFUND, Money(1_250), "t", {"score": "0.71"}
        )

    @contextmanager
    def open_installation(self, _data_dir, *, prompt=None):
        del prompt
        yield self

    @contextmanager
    def faces(self):
        yield self

    def call(self, message, expect, *, timeout_s=1.0, on_progress=None):
        del timeout_s, on_progress
        self.asked.append(message)
        match message:
            case ShowRights() | ExportPerson():
                answer = self.kept
            case LiftReport():
                answer = self.lifted
            case ListPersonPayments(skip=skip):
                answer = PayerPayments((PAID,) if skip < 3 else (), 3)
            case ReportWrong():
                answer = self.report
            case ErasePerson():
                answer = Erased(erased=True, bytes_found=0, mandate_revoked=True, certificate="c1")
            case _:
                answer = self.taken
        assert isinstance(answer, expect)
        return answer


@pytest.fixture
def faces(monkeypatch):
    fake = FakeFaces()
    monkeypatch.setattr(enrollment.cli, "open_installation", fake.open_installation)
    return fake


@pytest.fixture
def run(capfd, tmp_path):
    def run(*arguments):
        words = [*arguments, "--data", str(tmp_path / "data"), "--json"]
        code = enrollment.cli.enrol.main(words, standalone_mode=False)
        return code or 0, json.loads(capfd.readouterr().out.splitlines()[-1])

    return run


@pytest.mark.parametrize(
    ("arguments", "question"),
    [
        (["freeze", "p1"], FreezePerson("p1")),
        (["unfreeze", "p1"], UnfreezePerson("p1")),
        (["pause", "p1"], PausePerson("p1")),
        (["resume", "p1"], ResumePerson("p1")),
        (["resume", "p1", "--pin", "482913"], ResumePerson("p1", "482913")),
        (["correct", "p1", "--phone", "07700900124"], CorrectPerson("p1", "", "07700900124")),
        (["pin", "p1", "--new-pin", "736152"], ChangePin("p1", "736152")),
        (
            ["limits", "p1", "--per-payment", "20.00", "--per-day", "50.00"],
            LimitPerson("p1", MandateLimits(Money(2_000), Money(5_000))),
        ),
        (
            ["limits", "p1", "--per-day", "50.00"],
            LimitPerson("p1", MandateLimits(Money(5_000), Money(5_000))),
        ),
        (
            ["limits", "p1", "--per-payment", "20.00", "--pin", "482913"],
            LimitPerson("p1", MandateLimits(Money(2_000), Money(20_000)), "482913"),
        ),
    ],
)
def test_each_right_is_one_word_and_one_question(faces, run, arguments, question):
    """What is typed reaches faces as it is; the answer is told with exit code 0."""
    code, told = run(*arguments)

    assert faces.asked[-1] == question
    assert (code, told["done"], told["state"]) == (0, True, "active")
    assert told["limits"] == {"per_payment": "100.00 GBP", "per_day": "200.00 GBP"}


@pytest.mark.parametrize(
    ("state", "paused", "said"),
    [
        ("paused", True, "Done: paused.\n"),
        ("active", False, "Done: active.\n"),
        ("frozen", True, "Done: frozen, and paused by the customer.\n"),
    ],
)
def test_a_state_is_said_once(faces, tmp_path, capsys, state, paused, said):
    """Nobody reads "paused, paused"; whoever is frozen may have paused too."""
    faces.taken = RightTaken("p1", state, paused=paused)

    assert 0 == run_command(["enrol", "pause", "p1", "--data", str(tmp_path)])
    assert capsys.readouterr().out == said


@pytest.mark.parametrize(
    ("known", "said"),
    [
        ("asked", "18 or older: confirmed to staff."),
        ("text", "18 or older: stated in the text that you agreed to."),
        ("", "18 or older: not recorded."),
    ],
)
def test_the_age_is_said_as_it_is_known(faces, run, known, said):
    """Who agreed to a text that states it was not asked, and is not called a minor."""
    faces.kept = msgspec.structs.replace(KEPT, age_confirmed=known)

    _, told = run("export", "p1")

    texts = [part.texts[1] for part in export_words.document(told) if isinstance(part, Cells)]
    assert [text for text in texts if said in text]


@pytest.mark.parametrize("added", [0, 2])
def test_what_visits_have_added_is_in_the_export(faces, run, added):
    """Adaptive templates are kept data: their number is told, and nothing where there are none."""
    faces.kept = msgspec.structs.replace(KEPT, adaptive=added)

    _, told = run("export", "p1")

    assert told["face"]["added_by_visits"] == added
    texts = [part.texts[1] for part in export_words.document(told) if isinstance(part, Cells)]
    assert bool([text for text in texts if "have added 2 more" in text]) is bool(added)


@pytest.mark.parametrize(
    ("lifted", "code", "said"),
    [
        (ReportLifted("p1"), 0, "The report is lifted."),
        (ReportLifted("p1", pin_always="look_alike"), 0, "looks the same, so the PIN is still"),
        (ReportLifted("p1", "report_open", "wrong_person"), 1, "The refund of a report is still"),
        (ReportLifted("p1", "not_reported"), 1, "No wrong-person report holds"),
    ],
)
def test_lifting_a_report_says_what_came_of_it(faces, tmp_path, capsys, lifted, code, said):
    """The answer no is exit 1 with its reason; a PIN that stays is told."""
    faces.lifted = lifted

    assert code == run_command(["enrol", "lift-report", "p1", "--data", str(tmp_path)])
    assert said in capsys.readouterr().out


def test_a_refused_right_is_exit_1_with_its_reason(faces, run):
    """The reason is a code for programs."""
    faces.taken = RightTaken("p1", "active", "pin_wrong", attempts_left=3)
    code, told = run("resume", "p1", "--pin", "111111")

    assert (code, told["done"], told["reason"], told["attempts_left"]) == (1, False, "pin_wrong", 3)


def test_limits_are_not_guessed_while_money_is_away(faces, run):
    """The one that is not named would otherwise become something else."""
    faces.kept = PersonKept(*[getattr(KEPT, it) for it in KEPT.__struct_fields__][:18])
    with pytest.raises(SetupError):
        run("limits", "p1", "--per-day", "50.00")


def test_the_export_has_every_payment_and_no_template(faces, run):
    """Page after page until all are there."""
    code, told = run("export", "p1")

    assert code == 0
    assert (told["format"], told["phone"]) == ("smiletill-export-1", "447700900123")
    assert [it["order"] for it in told["payments"]] == ["o1"] * 3
    assert told["consent"]["version"] == "v1"
    assert told["consent"]["age_18_or_older"] == "confirmed_to_staff"
    assert told["face"]["what"] == "measurements only, no picture"
    skips = [it.skip for it in faces.asked if isinstance(it, ListPersonPayments)]
    assert skips == [1, 2]


@pytest.mark.parametrize("language", ["", "de"])
def test_the_export_as_a_pdf_for_the_customer(faces, run, tmp_path, language):
    """A4, readable by its owner only, the same bytes for the same facts."""
    file = tmp_path / "ada.pdf"
    extra = ["--language", language] if language else []
    _, told = run("export", "p1", "--pdf", str(file), *extra)
    first = file.read_bytes()
    run("export", "p1", "--pdf", str(file), *extra)

    assert (told["pages"], first[:5], file.read_bytes()) == (1, b"%PDF-", first)
    assert file.stat().st_mode & 0o777 == 0o600


def test_every_language_of_the_document_says_the_same(faces):
    """No sentence is missing, and every fact of the export stands in the document."""
    english, *others = export_words.WORDS.values()
    assert all(set(it) == set(english) for it in others)
    export = rights_flow.export(faces, "p1")
    for language in (*export_words.WORDS, "xx"):
        parts = export_words.document(export, language)
        text = " ".join(
            word
            for part in parts
            for word in (part.texts if isinstance(part, Cells) else (part.text,))
        )
        for fact in ("p1", "Ada", "447700900123", "••42", "100.00 GBP", "look alike", "ab" * 32):
            assert fact in text


def test_a_long_document_goes_on_on_the_next_page(tmp_path):
    """Nothing is lost at the foot of a page, and an endless word is cut."""
    rows = [Cells((str(number), "x" * 400), (20, 80)) for number in range(60)]
    parts = [Heading("Title", 18), Paragraph("A sentence. " * 400), *rows]

    assert write_pdf(tmp_path / "long.pdf", parts, language="en") > 3
    with pytest.raises(SetupError):
        write_pdf(tmp_path / "none" / "long.pdf", parts, language="en")


def test_withdrawing_is_erasing_with_a_certificate(faces, run):
    """The same question and the same answer as `erase`."""
    code, told = run("withdraw", "p1")

    assert faces.asked == [ErasePerson("p1")]
    assert (code, told["erased"], told["certificate"]) == (0, True, "c1")


def test_a_report_tells_what_was_done(faces, run):
    """Who pays with PIN only, the refund, the evidence; exit 1 where no refund stands."""
    code, told = run("report-wrong", "o1", "--person", "p1", "--really", "p2")
    assert faces.asked == [ReportWrong(OrderId("o1"), "p1", "p2")]
    assert (code, told["reported"], told["pin_always"]) == (0, True, ["p1", "p2"])
    assert (told["refund"]["number"], told["evidence"]) == (1, {"score": "0.71"})
    faces.report = WrongReported(OrderId("o9"), "order_unknown")

    code, told = run("report-wrong", "o9")
    assert (code, told["reported"], told["reason"]) == (1, False, "order_unknown")


def test_a_correction_of_nothing_is_none(faces, run):
    """Faces is not asked."""
    with pytest.raises(BadInputError):
        run("correct", "p1")

    assert faces.asked == []
