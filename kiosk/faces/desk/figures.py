"""The numbers of the staff tool's pictures: scores, quality, and what happened on which day.

It counts and draws nothing. What goes out are histograms and a few scores without names or ids.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, timedelta

import numpy as np

from kiosk.domain.ids import PersonId
from kiosk.faces.desk.ports import DeskTools
from kiosk.faces.vault.errors import PersonUnknownError
from kiosk.faces.vault.records import PersonState
from kiosk.link.audit import ENTRIES_MAX, AuditEntry
from kiosk.link.figures import ActivityFigure, QualityFigure, ScoresFigure

SCORE_BINS = 80
"""From -1 to 1: steps of 0.025."""
QUALITY_STEP = 5
HIGHEST = 10
DAYS_MAX = 3_660
"""Ten years."""
ROUND = 4


def scores(tools: DeskTools, person: PersonId) -> ScoresFigure:
    """Compare one person's template with everybody else's and with their own samples.

    Raises:
        PersonUnknownError: Nobody has this id, or their enrolment is not over.
    """
    known = tools.vault.get(person)
    if known.state is PersonState.PENDING:
        raise PersonUnknownError
    against = tools.gallery.scores(known.pack, known.template, without=person)
    counts, edges = np.histogram(np.clip(against, -1.0, 1.0), bins=SCORE_BINS, range=(-1.0, 1.0))
    highest = np.sort(against)[::-1][:HIGHEST]
    own = known.samples @ known.template
    return ScoresFigure(
        person=person,
        pack=known.pack,
        people=len(against),
        threshold=tools.open_threshold(known.pack, tools.gallery.size(known.pack)),
        duplicate_from=tools.duplicate_from(known.pack),
        edges=tuple(round(float(edge), ROUND) for edge in edges),
        counts=tuple(int(count) for count in counts),
        highest=tuple(round(float(score), ROUND) for score in highest),
        own=tuple(round(float(score), ROUND) for score in own),
    )


def quality(tools: DeskTools, person: PersonId | None) -> QualityFigure:
    """Count how good everybody's samples are.

    Raises:
        PersonUnknownError: Nobody has this id.
    """
    everybody = tools.vault.qualities()
    if person is not None and person not in everybody:
        raise PersonUnknownError
    edges = range(0, 100 + QUALITY_STEP, QUALITY_STEP)
    counts, _ = np.histogram(list(everybody.values()), bins=list(edges))
    return QualityFigure(
        people=len(everybody),
        edges=tuple(edges),
        counts=tuple(int(count) for count in counts),
        own=None if person is None else everybody[person],
    )


def activity(tools: DeskTools, days: int) -> ActivityFigure:
    """Count enrolments and erasures of the last days, today included."""
    today = tools.now().astimezone(UTC).date()
    count = min(max(1, days), DAYS_MAX)
    shown = [(today - timedelta(days=back)).isoformat() for back in reversed(range(count))]
    counted = {kind: Counter[str]() for kind in ("enrolled", "erased", "refused")}
    after = 0
    while entries := tools.audit.entries(after, ENTRIES_MAX):
        after = entries[-1].n
        for entry in entries:
            kind = _kind(entry)
            if kind:
                counted[kind][entry.at[:10]] += 1
    return ActivityFigure(
        days=tuple(shown),
        **{kind: tuple(counter[day] for day in shown) for kind, counter in counted.items()},
    )


def _kind(entry: AuditEntry) -> str:
    outcome = entry.detail.get("outcome", "")
    if outcome in {"begun", ""}:
        return ""
    if outcome in {"enrolled", "erased"}:
        return outcome
    return "refused" if entry.what in {"enrol_person", "import_person"} else ""
