"""Adaptive templates: four at most beside an anchor that stays, searched as one, and erasable."""

from __future__ import annotations

import numpy as np
import pytest

from kiosk.domain.adaptation import ADAPTIVE_MAX
from kiosk.domain.errors import SmileTillError
from kiosk.faces.vault.errors import PersonUnknownError
from kiosk.faces.vault.opening import open_vault
from kiosk.faces.vault.records import Reference
from kiosk.faces.vault.store import Vault
from tests.fakes.people import PACK, STORE_KEY, new_person, unit

STRICT = 0.6


def visit(anchor, seed: int, score: float = STRICT):
    """Return the template of a visit whose similarity to the anchor is `score`, barely enough."""
    other = np.random.default_rng(seed).normal(size=len(anchor))
    other -= (other @ anchor) * anchor
    return unit(score * anchor + np.sqrt(1 - score**2) * unit(other))


@pytest.fixture
def vault(tmp_path):
    with Vault.open(tmp_path / "vault", STORE_KEY) as opened:
        yield opened


@pytest.fixture
def ada(vault):
    person = vault.begin(new_person(1))
    vault.activate(person)
    return person


def test_the_newest_four_are_kept_and_the_anchor_and_the_samples_stay(vault, ada):
    """However many visits there are, and also under another rotation and after a restart."""
    before = vault.get(ada)
    plain = new_person(1).template
    visits = [visit(plain, seed) for seed in range(6)]
    for day, vector in enumerate(visits, start=1):
        vault.adapt(ada, vector, f"2026-12-{day:02d}")
    for _ in vault.renew():
        pass

    known, shown = vault.get(ada), vault.transform(PACK, len(plain))
    np.testing.assert_allclose(known.anchor, before.template, atol=1e-5)
    np.testing.assert_allclose(known.samples, before.samples, atol=1e-5)
    np.testing.assert_allclose(known.adaptive, shown.apply(np.stack(visits[2:])), atol=1e-5)
    assert (ADAPTIVE_MAX, "2026-12-06") == (len(known.adaptive), known.adapted_at)
    assert before.sample_count == known.sample_count
    assert STRICT == pytest.approx(vault.anchor_score(ada, visits[0]), abs=1e-4)


def test_what_is_searched_cannot_drift_from_the_anchor(vault, ada):
    """Even four visits that all barely pass, all in one direction, leave it nearer than that."""
    plain = new_person(1).template
    for _ in range(ADAPTIVE_MAX):
        vault.adapt(ada, visit(plain, 7), "2026-12-01")

    known = vault.get(ada)
    assert (1 + STRICT) / 2 <= float(known.template @ known.anchor) + 1e-6
    assert 1.0 == pytest.approx(float(np.linalg.norm(known.template)), abs=1e-6)


def test_the_gallery_searches_the_same_vector_after_a_restart(tmp_path):
    """One person is one vector: the one that the open vault showed."""
    with Vault.open(tmp_path / "vault", STORE_KEY) as vault:
        ada = vault.begin(new_person(1))
        vault.activate(ada)
        probe = visit(new_person(1).template, 3)
        vault.adapt(ada, probe, "2026-12-01")
    vault, gallery = open_vault(tmp_path, STORE_KEY)
    with vault:
        known = vault.get(ada)
        (found,) = gallery.search(PACK, probe)
        expected = float(known.template @ vault.transform(PACK, len(probe)).apply(probe))
        assert (ada, True) == (found.person, STRICT + 0.1 < found.score)
        assert expected == pytest.approx(found.score, abs=1e-4)
        gallery.close()


def test_a_new_enrolment_and_a_word_leave_none(vault, ada):
    """Dropped ones are gone, and the anchor is searched again."""
    plain = new_person(1).template
    vault.adapt(ada, visit(plain, 1), "2026-12-01")
    assert (ada,) == vault.adapted()
    assert (True, False) == (vault.drop_adapted(ada), vault.drop_adapted(ada))
    known = vault.get(ada)
    assert (0, "", ()) == (len(known.adaptive), known.adapted_at, vault.adapted())
    np.testing.assert_array_equal(known.template, known.anchor)

    vault.adapt(ada, visit(plain, 1), "2026-12-01")
    fresh = new_person(2)
    vault.retemplate(ada, Reference(PACK, fresh.template, fresh.samples, 4, 80))
    assert () == vault.adapted()
    with pytest.raises(PersonUnknownError):
        vault.adapt("p0", plain, "2026-12-01")


def test_an_erasure_looks_for_the_adaptive_templates_too(vault, ada):
    """Kept as they are on the disk, as an encoder makes them, and pooled as they are searched."""
    plain = new_person(1).template
    vectors = [visit(plain, seed) for seed in (1, 2)]
    for vector in vectors:
        vault.adapt(ada, vector, "2026-12-01")
    known = vault.get(ada)

    work = vault.erase(ada)
    for vector in (*known.adaptive, known.template, known.anchor, *known.samples):
        assert np.isclose(work.vectors @ vector, 1.0, atol=1e-4).any()
    for vector in (*vectors, plain):
        assert np.isclose(work.plain @ vector, 1.0, atol=1e-4).any()
    with pytest.raises(SmileTillError):
        vault.get(ada)
