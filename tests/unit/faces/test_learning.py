"""What a visit paid by face and PIN teaches: a new pack, a live face, or an adaptive template."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import numpy as np
import pytest

from kiosk.domain.consent import Basis, ConsentKind
from kiosk.domain.identification import Thresholds
from kiosk.domain.order import Outcome
from kiosk.domain.session import effects as fx
from kiosk.faces.learning import WAITING_MAX, Learning, learn_from, learn_nothing
from kiosk.faces.paired_eyes import PairedEyes
from kiosk.faces.teller import Teller
from kiosk.faces.vision.detector import Face
from kiosk.faces.vision.lesson import Lesson, Sample, lesson_of, overlap
from kiosk.faces.vision.quality import Quality
from kiosk.link.visits import ShowQueue
from tests.fakes.desk import samples
from tests.fakes.people import PACK, unit, vectors
from tests.fakes.shop import Shop
from tests.unit.faces.desk.test_packs import NEW, PackShop

GOOD = Quality(70.0, 0.0, 0.57, 0.0, 0.4, 120.0, 40.0)
LIMITS = Thresholds(0.8, 0.6, 0.4, "made")


def lesson(
    seed: int = 1, pack: str = PACK, score: float = 1.0, quality: int = 80, *, proven: bool = True
) -> Lesson:
    """Return what a visit of made-up face `seed` teaches, that unlike to its reference."""
    mean = samples(seed).template
    other = np.random.default_rng(99).normal(size=len(mean))
    other -= (other @ mean) * mean
    seen = unit(score * mean + np.sqrt(1 - score**2) * unit(other))
    return Lesson(pack, seen, vectors(seed), 4, quality, proven)


def never() -> bool:
    return False


def learn(shop: Shop, person: str, *lessons: Lesson, adapt: bool = True) -> list[str]:
    """Let a visit teach; return what the audit log says of it."""
    known = len(list(shop.audit.entries()))
    learning = Learning(shop.tools, lambda _pack: LIMITS, adapt=adapt)
    learning.note(person, lessons)
    learning.care(never)
    assert not any(it.mean.any() or it.kept.any() for it in lessons), "the vectors are overwritten"
    return [entry.what for entry in list(shop.audit.entries())[known:]]


@pytest.fixture
def shop(data_dir):
    opened = PackShop(data_dir)
    yield opened
    opened.close()


def test_a_clear_visit_is_searched_with_from_then_on_once_a_week(shop):
    """And only with the owner's word for it; without, what was there is destroyed."""
    ada = shop.enrol(1).person
    day = datetime(2026, 12, 1, tzinfo=UTC)
    shop.tools = dataclasses.replace(shop.tools, now=lambda: day)
    assert [] == learn(shop, ada, lesson(score=0.8), adapt=False)
    before = shop.gallery.search(PACK, lesson(score=0.8).mean)[0].score

    assert ["adapted"] == learn(shop, ada, lesson(score=0.81))
    assert before + 0.02 < shop.gallery.search(PACK, lesson(score=0.8).mean)[0].score
    day += timedelta(days=6)
    assert [] == learn(shop, ada, lesson(score=0.81))
    day += timedelta(days=1)
    assert ["adapted"] == learn(shop, ada, lesson(score=0.81))

    Learning(shop.tools, lambda _pack: LIMITS, adapt=False).care(never)
    assert before == pytest.approx(shop.gallery.search(PACK, lesson(score=0.8).mean)[0].score)
    assert () == shop.vault.adapted()


@pytest.mark.parametrize(
    "unfit",
    [
        lesson(score=0.79),
        lesson(quality=69),
        lesson(pack=NEW),
        lesson(seed=2),
        lesson(proven=False),
    ],
    ids=["below the strictest threshold", "poor", "of another pack", "somebody else", "not proven"],
)
def test_what_is_not_clear_adds_nothing(shop, unfit):
    """The strictest threshold against the anchor, the quality of the enrolment, the same pack."""
    ada = shop.enrol(1).person

    assert [] == learn(shop, ada, unfit)
    assert () == shop.vault.adapted()


def test_people_who_are_left_to_staff_learn_nothing(shop):
    """Look-alikes, reported people, frozen ones, erased ones, and a face like somebody else's."""
    ada, ben = shop.enrol(1).person, shop.enrol(2).person
    shop.vault.amend(ada, pin_always="wrong_person")
    assert [] == learn(shop, ada, lesson())
    shop.vault.amend(ada, pin_always="", look_alikes=(ben,))
    assert [] == learn(shop, ada, lesson())
    shop.vault.amend(ada, look_alikes=())
    shop.vault.freeze(ada)
    assert [] == learn(shop, ada, lesson())
    assert [] == learn(shop, "p0", lesson())
    shop.vault.activate(ada)
    shop.tools = dataclasses.replace(shop.tools, look_alike_from=lambda _pack: -1.0)
    assert [] == learn(shop, ada, lesson())


def test_somebody_of_the_old_pack_is_moved_by_a_visit(shop):
    """The new reference is what the new pack saw; the queue shrinks, also without adaptation."""
    ada, ben = shop.enrol(1).person, shop.enrol(2).person
    shop.tools = dataclasses.replace(shop.tools, look_alike_from=lambda _pack: 0.6)
    shop.room.name = "mobileface"
    assert 2 == shop.ask(ShowQueue()).waiting
    assert [] == learn(shop, ada, lesson(), adapt=False)
    assert [] == learn(shop, ada, lesson(score=0.59), lesson(3, NEW), adapt=False)

    assert ["pack_moved"] == learn(shop, ada, lesson(score=0.61), lesson(3, NEW), adapt=False)
    moved = shop.vault.get(ada)
    assert (NEW, 4, 80) == (moved.pack, moved.sample_count, moved.quality)
    assert [ada] == [it.person for it in shop.gallery.search(NEW, samples(3).template)]
    assert [ben] == [it.person for it in shop.ask(ShowQueue()).entries]
    # Whom the new pack takes for somebody else stays on the queue.
    assert [] == learn(shop, ben, lesson(2), lesson(3, NEW), adapt=False)


@pytest.mark.parametrize(("score", "reason"), [(0.61, ""), (0.59, "imported")])
def test_somebody_who_was_imported_has_been_seen_live(shop, score, reason):
    """If the face agrees with the pictures at least as well as a payment with digits asks for."""
    ada = shop.enrol(1).person
    shop.vault.amend(ada, pin_always="imported")

    assert [] == learn(shop, ada, lesson(proven=False), adapt=False)
    told = learn(shop, ada, lesson(score=score), adapt=False)
    assert ([] if reason else ["imported_seen"]) == told
    assert reason == shop.vault.head(ada).pin_always


def test_what_waits_is_bounded_and_judged_at_the_end(shop):
    """The oldest is dropped and overwritten; closing judges the rest."""
    ada = shop.enrol(1).person
    learning = Learning(shop.tools, lambda _pack: LIMITS, adapt=True)
    noted = [lesson() for _ in range(WAITING_MAX + 1)]
    for one in noted:
        learning.note(ada, [one])

    assert [False] + WAITING_MAX * [True] == [bool(one.mean.any()) for one in noted]
    learning.close()
    assert (ada,) == shop.vault.adapted()
    assert not any(one.mean.any() for one in noted)


@pytest.mark.parametrize("outcome", [Outcome.PAID, Outcome.NOT_PAID])
@pytest.mark.parametrize("token", ["t", None])
@pytest.mark.parametrize("verdict", [object(), None])
def test_only_a_payment_by_face_and_pin_is_a_visit_to_learn_from(outcome, token, verdict):
    """And it is one once: whatever is seen after it is not of that payment."""
    people = SimpleNamespace(alias=str, keep_evidence=lambda *_: None, used=lambda _: None)
    answer = SimpleNamespace(outcome=outcome, reason="")
    money = SimpleNamespace(authorise=lambda *_, **__: answer)
    teller = Teller(money, people, SimpleNamespace(order_id="o1"), "n")
    eyes = SimpleNamespace(lessons=lambda person: (person,))
    taught: list[object] = []

    def note(person, lessons):
        taught.append((person, lessons))

    learn_from(teller, eyes, note)
    teller.answer(fx.Authorise("p1", Basis.FACE, ConsentKind.SMILE, token, verdict))
    learn_from(teller, eyes, note)
    learn_from(teller, eyes, note)

    is_one = outcome is Outcome.PAID and token is not None and verdict is not None
    assert ([("p1", ("p1",))] if is_one else []) == taught


def test_a_lesson_is_made_where_an_enrolment_would_be():
    """Three samples, all alike; the vectors are copies."""
    alike = [Sample(100 * k, vector, GOOD) for k, vector in enumerate(vectors(1))]
    strange = Sample(900, -vectors(1)[2], GOOD)

    assert lesson_of(PACK, alike[:2]) is None
    assert lesson_of(PACK, [*alike[:2], strange]) is None
    made = lesson_of(PACK, alike)
    assert made is not None
    assert (4, 4) == (made.count, len(made.kept))
    learn_nothing("p1", [made])
    assert all(sample.vector.any() for sample in alike)


def face(x: float, width: float = 100.0) -> Face:
    return Face(x, 50.0, width, width, 0.9, np.zeros((5, 2), np.float32))


def test_two_boxes_are_one_face_where_they_mostly_overlap():
    """Another detector's size of box is, a neighbour is not."""
    assert 1.0 == overlap(face(0), face(0))
    assert 0.4 <= overlap(face(0), face(10, 80.0))
    assert 0.0 == overlap(face(0), face(100))


def test_the_other_pack_teaches_of_the_identified_face_only():
    """Nothing before somebody is chosen, nothing of anybody else."""
    own, other, asked = lesson(), lesson(3, NEW), []
    chosen = SimpleNamespace(
        lessons=lambda person: (own,) if person == "p1" else (), places=lambda: {0: face(0)}
    )
    beside = SimpleNamespace(lesson_at=lambda places: asked.append(places) or other)
    paired = PairedEyes([beside, chosen])

    assert () == paired.lessons("p1")
    paired._chosen = chosen
    assert ((), []) == (paired.lessons("p2"), asked)
    assert (own, other) == paired.lessons("p1")
    assert [[0]] == [list(places) for places in asked]
