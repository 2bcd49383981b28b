"""New samples of the same person: nobody else's account, and the old ones are gone."""

from __future__ import annotations

import numpy as np
import pytest

from kiosk.domain.errors import SmileTillError
from kiosk.domain.evidence import CameraKind
from kiosk.faces.desk.ports import CaptureRefusal, Samples
from kiosk.link.protocol import CameraSpec, EnrolRefused, Progress
from kiosk.link.staff_desk import Reenrolled, ReenrolPerson
from tests.fakes.desk import samples
from tests.fakes.people import PACK, unit, vectors
from tests.fakes.shop import STAFF, Shop

CAMERA = CameraSpec(CameraKind.FRAME_FOLDER, path="/frames")


@pytest.fixture
def shop(data_dir):
    opened = Shop(data_dir)
    yield opened
    opened.close()


def another_day(seed: int) -> Samples:
    """Return samples of the same made-up face that score .95 with the first ones."""
    template = unit(vectors(seed).mean(axis=0))
    across = unit(vectors(seed + 500).mean(axis=0))
    across = unit(across - (across @ template) * template)
    made = unit(0.95 * template + (1 - 0.95**2) ** 0.5 * across)
    return Samples(made, np.stack([made, template]), 12, 91)


def again(shop, person, captured):
    shop.capture.result = captured
    return shop.ask(ReenrolPerson(person, CAMERA))


def test_new_samples_stand_and_everything_else_stays(shop):
    """Searched at once and after a restart; name, number, mandate, consent and id as before."""
    person = shop.enrol(1).person
    before, new = shop.vault.get(person), another_day(1)
    answer = again(shop, person, new)

    assert isinstance(answer, Reenrolled)
    assert (person, 12, 91) == (answer.person, answer.samples, answer.quality)
    assert 0.95 == pytest.approx(answer.score, abs=0.01)
    asked = len(shop.money.asked)
    for _ in range(2):
        (best,) = shop.gallery.search(PACK, another_day(1).template)
        assert (person, pytest.approx(1.0, abs=1e-4)) == (best.person, best.score)
        after = shop.vault.get(person)
        assert (before.name, before.phone, before.alias, before.consent) == (
            after.name,
            after.phone,
            after.alias,
            after.consent,
        )
        shop.restart()
    assert asked == len(shop.money.asked)


def test_somebody_else_does_not_get_at_the_account(shop):
    """A stranger's face before the camera changes nothing."""
    person = shop.enrol(1).person
    answer = again(shop, person, samples(2))

    assert isinstance(answer, EnrolRefused)
    assert "not_the_same" == answer.reason
    (best,) = shop.gallery.search(PACK, samples(1).template)
    assert best.score == pytest.approx(1.0, abs=1e-4)


def test_a_refused_capture_and_hanging_up_change_nothing(shop):
    """The old samples stand until the new ones are whole."""
    person = shop.enrol(1).person
    version = shop.vault.head(person)
    assert EnrolRefused("too_dark", "x") == again(shop, person, CaptureRefusal("too_dark", "x"))
    for steps in range(1, 6):
        shop.capture.result = another_day(1)
        conversation = shop.desk.handle(STAFF, ReenrolPerson(person, CAMERA))
        for _ in range(steps):
            assert isinstance(next(conversation), Progress)
        conversation.close()

    assert version == shop.vault.head(person)
    assert shop.capture.opened == shop.capture.closed


@pytest.mark.parametrize("state", ["freeze", "pause"])
def test_whoever_is_not_searched_gets_no_new_samples(shop, state):
    """They are thawed or resume first; the camera stays closed."""
    person = shop.enrol(1).person
    opened = shop.capture.opened
    getattr(shop.vault, state)(person)

    with pytest.raises(SmileTillError) as caught:
        again(shop, person, another_day(1))
    assert "person_state" == caught.value.code
    assert opened == shop.capture.opened
