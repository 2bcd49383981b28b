"""The light challenge: a random order of soft screen colours, and what makes it safe and fresh.

The colours are pale and equally bright: the darkest has a relative luminance above .80, so that no
change among them is a flash as WCAG 2.3.1 defines it, and none is a saturated red. Besides, there
are fewer than three changes a second.
An order is drawn by whoever has chance at hand; this module has none. `LightBook` refuses an order
that was used lately, so that the recording of an earlier session does not fit a later one.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

STEP_MS = 360
"""How long a colour stays: 2.8 changes a second, below WCAG's three."""
COLOURS_A_PLAN = 6
"""2.2 s in all; 972 orders."""
ORDERS_KEPT = 256
DRAWS_MAX = 1_000


class Tint(enum.Enum):
    """A screen colour, as sRGB."""

    WARM = "#ffecbe"
    COOL = "#cdf0ff"
    MINT = "#d6ffd8"
    ROSE = "#ffe0ff"

    @property
    def linear(self) -> tuple[float, float, float]:
        """Red, green and blue in proportion to light, 0 to 1 (IEC 61966-2-1)."""
        value = int(self.value[1:], 16)
        parts = [(value >> shift & 255) / 255 for shift in (16, 8, 0)]
        red, green, blue = (
            part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
        )
        return red, green, blue

    @property
    def luminance(self) -> float:
        """Relative luminance, 0 to 1 (WCAG 2)."""
        red, green, blue = self.linear
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@dataclass(frozen=True, slots=True)
class LightPlan:
    """One challenge.

    Args:
        tints: The colours in order; no two neighbours are equal.
        start_ms: When the first one is shown, on the camera's clock.
        step_ms: How long each stays.
    """

    tints: tuple[Tint, ...] = field(repr=False)
    start_ms: int
    step_ms: int = STEP_MS

    def __post_init__(self) -> None:
        """Refuse what would flash, or what changes nothing."""
        neighbours = zip(self.tints, self.tints[1:], strict=False)
        if len(self.tints) < 3 or any(a is b for a, b in neighbours) or self.step_ms < 334:
            message = "a light plan has three colours or more, each new, for 334 ms or longer"
            raise ValueError(message)

    @property
    def end_ms(self) -> int:
        """When the last colour is over."""
        return self.start_ms + self.step_ms * len(self.tints)

    def tint_at(self, at_ms: float) -> Tint | None:
        """Return the colour of a moment, or None before and after."""
        step = int((at_ms - self.start_ms) // self.step_ms)
        return self.tints[step] if 0 <= step < len(self.tints) else None


class LightBook:
    """Draws orders, and none again that it has drawn lately.

    Args:
        below: Returns a random whole number from 0 to its argument, exclusive; from a
            cryptographic source in a kiosk, from a seed in a simulation.
    """

    def __init__(self, below: Callable[[int], int]) -> None:
        """Begin with nothing drawn."""
        self._below = below
        self._used: deque[tuple[Tint, ...]] = deque(maxlen=ORDERS_KEPT)

    def draw(self, start_ms: int) -> LightPlan:
        """Return a plan with a fresh order."""
        for _ in range(DRAWS_MAX):
            order = self._order()
            if order not in self._used:
                self._used.append(order)
                return LightPlan(order, start_ms)
        message = "the source of chance repeats itself"
        raise AssertionError(message)

    def _order(self) -> tuple[Tint, ...]:
        order: list[Tint] = []
        while len(order) < COLOURS_A_PLAN:
            others = [tint for tint in Tint if not order or tint is not order[-1]]
            order.append(others[self._below(len(others))])
        return tuple(order)
