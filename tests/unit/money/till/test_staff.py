"""Staff codes: what is counted, against whom, and for how long."""

from kiosk.money.till.staff import (
    KEY_PAUSE_S,
    PAUSE_S,
    WRONG_CODES_KEY_MAX,
    WRONG_CODES_MAX,
    StaffDesk,
)


class Time:
    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


def desk() -> tuple[StaffDesk, Time]:
    time = Time()
    return StaffDesk({"ann": "1234", "maria": "7777"}, time), time


def test_a_success_clears_its_own_name_only():
    """Ann's code right: her wrong ones are forgotten, maria's stay."""
    staff, _ = desk()
    assert not staff.is_staff("bar", "ann", "0000")
    for _ in range(WRONG_CODES_MAX - 1):
        assert not staff.is_staff("bar", "maria", "0000")
    assert staff.is_staff("bar", "ann", "1234")
    assert staff.left_s("bar", "maria") == 0.0
    assert not staff.is_staff("bar", "maria", "0000")

    assert staff.left_s("bar", "maria") == PAUSE_S
    assert not staff.is_staff("bar", "maria", "7777")
    assert staff.is_staff("bar", "ann", "1234")


def test_a_key_has_only_so_many_whatever_the_names_and_the_successes():
    """One wrong for each of many names, with a right one between: then nobody may for a while."""
    staff, time = desk()
    for number in range(WRONG_CODES_KEY_MAX):
        assert not staff.is_staff("bar", f"name{number}", "0000")
        if number < WRONG_CODES_KEY_MAX - 1:
            assert staff.is_staff("bar", "ann", "1234")

    assert staff.left_s("bar", "ann") == KEY_PAUSE_S
    assert not staff.is_staff("bar", "ann", "1234")
    assert staff.is_staff("terrace", "ann", "1234")
    time.now_s += KEY_PAUSE_S
    assert staff.is_staff("bar", "ann", "1234")


def test_wrong_codes_are_forgotten_one_by_one():
    """Each after its own time, so that the mistakes of a week never add up."""
    staff, time = desk()
    for _ in range(WRONG_CODES_MAX):
        assert not staff.is_staff("bar", "ann", "0000")
        time.now_s += 60.0

    assert staff.left_s("bar", "ann") == PAUSE_S - 60.0 * WRONG_CODES_MAX
    time.now_s += staff.left_s("bar", "ann")
    assert staff.left_s("bar", "ann") == 0.0
    assert not staff.is_staff("bar", "ann", "0000")
    assert staff.left_s("bar", "ann") == 60.0
    time.now_s += KEY_PAUSE_S
    assert staff.is_staff("bar", "ann", "1234")
