"""The step-up policy, a test a row: what is asked, from where on, and what always stays."""

from __future__ import annotations

import dataclasses

import pytest

from kiosk.domain.evidence import PadVerdict
from kiosk.domain.identification import Decision
from kiosk.domain.money import Money
from kiosk.domain.pad import ALWAYS, Layer, Liveness
from kiosk.domain.session import effects as fx
from kiosk.domain.session import events as ev
from kiosk.domain.session import new_session, step
from kiosk.domain.stepup import (
    Ask,
    Factor,
    Requirement,
    StepUpPolicy,
    rows_for_face,
    rows_for_liveness,
    rows_for_payment,
    rows_for_person,
    rows_for_tries,
    rows_in_trial,
)
from tests.unit.domain.sessions import FACTS, ORDER, probed

POLICY = StepUpPolicy()
STRONG = Liveness(PadVerdict.BONA_FIDE, None, proven=ALWAYS | {Layer.LIGHT})
DARK = Liveness(PadVerdict.BONA_FIDE, None, proven=ALWAYS, missing=frozenset({Layer.LIGHT}))
BLIND = Liveness(
    PadVerdict.BONA_FIDE, None, proven=frozenset({Layer.TEXTURE}), missing=frozenset({Layer.STREAM})
)
SMALL, LARGE = Money(1_000), Money(4_000)


def asked(rows):
    return [(row.factor, row.reason) for row in rows]


def facts(**values):
    return dataclasses.replace(FACTS, **values)


@pytest.mark.parametrize(
    ("decision", "rows"),
    [
        (Decision.IDENTIFIED, []),
        (Decision.UNKNOWN, []),
        (Decision.NEEDS_DIGITS, [(Factor.DIGITS, "face_in_doubt")]),
        (Decision.AMBIGUOUS, [(Factor.DIGITS, "look_alike")]),
        (
            Decision.NEEDS_DIGITS_AND_PIN,
            [(Factor.DIGITS, "face_in_doubt"), (Factor.PIN, "face_in_doubt")],
        ),
    ],
)
def test_row_face_in_doubt(decision, rows):
    """What the face is worth decides; no policy softens it."""
    assert asked(rows_for_face(decision)) == rows


def test_row_pin_always():
    """Look-alikes and wrong matches always need the PIN, whatever the sum."""
    assert asked(rows_for_person("wrong_person")) == [(Factor.PIN, "wrong_person")]
    assert rows_for_person("") == ()


@pytest.mark.parametrize(
    ("ever", "amount", "rows"),
    [
        (0, Money(2_500), []),
        (0, Money(2_501), [(Factor.DIGITS, "first_visit")]),
        (1, Money(2_501), []),
    ],
)
def test_row_first_visit(ever, amount, rows):
    """A first payment is trusted with less, from the limit on and not before."""
    assert asked(rows_for_payment(facts(payments_ever=ever), amount, POLICY)) == rows


@pytest.mark.parametrize(
    ("days", "rows"),
    [(None, []), (180, []), (181, [(Factor.DIGITS, "long_absence")])],
)
def test_row_long_absence(days, rows):
    """Half a year unused, and the digits are asked."""
    assert asked(rows_for_payment(facts(days_since_last_use=days), SMALL, POLICY)) == rows


@pytest.mark.parametrize(
    ("spent", "amount", "rows"),
    [
        (0, Money(5_000), []),
        (0, Money(5_001), [(Factor.PIN, "amount_above_no_pin_ceiling")]),
        (11_000, Money(4_000), []),
        (11_001, Money(4_000), [(Factor.PIN, "day_above_no_pin_ceiling")]),
    ],
)
def test_rows_of_the_amount_and_of_what_was_spent_today(spent, amount, rows):
    """The ceilings are money's own, and faces asks by the same rule."""
    found = rows_for_payment(facts(spent_today=Money(spent)), amount, POLICY)

    assert asked(found) == rows


@pytest.mark.parametrize(("tries", "rows"), [(0, []), (1, []), (2, [(Factor.PIN, "failed_tries")])])
def test_row_failed_tries(tries, rows):
    """One failure may be bad light; after the second the PIN is asked."""
    assert asked(rows_for_tries(tries, POLICY)) == rows


@pytest.mark.parametrize(
    ("liveness", "amount", "rows"),
    [
        (STRONG, LARGE, []),
        (DARK, Money(2_500), []),
        (DARK, LARGE, [(Factor.PIN, "liveness_unproven")]),
        (BLIND, Money(2_500), []),
        (BLIND, LARGE, [(Factor.PIN, "sensor_degraded")]),
    ],
)
def test_rows_of_liveness_and_of_the_sensor(liveness, amount, rows):
    """What cannot be checked lowers the sum; a camera that proves nothing is told apart."""
    assert asked(rows_for_liveness(liveness, amount, POLICY)) == rows


def test_an_owner_may_ask_less_or_more_of_their_own_rows():
    """`none` leaves a row out, `pin` makes it the PIN."""
    lax = StepUpPolicy(first_visit=Ask.NONE)
    strict = StepUpPolicy(first_visit=Ask.PIN)
    first = facts(payments_ever=0)

    assert rows_for_payment(first, LARGE, lax) == ()
    assert asked(rows_for_payment(first, LARGE, strict)) == [(Factor.PIN, "first_visit")]


def test_a_policy_on_trial_is_noted_and_changes_nothing():
    """The session asks what the policy in force asks, and notes what the other would have."""
    trial = StepUpPolicy(first_visit_max=Money(100), first_visit=Ask.PIN)
    policy = StepUpPolicy(trial=trial)
    session = new_session(ORDER, 0, policy=policy)
    done: list[fx.Effect] = []
    for event in (ev.Pressed(0), probed(400), ev.FactsArrived(410, facts(payments_ever=0))):
        session, effects = step(session, event)
        done += effects

    (note,) = [effect for effect in done if isinstance(effect, fx.NoteTrial)]

    assert session.wanted == ()
    assert note.would_ask == (Requirement(Factor.PIN, "first_visit"),)
    assert note.line() == "differs asked=nothing would_ask=pin:first_visit"


def test_a_trial_is_noted_once_although_a_still_face_is_asked_for_the_pin():
    """A tap without a movement leads to the PIN, and the amount is shown anew: one payment."""
    session = new_session(ORDER, 0, policy=StepUpPolicy(trial=StepUpPolicy()))
    session = dataclasses.replace(session, order=dataclasses.replace(ORDER, amount=LARGE))
    notes = shown = 0
    for event in (
        *(ev.Pressed(0), probed(400, liveness=STRONG), ev.FactsArrived(410, facts())),
        *(ev.AmountShown(420), ev.Tapped(430), ev.PinTyped(440, "135790")),
        ev.PinJudged(450, verified=True, token="t"),
    ):
        session, effects = step(session, event)
        notes += sum(isinstance(effect, fx.NoteTrial) for effect in effects)
        shown += sum(isinstance(effect, fx.ShowAmount) for effect in effects)

    assert (shown, notes) == (2, 1)


def test_on_trial_what_is_not_the_owners_stays():
    """A twin needs the PIN under every policy."""
    twin = (Requirement(Factor.PIN, "look_alike"), Requirement(Factor.DIGITS, "first_visit"))

    would = rows_in_trial(
        twin,
        facts=facts(payments_ever=0),
        amount=LARGE,
        liveness=STRONG,
        tries_used=0,
        trial=StepUpPolicy(first_visit=Ask.NONE),
    )

    assert would == (Requirement(Factor.PIN, "look_alike"),)
