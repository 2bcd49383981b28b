"""Two packs at once: one verdict, a stranger's chance shared out, and nobody for two at once."""

from __future__ import annotations

import pytest

from kiosk.domain.evidence import PadVerdict
from kiosk.domain.identification import (
    Decision,
    DecisionReason,
    Identification,
    SearchPolicy,
    Thresholds,
)
from kiosk.domain.session.look import Look
from kiosk.faces.paired_eyes import WAIT_FRAMES_MAX, PairedEyes, shared_out

LIMITS = Thresholds(0.7, 0.6, 0.5, "lfw")


def verdict(decision: Decision, person: str | None = None) -> Identification:
    return Identification(decision, DecisionReason.CLEAR, person, 0.8, 0.3, LIMITS)


def look(found: Identification | None = None, pad: PadVerdict = PadVerdict.BONA_FIDE) -> Look:
    return Look(pad, found, "", 0.5)


class ScriptedEyes:
    """Eyes that say what the test wants, one look after the other, then the last one again."""

    def __init__(self, *looks: Look, claimed: Identification | None = None) -> None:
        self.looks = list(looks)
        self.claimed = claimed
        self.seen = self.wiped = self.again = 0
        self.newest = None

    def look(self, _frame):
        self.seen += 1
        return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]

    def finish(self):
        return self.looks[-1]

    def claim(self, _digits):
        return self.claimed

    def look_again(self):
        self.again += 1

    def stages_ms(self):
        return {"detect": 2.0}

    def wipe(self):
        self.wiped += 1


ANN, BEN = verdict(Decision.IDENTIFIED, "p1"), verdict(Decision.IDENTIFIED, "p2")
UNKNOWN = verdict(Decision.UNKNOWN)
DOUBT = verdict(Decision.NEEDS_DIGITS, "p2")


@pytest.mark.parametrize(
    ("own", "old", "person"),
    [(ANN, UNKNOWN, "p1"), (UNKNOWN, BEN, "p2"), (ANN, DOUBT, "p1"), (DOUBT, ANN, "p1")],
)
def test_whoever_is_identified_by_one_pack_is_looked_at_by_it(own, old, person):
    """The other one sees no frame from then on."""
    both = [ScriptedEyes(look(own)), ScriptedEyes(look(old))]
    paired = PairedEyes(both)

    assert person == paired.look(None).identification.person
    paired.look(None)
    assert {1, 2} == {eyes.seen for eyes in both}
    assert 2 == paired.frames_seen
    paired.look_again()
    assert [eyes.seen == 2 for eyes in both] == [eyes.again == 1 for eyes in both]


def test_two_who_are_clear_at_once_are_nobody():
    """By face, and by digits."""
    paired = PairedEyes([ScriptedEyes(look(ANN)), ScriptedEyes(look(BEN))])
    found = paired.look(None).identification
    assert (Decision.AMBIGUOUS, None) == (found.decision, found.person)

    paired = PairedEyes(
        [ScriptedEyes(look(UNKNOWN), claimed=ANN), ScriptedEyes(look(UNKNOWN), claimed=BEN)]
    )
    paired.look(None)
    for _ in range(2):
        assert paired.claim("1234").person is None


def test_a_verdict_waits_for_the_other_pack_for_a_second():
    """Then what there is counts."""
    paired = PairedEyes([ScriptedEyes(look(ANN)), ScriptedEyes(look())])
    for _ in range(WAIT_FRAMES_MAX):
        assert paired.look(None).identification is None
    assert "p1" == paired.look(None).identification.person


def test_an_attack_seen_by_either_is_an_attack():
    """Whatever the other one makes of it."""
    attack = look(None, PadVerdict.ATTACK)
    for both in ([look(ANN), attack], [attack, look(ANN)]):
        paired = PairedEyes([ScriptedEyes(it) for it in both])
        told = paired.look(None)
        assert (PadVerdict.ATTACK, None) == (told.pad, told.identification)
        assert PadVerdict.ATTACK is paired.finish().pad


def test_digits_are_asked_of_both():
    """The better verdict counts, and its pack looks on."""
    old = ScriptedEyes(look(UNKNOWN), claimed=BEN)
    paired = PairedEyes([ScriptedEyes(look(UNKNOWN), claimed=UNKNOWN), old])
    paired.look(None)

    assert "p2" == paired.claim("1234").person
    paired.look(None)
    assert 2 == old.seen
    paired.wipe()
    assert 1 == old.wiped
    assert {"detect": 4.0} == paired.stages_ms()


def test_a_strangers_chance_is_shared_out():
    """Two searches together have the rate of one; what is for enrolment stays."""
    policy, half = SearchPolicy(), shared_out(SearchPolicy(), 2)

    assert policy.fpir_open == 2 * half.fpir_open
    assert policy.fmr_digits == 2 * half.fmr_digits
    assert policy.fmr_digits_few == 2 * half.fmr_digits_few
    assert policy.fmr_duplicate == half.fmr_duplicate
