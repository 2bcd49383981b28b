"""What the desk cannot do, each with its reason code and its mend."""

from __future__ import annotations

from kiosk.domain.errors import BadInputError, SetupError


class ConsentVersionUnknownError(BadInputError):
    """There is no such text to have agreed to."""

    def __init__(self, known: str) -> None:
        """Name the texts that there are."""
        super().__init__(
            "There is no consent text of this version.",
            code="consent_version_unknown",
            mend=f"Give one of: {known}.",
        )


class NameBadError(BadInputError):
    """The name cannot be used."""

    def __init__(self, length_max: int) -> None:
        """Say what a name is."""
        super().__init__(
            "The name is empty, too long or has control characters.",
            code="name_bad",
            mend=f"Use 1 to {length_max} printable characters.",
        )


class PhoneBadError(BadInputError):
    """The number cannot be used."""

    def __init__(self) -> None:
        """Say what a number is."""
        super().__init__(
            "The phone number is not usable.",
            code="phone_bad",
            mend="Give the full number: 7 to 15 digits, with spaces or a leading + if you like.",
        )


class PackDiffersError(BadInputError):
    """Everybody here was enrolled with another pack."""

    def __init__(self, current: str) -> None:
        """Name the pack in use."""
        super().__init__(
            "People here were enrolled with another model pack, and two cannot be compared.",
            code="pack_differs",
            mend=f"Leave --pack out to use {current}, or use another --data directory.",
        )


class DeskBusyError(SetupError):
    """One thing at a time."""

    def __init__(self) -> None:
        """Say so."""
        super().__init__(
            "Somebody is being enrolled or erased at this moment.",
            code="desk_busy",
            mend="Wait until that is done, then try again.",
        )


class RoleRefusedError(BadInputError):
    """Only staff may ask for this."""

    def __init__(self) -> None:
        """Say so."""
        super().__init__(
            "This peer may not ask the desk for anything.",
            code="role_refused",
            mend="Use the staff tool: smiletill enrol.",
        )
