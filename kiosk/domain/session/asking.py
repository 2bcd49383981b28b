"""What is missing before the amount is shown: digits, PIN, and proof that somebody lives here.

`go_on` goes to the next of them, or shows the amount. A row can only ask for more.
"""

from __future__ import annotations

import dataclasses

from kiosk.domain.consent import Basis
from kiosk.domain.session import effects as fx
from kiosk.domain.session import events as ev
from kiosk.domain.session.ends import Step, enter
from kiosk.domain.session.state import Phase, Session
from kiosk.domain.stepup import Factor, Requirement, rows_for_liveness, rows_in_trial


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
    if missing and (missing[0] is Factor.DIGITS or session.person is not None):
        factor = missing[0]
        asked = session.asked if factor in session.asked else (*session.asked, factor)
        phase = Phase.DIGITS if factor is Factor.DIGITS else Phase.PIN
        return enter(dataclasses.replace(session, asked=asked), phase), ()
    assert session.person is not None, "nothing is missing, so somebody is known"
    assert session.facts is not None, "money has told what it knows of them"
    unproven = _unproven(session)
    if unproven and session.camera_on and session.liveness.may_become_strong:
        return enter(session, Phase.PROVING), ()
    if unproven:
        return go_on(want(session, unproven))
    return enter(session, Phase.CONFIRMING), (fx.ShowAmount(), *_in_trial(session))


def _in_trial(session: Session) -> tuple[fx.Effect, ...]:
    """Have it noted what a policy on trial would have asked; nothing else comes of it."""
    trial = session.policy.trial
    if trial is None or session.facts is None or session.basis is not Basis.FACE:
        return ()
    would = rows_in_trial(
        session.wanted,
        facts=session.facts,
        amount=session.order.amount,
        liveness=session.liveness,
        tries_used=session.tries_used,
        trial=trial,
    )
    return (fx.NoteTrial(session.wanted, would),)


def _unproven(session: Session) -> tuple[Requirement, ...]:
    """List what is asked because not every layer could say that somebody lives here."""
    if session.basis is not Basis.FACE or session.pin_token is not None:
        return ()
    return rows_for_liveness(session.liveness, session.order.amount, session.policy)


def prove(session: Session, event: ev.Event) -> Step:
    """Look on until the light has come back, or cannot any more; then a PIN stands in for it."""
    match event:
        case ev.Probed(liveness=liveness, final=final):
            session = dataclasses.replace(session, liveness=liveness)
            if not final and liveness.may_become_strong and not liveness.is_strong:
                late = session.now_ms - session.since_ms >= session.limits.proving_ms
                return go_on(want(session, _unproven(session))) if late else (session, ())
            if final and not liveness.is_strong:
                return go_on(want(session, _unproven(session)))
            return go_on(session)
        case ev.CameraFailed():
            return go_on(want(session, _unproven(session)))
        case _ if session.now_ms - session.since_ms >= session.limits.proving_ms:
            return go_on(want(session, _unproven(session)))
        case _:
            return session, ()
