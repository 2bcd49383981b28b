"""Where the secret that opens an installation comes from, and why it never lies inside it.

The order: the credential `storekey` that systemd hands over, the passphrase file that the
environment names, a person at a terminal. An installation that was sealed to its TPM asks the TPM
instead (keys.py).

It keeps nothing and knows nothing of keyrings.
Invariant: a key file inside the data directory is refused, whichever way it is named: by its path,
by a link from or to the inside, or as a second name (hard link) of a file in there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from kiosk.faces.vault.envelope import KEY_BYTES
from kiosk.faces.vault.errors import KeyInsideDataError, KeyMalformedError, KeyMissingError
from kiosk.faces.vault.keyring import KeySource
from kiosk.faces.vault.recovery import parse_code

CREDENTIALS_VARIABLE = "CREDENTIALS_DIRECTORY"
PASSPHRASE_VARIABLE = "SMILETILL_PASSPHRASE_FILE"  # noqa: S105 - the name of a variable
STOREKEY_NAME = "storekey"
PASSPHRASE_BYTES_MAX = 1024
PASSPHRASE_QUESTION = "Passphrase of this installation"  # noqa: S105 - a question

Prompt = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class KeyWish:
    """What the settings say of keys (`[keys]` in settings.toml).

    Args:
        tpm_only: Only the TPM may open the installation at a start.
        tcti: How to reach the TPM, in tpm2-tools' words; empty: the environment's, else the device.
    """

    tpm_only: bool = False
    tcti: str = ""


def find_secret(
    data_dir: Path, env: Mapping[str, str], prompt: Prompt | None, *, confirm: bool
) -> tuple[KeySource, bytearray]:
    """Take the first key source there is: credential, passphrase file, person at a terminal.

    Args:
        data_dir: The installation, in which no key may lie.
        env: The environment, for the two variables that name key sources.
        prompt: Asks a person, or None where no terminal is.
        confirm: Have the passphrase typed twice.

    Raises:
        KeyMissingError: There is none.
        KeyInsideDataError: It lies inside the installation.
        KeyMalformedError: It is empty, unreadable or of the wrong size.
    """
    folder = env.get(CREDENTIALS_VARIABLE)
    if folder and os.path.lexists(storekey := Path(folder) / STOREKEY_NAME):
        return KeySource.CREDENTIAL, read_storekey(storekey, data_dir)
    named = env.get(PASSPHRASE_VARIABLE)
    if named:
        return KeySource.PASSPHRASE, read_passphrase(Path(named), data_dir)
    if prompt is None:
        raise KeyMissingError("There is no key and no terminal to ask for the passphrase on.")
    return KeySource.PASSPHRASE, ask_passphrase(prompt, PASSPHRASE_QUESTION, confirm=confirm)


def ask_passphrase(prompt: Prompt, question: str, *, confirm: bool) -> bytearray:
    """Have a passphrase typed, twice where a slip of the finger would lock data away.

    Raises:
        KeyMalformedError: The two differ, or it is empty or too long.
    """
    typed = prompt(question)
    if confirm and prompt("The same passphrase again") != typed:
        raise KeyMalformedError("The two passphrases differ.", "Start again.")
    return _parse_passphrase(bytearray(typed.encode()))


def read_storekey(path: Path, data_dir: Path) -> bytearray:
    """Read a store key from a file outside the installation.

    Raises:
        KeyMissingError, KeyInsideDataError, KeyMalformedError: It cannot be used.
    """
    return _parse_storekey(read_key_file(path, data_dir, "store key"))


def read_passphrase(path: Path, data_dir: Path) -> bytearray:
    """Read a passphrase from a file outside the installation.

    Raises:
        KeyMissingError, KeyInsideDataError, KeyMalformedError: It cannot be used.
    """
    return _parse_passphrase(read_key_file(path, data_dir, "passphrase file"))


def read_code(path: Path, data_dir: Path) -> bytearray:
    """Read a recovery code from a file outside the installation.

    Raises:
        CodeMistypedError: There is no code in it.
        KeyMissingError, KeyInsideDataError, KeyMalformedError: It cannot be used.
    """
    return parse_code(read_key_file(path, data_dir, "recovery code").decode("ascii", "replace"))


def read_key_file(path: Path, data_dir: Path, what: str) -> bytearray:
    """Read a small file that must not lie in the installation.

    Args:
        path: Which.
        data_dir: The installation.
        what: What it is, for the error.

    Raises:
        KeyMissingError, KeyInsideDataError, KeyMalformedError: It cannot be used.
    """
    # Both the name and what it points to: a link inside DIR is as copied as the file itself.
    home = data_dir.resolve()
    if any(home in where.parents for where in (path.parent.resolve() / path.name, path.resolve())):
        raise KeyInsideDataError(what)
    try:
        with path.open("rb") as file:
            facts = os.fstat(file.fileno())
            # It has a second name; only then is it worth looking through the whole of DIR.
            if facts.st_nlink > 1 and _lies_in(home, facts):
                raise KeyInsideDataError(what)
            return bytearray(file.read(PASSPHRASE_BYTES_MAX + 2))
    except FileNotFoundError:
        raise KeyMissingError(f"The {what} that was named is not there.") from None
    except OSError as error:
        raise KeyMalformedError(
            f"The {what} cannot be read: {error.strerror}.", "Check its path and its permissions."
        ) from error


def _lies_in(home: Path, wanted: os.stat_result) -> bool:
    for folder, _, names in os.walk(home):
        for name in names:
            try:
                facts = Path(folder, name).lstat()
            except OSError:
                continue
            if os.path.samestat(facts, wanted):
                return True
    return False


def _parse_storekey(raw: bytearray) -> bytearray:
    if len(raw) == KEY_BYTES:
        return raw
    try:
        text = raw.decode("ascii").strip()
        key = bytearray.fromhex(text) if len(text) == 2 * KEY_BYTES else bytearray()
    except ValueError:
        key = bytearray()
    if len(key) != KEY_BYTES:
        raise KeyMalformedError(
            "The store key has the wrong size.", "It is 32 random bytes, or 64 hex digits."
        )
    return key


def _parse_passphrase(raw: bytearray) -> bytearray:
    phrase = raw.removesuffix(b"\n")
    if not phrase or len(phrase) > PASSPHRASE_BYTES_MAX:
        raise KeyMalformedError(
            "The passphrase is empty or too long.",
            f"Use 1 to {PASSPHRASE_BYTES_MAX} bytes; one newline at the end does not count.",
        )
    return phrase
