"""One customer, one order, one session: from the offer on the screen to exactly one end.

`step(session, event) -> (session, effects)` is the whole of it; `new_session` makes the first one,
`resumed_session` takes one up after an interruption.
"""

from kiosk.domain.session.machine import new_session, step
from kiosk.domain.session.resume import resumed_session
from kiosk.domain.session.state import Phase, Session, SessionLimits

__all__ = ["Phase", "Session", "SessionLimits", "new_session", "resumed_session", "step"]
