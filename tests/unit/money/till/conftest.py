"""A money room with its till interface open."""

from collections.abc import Iterator

import pytest

from tests.fakes.till import TillRoom, till_room


@pytest.fixture
def tills(tmp_path) -> Iterator[TillRoom]:
    with till_room(tmp_path) as room:
        yield room
