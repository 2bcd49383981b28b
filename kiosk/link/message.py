"""What every message of the link is: a frozen type, tagged, read strictly."""

from __future__ import annotations

import msgspec


class Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type"):
    """Base of everything that travels."""


class Private(Message, frozen=True):
    """A message that carries personal data: its repr shows nothing but its type."""

    def __repr__(self) -> str:
        """Hide every field."""
        return f"{type(self).__name__}(…)"
