"""Frames that were seen before, found by a hundred pixels first: the same as comparing them all."""

from __future__ import annotations

import numpy as np
import pytest

from kiosk.faces.vision.pad.repeats import Repeats

KEPT = 5


def grids(count):
    """Draw noise with black and white pixels in it."""
    rng = np.random.default_rng(3)
    return [rng.integers(0, 256, (44, 49)).astype(np.uint8) for _ in range(count)]


def share(one, other):
    usable = (one > 3) & (one < 252) & (other > 3) & (other < 252)
    return float(((one == other) & usable).sum() / usable.sum())


@pytest.mark.parametrize("ago", range(1, KEPT + 3))
def test_a_frame_of_so_long_ago_is_found_while_it_is_kept(ago):
    """At every place of the ring; what was overwritten is forgotten."""
    for before in range(1, 2 * KEPT + 2):
        seen = grids(before + ago - 1)
        repeats = Repeats(KEPT, 200)
        for grid in seen:
            repeats.add(grid)
        if len(seen) < ago:
            continue
        most, last = repeats.add(seen[-ago].copy())

        assert (most == 1.0) is (ago <= KEPT)
        assert last == pytest.approx(share(seen[-1], seen[-ago]))


def test_a_share_is_that_of_all_pixels():
    """Nine in ten of them are equal, and that is what is told."""
    first = grids(1)[0]
    other = first.copy()
    other[:, ::10] = 255 - other[:, ::10]
    repeats = Repeats(KEPT, 200)
    assert repeats.add(first) is None

    most, last = repeats.add(other)

    assert most == last == pytest.approx(share(first, other))
    assert most > 0.8


def test_another_size_begins_anew_and_black_frames_say_nothing():
    """Two dark frames are equal, and no repeat."""
    repeats = Repeats(KEPT, 200)
    black = np.zeros((44, 49), np.uint8)

    assert repeats.add(black[:20]) is None
    assert repeats.add(black) is None
    assert repeats.add(black) == (0.0, 0.0)
    assert len(repeats.kept()) == 2
