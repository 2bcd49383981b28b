"""What is being typed on the pads. Never shown in a repr; forgotten as soon as it is used."""

from __future__ import annotations

from dataclasses import dataclass, field

from kiosk.faces.screen.views import View

LENGTHS = {
    View.DIGITS: (4, 4),
    View.PIN: (6, 6),
    View.PHONE_PIN: (6, 6),
    View.OWN_PIN: (6, 6),
    View.OWN_PHONE_PIN: (6, 6),
    View.OWN_PHONE: (6, 15),
    View.PHONE: (6, 15),
    View.STAFF: (4, 8),
}
"""Fewest and most digits a pad takes; 15 is the longest number of ITU-T E.164."""


@dataclass(slots=True)
class Entry:
    """The digits of the pad at hand, and the phone number while its PIN is typed."""

    digits: str = field(default="", repr=False)
    phone: str = field(default="", repr=False)

    def type(self, digit: str, view: View) -> bool:
        """Take one digit; return whether it was taken."""
        most = LENGTHS.get(view, (0, 0))[1]
        if len(digit) != 1 or digit not in "0123456789" or len(self.digits) >= most:
            return False
        self.digits += digit
        return True

    def erase(self) -> None:
        """Take the last digit back."""
        self.digits = self.digits[:-1]

    def is_enough(self, view: View) -> bool:
        """Say whether the pad's digits can be used."""
        fewest, most = LENGTHS.get(view, (1, 0))
        return fewest <= len(self.digits) <= most

    def take(self) -> str:
        """Hand the digits out, once."""
        digits, self.digits = self.digits, ""
        return digits

    def clear(self) -> None:
        """Forget everything."""
        self.digits = self.phone = ""
