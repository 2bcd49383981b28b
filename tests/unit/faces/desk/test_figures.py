"""The numbers of the pictures: right, and without anybody's name, id or template."""

from __future__ import annotations

import numpy as np
import pytest

from kiosk.faces.vault.errors import PersonUnknownError
from kiosk.link.figures import ShowActivity, ShowQuality, ShowScores
from kiosk.link.protocol import EnrolRefused, ErasePerson, Frame, encode_frame
from tests.fakes.desk import samples
from tests.fakes.shop import Shop


@pytest.fixture
def shop(data_dir):
    opened = Shop(data_dir)
    yield opened
    opened.close()


def test_scores_show_the_person_against_everybody_else(shop):
    """Each other person is in the histogram once; own samples apart; both thresholds are there."""
    ids = [shop.enrol(seed).person for seed in range(1, 6)]
    shop.desk._tools.vault.freeze(ids[4])
    shop.gallery.remove(ids[4])

    told = shop.ask(ShowScores(ids[0]))

    mine = samples(1)
    others = sorted(
        (float(mine.template @ samples(seed).template) for seed in (2, 3, 4)), reverse=True
    )
    assert 3 == told.people == sum(told.counts)
    assert np.allclose(others, told.highest, atol=1e-4)
    assert np.allclose(mine.kept @ mine.template, told.own, atol=1e-4)
    assert (0.7, 0.9) == (told.threshold, told.duplicate_from)
    assert len(told.edges) == len(told.counts) + 1
    line = encode_frame(Frame(1, told)).decode()
    assert not any(other in line for other in ids[1:])


def test_a_frozen_person_has_scores_too(shop):
    """They are compared though they cannot be found."""
    ids = [shop.enrol(seed).person for seed in (1, 2)]
    shop.vault.freeze(ids[0])
    shop.gallery.remove(ids[0])

    assert 1 == shop.ask(ShowScores(ids[0])).people


def test_quality_counts_everybody(shop):
    """And marks the one who was named."""
    ids = [shop.enrol(seed).person for seed in (1, 2, 3)]
    told = shop.ask(ShowQuality(ids[1]))

    assert (3, 80) == (told.people, told.own)
    assert 3 == told.counts[told.edges.index(80)]
    assert shop.ask(ShowQuality()).own is None
    with pytest.raises(PersonUnknownError):
        shop.ask(ShowQuality("p1"))


def test_activity_comes_from_the_audit_log(shop):
    """Enrolments, erasures and refusals of each day; days without any are there too."""
    first = shop.enrol(1).person
    shop.enrol(2)
    assert isinstance(shop.enrol(1, phone="07700900999"), EnrolRefused)
    shop.ask(ErasePerson(first))

    told = shop.ask(ShowActivity(3))

    assert ("2026-11-21", "2026-11-22", "2026-11-23") == told.days
    assert ((0, 0, 2), (0, 0, 1), (0, 0, 1)) == (told.enrolled, told.erased, told.refused)
