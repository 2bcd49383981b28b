"""The curve of misses: counted by person, and honest where nobody was missed."""

from __future__ import annotations

import numpy as np

from kiosk.bench.genuine import SCORES, Genuine, as_toml, curve


def test_misses_are_counted_at_each_threshold():
    """Two people, one always at .5 and one at .7: half is missed in between."""
    found = Genuine(np.array([0.5, 0.5, 0.7, 0.7]), np.array([0, 0, 1, 1]))

    missed, low, high = curve(found)
    at = dict(zip(SCORES, missed, strict=True))

    assert (at[0.4], at[0.6], at[0.8]) == (0.0, 0.5, 1.0)
    assert all(a <= m <= b for a, m, b in zip(low, missed, high, strict=True))


def test_nobody_missed_is_not_zero_for_certain():
    """With thirty people the rule of three leaves one in ten open."""
    found = Genuine(np.full(60, 0.99), np.repeat(np.arange(30), 2))

    _, low, high = curve(found)

    assert low[0] == 0.0
    assert high[0] == 0.1


def test_the_printed_table_is_one_that_the_pack_can_read():
    """What is printed goes into the manifest as it is."""
    import tomllib

    table = as_toml("set", "a note", Genuine(np.array([0.5, 0.7]), np.array([0, 1])))

    read = tomllib.loads(table)["calibration"]["genuine"][0]
    assert read["subjects"] == 2
    assert len(read["scores"]) == len(read["missed"]) == len(read["low"]) == len(read["high"])
