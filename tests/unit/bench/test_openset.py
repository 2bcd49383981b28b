"""The open set: who is identified, who is not, and what its report says."""

from __future__ import annotations

import numpy as np
import pytest

from kiosk.bench.ends import End
from kiosk.bench.openset import Ended, search_all
from kiosk.domain.identification import ImpostorTail
from tests.fakes.people import unit

TAIL = ImpostorTail(
    source="made",
    quantile_score=0.2,
    shape=-0.2,
    scale=0.05,
    comparisons=1_000_000,
    exceedances=1_000,
    rate_min=1e-6,
    upper95=((1e-1, 0.1), (1e-3, 0.3), (1e-5, 0.4), (1e-7, 0.5)),
)


def crowd(people, pictures, spread, seed=1):
    """Embeddings around one direction a person; `spread` says how far."""
    rng = np.random.default_rng(seed)
    centre = rng.normal(size=(people, 128))
    vectors = np.repeat(centre, pictures, axis=0)
    vectors = vectors + spread * rng.normal(size=vectors.shape)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return list(vectors.astype(np.float32)), np.repeat(np.arange(people), pictures)


def test_clear_faces_are_all_identified_and_strangers_never():
    """Pictures of one person nearly alike: no error either way, with an honest bound."""
    vectors, person = crowd(40, 4, 0.3)
    keys = search_all(vectors, person, 20, [TAIL], seed=2).as_keys()

    assert (keys["n"], keys["fpir"], keys["fnir"], keys["wrong_person"]) == (20, 0.0, 0.0, 0)
    assert keys["n_strangers"] == 80
    # Twenty strangers who were never taken for anybody: the rate may still be one in seven.
    assert 0.13 < keys["fpir_upper95"] < 0.15
    assert keys["with_digits"]["fnir"] == 0.0
    assert keys["with_digits"]["fnir_interval95"] == [0.0, pytest.approx(0.1684, abs=1e-4)]
    assert keys["with_digits"]["threshold"] <= keys["threshold"]


def test_unlike_pictures_are_missed_not_mistaken():
    """Pictures of one person hardly alike: not recognised, and not taken for another."""
    vectors, person = crowd(40, 4, 3.0)
    keys = search_all(vectors, person, 20, [TAIL], seed=2).as_keys()

    assert keys["fnir"] > 0.9
    assert keys["wrong_person"] == 0


def test_a_failed_picture_identifies_nobody():
    """A probe without an embedding is a miss; people with no embedding at all are not enrolled."""
    vectors, person = crowd(10, 4, 0.1)
    vectors[:4] = [None] * 4
    found = search_all(vectors, person, 500, [TAIL], seed=2)

    assert found.gallery == 9
    assert found.strangers.wrong.sum() == 0
    keys = found.as_keys()
    assert (keys["n"], keys["n_wanted"], keys["limited_by_split"]) == (9, 500, True)


def test_the_same_seed_gives_the_same_report():
    """Deterministic."""
    vectors, person = crowd(30, 3, 0.8)

    def report():
        return search_all(vectors, person, 10, [TAIL], seed=4).as_keys()

    assert report() == report()


def test_sessions_with_step_up_are_counted_for_everybody():
    """Every probe is one session; who is asked for digits gives their own, then their PIN."""
    vectors, person = crowd(40, 4, 1.0)
    found = search_all(vectors, person, 20, [TAIL], seed=2)
    keys = found.as_keys()
    told = keys["step_up"]

    assert told["sessions"] == keys["n_owners"] + keys["n_strangers"]
    assert told["wrong_payments"] == 0
    assert 0 < told["wrong_payments_upper95"] < 0.05
    shares = [told["owners"][end.value]["share"] for end in End]
    assert sum(shares) == pytest.approx(1.0, abs=1e-3)
    assert told["owners"]["face"]["share"] == pytest.approx(1 - keys["fnir"], abs=1e-3)
    assert told["strangers"]["face"] == told["strangers"]["digits"] == 0


def test_each_thing_that_is_asked_misses_fewer():
    """Digits reach further than the face alone, and digits with PIN further than those."""
    vectors, person = crowd(60, 4, 1.35)
    keys = search_all(vectors, person, 40, [TAIL], seed=2).as_keys()

    assert 1 > keys["fnir"] > keys["with_digits"]["fnir"] > keys["with_digits_and_pin"]["fnir"]
    for band in (keys, keys["with_digits"], keys["with_digits_and_pin"]):
        low, high = band["fnir_interval95"]
        assert 0 <= low <= band["fnir"] < high <= 1
    assert keys["with_digits_and_pin"]["threshold"] < keys["with_digits"]["threshold"]


def test_the_gallerys_own_people_take_part_in_the_thresholds():
    """Where there are enough: people who are alike raise them; what they say is in the report."""
    vectors, person = crowd(60, 4, 0.3)
    alike = unit(np.stack(vectors) + 1.5 * unit(np.ones(128)))
    few = search_all(vectors, person, 10, [TAIL], seed=2).as_keys()
    plain = search_all(vectors, person, 40, [TAIL], seed=2).as_keys()
    close = search_all(list(alike), person, 40, [TAIL], seed=2).as_keys()

    assert few["gallery_alone"] is None
    assert plain["threshold"] >= plain["gallery_alone"]["open"]
    assert close["threshold"] == close["gallery_alone"]["open"] > few["threshold"]
    assert "gallery" == close["worst_calibration_set"]


def test_a_stranger_who_is_somebodys_double_is_a_wrong_payment():
    """The count that must be zero counts, where a stranger has an enrolled person's face."""
    vectors, person = crowd(12, 4, 0.2)
    # A person with one picture is never enrolled; here one for everybody's face.
    faces = [vectors[4 * who] for who in range(12)]
    found = search_all(
        vectors + faces, np.concatenate([person, np.arange(12, 24)]), 12, [TAIL], seed=2
    )

    assert found.as_keys()["step_up"]["wrong_payments"] == 12


def test_ones_own_digits_pay_only_ones_own_bill():
    """Wrong is who pays on another's account, by face or own digits; a PIN stands in the way."""
    for end in (End.FACE, End.DIGITS):
        assert Ended(end, 3).is_wrong(None)
        assert Ended(end, 3).is_wrong(4)
        assert not Ended(end, 3).is_wrong(3)
    assert not Ended(End.PIN, 3).is_wrong(None)
    assert not Ended(End.REFUSED, None).is_wrong(4)
