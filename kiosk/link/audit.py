"""The audit log's messages: look at it, and have it verified. All go to faces.

An entry says who did what to whom and when; a person is an opaque id, and no entry holds a name,
a number or anything of a face.
"""

from __future__ import annotations

import msgspec

from kiosk.link.message import Message

ENTRIES_MAX = 500
"""Entries of one answer."""


class AuditEntry(Message, frozen=True, tag="audit_entry"):
    """One thing that was done, or refused.

    Args:
        n: Its number; the first is 1, none is left out.
        at: UTC, ISO 8601.
        who: `uid 1000`, `maria (clerk), uid 1000`, `customer` at the screen, or `faces` by itself.
        what: The message that asked for it, such as `erase_person`.
        person: Whom it was done to, or empty.
        detail: `outcome`, and facts that are no personal data.
    """

    n: int
    at: str
    who: str
    what: str
    person: str = ""
    detail: dict[str, str] = msgspec.field(default_factory=dict)


class ListAudit(Message, frozen=True, tag="list_audit"):
    """Give the entries behind number `after`, oldest first, at most `ENTRIES_MAX`."""

    after: int = 0


class AuditEntries(Message, frozen=True, tag="audit_entries"):
    """Some entries; ask again with the last one's number until there are none."""

    entries: tuple[AuditEntry, ...]


class VerifyAudit(Message, frozen=True, tag="verify_audit"):
    """Read the whole log and check every line, every file and the seal."""


class AuditVerdict(Message, frozen=True, tag="audit_verdict"):
    """Whether the log is whole; `problems` are sentences that name files and entries."""

    whole: bool
    entries: int
    files: int
    first_at: str = ""
    last_at: str = ""
    problems: tuple[str, ...] = ()


AuditMessage = ListAudit | AuditEntries | VerifyAudit | AuditVerdict
