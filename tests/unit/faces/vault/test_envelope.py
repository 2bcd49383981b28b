"""Sealed records: only the right key, the right place and the whole record open."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.faces.vault.envelope import new_key, place, seal, unseal
from kiosk.faces.vault.errors import RecordDamagedError

KEY = bytes(range(32))
# Version 1 as it was first written; this sample must open for ever.
OLD_RECORD = bytes.fromhex(
    "0194eea353894dbc1de33d2fb85802cd3d1732431e8695b08d3d50989f341e0b38db822b43d290458bde"
)


@given(st.binary(max_size=4096), st.lists(st.text(max_size=20), min_size=1, max_size=4))
def test_what_was_sealed_opens(plain, parts):
    """Any bytes come back for the place they were sealed for."""
    assert plain == unseal(KEY, seal(KEY, plain, place(*parts)), place(*parts))


@given(
    st.lists(st.text(max_size=4), max_size=4).map(tuple),
    st.lists(st.text(max_size=4), max_size=4).map(tuple),
)
def test_two_places_never_look_alike(one, other):
    """No two lists of parts give the same associated data, wherever the borders lie."""
    assert (one == other) == (place(*one) == place(*other))


@given(st.binary(min_size=1, max_size=64), st.data())
def test_any_changed_byte_is_noticed(plain, data):
    """Version, nonce, ciphertext and tag: a change anywhere is damage."""
    record = bytearray(seal(KEY, plain, place("a")))
    at = data.draw(st.integers(0, len(record) - 1))
    record[at] ^= data.draw(st.integers(1, 255))

    with pytest.raises(RecordDamagedError):
        unseal(KEY, bytes(record), place("a"))


@pytest.mark.parametrize("length", [0, 1, 13, 28, 40])
def test_a_cut_record_is_noticed(length):
    """A record that lost its end is damage, whatever is left."""
    with pytest.raises(RecordDamagedError):
        unseal(KEY, seal(KEY, b"x" * 20, place("a"))[:length], place("a"))


@pytest.mark.parametrize("record", [None, "text", 7, 1.5])
def test_what_is_no_bytes_is_noticed(record):
    """SQLite may hand us another type than was written."""
    with pytest.raises(RecordDamagedError):
        unseal(KEY, record, place("a"))


def test_another_key_or_place_does_not_open():
    """A record moved to another place, or met with another key, is damage."""
    record = seal(KEY, b"secret", place("a", "1"))

    for key, where in ((new_key(), place("a", "1")), (KEY, place("a", "2")), (KEY, place("a1"))):
        with pytest.raises(RecordDamagedError):
            unseal(key, record, where)


def test_an_old_record_still_opens():
    """Format 1 stays readable."""
    assert b"kept for ever" == unseal(KEY, OLD_RECORD, place("template", "p1", "7"))
