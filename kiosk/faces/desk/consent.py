"""The notice and consent texts that ship with the program, each with a version that never changes.

A record of consent holds version, language, time and the SHA-256 of the text, so that it can be
proved later what somebody agreed to. It does not show the text or ask for the agreement.
Invariant: a text that people have agreed to is never edited; a change is a new version.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from importlib import resources

from kiosk.faces.desk.errors import ConsentVersionUnknownError

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


def consent_text(version: str, language: str = LANGUAGE) -> ConsentText:
    """Return the text of a version.

    Raises:
        ConsentVersionUnknownError: There is none.
    """
    texts = consent_texts()
    text = texts.get((version, language))
    if text is None:
        raise ConsentVersionUnknownError(", ".join(sorted({known for known, _ in texts})))
    return text
