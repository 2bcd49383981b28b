"""Made-up people for the vault and the desk: random vectors, names that stand out in raw bytes."""

from __future__ import annotations

import numpy as np

from kiosk.domain.ids import PackId, PayerAlias
from kiosk.faces.vault.records import ConsentRecord, NewPerson

PACK = PackId("starter@1")
DIMENSION = 64
STORE_KEY = bytes(range(32))


def unit(vector):
    """Return the vector at length 1."""
    return (vector / np.linalg.norm(vector, axis=-1, keepdims=True)).astype(np.float32)


def vectors(seed: int, count: int = 4, dimension: int = DIMENSION):
    """Return `count` samples of one made-up face."""
    random = np.random.default_rng(seed)
    face = unit(random.normal(size=dimension))
    return unit(face + 0.3 * unit(random.normal(size=(count, dimension))))


def new_person(number: int, *, pack: PackId = PACK, dimension: int = DIMENSION) -> NewPerson:
    """Return made-up person `number`; two numbers give two unrelated faces."""
    samples = vectors(number, dimension=dimension)
    return NewPerson(
        name=f"Zdeňka Quixóte-{number:05d}",
        phone=f"44770095{number:05d}",
        alias=PayerAlias(f"a{number:016x}"),
        pack=pack,
        template=unit(samples.mean(axis=0)),
        samples=samples,
        sample_count=len(samples),
        quality=80,
        consent=ConsentRecord("v1", "en", "ab" * 32, "2026-11-23T09:00:00+00:00"),
        enrolled_at="2026-11-23T09:00:00+00:00",
    )
