"""Open the vault and fill the gallery from it, in one pass over the records."""

from __future__ import annotations

from pathlib import Path

from kiosk.faces.vault.gallery import Gallery
from kiosk.faces.vault.records import Person, PersonState
from kiosk.faces.vault.store import FOLDER_NAME, Vault


def open_vault(
    data_dir: Path, store_key: bytes | bytearray, country_code: str = ""
) -> tuple[Vault, Gallery]:
    """Open an installation's vault and return it with a gallery of its active people.

    Args:
        data_dir: DIR.
        store_key: What `keys.derive(root, "faces")` gave.
        country_code: How the gallery compares national phone numbers.

    Raises:
        SetupError: As `Vault.open()`; nothing stays open.
    """
    gallery = Gallery(country_code)

    def visit(person: Person) -> None:
        if person.state is PersonState.ACTIVE:
            gallery.add(person)

    try:
        return Vault.open(data_dir / FOLDER_NAME, store_key, visit=visit), gallery
    except BaseException:
        gallery.close()
        raise
