"""One place where everything that changes something at the desk is written into the audit log.

Whoever adds a message to the desk need not think of the log: what is not known to be mere reading
is written down, when it begins (if it takes long), and how it ended.
Who acts is told by the desk. Nothing of a message gets into an entry but its kind, the person's id
and codes; so a name or a number cannot either.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Generator, Iterator

from kiosk.domain.errors import SmileTillError
from kiosk.domain.ids import PersonId
from kiosk.faces.desk.audit import AuditLog, is_code
from kiosk.faces.desk.errors import AuditWriteError
from kiosk.link.protocol import AnyMessage, Progress

READING = frozenset({
    "list_people", "show_person", "list_staff", "get_consent",
    "list_audit", "verify_audit", "show_scores", "show_quality", "show_activity", "show_queue",
    "show_rights", "list_person_payments", "list_unused",
})  # fmt: skip
"""Messages that change nothing and of which an entry would say nothing."""
RIGHTS_REFUSED = frozenset(
    {"role_refused", "sign_in_needed", "sign_in_wrong", "sign_in_paused", "manager_needed"}
)
"""Error codes of somebody who may not, or is not who they say; kept whatever was asked for."""
ANSWER_FIELDS = (
    "reason", "erased", "bytes_found", "mandate_revoked", "samples", "quality", "pin_always",
)  # fmt: skip
"""What an entry tells of an answer, where the answer has it."""

_PERSON = re.compile(r"p[0-9a-f]{16}")
_CODE = re.compile(r"[a-z][a-z0-9_]{0,39}")

logger = logging.getLogger(__name__)


def kind_of(message: AnyMessage) -> str:
    """Return the word by which the audit log knows a message: its tag on the link."""
    return str(type(message).__struct_config__.tag)


def witnessed(
    log: AuditLog, who: Callable[[], str], message: AnyMessage, answers: Iterator[AnyMessage]
) -> Generator[AnyMessage, None, None]:
    """Pass answers on, and write down what they come to.

    Args:
        log: Where to.
        who: Asked when an entry is written: signing in changes it.
        message: What was asked for.
        answers: Any number of `Progress`, then one answer, or an error.

    Raises:
        AuditWriteError: The log refuses before anything was done; it is then not done.
        SmileTillError: The error of the work itself.
    """
    what, person = kind_of(message), _person_of(message)
    begun = ended = False
    try:
        for answer in answers:
            if what in READING:
                pass
            elif not isinstance(answer, Progress):
                ended = True
                _conclude(log, who(), what, _person_of(answer) or person, _facts(answer))
            elif not begun:
                aside = _set_aside(message)
                begin = {"outcome": "begun"} | ({"set_aside": "yes"} if aside else {})
                log.append(who(), what, person or aside, begin)
                begun = True
            yield answer
    except SmileTillError as error:
        ended = True
        if (begun or error.code in RIGHTS_REFUSED) and not isinstance(error, AuditWriteError):
            _conclude(log, who(), what, person, {"outcome": error.code})
        raise
    finally:
        if isinstance(answers, Generator):
            answers.close()  # whatever was half done is undone before it is written down
        if begun and not ended:
            _conclude(log, who(), what, person, {"outcome": "hung_up"})


def _conclude(
    log: AuditLog, who: str, what: str, person: PersonId | None, detail: dict[str, str]
) -> None:
    """Write down an end. It has come about, so a log that refuses now cannot undo it."""
    try:
        log.append(who, what, person, detail)
    except AuditWriteError as error:
        logger.error("%s came to its end and is not in the audit log: %s", what, error)  # noqa: TRY400


def _set_aside(message: AnyMessage) -> PersonId | None:
    """Return the look-alike that a manager has set aside, if this is such a message."""
    other = getattr(message, "look_alike_of", None)
    if not isinstance(other, str) or not _PERSON.fullmatch(other):
        return None
    return PersonId(other)


def _person_of(message: AnyMessage) -> PersonId | None:
    person = getattr(message, "person", None)
    if isinstance(person, str) and _PERSON.fullmatch(person):
        return PersonId(person)
    return None


def _facts(answer: AnyMessage) -> dict[str, str]:
    facts = {"outcome": kind_of(answer)}
    for name in ANSWER_FIELDS:
        value = getattr(answer, name, None)
        if isinstance(value, bool):
            facts[name] = "yes" if value else "no"
        elif isinstance(value, int) or (isinstance(value, str) and _CODE.fullmatch(value)):
            facts[name] = str(value)
    evidence = getattr(answer, "evidence", {})
    return facts | {name: text for name, text in evidence.items() if is_code(text)}
