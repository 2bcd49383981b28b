"""The two families of errors the world can hand us, each with a reason code and a mend.

A refusal ("the answer is no") is never an exception here: it is a verdict with a reason.
Our own bugs are plain assertions; they crash the process, which restarts in a safe state.
"""

from __future__ import annotations


class SmileTillError(Exception):
    """Something outside our control went wrong, and a person can mend it.

    Args:
        message: One sentence that says what is wrong, free of names, numbers and faces.
        code: Stable reason code in snake case, for logs, texts and tests.
        mend: One sentence that says what to do about it.
    """

    exit_code = 3

    def __init__(self, message: str, *, code: str, mend: str) -> None:
        """Keep the three parts apart so that each front end can show them its own way."""
        super().__init__(message)
        self.message = message
        self.code = code
        self.mend = mend

    def __str__(self) -> str:
        """Return the sentence and the mend, as staff read it."""
        return f"{self.message} {self.mend}".strip()


class BadInputError(SmileTillError):
    """What was typed or handed in cannot be used (exit code 2)."""

    exit_code = 2


class SetupError(SmileTillError):
    """The machine, its files or its keys are not in order (exit code 3)."""

    exit_code = 3
