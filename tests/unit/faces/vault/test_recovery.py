"""The recovery code: readable, checked, and the only thing that opens what was wrapped for it."""

from __future__ import annotations

import re

import pytest

from kiosk.faces.vault.envelope import place
from kiosk.faces.vault.errors import KeyMalformedError, RecordDamagedError
from kiosk.faces.vault.recovery import new_code, parse_code, public_of, unwrap, wrap_for

HERE = place("test")


def test_a_code_reads_back_however_it_was_typed():
    """Small letters, spaces and the letters that look like digits do no harm."""
    code = new_code()
    assert re.fullmatch(r"([0-9A-HJKMNP-TV-Z]{4}-){7}[0-9A-HJKMNP-TV-Z]{4}", code)
    seed = parse_code(code)
    assert 16 == len(seed)

    typed = code.lower().replace("-", " ").replace("0", "o").replace("1", "l")
    assert seed == parse_code(f" {typed}\n")
    assert seed != parse_code(new_code())


def test_every_slip_of_one_character_is_noticed():
    """A mistyped code is said to be mistyped, not to be another installation's."""
    code = new_code()
    for at, character in enumerate(code):
        if character == "-":
            continue
        other = "A" if character != "A" else "B"
        with pytest.raises(KeyMalformedError):
            parse_code(code[:at] + other + code[at + 1 :])


@pytest.mark.parametrize("typed", ["", "A", "U" * 32, "0" * 31, "ü" * 32, "A" * 10_000])
def test_what_is_no_code_is_refused(typed):
    """Any other text is refused, at any length."""
    with pytest.raises(KeyMalformedError):
        parse_code(typed)


def test_only_the_code_opens_what_was_wrapped_for_its_public_half():
    """Whoever has the file and another code, or moves the record, gets nothing."""
    seed, other = parse_code(new_code()), parse_code(new_code())
    wrapped = wrap_for(public_of(seed), b"secret", HERE)

    assert b"secret" == unwrap(seed, wrapped, HERE)
    assert wrapped != wrap_for(public_of(seed), b"secret", HERE)
    for key, record, where in (
        (other, wrapped, HERE),
        (seed, wrapped, place("elsewhere")),
        (seed, wrapped[:-1] + bytes([wrapped[-1] ^ 1]), HERE),
        (seed, bytes(32) + wrapped[32:], HERE),
        (seed, wrapped[:20], HERE),
    ):
        with pytest.raises(RecordDamagedError):
            unwrap(key, record, where)
