"""Pictures of real people (LFW, development half) become samples, each person their own."""

from __future__ import annotations

import pytest

from kiosk.faces.desk.ports import CaptureRefusal, Samples
from kiosk.faces.picture_capture import FEW_SAMPLES_QUALITY, take_pictures
from kiosk.faces.vision.room import VisionRoom
from kiosk.link.protocol import Progress

pytestmark = [pytest.mark.vision]

PEOPLE = {"Abdullah": 4, "Aaron_Peirsol": 4, "Aaron_Sorkin": 1}


def taken(room, places, pack):
    """Return what the pictures came to, and the progress on the way."""
    steps, work = [], take_pictures(room, places, pack)
    try:
        while True:
            steps.append(next(work))
    except StopIteration as end:
        return end.value, steps


def test_pictures_make_a_reference_of_one_person(shared, data_dir, tmp_path):
    """Like themselves and unlike others; few samples are marked by a low quality; none is told."""
    room = VisionRoom(data_dir)
    pack = room.resolve("starter")
    made = {}
    for name, count in PEOPLE.items():
        files = tuple(str(shared / "faces" / f"{name}_{n:04d}.jpg") for n in range(1, count + 1))
        samples, steps = taken(room, files, pack)
        assert isinstance(samples, Samples), samples
        assert [Progress("looking", n, count) for n in range(1, count + 1)] == steps
        made[name] = samples
    for name, samples in made.items():
        own = float((samples.kept @ samples.template).min())
        others = [float(made[o].template @ samples.template) for o in made if o != name]
        assert own > max(others)
    assert FEW_SAMPLES_QUALITY >= made["Aaron_Sorkin"].quality

    two = tuple(str(shared / "faces" / f"{name}_0001.jpg") for name in PEOPLE)
    assert CaptureRefusal("frames_disagree", "3 of 3 pictures") == taken(room, two, pack)[0]
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    for place in (tmp_path / "broken.jpg", tmp_path / "absent.jpg"):
        assert taken(room, (str(place),), pack)[0] == CaptureRefusal(
            "picture_unreadable", "0 of 1 pictures"
        )
    (tmp_path / "empty").mkdir()
    assert "no_picture" == taken(room, (str(tmp_path / "empty"),), pack)[0].reason
