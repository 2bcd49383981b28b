"""`smiletill enrol plot` and `queue`: numbers as JSON, pictures as PNG."""

from __future__ import annotations

import json
from contextlib import contextmanager

import pytest

import enrollment.cli
from kiosk.link.figures import (
    ActivityFigure,
    QualityFigure,
    ScoresFigure,
    ShowActivity,
    ShowQuality,
    ShowScores,
)
from kiosk.link.visits import QueueEntry, ShowQueue, VisitQueue

EDGES = tuple(n / 40 - 1 for n in range(81))
SCORES = ScoresFigure(
    "p1", "starter@1", 3, 0.7, 0.6, EDGES, (0,) * 40 + (3,) + (0,) * 39, (0.02,), (0.9, 0.8)
)
QUALITY = QualityFigure(3, tuple(range(0, 105, 5)), (0,) * 16 + (3,) + (0,) * 3, 80)
ACTIVITY = ActivityFigure(("2026-11-22", "2026-11-23"), (1, 2), (0, 1), (0, 1))
QUEUE = VisitQueue(
    "mobileface@1",
    "2027-02-21",
    1,
    (QueueEntry("p1", "Ada", "••23", "starter@1", "active", "pack"),),
)


class FakeFaces:
    """Faces with numbers."""

    @contextmanager
    def open_installation(self, _data_dir, *, prompt=None):
        assert prompt is None
        yield self

    @contextmanager
    def faces(self):
        yield self

    def call(self, message, expect, *, timeout_s=1.0, on_progress=None):
        answer = {
            ShowScores: SCORES,
            ShowQuality: QUALITY,
            ShowActivity: ACTIVITY,
            ShowQueue: QUEUE,
        }[type(message)]
        assert isinstance(answer, expect)
        return answer


@pytest.fixture
def run(monkeypatch, capfd, tmp_path):
    monkeypatch.setattr(enrollment.cli, "open_installation", FakeFaces().open_installation)

    def run(*words):
        full = [*words, "--data", str(tmp_path), "--json"]
        assert not enrollment.cli.enrol.main(full, standalone_mode=False)
        return json.loads(capfd.readouterr().out.splitlines()[-1])

    return run


@pytest.mark.parametrize(
    ("words", "key"),
    [(["scores", "p1"], "highest"), (["quality"], "counts"), (["activity"], "enrolled")],
)
def test_numbers_are_told_and_drawn(run, tmp_path, words, key):
    """Without --out nothing is drawn."""
    out = tmp_path / "picture.png"
    told = run("plot", *words)
    assert told[key]
    assert not out.exists()

    assert str(out) == run("plot", *words, "--out", str(out))["file"]
    assert out.read_bytes().startswith(b"\x89PNG")


def test_the_queue_says_who_why_and_until_when(run):
    """With the keys of the messages."""
    told = run("queue")

    assert ("mobileface@1", "2027-02-21", 1) == (told["pack"], told["grace_until"], told["waiting"])
    assert ("p1", "pack") == (told["people"][0]["person"], told["people"][0]["why"])
