"""What staff would rather look at than read: the numbers of three pictures. All go to faces.

Counts and scores only: no template, no name, and of other people not even an id.
Whoever draws them decides how; the keys here are those of the command line's JSON.
"""

from __future__ import annotations

from kiosk.domain.ids import PackId, PersonId
from kiosk.link.message import Message


class ShowScores(Message, frozen=True, tag="show_scores"):
    """How near is this person to everybody else, and to their own samples?"""

    person: PersonId


class ScoresFigure(Message, frozen=True, tag="scores_figure"):
    """A histogram of this person's template against the gallery, beside the thresholds.

    `counts[i]` people have a score from `edges[i]` up to `edges[i + 1]`. `highest` are the highest
    ten. `own` are the scores of their own kept samples. From `threshold` on a customer is
    identified; from `duplicate_from` on two people count as one at enrolment.
    """

    person: PersonId
    pack: PackId
    people: int
    threshold: float
    duplicate_from: float
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    highest: tuple[float, ...]
    own: tuple[float, ...]


class ShowQuality(Message, frozen=True, tag="show_quality"):
    """How good are the samples of everybody, and of one person if one is named?"""

    person: PersonId | None = None


class QualityFigure(Message, frozen=True, tag="quality_figure"):
    """A histogram of quality, 0 to 100 in steps of five; `own` is the named person's."""

    people: int
    edges: tuple[int, ...]
    counts: tuple[int, ...]
    own: int | None = None


class ShowActivity(Message, frozen=True, tag="show_activity"):
    """How many were enrolled and erased on each of the last days (UTC)?"""

    days: int = 90


class ActivityFigure(Message, frozen=True, tag="activity_figure"):
    """One number a day, oldest first, from the audit log.

    `refused` are enrolments that came to nothing, whatever the reason.
    """

    days: tuple[str, ...]
    enrolled: tuple[int, ...]
    erased: tuple[int, ...]
    refused: tuple[int, ...]


FigureMessage = (
    ShowScores | ScoresFigure | ShowQuality | QualityFigure | ShowActivity | ActivityFigure
)
