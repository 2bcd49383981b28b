"""Layers of presentation attack detection, combined: AND, fail closed, nothing passes silently."""

from __future__ import annotations

import random
from itertools import product, repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.domain.evidence import PadVerdict, Reason
from kiosk.domain.lightcode import DRAWS_MAX, LightBook, LightPlan, Tint
from kiosk.domain.pad import (
    ACTIVE,
    ALWAYS,
    BUDGET_BPCER,
    ERROR_BUDGET,
    Layer,
    LayerReport,
    LayerVerdict,
    combine,
)


def reports(**verdicts):
    return [LayerReport(Layer(name), verdict) for name, verdict in verdicts.items()]


def all_of(verdict):
    return {layer.value: verdict for layer in Layer}


anything = st.dictionaries(
    st.sampled_from([layer.value for layer in Layer]), st.sampled_from(LayerVerdict)
)


def test_the_budget_is_shared_out_and_no_more_than_two_percent():
    """Every layer has a share; together they are the budget."""
    assert set(ERROR_BUDGET) == set(Layer)
    assert sum(ERROR_BUDGET.values()) == pytest.approx(BUDGET_BPCER)
    assert ALWAYS | ACTIVE == set(Layer)
    assert not ALWAYS & ACTIVE


@given(anything)
def test_one_attack_is_an_attack(verdicts):
    """No number of other layers outvotes it, and the reason is the first layer's that said so."""
    verdicts["light"] = LayerVerdict.ATTACK
    liveness = combine(reports(**verdicts))

    assert liveness.verdict is PadVerdict.ATTACK
    assert liveness.reason is not None
    assert liveness.reason.is_pad
    assert not liveness.is_strong
    assert not liveness.may_become_strong


@given(anything)
def test_without_texture_nobody_is_bona_fide(verdicts):
    """Fail closed: the layer that must run has not spoken, or could not."""
    verdicts.pop("texture", None)

    assert combine(reports(**verdicts)).verdict is not PadVerdict.BONA_FIDE


@given(anything)
def test_what_could_not_run_is_missing_and_never_proven(verdicts):
    """A layer that is not there at all counts as one that could not run."""
    liveness = combine(reports(**verdicts))
    unable = {Layer(n) for n, v in verdicts.items() if v is LayerVerdict.COULD_NOT_RUN}
    absent = set(Layer) - {Layer(n) for n in verdicts}

    assert liveness.missing == unable | absent
    assert not liveness.missing & liveness.proven
    if liveness.is_strong:
        assert not (ALWAYS | {Layer.LIGHT}) & liveness.missing


def test_all_layers_pass():
    """The one way to be strong: everything that always runs, and the light."""
    liveness = combine(reports(**all_of(LayerVerdict.BONA_FIDE)))

    assert (liveness.verdict, liveness.reason) == (PadVerdict.BONA_FIDE, None)
    assert liveness.is_strong


@pytest.mark.parametrize("layer", ["stream", "context", "light"])
def test_a_layer_that_cannot_run_leaves_a_weaker_pass(layer):
    """A folder of frames, or a screen without colours: bona fide, but not strong."""
    verdicts = all_of(LayerVerdict.BONA_FIDE) | {layer: LayerVerdict.COULD_NOT_RUN}
    liveness = combine(reports(**verdicts))

    assert liveness.verdict is PadVerdict.BONA_FIDE
    assert not liveness.is_strong
    assert not liveness.may_become_strong


def test_needed_layers_are_waited_for():
    """A layer that has not decided is doubt where it is needed, and none where it is not."""
    verdicts = all_of(LayerVerdict.BONA_FIDE) | {"light": LayerVerdict.UNDECIDED}

    waiting = combine(reports(**verdicts), needed=ALWAYS | {Layer.LIGHT})
    assert (waiting.verdict, waiting.reason) == (PadVerdict.UNDECIDED, Reason.PAD_UNDECIDED)
    passing = combine(reports(**verdicts))
    assert passing.verdict is PadVerdict.BONA_FIDE
    assert passing.may_become_strong


def test_no_colour_can_make_a_flash():
    """WCAG 2.3.1: the darker image of every pair is above .80, and no red is saturated."""
    for one, other in product(Tint, Tint):
        assert min(one.luminance, other.luminance) >= 0.80
    for tint in Tint:
        red, green, blue = tint.linear
        assert red / (red + green + blue) < 0.8


def test_a_plan_changes_at_most_three_times_a_second():
    """A faster plan, one colour for all, or a colour twice in a row cannot be made."""
    for tints, step in (
        ((Tint.WARM, Tint.COOL, Tint.MINT), 300),
        ((Tint.WARM, Tint.WARM, Tint.MINT), 360),
        ((Tint.WARM, Tint.COOL), 360),
    ):
        with pytest.raises(ValueError, match="light plan"):
            LightPlan(tints, 0, step)
    plan = LightPlan((Tint.WARM, Tint.COOL, Tint.MINT), 100)
    assert [plan.tint_at(t) for t in (99, 100, 460, 1179, 1180)] == [
        None,
        Tint.WARM,
        Tint.COOL,
        Tint.MINT,
        None,
    ]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_order_comes_again(seed):
    """Orders drawn one after another differ, so that an earlier session does not fit."""
    book = LightBook(random.Random(seed).randrange)
    drawn = [book.draw(0).tints for _ in range(60)]

    assert len(set(drawn)) == len(drawn)


def test_a_source_of_chance_that_repeats_is_our_bug():
    """Bounded: it does not look for a fresh order for ever."""
    zeros = repeat(0)
    book = LightBook(lambda _: next(zeros))
    book.draw(0)

    with pytest.raises(AssertionError, match="repeats"):
        book.draw(0)
    assert DRAWS_MAX < 10_000
