"""The gallery's own tail: it only ever raises a payment's thresholds, and twins do not raise it."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.domain.errors import SetupError
from kiosk.domain.identification import Decision, ImpostorTail, SearchPolicy, thresholds
from kiosk.domain.ids import PackId, PersonId
from kiosk.faces import gallery_tail
from kiosk.faces.gallery_tail import (
    PEOPLE_MIN,
    PUT_OFF_MAX,
    GalleryTails,
    compare,
    tail_of,
    twins_max,
)
from kiosk.faces.paired_eyes import eyes_of
from kiosk.faces.vault.errors import PersonUnknownError
from kiosk.faces.vault.gallery import Gallery
from kiosk.faces.vision import room as rooms
from kiosk.faces.vision.judgement import FrameJudgement
from kiosk.faces.vision.room import VisionRoom
from models.store import use
from tests.fakes.people import PACK, unit

DIMENSION = 64
LARGE = ImpostorTail(
    "made", 0.3, -0.1, 0.04, 9_000_000, 9_000, 1e-7, ((0.05, 0.2), (1e-3, 0.35), (1e-7, 0.6))
)


def vectors(people: int, alike: float = 0.0, seed: int = 1):
    """Faces that share a part of their vector; with 0 they are as strange as chance has them."""
    own = unit(np.random.default_rng(seed).normal(size=(people, DIMENSION)))
    shared = unit(np.random.default_rng(0).normal(size=DIMENSION))
    return unit(np.sqrt(1 - alike**2) * own + alike * shared)


def someone(number: int, vector, pack: PackId = PACK):
    return SimpleNamespace(
        person=PersonId(f"p{number:04}"), pack=pack, template=vector, phone=f"4477{number:06}"
    )


def gallery_of(faces, pack: PackId = PACK) -> Gallery:
    gallery = Gallery()
    for number, vector in enumerate(faces):
        gallery.add(someone(number, vector, pack))
    return gallery


def tails_of(gallery: Gallery, links=None, **more) -> GalleryTails:
    links = links or {}
    return GalleryTails(gallery, lambda _pack: (LARGE,), lambda who: links.get(who, ()), **more)


def cared(gallery: Gallery, links=None, **more) -> GalleryTails:
    tails = tails_of(gallery, links, **more)
    tails.care(lambda: False)
    return tails


def scores_of(faces):
    scores = compare(faces)
    assert scores is not None
    return scores


def linked_of(people: int, *pairs):
    linked = np.zeros((people, people), np.bool_)
    for one, other in pairs:
        linked[one, other] = linked[other, one] = True
    return linked


@pytest.mark.parametrize(("people", "count"), [(PEOPLE_MIN - 1, 0), (PEOPLE_MIN, 1)])
def test_few_people_say_nothing(people, count):
    """The calibration sets decide alone until there are enough."""
    assert count == len(cared(gallery_of(vectors(people))).of(PACK))


def test_everybody_is_compared_with_everybody_else():
    """In blocks, each pair once, with the score that a search gives."""
    faces = vectors(150)
    scores = scores_of(faces)

    assert list(zip(scores.probe, scores.reference, strict=True)) == list(
        itertools.combinations(range(150), 2)
    )
    assert scores.score == pytest.approx((faces @ faces.T)[scores.probe, scores.reference])


@settings(max_examples=12, deadline=None)
@given(
    st.integers(PEOPLE_MIN, 60),
    st.floats(0, 0.95),
    st.integers(0, 2**31),
    st.integers(1, 10**6),
)
def test_no_threshold_is_ever_lower_for_it(people, alike, seed, size):
    """Whoever the people are: the worst tail wins."""
    tail = tail_of(scores_of(vectors(people, alike, seed)), linked_of(people), LARGE)
    assert tail is not None
    alone = thresholds(size, SearchPolicy(), [LARGE])
    both = thresholds(size, SearchPolicy(), [LARGE, tail])

    assert both.open >= alone.open
    assert both.digits >= alone.digits
    assert both.pin >= alone.pin


def test_twins_who_are_kept_apart_by_their_pins_raise_nobodys_threshold():
    """A linked pair is left out, whatever it scores; the same pair without a link counts."""
    plain = scores_of(vectors(30))
    lifted = scores_of(vectors(30))
    lifted.score[0] = 0.97

    flagged = tail_of(lifted, linked_of(30, (0, 1)), LARGE)
    unflagged = tail_of(lifted, linked_of(30), LARGE)
    assert flagged == tail_of(plain, linked_of(30, (0, 1)), LARGE)
    assert unflagged.score_at(1e-3) > flagged.score_at(1e-3)


def test_more_look_alikes_than_chance_makes_are_no_twins():
    """A gallery of people who are alike is not made harmless by linking them all."""
    people = 30
    alike = [(one, one + 1) for one in range(0, people, 2)]
    scores = scores_of(vectors(people))
    assert len(alike) > twins_max(len(scores.score))
    lifted = linked_of(people, *alike)[scores.probe, scores.reference]
    scores.score[lifted] = 0.9

    assert tail_of(scores, linked_of(people, *alike), LARGE) == tail_of(
        scores, linked_of(people), LARGE
    )


@pytest.mark.parametrize("people", [PEOPLE_MIN, 100, 1_000])
def test_one_pair_of_twins_is_always_allowed(people):
    """In the smallest gallery too; and never more than one pair in fifty."""
    pairs = people * (people - 1) // 2

    assert 1 <= twins_max(pairs) <= pairs / 50


def test_links_are_read_by_person_and_count_on_either_side():
    """Whoever is erased meanwhile is passed over."""
    faces = vectors(30)
    faces[1] = unit(faces[0] + 0.02 * faces[1])

    def links(who):
        if who == "p0005":
            raise PersonUnknownError
        return ("p0000", "p9999") if who == "p0001" else ()

    tails = GalleryTails(gallery_of(faces), lambda _pack: (LARGE,), links)
    tails.care(lambda: False)
    (flagged,) = tails.of(PACK)
    (unflagged,) = cared(gallery_of(faces)).of(PACK)

    assert (434, 435) == (flagged.comparisons, unflagged.comparisons)
    assert unflagged.score_at(1e-3) > flagged.score_at(1e-3)


def test_many_people_are_drawn_by_lot_and_no_more_than_that():
    """Of each block of the gallery somebody; the same people for the same seed."""
    faces = vectors(300)
    gallery = gallery_of(faces)
    drawn, again = gallery.draw(PACK, 40, 5), gallery.draw(PACK, 40, 5)

    assert (40, DIMENSION) == drawn.vectors.shape
    assert drawn.people == again.people
    assert len(set(drawn.people)) == 40
    for person, vector in zip(drawn.people, drawn.vectors, strict=True):
        assert np.array_equal(vector, faces[int(person[1:])])
    (tail,) = cared(gallery, people_max=40).of(PACK)
    assert 40 * 39 // 2 == tail.comparisons


@pytest.fixture
def computed(monkeypatch):
    """Every computation, with what was drawn for it."""
    made = []
    monkeypatch.setattr(
        gallery_tail,
        "compare",
        lambda vectors, _stopping: made.append(vectors) or SimpleNamespace(),
    )
    monkeypatch.setattr(gallery_tail, "tail_of", lambda *_: LARGE)
    return made


def test_it_is_computed_again_when_a_twentieth_came_or_went(computed):
    """At first, then after five of a hundred; the last one stays until then."""
    faces = vectors(110)
    gallery = gallery_of(faces[:100])
    tails = cared(gallery)
    assert 1 == len(computed)

    for number in range(100, 104):
        gallery.add(someone(number, faces[number]))
        tails.care(lambda: False)
    assert 1 == len(computed)
    assert (LARGE,) == tails.of(PACK)
    gallery.remove(PersonId("p0000"))
    gallery.remove(PersonId("p0001"))
    tails.care(lambda: False)
    assert 2 == len(computed)


def test_whoever_pays_is_not_disturbed_but_the_new_tail_comes(computed):
    """It is put off while somebody is before the camera, so many times; the first one is not."""
    faces = vectors(31)
    gallery = gallery_of(faces[:30])
    tails = cared(gallery, is_idle=lambda: False)
    assert 1 == len(computed)

    gallery.add(someone(30, faces[30]))
    gallery.remove(PersonId("p0000"))
    for _ in range(PUT_OFF_MAX):
        tails.care(lambda: False)
    assert 1 == len(computed)
    tails.care(lambda: False)
    assert 2 == len(computed)


def test_too_few_who_are_left_say_nothing_any_more(computed):
    """Whoever has gone does not count on."""
    gallery = gallery_of(vectors(PEOPLE_MIN))
    tails = cared(gallery)
    gallery.remove(PersonId("p0000"))
    tails.care(lambda: False)

    assert 1 == len(computed)
    assert () == tails.of(PACK)


def test_the_copies_are_overwritten(computed):
    """Those that were drawn, after it is computed and when it fails."""
    gallery = gallery_of(vectors(30))
    cared(gallery)
    with pytest.raises(SetupError):
        failing(gallery).care(lambda: False)

    assert 1 == len(computed)
    assert not computed[0].any()
    assert 30 == gallery.size(PACK)


def test_nothing_is_computed_or_kept_when_told_to_stop():
    """A process that ends does not wait for it, and keeps nothing."""
    told = iter([False, True])
    tails = tails_of(gallery_of(vectors(30)))
    tails.care(lambda: next(told))
    assert () == tails.of(PACK)

    tails.care(lambda: False)
    assert 1 == len(tails.of(PACK))
    tails.close()
    assert () == tails.of(PACK)
    tails.care(lambda: False)
    assert () == tails.of(PACK)


def failing(gallery: Gallery, tries: list[int] | None = None, fails: int = 10**6) -> GalleryTails:
    """Tails whose pack cannot be read so many times."""
    tries = [] if tries is None else tries

    def calibration(_pack):
        tries.append(1)
        if len(tries) <= fails:
            raise SetupError("Gone.", code="pack_missing", mend="Bring it.")
        return (LARGE,)

    return GalleryTails(gallery, calibration, lambda _who: ())


def test_a_pack_that_is_missing_is_tried_again_once_somebody_looks_with_it(computed):
    """Not at every look: finding a pack reads all its files."""
    tries = []
    tails = failing(gallery_of(vectors(30)), tries, fails=1)
    with pytest.raises(SetupError):
        tails.care(lambda: False)
    tails.care(lambda: False)
    assert 1 == len(tries)

    assert () == tails.of(PACK)
    tails.care(lambda: False)
    assert 2 == len(tries)
    assert (LARGE,) == tails.of(PACK)
    assert 1 == len(computed)


def test_people_whose_scores_have_no_tail_are_left_to_the_calibration_sets():
    """The same vector many times is no gallery of people."""
    faces = np.repeat(np.eye(1, DIMENSION, dtype=np.float32), 25, axis=0)

    assert () == cared(gallery_of(faces)).of(PACK)


# From the gallery to what a payment asks ----------------------------------------------------------


class Pipeline:
    """Always sees the same face."""

    def __init__(self, pack, **_) -> None:
        self.pack = pack
        self.face = None

    def judge(self, frame):
        return FrameJudgement(
            index=0,
            at_ms=frame.at_ms,
            track=1,
            reason=None,
            face=None,
            quality=None,
            pad_score=0.99,
            embedding=self.face.copy(),
        )

    def wipe(self):
        pass


def looked_at(room: VisionRoom, gallery: Gallery, pack: PackId, face):
    """Look at a face as a payment does; what it came to."""
    picture = np.zeros((240, 320, 3), np.uint8)
    with room.visit(pack) as sight:
        sight.pipeline.face = face
        eyes = eyes_of([sight], gallery)
        for number in range(12):
            found = eyes.look(SimpleNamespace(image=picture, at_ms=100 * number)).identification
            if found is not None:
                return found
        return eyes.finish().identification


def test_a_gallery_of_people_who_are_alike_asks_more_of_everybody(tmp_path, monkeypatch):
    """Strangers more alike than the calibration sets know: a face that was enough is not, then.

    What is measured at enrolment stays as it was, so that no fewer people are found alike.
    """
    monkeypatch.setattr(rooms, "Pipeline", Pipeline)
    pack = PackId(use("sandbox", tmp_path).id)
    room = VisionRoom(tmp_path)
    before = room.tails(pack)
    faces = vectors(40, alike=0.93, seed=3)
    gallery = gallery_of(faces, pack)
    other = unit(np.random.default_rng(9).normal(size=DIMENSION))
    limits = thresholds(40, SearchPolicy(), before)
    reached = limits.open + 0.02
    assert reached < 1
    away = unit(other - (other @ faces[0]) * faces[0])
    visitor = unit(reached * faces[0] + np.sqrt(1 - reached**2) * away)
    assert (
        Decision.IDENTIFIED is looked_at(room, gallery_of(faces[:1], pack), pack, visitor).decision
    )

    tails = GalleryTails(gallery, room.tails, lambda _who: (), lambda: room.is_free)
    room.beside = tails.of
    tails.care(lambda: False)
    found = looked_at(room, gallery_of(faces[:1], pack), pack, visitor)

    assert found.decision is not Decision.IDENTIFIED
    assert "gallery" == found.thresholds.worst_open
    assert found.thresholds.open > limits.open
    assert before == room.tails(pack)
    gallery.close()


def test_a_room_says_whether_somebody_is_in_it(tmp_path, monkeypatch):
    """So that what can wait does."""
    monkeypatch.setattr(rooms, "Pipeline", Pipeline)
    room = VisionRoom(tmp_path)
    pack = PackId(use("sandbox", tmp_path).id)
    assert room.is_free
    with room.visit(pack):
        assert not room.is_free
    assert room.is_free
