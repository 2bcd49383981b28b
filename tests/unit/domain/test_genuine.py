"""How often the right person is missed: a measured curve, read like a table."""

from __future__ import annotations

import dataclasses

import pytest

from kiosk.domain.genuine import GenuineCurve, MissRate

CURVE = GenuineCurve(
    "set", 10, 100, (0.2, 0.4, 0.6), (0.0, 0.1, 0.5), (0.0, 0.05, 0.4), (0.03, 0.2, 0.6)
)


@pytest.mark.parametrize(
    ("threshold", "rate", "low", "high"),
    [
        (0.1, 0.0, 0.0, 0.03),
        (0.2, 0.0, 0.0, 0.03),
        (0.3, 0.05, 0.025, 0.115),
        (0.6, 0.5, 0.4, 0.6),
        (0.61, 1.0, 1.0, 1.0),
    ],
)
def test_a_threshold_between_two_is_read_in_between(threshold, rate, low, high):
    """Below the curve its first point, above it everybody."""
    found = CURVE.at(threshold)

    assert dataclasses.astuple(found) == pytest.approx(
        dataclasses.astuple(MissRate(rate, low, high))
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"scores": (0.2, 0.2, 0.6)},
        {"missed": (0.0, 0.5, 0.4)},
        {"missed": (0.0, 0.1)},
        {"low": (0.1, 0.05, 0.4)},
        {"high": (0.03, 0.2, 1.6)},
        {"subjects": 0},
    ],
)
def test_numbers_that_are_no_curve_are_refused(wrong):
    """A curve that falls, or an interval beside its rate, was not measured."""
    with pytest.raises(ValueError, match="impossible"):
        dataclasses.replace(CURVE, **wrong)
