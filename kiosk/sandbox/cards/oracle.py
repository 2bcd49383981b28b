"""Asks a running sandbox for cards what really moved, and scripts it: for tests and measurements.

Its answers come from the service's own books, never from money.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import requests

from kiosk.domain.errors import SetupError
from kiosk.sandbox.bank.trouble import ledger_trouble
from kiosk.sandbox.cards.books import Sums, count_moves
from kiosk.sandbox.cards.main import BOOKS_FILE, CONTROL_FILE, FOLDER

TIMEOUT_S = (2.0, 10.0)


def sums(data_dir: Path, order_id: str | None = None) -> Sums:
    """Add up what was captured and refunded, for one order or for all.

    Asks the running service, else reads its books.

    Raises:
        SetupError: The books cannot be read.
    """
    query = {} if order_id is None else {"order": order_id}
    try:
        found = control(data_dir, "GET", "oracle", query=query)
    except SetupError:
        return _from_books(data_dir, order_id)
    return Sums(**{field.name: int(found[field.name]) for field in fields(Sums)})


def _from_books(data_dir: Path, order_id: str | None) -> Sums:
    file = data_dir / FOLDER / BOOKS_FILE
    if not file.exists():
        return Sums(0, 0, 0, 0)
    try:
        address = f"{file.absolute().as_uri()}?mode=ro"
        with contextlib.closing(sqlite3.connect(address, uri=True)) as connection:
            return count_moves(connection, order_id)
    except sqlite3.Error as error:
        raise ledger_trouble(error) from error


def is_running(data_dir: Path) -> bool:
    """Say whether a sandbox for cards of this installation answers now."""
    try:
        control(data_dir, "GET", "oracle")
    except SetupError:
        return False
    return True


def control(
    data_dir: Path,
    method: str,
    word: str,
    body: Mapping[str, Any] | None = None,
    query: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Say a word to the control side (see `server.py`) and return its answer.

    Raises:
        SetupError: No sandbox for cards is running, or it does not accept this.
    """
    trouble = SetupError(
        "The sandbox for cards is not running, or does not accept this.",
        code="sandbox_cards_not_running",
        mend='Start SmileTill with connector = "cards", then try again.',
    )
    try:
        found = json.loads((data_dir / FOLDER / CONTROL_FILE).read_text())
        url, token = str(found["url"]), str(found["control_token"])
        with requests.Session() as session:
            session.trust_env = False
            response = session.request(
                method,
                f"{url}/control/{word}",
                params=dict(query or {}),
                json=body,
                headers={"Authorization": f"Bearer {token}"},
                timeout=TIMEOUT_S,
                allow_redirects=False,
            )
            answer = response.json()
    except (OSError, ValueError, KeyError, TypeError, requests.RequestException) as error:
        raise trouble from error
    if response.status_code != 200 or not isinstance(answer, dict):
        raise trouble
    return answer
