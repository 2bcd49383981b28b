"""The eyes and the turned head: who is asked, what the looks tell, and that a swap is a swap."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from kiosk.domain.evidence import CameraKind, PadVerdict
from kiosk.domain.headturn import Side, TurnPlan
from kiosk.domain.identification import Decision
from kiosk.domain.ids import PersonId
from kiosk.domain.lightcode import LightPlan, Tint
from kiosk.domain.pad import Layer, LayerReport, LayerVerdict
from kiosk.faces.camera.port import Frame
from kiosk.faces.eyes import RECORDED
from kiosk.faces.paired_eyes import PairedEyes
from kiosk.faces.terminal import RoomLooker
from kiosk.faces.vision.pad.sight import CameraFacts
from kiosk.link.protocol import CameraSpec
from tests.fakes.judging import PICTURE, Pipeline, eyes_of

ADA = PersonId("ada")
ASKED = CameraFacts.of(CameraKind.SIMULATED, screen=True)
EVERY_MS = 120


def eyes(pipeline, facts=ASKED, *, known=True):
    return eyes_of("made@1", pipeline, *([ADA] if known else []), facts=facts)


def watch(seeing, frames, since=0):
    for k in range(since, since + frames):
        look = seeing.look(Frame(PICTURE, k, k * EVERY_MS))
    return look


def told(verdict):
    return lambda: LayerReport(Layer.TURN, verdict, "told")


@pytest.mark.parametrize(
    ("kind", "screen", "asked"),
    [
        (CameraKind.DEVICE, True, True),
        (CameraKind.SIMULATED, True, True),
        (CameraKind.DEVICE, False, False),
        (CameraKind.VIDEO_FILE, True, False),
        (CameraKind.FRAME_FOLDER, True, False),
    ],
)
def test_only_who_sees_a_screen_can_be_asked(kind, screen, asked):
    """A recording reads nothing, and without a screen nothing can be read."""
    assert CameraFacts.of(kind, screen=screen).asked is asked


@pytest.mark.parametrize(("facts", "part"), [(ASKED, "waiting"), (RECORDED, "missing")])
def test_a_layer_that_can_ask_waits_and_one_that_cannot_is_missing(facts, part):
    """So the session knows whether it is worth while to ask."""
    liveness = watch(eyes(Pipeline(), facts), 3).liveness

    assert Layer.TURN in getattr(liveness, part)


def test_the_looks_tell_the_side_once_it_is_asked():
    """To the layer in the picture's words, to the screen in the customer's."""
    seeing = eyes(Pipeline())
    assert watch(seeing, 8).turn is None
    asked = []
    seeing._panel.turn.ask = lambda at_ms, side: asked.append((at_ms, side))
    plan = TurnPlan(Side.LEFT, 960)
    seeing.ask_turn(plan)

    assert watch(seeing, 1, 8).turn is plan
    assert asked == [(960, 1)]
    seeing.wipe()
    assert watch(seeing, 1).turn is None


@pytest.mark.parametrize("kind", [eyes, lambda pipeline: PairedEyes([eyes(pipeline)])])
def test_only_who_was_identified_can_be_asked(kind):
    """Neither a stranger, nor another face after a pause, before it is known again."""
    pipeline = Pipeline()
    seeing = kind(pipeline)
    assert not seeing.can_turn(0)
    assert watch(seeing, 8).identification.decision is Decision.IDENTIFIED
    assert seeing.can_turn(960)
    seeing.look_again()
    pipeline.track = 2
    look = watch(seeing, 1, 8)
    assert not look.track_changed
    assert look.unsure
    assert not seeing.can_turn(1_080)
    assert not watch(seeing, 8, 9).unsure
    assert seeing.can_turn(2_040)


def test_nobody_is_asked_while_the_screen_shines():
    """A turned head would be lit otherwise."""
    seeing = eyes(Pipeline())
    watch(seeing, 8)
    plan = LightPlan((Tint.WARM, Tint.COOL, Tint.ROSE), 900)
    seeing.shine(plan)

    assert not seeing.can_turn(plan.end_ms - 1)
    assert seeing.can_turn(plan.end_ms)


def test_another_face_in_the_turn_is_another_face():
    """Also where a pause before it allowed a new track to be found the same again."""
    pipeline = Pipeline()
    seeing = eyes(pipeline)
    watch(seeing, 8)
    seeing.look_again()
    seeing.ask_turn(TurnPlan(Side.RIGHT, 960))
    pipeline.track = 2

    assert watch(seeing, 1, 8).track_changed


def test_a_sheet_that_turns_is_an_attack_with_its_own_reason():
    """Whatever the networks on single frames say."""
    seeing = eyes(Pipeline())
    watch(seeing, 8)
    seeing.ask_turn(TurnPlan(Side.RIGHT, 960))
    seeing._panel.turn.report = told(LayerVerdict.ATTACK)
    look = watch(seeing, 1, 8)

    assert (look.pad, look.hint) == (PadVerdict.ATTACK, "pad_turn")


class FakeEyes:
    """Can be asked when the test says so."""

    def __init__(self) -> None:
        self.known = self.wants_light = False
        self.plans = []
        self.shines = 0

    def can_turn(self, _at_ms):
        return self.known

    def shine(self, _plan):
        self.shines += 1

    def look(self, frame):
        return frame.at_ms

    def look_again(self):
        pass

    def ask_turn(self, plan):
        self.plans.append(plan)


@pytest.fixture
def looker(tmp_path):
    made = RoomLooker(None, None, tuple, CameraSpec(CameraKind.DEVICE), tmp_path)
    made._eyes = FakeEyes()
    made._exposure = SimpleNamespace(lets_shine=True, look=lambda eyes, frame: eyes.look(frame))
    made._frames = iter([Frame(PICTURE, k, k * EVERY_MS) for k in range(8)])
    return made


def test_the_side_is_drawn_when_the_right_face_is_there(looker):
    """Once, for the frame that is looked at next."""
    looker.look()
    looker.ask_turn()
    looker.look()
    assert looker._eyes.plans == []
    looker._eyes.known = True
    looker.look()
    looker.look()

    (plan,) = looker._eyes.plans
    assert plan.start_ms == 2 * EVERY_MS
    assert plan.side in Side


def test_a_question_that_was_not_put_is_dropped_after_a_pause(looker):
    """Whoever has typed the PIN instead is not asked behind their back."""
    looker.ask_turn()
    looker.look()
    looker.look_again()
    looker._eyes.known = True
    looker.look()

    assert looker._eyes.plans == []


def test_nothing_is_asked_while_the_exposure_changes(looker):
    """Points cannot be followed through it."""
    looker._eyes.known = True
    looker._exposure.lets_shine = False
    looker.ask_turn()
    looker.look()
    assert looker._eyes.plans == []
    looker._exposure.lets_shine = True
    looker.look()

    assert len(looker._eyes.plans) == 1


def test_no_colours_begin_once_a_turn_is_asked(looker):
    """Not before somebody has typed the PIN, either."""
    looker._eyes.wants_light = True
    looker.ask_turn()
    looker.look()
    assert looker._eyes.shines == 0
    looker.look_again()
    looker.look()

    assert looker._eyes.shines == 1
