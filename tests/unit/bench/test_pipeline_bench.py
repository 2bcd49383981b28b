"""The report of `bench pipeline`: what it divides by what."""

from __future__ import annotations

from kiosk.bench.pipeline import Found, Turn, report


def test_the_ratios_are_those_of_the_same_turn():
    """Ours over the floor, ours over the plain loop, and the quantiles of the times to identity."""
    found = Found("starter@1", frames=10)
    found.turns = [
        [Turn(1.1, 1.0, 0.1, 0.2, 1.0)],
        [Turn(2.2, 2.0, 0.2, 0.4, 2.0)],
        [Turn(9.9, 3.0, 0.3, 0.6, 3.0)],
    ]
    found.stages_ms["detect"] = [1.0, 3.0, 2.0]
    found.identify_ms = [100.0, 200.0, 300.0]
    found.undecided = 1

    told = report(found)

    assert told["ratio_to_floor"] == 1.1
    assert told["ratio_with_pad_layers"] == 1.2
    assert told["cpu_ratio_to_plain_loop"] == 0.2
    assert told["frame_ms"] == {"ours": 220.0, "floor": 200.0, "pad_layers": 20.0}
    assert told["stages_ms"] == {"detect": 2.0}
    assert told["identify_ms"] == {"p50": 200.0, "p95": 290.0}
    assert (told["identified"], told["undecided"], told["sequences"]) == (3, 1, 1)
    assert told["rss_mb"] > 0


def test_nobody_identified_is_no_time_at_all():
    """Without a verdict there is no time to tell, and none is made up."""
    found = Found("starter@1", turns=[[Turn(1.0, 1.0, 0.0, 1.0, 1.0)]], frames=1, undecided=1)

    assert report(found)["identify_ms"] == {"p50": None, "p95": None}
