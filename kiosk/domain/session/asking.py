"""What is missing before the amount is shown: digits, PIN, and proof that somebody lives here.

`go_on` goes to the next of them, or shows the amount. A row can only ask for more.
The order: digits, which settle who it is; light that is on its way, if it is needed, or if a head
is to turn, which would disturb it; the turned head, before anybody types a PIN for a picture; the
PIN; the amount. Nothing is waited for or asked twice.
"""

from __future__ import annotations

import dataclasses

from kiosk.domain.consent import Basis
from kiosk.domain.pad import Layer
from kiosk.domain.session import effects as fx
from kiosk.domain.session import events as ev
from kiosk.domain.session.ends import Step, enter
from kiosk.domain.session.state import Phase, Session
from kiosk.domain.stepup import (
    Factor,
    Requirement,
    rows_for_liveness,
    rows_for_turn,
    rows_in_trial,
    wants_turn,
)


def want(session: Session, rows: tuple[Requirement, ...]) -> Session:
    """Ask for what is not asked for yet."""
    new = tuple(row for row in rows if row not in session.wanted)
    return dataclasses.replace(session, wanted=session.wanted + new)


def open_factors(session: Session) -> tuple[Factor, ...]:
    """List what is asked for and not yet given: digits first, since they settle doubts."""
    wanted = {row.factor for row in session.wanted}
    missing: list[Factor] = []
    if Factor.DIGITS in wanted and not session.claimed:
        missing.append(Factor.DIGITS)
    if Factor.PIN in wanted and session.pin_token is None:
        missing.append(Factor.PIN)
    return tuple(missing)


def go_on(session: Session) -> Step:
    """Go to the next thing that is missing, or show the amount."""
    missing = open_factors(session)
    if Factor.DIGITS in missing:
        return _ask(session, Factor.DIGITS)
    assert session.person is not None, "the digits are given, so somebody is known"
    assert session.facts is not None, "money has told what it knows of them"
    if _turn_is_open(session):
        if not session.camera_on or Layer.TURN not in session.liveness.waiting:
            return _go_on_unturned(session)
        if Layer.LIGHT in session.liveness.waiting and not session.waited:
            return enter(session, Phase.PROVING), ()
        return enter(session, Phase.TURNING), (fx.AskTurn(),)
    if missing:
        return _ask(session, Factor.PIN)
    unproven = _unproven(session)
    if unproven and _light_may_come(session):
        return enter(session, Phase.PROVING), ()
    asked = want(session, unproven)
    if open_factors(asked):
        return go_on(asked)
    noted = dataclasses.replace(session, trial_noted=True)
    return enter(noted, Phase.CONFIRMING), (fx.ShowAmount(), *_in_trial(session))


def _ask(session: Session, factor: Factor) -> Step:
    asked = session.asked if factor in session.asked else (*session.asked, factor)
    phase = Phase.DIGITS if factor is Factor.DIGITS else Phase.PIN
    return enter(dataclasses.replace(session, asked=asked), phase), ()


def _in_trial(session: Session) -> tuple[fx.Effect, ...]:
    """Have it noted, once a payment, what a policy on trial would have asked; no more comes of it.

    It is noted before the customer agrees, so what a still face is asked then is in neither list.
    """
    trial = session.policy.trial
    if trial is None or session.facts is None or session.basis is not Basis.FACE:
        return ()
    if session.trial_noted:
        return ()
    would = rows_in_trial(
        session.wanted,
        facts=session.facts,
        amount=session.order.amount,
        liveness=session.liveness,
        tries_used=session.tries_used,
        trial=trial,
        turned=session.turned,
    )
    return (fx.NoteTrial(session.wanted, would),)


def _unproven(session: Session) -> tuple[Requirement, ...]:
    """List what is asked because not every layer could say that somebody lives here."""
    if session.basis is not Basis.FACE or session.pin_token is not None:
        return ()
    return rows_for_liveness(session.liveness, session.order.amount, session.policy)


def _light_may_come(session: Session) -> bool:
    return session.camera_on and not session.waited and session.liveness.may_become_strong


# Light --------------------------------------------------------------------------------------------


def prove(session: Session, event: ev.Event) -> Step:
    """Look on until the light has come back, or cannot any more; then a PIN stands in for it."""
    over = session.now_ms - session.since_ms >= session.limits.proving_ms
    match event:
        case ev.Probed(liveness=liveness, final=final):
            session = dataclasses.replace(session, liveness=liveness)
            if final:
                return _go_on_blind(session)
            if _turn_is_open(session):
                over = over or Layer.LIGHT not in liveness.waiting
            else:
                over = over or liveness.is_strong or not liveness.may_become_strong
        case ev.CameraFailed():
            return _go_on_blind(session)
        case _:
            pass
    return go_on(dataclasses.replace(session, waited=True)) if over else (session, ())


def _go_on_blind(session: Session) -> Step:
    """Go on without frames: no light comes back any more, and no head is seen to turn."""
    session = dataclasses.replace(session, waited=True)
    return _go_on_unturned(session) if _turn_is_open(session) else go_on(session)


# A turned head ------------------------------------------------------------------------------------


def _turn_is_open(session: Session) -> bool:
    """Say whether a turned head is still to be asked for."""
    by_face = session.basis is Basis.FACE
    return by_face and session.turned is None and wants_turn(session.order.amount, session.policy)


def turn(session: Session, event: ev.Event) -> Step:
    """Look on until the head has turned, or does not; an attack has ended the session before."""
    late = session.now_ms - session.since_ms >= session.limits.turning_ms
    match event:
        case ev.Probed(liveness=liveness, final=final):
            session = dataclasses.replace(session, liveness=liveness)
            if Layer.TURN in liveness.proven:
                return go_on(dataclasses.replace(session, turned=True))
            late = late or final or Layer.TURN not in liveness.waiting
        case ev.CameraFailed() | ev.TurnSkipped():
            late = True
        case _:
            pass
    return _go_on_unturned(session) if late else (session, ())


def _go_on_unturned(session: Session) -> Step:
    """Have the PIN asked instead: no sum that asks for a turn passes without the one or the other.

    A turn that was seen lets nobody off a PIN; one that was not always asks for it.
    """
    unturned = dataclasses.replace(session, turned=False)
    amount, policy = session.order.amount, session.policy
    return go_on(want(unturned, rows_for_turn(amount, policy, shown=False)))
