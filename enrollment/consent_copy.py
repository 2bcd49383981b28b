"""The customer's own copy of what they agreed to: as a PDF, and as the content of a QR code.

Both say which text (version, language, SHA-256), when, and the SHA-256 of the signature that is
kept; the PDF holds the whole text, and the name as it was typed as a signature. The code holds no
link, no name and no number: whoever photographs it by chance learns nothing of a person.
Nothing is kept here; the caller writes the file where the customer wants it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from enrollment.pdf import Heading, Paragraph, Part, write_pdf
from kiosk.link.staff_desk import ConsentShown

_WORDS = {
    "en": {
        "signed": "Signed, as typed: {name}",
        "drawn": "Signed by drawing on the screen of the till.",
        "unsigned": "Agreed to at the desk.",
        "when": "Agreed on {when} (UTC). Number of the record: {person}.",
        "text": "Text: version {version}, language {language}, SHA-256 {sha256}.",
        "signature": "Signature: SHA-256 {sha256}.",
        "withdraw": "Keep this copy. To withdraw, show it at the desk, or use the till.",
    },
    "de": {
        "signed": "Unterschrift, wie getippt: {name}",
        "drawn": "Unterschrieben durch Zeichnen auf dem Bildschirm der Kasse.",
        "unsigned": "Eingewilligt am Tisch.",
        "when": "Eingewilligt am {when} (UTC). Nummer des Eintrags: {person}.",
        "text": "Text: Fassung {version}, Sprache {language}, SHA-256 {sha256}.",
        "signature": "Unterschrift: SHA-256 {sha256}.",
        "withdraw": "Bewahren Sie diese Kopie auf. Zum Widerrufen zeigen Sie sie am Tisch vor,"
        " oder nutzen Sie die Kasse.",
    },
}


@dataclass(frozen=True, slots=True)
class Agreement:
    """One agreement, as the copy tells it.

    Args:
        text: What was read.
        person: The record's opaque id.
        when: UTC, ISO 8601.
        signature: As it was given, or empty.
    """

    text: ConsentShown
    person: str
    when: str
    signature: str = ""

    @property
    def signature_sha256(self) -> str:
        """What proves that the kept signature is this one; empty without any."""
        if not self.signature:
            return ""
        return hashlib.sha256(self.signature.encode()).hexdigest()


def code_content(agreement: Agreement) -> str:
    """Return what the QR code says: a few lines, below 400 characters."""
    text = agreement.text
    lines = [
        "SmileTill consent",
        f"text {text.version} {text.language}",
        f"sha256 {text.sha256}",
        f"agreed {agreement.when}",
        f"record {agreement.person}",
    ]
    if agreement.signature:
        lines.append(f"signature sha256 {agreement.signature_sha256}")
    return "\n".join(lines)


def write_copy(path: Path, agreement: Agreement, *, compressed: bool = True) -> int:
    """Write the PDF, readable by nobody else, and return its pages.

    Raises:
        SetupError: The file cannot be written.
    """
    text = agreement.text
    words = _WORDS.get(text.language, _WORDS["en"])
    parts: list[Part] = list(_parts_of(text.text))
    if agreement.signature.startswith("typed:"):
        parts.append(
            Heading(words["signed"].format(name=agreement.signature.removeprefix("typed:")), 10)
        )
    else:
        parts.append(Heading(words["drawn" if agreement.signature else "unsigned"], 10))
    parts.append(Paragraph(words["when"].format(when=agreement.when, person=agreement.person)))
    parts.append(
        Paragraph(
            words["text"].format(version=text.version, language=text.language, sha256=text.sha256)
        )
    )
    if agreement.signature:
        parts.append(Paragraph(words["signature"].format(sha256=agreement.signature_sha256)))
    parts.append(Paragraph(words["withdraw"]))
    return write_pdf(path, parts, language=text.language, compressed=compressed)


def _parts_of(markdown: str) -> list[Part]:
    """Read the little Markdown that the texts are written in: headings, bullets, sentences."""
    parts: list[Part] = []
    for line in markdown.splitlines():
        bare = line.strip()
        if bare.startswith("# "):
            parts.append(Heading(bare.removeprefix("# "), 16))
        elif bare.startswith("## "):
            parts.append(Heading(bare.removeprefix("## ")))
        elif bare.startswith("- "):
            parts.append(Paragraph(f"\u2022 {bare.removeprefix('- ')}"))
        elif bare:
            parts.append(Paragraph(bare))
    return parts
