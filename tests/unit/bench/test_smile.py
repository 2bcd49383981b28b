"""Rates of the smile bench on scores made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from kiosk.bench.smile import rates
from kiosk.domain.errors import BadInputError


def test_both_errors_at_the_threshold():
    """One of four neutral faces passes, one of two smiles does not; AUC by hand."""
    score = np.array([0.9, 0.4, 0.1, 0.2, 0.3, 0.6])
    smiling = np.array([True, True, False, False, False, False])
    found = rates(score, smiling, ["a", "b", "c", "d", "e", "f"], 0.5, 1)

    assert (found["fpr"], found["fnr"]) == (0.25, 0.5)
    assert found["auc"] == pytest.approx(7 / 8)
    assert found["auc_interval95"][0] <= found["auc"] <= found["auc_interval95"][1]


def test_one_kind_of_face_alone_cannot_be_measured():
    """Only smiles: said in words."""
    with pytest.raises(BadInputError, match="labelled"):
        rates(np.array([0.5]), np.array([True]), ["a"], 0.5, 1)
