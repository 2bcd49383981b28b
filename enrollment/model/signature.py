"""A signature drawn by finger or mouse, as strokes, and the one line of text that keeps it.

The line is "svg:" and a path of whole numbers, for faces to keep beside the consent. It never grows
beyond what faces takes: points too close to the last one are not kept, and a signature that is full
takes no more.
"""

from __future__ import annotations

import re
from itertools import pairwise

LENGTH_MAX = 16_384
"""Characters of the whole line; what faces takes (kiosk/link/staff_desk.py)."""
STEP_MIN = 3
"""Points nearer than this to the last one are left out, in both directions."""
INK_MIN = 40
"""Length in points from which strokes are a signature and not a slip of the finger."""
POINTS_MIN = 4
"""What faces takes for a signature at least (kiosk/faces/desk/agreement.py)."""
COORDINATE_MAX = 9_999

Point = tuple[int, int]
_MOVE = re.compile(r"M(\d{1,4}) (\d{1,4})((?:L\d{1,4} \d{1,4})*)")


class Strokes:
    """The strokes so far; `begin` starts one, `reach` draws on."""

    def __init__(self, line: str = "") -> None:
        """Start empty, or with what an earlier line holds."""
        self.strokes: list[list[Point]] = parse(line)
        self._length = len(self.line())

    def begin(self, x: float, y: float) -> None:
        """Put the pen down."""
        if not self.is_full():
            self.strokes.append([_point(x, y)])
            self._length += 12

    def reach(self, x: float, y: float) -> bool:
        """Draw on; return whether there is more to see."""
        if not self.strokes or self.is_full():
            return False
        point = _point(x, y)
        last = self.strokes[-1][-1]
        if max(abs(point[0] - last[0]), abs(point[1] - last[1])) < STEP_MIN:
            return False
        self.strokes[-1].append(point)
        self._length += 10
        return True

    def clear(self) -> None:
        """Start again."""
        self.strokes.clear()
        self._length = 0

    def is_full(self) -> bool:
        """Say whether no more fits; a thousand points and more do."""
        return self._length > LENGTH_MAX - 32

    def is_signed(self) -> bool:
        """Say whether there is more than a dot or a slip of the finger."""
        points = sum(len(stroke) for stroke in self.strokes)
        return points >= POINTS_MIN and self._ink() >= INK_MIN

    def line(self) -> str:
        """Return "svg:PATH", or "" if nothing was drawn."""
        if not self.strokes:
            return ""
        parts = []
        for stroke in self.strokes:
            (x, y), *rest = stroke
            parts.append(f"M{x} {y}" + "".join(f"L{a} {b}" for a, b in rest))
        return "svg:" + "".join(parts)

    def _ink(self) -> int:
        total = 0
        for stroke in self.strokes:
            for (x, y), (to_x, to_y) in pairwise(stroke):
                total += max(abs(to_x - x), abs(to_y - y))
        return total


def parse(line: str) -> list[list[Point]]:
    """Return the strokes of a line that `Strokes.line` wrote; whatever else it is, none."""
    found: list[list[Point]] = []
    for x, y, rest in _MOVE.findall(line.removeprefix("svg:")):
        pairs = [pair.split(" ") for pair in rest.split("L")[1:]]
        found.append([(int(x), int(y)), *((int(a), int(b)) for a, b in pairs)])
    return found


def typed(name: str) -> str:
    """Return the line of a signature that was typed instead."""
    return f"typed:{name.strip()}"


def _point(x: float, y: float) -> Point:
    return (
        min(COORDINATE_MAX, max(0, round(x))),
        min(COORDINATE_MAX, max(0, round(y))),
    )
