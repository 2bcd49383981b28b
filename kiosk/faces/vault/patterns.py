"""What the search after an erasure looks for, and how it is found in raw bytes.

It reads no file and knows no vault. Words of eight bytes are found by a sieve of their hashes at
every offset; texts by `bytes.find`. Words that other data could hold by chance, such as eight small
numbers, count only where two of them follow each other.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from kiosk.faces.vault.gallery import phone_forms
from kiosk.faces.vault.records import ErasureWork

WORD_BYTES = 8
"""Eight random bytes in a row occur by chance once in 10^11 GiB."""
TEXT_BYTES_MIN = 5
"""Shorter text is looked for in quotes only: "Bo" is in every file of any size."""
HEX_BYTES = 12
"""Bytes of each record and template that are looked for in hex. Eight hex digits would be found by
chance in a journal full of hashes; twenty-four are not."""
DECIMALS = 3
"""First floats of each template that are looked for as decimal numbers."""
FLOAT_MASK = 0xFFFFF000_FFFFF000
"""Of two float32: sign, exponent and the first eleven bits. What the encoder had made is known only
to the rounding of a rotation back."""

_SIEVE_BITS = 20
_SPREAD = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio (Knuth's multiplicative hash)

_Words = NDArray[np.uint64]


class _WordSet:
    """Words that are looked for together.

    Args:
        words: The words.
        mask: What of a word counts.
        is_weak: Whether one alone says nothing.
    """

    def __init__(self, words: Sequence[_Words], *, mask: int = 2**64 - 1, is_weak: bool) -> None:
        self._mask = np.uint64(mask)
        self._all = mask == 2**64 - 1
        self._is_weak = is_weak
        joined = np.concatenate([*words, np.zeros(0, np.uint64)])
        self.words = np.unique(joined & self._mask)
        self._sieve = np.zeros(1 << _SIEVE_BITS, dtype=bool)
        self._sieve[_slot(self.words)] = True

    def count(self, values: _Words, shift: int, fresh_from: int) -> int:
        """Count finds among the words of a chunk from `shift` on, behind its first bytes."""
        if not self._all:
            values = values & self._mask
        likely = np.flatnonzero(self._sieve[_slot(values)])
        hits = likely[np.isin(values[likely], self.words)]
        if self._is_weak:
            hits = hits[1:][np.diff(hits) == 1]
        return int(np.sum(hits * WORD_BYTES + shift + WORD_BYTES > fresh_from))


class Patterns:
    """Everything that is looked for of one person: words of eight bytes, and texts."""

    def __init__(self, work: ErasureWork, country_code: str) -> None:
        """Prepare them.

        Args:
            work: Who was erased.
            country_code: The installation's, for the national form of the number.
        """
        raw = [*work.ciphertexts, *_as_bytes(work.vectors, ("<f4", ">f4"))]
        other = _as_bytes(work.vectors, ("<f2", ">f2", "<f8", ">f8"))
        encoded = [form for record in raw for form in _as_base64(record)]
        plain = _as_bytes(work.plain, ("<f4",))
        codes = [*_as_codes(work.vectors), *_as_codes(work.plain)]
        codes += _as_bytes(work.plain, ("<f2", ">f2"))
        self._sets = [
            _WordSet([_words(form) for form in (*raw, *other, *encoded)], is_weak=False),
            _WordSet([_words(form) for form in plain], mask=FLOAT_MASK, is_weak=True),
            _WordSet([_words(form) for form in codes], is_weak=True),
        ]
        self.names = frozenset(_encodings(work.name))
        phones = phone_forms(work.phone, country_code)
        self.texts = frozenset(
            (
                *(text for phone in phones for text in _encodings(phone)),
                *_decimals(work.vectors),
                *_hex_heads(raw),
            )
        )
        longest = max(2 * WORD_BYTES, *(len(text) for text in self.names | self.texts))
        self.overlap = longest - 1

    def count(self, chunk: bytes, *, fresh_from: int, with_names: bool) -> int:
        """Count finds in a chunk that end behind its first `fresh_from` bytes."""
        texts = self.texts | self.names if with_names else self.texts
        found = sum(_finds(chunk, text, fresh_from) for text in texts)
        for shift in range(WORD_BYTES):
            usable = (len(chunk) - shift) // WORD_BYTES
            if usable <= 0:
                break
            values = np.frombuffer(chunk, "<u8", usable, shift)
            found += sum(words.count(values, shift, fresh_from) for words in self._sets)
        return found


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


def _as_codes(vectors: NDArray[np.float32]) -> Iterator[bytes]:
    """Yield the vectors as signed bytes, scaled by 127 and each to its own largest value."""
    for vector in vectors:
        for scale in (1.0, float(np.abs(vector).max()) or 1.0):
            yield np.rint(vector * (127.0 / scale)).astype(np.int8).tobytes()


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
