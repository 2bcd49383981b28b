"""Errors of the money process that a person can mend."""

from __future__ import annotations

from kiosk.domain.errors import BadInputError, SetupError


class JournalError(SetupError):
    """Something about the journal stops the till from selling."""


class JournalBusyError(JournalError):
    """Another process has the journal open for writing."""

    def __init__(self) -> None:
        """Say so."""
        super().__init__(
            "Another process writes the journal of this data directory.",
            code="journal_busy",
            mend="Stop the other money process first, or use another --data directory.",
        )


class JournalDamagedError(JournalError):
    """A record that was once acknowledged cannot be read any more."""

    def __init__(self, detail: str) -> None:
        """Say where, and that nothing was changed.

        Args:
            detail: What is wrong and at which record, such as `record 12 fails its checksum`.
        """
        super().__init__(
            f"The payment journal is damaged ({detail}), so nothing may be sold.",
            code="journal_damaged",
            mend="The file was left as it is: copy it away, restore money/journal.log from a backup"
            " that is complete up to the last payment, and compare with the bank's statement.",
        )


class JournalMissingError(JournalError):
    """There is no journal, although this installation has taken payments or mandates."""

    def __init__(self) -> None:
        """Say so."""
        super().__init__(
            "The payment journal is missing, although mandates exist on this installation.",
            code="journal_missing",
            mend="Restore money/journal.log from a backup that is complete up to the last payment.",
        )


class JournalAbsentError(JournalError):
    """There is no journal to look at."""

    def __init__(self, detail: str) -> None:
        """Say what the disk answered."""
        super().__init__(
            f"There is no payment journal to read here ({detail}).",
            code="journal_absent",
            mend="Name an installation that has taken orders, with --data DIR.",
        )


class JournalWriteError(JournalError):
    """A record could not be stored; whatever it was to permit has not happened."""

    def __init__(self, detail: str) -> None:
        """Say what the disk answered."""
        super().__init__(
            f"The payment journal cannot be written ({detail}).",
            code="journal_write_failed",
            mend="Free space on the disk or replace it, then start the till again.",
        )


class JournalPoisonedError(JournalWriteError):
    """After a failed sync nobody knows what is on the disk: this process writes no more."""

    def __init__(self) -> None:
        """Say so."""
        super().__init__("an earlier write failed")


class KeyFileError(SetupError):
    """The key of a mandate cannot be read or written."""

    def __init__(self, detail: str) -> None:
        """Say what is wrong, without the alias."""
        super().__init__(
            f"The key of a mandate cannot be used ({detail}).",
            code="mandate_key_bad",
            mend="Check the passphrase and the disk; else erase the person and enrol again.",
        )


class BankSecretError(KeyFileError):
    """A secret of the bank's connector cannot be read or written."""

    def __init__(self, detail: str) -> None:
        """Say what is wrong, without the secret's name."""
        SetupError.__init__(
            self,
            f"A secret of the bank's connector cannot be used ({detail}).",
            code="bank_secret_bad",
            mend="Check the passphrase and the disk; else set the bank up again.",
        )


class OrderUnknownError(BadInputError):
    """No order has this id."""

    def __init__(self) -> None:
        """Say so."""
        super().__init__(
            "The journal knows no order of this id.",
            code="order_unknown",
            mend="Check the order id, or open the order first.",
        )


class VaultRolledBackError(SetupError):
    """The vault is an older copy of itself."""

    def __init__(self) -> None:
        """Say so."""
        super().__init__(
            "The vault is older than the payment journal knows it: a copy was put back.",
            code="vault_rolled_back",
            mend="Put the newest one back; to go on with this one, which applies later erasures"
            " first: smiletill backup accept.",
        )


class JournalRolledBackError(SetupError):
    """The journal is an older copy of itself, or another one."""

    def __init__(self) -> None:
        """Say so."""
        super().__init__(
            "The payment journal is older than the vault knows it: a copy was put back.",
            code="journal_rolled_back",
            mend="Put the newest one back; to go on with this one, knowing that later orders and"
            " wrong PINs are forgotten: smiletill backup accept.",
        )
