"""The notice and consent texts, each with a version that never changes.

They ship with the program; an owner adds others, such as another language or the words of their
own lawyer, as files of the same names in `DIR/texts` (docs/enrolment.md). A shipped text cannot be
replaced that way. A record of consent holds version, language, time and the SHA-256 of the text, so
that it can be proved later what somebody agreed to. Nothing is shown or asked for here.
Invariant: a text that people have agreed to is never edited; a change is a new version.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from kiosk.faces.desk.errors import (
    ConsentLanguageUnknownError,
    ConsentTextBadError,
    ConsentVersionUnknownError,
)
from kiosk.link.staff_desk import ConsentShown

LANGUAGE = "en"
OWN_FOLDER = "texts"
"""In the data directory: texts of the owner."""
TEXT_BYTES_MAX = 65_536
TEXTS_MAX = 200
"""Files that are read of an owner's folder."""
_FILE_NAME = re.compile(r"consent-(?P<version>v[0-9]{1,4})\.(?P<language>[a-z]{2})\.md")


@dataclass(frozen=True, slots=True)
class ConsentText:
    """One notice with its consent, as shown to a person before any picture is taken."""

    version: str
    language: str
    text: str
    sha256: str


def consent_texts(own: Path | None = None) -> dict[tuple[str, str], ConsentText]:
    """Return all texts by version and language.

    Args:
        own: Folder of the owner's texts; None, or one that is not there: only the shipped ones.

    Raises:
        ConsentTextBadError: A file of the owner is too long or no text, or there are too many.
    """
    found: dict[tuple[str, str], ConsentText] = {}
    for file in resources.files("kiosk.faces.desk").joinpath("texts").iterdir():
        match = _FILE_NAME.fullmatch(file.name)
        if match is not None:
            text = _text(match, file.read_bytes())
            found[text.version, text.language] = text
    if own is not None and own.is_dir():
        for text in _texts_of(own):
            found.setdefault((text.version, text.language), text)
    return found


def _texts_of(folder: Path) -> Iterator[ConsentText]:
    for number, path in enumerate(sorted(folder.iterdir())):
        match = _FILE_NAME.fullmatch(path.name)
        if match is None:
            continue
        try:
            with path.open("rb") as stream:
                raw = stream.read(TEXT_BYTES_MAX + 1)
            if number >= TEXTS_MAX or not 0 < len(raw) <= TEXT_BYTES_MAX:
                raise ConsentTextBadError(path.name)
            yield _text(match, raw)
        except (OSError, UnicodeDecodeError) as error:
            raise ConsentTextBadError(path.name) from error


def _text(match: re.Match[str], raw: bytes) -> ConsentText:
    digest = hashlib.sha256(raw).hexdigest()
    return ConsentText(match["version"], match["language"], raw.decode(), digest)


def consent_text(version: str, language: str = "", own: Path | None = None) -> ConsentText:
    """Return the text of a version, in a language that it can be read in.

    Args:
        version: Such as `v1`.
        language: Two letters; empty: English, or the first language there is.
        own: Folder of the owner's texts.

    Raises:
        BadInputError: There is none of this version or language.
    """
    texts = consent_texts(own)
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


def shown(version: str, language: str, own: Path | None = None) -> ConsentShown:
    """Return a text for whoever shows it; an empty version is the newest.

    Raises:
        BadInputError: There is none of this version or language.
    """
    texts = consent_texts(own)
    text = consent_text(version or newest(texts), language, own)
    languages = languages_of(text.version, texts)
    return ConsentShown(text.version, text.language, text.text, text.sha256, languages)
