"""Keys of the money process: one for each mandate, wrapped by the process's own.

What must vanish with a person is sealed under the key of that person's mandate: journalled
requests, the bank's mandate id, the account hint, the PIN verifier. Destroying the 92-byte key
file makes all of it unreadable, although the journal stays as it is.

File format, `DIR/money/keys/ALIAS.key`: `STK1`, 12 bytes nonce, 48 bytes AES-256-GCM (the key,
with the alias as associated data). Sealed text: base64 of `S1`, nonce, AES-256-GCM, with purpose
and name as associated data, so that no sealed text can stand in for another.

On a disk that moves blocks about (any SSD), overwriting does not reach old copies of the file;
they are worth nothing without the process's key, which the passphrase protects.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import re
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from kiosk.domain.errors import BadInputError
from kiosk.domain.ids import IdempotencyKey, OrderId, PayerAlias
from kiosk.money.errors import KeyFileError
from kiosk.money.storage import sync_directory

KEY_BYTES = 32
NONCE_BYTES = 12
_FILE_MAGIC = b"STK1"
_FILE_BYTES = len(_FILE_MAGIC) + NONCE_BYTES + KEY_BYTES + 16
_SEAL_MAGIC = b"S1"
_ALIAS = re.compile(r"a[0-9a-f]{16}", re.ASCII)


def parse_alias(text: str) -> PayerAlias:
    """Check an alias that came from outside; it becomes part of a file's name.

    Raises:
        BadInputError: It is not `a` and 16 hex digits.
    """
    if not _ALIAS.fullmatch(text):
        raise BadInputError(
            "The payer's alias is not usable.",
            code="alias_bad",
            mend="Check that all parts of SmileTill are of the same version.",
        )
    return PayerAlias(text)


class MandateKeys:
    """The key files of one installation. Safe to use from several threads under the ledger's lock.

    Keys are read for each use and not kept, so that a destroyed key is gone.
    """

    def __init__(self, directory: Path, process_key: bytes) -> None:
        """Derive the two keys of the process and make the directory.

        Args:
            directory: Where the key files are.
            process_key: 32 bytes from the supervisor.

        Raises:
            KeyFileError: The directory cannot be made.
        """
        assert len(process_key) == KEY_BYTES, "the process key has 32 bytes"
        self._directory = directory
        self._wrap = AESGCM(_derived(process_key, b"smiletill money: wrap mandate keys v1"))
        self._own = AESGCM(_derived(process_key, b"smiletill money: own seals v1"))
        self._naming = _derived(process_key, b"smiletill money: idempotency keys v1")
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise KeyFileError("its folder cannot be made") from error

    def aliases(self) -> set[PayerAlias]:
        """Return all payers that have a key."""
        return {PayerAlias(path.stem) for path in self._directory.glob("*.key")}

    def payment_key(self, order_id: OrderId, attempt: int) -> IdempotencyKey:
        """Return the idempotency key of an order's attempt, always the same one.

        So a journal that lost its end, in a way that no check of it can see, still cannot lead to
        a second debit: the attempt is made again under the key that the bank knows already.
        """
        name = f"{order_id}\n{attempt}".encode()
        return IdempotencyKey(hmac.new(self._naming, name, "sha256").hexdigest()[:32])

    def refund_key(self, payment: IdempotencyKey, nth: int) -> IdempotencyKey:
        """Return the idempotency key of a payment's nth refund, always the same one."""
        name = f"refund\n{payment}\n{nth}".encode()
        return IdempotencyKey(hmac.new(self._naming, name, "sha256").hexdigest()[:32])

    def create(self, alias: PayerAlias) -> None:
        """Make a key for a payer, or keep the one there is.

        Raises:
            KeyFileError: It cannot be stored.
        """
        nonce = secrets.token_bytes(NONCE_BYTES)
        wrapped = self._wrap.encrypt(nonce, secrets.token_bytes(KEY_BYTES), alias.encode())
        path = self._path(alias)
        fresh = path.with_suffix(".new")
        try:
            if path.exists():
                return
            write_synced(fresh, _FILE_MAGIC + nonce + wrapped)
            fresh.replace(path)
            sync_directory(self._directory)
        except OSError as error:
            raise KeyFileError("it cannot be written") from error

    def destroy(self, alias: PayerAlias) -> None:
        """Overwrite and remove a payer's key; no error if there is none.

        Raises:
            KeyFileError: The disk refuses; the key may still be there.
        """
        path = self._path(alias)
        try:
            if not path.exists():
                return
            write_synced(path, bytes(_FILE_BYTES))
            path.unlink()
            sync_directory(self._directory)
        except OSError as error:
            raise KeyFileError("it cannot be destroyed") from error

    def seal(self, alias: PayerAlias, purpose: str, name: str, plain: bytes) -> str:
        """Seal bytes under a payer's key, bound to a purpose and a name.

        Raises:
            KeyFileError: There is no usable key.
        """
        return _seal(self._load(alias), purpose, name, plain)

    def open(self, alias: PayerAlias, purpose: str, name: str, sealed: str) -> bytes:
        """Open what was sealed for the same payer, purpose and name.

        Raises:
            KeyFileError: There is no usable key, or the text was changed.
        """
        return _open(self._load(alias), purpose, name, sealed)

    def seal_own(self, purpose: str, name: str, plain: bytes) -> str:
        """Seal bytes under the process's own key."""
        return _seal(self._own, purpose, name, plain)

    def open_own(self, purpose: str, name: str, sealed: str) -> bytes:
        """Open what was sealed under the process's own key.

        Raises:
            KeyFileError: The text was changed, or sealed by an installation of another key.
        """
        return _open(self._own, purpose, name, sealed)

    def _path(self, alias: PayerAlias) -> Path:
        return self._directory / f"{parse_alias(alias)}.key"

    def _load(self, alias: PayerAlias) -> AESGCM:
        try:
            raw = self._path(alias).read_bytes()
        except OSError as error:
            raise KeyFileError("it cannot be read") from error
        if len(raw) != _FILE_BYTES or not raw.startswith(_FILE_MAGIC):
            raise KeyFileError("its file is damaged")
        nonce, wrapped = raw[4 : 4 + NONCE_BYTES], raw[4 + NONCE_BYTES :]
        try:
            return AESGCM(self._wrap.decrypt(nonce, wrapped, alias.encode()))
        except InvalidTag as error:
            raise KeyFileError("its file is damaged or belongs to another key") from error


def _derived(key: bytes, info: bytes) -> bytes:
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=info).derive(key)


def _bound_to(purpose: str, name: str) -> bytes:
    assert "|" not in purpose, "a purpose must end where it ends"
    return f"{purpose}|{name}".encode()


def _seal(cipher: AESGCM, purpose: str, name: str, plain: bytes) -> str:
    nonce = secrets.token_bytes(NONCE_BYTES)
    sealed = cipher.encrypt(nonce, plain, _bound_to(purpose, name))
    return base64.b64encode(_SEAL_MAGIC + nonce + sealed).decode()


def _open(cipher: AESGCM, purpose: str, name: str, sealed: str) -> bytes:
    try:
        raw = base64.b64decode(sealed, validate=True)
        if not raw.startswith(_SEAL_MAGIC):
            raise KeyFileError("a sealed text is of another version")
        nonce, body = raw[2 : 2 + NONCE_BYTES], raw[2 + NONCE_BYTES :]
        return cipher.decrypt(nonce, body, _bound_to(purpose, name))
    except (InvalidTag, binascii.Error, ValueError) as error:
        raise KeyFileError("a sealed text was changed or belongs to another key") from error


def write_synced(path: Path, data: bytes) -> None:
    """Write a small file for the owner only, and return when it is on the disk. Raises OSError."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    handle = os.open(path, flags, 0o600)
    try:
        if os.write(handle, data) != len(data):
            raise OSError("a short write")
        os.ftruncate(handle, len(data))
        os.fsync(handle)
    finally:
        os.close(handle)
