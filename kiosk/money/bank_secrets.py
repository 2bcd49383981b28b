"""Secrets of the bank's connector as files, sealed under money's own key.

`DIR/money/bank/NAME.secret` holds one secret: client keys, tokens. The name is sealed in, so that
no file can stand in for another. A secret is there whole or not at all: it is written aside, synced
and renamed. Nothing is cached, so that what is deleted is gone.
This does not know what a secret means.
"""

from __future__ import annotations

import re
import threading
from pathlib import Path

from kiosk.money.errors import BankSecretError, KeyFileError
from kiosk.money.keys import MandateKeys, write_synced
from kiosk.money.storage import sync_directory

SECRET_BYTES_MAX = 65_536
"""A client's certificates and keys are below 10 KB, a token below 4 KB."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}", re.ASCII)
_PURPOSE = "bank secret"


class SealedSecrets:
    """The secrets of one installation's connector. Threads may share it; the last `put` stays."""

    def __init__(self, directory: Path, keys: MandateKeys) -> None:
        """Remember where they are; the directory is made by the first `put`."""
        self._directory = directory
        self._keys = keys
        self._guard = threading.Lock()

    def get(self, name: str) -> bytes | None:
        """Return a secret, or None if there is none.

        Raises:
            BankSecretError: It was changed, or sealed by an installation of another key.
        """
        try:
            with self._path(name).open(encoding="ascii") as file:
                sealed = file.read(2 * SECRET_BYTES_MAX)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise BankSecretError("it cannot be read") from error
        try:
            return self._keys.open_own(_PURPOSE, name, sealed)
        except KeyFileError as error:
            raise BankSecretError("it was changed or belongs to another key") from error

    def put(self, name: str, value: bytes) -> None:
        """Store a secret; when this returns, it is on the disk.

        Raises:
            BankSecretError: The disk refuses; what was there before is still there.
        """
        assert len(value) <= SECRET_BYTES_MAX, "a secret of ours outgrew its limit"
        path = self._path(name)
        sealed = self._keys.seal_own(_PURPOSE, name, value).encode()
        fresh = path.with_name(f"{path.name}.new")
        try:
            with self._guard:
                self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
                sync_directory(self._directory.parent)
                write_synced(fresh, sealed)
                fresh.replace(path)
                sync_directory(self._directory)
        except OSError as error:
            raise BankSecretError("it cannot be written") from error

    def delete(self, name: str) -> None:
        """Overwrite and remove a secret; one that is not there is no error.

        Raises:
            BankSecretError: The disk refuses; it may still be there.
        """
        path = self._path(name)
        try:
            size = path.stat().st_size
            write_synced(path, bytes(size))
            path.unlink()
            sync_directory(self._directory)
        except FileNotFoundError:
            return
        except OSError as error:
            raise BankSecretError("it cannot be removed") from error

    def _path(self, name: str) -> Path:
        assert _NAME.fullmatch(name), "a secret's name becomes part of a file's name"
        return self._directory / f"{name}.secret"


def has_secret(data_dir: Path, name: str) -> bool:
    """Say whether an installation keeps a secret of this name; needs no key and reads none."""
    return (data_dir / "money" / "bank" / f"{name}.secret").exists()
