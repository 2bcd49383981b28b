"""Shows the colours of a light plan at their times, as one value for the window's background.

The plan comes with what the eyes see and is on the camera's clock, which on a live camera is the
machine's own (`time.monotonic`). Without a plan there is no colour, and the window is as ever.
It does not judge what comes back: `kiosk.faces.vision.pad.light` does.
"""

from __future__ import annotations

import time

from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot

from kiosk.domain.lightcode import LightPlan
from kiosk.domain.session.look import Look
from kiosk.faces.screen.signals import ring

NO_COLOUR = ""


class LightShow(QObject):
    """The colour of now; `changed` is emitted when it is another one."""

    changed = Signal()

    def __init__(self) -> None:
        """Show nothing."""
        super().__init__()
        self._plan: LightPlan | None = None
        self._colour = NO_COLOUR
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self.turn)

    @property
    def colour(self) -> str:
        """The colour, `#rrggbb`, or empty."""
        return self._colour

    @Slot(int, object)
    def on_look(self, _ticket: int, look: Look) -> None:
        """Take up the plan that the eyes have begun, once."""
        if look.light is not None and look.light is not self._plan:
            self._plan = look.light
            self.turn()

    def stop(self) -> None:
        """Show nothing any more: the camera is closed."""
        self._timer.stop()
        self._show(NO_COLOUR)

    @Slot()
    def turn(self) -> None:
        """Show the colour of this moment, and wait for the next one."""
        plan = self._plan
        if plan is None:
            return
        now_ms = time.monotonic_ns() // 1_000_000
        tint = plan.tint_at(now_ms)
        self._show(NO_COLOUR if tint is None else tint.value)
        if now_ms < plan.end_ms:
            step = (now_ms - plan.start_ms) // plan.step_ms + 1
            next_ms = plan.start_ms + max(0, step) * plan.step_ms
            self._timer.start(max(1, next_ms - now_ms))

    def _show(self, colour: str) -> None:
        if colour != self._colour:
            self._colour = colour
            ring(self.changed)
