"""The staff's own messages to faces: signing in, their accounts, the texts that customers read.

They are part of the protocol (kiosk/link/protocol.py). Codes travel only inside the machine and are
kept out of every repr; answers never hold one.
"""

from __future__ import annotations

import enum

from kiosk.domain.ids import PersonId
from kiosk.link.camera_spec import CameraSpec
from kiosk.link.message import Message, Private


class StaffRole(enum.Enum):
    """What somebody at the desk may do; a manager may do what a clerk may, and more."""

    CLERK = "clerk"
    MANAGER = "manager"


class SignIn(Private, frozen=True, tag="sign_in"):
    """Sign in on this connection, until it ends or lies idle; answered by `SignedIn`."""

    name: str
    code: str


class SignedIn(Message, frozen=True, tag="signed_in"):
    """Who acts on this connection now; it ends after so many seconds without a request."""

    name: str
    role: StaffRole
    idle_s: int


class SignOut(Message, frozen=True, tag="sign_out"):
    """Nobody acts on this connection any more until the next `SignIn`; answered by `Done`."""


class AddStaff(Private, frozen=True, tag="add_staff"):
    """Make an account, or give the one of this name another code and role.

    Answered by `StaffAccount`.
    """

    name: str
    code: str
    role: StaffRole


class RemoveStaff(Message, frozen=True, tag="remove_staff"):
    """Remove an account; whoever is signed in with it is out at once. Answered by `Done`."""

    name: str


class ListStaff(Message, frozen=True, tag="list_staff"):
    """List the accounts."""


class StaffAccount(Message, frozen=True, tag="staff_account"):
    """One account, without its code."""

    name: str
    role: StaffRole
    added_at: str


class StaffAccounts(Message, frozen=True, tag="staff_accounts"):
    """All accounts, by name."""

    accounts: tuple[StaffAccount, ...]


class GetConsent(Message, frozen=True, tag="get_consent"):
    """Ask for the text to show to a customer; an empty version is the newest."""

    language: str
    version: str = ""


class ConsentShown(Message, frozen=True, tag="consent_shown"):
    """A notice with its consent, as Markdown, and what proves which one it was.

    `languages` are those that this version can be read in.
    """

    version: str
    language: str
    text: str
    sha256: str
    languages: tuple[str, ...]


class Rehearsal(Message, frozen=True, tag="rehearsal"):
    """How a payment would have gone, had there been one: nothing was charged or written down.

    `reason` says why somebody was not recognised; `asked` is what would have been asked for
    besides the face, and `why` the rows of the policy that ask.
    """

    recognised: bool
    reason: str = ""
    asked: tuple[str, ...] = ()
    why: tuple[str, ...] = ()
    score: float | None = None
    seconds: float = 0.0


class CapturedPose(Message, frozen=True, tag="captured_pose"):
    """What became of one pose: how many samples, or why there are none."""

    pose: str
    samples: int
    skipped: str = ""


class ReenrolPerson(Message, frozen=True, tag="reenrol_person"):
    """Take new samples of somebody who is enrolled; answered by `Reenrolled` or `EnrolRefused`."""

    person: PersonId
    camera: CameraSpec
    guided: bool = False


class Reenrolled(Message, frozen=True, tag="reenrolled"):
    """The new samples stand; `score` is how alike they are to the old ones."""

    person: PersonId
    samples: int
    quality: int
    score: float
    poses: tuple[CapturedPose, ...] = ()


StaffDeskMessage = (
    SignIn | SignedIn | SignOut | AddStaff | RemoveStaff | ListStaff | StaffAccount | StaffAccounts
    | GetConsent | ConsentShown | ReenrolPerson | Reenrolled
)  # fmt: skip

SIGNATURE_LENGTH_MAX = 16_384
"""Characters of a signature: a drawn one of a thousand points stays below 12 KiB."""
