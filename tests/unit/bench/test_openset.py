"""The open set: who is identified, who is not, and what its report says."""

from __future__ import annotations

import numpy as np

from kiosk.bench.openset import search_all
from kiosk.domain.identification import ImpostorTail

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
    assert found.as_keys()["n"] == 9


def test_the_same_seed_gives_the_same_report():
    """Deterministic."""
    vectors, person = crowd(30, 3, 0.8)

    def report():
        return search_all(vectors, person, 10, [TAIL], seed=4).as_keys()

    assert report() == report()
