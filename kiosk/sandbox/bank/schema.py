"""The tables of the sandbox bank's books and how they came to be.

Money rows are append-only by trigger: a correction would be another row, never an edit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_utils.migrations import Migrations

if TYPE_CHECKING:
    from sqlite_utils import Database

MIGRATIONS = Migrations("sandbox_bank")

_V1 = """
create table settings (name text primary key, value integer not null) strict;
create table accounts (id text primary key, number text not null) strict;
create table transfers (
    id text primary key,
    kind text not null check (kind in ('opening', 'payment')),
    order_id text,
    at_s real not null
) strict;
create index transfers_by_order on transfers (order_id);
create table entries (
    id integer primary key,
    transfer text not null references transfers (id),
    account text not null,
    minor_units integer not null check (minor_units <> 0),
    currency text not null
) strict;
create index entries_by_account on entries (account);
create index entries_by_transfer on entries (transfer);
create table mandates (
    ref text primary key,
    alias text not null,
    account text not null references accounts (id),
    state text not null check (
        state in ('pending', 'active', 'rejected', 'suspended', 'revoked', 'expired')
    ),
    per_payment integer not null check (per_payment > 0),
    per_day integer not null check (per_day > 0),
    currency text not null
) strict;
create table payments (
    ref text primary key,
    key text not null,
    order_id text not null,
    mandate_ref text not null,
    payee text not null,
    minor_units integer not null check (minor_units > 0),
    currency text not null,
    status text not null check (status in ('settled', 'declined')),
    reason text not null,
    day text not null,
    at_s real not null
) strict;
create index payments_by_mandate on payments (mandate_ref, day);
create table answers (
    operation text not null,
    key text not null,
    digest text not null,
    answer text not null,
    at_s real not null,
    primary key (operation, key)
) strict;
"""


@MIGRATIONS()
def v1_books(db: Database) -> None:
    """Make the first tables."""
    for statement in filter(str.strip, _V1.split(";\n")):
        db.execute(statement)
    for table in ("transfers", "entries", "payments"):
        for action in ("update", "delete"):
            db.execute(
                f"create trigger {table}_no_{action} before {action} on {table}"
                " begin select raise(abort, 'append only'); end"
            )
