"""Which free text may enter the journal: none. Ids, staff names and reasons are single words.

A sentence could hold a customer's name, and nothing in the journal can ever be taken back.
"""

from __future__ import annotations

import re

from kiosk.domain.errors import BadInputError

WORD_MAX = 40
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}", re.ASCII)


def check_word(text: str, what: str) -> str:
    """Return a word that may be journalled.

    Args:
        text: What was given.
        what: What it is called in the error.

    Raises:
        BadInputError: It is no word.
    """
    if not _WORD.fullmatch(text):
        raise BadInputError(
            f"The {what} is not usable.",
            code="word_bad",
            mend=f"Use 1 to {WORD_MAX} letters, digits, dots, dashes or underscores.",
        )
    return text
