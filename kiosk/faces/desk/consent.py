"""The notice and consent texts that ship with the program, each with a version that never changes.

A record of consent holds version, language, time and the SHA-256 of the text, so that it can be
proved later what somebody agreed to. It does not show the text or ask for the agreement.
Invariant: a text that people have agreed to is never edited; a change is a new version.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

from kiosk.faces.desk.errors import ConsentLanguageUnknownError, ConsentVersionUnknownError
from kiosk.link.staff_desk import ConsentShown

LANGUAGE = "en"
_FILE_NAME = re.compile(r"consent-(?P<version>v[0-9]{1,4})\.(?P<language>[a-z]{2})\.md")


@dataclass(frozen=True, slots=True)
class ConsentText:
    """One notice with its consent, as shown to a person before any picture is taken."""

    version: str
    language: str
    text: str
    sha256: str


def consent_texts() -> dict[tuple[str, str], ConsentText]:
    """Return all texts that ship with the program, by version and language."""
    found: dict[tuple[str, str], ConsentText] = {}
    for file in resources.files("kiosk.faces.desk").joinpath("texts").iterdir():
        match = _FILE_NAME.fullmatch(file.name)
        if match is None:
            continue
        raw = file.read_bytes()
        text = ConsentText(
            match["version"], match["language"], raw.decode(), hashlib.sha256(raw).hexdigest()
        )
        found[text.version, text.language] = text
    return found


def consent_text(version: str, language: str = "") -> ConsentText:
    """Return the text of a version, in a language that it can be read in.

    Args:
        version: Such as `v1`.
        language: Two letters; empty: English, or the only language there is.

    Raises:
        ConsentVersionUnknownError: There is none.
    """
    texts = consent_texts()
    languages = languages_of(version, texts)
    default = LANGUAGE if LANGUAGE in languages else next(iter(languages), LANGUAGE)
    text = texts.get((version, language or default))
    if text is None and languages:
        raise ConsentLanguageUnknownError(", ".join(languages))
    if text is None:
        raise ConsentVersionUnknownError(", ".join(sorted({known for known, _ in texts})))
    return text


def newest(texts: Mapping[tuple[str, str], ConsentText]) -> str:
    """Return the highest version."""
    return max((version for version, _ in texts), key=lambda version: int(version[1:]))


def languages_of(version: str, texts: Mapping[tuple[str, str], ConsentText]) -> tuple[str, ...]:
    """Return the languages that a version can be read in."""
    return tuple(sorted(language for known, language in texts if known == version))


def shown(version: str, language: str) -> ConsentShown:
    """Return a text for whoever shows it; an empty version is the newest.

    Raises:
        BadInputError: There is none of this version or language.
    """
    text = consent_text(version or newest(consent_texts()), language)
    languages = languages_of(text.version, consent_texts())
    return ConsentShown(text.version, text.language, text.text, text.sha256, languages)
