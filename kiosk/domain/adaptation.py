"""When a visit may teach the till how somebody looks by now, as a pure rule.

The enrolment's reference is the anchor and stays for ever. A visit adds one adaptive template, or
it does not; at most `ADAPTIVE_MAX` are kept, the oldest goes first. Each is compared with the
anchor alone, never with another adaptive one, so that they cannot wander off step by step; and all
of them together never weigh more than the anchor does.

It compares no vectors and stores nothing. Off unless the owner's settings say otherwise.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

ADAPTIVE_MAX = 4
"""Adaptive templates of one person."""
EVERY_DAYS = 7
"""At most one in this time: four of them span a month at least, not one evening."""
QUALITY_SLACK = 10
"""Points by which a visit's samples may be poorer than the enrolment's; each frame has passed the
same gates as at enrolment anyway, or it would not have been encoded."""
SAMPLES_MIN = 3
"""Good frames of one track: an enrolment's least number."""


class NotLearned(enum.Enum):
    """Why a visit adds no template."""

    NO_PIN = "no_pin"
    NOT_BONA_FIDE = "not_bona_fide"
    PIN_ALWAYS = "pin_always"
    """Somebody looks like them, or a wrong person has paid: their template is not to move."""
    TOO_FEW_SAMPLES = "too_few_samples"
    POOR_QUALITY = "poor_quality"
    NOT_CLEAR = "not_clear"
    TOO_SOON = "too_soon"


@dataclass(frozen=True, slots=True)
class VisitFacts:
    """What a paid visit has shown.

    Args:
        pin_confirmed: Money verified the payer's PIN in this session.
        bona_fide: All PAD layers together called it a living face.
        pin_always: Why the payer never pays without their PIN; empty: they may.
        samples: Good frames of one track that agree with one another.
        quality: Their mean quality, 0 to 100.
        score: Similarity of their mean to the anchor.
    """

    pin_confirmed: bool
    bona_fide: bool
    pin_always: str
    samples: int
    quality: int
    score: float


def why_not(
    visit: VisitFacts, *, threshold_open: float, quality: int, days_since: int | None
) -> NotLearned | None:
    """Say why a visit adds no template, or None if it may.

    Args:
        visit: What it has shown.
        threshold_open: The strictest threshold of a search among everybody who is there.
        quality: Quality of the enrolment's own samples.
        days_since: Days since the person's newest adaptive template, None without any. Below 0,
            where a clock was wrong, is too soon as well.
    """
    if not visit.pin_confirmed:
        return NotLearned.NO_PIN
    if not visit.bona_fide:
        return NotLearned.NOT_BONA_FIDE
    if visit.pin_always:
        return NotLearned.PIN_ALWAYS
    if visit.samples < SAMPLES_MIN:
        return NotLearned.TOO_FEW_SAMPLES
    if visit.quality < quality - QUALITY_SLACK:
        return NotLearned.POOR_QUALITY
    if visit.score < threshold_open:
        return NotLearned.NOT_CLEAR
    if days_since is not None and days_since < EVERY_DAYS:
        return NotLearned.TOO_SOON
    return None


def anchor_share(adaptive: int) -> float:
    """Return the weight of the anchor in the template that is searched; the others share the rest.

    It is 1 without adaptive templates and one half with all of them: a mean of the anchor and
    vectors that each have a similarity of t to it has at least (1 + t) / 2 itself.
    """
    assert 0 <= adaptive <= ADAPTIVE_MAX
    return ADAPTIVE_MAX / (ADAPTIVE_MAX + adaptive)
