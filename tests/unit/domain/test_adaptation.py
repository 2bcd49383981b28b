"""A visit adds a template only if everything about it is clear, and never outweighs the anchor."""

from __future__ import annotations

import dataclasses

import pytest

from kiosk.domain.adaptation import ADAPTIVE_MAX, NotLearned, VisitFacts, anchor_share, why_not

CLEAR = VisitFacts(
    pin_confirmed=True, bona_fide=True, pin_always="", samples=3, quality=70, score=0.7
)


def judged(visit: VisitFacts = CLEAR, days_since: int | None = None) -> NotLearned | None:
    return why_not(visit, threshold_open=0.7, quality=80, days_since=days_since)


def test_a_clear_visit_adds_a_template_once_a_week():
    """The first at once; then after seven days, and never because a clock was set back."""
    assert judged() is None
    assert judged(days_since=7) is None
    assert {NotLearned.TOO_SOON} == {judged(days_since=days) for days in (6, 0, -400)}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"pin_confirmed": False}, NotLearned.NO_PIN),
        ({"bona_fide": False}, NotLearned.NOT_BONA_FIDE),
        ({"pin_always": "look_alike"}, NotLearned.PIN_ALWAYS),
        ({"samples": 2}, NotLearned.TOO_FEW_SAMPLES),
        ({"quality": 69}, NotLearned.POOR_QUALITY),
        ({"score": 0.699}, NotLearned.NOT_CLEAR),
    ],
)
def test_every_condition_alone_refuses(change, reason):
    """Nothing makes up for anything else."""
    assert reason is judged(dataclasses.replace(CLEAR, **change))


def test_the_anchor_weighs_at_least_half():
    """All of it without adaptive templates, half of it with as many as are kept."""
    shares = [anchor_share(count) for count in range(ADAPTIVE_MAX + 1)]

    assert (1.0, 0.5) == (shares[0], shares[-1])
    assert sorted(shares, reverse=True) == shares
