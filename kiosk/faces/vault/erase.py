"""The proof of an erasure: look for the person in every file, and write a certificate without them.

`Vault.erase()` has destroyed the key and the rows before anything here runs.
The search goes through every file of the installation, byte by byte, for

- the sealed records as they lay on the disk: any eight bytes in a row, also in base64, and the
  beginning of each in hex;
- the templates as float16, float32 or float64, in either byte order: any eight bytes in a row, also
  in base64; and their beginnings in hex and as decimal numbers;
- name and number as UTF-8, UTF-16, JSON, hex and base64; the number in its national and its
  international form.

It does not reach blocks of the disk that no file owns any more: there only the destroyed key helps.
The certificate holds a random id, the time, counts and a hash over the erased ciphertexts: nothing
of the person, not even the id they had.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from kiosk.faces.vault import database
from kiosk.faces.vault.errors import VaultUnusableError
from kiosk.faces.vault.gallery import phone_forms
from kiosk.faces.vault.keyring import sync_folder
from kiosk.faces.vault.records import ErasureWork
from kiosk.faces.vault.store import Vault

CERTIFICATES_NAME = "certificates"
CERTIFICATE_VERSION = 1
VAULT_FORMAT = 1
CHUNK_BYTES = 4 << 20
WORD_BYTES = 8
"""Eight random bytes in a row occur by chance once in 10^11 GiB."""
TEXT_BYTES_MIN = 5
"""Shorter text is looked for in quotes only: "Bo" is in every file of any size."""
HEX_BYTES = 12
"""Bytes of each record and template that are looked for in hex. Eight hex digits would be found by
chance in a journal full of hashes; twenty-four are not."""
DECIMALS = 3
"""First floats of each template that are looked for as decimal numbers."""
MODELS_NAME = "models"
"""Folder of model packs. Their licences are full of words that are also names, so no name is looked
for there; everything else is."""

_SIEVE_BITS = 20
_SPREAD = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio (Knuth's multiplicative hash)

_Words = NDArray[np.uint64]


class Certificate(msgspec.Struct, frozen=True):
    """What is kept of an erasure."""

    version: int
    certificate: str
    erased_at: str
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


class _Patterns:
    """Everything that is looked for: words of eight bytes, and texts."""

    def __init__(self, work: ErasureWork, country_code: str) -> None:
        raw = [*work.ciphertexts, *_as_bytes(work.vectors, ("<f4", ">f4"))]
        other = _as_bytes(work.vectors, ("<f2", ">f2", "<f8", ">f8"))
        encoded = [form for record in raw for form in _as_base64(record)]
        self.words = np.unique(np.concatenate([_words(form) for form in (*raw, *other, *encoded)]))
        self.sieve = np.zeros(1 << _SIEVE_BITS, dtype=bool)
        self.sieve[_slot(self.words)] = True
        self.names = frozenset(_encodings(work.name))
        phones = phone_forms(work.phone, country_code)
        self.texts = frozenset(
            (
                *(text for phone in phones for text in _encodings(phone)),
                *_decimals(work.vectors),
                *_hex_heads(raw),
            )
        )
        self.overlap = max(WORD_BYTES, *(len(text) for text in self.names | self.texts)) - 1

    def count(self, chunk: bytes, *, fresh_from: int, with_names: bool) -> int:
        """Count finds in a chunk that end behind its first `fresh_from` bytes."""
        texts = self.texts | self.names if with_names else self.texts
        return sum(_finds(chunk, text, fresh_from) for text in texts) + self._count_words(
            chunk, fresh_from
        )

    def _count_words(self, chunk: bytes, fresh_from: int) -> int:
        found = 0
        for shift in range(WORD_BYTES):
            usable = (len(chunk) - shift) // WORD_BYTES
            if usable <= 0:
                break
            values = np.frombuffer(chunk, "<u8", usable, shift)
            likely = np.flatnonzero(self.sieve[_slot(values)])
            hits = likely[np.isin(values[likely], self.words)]
            found += int(np.sum(hits * WORD_BYTES + shift + WORD_BYTES > fresh_from))
        return found


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
        self._patterns = _Patterns(work, country_code)
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

    Raises:
        VaultUnusableError: The disk refuses.
    """
    digest = hashlib.sha256()
    for record in work.ciphertexts:
        digest.update(record)
    certificate = Certificate(
        version=CERTIFICATE_VERSION,
        certificate=f"c{secrets.token_hex(8)}",
        erased_at=erased_at,
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
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
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


def _slot(words: _Words) -> NDArray[np.int64]:
    """Return each word's place in the sieve."""
    return ((words * _SPREAD) >> np.uint64(64 - _SIEVE_BITS)).astype(np.int64)


def _words(record: bytes) -> _Words:
    """Return the record's words of eight bytes, without those of every file, such as zeros."""
    words: _Words = np.frombuffer(record, "<u8", len(record) // WORD_BYTES)
    kinds = np.sort(words.view(np.uint8).reshape(-1, WORD_BYTES), axis=1)
    varied: NDArray[np.bool_] = np.count_nonzero(np.diff(kinds, axis=1), axis=1) >= 3
    return np.asarray(words[varied], dtype=np.uint64)


def _as_bytes(vectors: NDArray[np.float32], kinds: Sequence[str]) -> list[bytes]:
    return [vector.astype(kind).tobytes() for vector in vectors for kind in kinds]


def _as_base64(raw: bytes) -> Iterator[bytes]:
    """Yield the three ways in which base64 shows bytes, without the ends that neighbours change."""
    for before in range(3):
        marks = base64.b64encode(bytes(before) + raw)
        after = -(before + len(raw)) % 3
        yield marks[(0, 2, 3)[before] : len(marks) - (0, 2, 3)[after]]


def _hex_heads(records: Sequence[bytes]) -> Iterator[bytes]:
    for record in records:
        # Sealed records begin with a version byte, which says nothing.
        head = record[1 : 1 + HEX_BYTES].hex()
        yield head.encode()
        yield head.upper().encode()


def _decimals(vectors: NDArray[np.float32]) -> Iterator[bytes]:
    for vector in vectors:
        first = vector[:DECIMALS]
        yield from (repr(float(value)).encode() for value in first)
        short = [np.format_float_positional(value, trim="0") for value in first]
        yield from (mark.join(short).encode() for mark in (",", ", ", " "))


def _encodings(text: str) -> Iterator[bytes]:
    """Yield the ways in which a name or number may lie in a file."""
    for form in {text, json.dumps(text)[1:-1]}:
        plain = form.encode()
        if len(plain) < TEXT_BYTES_MIN:
            plain = b'"' + plain + b'"'
        others = (form.encode("utf-16-le"), form.encode("utf-16-be"), *_as_base64(form.encode()))
        yield plain
        yield plain.hex().encode()
        yield plain.hex().upper().encode()
        yield from (other for other in others if len(other) >= TEXT_BYTES_MIN)


def _finds(chunk: bytes, text: bytes, fresh_from: int) -> int:
    found, at = 0, chunk.find(text, max(0, fresh_from - len(text) + 1))
    while at != -1:
        found += 1
        at = chunk.find(text, at + 1)
    return found
