"""What faces answers on its socket: the desk's messages, and payments without a screen."""

from __future__ import annotations

import hmac
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from kiosk.domain.errors import BadInputError, SetupError
from kiosk.domain.identification import Identification
from kiosk.domain.ids import OrderId, PackId, PayerAlias, PersonId
from kiosk.domain.order import Outcome
from kiosk.domain.stepup import StepUpPolicy
from kiosk.faces.camera.choice import Cameras
from kiosk.faces.desk.audit import AuditLog
from kiosk.faces.desk.desk import Desk, DeskMessage
from kiosk.faces.desk.staff import StaffSession
from kiosk.faces.evidence import MatchEvidence
from kiosk.faces.eyes import Eyes
from kiosk.faces.headless import HeadlessSession
from kiosk.faces.keeper import VaultKeeper
from kiosk.faces.learning import Learn, learn_nothing
from kiosk.faces.money_link import MoneyLink
from kiosk.faces.pack_change import PackChange
from kiosk.faces.paired_eyes import eyes_of
from kiosk.faces.vault.gallery import Gallery
from kiosk.faces.vault.records import PersonState
from kiosk.faces.vault.store import Vault
from kiosk.faces.vision.pad.sight import CameraFacts
from kiosk.faces.vision.room import VisionRoom
from kiosk.link.key_care import RotateStoreKey, StoreKeyRotated
from kiosk.link.peer import Peer
from kiosk.link.protocol import (
    AnyMessage,
    Hello,
    PayHeadless,
    Role,
    SessionReport,
)

ORDERS_COUNTED = 1_000
"""Orders whose tries are remembered; as many as money keeps open."""


class VaultPeople:
    """The vault's answers to a session."""

    def __init__(
        self, vault: Vault, gallery: Gallery, decoy_key: bytes, evidence: MatchEvidence
    ) -> None:
        """Keep both: the gallery knows who may pay, the vault under which alias."""
        self._vault = vault
        self._evidence = evidence
        self._gallery = gallery
        self._decoy_key = decoy_key
        self.on_used: Callable[[PersonId], None] = lambda _person: None
        """Told of everybody who has paid, on the thread of the payment."""

    def used(self, person: PersonId) -> None:
        """Note that somebody has paid."""
        self.on_used(person)

    def alias(self, person: PersonId) -> PayerAlias:
        """Return the name that money knows this person by."""
        return self._vault.alias(person)

    def pin_always(self, person: PersonId) -> str:
        """Return why this person never pays without their PIN, or empty."""
        return self._vault.head(person).pin_always

    def keep_evidence(self, order_id: OrderId, verdict: Identification) -> None:
        """Keep how somebody was recognised for an order, for whoever looks into it later."""
        assert verdict.person is not None, "somebody was recognised"
        self._evidence.keep(order_id, verdict, self._vault.head(verdict.person).pack)

    def by_phone(self, phone: str) -> PersonId | None:
        """Return who has this full number and may pay, or None."""
        return self._gallery.by_phone(phone)

    def paused_by_phone(self, phone: str) -> PersonId | None:
        """Return who has this full number and has paused, or None; all are looked at each time."""
        wanted = self._gallery.normalise(phone)
        found = None
        for person in self._vault.ids(PersonState.PAUSED):
            if self._gallery.normalise(self._vault.get(person).phone) == wanted:
                found = person
        return found

    def decoy(self, phone: str) -> PayerAlias:
        """Return an alias that nobody has, always the same for a number, also after a restart.

        So money counts wrong tries for an unknown number exactly as for a known one.
        """
        digest = hmac.new(self._decoy_key, self._gallery.normalise(phone).encode(), "sha256")
        return PayerAlias(f"a{digest.hexdigest()[:16]}")


class FacesService:
    """The faces process, seen from its socket.

    Args:
        run_dir: Where money's socket lies.
        vault: The open vault.
        gallery: Who may pay.
        room: The networks.
        cameras: Makes the camera of a payment without a screen.
        packs: Which of them people are looked at with.
        desk: Answers staff.
        keeper: Rotates the vault's key.
        audit: Is told of it first.
        policy: The step-up policy.
        network: `refused` or `open`, told to the doctor.
        decoy_key: 32 bytes of this installation, for numbers that nobody has.
        evidence: Keeps how somebody was recognised for a payment.
    """

    name = "faces"

    def __init__(
        self,
        run_dir: Path,
        *,
        vault: Vault,
        gallery: Gallery,
        room: VisionRoom,
        cameras: Cameras,
        packs: PackChange,
        desk: Desk,
        keeper: VaultKeeper,
        audit: AuditLog,
        policy: StepUpPolicy,
        network: Callable[[], str],
        decoy_key: bytes,
        evidence: MatchEvidence,
    ) -> None:
        """Keep the parts, which are all made by `kiosk.faces.main`."""
        self._run_dir = run_dir
        self._vault = vault
        self._gallery = gallery
        self.people = VaultPeople(vault, gallery, decoy_key, evidence)
        self._room = room
        self._cameras = cameras
        self._packs = packs
        self._desk = desk
        self._keeper = keeper
        self._audit = audit
        self._policy = policy
        self._network = network
        self._tries: OrderedDict[OrderId, int] = OrderedDict()
        self.screen_on = False
        """Whether customers pay at a screen of this process."""
        self.learn: Learn = learn_nothing
        """Told what a visit could teach, after a payment by face and PIN."""
        self.with_tails: Callable[[], Collection[PackId]] = tuple
        """Tells the packs whose enrolled people take part in the thresholds."""

    def admit(self, hello: Hello) -> None:
        """Talk to staff and to the supervisor only."""
        if hello.role not in {Role.STAFF, Role.DESK, Role.SUPERVISOR}:
            raise SetupError(
                "Faces answers staff only.",
                code="role_refused",
                mend="Connect to the money process instead.",
            )

    def detail(self) -> dict[str, str]:
        """Tell whether this process could reach a network, and its templates be swapped out.

        And the packs whose enrolled people take part in the thresholds, which only it knows.
        """
        locked = "locked" if self._gallery.is_locked else "swappable"
        tails = " ".join(sorted(self.with_tails()))
        return {"network": self._network(), "templates": locked, "gallery_tails": tails}

    def for_peer(self, peer: Peer) -> PeerOfFaces:
        """Return who answers one connection, with nobody signed in yet."""
        return PeerOfFaces(self, self._desk.session(peer))

    def handle(self, hello: Hello, message: AnyMessage) -> Iterator[AnyMessage]:
        """Answer one message of a connection that says nothing else."""
        return self.answer(hello, message, self._desk.session(hello))

    def answer(
        self, hello: Hello, message: AnyMessage, staff: StaffSession
    ) -> Iterator[AnyMessage]:
        """Answer one message of whoever acts on its connection."""
        match message:
            case RotateStoreKey() if hello.role is Role.STAFF:
                self._audit.append(staff.actor, "rotate_store_key")
                yield StoreKeyRotated(self._keeper.rotate(message.key))
            case PayHeadless() if hello.role is Role.DESK:
                raise SetupError(
                    "The desk takes no payments.",
                    code="role_refused",
                    mend="Send the order to the screen: smiletill money order.",
                )
            case PayHeadless() if self.screen_on:
                raise SetupError(
                    "This terminal has a screen, where its customers pay.",
                    code="screen_runs",
                    mend="Send the order to the screen: smiletill money order.",
                )
            case PayHeadless():
                yield from self._counted(message)
            case _ if isinstance(message, DeskMessage):
                yield from self._desk.handle(hello, message, staff)
            case _:
                raise BadInputError(
                    "Faces does not know this request.",
                    code="request_unknown",
                    mend="Check that all parts of SmileTill are of the same version.",
                )

    def _counted(self, request: PayHeadless) -> Iterator[AnyMessage]:
        """Play a session and count it, so that one order cannot be tried without end."""
        used = self._tries.get(request.order_id, 0)
        for message in self._pay(request, used):
            failed = isinstance(message, SessionReport) and message.outcome is Outcome.NOT_PAID
            if failed:
                self._tries[request.order_id] = used + 1
                while len(self._tries) > ORDERS_COUNTED:
                    self._tries.popitem(last=False)
            yield message

    def _pay(self, request: PayHeadless, tries_used: int) -> Iterator[AnyMessage]:
        kind = None if request.camera is None else request.camera.kind
        # What is typed on a command line could be anybody's script: sandbox only.
        typed = any(word is not None for word in (request.pin, request.phone, request.phone_digits))
        pack = None if request.camera is None else self.pack_for(request.pack)
        # A PAD made for simulated people vouches for nobody real.
        looked_with = () if pack is None else (pack, *self._packs.older())
        simulated = any(self._room.is_sandbox_only(it) for it in looked_with)
        with MoneyLink(self._run_dir, kind, sandbox_only=typed or simulated) as money:
            if request.camera is None or pack is None:
                yield from HeadlessSession(
                    request,
                    money=money,
                    people=self.people,
                    camera=None,
                    eyes=_no_eyes,
                    policy=self._policy,
                    tries_used=tries_used,
                    learn=self.learn,
                ).run()
                return
            facts = CameraFacts.of(request.camera.kind, exposure=True)
            with self._room.visit_all(looked_with) as sights:
                yield from HeadlessSession(
                    request,
                    money=money,
                    people=self.people,
                    camera=self._cameras.of(
                        request.camera,
                        pad_sandbox_only=any(sight.pack.sandbox_only for sight in sights),
                    ),
                    eyes=lambda: eyes_of(sights, self._gallery, facts),
                    policy=self._policy,
                    tries_used=tries_used,
                    learn=self.learn,
                ).run()

    def pack_for(self, asked: str | None) -> PackId:
        """Return the pack that people here are enrolled with, or the one that was asked for.

        Raises:
            SmileTillError: They differ, or it cannot be used.
        """
        enrolled_with = self._packs.current() if self._vault.pack() is not None else None
        if enrolled_with is None:
            return self._room.resolve(asked)
        if asked is not None and self._room.resolve(asked) != enrolled_with:
            raise BadInputError(
                f"The people here are enrolled with {enrolled_with}.",
                code="pack_differs",
                mend="Leave --pack out, or name that one.",
            )
        return enrolled_with


class PeerOfFaces:
    """One connection to faces: its service, and who acts on it."""

    def __init__(self, service: FacesService, staff: StaffSession) -> None:
        """Keep both."""
        self._service = service
        self._staff = staff

    def handle(self, hello: Hello, message: AnyMessage) -> Iterator[AnyMessage]:
        """Answer one message."""
        return self._service.answer(hello, message, self._staff)


def _no_eyes() -> Eyes:
    message = "a session without a camera never looks"
    raise AssertionError(message)
