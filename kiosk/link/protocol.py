"""Every message that may cross a process boundary, as frozen types that read and write JSON lines.

A frame is one line of JSON: `{"id": n, "last": bool, "msg": {"type": …}}`.
The first frame each way is the handshake; a peer that speaks another version is refused.
Unknown types, unknown fields and overlong lines are refused, never skipped.
PINs, names and phone numbers travel only inside the machine and are kept out of every repr.
"""

from __future__ import annotations

import enum

import msgspec

from kiosk.domain.consent import Basis, ConsentKind
from kiosk.domain.errors import BadInputError, SetupError, SmileTillError
from kiosk.domain.evidence import CameraKind
from kiosk.domain.ids import OrderId, OrderNonce, PackId, PayerAlias, PersonId
from kiosk.domain.mandate import MandateFacts, MandateLimits, MandateState
from kiosk.domain.money import Money
from kiosk.domain.order import Order, OrderLine, OrderState, Outcome
from kiosk.link.audit import AuditMessage
from kiosk.link.back_office import (
    CloseConflict,
    CloseRefund,
    Decided,
    DecideUnknown,
    ListRefunds,
    Refund,
    RefundAnswer,
    RefundOrder,
    Refunds,
    StatementTaken,
    TakeStatement,
)
from kiosk.link.camera_spec import CameraSpec as CameraSpec  # noqa: PLC0414 - asked for here
from kiosk.link.desk_rights import DeskRightsMessage
from kiosk.link.figures import FigureMessage
from kiosk.link.importing import ImportMessage
from kiosk.link.key_care import KeyCareMessage
from kiosk.link.message import Message, Private
from kiosk.link.rights import RightsMessage
from kiosk.link.staff_desk import CapturedPose, Rehearsal, StaffDeskMessage
from kiosk.link.vault_care import VaultCareMessage
from kiosk.link.visits import VisitMessage

PROTOCOL_VERSION = 1
LINE_BYTES_MAX = 262_144
"""Bytes of one frame; the longest real one, an export of one person, stays below 16 KiB."""


class Role(enum.Enum):
    """Who is speaking; each role may send only its own messages."""

    FACES = "faces"
    TILL = "till"
    STAFF = "staff"
    """The command line: acts as a manager, under the name of its user."""
    DESK = "desk"
    """The staff tool's window: may do nothing until somebody signs in."""
    SUPERVISOR = "supervisor"


# Handshake ---------------------------------------------------------------------------------------


class Hello(Message, frozen=True, tag="hello"):
    """First line of a client.

    `camera` and `sandbox_only` let money refuse what must never meet a real bank: a camera that is
    not a live device, a PAD calibration made for simulated people, a PIN typed on a command line.
    """

    protocol: int
    role: Role
    camera: CameraKind | None = None
    sandbox_only: bool = False


class Welcome(Message, frozen=True, tag="welcome"):
    """The server accepts; it says which process it is."""

    protocol: int
    server: str


class Problem(Message, frozen=True, tag="problem"):
    """An error of the world, carried to whoever can mend it."""

    code: str
    message: str
    mend: str
    exit_code: int = 3

    @classmethod
    def of(cls, error: SmileTillError) -> Problem:
        """Pack an error for the way."""
        return cls(error.code, error.message, error.mend, error.exit_code)

    def to_error(self) -> SmileTillError:
        """Unpack it on the other side, as the same family of error."""
        family = BadInputError if self.exit_code == BadInputError.exit_code else SetupError
        return family(self.message, code=self.code, mend=self.mend)


class Ping(Message, frozen=True, tag="ping"):
    """Are you there?"""


class Pong(Message, frozen=True, tag="pong"):
    """Yes. `detail` holds facts for the doctor, such as whether the network is refused."""

    server: str
    detail: dict[str, str] = msgspec.field(default_factory=dict)


class Done(Message, frozen=True, tag="done"):
    """It is done; there is nothing to tell."""


class Progress(Message, frozen=True, tag="progress"):
    """A step of long work, before its answer: `code` names the step or a hint for the customer.

    `detail` is for the step `approve_mandate`: the link under which the payer approves.
    """

    code: str
    done: int = 0
    total: int = 0
    detail: str = ""


# Till and command line → money -------------------------------------------------------------------


class OpenOrder(Message, frozen=True, tag="open_order"):
    """Journal a new order; the same id with the same amount is the same order."""

    order_id: OrderId
    amount: Money
    lines: tuple[OrderLine, ...] = ()


class AbortOrder(Message, frozen=True, tag="abort_order"):
    """Cancel an order that has not been sent to the bank."""

    order_id: OrderId
    reason: str


class CloseElsewhere(Message, frozen=True, tag="close_elsewhere"):
    """Staff were paid by cash or card: the order ends and its key is burnt."""

    order_id: OrderId
    staff: str


class GetOrderStatus(Message, frozen=True, tag="get_order_status"):
    """How far has this order come?"""

    order_id: OrderId


class ListOrders(Message, frozen=True, tag="list_orders"):
    """List orders; `only_open` leaves the finished ones out."""

    only_open: bool = False


class OrderStatus(Message, frozen=True, tag="order_status"):
    """An order as the journal knows it. `reason` belongs to the last attempt."""

    order: Order
    state: OrderState
    reason: str = ""
    attempts: int = 0


class Orders(Message, frozen=True, tag="orders"):
    """A list of orders, oldest first, at most 1,000."""

    orders: tuple[OrderStatus, ...]


# Faces → money -----------------------------------------------------------------------------------


class GetOrder(Message, frozen=True, tag="get_order"):
    """Ask for an order to show; the answer carries a fresh one-time nonce."""

    order_id: OrderId


class OrderOffer(Message, frozen=True, tag="order_offer"):
    """An order for the screen. An order that is not open any more comes without a nonce."""

    order: Order
    state: OrderState
    nonce: OrderNonce | None
    reason: str = ""


class NextOrder(Message, frozen=True, tag="next_order"):
    """Wait for an order that needs the screen; the answer is an `OrderOffer`, or `Done` if none.

    First come orders that were authorised from the screen and whose end nobody has acknowledged,
    then open ones, oldest first. `wait_ms` is cut to what the server allows.
    """

    wait_ms: int


class AcknowledgeOrder(Message, frozen=True, tag="acknowledge_order"):
    """Somebody has seen the end of this order on the screen; answered by `Done`."""

    order_id: OrderId


class GetFacts(Message, frozen=True, tag="get_facts"):
    """Ask for the mandate facts of one payer."""

    alias: PayerAlias


class Facts(Message, frozen=True, tag="facts"):
    """The mandate facts, or None if money does not know the alias."""

    facts: MandateFacts | None


class VerifyPin(Private, frozen=True, tag="verify_pin"):
    """Relay what was typed; only money can tell whether it is right."""

    alias: PayerAlias
    order_id: OrderId
    nonce: OrderNonce
    pin: str


class PinVerdict(Message, frozen=True, tag="pin_verdict"):
    """`token` proves the PIN to this order's authorisation and to nothing else."""

    verified: bool
    reason: str = ""
    attempts_left: int = 0
    token: str | None = None


class Authorise(Message, frozen=True, tag="authorise"):
    """Charge this payer for this order, after consent to the amount on the screen."""

    order_id: OrderId
    amount: Money
    nonce: OrderNonce
    alias: PayerAlias
    basis: Basis
    consent: ConsentKind
    pin_token: str | None = None
    on_screen: bool = False
    """The end has to be seen on the screen, also after a restart."""


class Authorised(Message, frozen=True, tag="authorised"):
    """How the authorisation ended; never sent before the result is on the disk."""

    outcome: Outcome
    reason: str


class OpenMandate(Private, frozen=True, tag="open_mandate"):
    """Set a payer up at the bank and keep a verifier of the PIN."""

    alias: PayerAlias
    limits: MandateLimits
    pin: str


class MandateOpened(Message, frozen=True, tag="mandate_opened"):
    """Where the new mandate stands, and the hint of the account it draws on.

    `approval_url` is where its payer approves a mandate that is pending: a link, or the content of
    a QR code.
    """

    state: MandateState
    account_hint: str
    approval_url: str = ""


class CheckMandate(Message, frozen=True, tag="check_mandate"):
    """Ask the bank how a mandate stands; answered by `MandateOpened`."""

    alias: PayerAlias


class RevokeMandate(Message, frozen=True, tag="revoke_mandate"):
    """Revoke at the bank and destroy the per-mandate key. Safe to send again."""

    alias: PayerAlias


class MandateRevoked(Message, frozen=True, tag="mandate_revoked"):
    """The mandate is revoked here for good; `at_bank` says whether the bank has confirmed."""

    at_bank: bool


# Staff tool and command line → faces -------------------------------------------------------------


class EnrolPerson(Private, frozen=True, tag="enrol_person"):
    """Enrol one person; answered by `Progress` lines and one `Enrolled`.

    `language` is that of the text they read; `signature` is "typed:NAME" or "svg:PATHDATA"; `adult`
    says that they were asked and are 18; `guided` asks for poses; `rehearse` tries a payment
    without an order; `look_alike_of` affirms that this is another person than that one.
    """

    name: str
    phone: str
    pin: str
    consent_version: str
    camera: CameraSpec
    pack: str | None = None
    limits: MandateLimits | None = None
    language: str = ""
    signature: str = ""
    adult: bool = False
    guided: bool = False
    rehearse: bool = False
    look_alike_of: PersonId | None = None


class Enrolled(Message, frozen=True, tag="enrolled"):
    """Who was made, of how many samples, and how good they are (0 to 100, mean).

    `pin_always` says why this person always needs the PIN, if so.
    """

    person: PersonId
    samples: int
    quality: int
    mandate: MandateState
    account_hint: str
    poses: tuple[CapturedPose, ...] = ()
    pin_always: str = ""
    rehearsal: Rehearsal | None = None


class EnrolRefused(Message, frozen=True, tag="enrol_refused"):
    """Nothing was kept, and why: too few good samples, a duplicate, an attack presentation.

    Where somebody enrolled looks the same, `person` says who, with the score and its threshold.
    """

    reason: str
    detail: str = ""
    person: PersonId | None = None
    score: float | None = None
    threshold: float | None = None


class ListPeople(Message, frozen=True, tag="list_people"):
    """List who is enrolled, from a place on; a long list comes in pages."""

    skip: int = 0


class PersonSummary(Private, frozen=True, tag="person_summary"):
    """What staff may see of a person; never the template, of the number only the last digits."""

    person: PersonId
    name: str
    phone_hint: str
    pack: PackId
    samples: int
    consent_version: str
    enrolled_at: str
    state: str
    pin_always: str = ""
    look_alikes: tuple[PersonId, ...] = ()
    warned_at: str = ""


class People(Private, frozen=True, tag="people"):
    """One page of enrolled people, in order of enrolment; `rest` is where the next begins, or 0."""

    people: tuple[PersonSummary, ...]
    rest: int = 0


class ShowPerson(Message, frozen=True, tag="show_person"):
    """Show one person."""

    person: PersonId


class ErasePerson(Message, frozen=True, tag="erase_person"):
    """Erase one person; answered by `Progress` lines and one `Erased`."""

    person: PersonId


class Erased(Message, frozen=True, tag="erased"):
    """What was done, provably. `bytes_found` counts places where the person's bytes remain."""

    erased: bool
    bytes_found: int
    mandate_revoked: bool
    certificate: str


class PayHeadless(Private, frozen=True, tag="pay_headless"):
    """One payment without a screen, with what the customer would type given beforehand.

    Digits and PIN are used only where policy asks. With `phone`, no camera is opened at all.
    The nonce was drawn by whoever asks: a newer one, drawn when this session is given up for lost,
    makes everything that it could still do worthless.
    """

    order_id: OrderId
    nonce: OrderNonce | None
    camera: CameraSpec | None
    consent: ConsentKind
    pack: str | None = None
    phone_digits: str | None = None
    pin: str | None = None
    phone: str | None = None

    def with_nonce(self, nonce: OrderNonce | None) -> PayHeadless:
        """Return the same request with the nonce that was drawn for it."""
        return msgspec.structs.replace(self, nonce=nonce)


class SessionReport(Message, frozen=True, tag="session_report"):
    """How a session went; times in milliseconds, `person` opaque."""

    outcome: Outcome
    reason: str
    asked: tuple[str, ...]
    person: PersonId | None
    frames_seen: int
    identify_ms: float | None
    total_ms: float
    stages_ms: dict[str, float]


AnyMessage = (
    Hello | Welcome | Problem | Ping | Pong | Done | Progress
    | OpenOrder | AbortOrder | CloseElsewhere | GetOrderStatus | ListOrders | OrderStatus | Orders
    | RefundOrder | CloseRefund | ListRefunds | Refund | RefundAnswer | Refunds
    | DecideUnknown | Decided | TakeStatement | StatementTaken | CloseConflict
    | GetOrder | OrderOffer | NextOrder | AcknowledgeOrder | GetFacts | Facts
    | VerifyPin | PinVerdict | Authorise | Authorised
    | OpenMandate | MandateOpened | CheckMandate | RevokeMandate | MandateRevoked
    | RightsMessage | DeskRightsMessage
    | EnrolPerson | Enrolled | EnrolRefused | ListPeople | PersonSummary | People | ShowPerson
    | ErasePerson | Erased | PayHeadless | SessionReport | StaffDeskMessage
    | AuditMessage | FigureMessage | ImportMessage | VisitMessage | KeyCareMessage
    | VaultCareMessage
)  # fmt: skip


class Frame(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The envelope: `id` pairs an answer with its question, `last` ends a run of answers."""

    id: int
    msg: AnyMessage
    last: bool = True


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Frame)


def encode_frame(frame: Frame) -> bytes:
    """Write a frame as one line of JSON, newline included."""
    line = _encoder.encode(frame) + b"\n"
    assert len(line) <= LINE_BYTES_MAX, "a message of ours outgrew the line limit"
    return line


def decode_frame(line: bytes) -> Frame:
    """Read one line.

    Raises:
        BadInputError: It is not a frame of this protocol. The content is not repeated in the
            error, since it may be personal.
    """
    try:
        return _decoder.decode(line)
    except (msgspec.DecodeError, RecursionError):
        raise BadInputError(
            "A message between the processes cannot be understood.",
            code="link_message_bad",
            mend="Check that all parts of SmileTill are of the same version.",
        ) from None
