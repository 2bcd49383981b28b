"""Colours and sizes: with the sheet theme.qss the only place of the window with numbers of taste.

The colours are those of the kiosk's screen (kiosk/faces/screen/qml/SmileTill/Theme.qml); a test
compares them. Sizes follow the screen: what is touched is at least 12 mm high.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from string import Template

PAPER = "#f7f5f0"
CARD = "#ffffff"
HAIRLINE = "#d9d4c8"
INK = "#15192b"
QUIET = "#545b70"
ACCENT = "#2743d2"
ACCENT_DOWN = "#1a2f9e"
PALE_INK = "#ffffff"
WRONG = "#a8201a"
PAID = "#0b6b3a"
CANCELLED = "#48506a"
UNKNOWN = "#ffb400"

ACCENT_TINT = "#e9ecfb"
WRONG_TINT = "#fbeceb"
PAID_TINT = "#e6f3ec"
UNKNOWN_TINT = "#fff4d6"
BAR = "#1b2038"
BAR_HOVER = "#2a3152"
BAR_QUIET = "#b9bfd6"
EDGE = "#8a8fa1"
"""Of what can be typed into: 3:1 against the card, which the hairline has not."""
FAINT = "#eceae4"

FONTS = ["Inter", "Noto Sans", "Open Sans", "Liberation Sans", "DejaVu Sans"]
SHEET_FILE = "theme.qss"
TOUCH_MM = 12.0
TOUCH_PIXELS_MIN = 46
MM_AN_INCH = 25.4

BODY = 16
SMALL = 14
LARGE = 20
TITLE = 28
BIG = 40
RADIUS = 12
GAP = 12
MARGIN = 28


@dataclass(frozen=True, slots=True)
class Sizes:
    """What depends on the screen."""

    touch: int = TOUCH_PIXELS_MIN
    """Pixels of what a finger must hit."""
    motion: bool = True
    """Whether things may move; false where somebody asked for less."""


def sizes_of(dots_an_inch: float, *, motion: bool) -> Sizes:
    """Return the sizes for a screen; a density that cannot be true counts as a common one."""
    believable = dots_an_inch if 40 <= dots_an_inch <= 400 else 96.0
    return Sizes(max(TOUCH_PIXELS_MIN, round(TOUCH_MM * believable / MM_AN_INCH)), motion)


def style_sheet(sizes: Sizes) -> str:
    """Return the whole window's style."""
    names = {name.lower(): value for name, value in globals().items() if name.isupper()}
    sheet = Template(resources.files("enrollment.qt").joinpath(SHEET_FILE).read_text("utf-8"))
    return sheet.substitute(names, touch=sizes.touch, inner=sizes.touch - 4)
