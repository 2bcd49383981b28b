"""Stand-ins for what the desk is handed: a camera with samples, a money process, a clock."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from kiosk.domain.errors import BadInputError, SetupError
from kiosk.domain.mandate import MandateState
from kiosk.faces.desk.ports import Samples
from kiosk.link.protocol import (
    CheckMandate,
    MandateOpened,
    MandateRevoked,
    OpenMandate,
    Progress,
    RevokeMandate,
)
from tests.fakes.people import PACK, unit, vectors


def samples(seed: int) -> Samples:
    """Return the samples of one made-up face."""
    kept = vectors(seed)
    return Samples(unit(kept.mean(axis=0)), kept, len(kept), 80)


@dataclass
class FakeMoney:
    """A money process with a bank behind it: mandates by alias."""

    state: MandateState = MandateState.ACTIVE
    away: bool = False
    bank_away: bool = False
    pin_refused: bool = False
    lost_answer: bool = False
    approves_after: int | None = None
    """Questions until the payer has approved; None: never."""
    loses: int = 0
    """Questions whose answer is lost."""
    mandates: dict[str, MandateState] = field(default_factory=dict)
    asked: list[object] = field(default_factory=list)
    cameras: list[object] = field(default_factory=list)

    @contextmanager
    def open(self, camera):
        self.cameras.append(camera)
        if self.away:
            raise SetupError("money is away", code="link_down", mend="start it")
        yield self

    def ask(self, message, expect, timeout_s: float = 1.0):
        self.asked.append(message)
        match message:
            case OpenMandate():
                if self.pin_refused:
                    raise BadInputError("PIN too simple", code="pin_bad", mend="take another")
                assert self.mandates.get(message.alias) is not MandateState.REVOKED
                self.mandates[message.alias] = self.state
                if self.lost_answer:
                    raise SetupError("money went away", code="link_down", mend="start it")
                link = "https://bank.test/a" if self.state is MandateState.PENDING else ""
                answer = MandateOpened(self.state, "••42", link)
            case CheckMandate():
                if self.loses:
                    self.loses -= 1
                    raise SetupError("money went away", code="link_down", mend="start it")
                if self.approves_after is not None:
                    self.approves_after -= 1
                    if self.approves_after <= 0:
                        self.mandates[message.alias] = MandateState.ACTIVE
                answer = MandateOpened(self.mandates[message.alias], "••42")
            case RevokeMandate():
                self.mandates[message.alias] = MandateState.REVOKED
                answer = MandateRevoked(at_bank=not self.bank_away)
            case _:
                raise AssertionError(message)
        assert isinstance(answer, expect)
        return answer

    def active(self) -> set[str]:
        return {a for a, state in self.mandates.items() if state is MandateState.ACTIVE}


class FakeCapture:
    """A camera before which stands whoever the test says."""

    def __init__(self) -> None:
        self.result = samples(1)
        self.opened = 0
        self.closed = 0

    def __call__(self, camera, pack, *, guided=False):
        assert pack
        self.guided = guided
        self.opened += 1
        try:
            for number in range(3):
                yield Progress("looking", number, 3)
            if isinstance(self.result, Exception):
                raise self.result
            return self.result
        finally:
            self.closed += 1


def resolve_pack(name):
    """Know two packs."""
    if name in {None, "starter"}:
        return PACK
    if name == "mobileface":
        return "mobileface@1"
    raise BadInputError("no such pack", code="pack_unknown", mend="list them")


def now() -> datetime:
    return datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
