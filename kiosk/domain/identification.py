"""Who it is, and how sure: the decision of one search of the gallery, as a pure rule.

Three thresholds are computed for every search, never constant:

- `t_open`: the face alone is enough, among everybody in the gallery;
- `t_digits`: enough once the last phone digits have shrunk the search to a few people;
- `t_pin`: enough only as a second factor, besides digits and PIN.

Each is the score that an impostor reaches with a target rate, read from the impostor tails of the
model pack and of the people enrolled: a generalised Pareto law above a high quantile, and an upper
95 % bound by subject bootstrap, for each calibration set and for the gallery itself. The worst set
wins, because the tail depends on the people and the cameras (with MobileFace V2, one LFW stranger
in 1,000 passes .38; among the webcam people of NUAA, one pair of strangers in 28 does).

It does not compare embeddings, ask anybody anything or know an amount.
Invariants: a larger gallery never lowers a threshold; `t_pin <= t_digits <= t_open`; without a
tail there is no decision (an assertion, because packs without calibration are refused earlier).
"""

from __future__ import annotations

import enum
import math
from bisect import bisect_left
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise

from kiosk.domain.ids import PersonId

GALLERY_SIZE_FLOOR = 1_000
"""People; a small gallery is treated as this large, so that it may grow without a surprise."""

DIGITS_SHARE = 1e-4
"""Share of the gallery that has the same last four phone digits (uniform digits)."""

ALIKE_FACTOR = 100.0
"""How much oftener strangers of one group pass than those of a set of all kinds of people.

NIST IR 8280: false match rates of groups lie apart by 10 to more than 100. With MobileFace V2, one
of NUAA's 28 pairs scores like one in 10^5 or 10^6 of LFW's (docs/decisions/0031)."""

EXPONENTIAL_SHAPE_MAX = 1e-9
"""Below this absolute shape the generalised Pareto law is computed as its exponential limit."""


@dataclass(frozen=True, slots=True)
class ImpostorTail:
    """How often strangers score high, measured on one calibration set.

    Args:
        source: Name of the calibration set.
        quantile_score: Score `u` above which the law holds.
        shape: Generalised Pareto shape (xi).
        scale: Generalised Pareto scale (sigma), in score units, above zero.
        comparisons: Impostor comparisons in all (n).
        exceedances: How many of them passed `quantile_score` (n_u).
        rate_min: Rarest rate that the set's own people support: one in so many pairs of people.
            For rarer ones only the bound is used.
        upper95: (rate, score) pairs, rates falling: the upper 95 % bound of the score that
            impostors pass at that rate, by subject bootstrap; below `rate_min` it grows as the
            tail of the set with the most people does (a small set says how high its people
            reach, not how the tail goes on).
        alike_factor: How much oftener strangers of one group may pass than the set says:
            `ALIKE_FACTOR` for a set of all kinds of people, 1 for one that is such a group.
    """

    source: str
    quantile_score: float
    shape: float
    scale: float
    comparisons: int
    exceedances: int
    rate_min: float
    upper95: tuple[tuple[float, float], ...]
    alike_factor: float = 1.0

    def __post_init__(self) -> None:
        """Refuse numbers that cannot be a tail."""
        rates = [rate for rate, _ in self.upper95]
        numbers = [self.quantile_score, self.shape, self.scale, *rates]
        numbers += [score for _, score in self.upper95]
        if (
            not all(math.isfinite(number) for number in numbers)
            or self.scale <= 0
            or not 0 < self.exceedances <= self.comparisons
            or not 0 < self.rate_min <= 1
            or len(rates) < 2
            or any(later >= earlier for earlier, later in pairwise(rates))
            or rates[-1] <= 0
            or rates[0] > 1
            or not 1 <= self.alike_factor < math.inf
        ):
            message = f"the impostor tail of {self.source} is impossible"
            raise ValueError(message)

    def score_at(self, rate: float) -> float:
        """Return the score that one impostor comparison in `1 / rate` passes: fit or bound.

        Never falls when `rate` falls. Rates above the share of exceedances give the quantile
        itself or the bound, whichever is higher (cautious: the body of the law is not modelled).
        """
        if not 0 < rate <= 1:
            message = "rate must be above 0 and at most 1"
            raise ValueError(message)
        return max(self._fit(max(rate, self.rate_min)), self._bound(rate))

    def _fit(self, rate: float) -> float:
        share = self.exceedances / self.comparisons
        if rate >= share:
            return -math.inf
        excess_ratio = rate / share
        if abs(self.shape) < EXPONENTIAL_SHAPE_MAX:
            return self.quantile_score - self.scale * math.log(excess_ratio)
        growth = math.expm1(-self.shape * math.log(excess_ratio)) / self.shape
        return self.quantile_score + self.scale * growth

    def _bound(self, rate: float) -> float:
        """Interpolate the bound in the logarithm of the rate; go on straight beyond its end."""
        points = [(-math.log10(r), s) for r, s in self.upper95]
        best = points[0][1]
        rising: list[tuple[float, float]] = []
        for x, score in points:
            best = max(best, score)
            rising.append((x, best))
        x = -math.log10(rate)
        if x <= rising[0][0]:
            return rising[0][1]
        upper = min(bisect_left(rising, (x, -math.inf)), len(rising) - 1)
        (x0, s0), (x1, s1) = rising[upper - 1], rising[upper]
        return s0 + (s1 - s0) * (x - x0) / (x1 - x0)


@dataclass(frozen=True, slots=True)
class SearchPolicy:
    """Target rates and margins of a search, each with its source."""

    fpir_open: float = 1e-3
    """A stranger's chance to be taken for anybody by face alone, per search.

    NIST SP 800-63A-4, 3.11: FPIR at most 1 in 1,000 for 1:N (research/biometrics.md, 1.1)."""
    fpir_digits: float = 1e-3
    """The same for a stranger with digits of their own: they meet the few who share them."""
    fmr_digits: float = 1e-4
    """Chance of one stranger who knows somebody's digits.

    FIDO and NIST SP 800-63B-4: FMR at most 1 in 10,000."""
    fmr_digits_few: float = 5e-3
    """The same chance in a set of too few people to speak of rarer ones.

    `fmr_duplicate`'s rate: enrolled people who reach it are found alike at enrolment. For NUAA's
    28 pairs it lies 0.85 decades beyond its people; research/biometrics.md 4.2 allows 1 to 1.5."""
    fmr_pin: float = 5e-2
    """Chance of one stranger who knows digits and PIN.

    There the PIN carries; paying with phone number and PIN needs no face at all. The face is only
    to refuse who is plainly somebody else, and must not refuse the owner in bad light."""
    fmr_duplicate: float = 5e-3
    """Chance that two strangers count as one at enrolment, in the worst calibration set.

    Higher than the rates above, because a second session of the same person must be caught: on
    NUAA such sessions score .69 to .82 with MobileFace V2, and strangers up to .57. The cost is a
    false alarm that staff sees and settles, about one in 200 comparisons among alike people and
    far fewer among others."""
    fmr_same_person: float = 1e-4
    """Chance that two strangers look like most likely the same person at enrolment, in any set.

    FIDO's rate, in every set, however few its people: it only chooses the word staff reads."""
    margin_min: float = 0.06
    """Least distance in score between the best and the second person.

    Twice the spread (.03) of fused scores of one person within a sequence, measured on NUAA."""

    def __post_init__(self) -> None:
        """Refuse rates that are none."""
        rates = (
            self.fpir_open,
            self.fpir_digits,
            self.fmr_digits,
            self.fmr_digits_few,
            self.fmr_pin,
            self.fmr_duplicate,
            self.fmr_same_person,
        )
        if not all(0 < rate < 1 for rate in rates) or not 0 <= self.margin_min < 1:
            message = "rates must lie between 0 and 1, and the margin from 0 below 1"
            raise ValueError(message)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The three scores of one search; similarity from -1 to 1 (above 1: nobody can pass)."""

    open: float
    digits: float
    pin: float
    worst_open: str
    """Calibration set that set `open`."""


def thresholds(
    gallery_size: int, policy: SearchPolicy, tails: Sequence[ImpostorTail]
) -> Thresholds:
    """Compute the thresholds of a search among `gallery_size` people.

    Args:
        gallery_size: People in the gallery; fewer than `GALLERY_SIZE_FLOOR` count as that many.
        policy: Target rates.
        tails: One for each calibration set of the pack, at least one, and the gallery's own.
    """
    assert tails, "a pack without calibration must be refused before"
    people = max(gallery_size, GALLERY_SIZE_FLOOR)
    pin = max(tail.score_at(policy.fmr_pin) for tail in tails)
    digits = max(pin, *(tail.score_at(rate_with_digits(people, policy, tail)) for tail in tails))
    alone = [tail.score_at(policy.fpir_open / people / tail.alike_factor) for tail in tails]
    worst = tails[alone.index(max(alone))]
    return Thresholds(
        open=max(digits, *alone),
        digits=digits,
        pin=pin,
        worst_open=worst.source,
    )


def rate_with_digits(people: int, policy: SearchPolicy, tail: ImpostorTail) -> float:
    """Return the rate that one set's strangers may pass at once digits have been given.

    Two strangers are kept out. Who types digits of their own meets the people who share them,
    `people * DIGITS_SHARE` in the mean: that rate is asked of every set. Who knows somebody's
    digits meets that one person: asked as far as the set's people support it.
    """
    own_digits = policy.fpir_digits / (people * DIGITS_SHARE)
    supported = min(policy.fmr_digits_few, tail.rate_min)
    known_digits = max(policy.fmr_digits / tail.alike_factor, supported)
    return min(own_digits / tail.alike_factor, known_digits)


def duplicate_threshold(policy: SearchPolicy, tails: Sequence[ImpostorTail]) -> float:
    """Return the score from which two references count as the same person's at enrolment.

    It does not grow with the gallery: the cost of a missed double is another account for the same
    face, and that of a false alarm is a question to staff.
    """
    assert tails, "a pack without calibration must be refused before"
    return max(tail.score_at(policy.fmr_duplicate) for tail in tails)


def same_person_threshold(policy: SearchPolicy, tails: Sequence[ImpostorTail]) -> float:
    """Return the score from which a newcomer counts as somebody who is enrolled, not as alike.

    From `duplicate_threshold` up to it, two references only look alike. It does not hang on what a
    payment asks, which may change without people becoming more or less alike.
    """
    assert tails, "a pack without calibration must be refused before"
    return max(tail.score_at(min(policy.fmr_same_person, policy.fmr_duplicate)) for tail in tails)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One person of the candidate list and the best similarity score to a template of theirs."""

    person: PersonId
    score: float


class Decision(enum.Enum):
    """What the face, and the digits if they were given, are worth."""

    IDENTIFIED = "identified"
    NEEDS_DIGITS = "needs_digits"
    NEEDS_DIGITS_AND_PIN = "needs_digits_and_pin"
    """With digits given already: the PIN is what is still needed."""
    AMBIGUOUS = "ambiguous"
    UNKNOWN = "unknown"


class DecisionReason(enum.Enum):
    """Why; one line for the screen and for reports."""

    CLEAR = "clear"
    CLEAR_WITH_DIGITS = "clear_with_digits"
    FACE_IN_DOUBT = "face_in_doubt"
    LOOK_ALIKE = "look_alike"
    FRAMES_DISAGREE = "frames_disagree"
    NOT_LIKE_ANYBODY = "not_like_anybody"
    NOT_LIKE_CLAIM = "not_like_claim"
    LIKE_SOMEBODY_ELSE = "like_somebody_else"
    NOBODY_TO_COMPARE = "nobody_to_compare"


@dataclass(frozen=True, slots=True)
class Identification:
    """The verdict of one search.

    Args:
        decision: What it is worth.
        reason: Why.
        person: Whom it would be; None for UNKNOWN, and for AMBIGUOUS, which names nobody.
        score: Best score considered, rounded to two decimals; None without candidates.
        margin: Distance to the next person, rounded to two decimals; None without one.
        thresholds: The thresholds that were used.
    """

    decision: Decision
    reason: DecisionReason
    person: PersonId | None
    score: float | None
    margin: float | None
    thresholds: Thresholds


def decide(
    candidates: Sequence[Candidate],
    *,
    gallery_size: int,
    policy: SearchPolicy,
    tails: Sequence[ImpostorTail],
    claimed: Collection[PersonId] | None = None,
    frames_agree: bool = True,
) -> Identification:
    """Decide one search.

    Args:
        candidates: Best score of every person compared, in any order, at most one each.
            Give everybody's, also when digits were claimed: who looks more like somebody without
            those digits is refused.
        gallery_size: People in the whole gallery.
        policy: Target rates and margin.
        tails: The impostor tails of the pack and of the gallery.
        claimed: None before digits were given; afterwards the people who have those digits
            (perhaps nobody).
        frames_agree: Whether the fused frames agreed on rank 1.
    """
    limits = thresholds(gallery_size, policy, tails)
    ranked = sorted(candidates, key=lambda c: (-c.score, c.person))
    assert len({c.person for c in ranked}) == len(ranked), "one candidate a person"
    assert all(math.isfinite(c.score) for c in ranked), "scores are finite"
    if claimed is not None:
        return _decide_claimed(ranked, frozenset(claimed), limits, policy, frames_agree)
    if not ranked:
        return Identification(
            Decision.UNKNOWN, DecisionReason.NOBODY_TO_COMPARE, None, None, None, limits
        )
    best = ranked[0]
    margin = _margin(ranked)

    def verdict(
        decision: Decision, reason: DecisionReason, person: PersonId | None
    ) -> Identification:
        return _identification(decision, reason, person, best.score, margin, limits)

    if best.score < limits.pin:
        return verdict(Decision.UNKNOWN, DecisionReason.NOT_LIKE_ANYBODY, None)
    if not frames_agree:
        return verdict(Decision.AMBIGUOUS, DecisionReason.FRAMES_DISAGREE, None)
    if margin is not None and margin < policy.margin_min:
        return verdict(Decision.AMBIGUOUS, DecisionReason.LOOK_ALIKE, None)
    if best.score >= limits.open:
        return verdict(Decision.IDENTIFIED, DecisionReason.CLEAR, best.person)
    if best.score >= limits.digits:
        return verdict(Decision.NEEDS_DIGITS, DecisionReason.FACE_IN_DOUBT, best.person)
    return verdict(Decision.NEEDS_DIGITS_AND_PIN, DecisionReason.FACE_IN_DOUBT, best.person)


def may_improve(verdict: Identification, reach: float) -> bool:
    """Say whether a little more of the same face could lead to a better verdict.

    Args:
        verdict: Of a search without claimed digits.
        reach: By how much the score may still rise.
    """
    limits, score = verdict.thresholds, verdict.score
    match verdict.decision:
        case Decision.IDENTIFIED:
            return False
        case Decision.NEEDS_DIGITS:
            return score is not None and limits.open - score <= reach
        case Decision.NEEDS_DIGITS_AND_PIN:
            return score is not None and limits.digits - score <= reach
        case Decision.AMBIGUOUS | Decision.UNKNOWN:
            return True


def _decide_claimed(
    ranked: Sequence[Candidate],
    claimed: frozenset[PersonId],
    limits: Thresholds,
    policy: SearchPolicy,
    frames_agree: bool,  # noqa: FBT001 - private, and named where it is passed on
) -> Identification:
    """Decide when digits were given: only people who have them can be meant."""
    meant = [c for c in ranked if c.person in claimed]
    if not meant:
        return Identification(
            Decision.UNKNOWN, DecisionReason.NOBODY_TO_COMPARE, None, None, None, limits
        )
    best = meant[0]
    others = [c.score for c in ranked if c.person != best.person]
    # Negative when somebody else, with other digits, is more alike.
    margin = best.score - max(others) if others else None

    def verdict(
        decision: Decision, reason: DecisionReason, person: PersonId | None
    ) -> Identification:
        return _identification(decision, reason, person, best.score, margin, limits)

    if best.score < limits.pin:
        return verdict(Decision.UNKNOWN, DecisionReason.NOT_LIKE_CLAIM, None)
    if margin is not None and margin <= -policy.margin_min:
        return verdict(Decision.UNKNOWN, DecisionReason.LIKE_SOMEBODY_ELSE, None)
    pin_reason = (
        DecisionReason.LOOK_ALIKE
        if margin is not None and margin < policy.margin_min
        else DecisionReason.FRAMES_DISAGREE
        if not frames_agree
        else DecisionReason.FACE_IN_DOUBT
        if best.score < limits.digits
        else None
    )
    if pin_reason is not None:
        return verdict(Decision.NEEDS_DIGITS_AND_PIN, pin_reason, best.person)
    return verdict(Decision.IDENTIFIED, DecisionReason.CLEAR_WITH_DIGITS, best.person)


def _margin(ranked: Sequence[Candidate]) -> float | None:
    return ranked[0].score - ranked[1].score if len(ranked) > 1 else None


def _identification(
    decision: Decision,
    reason: DecisionReason,
    person: PersonId | None,
    score: float,
    margin: float | None,
    limits: Thresholds,
) -> Identification:
    return Identification(
        decision,
        reason,
        person,
        round(score, 2),
        None if margin is None else round(margin, 2),
        limits,
    )
