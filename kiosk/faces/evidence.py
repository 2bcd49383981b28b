"""What is kept of each recognition that led to a payment, so that a wrong one can be looked into.

Order, time, rounded scores, thresholds, codes and the model pack: nothing biometric and nobody's
name or id, so it says nothing without the journal, and nothing of whoever was erased there.
A line of JSON each, each with the version of its form, under `DIR/evidence`. It is kept for as long
as a payment may be disputed. A disk that refuses stops no payment.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from kiosk.domain.identification import Identification
from kiosk.domain.ids import OrderId, PackId

FILE_NAME = "matches.jsonl"
KEPT_DAYS = 400
"""A payer has 13 months to dispute a payment (PSD2, Directive 2015/2366, Article 71)."""
LINES_MAX = 100_000
"""The oldest go first; 250 payments a day for 13 months."""
FORM = 1

logger = logging.getLogger(__name__)


class Match(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One recognition; scores are texts of two decimals."""

    form: int
    order: str
    at: str
    pack: str
    decision: str
    reason: str
    score: str
    margin: str
    threshold_open: str
    threshold_digits: str
    threshold_pin: str
    calibration: str


_decoder = msgspec.json.Decoder(Match)
_encoder = msgspec.json.Encoder()


class MatchEvidence:
    """The file of one installation. Safe to use from many threads.

    Args:
        folder: `DIR/evidence`, made if it is not there.
        now: The time, with its zone.
        lines_max: Lines that are kept when the file is opened.
    """

    def __init__(
        self, folder: Path, now: Callable[[], datetime], *, lines_max: int = LINES_MAX
    ) -> None:
        """Drop what is too old; a file that cannot be read is left alone."""
        self._path = folder / FILE_NAME
        self._now = now
        self._turn = threading.Lock()
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._prune(lines_max)
        except OSError as error:
            logger.warning("evidence of recognitions cannot be kept: %s", error.strerror)

    def keep(self, order_id: OrderId, verdict: Identification, pack: PackId) -> None:
        """Keep a recognition; never raises for a disk that refuses."""
        limits = verdict.thresholds
        match = Match(
            form=FORM,
            order=order_id,
            at=self._now().astimezone(UTC).isoformat(timespec="seconds"),
            pack=pack,
            decision=verdict.decision.value,
            reason=verdict.reason.value,
            score=_number(verdict.score),
            margin=_number(verdict.margin),
            threshold_open=_number(limits.open),
            threshold_digits=_number(limits.digits),
            threshold_pin=_number(limits.pin),
            calibration=limits.worst_open,
        )
        try:
            with self._turn:
                self._append(_encoder.encode(match) + b"\n")
        except OSError as error:
            logger.warning("a recognition was not written down: %s", error.strerror)

    def of(self, order_id: OrderId) -> dict[str, str]:
        """Return the last recognition for an order, or nothing."""
        with self._turn:
            for match in reversed(self._read()):
                if match.order == order_id:
                    told = msgspec.structs.asdict(match)
                    return {key: str(value) for key, value in told.items()}
        return {}

    def _read(self) -> list[Match]:
        try:
            lines = self._path.read_bytes().splitlines()
        except OSError:
            return []
        found = []
        for line in lines:
            try:
                found.append(_decoder.decode(line))
            except (msgspec.DecodeError, RecursionError):
                continue  # cut off by a crash, or of a later program
        return found

    def _prune(self, lines_max: int) -> None:
        oldest = (self._now().astimezone(UTC) - timedelta(days=KEPT_DAYS)).isoformat()
        matches = self._read()
        kept = [it for it in matches if it.at >= oldest][-lines_max:]
        if len(kept) == len(matches):
            return
        fresh = self._path.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        fresh.touch(mode=0o600)
        fresh.write_bytes(b"".join(_encoder.encode(it) + b"\n" for it in kept))
        fresh.replace(self._path)

    def _append(self, line: bytes) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        handle = os.open(self._path, flags, 0o600)
        try:
            os.write(handle, line)
        finally:
            os.close(handle)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
