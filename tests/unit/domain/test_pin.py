"""Which six digits somebody may choose."""

import pytest

from kiosk.domain.errors import BadInputError
from kiosk.domain.pin import check_new_pin


@pytest.mark.parametrize("pin", ["135790", "482913", "246813", "903417"])
def test_ordinary_pins_are_allowed(pin):
    """The ban-list is for what is guessed first, not for everything with a digit twice."""
    check_new_pin(pin)


@pytest.mark.parametrize(
    "pin",
    ["000000", "777777", "123456", "654321", "012345", "890123", "987654", "121212", "123123",
     "112233", "159753"],
)  # fmt: skip
def test_what_is_guessed_first_is_banned(pin):
    """Repeats, runs either way and round the end, and common choices."""
    with pytest.raises(BadInputError) as error:
        check_new_pin(pin)

    assert error.value.code == "pin_banned"
    assert pin not in str(error.value)


@pytest.mark.parametrize(
    "pin", ["", "12345", "1234567", "12a456", "１２３４５６", " 48291", "48291\n"]
)
def test_a_pin_is_six_digits(pin):
    """Nothing else, also no other script's digits."""
    with pytest.raises(BadInputError) as error:
        check_new_pin(pin)

    assert error.value.code == "pin_format"
