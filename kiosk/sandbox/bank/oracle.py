"""Asks the sandbox bank, from outside, what it executed; and scripts its faults and its clock.

The oracle never goes through the connector: it is what the connector is measured against.
While the bank is not running the books are read from its file, read-only.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import requests

from kiosk.domain.errors import BadInputError, SetupError
from kiosk.sandbox.bank.ledger import Debits
from kiosk.sandbox.bank.ledger import executed_debits as count_debits
from kiosk.sandbox.bank.main import ADDRESS_FILE, LEDGER_FILE, SANDBOX_FOLDER
from kiosk.sandbox.bank.trouble import ledger_trouble

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

TIMEOUT_S = (2.0, 10.0)
"""Seconds to connect and to wait; the bank answers in milliseconds."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a running bank said it listens."""

    url: str
    pid: int
    control_token: str


def read_address(data_dir: Path) -> Address | None:
    """Return what the bank of an installation wrote, or None; it may have died since."""
    try:
        found = json.loads((data_dir / SANDBOX_FOLDER / ADDRESS_FILE).read_text())
        return Address(str(found["url"]), int(found["pid"]), str(found["control_token"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def executed_debits(data_dir: Path, order_id: str) -> int:
    """Count the debits that the bank executed for one order.

    Raises:
        SetupError: The bank answers with nonsense, or its books cannot be read.
    """
    return all_debits(data_dir, order_id).count


def all_debits(data_dir: Path, order_id: str | None = None) -> Debits:
    """Count and add up what the bank executed, for one order or for all.

    Args:
        data_dir: The installation.
        order_id: One order, or None for all.

    Raises:
        SetupError: The bank answers with nonsense, or its books cannot be read.
    """
    parameters = {} if order_id is None else {"order": order_id}
    try:
        found = control(data_dir, "GET", "oracle", parameters=parameters)
    except _NotRunningError:
        return _from_books(data_dir, order_id)
    try:
        return Debits(int(found["debits"]), int(found["sum_minor_units"]))
    except (KeyError, TypeError, ValueError) as error:
        raise _nonsense() from error


def is_running(data_dir: Path) -> bool:
    """Say whether a bank of this installation answers now."""
    try:
        control(data_dir, "GET", "oracle")
    except (_NotRunningError, SetupError):
        return False
    return True


def add_fault(data_dir: Path, fault: Mapping[str, Any]) -> None:
    """Append one entry to the running bank's fault script (fields as in `faults.Fault`).

    Raises:
        BadInputError: The bank does not know such a fault.
        SetupError: No bank is running.
    """
    control(data_dir, "POST", "faults", body=fault)


def clear_faults(data_dir: Path) -> None:
    """Let the running bank behave again.

    Raises:
        SetupError: No bank is running.
    """
    control(data_dir, "DELETE", "faults")


def set_clock(data_dir: Path, offset_s: int) -> None:
    """Set the bank's clock to the wall clock plus `offset_s` seconds.

    Raises:
        BadInputError: The offset is out of bounds.
        SetupError: No bank is running.
    """
    control(data_dir, "POST", "clock", body={"offset_s": offset_s})


def decide_consent(data_dir: Path, consent_id: str, decision: str) -> None:
    """Let the payer or the bank decide about a consent of the open-banking door.

    Raises:
        BadInputError: There is no such consent, or its status does not allow it.
        SetupError: No bank is running.
    """
    body = {"consent_id": consent_id, "decision": decision}
    control(data_dir, "POST", "vrp/consents", body=body)


def set_ladder(
    data_dir: Path, delays_s: Mapping[str, float], final: str, reason: str = "AM04"
) -> None:
    """Script the statuses of open-banking payments to come.

    Args:
        data_dir: The installation.
        delays_s: Seconds before each named status, from the step before.
        final: `settle`, `reject`, `block` or `cancel`.
        reason: Four-character code of a rejection.

    Raises:
        BadInputError: A status, delay, end or reason is not known.
        SetupError: No bank is running.
    """
    body = {"delays_s": dict(delays_s), "final": final, "reason": reason}
    control(data_dir, "POST", "vrp/ladder", body=body)


def set_tokens(data_dir: Path, life_s: int | None, *, forget: bool) -> None:
    """Shorten the life of payers' tokens to come (None: as long as the consent), or end all.

    Raises:
        BadInputError: The life is out of bounds.
        SetupError: No bank is running.
    """
    control(data_dir, "POST", "vrp/tokens", body={"life_s": life_s, "forget": forget})


def door_requests(data_dir: Path) -> list[dict[str, Any]]:
    """Return the log of requests to the open-banking door, oldest first.

    Raises:
        SetupError: No bank is running, or it answers with nonsense.
    """
    found = control(data_dir, "GET", "vrp/requests").get("requests")
    if not isinstance(found, list):
        raise _nonsense()
    return found


class _NotRunningError(SetupError):
    """There is no bank to ask."""

    def __init__(self) -> None:
        super().__init__(
            "No sandbox bank is running on this installation.",
            code="sandbox_not_running",
            mend="Start it with: smiletill bank sandbox serve.",
        )


def _nonsense() -> SetupError:
    return SetupError(
        "What answers at the sandbox bank's address is not the sandbox bank.",
        code="sandbox_answer_bad",
        mend="Stop whatever listens there and start the sandbox bank again.",
    )


def control(
    data_dir: Path,
    method: str,
    word: str,
    *,
    parameters: Mapping[str, str] | None = None,
    body: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Say a word to the running bank's control side and return its answer.

    Raises:
        BadInputError: The bank does not accept it.
        SetupError: No bank is running, or something else answers there.
    """
    address = read_address(data_dir)
    if address is None:
        raise _NotRunningError
    with requests.Session() as session:
        session.trust_env = False
        try:
            response = session.request(
                method,
                f"{address.url}/control/{word}",
                params=dict(parameters or {}),
                json=body,
                headers={"Authorization": f"Bearer {address.control_token}"},
                timeout=TIMEOUT_S,
                allow_redirects=False,
            )
        except requests.ConnectionError as error:
            raise _NotRunningError from error
        except requests.RequestException as error:
            raise _nonsense() from error
    if response.status_code == 400:
        raise BadInputError(
            "The sandbox bank does not accept this.",
            code="sandbox_refused",
            mend="See smiletill bank sandbox --help.",
        )
    try:
        found = response.json()
    except ValueError as error:
        raise _nonsense() from error
    if response.status_code != 200 or not isinstance(found, dict):
        raise _nonsense()
    return found


def _from_books(data_dir: Path, order_id: str | None) -> Debits:
    file = data_dir / SANDBOX_FOLDER / LEDGER_FILE
    if not file.exists():
        return Debits(0, 0)
    try:
        with contextlib.closing(
            sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)
        ) as connection:
            return count_debits(connection, order_id)
    except sqlite3.Error as error:
        raise ledger_trouble(error) from error
