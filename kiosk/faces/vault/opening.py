"""Open the vault with the key of the faces process, and fill the gallery, in one pass."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from kiosk.faces.vault.errors import WrongKeyError
from kiosk.faces.vault.gallery import Gallery
from kiosk.faces.vault.records import Findable, PersonState
from kiosk.faces.vault.store import FOLDER_NAME, Vault
from kiosk.faces.vault.storekey import StoreKeyFile, new_store_key


def open_vault(
    data_dir: Path, process_key: bytes | bytearray, country_code: str = ""
) -> tuple[Vault, Gallery]:
    """Open an installation's vault and return it with a gallery of its active people.

    Args:
        data_dir: DIR.
        process_key: What `keys.derive(root, "faces")` gave.
        country_code: How the gallery compares national phone numbers.

    Raises:
        SetupError: As `open_with_keys()`; nothing stays open.
    """
    vault, gallery, file = open_with_keys(data_dir, process_key, country_code)
    file.wipe()
    return vault, gallery


def open_with_keys(
    data_dir: Path, process_key: bytes | bytearray, country_code: str = ""
) -> tuple[Vault, Gallery, StoreKeyFile]:
    """Do the same for whoever changes keys later, and return the file that keeps them too.

    A rotation that was cut off is ended or undone here.

    Raises:
        SetupError: As `StoreKeyFile.open()` and `Vault.open()`; nothing stays open.
    """
    folder = data_dir / FOLDER_NAME
    file = StoreKeyFile.open(folder, process_key)
    for store_key in file.keys:
        try:
            vault, gallery = _open(folder, store_key, country_code)
        except WrongKeyError:
            continue
        try:
            file.settle(store_key)
        except BaseException:
            gallery.close()
            vault.close()
            raise
        return vault, gallery, file
    raise WrongKeyError


def rotate_store_key(vault: Vault, file: StoreKeyFile, process_key: bytes | bytearray) -> None:
    """Put everything in the vault under a new store key, and that under a new process key.

    People are found and pay meanwhile. Until the first start with `process_key` the vault still
    opens with the old process key too.

    Raises:
        SetupError: The disk refuses. Whichever key the rows are under then, the next start finds
            it; try again.
    """
    fresh = new_store_key()
    file.save(replace(file.body, next_key=fresh.hex()))
    vault.rekey(fresh)
    file.save_for(process_key, replace(file.body, store_key=fresh.hex(), next_key=None))


def _open(folder: Path, store_key: bytes, country_code: str) -> tuple[Vault, Gallery]:
    gallery = Gallery(country_code)

    def visit(person: Findable) -> None:
        if person.state is PersonState.ACTIVE:
            gallery.add(person)

    try:
        vault = Vault.open(folder, store_key, visit=visit)
    except BaseException:
        gallery.close()
        raise
    gallery.door = lambda pack, probe: vault.transform(pack, len(probe)).apply(probe)
    return vault, gallery
