"""What can go wrong with keys and vault, each with its reason code and its mend.

No message repeats a name, a number, a key or a path below the installation.
"""

from __future__ import annotations

from kiosk.domain.errors import BadInputError, SetupError


class KeyMissingError(SetupError):
    """There is nothing to unlock the installation with."""

    def __init__(
        self,
        message: str,
        mend: str = "Put the passphrase in a file outside the data directory and name it in"
        " SMILETILL_PASSPHRASE_FILE, give the credential 'storekey', or use a terminal.",
    ) -> None:
        """Take the sentence that says what was looked for, and another mend where it helps more."""
        super().__init__(message, code="key_missing", mend=mend)


class KeyInsideDataError(SetupError):
    """A key lies beside what it locks."""

    def __init__(self, what: str) -> None:
        """Name the kind of key file."""
        super().__init__(
            f"The {what} lies inside the data directory, beside what it locks.",
            code="key_inside_data",
            mend="Move it elsewhere: whoever copies the data must not get the key with it.",
        )


class KeyMalformedError(SetupError):
    """A key source was found and cannot be used."""

    def __init__(self, message: str, mend: str) -> None:
        """Take the sentence and the mend."""
        super().__init__(message, code="key_malformed", mend=mend)


class CodeMistypedError(KeyMalformedError):
    """What was typed is no recovery code: bad input, and nothing of the machine is amiss."""

    exit_code = BadInputError.exit_code


class WrongKeyError(SetupError):
    """The key does not belong to this installation."""

    def __init__(
        self,
        message: str = "The key or passphrase is not this installation's.",
        mend: str = "Give the key it was made with, or use another --data directory.",
    ) -> None:
        """Take another sentence and mend where there is more to say."""
        super().__init__(message, code="key_wrong", mend=mend)


class KeyringDamagedError(SetupError):
    """`keyring.json` cannot be used."""

    def __init__(self, message: str, code: str = "keyring_damaged") -> None:
        """Take the sentence that says what is wrong with it."""
        super().__init__(
            message,
            code=code,
            mend="Put keyring.json back from a backup; no new key can open the data.",
        )


class RecordDamagedError(SetupError):
    """One sealed record is not what was written under this key, this id and this purpose."""

    def __init__(self) -> None:
        """Say so; the caller knows which record it was."""
        super().__init__(
            "A sealed record is damaged or was moved.",
            code="record_damaged",
            mend="Put the vault back from a backup.",
        )


class VaultDamagedError(SetupError):
    """The vault is not whole; nothing in it was changed."""

    def __init__(self, what: str) -> None:
        """Say what is wrong, without personal data."""
        super().__init__(
            f"The vault is damaged: {what}.",
            code="vault_damaged",
            mend="Nothing was changed. Put the folder 'vault' back from a backup, or begin anew"
            " with another --data directory.",
        )


class VaultInUseError(SetupError):
    """A second owner asked for the vault."""

    def __init__(self) -> None:
        """Say so."""
        super().__init__(
            "Another process has this vault open.",
            code="vault_in_use",
            mend="Stop the other SmileTill on this data directory first.",
        )


class VaultTooNewError(SetupError):
    """A newer program has written the vault."""

    def __init__(self) -> None:
        """Say so."""
        super().__init__(
            "The vault was written by a newer version of SmileTill.",
            code="vault_too_new",
            mend="Install that version again.",
        )


class VaultUnusableError(SetupError):
    """The disk does not let us read or write."""

    def __init__(self, what: str) -> None:
        """Say what failed, in plain words."""
        super().__init__(
            f"The vault cannot be read or written: {what}.",
            code="vault_unusable",
            mend="Check the free space and the permissions of the data directory.",
        )


class PersonUnknownError(BadInputError):
    """Nobody here has this id."""

    def __init__(self) -> None:
        """Say so."""
        super().__init__(
            "Nobody is enrolled under this id.",
            code="person_unknown",
            mend="`smiletill enrol list` shows who is.",
        )


class StaffFileError(SetupError):
    """The file of the staff's accounts cannot be used."""

    @classmethod
    def damaged(cls) -> StaffFileError:
        """It is not what was written, or was written under another key."""
        return cls(
            "The file of the staff's accounts is damaged, or belongs to another key.",
            code="staff_file_damaged",
            mend="Remove vault/staff.sealed and add the accounts anew: smiletill enrol staff add.",
        )

    @classmethod
    def full(cls, most: int) -> StaffFileError:
        """There are as many accounts as there may be."""
        return cls(
            f"There are {most} staff accounts already, and no more are kept.",
            code="staff_full",
            mend="Remove one that is not used: smiletill enrol staff remove.",
        )


class PersonStateError(BadInputError):
    """The person's record is not in a state in which this can be done."""

    def __init__(self, state: str) -> None:
        """Name the state it is in."""
        super().__init__(
            f"This cannot be done while the person's record is {state}.",
            code="person_state",
            mend="`smiletill enrol show` tells the state; thaw a frozen record first.",
        )
