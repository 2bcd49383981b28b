"""TAR and EER of single comparisons, genuine pairs capped at 10 an identity (fixed seed)."""

from __future__ import annotations

import numpy as np

GENUINE_MAX = 10


def scores(vectors: np.ndarray, identity: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return genuine and impostor scores; impostors are all pairs of different people."""
    rng = np.random.default_rng(0)
    _, code = np.unique(identity, return_inverse=True)
    similar = (vectors @ vectors.T).astype(np.float32)
    genuine = []
    for person in range(code.max() + 1):
        rows = np.flatnonzero(code == person)
        a, b = np.triu_indices(len(rows), 1)
        if len(a) > GENUINE_MAX:
            pick = rng.choice(len(a), GENUINE_MAX, replace=False)
            a, b = a[pick], b[pick]
        genuine.append(similar[rows[a], rows[b]])
    a, b = np.triu_indices(len(code), 1)
    strangers = code[a] != code[b]
    return np.concatenate(genuine), similar[a[strangers], b[strangers]]


def report(vectors: np.ndarray, identity: np.ndarray) -> dict[str, float]:
    genuine, impostor = scores(vectors, identity)
    out = {}
    for rate in (1e-3, 1e-4, 1e-5):
        out[f"tar@{rate:g}"] = float((genuine > np.quantile(impostor, 1 - rate)).mean())
    line = np.linspace(-1, 1, 4001)
    fmr = 1 - np.searchsorted(np.sort(impostor), line, "right") / len(impostor)
    fnmr = np.searchsorted(np.sort(genuine), line, "right") / len(genuine)
    at = np.argmin(np.abs(fmr - fnmr))
    out["eer"] = float((fmr[at] + fnmr[at]) / 2)
    return {name: round(value, 4) for name, value in out.items()}
