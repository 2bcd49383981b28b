"""Amounts that somebody types: what is one, and which sentence the others get."""

import pytest

from kiosk.domain.errors import BadInputError
from kiosk.domain.money import Money, parse_amount


@pytest.mark.parametrize(("text", "minor_units"), [("12.50", 1_250), ("1000", 100_000)])
def test_amounts_are_read_to_the_penny(text, minor_units):
    """Whole units or two decimals, up to the ceiling itself."""
    assert parse_amount(text) == Money(minor_units)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("1000.01", "amount_above_ceiling"),
        ("10000000", "amount_above_ceiling"),
        ("999999999999.99", "amount_above_ceiling"),
        ("1" + "0" * 12, "amount_bad"),
        ("10 000 000", "amount_bad"),
        ("0.00", "amount_zero"),
    ],
)
def test_a_sum_that_is_too_large_is_called_that(text, code):
    """Two zeros too many are a sum of money above the ceiling, not something else than money."""
    with pytest.raises(BadInputError) as caught:
        parse_amount(text)

    assert caught.value.code == code
