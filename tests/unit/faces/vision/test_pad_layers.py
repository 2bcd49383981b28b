"""Each PAD layer on made-up frames: what it must see, what it must not, and when it cannot tell."""

from __future__ import annotations

import numpy as np
import pytest

from kiosk.domain.evidence import CameraKind
from kiosk.domain.lightcode import LightPlan, Tint
from kiosk.domain.pad import LayerVerdict
from kiosk.faces.opencv import cv2
from kiosk.faces.vision.detector import Face
from kiosk.faces.vision.encoder import align
from kiosk.faces.vision.pad.context import ContextLayer
from kiosk.faces.vision.pad.light import LightLayer
from kiosk.faces.vision.pad.movement import MovementLayer
from kiosk.faces.vision.pad.sight import CameraFacts, Sight
from kiosk.faces.vision.pad.stream import StreamLayer
from kiosk.faces.vision.pad.turn import TurnLayer, _narrowing

LIVE = CameraFacts.of(CameraKind.DEVICE, lit=True, exposure=False)
FOLDER = CameraFacts.of(CameraKind.FRAME_FOLDER, lit=True, exposure=True)
RNG = np.random.default_rng(7)
PLAN = LightPlan((Tint.WARM, Tint.COOL, Tint.ROSE, Tint.MINT, Tint.WARM, Tint.ROSE), 300)


def texture(height, width, seed):
    rough = np.random.default_rng(seed).uniform(0, 1, (height // 6, width // 6))
    soft = cv2.resize(rough.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(60 + 130 * soft, 0, 255).astype(np.float32)


ROOM, FACE = texture(240, 320, 1), texture(120, 100, 2)


def face_at(x, y, width=100.0, height=120.0):
    marks = np.array([[30, 45], [70, 45], [50, 70], [35, 92], [65, 92]], np.float32)
    marks += np.array((x, y), np.float32)
    return Face(x, y, width, height, 0.9, marks)


def sight(at_ms, picture, face=None, *, smile=None, noise=2.0, track=1):
    rng = np.random.default_rng((at_ms, 5))
    grey = np.clip(picture + rng.normal(0, noise, picture.shape) * (noise > 0), 0, 255)
    grey = grey.astype(np.uint8)
    image = grey if grey.ndim == 3 else np.repeat(grey[..., None], 3, axis=2)
    small = grey if grey.ndim == 2 else np.ascontiguousarray(grey[..., 1])
    aligned = None if face is None else cv2.cvtColor(align(image, face), cv2.COLOR_BGR2GRAY)
    return Sight(at_ms, track, image, small, 1.0, face, None, smile, aligned)


def times(count):
    jitter = np.random.default_rng(3).normal(0, 3, count)
    return [int(k * 66.7 + j + 20) for k, j in enumerate(jitter)]


# Stream -------------------------------------------------------------------------------------------


def stream_of(frames, facts=LIVE):
    layer = StreamLayer(facts)
    for one in frames:
        layer.add(one)
    return layer.report()


def test_a_sensors_frames_are_believed():
    """Noise, jitter, no repeats."""
    report = stream_of([sight(t, ROOM) for t in times(40)])

    assert report.verdict is LayerVerdict.BONA_FIDE


@pytest.mark.parametrize("facts", [LIVE, FOLDER])
def test_a_frozen_frame_is_an_attack_on_any_camera(facts):
    """The same picture again and again, after a genuine beginning."""
    begin = [sight(t, ROOM) for t in times(8)]
    frozen = [
        Sight(600 + 70 * k, 1, *(_pictures(begin[-1])), 1.0, None, None, None) for k in range(20)
    ]

    report = stream_of([*begin, *frozen], facts)

    assert (report.verdict, report.why) == (LayerVerdict.ATTACK, "frames_repeat")


def _pictures(one):
    return one.image, one.grey


def test_a_loop_is_an_attack():
    """Every frame differs from the one before, but not from those of the last round."""
    loop = [sight(t, ROOM) for t in times(10)]
    again = [
        Sight(700 * n + one.at_ms, 1, *(_pictures(one)), 1.0, None, None, None)
        for n in range(1, 4)
        for one in loop
    ]

    assert stream_of(loop + again).why == "frames_repeat"


def test_a_picture_without_noise_was_drawn():
    """Something moves, the rest is the same to the last bit."""
    frames = []
    for k, t in enumerate(times(20)):
        picture = ROOM.copy()
        picture[60:180, 40 + 4 * k : 140 + 4 * k] = FACE
        frames.append(sight(t, picture, noise=0.0))

    assert stream_of(frames).why == "no_noise"


def test_an_even_beat_is_no_attack_but_no_pass_either():
    """Nobody's clock is that good; perhaps a file is played."""
    report = stream_of([sight(40 * k, ROOM) for k in range(40)])

    assert (report.verdict, report.why) == (LayerVerdict.COULD_NOT_RUN, "clock_too_even")


def test_a_folder_has_no_clock():
    """Frames of a folder cannot prove that they are of now."""
    assert stream_of([sight(t, ROOM) for t in times(30)], FOLDER).why == "no_true_clock"


@pytest.mark.parametrize(("followed", "verdict"), [(True, "bona_fide"), (False, "attack")])
def test_the_exposure_must_follow(followed, verdict):
    """Told to be darker, the picture gets darker, or it is not this camera's."""
    layer = StreamLayer(CameraFacts.of(CameraKind.DEVICE, exposure=True))
    for k, t in enumerate(times(40)):
        if k == 12:
            layer.command_exposure(t, 0.6)
        layer.add(sight(t, ROOM * (0.7 if followed and 14 <= k <= 20 else 1.0)))

    assert layer.report().verdict.value == verdict


@pytest.mark.parametrize("tried", [True, False])
def test_a_camera_that_takes_no_commands_is_no_attack_and_no_pass(tried):
    """One that never followed, or cannot be told, lowers the sum: the layer could not run."""
    layer = StreamLayer(CameraFacts.of(CameraKind.DEVICE, exposure=True))
    if not tried:
        layer.cannot_command("no_exposure_control")
    for k, t in enumerate(times(40)):
        if k == 12 and tried:
            layer.command_exposure(t, 0.6, obeys=False)
        layer.add(sight(t, ROOM))

    why = "exposure_ignored" if tried else "no_exposure_control"
    assert (layer.report().verdict, layer.report().why) == (LayerVerdict.COULD_NOT_RUN, why)
    assert layer.followed is (False if tried else None)


def test_a_stream_whose_exposure_was_not_tried_yet_waits():
    """Where it is going to be commanded, nothing is proven before."""
    report = stream_of(
        [sight(t, ROOM) for t in times(40)], CameraFacts.of(CameraKind.DEVICE, exposure=True)
    )

    assert (report.verdict, report.why) == (LayerVerdict.UNDECIDED, "exposure_not_tried")


# Context ------------------------------------------------------------------------------------------


def swaying(*, sheet):
    for k, t in enumerate(times(50)):
        shift = 9.0 * np.sin(k / 4)
        move = np.float32([[1, 0, shift], [0, 1, 0]])
        if sheet:
            picture = ROOM.copy()
            picture[60:180, 110:210] = FACE
            picture = cv2.warpAffine(picture, move, (320, 240), borderMode=cv2.BORDER_REFLECT)
        else:
            picture = ROOM.copy()
            mask = np.zeros_like(ROOM)
            cv2.ellipse(mask, (160 + round(shift), 120), (55, 68), 0, 0, 360, 1.0, -1)
            layer = np.zeros_like(ROOM)
            layer[60:180, 110:210] = FACE
            layer = cv2.warpAffine(layer, move, (320, 240))
            picture = np.where(mask > 0, layer, picture)
        yield sight(t, picture, face_at(110.0 + shift, 60.0))


def test_a_room_that_sways_with_the_face_is_a_picture():
    """What is around the head goes where the head goes."""
    layer = ContextLayer()
    for one in swaying(sheet=True):
        layer.add(one)

    assert layer.report().why == "room_moves_with_face"


def test_a_head_that_sways_before_a_room_is_none():
    """The room stays where it is."""
    layer = ContextLayer()
    for one in swaying(sheet=False):
        layer.add(one)

    assert layer.report().verdict is LayerVerdict.BONA_FIDE
    assert layer.report().score < 0


def test_hair_that_sways_with_the_head_is_a_doubt_and_no_attack():
    """One side goes with the face and has the most points, the other stays: it could not run."""
    layer = ContextLayer()
    for k, t in enumerate(times(50)):
        shift = 9.0 * np.sin(k / 4)
        move = np.float32([[1, 0, shift], [0, 1, 0]])
        picture = cv2.GaussianBlur(ROOM, (0, 0), 9)
        picture[:, 90:] = ROOM[:, 90:]
        picture[60:180, 110:210] = FACE
        picture = cv2.warpAffine(picture, move, (320, 240), borderMode=cv2.BORDER_REFLECT)
        picture[:, :88] = ROOM[:, :88]
        layer.add(sight(t, picture, face_at(110.0 + shift, 60.0), noise=1.0))

    assert layer.report().why == "room_in_doubt"
    assert layer.report().verdict is LayerVerdict.COULD_NOT_RUN


def framed(place, sides=(True, True)):
    """Show a face that wanders by itself between a dark line on each side, at a place of a time."""
    layer = ContextLayer()
    for k, t in enumerate(times(60)):
        picture = 120 + 0.15 * ROOM
        for x, there in zip((95, 225), sides, strict=True):
            if there:
                picture[:, round(x + place(k)) : round(x + place(k)) + 6] = 30
        left = 110 + round(3 * np.sin(k / 3))
        picture[60:180, left : left + 100] = FACE
        layer.add(sight(t, picture, face_at(float(left), 60.0)))
    return layer.report()


def test_edges_on_both_sides_that_move_are_those_of_a_picture():
    """A bezel in a hand, whatever the face inside does."""
    report = framed(lambda k: 5 * np.sin(k / 6))

    assert (report.verdict, report.why) == (LayerVerdict.ATTACK, "edges_of_a_picture")


@pytest.mark.parametrize(
    ("place", "sides"),
    [
        (lambda _: 0.0, (True, True)),
        (lambda k: 7.0 * (k > 30), (True, True)),
        (lambda k: 5 * np.sin(k / 6), (True, False)),
    ],
    ids=["a door stands still", "the camera is knocked once", "a neighbour's post on one side"],
)
def test_other_lines_are_no_edges_of_a_picture(place, sides):
    """Only what moves, on both sides and all the time."""
    assert framed(place, sides).verdict is LayerVerdict.BONA_FIDE


# Turn ---------------------------------------------------------------------------------------------


def turned(*, solid, side=1):
    ys, xs = np.mgrid[0:240, 0:320].astype(np.float32)
    picture = ROOM.copy()
    picture[60:180, 110:210] = FACE
    depth = 25.0 * np.exp(-(((xs - 160) / 45) ** 2) - ((ys - 120) / 60) ** 2)
    for k, t in enumerate(times(40)):
        angle = side * 0.45 * min(1.0, max(0.0, (k - 10) / 8))
        flat = 160 + (xs - 160) / np.cos(angle)
        map_x = xs - np.sin(angle) * depth if solid else flat
        seen = cv2.remap(picture, map_x.astype(np.float32), ys, cv2.INTER_LINEAR)
        yield sight(t, seen, face_at(110.0, 60.0))


def turn_layer(frames, asked=1):
    layer = TurnLayer()
    for k, one in enumerate(frames):
        if k == 8:
            layer.ask(one.at_ms, asked)
        layer.add(one)
    return layer.report()


@pytest.mark.parametrize("side", [-1, 1])
def test_a_head_has_depth(side):
    """Its middle runs ahead, to the side that was asked for."""
    assert turn_layer(turned(solid=True, side=side), side).verdict is LayerVerdict.BONA_FIDE


def test_a_turn_to_the_other_side_is_no_answer():
    """A recording does not know the side."""
    assert turn_layer(turned(solid=True, side=-1), 1).verdict is LayerVerdict.UNDECIDED


def test_a_sheet_turns_like_a_sheet():
    """Narrower, and flat."""
    assert turn_layer(turned(solid=False)).why == "turns_like_a_sheet"


def test_a_sheet_is_measured_where_the_face_is():
    """What a homography says of a far corner is noise, and once called a still head a sheet."""
    to, back = np.eye(3), np.eye(3)
    to[:2, 2], back[:2, 2] = (-160, -120), (160, 120)
    leaning = np.eye(3)
    leaning[2, :2] = (4e-4, -3e-4)

    assert _narrowing(back @ leaning @ to, (160.0, 120.0)) == pytest.approx(1.0)
    assert _narrowing(back @ leaning @ to, (0.0, 0.0)) > 1.08
    squeezed = back @ np.diag([0.9, 1.0, 1.0]) @ to
    assert _narrowing(squeezed, (160.0, 120.0)) == pytest.approx(1 / 0.9)


def test_who_was_not_asked_has_not_failed():
    """Without a prompt the layer cannot run; where one can still come, it waits."""
    layer, patient = TurnLayer(), TurnLayer(can_ask=True)
    for one in turned(solid=True):
        layer.add(one)
        patient.add(one)

    assert layer.report().verdict is LayerVerdict.COULD_NOT_RUN
    assert patient.report().verdict is LayerVerdict.UNDECIDED


# Light --------------------------------------------------------------------------------------------


def lit(*, shown=PLAN, late_ms=80, strength=0.12, room=0.04, facts=LIVE):
    layer = LightLayer(facts)
    layer.begin(PLAN)
    skin = np.zeros((240, 320), np.float32)
    skin[60:180, 110:210] = 1.0
    for t in times(60):
        tint = shown.tint_at(t - late_ms)
        colour = np.array((0.9, 0.9, 0.9) if tint is None else tint.linear[::-1], np.float32)
        share = strength * (skin + room * (1 - skin))[..., None]
        base = np.repeat((0.5 * ROOM + 0.5 * 120)[..., None], 3, axis=2) * (0.85, 0.95, 1.1)
        picture = base * ((1 + share * colour) / (1 + strength)) ** (1 / 2.2)
        layer.add(sight(t, picture.astype(np.float32), face_at(110.0, 60.0), noise=4.0))
    return layer.report()


def test_the_screens_colours_come_back_from_a_face():
    """In order, in time, and far less from the room."""
    assert lit().verdict is LayerVerdict.BONA_FIDE


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ({"late_ms": 320}, "answer_too_late"),
        ({"room": 1.0}, "room_answers_as_much"),
        (
            {"shown": LightPlan((*PLAN.tints[3:], Tint.COOL, Tint.MINT, Tint.WARM), 300)},
            "answer_in_another_order",
        ),
    ],
)
def test_other_light_is_an_attack(how, why):
    """A relay, a print, a recording of another session."""
    report = lit(**how)

    assert (report.verdict, report.why) == (LayerVerdict.ATTACK, why)


def test_a_room_that_answers_on_one_side_is_neither_attack_nor_pass():
    """Hair beside the face answers like it; the room on the other side does not."""
    report = lit(room=np.where(np.arange(320) < 160, 1.0, 0.35)[None, :])

    assert report.verdict is LayerVerdict.COULD_NOT_RUN
    assert report.why == "room_answers_on_one_side"


def test_no_answer_is_no_pass():
    """Daylight or a display: it cannot be told apart, so the layer could not run."""
    report = lit(strength=0.0)

    assert (report.verdict, report.why) == (LayerVerdict.COULD_NOT_RUN, "no_answer_seen")


def _recoloured(change):
    """Let the skin's colour change by itself, by so much at a time."""
    layer = LightLayer(LIVE)
    layer.begin(PLAN)
    for t in times(60):
        picture = np.repeat((0.5 * ROOM + 60)[..., None], 3, axis=2) * (0.85, 0.95, 1.1)
        picture[60:180, 110:210, 2] *= np.exp(change((t - PLAN.start_ms) / PLAN.step_ms))
        layer.add(sight(t, picture.astype(np.float32), face_at(110.0, 60.0), noise=4.0))
    return layer.report()


@pytest.mark.parametrize(
    "change",
    [
        lambda step: 0.03 * np.sin(1.3 * step),
        lambda step: -0.25 * (3.4 < step < 5.2),
    ],
    ids=["a head that turns", "teeth, or skin at the end of the sensor's range"],
)
def test_other_changes_of_colour_are_no_answer_in_another_order(change):
    """A screen's colours jump, and only by as much as a screen can do."""
    report = _recoloured(change)

    assert (report.verdict, report.why) == (LayerVerdict.COULD_NOT_RUN, "no_answer_seen")


def test_without_our_light_it_says_so():
    """A folder of frames, or reduced motion."""
    assert LightLayer(FOLDER).report().why == "no_light_of_ours"
    layer = LightLayer(LIVE)
    layer.cannot("reduced_motion")
    assert layer.report().verdict is LayerVerdict.COULD_NOT_RUN


# Movement -----------------------------------------------------------------------------------------


def smiled(scores, asked_ms=500):
    layer = MovementLayer()
    layer.ask(asked_ms)
    for k, score in enumerate(scores):
        layer.add(sight(100 * k, ROOM, face_at(110.0, 60.0), smile=score))
    return layer


def test_a_smile_after_the_question_is_an_answer():
    """Neutral, then smiling, and held."""
    report = smiled([0.1] * 10 + [0.9] * 6).report()

    assert (report.verdict, report.score) == (LayerVerdict.BONA_FIDE, 500.0)


@pytest.mark.parametrize(
    "scores",
    [
        [0.9] * 30,
        [0.1] * 6 + [0.9] * 10,
        [0.1] * 30,
        [0.1, 0.9] * 9,
        [0.1] * 10 + [0.9, 0.9, 0.7] * 5,
        [0.1] * 10 + [0.9, 0.9, None] * 5,
    ],
)
def test_other_faces_have_not_answered(scores):
    """A smile that was there, came sooner than anybody can, never came, or did not last."""
    assert smiled(scores).report().verdict is LayerVerdict.UNDECIDED


def test_the_button_leaves_the_layer_unable():
    """Who taps was not seen to move; no more and no less."""
    layer = smiled([0.1] * 10)
    layer.tapped()

    assert (layer.report().verdict, layer.report().why) == (
        LayerVerdict.COULD_NOT_RUN,
        "button_used",
    )


# Blink --------------------------------------------------------------------------------------------


def blinking(*, shut, wandering):
    watch = MovementLayer()
    for k, t in enumerate(times(40)):
        picture = ROOM.copy()
        picture[60:180, 110:210] = FACE
        if shut(k):
            for left in (128, 168):
                lid = picture[95:115, left : left + 24]
                picture[95:115, left : left + 24] = np.flipud(lid) * 0.8
        move = np.float32([[1, 0, wandering * k], [0, 1, 0]])
        picture = cv2.warpAffine(picture, move, (320, 240), borderMode=cv2.BORDER_REFLECT)
        watch.add(sight(t, picture, face_at(110.0 + wandering * k, 60.0)))
    return watch.report()


def test_a_blink_is_a_movement():
    """Both eyes change for a moment and come back: no smile is needed for who cannot."""
    report = blinking(shut=lambda k: 18 <= k <= 20, wandering=0.8)

    assert (report.verdict, report.why) == (LayerVerdict.BONA_FIDE, "blinked")


@pytest.mark.parametrize("shut", [lambda _: False, lambda k: k >= 18])
def test_eyes_that_stay_as_they_are_have_not_blinked(shut):
    """A mask that sways; and another picture, which does not change back."""
    assert blinking(shut=shut, wandering=0.8).verdict is LayerVerdict.COULD_NOT_RUN
