"""The tables of the sandbox for cards.

Money moves are append-only by trigger; what a payment or a refund looks like now is a row that
changes, together with its move, in one transaction.
"""

from __future__ import annotations

SCHEMA_VERSION = 1

SCHEMA = """
create table customers (
    id text primary key, metadata text not null, created integer not null,
    deleted integer not null default 0
) strict;
create table sessions (
    id text primary key, customer text not null references customers (id),
    status text not null check (status in ('open', 'complete', 'expired')),
    success_url text not null, created integer not null
) strict;
create table methods (
    id text primary key, customer text references customers (id), last4 text not null,
    created integer not null
) strict;
create table intents (
    seq integer primary key, id text not null unique, customer text not null,
    method text not null, amount integer not null check (amount > 0), currency text not null,
    status text not null check (status in (
        'succeeded', 'processing', 'requires_action', 'requires_payment_method', 'canceled'
    )),
    metadata text not null, description text not null, code text not null,
    decline_code text not null, settles_at real, created integer not null
) strict;
create index intents_by_customer on intents (customer, seq);
create table refunds (
    seq integer primary key, id text not null unique,
    intent text not null references intents (id), amount integer not null check (amount > 0),
    currency text not null,
    status text not null check (status in ('pending', 'succeeded', 'failed')),
    metadata text not null, settles_at real, created integer not null
) strict;
create index refunds_by_intent on refunds (intent, seq);
create table moves (
    seq integer primary key, kind text not null check (kind in ('capture', 'refund')),
    intent text not null references intents (id), order_id text not null,
    amount integer not null check (amount > 0), currency text not null, at_s real not null
) strict;
create index moves_by_order on moves (order_id);
create trigger moves_stay before update on moves begin select raise(abort, 'append-only'); end;
create trigger moves_keep before delete on moves begin select raise(abort, 'append-only'); end;
create unique index one_capture on moves (intent) where kind = 'capture';
create table events (
    seq integer primary key, id text not null unique, type text not null, object text not null,
    created integer not null
) strict;
create table idempotency (
    key text primary key, digest text not null, status integer not null, body text not null,
    created real not null
) strict;
pragma user_version = 1;
"""

ADDED = """
create table if not exists came_back (
    refund text primary key references refunds (id), order_id text not null,
    amount integer not null check (amount > 0), at_s real not null
) strict;
create table if not exists disputes (
    seq integer primary key, id text not null unique,
    intent text not null unique references intents (id), status text not null,
    created integer not null
) strict;
"""
"""Tables that came later; books of the same version get them when they are opened."""
