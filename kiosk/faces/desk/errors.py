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


class ConsentLanguageUnknownError(BadInputError):
    """The text is not there in this language."""

    def __init__(self, known: str) -> None:
        """Name the languages that there are."""
        super().__init__(
            "This version of the consent text is not there in that language.",
            code="consent_language_unknown",
            mend=f"Give one of: {known}. Another language is one more file (docs/enrolment.md).",
        )


class ConsentTextBadError(SetupError):
    """A consent text that the owner has added cannot be used."""

    def __init__(self, file: str) -> None:
        """Name the file."""
        super().__init__(
            f"The consent text {file} in the data directory cannot be read.",
            code="consent_text_bad",
            mend="It must be UTF-8 of at most 64 KiB, and there may be 200 files in all.",
        )


class SignatureBadError(BadInputError):
    """The signature is no name and no drawing."""

    def __init__(self) -> None:
        """Say what one is."""
        super().__init__(
            "The signature is not usable.",
            code="signature_bad",
            mend="Have the customer draw it again, or type their name.",
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


class SignInNeededError(BadInputError):
    """Nobody acts on this connection."""

    def __init__(self) -> None:
        """Say so."""
        super().__init__(
            "Nobody is signed in at the desk.",
            code="sign_in_needed",
            mend="Sign in with your name and code.",
        )


class SignInRefusedError(BadInputError):
    """Name and code are not somebody's, or somebody has guessed too often."""

    def __init__(self, left_s: float) -> None:
        """Say how long to wait, if so; never which of the two is wrong."""
        if left_s > 0:
            super().__init__(
                "Too many wrong codes were tried.",
                code="sign_in_paused",
                mend=f"Wait {max(1, round(left_s / 60))} minutes, or ask a manager.",
            )
            return
        super().__init__(
            "Name or code is wrong.", code="sign_in_wrong", mend="Try again, or ask a manager."
        )


class ManagerNeededError(BadInputError):
    """A clerk may not do this."""

    def __init__(self) -> None:
        """Say so."""
        super().__init__(
            "Only a manager may do this.",
            code="manager_needed",
            mend="Have a manager sign in.",
        )


class StaffNameBadError(BadInputError):
    """The staff name cannot be used."""

    def __init__(self, length_max: int) -> None:
        """Say what one is."""
        super().__init__(
            "The staff name is empty, too long, or has spaces or control characters.",
            code="staff_name_bad",
            mend=f"Use 1 to {length_max} letters, digits or marks.",
        )


class StaffCodeBadError(BadInputError):
    """The staff code is worth nothing."""

    def __init__(self, length_min: int, length_max: int) -> None:
        """Say what one is."""
        super().__init__(
            "The staff code is too short, too long, or repeats itself.",
            code="staff_code_bad",
            mend=f"Use {length_min} to {length_max} marks, at least three of them different.",
        )


class StaffUnknownError(BadInputError):
    """There is no such account."""

    def __init__(self) -> None:
        """Say so."""
        super().__init__(
            "There is no staff account of this name.",
            code="staff_unknown",
            mend="List them: smiletill enrol staff list.",
        )


class AuditWriteError(SetupError):
    """The audit log cannot be written, so nothing is done that would have to stand in it."""

    def __init__(self, detail: str) -> None:
        """Say how the disk refused."""
        super().__init__(
            f"The audit log cannot be written ({detail}).",
            code="audit_unwritable",
            mend="Look whether the disk is full or read-only, then start SmileTill again.",
        )


class ConsentDateBadError(BadInputError):
    """Nobody can have agreed then."""

    def __init__(self) -> None:
        """Say what a date is."""
        super().__init__(
            "The date of the consent is missing, no date, or lies ahead.",
            code="consent_date_bad",
            mend="Write it as 2026-11-28, or 2026-11-28T14:30:00+00:00.",
        )


class ImportAwayError(SetupError):
    """This process has no eyes for pictures."""

    def __init__(self) -> None:
        """Say so."""
        super().__init__(
            "Pictures cannot be read here.",
            code="import_away",
            mend="Start SmileTill with a model pack.",
        )
