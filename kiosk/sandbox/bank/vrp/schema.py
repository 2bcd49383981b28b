"""The tables of the bank's open-banking side, beside the ledger's own in the same file.

Payments and what became of them are append-only by trigger: a status is never changed, the next
one is written behind it. Consents, the waiting list, keys and events are working data.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_utils.migrations import Migrations

if TYPE_CHECKING:
    from sqlite_utils import Database

MIGRATIONS = Migrations("sandbox_bank_vrp")

_V1 = """
create table vrp_accounts (
    id text primary key references accounts (id),
    scheme text not null,
    identification text not null unique,
    name text not null,
    state text not null check (state in ('open', 'closed', 'blocked'))
) strict;
create table vrp_consents (
    id text primary key,
    client_id text not null,
    body text not null,
    status text not null check (status in ('AWAU', 'AUTH', 'RJCT', 'CANC', 'EXPD')),
    reason text not null,
    account text references vrp_accounts (id),
    anchor_day text not null,
    first_day text,
    last_day text,
    created_at_s real not null,
    changed_at_s real not null,
    deleted_at_s real
) strict;
create index vrp_consents_by_end on vrp_consents (last_day) where last_day is not null;
create table vrp_consent_accounts (
    consent_id text not null references vrp_consents (id),
    account text not null references vrp_accounts (id),
    primary key (consent_id, account)
) strict;
create table vrp_payments (
    id text primary key,
    client_id text not null,
    consent_id text not null references vrp_consents (id),
    key text not null,
    body text not null,
    instruction_id text not null,
    end_to_end_id text not null,
    account text not null references vrp_accounts (id),
    creditor text not null,
    minor_units integer not null check (minor_units > 0),
    currency text not null,
    day text not null,
    plan text not null,
    created_at_s real not null
) strict;
create index vrp_payments_by_consent on vrp_payments (consent_id, day, minor_units);
create index vrp_payments_by_account on vrp_payments (account);
create table vrp_statuses (
    id integer primary key,
    payment_id text not null references vrp_payments (id),
    status text not null,
    reason text not null,
    at_s real not null,
    unique (payment_id, status)
) strict;
create index vrp_statuses_given_back on vrp_statuses (payment_id)
    where status in ('RJCT', 'CANC');
create index vrp_statuses_blocked on vrp_statuses (payment_id) where status = 'BLCK';
create table vrp_waiting (
    payment_id text primary key references vrp_payments (id),
    next integer not null,
    due_s real not null
) strict;
create index vrp_waiting_by_time on vrp_waiting (due_s);
create table vrp_keys (
    client_id text not null,
    operation text not null,
    key text not null,
    digest text not null,
    resource_id text not null,
    at_s real not null,
    primary key (client_id, operation, key)
) strict;
create table vrp_subscriptions (
    id text primary key,
    client_id text not null,
    body text not null
) strict;
create table vrp_events (
    id integer primary key,
    jti text not null unique,
    client_id text not null,
    claims text not null,
    at_s real not null,
    errors integer not null default 0
) strict;
create index vrp_events_by_client on vrp_events (client_id, id);
"""


@MIGRATIONS()
def v1_vrp(db: Database) -> None:
    """Make the first tables."""
    for statement in filter(str.strip, _V1.split(";\n")):
        db.execute(statement)
    for table in ("vrp_payments", "vrp_statuses"):
        for action in ("update", "delete"):
            db.execute(
                f"create trigger {table}_no_{action} before {action} on {table}"
                " begin select raise(abort, 'append only'); end"
            )
