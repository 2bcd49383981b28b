"""The messages about what the vault's templates and people need now and then, sent by staff.

They are part of the protocol (kiosk/link/protocol.py).
"""

from __future__ import annotations

from kiosk.domain.ids import PersonId
from kiosk.link.message import Message, Private


class RenewTemplates(Message, frozen=True, tag="renew_templates"):
    """Keep all templates under a new secret; answered by `Progress` and `TemplatesRenewed`."""


class TemplatesRenewed(Message, frozen=True, tag="templates_renewed"):
    """Done; how many people were moved. Vectors copied before compare with nobody."""

    people: int


class ListUnused(Message, frozen=True, tag="list_unused"):
    """List who has not paid for so long that they were warned; answered by `Unused`."""


class UnusedPerson(Private, frozen=True, tag="unused_person"):
    """Somebody who will be erased. Dates are UTC; `erased_from` is the earliest day."""

    person: PersonId
    name: str
    last_active: str
    warned_at: str
    erased_from: str


class Unused(Private, frozen=True, tag="unused"):
    """Everybody who was warned, the next to be erased first."""

    people: tuple[UnusedPerson, ...]
    unused_months: int
    notice_days: int


VaultCareMessage = (
    RenewTemplates | TemplatesRenewed | ListUnused | UnusedPerson | Unused
)  # fmt: skip
