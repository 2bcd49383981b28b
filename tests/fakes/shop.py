"""One faces process without a camera, for the tests of the desk."""

from __future__ import annotations

from kiosk.domain.evidence import CameraKind
from kiosk.faces.desk.audit import AuditLog
from kiosk.faces.desk.desk import Desk
from kiosk.faces.desk.ports import DeskTools
from kiosk.faces.vault.opening import open_vault
from kiosk.link.protocol import (
    CameraSpec,
    Enrolled,
    EnrolPerson,
    EnrolRefused,
    Hello,
    Progress,
    Role,
)
from tests.fakes.desk import FakeCapture, FakeMoney, now, resolve_pack, samples
from tests.fakes.people import STORE_KEY

STAFF = Hello(1, Role.STAFF)
ASK = EnrolPerson(
    name="  Ada Lovelace ",
    phone="+44 7700 900123",
    pin="135790",
    consent_version="v1",
    camera=CameraSpec(CameraKind.FRAME_FOLDER, path="/frames"),
)


class Shop:
    """One faces process without a camera: desk, vault, gallery and the fakes around them."""

    def __init__(self, data_dir) -> None:
        self.data_dir = data_dir
        self.money, self.capture = FakeMoney(), FakeCapture()
        self.pauses: list[float] = []
        self.open()

    def open(self) -> None:
        self.vault, self.gallery = open_vault(self.data_dir, STORE_KEY, "44")
        self.audit = AuditLog(self.data_dir / "audit", b"k" * 32, now)
        self.tools = DeskTools(
            data_dir=self.data_dir,
            vault=self.vault,
            gallery=self.gallery,
            capture=self.capture,
            money=self.money.open,
            resolve_pack=resolve_pack,
            duplicate_from=lambda _pack: 0.9,
            open_threshold=lambda _pack, _people: 0.7,
            now=now,
            audit=self.audit,
            pause=self.pauses.append,
        )
        self.desk = Desk(self.tools)
        self.desk.start()

    def restart(self) -> None:
        self.close()
        self.open()

    def close(self) -> None:
        for part in (self.audit, self.vault, self.gallery):
            part.close()

    def ask(self, message):
        *steps, answer = self.desk.handle(STAFF, message)
        assert all(isinstance(step, Progress) for step in steps)
        return answer

    def enrol(self, seed: int = 1, **changes) -> Enrolled | EnrolRefused:
        self.capture.result = samples(seed)
        asked = {"phone": f"0770090{seed:04d}", **changes}
        return self.ask(replace(ASK, **asked))


def replace(message, **changes):
    return type(message)(
        **{**{f: getattr(message, f) for f in message.__struct_fields__}, **changes}
    )
