"""The liveness bench counts as ISO/IEC 30107-3 asks: worst species, doubt is a refusal."""

from __future__ import annotations

import numpy as np
import pytest

from kiosk.bench.liveness import Found, Judged, recordings, report, windows_of
from kiosk.bench.rates import upper95
from kiosk.domain.errors import BadInputError
from kiosk.domain.evidence import PadVerdict
from kiosk.faces.camera.port import Frame
from kiosk.faces.vision.pad.passive import PadRule

RULE = PadRule(bona_fide_min=0.5, attack_max=0.2)


def frames(count):
    return [Frame(np.zeros((48, 48, 3), np.uint8), k, k * 33) for k in range(count)]


@pytest.mark.parametrize(
    ("count", "ends"), [(5, [4]), (16, [15]), (17, [15, 16]), (32, [15, 31]), (40, [15, 31, 39])]
)
def test_windows_have_sixteen_frames_and_leave_none_out(count, ends):
    """The last window ends with the sequence; a short sequence is one window."""
    windows = list(windows_of(frames(count)))

    assert [window[-1].index for window in windows] == ends
    assert all(len(window) == min(16, count) for window in windows)


def test_no_error_in_three_hundred_leaves_one_percent():
    """The rule of three, and what is known without a trial: nothing."""
    assert upper95(0, 300) == pytest.approx(0.01, rel=0.01)
    assert upper95(2, 71) == pytest.approx(0.0862, abs=0.001)
    assert upper95(0, 0) == 1.0
    assert upper95(4, 4) == 1.0


def test_the_worst_species_is_reported_and_doubt_is_an_error_for_people():
    """Undecided people count as refused; undecided attacks as not accepted."""
    found = Found("made@1", RULE)
    found.windows = [
        Judged("bona_fide", "a", PadVerdict.BONA_FIDE, [0.9, 0.4]),
        Judged("bona_fide", "a", PadVerdict.UNDECIDED, []),
        Judged("print", "a", PadVerdict.ATTACK, [0.1]),
        Judged("print", "b", PadVerdict.UNDECIDED, [0.3]),
        Judged("screen", "b", PadVerdict.BONA_FIDE, [0.6]),
    ]

    told = report(found, seed=1)

    assert told["sequences"]["apcer"] == 1.0
    assert told["sequences"]["bpcer"] == 0.5
    assert (told["sequences"]["n_attack"], told["sequences"]["n_bona_fide"]) == (3, 2)
    assert told["frames"] == {
        "apcer": {"print": 0.0, "screen": 1.0},
        "bpcer": 0.5,
        "n": {"bona_fide": 2, "print": 2, "screen": 1},
    }
    assert told["sequences"]["by_species"]["bona_fide"]["no_response"] == 1


@pytest.mark.parametrize("text", [None, "", "kind,sequence\nelse,1\n", "kind,sequence,subject\n"])
def test_a_folder_that_is_no_set_is_refused(tmp_path, text):
    """Whoever names the wrong folder is told so."""
    if text is not None:
        (tmp_path / "sequences.csv").write_text(text)

    with pytest.raises(BadInputError):
        recordings(tmp_path)
