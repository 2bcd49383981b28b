"""A money room in memory for each test."""

import pytest

from tests.fakes.money_room import MoneyRoom


@pytest.fixture
def room(tmp_path) -> MoneyRoom:
    return MoneyRoom(tmp_path)


@pytest.fixture
def enrolled(room) -> MoneyRoom:
    room.enrol()
    return room
