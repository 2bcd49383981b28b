"""Leaving one person out: thresholds that know nothing of them are held against their scores."""

from __future__ import annotations

import numpy as np

from kiosk.bench.leave_out import leave_out
from kiosk.domain.identification import ImpostorTail
from kiosk.faces.vision.tails import Scores

LARGE = ImpostorTail(
    "large",
    0.3,
    -0.1,
    0.04,
    1_000_000,
    1_000,
    1e-7,
    ((1e-1, 0.15), (1e-2, 0.25), (1e-3, 0.3), (1e-5, 0.45), (1e-8, 0.6)),
)


def crowd(people, extra=0.0):
    """All pairs, forty comparisons each; `extra` lifts those of the first two people."""
    rng = np.random.default_rng(3)
    score, probe, reference = [], [], []
    for one in range(people):
        for other in range(people):
            if one != other:
                lift = extra if {one, other} == {0, 1} else 0.0
                score.append(rng.normal(0.1 + lift, 0.05, 40))
                probe += [one] * 40
                reference += [other] * 40
    return Scores(np.concatenate(score), np.array(probe), np.array(reference), people)


def test_ordinary_strangers_pass_no_threshold_that_does_not_know_them():
    """Every person is left out once, and compared as probe and as reference."""
    found = leave_out(crowd(6), LARGE)

    assert [one.subject for one in found] == list(range(6))
    assert {one.comparisons for one in found} == {400}
    assert sum(one.passing_digits + one.passing_open for one in found) == 0


def test_a_pair_of_look_alikes_is_seen_when_it_is_left_out():
    """Their own tail would hide them; without either of them the others' does not."""
    found = leave_out(crowd(6, extra=0.6), LARGE)

    assert found[0].passing_digits > 0
    assert found[1].passing_digits > 0
    assert sum(one.passing_digits for one in found[2:]) == 0
