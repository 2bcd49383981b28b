"""Errors of the bank port's mandate calls."""

from __future__ import annotations

from kiosk.domain.errors import SetupError


class BankUnreachableError(SetupError):
    """The bank did not answer, or answered with nonsense, where no money is at stake."""

    def __init__(self, detail: str) -> None:
        """Say what failed, without any of the bank's words."""
        super().__init__(
            f"The bank cannot be reached ({detail}).",
            code="bank_unreachable",
            mend="Check the network and the bank's address, then try again.",
        )
