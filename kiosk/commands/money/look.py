"""`smiletill money find|open|totals`: look payments up and add a day up, from the journal alone."""

from __future__ import annotations

import re
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kiosk.commands.common import emit, json_option, there_data_option
from kiosk.domain.errors import BadInputError
from kiosk.domain.ids import reference_of
from kiosk.domain.money import parse_amount
from kiosk.settings import load_settings

# Within the words: listing them must not load the crypto.
# ruff: noqa: PLC0415

if TYPE_CHECKING:
    from kiosk.money.open_items import OpenItem
    from kiosk.money.search import Found
    from kiosk.money.totals import Period, Sum, Totals

_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:\d{2})?", re.ASCII)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)

day_option = click.option("--day", metavar="DATE", help="A day, like 2026-11-23, or today.")
since_option = click.option(
    "--since", metavar="TIME", help="From then on, like 2026-11-23T17:00 in local time."
)
until_option = click.option("--until", metavar="TIME", help="Before then.")


@click.command()
@click.option("--order", help="The beginning of an order's id.")
@click.option("--reference", help="Of a payment or refund, as the statement shows it.")
@click.option("--amount", help="Of the order, like 12.50.")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@day_option
@since_option
@until_option
@there_data_option
@json_option
def find(
    *,
    order: str | None,
    reference: str | None,
    amount: str | None,
    limit: int,
    day: str | None,
    since: str | None,
    until: str | None,
    data_dir: Path,
    as_json: bool,
) -> int:
    """Find payments, newest first. Exit code 1 if there are none."""
    from kiosk.money.reading import read_installation
    from kiosk.money.search import Query, find_payments

    settings = load_settings(data_dir)
    period = None if day is None else _period(day, since, until)
    query = Query(
        order_id=order,
        reference=reference,
        amount=None if amount is None else parse_amount(amount, settings.currency),
        since=_time(since) if period is None else period.since,
        until=_time(until) if period is None else period.until,
        limit=limit,
    )
    _, book = read_installation(data_dir)
    found = [_found_row(it) for it in find_payments(book, query)]
    lines = [line for row in found for line in _found_words(row)]
    emit({"payments": found}, as_json, "\n".join(lines) or "None found.")
    return 0 if found else 1


@click.command("open")
@there_data_option
@json_option
def open_(*, data_dir: Path, as_json: bool) -> None:
    """List everything that is not finished, with what to do about it."""
    from kiosk.money.open_items import open_items
    from kiosk.money.reading import read_installation

    _, book = read_installation(data_dir)
    items = open_items(book)
    lines = [line for item in items for line in _item_words(item)]
    emit({"open": [_item_row(it) for it in items]}, as_json, "\n".join(lines) or "Nothing is open.")


@click.command()
@day_option
@since_option
@until_option
@there_data_option
@json_option
def totals(
    *, day: str | None, since: str | None, until: str | None, data_dir: Path, as_json: bool
) -> None:
    """Add a day or a shift up: orders by state, money in and back, what is open."""
    from kiosk.money.reading import read_installation
    from kiosk.money.totals import totals_of

    period = _period(day, since, until)
    _, book = read_installation(data_dir)
    found = totals_of(book, period, load_settings(data_dir).currency)
    emit(_totals_row(found), as_json, _totals_words(found))


# Times -------------------------------------------------------------------------------------------


def _period(day: str | None, since: str | None, until: str | None) -> Period:
    """Return the period that was asked for: a day, or a shift between two times; else today."""
    from kiosk.money.totals import Period, check_day, day_period

    if day is not None and (since is not None or until is not None):
        message = "Name a day, or a time with --since, not both."
        raise click.UsageError(message)
    first, last = _time(since), _time(until)
    if first is not None:
        return Period(first, last or datetime.now().astimezone())
    if last is not None:
        message = "--until needs --since."
        raise click.UsageError(message)
    if day is None or day == "today":
        return day_period(datetime.now().astimezone().date())
    try:
        asked = date.fromisoformat(day if _DATE.fullmatch(day) else "")
    except ValueError:
        raise _time_bad() from None
    return day_period(check_day(asked))


def _time(text: str | None) -> datetime | None:
    from kiosk.money.totals import check_day

    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text if _TIME.fullmatch(text) else "")
        check_day(found.date())
        return found.astimezone()
    except (ValueError, OSError):
        raise _time_bad() from None


def _time_bad() -> BadInputError:
    return BadInputError(
        "The day or time cannot be read.",
        code="time_bad",
        mend="Write it like 2026-11-23, or 2026-11-23T17:00 for a time.",
    )


# Rows and words ----------------------------------------------------------------------------------


def _found_row(found: Found) -> dict[str, Any]:
    return {
        "order": found.order_id,
        "minor_units": found.amount.minor_units,
        "currency": found.amount.currency,
        "state": found.state.value,
        "reason": found.reason,
        "at": found.opened_at.isoformat(),
        "refundable_minor_units": found.refundable,
        "due_back_minor_units": found.due_back,
        "attempts": [
            {
                "reference": reference_of(attempt.key),
                "at": attempt.at.isoformat(),
                "end": "in_flight" if attempt.end is None else attempt.end.value,
                "reason": attempt.reason,
            }
            for attempt in found.attempts
        ],
        "refunds": [
            {
                "number": refund.number,
                "minor_units": refund.amount.minor_units,
                "state": refund.state.value,
                "reference": refund.reference,
            }
            for refund in found.refunds
        ],
    }


def _found_words(row: dict[str, Any]) -> list[str]:
    at = datetime.fromisoformat(row["at"]).astimezone()
    head = f"{at:%Y-%m-%d %H:%M}  {row['order']}  {_sum_words(row)}  {row['state']}"
    lines = [f"{head}  {row['reason'].replace('_', ' ')}".rstrip()]
    lines += [f"    {it['reference']}  {it['end']}" for it in row["attempts"]]
    lines += [
        f"    refund {it['number']}  {it['minor_units'] / 100:.2f}  {it['state']}"
        for it in row["refunds"]
    ]
    return lines


def _item_row(item: OpenItem) -> dict[str, Any]:
    return {
        "kind": item.kind.value,
        "item": item.item,
        "order": item.order_id,
        "minor_units": item.amount.minor_units,
        "currency": item.amount.currency,
        "reference": item.reference,
        "since": item.since.isoformat(),
        "detail": item.detail,
        "mend": item.mend,
    }


def _item_words(item: OpenItem) -> list[str]:
    since = f"{item.since.astimezone():%Y-%m-%d %H:%M}"
    kind = item.kind.value.replace("_", " ").upper()
    head = f"{since}  {kind}  {item.amount}  {item.order_id or item.item}  {item.detail}".rstrip()
    return [head, f"    {item.mend}"]


def _totals_row(found: Totals) -> dict[str, Any]:
    def of(it: Sum) -> dict[str, int]:
        return {"count": it.count, "minor_units": it.minor_units}

    return {
        "since": found.period.since.isoformat(),
        "until": found.period.until.isoformat(),
        "currency": found.currency,
        "orders": {state.value: of(it) for state, it in found.orders.items()},
        "received": of(found.received),
        "refunded": of(found.refunded),
        "refunds_open": of(found.refunds_open),
        "net_minor_units": found.net,
        "open": [_item_row(it) for it in found.open],
    }


def _totals_words(found: Totals) -> str:
    period = found.period
    lines = [f"{period.since:%Y-%m-%d %H:%M} to {period.until:%Y-%m-%d %H:%M}, {found.currency}"]
    sums = {f"orders {state.value}": it for state, it in found.orders.items()} | {
        "received": found.received,
        "refunded": found.refunded,
        "refunds open": found.refunds_open,
    }
    lines += [
        f"{name.replace('_', ' '):<24}{it.count:>6}{it.minor_units / 100:>14,.2f}"
        for name, it in sums.items()
    ]
    lines.append(f"{'net':<30}{found.net / 100:>14,.2f}")
    lines += [line for item in found.open for line in _item_words(item)]
    return "\n".join(lines if found.open else [*lines, "Nothing is open."])


def _sum_words(row: dict[str, Any]) -> str:
    return f"{row['minor_units'] / 100:.2f} {row['currency']}"
