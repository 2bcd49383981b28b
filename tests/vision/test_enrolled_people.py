"""All real webcam people at the desk: enrolled from one session, caught under another name.

The desk, the vault, the search, the camera and the networks are real; money is a fake.
"""

from __future__ import annotations

import dataclasses
import shutil
from functools import partial
from pathlib import Path

import pytest

from kiosk.domain.evidence import CameraKind
from kiosk.domain.identification import (
    SearchPolicy,
    duplicate_threshold,
    same_person_threshold,
)
from kiosk.domain.stepup import StepUpPolicy
from kiosk.faces.camera.choice import Cameras
from kiosk.faces.capture import capture
from kiosk.faces.rehearsal import rehearse
from kiosk.faces.vision.room import VisionRoom
from kiosk.link.protocol import CameraSpec, Enrolled, EnrolRefused, ErasePerson
from models.manifest import MANIFEST_NAME, SHIPPED_DIR
from tests.fakes.shop import ASK, Shop, replace

pytestmark = [pytest.mark.vision, pytest.mark.slow]

FIRST = {
    "0001": "0001_00_00_01",
    "0002": "0002_01_00_01",
    "0003": "0003_01_00_01",
    "0004": "0004_01_00_01",
    "0005": "0005_00_00_01",
    "0006": "0006_00_00_01",
    "0011": "0011_01_07_03",
    "0012": "0012_01_07_03",
}
ANOTHER_DAY = {
    "0001": "0001_00_00_02",
    "0004": "0004_01_00_02",
    "0005": "0005_00_00_02",
    "0006": "0006_00_00_02",
}


class Counter(Shop):
    """A shop with real eyes and the pack mobileface."""

    def __init__(self, data_dir: Path, shared: Path) -> None:
        pack = data_dir / "models" / "mobileface"
        pack.mkdir(parents=True)
        shutil.copy(SHIPPED_DIR / "mobileface" / MANIFEST_NAME, pack)
        for file in (shared / "models").glob("*.onnx"):
            (pack / file.name).symlink_to(file)
        self.sessions = shared / "pad" / "client"
        super().__init__(data_dir)

    def open(self) -> None:
        super().open()
        room, cameras = VisionRoom(self.data_dir), Cameras(self.data_dir / "run")

        def same_from(pack):
            return same_person_threshold(SearchPolicy(), room.tails(pack))

        def alike_from(pack):
            return duplicate_threshold(SearchPolicy(), room.tails(pack))

        def take(camera, pack, *, guided=False):
            return capture(room, camera, pack, cameras, guided=guided)

        def rehearsed(camera, newcomer):
            return rehearse(room, camera, newcomer, self.gallery, StepUpPolicy(), cameras)

        self.tools = self.desk._tools = dataclasses.replace(
            self.tools,
            capture=take,
            resolve_pack=partial(room.resolve),
            duplicate_from=same_from,
            look_alike_from=alike_from,
            rehearse=rehearsed,
        )

    def come(self, session: str, phone: str, **changes):
        camera = CameraSpec(CameraKind.FRAME_FOLDER, path=str(self.sessions / session))
        return self.ask(replace(ASK, camera=camera, phone=phone, pack="mobileface", **changes))


@pytest.fixture(scope="module")
def counter(tmp_path_factory, shared):
    folder = tmp_path_factory.mktemp("counter") / "data"
    folder.mkdir(mode=0o700)
    opened = Counter(folder, shared)
    opened.known = {
        subject: opened.come(session, f"44770090{subject}") for subject, session in FIRST.items()
    }
    yield opened
    opened.close()


def test_all_are_enrolled_and_none_is_anothers_look_alike(counter):
    """Eight people, 28 pairs: no false alarm; each at least three samples."""
    assert all(isinstance(answer, Enrolled) for answer in counter.known.values())
    assert min(answer.samples for answer in counter.known.values()) >= 3
    assert {""} == {answer.pin_always for answer in counter.known.values()}


@pytest.mark.parametrize("subject", ["0004", "0012"])
def test_a_copy_under_another_name_is_caught(counter, subject):
    """The same session again is the same person, by a score at which payments would agree."""
    answer = counter.come(FIRST[subject], "447700907777", name="Somebody Else")

    assert isinstance(answer, EnrolRefused)
    assert ("duplicate", counter.known[subject].person) == (answer.reason, answer.person)


@pytest.mark.parametrize("subject", sorted(ANOTHER_DAY))
def test_so_is_the_same_person_on_another_day(counter, subject):
    """Another session scores lower, and is stopped all the same, with the right name."""
    answer = counter.come(ANOTHER_DAY[subject], "447700907777", name="Somebody Else")

    assert isinstance(answer, EnrolRefused)
    assert answer.reason in {"duplicate", "look_alike"}
    assert counter.known[subject].person == answer.person
    assert answer.score >= answer.threshold


def test_a_folder_goes_through_the_guided_flow_and_rehearses(counter):
    """Poses that a recording does not show are skipped; the newcomer is recognised; no order."""
    twin = counter.known["0006"].person
    answer = counter.come(
        ANOTHER_DAY["0006"],
        "447700908888",
        guided=True,
        adult=True,
        signature="typed:Ada",
        rehearse=True,
        look_alike_of=twin,
    )

    assert isinstance(answer, Enrolled)
    marked = counter.vault.head(twin).pin_always
    counter.ask(ErasePerson(answer.person))  # the other tests count eight people
    by_pose = {pose.pose: pose for pose in answer.poses}
    assert by_pose["plain"].samples >= 3
    assert all(pose.samples or pose.skipped for pose in answer.poses)
    assert "look_alike" == answer.pin_always
    assert "look_alike" == marked
    rehearsal = answer.rehearsal
    assert rehearsal is not None
    assert rehearsal.recognised, rehearsal
    assert "pin" in rehearsal.asked
    assert "look_alike" in rehearsal.why
