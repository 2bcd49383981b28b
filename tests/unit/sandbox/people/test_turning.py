"""A live customer who is asked to turn the head, as the turn layer sees them.

Regression tests of the drawings and of the layer, not error rates of anything.
"""

from __future__ import annotations

import dataclasses

import pytest

from kiosk.domain.headturn import ANSWER_MS, Side
from kiosk.domain.pad import LayerVerdict
from kiosk.faces.camera.port import Frame
from kiosk.faces.vision.pad.sight import sight_of
from kiosk.faces.vision.pad.turn import TurnLayer
from kiosk.faces.vision.pipeline import Pipeline
from kiosk.sandbox.people.live import LiveScene
from models.manifest import SHIPPED_DIR, load_pack

pytestmark = [pytest.mark.slow, pytest.mark.vision]

PERSON = 0
ANSWER_AFTER_MS = 600
EVERY_S = 1 / 15


class Time:
    """A clock that the test turns."""

    now_s = 0.0

    def clock(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


@pytest.fixture(scope="module")
def pipeline():
    with Pipeline(load_pack(SHIPPED_DIR / "sandbox")) as made:
        yield made


def asked(crowd, pipeline, side, answer):
    """Ask for a turn to a side, have the person turn to another or to none; return the layer."""
    time = Time()
    live = LiveScene(crowd, clock=time.clock, sleep=time.sleep)
    live.tell("person", PERSON)
    layer = TurnLayer(can_ask=True)
    first = live.after(-1)
    pipeline.wipe()
    found = pipeline.judge(Frame(first.image, 0, first.at_ms))
    assert found.face is not None
    told = answer is None
    for number in range(int(ANSWER_MS / 1_000 / EVERY_S)):
        time.now_s += EVERY_S
        picture = live.after(-1)
        # Where the face was when it was asked is all that the layer needs of it.
        judged = dataclasses.replace(found, at_ms=picture.at_ms)
        layer.add(sight_of(Frame(picture.image, picture.index, picture.at_ms), judged))
        if number == 0:
            layer.ask(picture.at_ms, side.in_picture)
        if not told and picture.at_ms >= ANSWER_AFTER_MS:
            told = True
            live.tell(f"turn_{answer.value}", None)
        if layer.report().verdict is LayerVerdict.BONA_FIDE:
            break
    return layer.report()


@pytest.mark.parametrize("side", Side)
def test_who_turns_to_the_side_that_was_asked_for_is_seen_to_have_depth(crowd, pipeline, side):
    """Within the time there is."""
    assert asked(crowd, pipeline, side, side).verdict is LayerVerdict.BONA_FIDE


@pytest.mark.parametrize("answer", [None, Side.RIGHT], ids=["not at all", "to the other side"])
def test_who_does_not_turn_is_no_attack(crowd, pipeline, answer):
    """Whoever cannot, or mistakes left for right, has only not answered; the PIN is asked."""
    report = asked(crowd, pipeline, Side.LEFT, answer)

    assert (report.verdict, report.why) == (LayerVerdict.UNDECIDED, "not_turned_yet")
