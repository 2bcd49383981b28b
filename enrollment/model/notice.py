"""The notice and consent text as the customer reads it, and what proves which one it was."""

from __future__ import annotations

from dataclasses import dataclass

from kiosk.link.staff_desk import ConsentShown


@dataclass(frozen=True, slots=True)
class Notice:
    """One text in Markdown, its version, language and SHA-256, and what else it can be read in."""

    version: str
    language: str
    text: str
    sha256: str
    languages: tuple[str, ...]

    @classmethod
    def of(cls, shown: ConsentShown) -> Notice:
        """Read what faces answers."""
        return cls(shown.version, shown.language, shown.text, shown.sha256, shown.languages)

    def proof(self, person: str, when: str) -> str:
        """Return what a QR code holds for the customer: what was agreed to, when, as whom.

        No name, no number: whoever reads the code over a shoulder learns nobody's.
        """
        return (
            f"SmileTill consent {self.version} ({self.language})\n"
            f"SHA-256 {self.sha256}\nrecord {person}\n{when}"
        )
