"""The rows of a large gallery: as exact as a plain loop, and wiped in floats and bytes alike."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.domain.ids import PackId, PersonId
from kiosk.faces.vault import locked
from kiosk.faces.vault.gallery import Gallery
from kiosk.faces.vault.gallery_codes import Codes
from kiosk.faces.vault.gallery_rows import Rows
from kiosk.faces.vault.locked import LockedArray
from tests.fakes.people import unit

DIMENSION = 48


def small_blocks() -> Rows:
    """Rows whose blocks are scanned from the start, and begin anew after 128."""
    return Rows(DIMENSION, block_rows=128, scanned_from=8, kept_first=2)


def crowd(kind: str, count: int, seed: int):
    """Return vectors of length 1: strangers, families, or what quantising likes least."""
    random = np.random.default_rng(seed)
    if kind == "families":
        heads = unit(random.normal(size=(max(1, count // 20), DIMENSION)))
        near = heads[random.integers(len(heads), size=count)]
        return unit(near + 0.02 * random.normal(size=(count, DIMENSION)))
    if kind == "twins":
        return np.repeat(unit(random.normal(size=(1, DIMENSION))), count, axis=0)
    if kind == "spikes":
        vectors = 0.01 * random.normal(size=(count, DIMENSION))
        vectors[np.arange(count), random.integers(DIMENSION, size=count)] = 1.0
        return unit(vectors)
    return unit(random.normal(size=(count, DIMENSION)))


def assert_exact(rows: Rows, present, probe, k: int) -> None:
    """The scores are the k highest there are, and each is its row's own."""
    found, scores = rows.best(probe, k)
    truth = present.astype(np.float64) @ probe.astype(np.float64)
    assert len(found) == len(set(found.tolist())) == min(k, len(present))
    assert np.allclose(truth[found], scores, atol=1e-5)
    assert np.allclose(np.sort(scores), np.sort(truth)[-len(found) :], atol=1e-6)


@pytest.mark.parametrize("kind", ["strangers", "families", "twins", "spikes"])
@pytest.mark.parametrize("near", [True, False])
def test_the_best_are_the_best_whatever_the_crowd(kind, near):
    """The scan as bytes leaves nobody out: its bound is proven, not hoped for."""
    for seed in range(2):
        vectors = crowd(kind, 700, seed)
        rows = small_blocks()
        rows.extend(vectors)
        random = np.random.default_rng(seed)
        probe = unit((vectors[3] if near else 0) + 0.05 * random.normal(size=DIMENSION))
        for k in (1, 2, 8, 40):
            assert_exact(rows, vectors, probe, k)
        rows.close()


@given(
    st.lists(st.integers(-400, 250), max_size=12),
    st.integers(0, 10**6),
    st.sampled_from(["strangers", "families", "spikes"]),
)
@settings(max_examples=25)
def test_any_history_of_adding_and_removing_is_exact(history, seed, kind):
    """Row numbers stay dense; the last row fills the gap, over blocks too."""
    random = np.random.default_rng(seed)
    rows, present = small_blocks(), np.zeros((0, DIMENSION), np.float32)
    for step in history:
        if step > 0:
            more = crowd(kind, step, seed + step)
            rows.extend(more[:-1])
            assert len(rows) == rows.append(more[-1])
            present = np.vstack([present, more])
        for _ in range(min(-step, len(present))):
            gone = int(random.integers(len(present)))
            rows.remove(gone)
            present[gone] = present[-1]
            present = present[:-1]
    assert len(present) == len(rows)
    if len(present):
        probe = unit(random.normal(size=DIMENSION))
        assert_exact(rows, present, probe, 5)
        assert np.allclose(present @ probe, rows.scores(probe), atol=1e-6)
    rows.close()


def test_the_bound_holds_for_every_row():
    """No true score is further from the scanned one than the bound says."""
    for kind in ("strangers", "spikes", "families"):
        vectors = crowd(kind, 500, 3)
        codes = Codes(512, DIMENSION)
        codes.write(0, vectors)
        for seed in range(6):
            probe = unit(np.random.default_rng(seed).normal(size=DIMENSION))
            places, _, _ = codes.scan(probe, 500, 400)
            truth = vectors.astype(np.float64) @ probe
            for k in (1, 17, 400):
                _, last, bound = codes.scan(probe, 500, k)
                left = np.setdiff1d(np.arange(500), places[:k])
                assert truth[left].max() <= last + bound
        codes.close()


def test_what_is_removed_outgrown_or_closed_is_zeros():
    """In floats and in bytes, also where the rows lay before they grew."""
    vectors = crowd("strangers", 300, 1)
    rows = small_blocks()
    rows.extend(vectors[:60])
    outgrown = rows._blocks[0]
    assert outgrown.codes is not None
    rows.extend(vectors[60:])
    assert outgrown is not rows._blocks[0]
    assert not outgrown.rows.any()
    assert not outgrown.codes._codes.any()

    last = rows._blocks[-1]
    used = last.used
    rows.remove(5)
    assert not last.rows[used - 1 :].any()
    assert not last.codes._codes[used - 1 :].any()
    assert np.array_equal(rows._blocks[0].rows[5], vectors[-1])

    blocks = list(rows._blocks)
    rows.close()
    for block in blocks:
        assert not block.rows.any()
        assert not block.codes._codes.any()
        assert not block.codes._errors.any()


def test_memory_that_may_not_be_locked_is_used_all_the_same(monkeypatch):
    """And says so; the gallery then says it too."""
    gallery = Gallery()
    assert gallery.is_locked

    monkeypatch.setattr(locked, "lock", lambda _array: False)
    array = LockedArray((4, 4), np.float32)
    array.array[:] = 1.0
    assert not array.is_locked
    array.close()
    assert not array.array.any()


def test_a_probe_is_turned_at_the_door():
    """With a vault that keeps its vectors rotated, a probe meets them in their space."""
    from tests.unit.faces.vault.test_gallery import person

    random = np.random.default_rng(4)
    turn, _ = np.linalg.qr(random.normal(size=(16, 16)))
    turn = turn.astype(np.float32)
    gallery, plain = Gallery(), Gallery()
    gallery.door = lambda _pack, probe: probe @ turn
    for number in range(30):
        someone = person(number)
        plain.add(someone)
        fields = {name: getattr(someone, name) for name in someone.__dataclass_fields__}
        gallery.add(type(someone)(**{**fields, "template": someone.template @ turn}))
    probe = unit(random.normal(size=16))

    expected = plain.search(PackId("starter@1"), probe, k=3)
    found = gallery.search(PackId("starter@1"), probe, k=3)

    assert [it.person for it in expected] == [it.person for it in found]
    assert np.allclose([it.score for it in expected], [it.score for it in found], atol=1e-5)
    assert PersonId(found[0].person) in gallery
