"""What a customer agreed to, and how: the text, the signature, the age.

The command line's plain enrolment names the version of a text that the customer has read and signed
on paper or elsewhere; agreeing to it implies being 18, which the text states. The guided enrolment
at the window asks for more: that the customer was asked for their age, and a signature, typed or
drawn. Nothing is stored here, and no frame is read before this has passed.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata

from kiosk.faces.desk.consent import ConsentText
from kiosk.faces.desk.errors import SignatureBadError
from kiosk.faces.vault.records import ConsentRecord
from kiosk.link.protocol import EnrolPerson, EnrolRefused
from kiosk.link.staff_desk import SIGNATURE_LENGTH_MAX

TYPED = "typed:"
DRAWN = "svg:"
TYPED_LENGTH_MAX = 140
POINTS_MIN = 4
"""Points of a drawn signature: fewer are a slip of the finger."""
_PATH = re.compile(r"[MLml][MLml0-9 ,.\-]*", re.ASCII)
"""Lines only: what a finger draws. Nothing that a viewer would run or load."""
_NUMBER = re.compile(r"-?[0-9]{1,5}(?:\.[0-9]{1,3})?", re.ASCII)


def refused(message: EnrolPerson) -> EnrolRefused | None:
    """Say what a guided enrolment lacks, or None."""
    if not message.guided:
        return None
    if not message.adult:
        return EnrolRefused("age_not_confirmed")
    if not message.signature:
        return EnrolRefused("not_signed")
    return None


def record_of(text: ConsentText, message: EnrolPerson, given_at: str) -> ConsentRecord:
    """Return the record of this consent.

    Raises:
        SignatureBadError: The signature is no typed name and no drawing.
    """
    signature = message.signature
    kind = check_signature(signature) if signature else ""
    return ConsentRecord(
        version=text.version,
        language=text.language,
        sha256=text.sha256,
        given_at=given_at,
        signature_kind=kind,
        signature_sha256=hashlib.sha256(signature.encode()).hexdigest() if signature else "",
        signature=signature,
        age_confirmed="asked" if message.adult else "text",
    )


def check_signature(signature: str) -> str:
    """Return the kind of a signature: `typed` or `drawn`.

    Raises:
        SignatureBadError: It is neither, too long, or empty of letters or lines.
    """
    if len(signature) > SIGNATURE_LENGTH_MAX:
        raise SignatureBadError
    if signature.startswith(TYPED):
        name = signature.removeprefix(TYPED).strip()
        control = any(unicodedata.category(mark).startswith("C") for mark in name)
        letters = any(mark.isalpha() for mark in name)
        if control or not letters or len(name) > TYPED_LENGTH_MAX:
            raise SignatureBadError
        return "typed"
    path = signature.removeprefix(DRAWN)
    numbers = _NUMBER.findall(path)
    drawn = signature.startswith(DRAWN) and _PATH.fullmatch(path) is not None
    if not drawn or len(numbers) < 2 * POINTS_MIN:
        raise SignatureBadError
    return "drawn"
