"""A customer at the screen with their own data: seen behind face and PIN, never during a payment.

`step(session, event) -> (session, effects)` is the whole of it; `new_session` makes the first one.
"""

from kiosk.domain.own_data.machine import new_session, step
from kiosk.domain.own_data.state import OwnData, OwnLimits, Phase, Session, lower_choices

__all__ = ["OwnData", "OwnLimits", "Phase", "Session", "lower_choices", "new_session", "step"]
