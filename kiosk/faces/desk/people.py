"""What staff may see of people, and what they may type in about one.

Names and numbers are checked here before a camera is opened.
Of the number staff see the last two digits: the last four are what a customer may be asked for.
"""

from __future__ import annotations

import unicodedata

from kiosk.faces.desk.errors import NameBadError, PhoneBadError
from kiosk.faces.vault.gallery import normalise_phone
from kiosk.faces.vault.records import Person
from kiosk.link.protocol import PersonSummary

NAME_LENGTH_MAX = 70
PHONE_DIGITS_MIN = 7
PHONE_DIGITS_MAX = 15
"""ITU-T E.164: at most 15 digits; below 7 a number is a short code, nobody's own."""
HINT_DIGITS = 2


def check_name(text: str) -> str:
    """Return a name in one normal form (NFC, single outer spaces removed).

    Raises:
        NameBadError: It is empty, too long, or holds control or unassigned characters.
    """
    name = unicodedata.normalize("NFC", text.strip())
    unusable = any(unicodedata.category(mark).startswith("C") for mark in name)
    if not 1 <= len(name) <= NAME_LENGTH_MAX or unusable:
        raise NameBadError(NAME_LENGTH_MAX)
    return name


def check_phone(text: str, country_code: str = "") -> str:
    """Return the digits of a full phone number.

    Args:
        text: As it was typed.
        country_code: What stands for the leading 0 of a national number.

    Raises:
        PhoneBadError: It has other marks, or too few or too many digits.
    """
    digits = normalise_phone(text, country_code)
    usable = digits.isascii() and digits.isdigit()
    if not usable or not PHONE_DIGITS_MIN <= len(digits) <= PHONE_DIGITS_MAX:
        raise PhoneBadError
    return digits


def summary(person: Person) -> PersonSummary:
    """Return what staff may see."""
    return PersonSummary(
        person=person.person,
        name=person.name,
        phone_hint=f"••{person.phone[-HINT_DIGITS:]}",
        pack=person.pack,
        samples=person.sample_count,
        consent_version=person.consent.version,
        enrolled_at=person.enrolled_at,
        state=person.state.value,
        pin_always=person.pin_always,
        look_alikes=person.look_alikes,
        warned_at=person.warned_at,
    )
