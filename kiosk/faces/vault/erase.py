"""The proof of an erasure: look for the person in every file, and write a certificate without them.

`Vault.erase()` has destroyed the key and the rows before anything here runs.
The search goes through every file of the installation, byte by byte, for

- the sealed records as they lay on the disk: any eight bytes in a row, also in base64, and the
  beginning of each in hex;
- the templates, as they were kept under the store's rotation and as the encoder made them, as
  float16, float32 or float64, in either byte order, also in base64, and as bytes of an int8 code:
  any eight bytes in a row (sixteen where that is not telling enough); and their beginnings in hex
  and as decimal numbers;
- name and number as UTF-8, UTF-16, JSON, hex and base64; the number in its national and its
  international form.

It does not reach blocks of the disk that no file owns any more: there only the destroyed key helps.
The certificate holds a random id, the time, counts and a hash over the erased ciphertexts: nothing
of the person, not even the id they had.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from kiosk.faces.vault import database
from kiosk.faces.vault.errors import VaultUnusableError
from kiosk.faces.vault.keyring import sync_folder
from kiosk.faces.vault.patterns import Patterns
from kiosk.faces.vault.records import ErasureWork
from kiosk.faces.vault.store import Vault

CERTIFICATES_NAME = "certificates"
CERTIFICATE_VERSION = 2
VAULT_FORMAT = 3
CHUNK_BYTES = 4 << 20
MODELS_NAME = "models"
"""Folder of model packs. Their licences are full of words that are also names, so no name is looked
for there; everything else is."""


class Certificate(msgspec.Struct, frozen=True):
    """What is kept of an erasure."""

    version: int
    certificate: str
    erased_at: str
    proved_at: str
    records: int
    record_bytes: int
    records_sha256: str
    vault_format: int
    files_searched: int
    bytes_searched: int
    bytes_found: int
    found_in: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Leftovers:
    """What the search saw. `places` counts finds; `found_in` names files, relative to DIR."""

    files: int
    size: int
    places: int
    found_in: tuple[str, ...]


class LeftoverSearch:
    """The search of an installation's files for one erased person.

    Iterate for progress, as far as somebody listens; `finish()` goes on to the end and tells.

    Args:
        vault: The open vault; its own files are read through it.
        data_dir: DIR.
        work: What `Vault.erase()` returned.
        country_code: The installation's, for the national form of the number.
    """

    def __init__(
        self, vault: Vault, data_dir: Path, work: ErasureWork, country_code: str = ""
    ) -> None:
        """Prepare the search; no file is read yet."""
        self._vault = vault
        self._data_dir = data_dir
        self._patterns = Patterns(work, country_code)
        self._done: Leftovers | None = None
        self._steps = self._search()

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Yield bytes searched and bytes in all, after every few megabytes.

        Raises:
            VaultUnusableError: A file cannot be read, so nothing can be certified.
        """
        return self._steps

    def finish(self) -> Leftovers:
        """Search what is left and return what was found in all.

        Raises:
            VaultUnusableError: A file cannot be read, so nothing can be certified.
        """
        for _ in self._steps:
            pass
        assert self._done is not None, "a search that failed was asked for its result"
        return self._done

    def _search(self) -> Iterator[tuple[int, int]]:
        paths = sorted(_files(self._data_dir))
        total = sum(size for _, size in paths)
        done, places, found_in = 0, 0, []
        try:
            for path, _ in paths:
                name = path.relative_to(self._data_dir)
                found, tail = 0, b""
                for chunk in _chunks(self._vault, path):
                    found += self._patterns.count(
                        tail + chunk, fresh_from=len(tail), with_names=name.parts[0] != MODELS_NAME
                    )
                    tail = (tail + chunk)[-self._patterns.overlap :]
                    done += len(chunk)
                    yield done, max(done, total)
                if found:
                    places += found
                    found_in.append(str(name))
        except OSError as error:
            raise VaultUnusableError(error.strerror or "a file cannot be read") from error
        self._done = Leftovers(len(paths), done, places, tuple(found_in))


def certify(vault: Vault, work: ErasureWork, leftovers: Leftovers, erased_at: str) -> Certificate:
    """Write the certificate of an erasure into the vault's folder, durably, and return it.

    A certificate that a crash has left unfinished under the same id is written anew.

    Raises:
        VaultUnusableError: The disk refuses.
    """
    digest = hashlib.sha256()
    for record in work.ciphertexts:
        digest.update(record)
    certificate = Certificate(
        version=CERTIFICATE_VERSION,
        certificate=work.certificate or f"c{secrets.token_hex(8)}",
        erased_at=work.erased_at or erased_at,
        proved_at=erased_at,
        records=len(work.ciphertexts),
        record_bytes=sum(map(len, work.ciphertexts)),
        records_sha256=digest.hexdigest(),
        vault_format=VAULT_FORMAT,
        files_searched=leftovers.files,
        bytes_searched=leftovers.size,
        bytes_found=leftovers.places,
        found_in=leftovers.found_in,
    )
    folder = vault.folder / CERTIFICATES_NAME
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        path = folder / f"{certificate.certificate}.json"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(certificate)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        sync_folder(folder)
    except OSError as error:
        raise VaultUnusableError(error.strerror or "its certificate cannot be kept") from error
    return certificate


def _files(data_dir: Path) -> Iterator[tuple[Path, int]]:
    for folder, _, names in os.walk(data_dir):
        for name in names:
            path = Path(folder) / name
            try:
                facts = path.lstat()
            except FileNotFoundError:
                continue
            if stat.S_ISREG(facts.st_mode):  # sockets hold nothing; links lead to files we visit
                yield path, facts.st_size


def _chunks(vault: Vault, path: Path) -> Iterator[bytes]:
    own = path.parent == vault.folder and path.name.startswith(database.FILE_NAME)
    try:
        descriptor = vault.hold(path) if own else os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return  # gone since we listed it
    try:
        offset = 0
        while chunk := os.pread(descriptor, CHUNK_BYTES, offset):
            offset += len(chunk)
            yield chunk
    finally:
        if not own:
            os.close(descriptor)
