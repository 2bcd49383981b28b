"""`smiletill bench search`: the report's keys, and that it would notice a search that misses."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner

from kiosk.bench import search
from kiosk.commands.bench import bench
from kiosk.faces.vault.gallery_rows import Rows

KEYS = {"n", "ours_ms", "numpy_ms", "faiss_ms", "usearch_ms", "floor_ms", "recall"}


def test_the_word_reports_every_engine_for_every_size(tmp_path):
    """In a process of its own, with the contract's keys, and a plot if it is asked for."""
    plot = tmp_path / "search.png"
    words = ["search", "--n", "50,5000", "--dimension", "32", "--rounds", "2", "--json"]
    result = CliRunner().invoke(bench, [*words, "--plot", str(plot)], standalone_mode=False)
    report = json.loads(result.stdout.splitlines()[-1])

    assert [50, 5000] == [it["n"] for it in report["results"]]
    assert all(set(it) >= KEYS for it in report["results"])
    assert {1.0} == {it["recall"] for it in report["results"]}
    assert plot.read_bytes().startswith(b"\x89PNG")
    assert "5000" in search.in_words(report)


@pytest.mark.parametrize("sizes", ["", "0", "ten", "5000000"])
def test_sizes_that_make_no_sense_are_refused(sizes):
    """Before anything is measured."""
    result = CliRunner().invoke(bench, ["search", "--n", sizes])

    assert 2 == result.exit_code


def test_a_search_that_misses_somebody_is_noticed(monkeypatch):
    """Recall is measured against all rows."""
    best = Rows.best

    def misses(self, probe, k):
        rows, scores = best(self, probe, k + 1)
        worst = np.argsort(scores)[:-1][::-1]
        return rows[worst], scores[worst]

    monkeypatch.setattr(Rows, "best", misses)
    report = search.measure(search.Plan((200,), dimension=16, rounds=2))

    assert report["results"][0]["recall"] < 1.0
    assert not report["ok"]


def test_a_crowd_can_fill_fewer_dimensions_than_it_has():
    """Then strangers are more alike, as real faces are."""
    random = np.random.default_rng(1)
    crowd = search._crowd(random, search.Plan((500,), dimension=64, effective=8), 500)

    assert np.allclose(1.0, np.linalg.norm(crowd, axis=1), atol=1e-5)
    assert 8 == np.linalg.matrix_rank(crowd)
