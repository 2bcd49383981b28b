"""The exposure of a session: faces are mended by it, and pictures that do not follow are found."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from kiosk.domain.evidence import CameraKind, PadVerdict, Reason
from kiosk.domain.metering import Metering, MeteringRule, step
from kiosk.domain.pad import LayerVerdict
from kiosk.domain.session.look import Look
from kiosk.faces.camera.choice import Cameras
from kiosk.faces.camera.exposure import Exposure, Obedience, WebcamExposure
from kiosk.faces.camera.port import Frame
from kiosk.faces.exposure import ExposureKeeper
from kiosk.faces.terminal import RoomLooker
from kiosk.faces.vision.detector import Face
from kiosk.faces.vision.judgement import FrameJudgement
from kiosk.faces.vision.pad.sight import CameraFacts, Sight
from kiosk.faces.vision.pad.stream import StreamLayer
from kiosk.faces.vision.quality import Quality, QualityLimits, backlit_or, light_reason
from kiosk.link.protocol import CameraSpec
from tests.fakes.webcam import AUTO, FakeWebcam

FACTS = CameraFacts.of(CameraKind.DEVICE, exposure=True)
FACE = Face(40.0, 30.0, 60.0, 70.0, 0.9, np.zeros((5, 2), np.float32))


# The decision -------------------------------------------------------------------------------------


def answered(level, light=1.0, rule=None, frames=20):
    """Step by step, with a camera that follows exactly."""
    rule, metering, seen = rule or MeteringRule(), Metering(), []
    for _ in range(frames):
        seen.append(min(255.0, level * (light * metering.times) ** (1 / 2.2)))
        metering = step(metering, seen[-1], rule)
    return metering, seen


@pytest.mark.parametrize("level", [60.0, 120.0, 235.0])
def test_a_face_between_the_bounds_is_left_alone(level):
    """The camera's own metering is the usual one."""
    assert answered(level)[0] == Metering()


@pytest.mark.parametrize("level", [32.0, 45.0, 55.0, 240.0, 255.0])
def test_a_dark_and_a_bright_face_are_brought_between_them(level):
    """In few steps, which then end."""
    metering, seen = answered(level)

    assert not metering.is_mending
    assert not metering.has_given_up
    assert 80.0 <= seen[-1] <= 210.0
    assert metering.steps <= 3


def test_a_face_at_a_bound_is_not_swung_to_and_fro():
    """Begun below 60, ended above 80; between them it depends on whence it came."""
    rule = MeteringRule()
    resting, mending = Metering(), Metering(is_mending=True)

    assert not step(resting, 70.0, rule).is_mending
    assert step(mending, 70.0, rule).is_mending


def test_what_is_better_than_nothing_is_kept():
    """At the end of the range a face that passes the gates is left there."""
    metering, seen = answered(20.0)

    assert metering.is_spent
    assert not metering.has_given_up
    assert 35.0 <= seen[-1] <= 80.0


def test_what_no_step_mends_is_given_up():
    """Steps and range are bounded; then the customer is asked."""
    metering, _ = answered(3.0)

    assert metering.has_given_up
    assert metering.steps <= MeteringRule().steps_max
    assert step(metering, 120.0, MeteringRule()) == metering


# The session --------------------------------------------------------------------------------------


class FakeCamera:
    """A webcam whose thread is the test: a command is carried out before the next frame."""

    kind = CameraKind.DEVICE

    def __init__(self, webcam, obedience=None, every_ms=33):
        self.webcam = webcam
        self.every_ms = every_ms
        self.obedience = obedience or Obedience()
        self.exposure = Exposure()
        self.now_ms = 0
        self._hands = WebcamExposure(webcam, lambda: self.now_ms)
        self._command = None
        self._rng = np.random.default_rng(8)

    is_known_to_follow = property(lambda self: self.obedience.knows("camera"))
    times_to_hold = property(lambda self: self.obedience.hold_of("camera"))

    def expose(self, times):
        self._command = (times,)

    def note_answer(self, *, followed):
        self.obedience.note("camera", followed=followed)

    def note_hold(self, times):
        self.obedience.note_hold("camera", times)

    def frame(self, index):
        self.now_ms = index * self.every_ms + int(self._rng.integers(0, 9))
        if self._command is not None:
            done = self._hands.carry_out(*self._command)
            number = self.exposure.number + 1
            self.exposure = Exposure(done.state, done.times, done.at_ms, number)
            self._command = None
        return Frame(self.webcam.read()[1], index, self.now_ms)


class FakeEyes:
    """The face is the picture's right half; stream layers are the real ones."""

    def __init__(self, *, face_from=0, face_above=0.0):
        self.streams = (StreamLayer(FACTS),)
        self.newest = None
        self.steady = []
        self._from = face_from
        self._above = face_above

    def look(self, frame):
        level = float(frame.image[:, 160:].mean())
        found = frame.index >= self._from and level >= self._above
        face, quality, reason = (FACE if found else None), None, Reason.NO_FACE
        if face is not None:
            quality = Quality(60, 0, 0.55, 0, 0.3, level, 30)
            reason = backlit_or(
                light_reason(quality, QualityLimits()), quality, frame.image, QualityLimits()
            )
        self.newest = FrameJudgement(frame.index, frame.at_ms, 1, reason, face, quality)
        grey = frame.image[..., 1]
        self.streams[0].add(Sight(frame.at_ms, 1, frame.image, grey, 1.0, face, None, None))
        self.steady.append(frame.is_steady)
        return Look(PadVerdict.UNDECIDED, None, "" if reason is None else reason.value)


def session(
    webcam, *, obedience=None, frames=90, every_ms=33, draw=lambda below: below // 2, **eyes
):
    camera, seen = FakeCamera(webcam, obedience, every_ms), FakeEyes(**eyes)
    keeper = ExposureKeeper(camera, seen.streams, draw)
    looks, shine = [], []
    for index in range(frames):
        looks.append(keeper.look(seen, camera.frame(index)))
        shine.append(keeper.lets_shine)
    return seen.streams[0].report(), looks, shine, seen, camera


def known():
    obedience = Obedience()
    for _ in range(3):
        obedience.note("camera", followed=True)
    return obedience


@pytest.mark.parametrize("late", [0, 1, 3, 6])
def test_a_camera_that_follows_is_proven_before_the_light(late):
    """However late within .2 s; the colours wait for it, and begin within 1.6 s of the face."""
    report, _, shine, eyes, camera = session(FakeWebcam(late=late))

    assert report.verdict is LayerVerdict.BONA_FIDE
    begins = shine.index(True)
    assert 20 <= begins <= 48
    assert all(shine[begins:])
    assert all(eyes.steady[:12]), "the first frames, which identify, are left alone"
    assert not all(eyes.steady[12:begins])
    assert all(eyes.steady[begins + 1 :])
    assert camera.webcam.values[-1] == camera.webcam.chosen


@pytest.mark.parametrize("every_ms", [66, 100])
def test_few_frames_a_second_are_enough(every_ms):
    """A webcam in the evening, and a slow machine."""
    report, _, shine, *_ = session(FakeWebcam(late=1), every_ms=every_ms, frames=30)

    assert report.verdict is LayerVerdict.BONA_FIDE
    assert shine.index(True) * every_ms <= 1_700


def test_a_recordings_own_change_is_not_taken_for_the_answer():
    """It gets darker as earlier sessions did, just before the command: that waits, and is ignored.

    The command is drawn for .25 s after the hold; the recording's own change begins before it.
    """
    webcam = FakeWebcam(deaf_picture=True)
    webcam.darker = range(26, 38)
    report, *_ = session(webcam, obedience=known())

    assert (report.verdict, report.why) == (LayerVerdict.ATTACK, "exposure_ignored")


def test_pictures_of_somebody_else_do_not_follow():
    """Of a camera that is known to: an attack. Of a new one: the layer could not run."""
    attack, *_ = session(FakeWebcam(deaf_picture=True), obedience=known())
    new, *_ = session(FakeWebcam(deaf_picture=True))

    assert (attack.verdict, attack.why) == (LayerVerdict.ATTACK, "exposure_ignored")
    assert (new.verdict, new.why) == (LayerVerdict.COULD_NOT_RUN, "exposure_ignored")


@pytest.mark.parametrize(
    ("trouble", "why"),
    [
        ({"refuses": True}, "no_exposure_control"),
        ({"raises": True}, "no_exposure_control"),
        ({"ignores": True}, "exposure_too_coarse"),
        ({"steps": (100, 200, 400)}, ""),
        ({"steps": (200, 2000)}, "exposure_too_coarse"),
    ],
)
def test_a_driver_that_will_not_is_no_attack(trouble, why):
    """Not even of a camera that was known to follow; it ends as it began, and the light goes on."""
    report, _, shine, _, camera = session(FakeWebcam(**trouble), obedience=known())

    expected = LayerVerdict.COULD_NOT_RUN if why else LayerVerdict.BONA_FIDE
    assert (report.verdict, report.why) == (expected, why)
    assert shine[-1]
    assert camera.webcam.mode == AUTO or not why


def test_a_webcam_that_tells_its_default_is_brought_back_to_what_it_chose():
    """The hand-over jumps; it is seen, mended, and known from then on."""
    obedience = Obedience()
    first, _, shine, eyes, _ = session(
        FakeWebcam(chosen=60.0, told=250.0), obedience=obedience, frames=150
    )
    again, _, shine_again, *_ = session(FakeWebcam(chosen=60.0, told=250.0), obedience=obedience)

    assert first.verdict is again.verdict is LayerVerdict.BONA_FIDE
    assert shine_again.index(True) < shine.index(True)
    assert eyes.newest.quality.luminance == pytest.approx(120.0, abs=15.0)
    assert obedience.hold_of("camera") == pytest.approx(60 / 250, rel=0.3)


@pytest.mark.parametrize("share", [0.28, 0.40])
def test_a_backlit_face_is_mended_and_nobody_is_asked(share):
    """Its own metering leaves the face dark before a bright room; it is set by the face."""
    report, looks, _, eyes, _ = session(
        FakeWebcam(level=110.0, chosen=50.0, face_share=share), frames=150
    )

    assert eyes.newest.reason is None
    assert eyes.newest.quality.luminance >= 60.0
    assert {look.hint for look in looks} == {""}
    assert report.verdict is LayerVerdict.BONA_FIDE


def test_a_face_that_cannot_be_mended_is_asked_for_light():
    """After the last step the hint comes, and the exposure is the camera's own again."""
    webcam = FakeWebcam(level=150.0, chosen=400.0, face_share=0.2)
    report, looks, shine, _, _ = session(webcam, frames=150)

    hints = [look.hint for look in looks]
    assert hints[0] == ""
    assert hints[-1] == "backlit"
    assert webcam.mode == AUTO
    assert report.why == "exposure_at_its_end"
    assert shine[-1]


@pytest.mark.parametrize(("level", "values"), [(120.0, [500.0, 200.0]), (250.0, [50.0, 200.0])])
def test_where_nobody_is_found_another_light_is_tried_once(level, values):
    """Who pressed may be black before a window or white in the sun; then it is left in peace."""
    _, _, shine, _, camera = session(FakeWebcam(level=level), face_from=1_000, frames=110)

    assert camera.webcam.values == values
    assert not any(shine)


def test_a_face_that_only_more_light_shows_is_metered_on():
    """Found while more light is tried; then it is mended and proven as any other."""
    webcam = FakeWebcam(chosen=50.0, level=120.0, face_share=0.15)
    report, _, shine, eyes, _ = session(webcam, face_above=25.0, frames=180)

    assert eyes.newest.quality.luminance >= 35.0
    assert (report.verdict, shine[-1]) == (LayerVerdict.BONA_FIDE, True)


def test_the_moment_and_the_size_are_drawn():
    """Two draws, each below a bound of its own; nobody can know them."""
    asked = []
    session(FakeWebcam(), draw=lambda below: asked.append(below) or below - 1)

    assert asked == [501, 13]


def test_the_colours_wait_for_the_exposure(tmp_path):
    """The screen begins when nothing is being done to it."""
    begun = []
    looker = RoomLooker(
        None, None, tuple, CameraSpec(CameraKind.DEVICE), Cameras(tmp_path), lights=True
    )
    looker._eyes = SimpleNamespace(wants_light=True, shine=begun.append)
    looker._exposure = SimpleNamespace(lets_shine=False, look=lambda eyes, frame: frame.index)
    looker._frames = iter(Frame(np.zeros((48, 64, 3), np.uint8), k, 33 * k) for k in range(3))

    looker.look()
    assert begun == []
    looker._exposure.lets_shine = True
    looker.look()
    assert len(begun) == 1


def test_a_camera_without_control_shines_at_once():
    """A folder, a video: as ever."""
    keeper = ExposureKeeper(object(), (), lambda below: 0)

    assert keeper.lets_shine
    assert not keeper.hides("too_dark")
