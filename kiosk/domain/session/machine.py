"""The session machine: pure, total, and unable to lie about money.

Invariants, each with a property test:
- no `Authorise` without (identified and bona fide) or (full phone number and verified PIN);
- no `Authorise` without a consent that came after the amount was shown;
- at most one `Authorise` a session;
- after it, only money's word ends the session, and a time-out is UNKNOWN, never CANCELLED;
- every phase but the last has an exit and a time limit;
- the camera is on only between a press and the consent.
An event that means nothing in a phase changes nothing.
"""

from __future__ import annotations

import dataclasses
from typing import assert_never

from kiosk.domain.consent import Basis, ConsentKind, SmileGauge, SmileRule
from kiosk.domain.evidence import PAD_CODES, PadVerdict
from kiosk.domain.identification import Decision, Identification
from kiosk.domain.mandate import limit_refusal
from kiosk.domain.order import Order, Outcome
from kiosk.domain.pad import UNKNOWN_LIVENESS, Layer
from kiosk.domain.session import effects as fx
from kiosk.domain.session import events as ev
from kiosk.domain.session.asking import go_on, open_factors, prove, turn, want
from kiosk.domain.session.ends import Step, end, enter, overdue
from kiosk.domain.session.state import Phase, Session, SessionLimits
from kiosk.domain.stepup import (
    Factor,
    Requirement,
    StepUpPolicy,
    rows_for_face,
    rows_for_payment,
    rows_for_person,
    rows_for_stillness,
    rows_for_tries,
)

_DEFAULT_LIMITS = SessionLimits()
_DEFAULT_POLICY = StepUpPolicy()
_DEFAULT_SMILE = SmileRule()


def new_session(
    order: Order,
    at_ms: int,
    *,
    tries_used: int = 0,
    limits: SessionLimits = _DEFAULT_LIMITS,
    policy: StepUpPolicy = _DEFAULT_POLICY,
    smile_rule: SmileRule = _DEFAULT_SMILE,
) -> Session:
    """Offer an order; `tries_used` counts the sessions that this order has already seen."""
    return Session(
        order=order,
        limits=limits,
        policy=policy,
        smile_rule=smile_rule,
        now_ms=at_ms,
        since_ms=at_ms,
        tries_used=tries_used,
    )


def step(session: Session, event: ev.Event) -> Step:
    """Take one event.

    Args:
        session: Where we are.
        event: What happened. A clock that went backwards is taken to stand still.

    Returns:
        Where we are now, and what has to be done, in that order.
    """
    session = dataclasses.replace(session, now_ms=max(session.now_ms, event.at_ms))
    match session.phase:
        case Phase.CLOSED:
            return session, ()
        case Phase.ENDED:
            return _when_ended(session, event)
        case Phase.AUTHORISING:
            return _when_authorising(session, event)
        case _:
            return _before_the_send(session, event)


def _before_the_send(session: Session, event: ev.Event) -> Step:
    assert not session.sent, "a session that has sent is authorising, ended or closed"
    ending = overdue(session) or _interruption(session, event)
    if ending is not None:
        return end(session, *ending)
    if isinstance(event, ev.PhoneChosen):
        closing = (fx.CloseCamera(), fx.Wipe()) if session.camera_on else ()
        return _forget_face(session), closing
    return _by_phase(session, event)


def _interruption(session: Session, event: ev.Event) -> tuple[Outcome, str] | None:
    """Tell how an event ends the session from wherever it is, or None if it does not."""
    ending: tuple[Outcome, str] | None = None
    match event:
        case ev.Cancelled(reason=reason):
            ending = Outcome.CANCELLED, reason
        case ev.LinkLost():
            ending = Outcome.NOT_PAID, "money_unreachable"
        case ev.CameraFailed(code=code) if session.phase is Phase.PROBING:
            # A face that was already judged stays judged; what is missing is only the gesture.
            ending = Outcome.NOT_PAID, code
        case ev.CameraFailed(code=code) if session.phase is Phase.CONFIRMING and session.unsure:
            # Whose face it is can no longer be told.
            ending = Outcome.NOT_PAID, code
        case ev.Probed(pad=PadVerdict.ATTACK, hint=hint) if session.camera_on:
            ending = Outcome.NOT_PAID, hint if hint in PAD_CODES else "pad_texture"
        case ev.TrackChanged() if session.camera_on:
            ending = Outcome.NOT_PAID, "person_changed"
        case ev.Declined() if session.phase in {Phase.DIGITS, Phase.PIN, Phase.PHONE}:
            ending = Outcome.NOT_PAID, session.refusal or "step_up_required"
        case ev.Declined() if session.phase is Phase.CONFIRMING:
            ending = Outcome.NOT_PAID, "no_consent"
        case _:
            pass
    return ending


def _by_phase(session: Session, event: ev.Event) -> Step:  # noqa: PLR0911 - one return a phase
    match (session.phase, event):
        case (Phase.OFFERED, ev.Pressed()):
            return _press(session)
        case (Phase.DIGITS | Phase.PIN | Phase.PHONE, ev.Typing()):
            return enter(session, session.phase), ()
        case (Phase.PROBING, ev.Probed()):
            return _probe(session, event)
        case (Phase.PROVING, _):
            return prove(session, event)
        case (Phase.TURNING, _):
            return turn(session, event)
        case (Phase.DIGITS, ev.DigitsTyped(digits=digits)):
            return enter(session, Phase.CLAIMING), (fx.SearchClaimed(digits),)
        case (Phase.CLAIMING, ev.Claimed(verdict=verdict)):
            return _claim(session, verdict)
        case (Phase.FACTS, ev.FactsArrived()):
            return _learn(session, event)
        case (Phase.PIN, ev.PinTyped(pin=pin)) if session.person is not None:
            return enter(session, Phase.VERIFYING_PIN), (fx.VerifyPin(session.person, pin),)
        case (Phase.VERIFYING_PIN, ev.PinJudged()):
            return _judge_pin(session, event)
        case (Phase.PHONE, ev.PhoneTyped(phone=phone, pin=pin)):
            return enter(session, Phase.VERIFYING_PHONE), (fx.VerifyPhone(phone, pin),)
        case (Phase.VERIFYING_PHONE, ev.PhoneJudged()):
            return _judge_phone(session, event)
        case (Phase.CONFIRMING, _):
            return _confirm(session, event)
        case _:
            return session, ()


# Looking ------------------------------------------------------------------------------------------


def _press(session: Session) -> Step:
    if session.tries_used >= session.limits.tries_max:
        return end(session, Outcome.NOT_PAID, "too_many_tries")
    pressed = dataclasses.replace(session, pressed_ms=session.now_ms)
    if session.policy.claim_first:
        # The camera opens all the same: the digits narrow the search, they do not replace it.
        pressed = want(pressed, (Requirement(Factor.DIGITS, "always_asked"),))
    looking = dataclasses.replace(pressed, camera_on=True)
    return enter(looking, Phase.PROBING), (fx.OpenCamera(),)


def _probe(session: Session, event: ev.Probed) -> Step:
    session = dataclasses.replace(session, hint=event.hint, liveness=event.liveness)
    looked_ms = session.now_ms - session.since_ms
    verdict = event.verdict
    if event.pad is not PadVerdict.BONA_FIDE or verdict is None:
        if event.final:
            return end(session, Outcome.NOT_PAID, _why_nothing(event))
        return session, ()
    session = dataclasses.replace(session, bona_fide=True)
    match verdict.decision:
        case Decision.UNKNOWN:
            if event.final or looked_ms >= session.limits.unknown_ms:
                return end(session, Outcome.NOT_PAID, "unknown_person")
            return session, ()
        case Decision.IDENTIFIED:
            if Factor.DIGITS in open_factors(session):
                return go_on(session)
            return _found(session, verdict)
        case Decision.NEEDS_DIGITS | Decision.NEEDS_DIGITS_AND_PIN | Decision.AMBIGUOUS:
            return go_on(want(session, rows_for_face(verdict.decision)))
        case _:
            assert_never(verdict.decision)


def _why_nothing(event: ev.Probed) -> str:
    if event.hint:
        return event.hint
    return "pad_undecided" if event.pad is PadVerdict.UNDECIDED else "no_face"


def _found(session: Session, verdict: Identification) -> Step:
    assert verdict.person is not None, "a verdict that names nobody finds nobody"
    found = dataclasses.replace(
        session, person=verdict.person, basis=Basis.FACE, verdict=verdict, refusal=""
    )
    if found.facts is not None:
        return go_on(found)
    return enter(found, Phase.FACTS), (fx.AskFacts(verdict.person),)


# Asking for more ----------------------------------------------------------------------------------


def _claim(session: Session, verdict: Identification | None) -> Step:
    same = verdict is not None and session.person in {None, verdict.person}
    if verdict is None or not same:
        return _wrong(session, Phase.DIGITS, "digits_wrong")
    match verdict.decision:
        case Decision.UNKNOWN | Decision.NEEDS_DIGITS | Decision.AMBIGUOUS:
            # Ambiguous after digits: two packs name two people, so nobody is named.
            return _wrong(session, Phase.DIGITS, "digits_wrong")
        case Decision.NEEDS_DIGITS_AND_PIN:
            row = Requirement(Factor.PIN, "face_in_doubt")
            return _found(want(dataclasses.replace(session, claimed=True), (row,)), verdict)
        case Decision.IDENTIFIED:
            # The doubt is settled by the digits, so what only the doubt asked for is dropped.
            kept = tuple(row for row in session.wanted if row.reason != "face_in_doubt")
            return _found(dataclasses.replace(session, claimed=True, wanted=kept), verdict)
        case _:
            assert_never(verdict.decision)


def _learn(session: Session, event: ev.FactsArrived) -> Step:
    if event.facts is None:
        return end(session, Outcome.NOT_PAID, "no_mandate")
    refusal = limit_refusal(event.facts, session.order.amount)
    if refusal is not None:
        return end(session, Outcome.NOT_PAID, refusal)
    session = dataclasses.replace(session, facts=event.facts)
    if session.basis is Basis.FACE:
        rows = rows_for_payment(event.facts, session.order.amount, session.policy)
        rows += rows_for_tries(session.tries_used, session.policy)
        # A PIN that is always asked comes first among the reasons: it is what the screen says.
        session = want(session, (*rows_for_person(event.pin_always), *rows))
    return go_on(session)


def _judge_pin(session: Session, event: ev.PinJudged) -> Step:
    if not event.verified or event.token is None:
        return _wrong(session, Phase.PIN, event.reason or "pin_wrong")
    return go_on(dataclasses.replace(session, pin_token=event.token, refusal=""))


def _judge_phone(session: Session, event: ev.PhoneJudged) -> Step:
    if event.person is None or event.token is None:
        return _wrong(session, Phase.PHONE, event.reason or "phone_or_pin_wrong")
    known = dataclasses.replace(
        session,
        person=event.person,
        pin_token=event.token,
        basis=Basis.PHONE_AND_PIN,
        refusal="",
    )
    return enter(known, Phase.FACTS), (fx.AskFacts(event.person),)


def _wrong(session: Session, back_to: Phase, reason: str) -> Step:
    """Ask again, unless this was one wrong answer too many."""
    wrong = dataclasses.replace(session, wrong_answers=session.wrong_answers + 1, refusal=reason)
    if wrong.wrong_answers >= session.limits.tries_max:
        return end(wrong, Outcome.NOT_PAID, reason)
    return enter(wrong, back_to), ()


def _forget_face(session: Session) -> Session:
    forgotten = dataclasses.replace(
        session,
        camera_on=False,
        bona_fide=False,
        liveness=UNKNOWN_LIVENESS,
        person=None,
        wanted=(),
        claimed=False,
        pin_token=None,
        facts=None,
        verdict=None,
        basis=None,
        waited=False,
        turned=None,
        amount_shown=False,
        moved=False,
        unsure=False,
        tapped=False,
        pressed_ms=session.now_ms if session.pressed_ms is None else session.pressed_ms,
    )
    return enter(forgotten, Phase.PHONE)


# Consent and money --------------------------------------------------------------------------------


def _confirm(session: Session, event: ev.Event) -> Step:
    match event:
        case ev.AmountShown():
            shown = dataclasses.replace(session, amount_shown=True, shown_ms=session.now_ms)
            return dataclasses.replace(shown, tapped=False), ()
        case ev.SmileSampled(score=score, moved=moved) if session.amount_shown:
            gauge = session.gauge.after(
                None if event.unsure else score, session.now_ms, session.smile_rule
            )
            session = dataclasses.replace(
                session, gauge=gauge, moved=session.moved or moved, unsure=event.unsure
            )
            if session.tapped and not session.unsure:
                return _tap(session)
            if gauge.held(session.smile_rule) >= 1.0:
                alive = gauge.answers(session.shown_ms, session.smile_rule)
                return _agree(session, ConsentKind.SMILE, alive=alive)
            return session, ()
        case ev.Tapped() if session.amount_shown and session.unsure:
            return dataclasses.replace(session, tapped=True), ()
        case ev.Tapped() if session.amount_shown:
            return _tap(session)
        case _:
            return session, ()


def _tap(session: Session) -> Step:
    alive = session.moved or Layer.MOVEMENT in session.liveness.proven
    return _agree(session, ConsentKind.TAP, alive=alive)


def _agree(session: Session, consent: ConsentKind, *, alive: bool) -> Step:
    """Send, or have the PIN stand in for a movement that was not seen; then ask again."""
    if not alive and session.basis is Basis.FACE:
        asked = want(session, rows_for_stillness(session.order.amount, session.policy))
        if open_factors(asked):
            # The amount is shown anew, so that the consent is to what is seen then.
            anew = dataclasses.replace(asked, amount_shown=False, tapped=False)
            return go_on(dataclasses.replace(anew, gauge=SmileGauge()))
    return _send(session, consent)


def _send(session: Session, consent: ConsentKind) -> Step:
    by_face = session.basis is Basis.FACE and session.bona_fide
    by_phone = session.basis is Basis.PHONE_AND_PIN and session.pin_token is not None
    assert by_face or by_phone, "nobody is charged without a basis"
    assert session.person is not None
    assert session.basis is not None
    assert session.amount_shown, "consent is to an amount that was seen"
    assert not open_factors(session), "everything asked for was given"
    closing: tuple[fx.Effect, ...] = (fx.CloseCamera(),) if session.camera_on else ()
    sent = dataclasses.replace(session, consent=consent, sent=True, camera_on=False)
    charge = fx.Authorise(
        session.person, session.basis, consent, session.pin_token, session.verdict
    )
    return enter(sent, Phase.AUTHORISING), (*closing, charge)


def _when_authorising(session: Session, event: ev.Event) -> Step:
    match event:
        case ev.Authorised(outcome=outcome, reason=reason):
            return end(session, outcome, reason)
        case ev.LinkLost():
            if session.now_ms - session.since_ms >= session.limits.authorising_ms:
                return end(session, Outcome.UNKNOWN, "money_silent")
            return session, (fx.AskOutcome(),)
        case _:
            if session.now_ms - session.since_ms >= session.limits.authorising_ms:
                return end(session, Outcome.UNKNOWN, "money_silent")
            return session, ()


def _when_ended(session: Session, event: ev.Event) -> Step:
    match event:
        case ev.Acknowledged():
            return enter(session, Phase.CLOSED), ()
        case ev.Authorised(outcome=outcome, reason=reason) if (
            session.outcome is Outcome.UNKNOWN and outcome is not Outcome.UNKNOWN
        ):
            # Late news of the same order: the screen may now say what is known.
            return dataclasses.replace(session, outcome=outcome, reason=reason), ()
        case ev.Tick() if (
            session.outcome is not Outcome.UNKNOWN
            and not session.must_be_seen
            and session.now_ms - session.since_ms >= session.limits.ended_ms
        ):
            return enter(session, Phase.CLOSED), ()
        case _:
            return session, ()
