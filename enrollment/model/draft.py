"""What has been typed for one enrolment, and what is still wrong with it, step by step.

It keeps everything until the customer is enrolled or the enrolment is cancelled: a refusal, a
camera that is unplugged or a bank that says no loses nothing that was typed.
What can be told here is told here, at once; the desk and money check it all again.
Invariant: no text made here repeats a PIN, a number or a name.
"""

from __future__ import annotations

import enum
import unicodedata
from dataclasses import dataclass, field

from enrollment import flow
from enrollment.model.signature import Strokes, typed
from kiosk.domain.errors import BadInputError
from kiosk.domain.ids import PersonId
from kiosk.domain.mandate import DEFAULT_LIMITS, MandateLimits
from kiosk.domain.pin import PIN_DIGITS, check_new_pin
from kiosk.link.protocol import CameraSpec, EnrolPerson

NAME_LENGTH_MAX = 70
PHONE_DIGITS_MIN = 7
PHONE_DIGITS_MAX = 15
PHONE_MARKS = set("0123456789+ ()-/.")


class Step(enum.Enum):
    """Where an enrolment stands; the six steps that the window counts."""

    STAFF = "staff"
    CONSENT = "consent"
    DETAILS = "details"
    FACE = "face"
    BANK = "bank"
    DONE = "done"


class Entry(enum.Enum):
    """What can be typed, each with its own place for a complaint."""

    ADULT = "adult"
    SIGNATURE = "signature"
    NAME = "name"
    PHONE = "phone"
    PIN = "pin"
    PIN_AGAIN = "pin_again"
    LIMITS = "limits"


ENTRIES = {
    Step.CONSENT: (Entry.ADULT, Entry.SIGNATURE),
    Step.DETAILS: (Entry.NAME, Entry.PHONE, Entry.PIN, Entry.PIN_AGAIN, Entry.LIMITS),
}

STEP_OF_CODE = {
    "name_bad": Entry.NAME,
    "phone_bad": Entry.PHONE,
    "phone_taken": Entry.PHONE,
    "pin_format": Entry.PIN,
    "pin_banned": Entry.PIN,
    "pin_bad": Entry.PIN,
    "limits_bad": Entry.LIMITS,
    "amount_bad": Entry.LIMITS,
    "amount_zero": Entry.LIMITS,
    "amount_above_ceiling": Entry.LIMITS,
    "signature_bad": Entry.SIGNATURE,
    "not_signed": Entry.SIGNATURE,
    "age_not_confirmed": Entry.ADULT,
}
"""Which entry a refusal of desk or money belongs to, by its code."""


def step_of(entry: Entry) -> Step:
    """Return the step on which something is typed."""
    return next(step for step, entries in ENTRIES.items() if entry in entries)


@dataclass
class Draft:
    """One enrolment, as far as it was typed; `refusals` are what desk or money said of entries."""

    language: str = "en"
    version: str = ""
    adult: bool = False
    strokes: Strokes = field(default_factory=Strokes)
    typed_name: str = field(default="", repr=False)
    sign_by_typing: bool = False
    name: str = field(default="", repr=False)
    phone: str = field(default="", repr=False)
    pin: str = field(default="", repr=False)
    pin_again: str = field(default="", repr=False)
    per_payment: str = f"{DEFAULT_LIMITS.per_payment.minor_units // 100}.00"
    per_day: str = f"{DEFAULT_LIMITS.per_day.minor_units // 100}.00"
    look_alike_of: str = ""
    refusals: dict[Entry, str] = field(default_factory=dict)

    def problems(self, step: Step) -> dict[Entry, str]:
        """Return what keeps a step from being finished: entry and reason code, in their order."""
        found = {entry: self.problem(entry) for entry in ENTRIES.get(step, ())}
        return {entry: code for entry, code in found.items() if code}

    def problem(self, entry: Entry) -> str:
        """Return what is wrong with one entry as a reason code, or ""."""
        return self.refusals.get(entry, "") or self._own_problem(entry)

    def touched(self, entry: Entry) -> None:
        """Somebody has typed there: what desk or money said of it is about another text."""
        self.refusals.pop(entry, None)

    def refuse(self, code: str) -> Step | None:
        """Keep a refusal of desk or money; return the step on which it can be mended, if any."""
        entry = STEP_OF_CODE.get(code)
        if entry is None:
            return None
        self.refusals[entry] = code
        return step_of(entry)

    def signature(self) -> str:
        """Return the signature's line, drawn or typed; "" if there is none."""
        if self.sign_by_typing:
            return typed(self.typed_name) if self.typed_name.strip() else ""
        return self.strokes.line() if self.strokes.is_signed() else ""

    def limits(self) -> MandateLimits | None:
        """Return the limits. Raises: BadInputError."""
        return flow.limits(self.per_payment.strip() or None, self.per_day.strip() or None)

    def question(self, camera: CameraSpec) -> EnrolPerson:
        """Return what faces is asked. All steps must be without problems."""
        assert not self.problems(Step.CONSENT), "no camera before the consent"
        assert not self.problems(Step.DETAILS), "no camera before the details"
        return EnrolPerson(
            self.name.strip(),
            self.phone.strip(),
            self.pin,
            self.version,
            camera,
            None,
            self.limits(),
            language=self.language,
            signature=self.signature(),
            adult=self.adult,
            guided=True,
            rehearse=True,
            look_alike_of=PersonId(self.look_alike_of) if self.look_alike_of else None,
        )

    def _own_problem(self, entry: Entry) -> str:
        match entry:
            case Entry.ADULT:
                return "" if self.adult else "adult_missing"
            case Entry.SIGNATURE:
                has_letter = any(mark.isalpha() for mark in self.typed_name)
                signed = self.signature() and (has_letter or not self.sign_by_typing)
                return "" if signed else "signature_none"
            case Entry.NAME:
                return _name_problem(self.name)
            case Entry.PHONE:
                return _phone_problem(self.phone)
            case Entry.PIN:
                return _pin_problem(self.pin, self.phone)
            case Entry.PIN_AGAIN:
                return "" if self.pin_again == self.pin else "pin_differs"
            case Entry.LIMITS:
                return self._limits_problem()

    def _limits_problem(self) -> str:
        try:
            self.limits()
        except BadInputError as error:
            return error.code
        return ""


def _name_problem(name: str) -> str:
    text = name.strip()
    if not text:
        return "name_missing"
    unusable = any(unicodedata.category(mark).startswith("C") for mark in text)
    return "name_bad" if unusable or len(text) > NAME_LENGTH_MAX else ""


def _phone_problem(phone: str) -> str:
    if not phone.strip():
        return "phone_missing"
    if not set(phone) <= PHONE_MARKS:
        return "phone_letters"
    count = sum(mark.isdigit() for mark in phone)
    return "" if PHONE_DIGITS_MIN <= count <= PHONE_DIGITS_MAX else "phone_length"


def _pin_problem(pin: str, phone: str) -> str:
    if len(pin) < PIN_DIGITS and (not pin or pin.isdigit()):
        return "pin_short"
    try:
        check_new_pin(pin, "".join(mark for mark in phone if mark.isdigit()))
    except BadInputError as error:
        return error.code
    return ""
