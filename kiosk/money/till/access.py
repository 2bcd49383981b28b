"""Who may speak to the till interface: a key for each till, of which only a hash is kept.

`DIR/money/till/keys.json` holds name, role and SHA-256 of each key; a key of 256 random bits needs
no slow hash, because nobody can guess it. The file is read again whenever it has changed, so a key
that was removed is worth nothing from then on.
It decides who somebody is, not what a role may do (nexo.py, rest.py).

Invariants: a key is shown once and never stored; comparing takes the same time whichever key fits.
"""

from __future__ import annotations

import enum
import hashlib
import os
import re
import secrets
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from hmac import compare_digest
from pathlib import Path

import msgspec

from kiosk.domain.errors import BadInputError, SetupError
from kiosk.money.storage import sync_directory

FOLDER_NAME = "till"
KEYS_NAME = "keys.json"
KEYS_MAX = 50
FILE_BYTES_MAX = 65_536
KEY_BYTES = 32
KEY_PREFIX = "st_"
PRESENTED_CHARS_MAX = 200

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}", re.ASCII)


class TillRole(enum.Enum):
    """What a key is for."""

    TILL = "till"
    """A point of sale: its own orders, and totals."""
    STAFF = "staff"
    """The staff's tablet, or a till that staff trust with refunds: every order."""


class TillKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One key as it is kept."""

    name: str
    role: TillRole
    sha256: str
    made: str


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: int
    keys: tuple[TillKey, ...]


class KeyRing:
    """The keys of one installation. Safe to use from several threads."""

    def __init__(self, folder: Path) -> None:
        """Remember the folder `DIR/money/till`; it need not exist yet."""
        self._folder = folder
        self._path = folder / KEYS_NAME
        self._lock = threading.Lock()
        self._seen: tuple[int, int, int] | None = None
        self._keys: tuple[TillKey, ...] = ()

    def keys(self) -> tuple[TillKey, ...]:
        """Return all keys, oldest first.

        Raises:
            SetupError: The file cannot be used.
        """
        with self._lock:
            try:
                facts = self._path.stat()
            except FileNotFoundError:
                self._seen, self._keys = None, ()
                return ()
            except OSError as error:
                raise _unusable("it cannot be read") from error
            stamp = (facts.st_ino, facts.st_mtime_ns, facts.st_size)
            if stamp != self._seen:
                self._keys = self._read()
                self._seen = stamp
            return self._keys

    def who(self, presented: str) -> TillKey | None:
        """Return whose key this is, or None.

        Raises:
            SetupError: The file cannot be used.
        """
        digest = _digest(presented[:PRESENTED_CHARS_MAX])
        # Every key is compared, so that the time tells nothing.
        fits = [key for key in self.keys() if compare_digest(key.sha256, digest)]
        return fits[0] if fits else None

    def add(self, name: str, role: TillRole, made: str) -> str:
        """Make a key and return it; it cannot be shown again.

        Raises:
            BadInputError: The name cannot be used, or has a key already.
            SetupError: The file cannot be read or written.
        """
        if not _NAME.fullmatch(name):
            raise BadInputError(
                "The name of the till is not usable.",
                code="till_name_bad",
                mend="Use 1 to 40 letters, digits, dots, dashes or underscores.",
            )
        keys = self.keys()
        if any(key.name == name for key in keys):
            raise BadInputError(
                "A till of this name has a key already.",
                code="till_exists",
                mend="Remove it first; then the old key is worth nothing any more.",
            )
        if len(keys) >= KEYS_MAX:
            raise BadInputError(
                f"There are {KEYS_MAX} keys already.",
                code="too_many_tills",
                mend="Remove the ones that nobody uses.",
            )
        secret = KEY_PREFIX + secrets.token_urlsafe(KEY_BYTES)
        self._write((*keys, TillKey(name, role, _digest(secret), made)))
        return secret

    def remove(self, name: str) -> bool:
        """Make a till's key worthless; return whether there was one.

        Raises:
            SetupError: The file cannot be read or written.
        """
        keys = self.keys()
        left = tuple(key for key in keys if key.name != name)
        if left == keys:
            return False
        self._write(left)
        return True

    def _read(self) -> tuple[TillKey, ...]:
        try:
            with self._path.open("rb") as file:
                raw = file.read(FILE_BYTES_MAX + 1)
            found = msgspec.json.decode(raw, type=_File)
        except (OSError, msgspec.MsgspecError) as error:
            raise _unusable("it cannot be read") from error
        if found.version != 1 or len(raw) > FILE_BYTES_MAX:
            raise _unusable("it is of another version")
        return found.keys

    def _write(self, keys: tuple[TillKey, ...]) -> None:
        draft = self._path.with_suffix(".new")
        body = msgspec.json.encode(_File(1, keys))
        try:
            write_private(draft, body)
            draft.replace(self._path)
            sync_directory(self._folder)
        except OSError as error:
            raise _unusable("it cannot be written") from error
        with self._lock:
            self._seen = None


def write_private(path: Path, body: bytes) -> None:
    """Write a file that only its owner may read, durably. Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def _unusable(what: str) -> SetupError:
    return SetupError(
        f"The file of the tills' keys cannot be used: {what}.",
        code="till_keys_bad",
        mend="Look at money/till/keys.json and the disk; or remove the file and make new keys.",
    )


@dataclass(slots=True)
class _Failures:
    count: int = 0
    last_s: float = 0.0


@dataclass(slots=True)
class FailureBrake:
    """Counts wrong keys by who sent them, and says when there were too many.

    The oldest of `senders_max` senders is forgotten first. Safe to use from several threads.
    """

    free: int
    """Failures that cost nothing but the answer."""
    pause_s: float
    """Seconds without a failure after which a sender begins anew."""
    senders_max: int = 1_000
    total: int = 0
    """All failures since the start, for the diagnosis."""
    _senders: OrderedDict[str, _Failures] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def left_s(self, sender: str) -> float:
        """Return the seconds that a sender has to wait; 0 where it may try."""
        with self._lock:
            found = self._senders.get(sender)
            if found is None or found.count < self.free:
                return 0.0
            return max(0.0, found.last_s + self.pause_s - time.monotonic())

    def failed(self, sender: str) -> None:
        """Count a failure."""
        now = time.monotonic()
        with self._lock:
            self.total += 1
            found = self._senders.pop(sender, None) or _Failures()
            if now - found.last_s > self.pause_s:
                found.count = 0
            found.count, found.last_s = found.count + 1, now
            self._senders[sender] = found
            if len(self._senders) > self.senders_max:
                self._senders.popitem(last=False)
