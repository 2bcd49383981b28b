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
     "112233", "159753", "111222", "121121", "993993", "400004"],
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


@pytest.mark.parametrize("pin", ["770090", "009001", "900123"])
def test_a_part_of_the_phone_number_is_no_secret(pin):
    """Whoever knows the number would try that first."""
    with pytest.raises(BadInputError) as error:
        check_new_pin(pin, "447700900123")

    assert error.value.code == "pin_banned"
    assert pin not in str(error.value)
    check_new_pin("482913", "447700900123")
