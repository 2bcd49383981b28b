"""The split and the folders of the development sets."""

from __future__ import annotations

import pytest

from kiosk.bench.sets import (
    HELD_OUT_SHARE,
    SHARED_VARIABLE,
    face_pictures,
    held_out,
    set_folder,
    webcam_frames,
)
from kiosk.domain.errors import SetupError


def test_a_fifth_of_the_names_is_held_out_for_ever():
    """About a fifth, and always the same: the split may never move between two trainings."""
    names = [f"Person_{number}" for number in range(5_000)]
    share = sum(map(held_out, names)) / len(names)

    assert share == pytest.approx(HELD_OUT_SHARE, abs=0.02)
    assert [n for n in names[:40] if held_out(n)] == ["Person_21", "Person_33", "Person_34"]


def test_pictures_of_people_held_out(tmp_path):
    """Every picture of a person is on the same side."""
    names = ["Person_21", "Person_21", "Person_1"]
    lines = [f"{name}_{i}.jpg,{name},neutral" for i, name in enumerate(names)]
    (tmp_path / "labels.csv").write_text("file,identity,expression\n" + "\n".join(lines))

    kept = face_pictures(tmp_path, held_out_only=True)
    assert [p.identity for p in kept] == ["Person_21", "Person_21"]
    assert len(face_pictures(tmp_path, held_out_only=False)) == 3


def test_webcam_frames_are_of_whole_subjects(tmp_path):
    """Live and printed frames of the subjects kept out, in order."""
    rows = ["client,a,0001", "client,b,0006", "imposter,c,0012"]
    (tmp_path / "sequences.csv").write_text("kind,sequence,subject\n" + "\n".join(rows))
    for folder in ("client/a", "client/b", "imposter/c"):
        (tmp_path / folder).mkdir(parents=True)
        for name in ("0002.jpg", "0001.jpg"):
            (tmp_path / folder / name).touch()

    found = webcam_frames(tmp_path, held_out_only=True)
    assert [str(f.relative_to(tmp_path)) for f in found] == [
        "client/b/0001.jpg",
        "client/b/0002.jpg",
        "imposter/c/0001.jpg",
        "imposter/c/0002.jpg",
    ]


def test_a_missing_set_says_how_to_name_it(monkeypatch, tmp_path):
    """The error names option and variable."""
    monkeypatch.setenv(SHARED_VARIABLE, str(tmp_path))

    with pytest.raises(SetupError, match="not at") as caught:
        set_folder(None, "faces")
    assert "--faces" in str(caught.value.mend)
    assert set_folder(tmp_path, "faces") == tmp_path
