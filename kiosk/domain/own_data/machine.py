"""The machine of one's own data: pure, total, and shows nothing without face and PIN.

Invariants, each with a test:
- nothing is shown or changed without a face that was identified and bona fide, and that person's
  PIN, verified by money in this session; the one exception is the end of a pause, by number and
  PIN, which shows nothing;
- the camera is on only between a press and the verdict;
- a limit only ever becomes lower here, and nothing is erased without a second, separate act;
- every phase but the last has a time limit, and so has the whole;
- after the order to erase, only its answer or its time limit ends the session.
An event that means nothing in a phase changes nothing. A face that is in doubt is sent to staff:
asking for digits as well would take more time than they do.
"""

from __future__ import annotations

import dataclasses

from kiosk.domain.evidence import PadVerdict
from kiosk.domain.identification import Decision
from kiosk.domain.mandate import is_raise
from kiosk.domain.own_data import effects as fx
from kiosk.domain.own_data import events as ev
from kiosk.domain.own_data.state import OwnLimits, Phase, Session

Step = tuple[Session, tuple[fx.Effect, ...]]

_DEFAULT_LIMITS = OwnLimits()
_KNOWN_ENOUGH = {Decision.IDENTIFIED, Decision.NEEDS_DIGITS}
"""The PIN is always asked for here, which is more than the digits are."""


def new_session(at_ms: int, *, limits: OwnLimits = _DEFAULT_LIMITS) -> Session:
    """Begin, with the camera off."""
    return Session(limits=limits, now_ms=at_ms, since_ms=at_ms, begun_ms=at_ms)


def step(session: Session, event: ev.Event) -> Step:  # noqa: PLR0911 - one return a case
    """Take one event.

    Args:
        session: Where we are.
        event: What happened. A clock that went backwards is taken to stand still.

    Returns:
        Where we are now, and what has to be done, in that order.
    """
    session = dataclasses.replace(session, now_ms=max(session.now_ms, event.at_ms))
    if session.phase is Phase.CLOSED:
        return session, ()
    if session.phase is Phase.ENDED:
        over = session.now_ms - session.since_ms >= session.limits.ended_ms
        if isinstance(event, ev.Left) or over:
            return _enter(session, Phase.CLOSED), ()
        return session, ()
    if session.erasing:
        return _while_erasing(session, event)
    overdue = _overdue(session)
    if overdue:
        return _end(session, overdue)
    match event:
        case ev.Left():
            return _end(session, "left")
        case ev.Failed(code=code):
            return _end(session, code)
        case ev.Touched() if session.phase in _ATTENDED:
            return _enter(session, session.phase), ()
        case _:
            return _by_phase(session, event)


def _by_phase(session: Session, event: ev.Event) -> Step:  # noqa: PLR0911 - one return a case
    match (session.phase, event):
        case (Phase.INTRO, ev.Pressed()):
            looking = dataclasses.replace(session, camera_on=True)
            return _enter(looking, Phase.PROBING), (fx.OpenCamera(),)
        case (Phase.INTRO, ev.NumberOpened()):
            return _enter(session, Phase.NUMBER), ()
        case (Phase.NUMBER, ev.NumberTyped(phone=phone, pin=pin)):
            return _enter(session, Phase.VERIFYING), (fx.ResumeByNumber(phone, pin),)
        case (Phase.PROBING, ev.Probed()):
            return _probe(session, event)
        case (Phase.PROBING, ev.CameraFailed(code=code)):
            return _end(session, code)
        case (Phase.PIN, ev.PinTyped(pin=pin)) if session.person is not None:
            return _enter(session, Phase.VERIFYING), (fx.ProvePin(session.person, pin),)
        case (Phase.VERIFYING, ev.PinJudged()):
            return _judge(session, event)
        case (Phase.LOADING, ev.DataArrived(data=data)):
            return _enter(dataclasses.replace(session, data=data), Phase.SHOWN), ()
        case (Phase.SHOWN | Phase.LIMITS | Phase.ERASING, _):
            return _wish(session, event)
        case (Phase.WORKING, ev.Answered(reason=reason)):
            done = "" if reason else session.done
            told = dataclasses.replace(session, refusal=reason, done=done)
            assert told.person is not None
            return _enter(told, Phase.LOADING), (fx.AskData(told.person),)
        case _:
            return session, ()


# Face and PIN -------------------------------------------------------------------------------------


def _probe(session: Session, event: ev.Probed) -> Step:
    session = dataclasses.replace(session, hint=event.hint)
    verdict = event.verdict
    if event.pad is PadVerdict.ATTACK:
        return _end(session, "pad_texture")
    if event.pad is not PadVerdict.BONA_FIDE or verdict is None:
        undecided = event.pad is PadVerdict.UNDECIDED
        why = event.hint or ("pad_undecided" if undecided else "no_face")
        return _end(session, why) if event.final else (session, ())
    if verdict.decision is Decision.UNKNOWN:
        looked_ms = session.now_ms - session.since_ms
        if event.final or looked_ms >= session.limits.unknown_ms:
            return _end(session, "own_unknown_person")
        return session, ()
    if verdict.decision not in _KNOWN_ENOUGH or verdict.person is None:
        return _end(session, "own_face_in_doubt")
    found = dataclasses.replace(session, person=verdict.person, camera_on=False, hint="")
    return _enter(found, Phase.PIN), (fx.CloseCamera(), fx.Wipe())


def _judge(session: Session, event: ev.PinJudged) -> Step:
    if event.verified and event.token and session.person is not None:
        proven = dataclasses.replace(session, token=event.token, refusal="")
        return _enter(proven, Phase.LOADING), (fx.AskData(session.person),)
    if event.verified and session.person is None:
        return _end(session, "own_resumed")  # by number: it is done, and nothing is shown
    reason = event.reason or "pin_wrong"
    wrong = dataclasses.replace(session, wrong_answers=session.wrong_answers + 1, refusal=reason)
    if wrong.wrong_answers >= session.limits.tries_max or reason == "pin_locked":
        return _end(wrong, reason)
    return _enter(wrong, Phase.NUMBER if session.person is None else Phase.PIN), ()


# Wishes -------------------------------------------------------------------------------------------


def _wish(session: Session, event: ev.Event) -> Step:  # noqa: PLR0911 - one return a case
    assert session.person is not None, "somebody was identified"
    assert session.token, "and their PIN was verified"
    assert session.data is not None, "and what is kept of them is known"
    person, data = session.person, session.data
    match (session.phase, event):
        case (Phase.SHOWN, ev.LimitsOpened()) if data.limits is not None:
            return _enter(session, Phase.LIMITS), ()
        case (Phase.SHOWN, ev.EraseOpened()):
            return _enter(session, Phase.ERASING), ()
        case (Phase.SHOWN, ev.PauseChosen()) if data.paused:
            return _work(session, "resumed", fx.Resume(person, session.token))
        case (Phase.SHOWN, ev.PauseChosen()):
            return _work(session, "paused", fx.Pause(person))
        case (Phase.LIMITS, ev.LimitsChosen(limits=limits)) if data.limits is not None:
            if is_raise(data.limits, limits):
                return dataclasses.replace(session, refusal="proof_needed"), ()
            return _work(session, "lowered", fx.Lower(person, limits))
        case (Phase.ERASING, ev.EraseConfirmed()):
            erasing = dataclasses.replace(session, erasing=True)
            return _work(erasing, "", fx.Erase(person))
        case (Phase.LIMITS | Phase.ERASING, ev.Back()):
            return _enter(session, Phase.SHOWN), ()
        case _:
            return session, ()


def _work(session: Session, done: str, effect: fx.Effect) -> Step:
    working = dataclasses.replace(session, done=done, refusal="")
    return _enter(working, Phase.WORKING), (effect,)


def _while_erasing(session: Session, event: ev.Event) -> Step:
    """Nothing but its answer ends an erasure: whoever leaves is erased all the same."""
    match event:
        case ev.Erased(certificate=certificate, whole=whole):
            told = dataclasses.replace(session, certificate=certificate)
            return _end(told, "own_erased" if whole else "own_erased_in_part")
        case ev.Failed(code=code):
            return _end(session, code)
        case _ if session.now_ms - session.since_ms >= session.limits.erase_ms:
            return _end(session, "own_still_erasing")
        case _:
            return session, ()


# Time and ends ------------------------------------------------------------------------------------

_ATTENDED = {Phase.NUMBER, Phase.PIN, Phase.SHOWN, Phase.LIMITS, Phase.ERASING}


def _enter(session: Session, phase: Phase) -> Session:
    return dataclasses.replace(session, phase=phase, since_ms=session.now_ms)


def _overdue(session: Session) -> str:
    """Tell why a session ends whose phase, or whose whole, has lasted too long."""
    limits = session.limits
    allowed, reason = {
        Phase.INTRO: (limits.intro_ms, "left"),
        Phase.PROBING: (limits.probing_ms, session.hint or "no_face"),
        Phase.NUMBER: (limits.idle_ms, "timed_out"),
        Phase.PIN: (limits.idle_ms, "timed_out"),
        Phase.VERIFYING: (limits.work_ms, "money_unreachable"),
        Phase.LOADING: (limits.work_ms, "money_unreachable"),
        Phase.SHOWN: (limits.idle_ms, "left"),
        Phase.LIMITS: (limits.idle_ms, "left"),
        Phase.ERASING: (limits.idle_ms, "left"),
        Phase.WORKING: (limits.work_ms, "money_unreachable"),
    }[session.phase]
    if session.now_ms - session.since_ms >= allowed:
        return reason
    return "timed_out" if session.now_ms - session.begun_ms >= limits.session_ms else ""


def _end(session: Session, reason: str) -> Step:
    """End; nothing of the customer stays. Who merely left has nothing to read."""
    closing: tuple[fx.Effect, ...] = (fx.CloseCamera(),) if session.camera_on else ()
    ended = dataclasses.replace(
        session,
        reason=reason,
        camera_on=False,
        person=None,
        token="",
        data=None,
        erasing=False,
    )
    phase = Phase.CLOSED if reason == "left" else Phase.ENDED
    return _enter(ended, phase), (*closing, fx.Wipe())
