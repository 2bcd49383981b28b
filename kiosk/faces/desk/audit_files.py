"""The files of the audit log: numbered, chained lines inside each, chained to one another.

`DIR/audit/audit-000001.log` and so on, each begun by a header that holds the chain value at the end
of the file before it. The file `seal` holds, under a key, how many entries there are and the chain
value at their end, so that lines cut off the end are missed. It has two slots, written in turn: a
write that is cut off leaves the other one.
Nothing here writes a log; `kiosk.faces.desk.audit` does.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from kiosk.link.audit import AuditEntry
from kiosk.link.chained import ChainBrokenError, Position, read_chain

FORMAT = "smiletill-audit"
FORMAT_VERSION = 1
BODY_BYTES_MAX = 4_096
"""One entry; the longest of ours stays below 1 KiB."""
FILES_MAX = 999_999
SEAL_NAME = "seal"
SLOT_BYTES = 512
CHUNK_BYTES = 1 << 20
NO_CHAIN = "00" * 32

_FILE_NAME = re.compile(r"audit-([0-9]{6})\.log")


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="header"):
    """The first line of a file."""

    format: str
    version: int
    log: str
    """A random id of the whole log: 32 hex digits."""
    file: int
    first: int
    """Number of its first entry."""
    follows: str
    """Chain value at the end of the file before; all zeros for the first file."""
    after_damage: str = ""
    """What was wrong with the file before, if it could not be gone on with."""


class Seal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far the log had come, under a key."""

    version: int
    serial: int
    """Counts the seals; the higher one of two slots is meant."""
    log: str
    file: int
    entries: int
    chain: str
    key: str
    """Names the key without telling it: 16 hex digits."""
    mac: str = ""


@dataclass(frozen=True, slots=True)
class FileReading:
    """One file, read to its end."""

    header: Header
    position: Position
    torn_bytes: int
    last: int
    """Number of its last entry, or of the last one before it."""
    before: bytes
    """Chain value before its last line: where a crash may have left the seal."""


_line_decoder = msgspec.json.Decoder(AuditEntry)
_header_decoder = msgspec.json.Decoder(Header)
_seal_decoder = msgspec.json.Decoder(Seal)


def file_name(number: int) -> str:
    """Return the name of a file of the log."""
    return f"audit-{number:06d}.log"


def file_numbers(folder: Path) -> list[int]:
    """Return the numbers of the files that are there, in order."""
    if not folder.is_dir():
        return []
    names = (_FILE_NAME.fullmatch(path.name) for path in folder.iterdir())
    return sorted(int(name[1]) for name in names if name is not None)


def read_file(
    path: Path, take: Callable[[AuditEntry], None], *, size_max: int | None = None
) -> FileReading:
    """Read one file and hand over its entries.

    Args:
        path: The file.
        take: Called with each entry, in order.
        size_max: Bytes to read; what another thread appends meanwhile is left for the next time.

    Raises:
        ChainBrokenError: It is not what was written.
        OSError: It cannot be read.
    """
    header: Header | None = None
    last, before, chain = 0, bytes(32), bytes(32)

    def take_line(body: bytes) -> None:
        nonlocal header, last, before, chain
        before, chain = chain, hashlib.sha256(chain + body).digest()
        if header is None:
            header = _read_header(body, path)
            last = header.first - 1
            return
        entry = _read_entry(body)
        if entry.n != last + 1:
            raise ChainBrokenError(f"entry {entry.n} stands where {last + 1} belongs")
        last = entry.n
        take(entry)

    read = read_chain(_chunks(path, size_max), take_line, body_bytes_max=BODY_BYTES_MAX)
    if header is None:
        raise ChainBrokenError("it has no header")
    return FileReading(header, read.position, read.torn_bytes, last, before)


def read_header(path: Path) -> Header:
    """Read a file's header only.

    Raises:
        ChainBrokenError: It is not what was written.
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        line = file.readline(BODY_BYTES_MAX)
    found: list[Header] = []
    read_chain(
        [line], lambda body: found.append(_read_header(body, path)), body_bytes_max=len(line)
    )
    if not found:
        raise ChainBrokenError("it has no header")
    return found[0]


def write_seal(seal: Seal, key: bytes) -> bytes:
    """Return a slot's content."""
    signed = msgspec.structs.replace(seal, key=key_name(key), mac="")
    mac = hmac.new(key, msgspec.json.encode(signed), "sha256").hexdigest()
    raw = msgspec.json.encode(msgspec.structs.replace(signed, mac=mac))
    assert len(raw) < SLOT_BYTES, "a seal outgrew its slot"
    return raw.ljust(SLOT_BYTES - 1) + b"\n"


def read_seals(folder: Path) -> list[Seal]:
    """Return the seals that can be read, the newest first; their MACs are not checked here."""
    try:
        raw = (folder / SEAL_NAME).read_bytes()[: 2 * SLOT_BYTES]
    except FileNotFoundError:
        return []
    found = []
    for start in (0, SLOT_BYTES):
        try:
            found.append(_seal_decoder.decode(raw[start : start + SLOT_BYTES]))
        except msgspec.DecodeError:
            continue
    return sorted(found, key=lambda seal: seal.serial, reverse=True)


def is_ours(seal: Seal, key: bytes) -> bool:
    """Say whether a seal was made with this key and not changed since."""
    signed = msgspec.structs.replace(seal, mac="")
    mac = hmac.new(key, msgspec.json.encode(signed), "sha256").hexdigest()
    return hmac.compare_digest(mac, seal.mac)


def key_name(key: bytes) -> str:
    """Return a name for a key that tells nothing of it."""
    return hmac.new(key, b"audit key name", "sha256").hexdigest()[:16]


def _read_header(body: bytes, path: Path) -> Header:
    try:
        header = _header_decoder.decode(body)
    except msgspec.DecodeError:
        raise ChainBrokenError("the header cannot be read") from None
    if (header.format, header.version) != (FORMAT, FORMAT_VERSION):
        raise ChainBrokenError("the header names another format or version")
    if path.name != file_name(header.file):
        raise ChainBrokenError("the header belongs to another file")
    return header


def _read_entry(body: bytes) -> AuditEntry:
    try:
        return _line_decoder.decode(body)
    except msgspec.DecodeError:
        raise ChainBrokenError("an entry cannot be read") from None


def _chunks(path: Path, size_max: int | None) -> Iterator[bytes]:
    left = size_max
    with path.open("rb", buffering=0) as file:
        while piece := file.read(CHUNK_BYTES if left is None else min(CHUNK_BYTES, left)):
            if left is not None:
                left -= len(piece)
            yield piece
