"""What can be wrong with a pack, each with a reason code, a mend and an exit code.

The package stands below the kiosk and imports nothing from it, so these errors repeat the shape
of `kiosk.domain.errors.SmileTillError` (message, code, mend, exit_code); the command line shows
anything of that shape in the same way.
"""

from __future__ import annotations


class PackError(Exception):
    """A pack, or a command about a pack, is not in order.

    Args:
        message: One sentence that says what is wrong.
        code: Stable reason code in snake case.
        mend: One sentence that says what to do about it.
    """

    exit_code = 3

    def __init__(self, message: str, *, code: str, mend: str) -> None:
        """Keep the three parts apart so that each front end can show them its own way."""
        super().__init__(message)
        self.message = message
        self.code = code
        self.mend = mend

    def __str__(self) -> str:
        """Return the sentence and the mend, as staff read it."""
        return f"{self.message} {self.mend}".strip()


class PackNameError(PackError):
    """The name given is not the name of any pack (what was typed is wrong: exit code 2)."""

    exit_code = 2


class PackNotInstalledError(PackError):
    """The pack is known, but its weights are not on this machine."""


class PackManifestError(PackError):
    """A `pack.toml` is missing, unreadable, of another version, or says something impossible."""


class PackFileError(PackError):
    """A file of the pack is missing or cannot be read."""


class PackSourceError(PackFileError):
    """The folder named to take a pack from has not its files (what was typed: exit code 2)."""

    exit_code = PackNameError.exit_code


class PackHashError(PackError):
    """A file of the pack is not the file the manifest names. It must not be used."""


class PackDownloadError(PackError):
    """A file could not be fetched whole from where the manifest says it lies."""


class PackInstallError(PackError):
    """The pack could not be put in place; what was there before is untouched."""
