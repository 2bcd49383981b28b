"""Append-only files of chained lines: how one line looks, and how a whole file is read.

One record a line, ASCII up to the body:

    v1 LENGTH CRC CHAIN BODY
    v1, 8 hex digits, 8 hex digits, 64 hex digits, JSON of LENGTH bytes without a line break

CRC is the CRC-32 of the body; CHAIN is SHA-256 over the chain value before it and the body, so that
a record can neither be changed nor removed, moved or added alone.
Money's journal and the desk's audit log are such files. Nothing here opens a file or knows what a
body means.

Invariant: a tail that a cut-off write can leave is told from a record that went bad later.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

SECTOR_BYTES = 512
"""The smallest piece that a disk writes whole, and so the smallest that can be missing."""

_PREFIX = re.compile(rb"v1 ([0-9a-f]{8}) ([0-9a-f]{8}) ([0-9a-f]{64}) ")
_PREFIX_BYTES = 3 + 9 + 9 + 65


class ChainBrokenError(Exception):
    """A record that was acknowledged cannot be read; the text says which and how."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where the next record goes: offset in bytes, records before it, chain value before it."""

    offset: int = 0
    records: int = 0
    chain: bytes = bytes(32)

    def after(self, body: bytes, line_bytes: int) -> Position:
        """Return the position behind one more record."""
        chain = hashlib.sha256(self.chain + body).digest()
        return Position(self.offset + line_bytes, self.records + 1, chain)


@dataclass(frozen=True, slots=True)
class ChainReading:
    """What reading a whole file came to: its end, and the length of a cut-off tail behind it."""

    position: Position
    torn_bytes: int


def format_line(body: bytes, position: Position) -> bytes:
    """Write a body as the line that belongs at a position."""
    assert b"\n" not in body, "a record is one line"
    chain = position.after(body, 0).chain
    return b"v1 %08x %08x %s %s\n" % (len(body), zlib.crc32(body), chain.hex().encode(), body)


def read_chain(
    chunks: Iterable[bytes], take: Callable[[bytes], None], *, body_bytes_max: int
) -> ChainReading:
    """Read a file from the start and hand each record's body to `take`.

    Args:
        chunks: The file's bytes, in pieces of any size.
        take: Called with each body, in order; what it raises ends the reading.
        body_bytes_max: Memory stays bounded by it, whatever the file holds.

    Raises:
        ChainBrokenError: Anything but the tail that a cut-off write leaves.
    """
    position = Position()
    tail = b""
    for line, whole in _lines(chunks, _PREFIX_BYTES + body_bytes_max):
        body = _body(line, position) if whole and not tail else None
        if body is None:
            # Remember the first bytes that are no record; nothing may follow what is torn.
            if tail:
                raise ChainBrokenError(f"record {position.records} cannot be read")
            tail = line
            continue
        take(body)
        position = position.after(body, len(line))
    if tail and not _is_torn(tail, position):
        raise ChainBrokenError(f"record {position.records} cannot be read")
    return ChainReading(position, len(tail))


def _lines(chunks: Iterable[bytes], line_bytes_max: int) -> Iterator[tuple[bytes, bool]]:
    """Split into lines with their ends; the flag says whether the line has its end.

    A line longer than any record is handed over as it grows, so memory stays bounded.
    """
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line + b"\n", True
        if len(rest) > line_bytes_max:
            raise ChainBrokenError("a record is too long")
    if rest:
        yield rest, False


def _body(line: bytes, position: Position) -> bytes | None:
    """Return the body of a whole line if it is the right record for this position."""
    match = _PREFIX.match(line)
    if match is None:
        return None
    body = line[_PREFIX_BYTES:-1]
    if int(match[1], 16) != len(body) or int(match[2], 16) != zlib.crc32(body):
        return None
    if match[3].decode() != position.after(body, 0).chain.hex():
        raise ChainBrokenError(f"record {position.records} does not follow the one before it")
    return body


def _is_torn(tail: bytes, position: Position) -> bool:
    """Tell a write that was cut off from a record that went bad later.

    A cut-off write was never acknowledged: it lacks its end, or whole sectors of it never reached
    the disk and read as zeros. A line that is complete in length but wrong in content was
    acknowledged, and so was one of which only the line break is wrong.
    """
    if _missing_sectors(tail, position.offset):
        return True
    if tail.endswith(b"\n"):
        return False
    match = _PREFIX.match(tail)
    if match is None:
        return len(tail) < _PREFIX_BYTES
    return len(tail) <= _PREFIX_BYTES + int(match[1], 16)


def _missing_sectors(tail: bytes, offset: int) -> bool:
    """Say whether zeros fill the tail from a sector's start to a sector's or the tail's end."""
    start = 0
    while start < len(tail):
        end = min(len(tail), start + SECTOR_BYTES - (offset + start) % SECTOR_BYTES)
        # The last byte alone is also what a line break becomes when it is overwritten.
        if end - start > 1 and not any(tail[start:end]):
            return True
        start = end
    return False
