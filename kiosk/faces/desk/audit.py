"""The audit log: who did what to whom and when, in order, kept under `DIR/audit`.

Lines are only ever added, each chained to the one before it, and `append` returns only after they
are on the disk. It holds opaque ids and codes: no name, no number, nothing of a face.

What it shows: a line that was changed, removed, added, moved or cut off the end by anybody without
the installation's key. What it cannot show: a copy of the whole folder, put back with its own seal;
that is for the vault's epoch.

Invariants:

- a file that does not read is never written again: a new one is begun behind it that says so, and
  `verify` answers no from then on, while people can still be enrolled and erased;
- a tail that a cut-off write leaves is removed, since nobody was told that it was there;
- after a failed sync nothing more is written by this process.
"""

from __future__ import annotations

import logging
import os
import re
import secrets
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from kiosk.domain.ids import PersonId
from kiosk.faces.desk import audit_files as files
from kiosk.faces.desk.audit_check import check, damage_behind_seal
from kiosk.faces.desk.errors import AuditWriteError
from kiosk.faces.vault.keyring import sync_folder
from kiosk.link.audit import ENTRIES_MAX, AuditEntry, AuditVerdict
from kiosk.link.chained import ChainBrokenError, Position, format_line

FOLDER_NAME = "audit"
FILE_BYTES_MAX = 4 << 20
"""Then the next file is begun: some 12,000 entries, which read in a tenth of a second."""
PROGRAM = "faces"
"""Who acts when nobody asked."""
CUSTOMER = "customer"
"""Who acts at the screen."""

_CODE = re.compile(r"[A-Za-z0-9_.:@+-]{0,80}")
_PERSON = re.compile(r"p[0-9a-f]{16}")
_LONG_NUMBER = re.compile(r"[0-9]{7}")
_WHO_LENGTH_MAX = 120

logger = logging.getLogger(__name__)


def is_code(text: str) -> bool:
    """Say whether a text may stand in an entry: a code, and nothing like a phone number."""
    return bool(_CODE.fullmatch(text)) and not _LONG_NUMBER.search(text)


class AuditLog:
    """The open log of one installation. Safe to use from many threads.

    Args:
        folder: `DIR/audit`; whoever opens it owns the vault's lock.
        key: Seals the end of the log.
        now: The time, with its zone.
        file_bytes_max: Length from which the next file is begun.

    Raises:
        AuditWriteError: The disk refuses.
    """

    def __init__(
        self,
        folder: Path,
        key: bytes,
        now: Callable[[], datetime],
        *,
        file_bytes_max: int = FILE_BYTES_MAX,
    ) -> None:
        """Read the last file and the seal, and go on behind them."""
        self._folder, self._key, self._now = folder, key, now
        self._file_bytes_max = file_bytes_max
        self._turn = threading.RLock()
        self._handle: int | None = None
        self._seal_handle: int | None = None
        self._header: files.Header
        self._position = Position()
        self._last = 0
        self._seals = 0
        self._poisoned = False
        try:
            self._open()
        except OSError as error:
            self.close()
            raise AuditWriteError(error.strerror or "the disk refuses") from error

    def append(
        self,
        who: str,
        what: str,
        person: PersonId | None = None,
        detail: Mapping[str, str] | None = None,
    ) -> AuditEntry:
        """Keep one entry, durably.

        Args:
            who: Who acts: `uid 1000`, `maria (clerk), uid 1000`, `CUSTOMER` or `PROGRAM`.
            what: A code, such as `erase_person`.
            person: Whom it is done to.
            detail: Codes and small numbers; never a name, a number to call, or free text.

        Raises:
            AuditWriteError: It is not kept, and what it is about should not be done.
        """
        told = dict(detail or {})
        for code in (what, person or "", *told, *told.values()):
            assert _CODE.fullmatch(code), "the audit log holds codes only"
        for value in told.values():
            opaque = _PERSON.fullmatch(value)
            assert opaque or not _LONG_NUMBER.search(value), "this could be a phone number"
        assert 0 < len(who) <= _WHO_LENGTH_MAX, "an entry says who"
        with self._turn:
            if self._poisoned or self._handle is None:
                raise AuditWriteError("an earlier write failed")
            at = self._now().astimezone(UTC).isoformat(timespec="seconds")
            entry = AuditEntry(self._last + 1, at, who, what, person or "", told)
            try:
                if self._position.offset >= self._file_bytes_max:
                    self._begin(self._header.file + 1, self._position.chain.hex(), "")
                self._write(msgspec.json.encode(entry))
                self._last = entry.n
                self._write_seal()
            except OSError as error:
                raise AuditWriteError(error.strerror or "the disk refuses") from error
            return entry

    def entries(self, after: int = 0, limit: int = ENTRIES_MAX) -> tuple[AuditEntry, ...]:
        """Return the entries behind number `after`, oldest first, as far as they can be read.

        Raises:
            AuditWriteError: A file cannot be opened.
        """
        found: list[AuditEntry] = []

        def take(entry: AuditEntry) -> None:
            if entry.n > after and len(found) < limit:
                found.append(entry)

        with self._turn:
            for number in files.file_numbers(self._folder):
                if len(found) >= limit:
                    break
                path = self._folder / files.file_name(number)
                try:
                    if not self._is_over(number, after):
                        files.read_file(path, take)
                except ChainBrokenError:
                    continue  # `verify` tells; what stands before the damage was handed over
                except OSError as error:
                    raise AuditWriteError(error.strerror or "it cannot be read") from error
        return tuple(found)

    def verify(self) -> AuditVerdict:
        """Read everything and check every line, every file and the seal."""
        with self._turn:
            return check(self._folder, self._key)

    def close(self) -> None:
        """Let go of the files. Calling it twice is no error."""
        with self._turn:
            for handle in (self._handle, self._seal_handle):
                if handle is not None:
                    os.close(handle)
            self._handle = self._seal_handle = None

    # Opening --------------------------------------------------------------------------------------

    def _open(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        self._seal_handle = os.open(self._folder / files.SEAL_NAME, flags, 0o600)
        numbers = files.file_numbers(self._folder)
        seals = files.read_seals(self._folder)
        seal = seals[0] if seals else None
        self._seals = 0 if seal is None else seal.serial
        if not numbers:
            number = 1 if seal is None else seal.file + 1
            self._last = 0 if seal is None else seal.entries
            self._begin(number, files.NO_CHAIN, "" if seal is None else "all files are gone")
            return
        reading, damage = self._take_up(numbers[-1])
        if reading is not None:
            damage = damage_behind_seal(seals, self._key, reading)
        if damage:
            self._last = max(self._last, 0 if seal is None else seal.entries)
            self._begin(numbers[-1] + 1, files.NO_CHAIN, damage)
            logger.error("the audit log is damaged: %s", damage)
            self.append(PROGRAM, "audit_damaged")
        elif seal is None or seal.key != files.key_name(self._key):
            self.append(PROGRAM, "audit_sealed_anew")
        elif seal.entries != self._last:
            self.append(PROGRAM, "audit_resumed")

    def _take_up(self, number: int) -> tuple[files.FileReading | None, str]:
        """Go on with the last file; return it, or None and what is wrong with it."""
        path = self._folder / files.file_name(number)
        try:
            reading = files.read_file(path, lambda _: None)
        except ChainBrokenError as error:
            return None, str(error)
        self._header = reading.header
        self._position, self._last = reading.position, reading.last
        self._handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW)
        if reading.torn_bytes:
            os.ftruncate(self._handle, self._position.offset)
        # A killed process may have written its last line and not synced it.
        os.fsync(self._handle)
        return reading, ""

    def _is_over(self, number: int, after: int) -> bool:
        """Say whether a file holds nothing behind an entry; the next one's header tells."""
        if number >= self._header.file:
            return False
        path = self._folder / files.file_name(number + 1)
        try:
            return files.read_header(path).first <= after + 1
        except (ChainBrokenError, OSError):
            return False

    # Writing --------------------------------------------------------------------------------------

    def _begin(self, number: int, follows: str, after_damage: str) -> None:
        """Begin a file; it appears with its header or not at all."""
        assert number <= files.FILES_MAX, "no restaurant has as many entries"
        log = secrets.token_hex(16) if follows == files.NO_CHAIN else self._header.log
        header = files.Header(
            format=files.FORMAT,
            version=files.FORMAT_VERSION,
            log=log,
            file=number,
            first=self._last + 1,
            follows=follows,
            after_damage=after_damage[:200],
        )
        body = msgspec.json.encode(header)
        line = format_line(body, Position())
        path, fresh = self._folder / files.file_name(number), self._folder / "fresh"
        handle = os.open(
            fresh,
            os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW,
            0o600,
        )
        try:
            _write_all(handle, line)
            os.fsync(handle)
            fresh.rename(path)
            sync_folder(self._folder)
        except OSError:
            os.close(handle)
            raise
        if self._handle is not None:
            os.close(self._handle)
        self._handle, self._header = handle, header
        self._position = Position().after(body, len(line))
        self._write_seal()

    def _write(self, body: bytes) -> None:
        assert len(body) <= files.BODY_BYTES_MAX, "an entry outgrew its limit"
        assert self._handle is not None
        line = format_line(body, self._position)
        try:
            _write_all(self._handle, line)
        except OSError:
            try:
                os.ftruncate(self._handle, self._position.offset)
            except OSError:
                self._poisoned = True
            raise
        try:
            os.fsync(self._handle)
        except OSError:
            self._poisoned = True
            raise
        self._position = self._position.after(body, len(line))

    def _write_seal(self) -> None:
        """Write the slot that is not the newest; a cut-off write leaves the other one."""
        assert self._seal_handle is not None
        self._seals += 1
        seal = files.Seal(
            version=files.FORMAT_VERSION,
            serial=self._seals,
            log=self._header.log,
            file=self._header.file,
            entries=self._last,
            chain=self._position.chain.hex(),
            key="",
        )
        slot = files.SLOT_BYTES * (self._seals % 2)
        os.pwrite(self._seal_handle, files.write_seal(seal, self._key), slot)
        os.fdatasync(self._seal_handle)


def _write_all(handle: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(handle, rest) :]
