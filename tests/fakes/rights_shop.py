"""Desk, vault and gallery with a real money process in memory behind them."""

from __future__ import annotations

from contextlib import contextmanager

from kiosk.domain.errors import SetupError
from kiosk.domain.evidence import CameraKind
from kiosk.domain.ids import PersonId
from kiosk.faces.desk.audit import AuditLog
from kiosk.faces.desk.desk import Desk
from kiosk.faces.desk.ports import DeskTools
from kiosk.faces.vault.opening import open_vault
from kiosk.link.protocol import CameraSpec, EnrolPerson, Frame, Hello, Role, encode_frame
from tests.fakes.desk import FakeCapture, now, resolve_pack, samples
from tests.fakes.money_room import PIN, MoneyRoom
from tests.fakes.people import STORE_KEY

STAFF = Hello(1, Role.STAFF)


class RightsShop:
    """Desk, vault and gallery, with a money process behind them that may be away."""

    def __init__(self, folder) -> None:
        self.room = MoneyRoom(folder / "money")
        self.is_away = False
        self.capture = FakeCapture()
        self.vault, self.gallery = open_vault(folder / "data", STORE_KEY, "44")
        self.audit = AuditLog(folder / "data" / "audit", b"k" * 32, now)
        self.desk = Desk(
            DeskTools(
                data_dir=folder / "data",
                vault=self.vault,
                gallery=self.gallery,
                capture=self.capture,
                money=self.money,
                resolve_pack=resolve_pack,
                duplicate_from=lambda _pack: 0.9,
                open_threshold=lambda _pack: 0.7,
                now=now,
                audit=self.audit,
                evidence=lambda order_id: {"order": order_id, "score": "0.81"},
            )
        )

    @contextmanager
    def money(self, _camera):
        if self.is_away:
            raise SetupError("money is away", code="link_down", mend="start it")
        yield self

    def ask(self, message, expect=object, timeout_s=1.0):
        """Answer as money."""
        assert timeout_s > 0
        answer = self.room.ask(message)
        assert isinstance(answer, expect)
        return answer

    def do(self, message):
        *_, answer = self.desk.handle(STAFF, message)
        encode_frame(Frame(1, answer))
        return answer

    def enrol(self, seed: int, *, phone: str = "", **more: object) -> PersonId:
        self.capture.result = samples(seed)
        spec = CameraSpec(CameraKind.FRAME_FOLDER, path="/frames")
        number = phone or f"0770090{seed:04d}"
        return self.do(EnrolPerson("Ada", number, PIN, "v1", spec, **more)).person

    def alias(self, person):
        return self.vault.alias(person)

    def pay(self, person, order="o1", minor_units=1_250):
        return self.room.pay(self.room.order(order, minor_units), alias=self.alias(person))

    def close(self) -> None:
        self.audit.close()
        self.vault.close()
        self.gallery.close()
