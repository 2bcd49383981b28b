"""What happens in one run, drawn from a seed: the payment, the troubles, and the kills.

A plan depends on the seed and the run's number alone, so one run can be repeated by itself
(`--only`). Kill steps and bank troubles are dealt from shuffled packs rather than drawn, so that
every step and every trouble comes up before any comes up twice.
"""

from __future__ import annotations

import errno
import random
from dataclasses import dataclass, field

from tests.crash.harness.points import DiskTrouble, Kill
from tests.crash.harness.shared import BankStep

# The steps of a payment, in their order.
FIRST_KILLS = (
    *(f"order_opened.{it}" for it in ("before", "half", "written", "synced")),
    *(f"intent.{it}" for it in ("before", "half", "written", "synced")),
    "send.before",
    "bank:READ", "bank:IN_TRANSACTION", "bank:COMMITTED", "bank:ANSWERED",
    "send.after",
    *(f"result.{it}" for it in ("before", "half", "written", "synced")),
    "tell.before", "tell.after",
    "find.before", "find.after",
)  # fmt: skip
"""Steps of the first life; those of a look-up come only where an answer is refused or lost."""
TORN_KILLS = (
    "truncate.before", "truncate.after",
    *(f"tail_cut.{it}" for it in ("before", "half", "written", "synced")),
)  # fmt: skip
"""Steps of mending a torn tail; dealt where there is one."""
RECOVERY_KILLS = (
    "find.before", "find.after", "send.before", "bank:COMMITTED", "send.after",
    *(f"result.{it}" for it in ("before", "half", "written", "synced")),
    "correction.before", "correction.half", "correction.synced", "tell.before",
    "results_missing.half", "",
)  # fmt: skip
"""Steps of the second life; the empty one lets it live."""


@dataclass(frozen=True)
class Trouble:
    """What the bank does wrong. `tag` is the line of the fault matrix (payments.md, 6)."""

    tag: str
    name: str
    script: tuple[dict, ...] = ()
    """Entries of the sandbox bank's own fault script."""
    false_answers: int = 0
    bank_dies_at: BankStep = BankStep.NEVER
    mandate_state: str = ""
    token_is_bad: bool = False
    hours_between: int = 0
    """The clocks of both sides run on by so much while the process is dead."""


def _fault(kind: str, times: int = 1, **more: object) -> dict:
    return {"kind": kind, "times": times, **more}


def _look_up(kind: str, times: int = 1, **more: object) -> dict:
    return _fault(kind, times, path="/payments/by-key", method="GET", **more)


SLOW_S = 0.35
"""Longer than the connector waits here (`life.READ_S`)."""

TROUBLES: tuple[Trouble, ...] = (
    Trouble("F1", "none"),
    Trouble("F3", "dropped before", (_fault("drop_before", 2),)),
    Trouble("F3", "dropped before, always", (_fault("drop_before", 20),)),
    Trouble("F4", "dropped after commit", (_fault("drop_after_commit"),)),
    Trouble("F4", "dropped after commit, and the look-up too",
            (_fault("drop_after_commit", 20), _look_up("drop_before", 2))),
    Trouble("F5", "slow, then executed", (_fault("slow", seconds=SLOW_S),)),
    Trouble("F5", "executed, then slow", (_fault("slow", seconds=SLOW_S, after_commit=True),)),
    Trouble("F5", "hangs", (_fault("hang", after_commit=True),)),
    Trouble("F6", "500 before", (_fault("status", status=500),)),
    Trouble("F6", "503 before, always", (_fault("status", 20, status=503),)),
    Trouble("F6", "502 after commit", (_fault("status", status=502, after_commit=True),)),
    Trouble("F6", "504 after commit, always",
            (_fault("status", 20, status=504, after_commit=True), _look_up("status", 1))),
    Trouble("F7", "garbage", (_fault("garbage", 20), _look_up("garbage"))),
    Trouble("F7", "truncated", (_fault("truncated"), _look_up("truncated"))),
    Trouble("F7", "other order, executed", (_fault("other_order", 20), _look_up("other_order"))),
    Trouble("F7", "other order, not executed", false_answers=20),
    Trouble("F7", "wrong amount", (_fault("wrong_amount", 2), _look_up("wrong_amount"))),
    Trouble("F11", "429", (_fault("status", 2, status=429),)),
    Trouble("F11", "429 after commit", (_fault("status", status=429, after_commit=True),)),
    Trouble("F11", "401 after commit", (_fault("drop_after_commit"),), token_is_bad=True),
    Trouble("F11", "mandate suspended", mandate_state="suspended"),
    Trouble("F17", "key forgotten meanwhile", (_fault("drop_before", 20),), hours_between=25),
    Trouble("F17", "key forgotten after commit",
            (_fault("drop_after_commit", 20), _look_up("drop_before", 2)), hours_between=25),
    Trouble("F18", "bank dies in its transaction", bank_dies_at=BankStep.IN_TRANSACTION),
    Trouble("F18", "bank dies after its commit", bank_dies_at=BankStep.COMMITTED),
    Trouble("F18", "bank dies before it executes", bank_dies_at=BankStep.READ),
)  # fmt: skip


VRP_KILLS = tuple(f"accepted.{it}" for it in ("before", "half", "written", "synced"))
"""Steps that only a bank has that accepts first and settles later."""
VRP_TROUBLES: tuple[Trouble, ...] = (
    *TROUBLES,
    Trouble("F7", "wrong signature", (_fault("wrong_signature"), _look_up("wrong_signature"))),
    Trouble("F7", "another answer's signature", (_fault("stale_signature", 20),)),
)
LADDERS = ((0, "settle"), (0, "settle"), (2, "settle"), (60, "settle"), (2, "reject"),
           (60, "reject"), (2, "block"))  # fmt: skip
"""Seconds from acceptance to the end, and the end, at the open-banking side."""


class Till:
    """What the till does beside asking for the money."""

    PLAIN = "plain"
    REPEATED = "repeated"
    """F9: the same order and another amount, again and after the restart."""
    AT_ONCE = "at once"
    """F9: two authorisations of one nonce at once."""
    ABORT = "abort"
    """F10: the till takes the order back while it is being paid."""
    CASH = "paid elsewhere"
    """F10: staff close it as paid by other means while its end is unknown."""

    ALL = (PLAIN, REPEATED, AT_ONCE, ABORT, CASH)


ABORT_AT = ("intent.before", "intent.synced", "send.before", "send.after", "result.synced")


class Damage:
    """What becomes of the journal's file between two lives (F15)."""

    NONE = ""
    TORN = "torn tail"
    FLIPPED = "bit flip in the middle"
    CUT = "last record cut in half"
    OLDER = "older copy restored"


@dataclass(frozen=True)
class Plan:
    """One run. `kills` has one entry a life, the last lives are left alone."""

    seed: int
    number: int
    connector: str
    trouble: Trouble
    kills: tuple[Kill | None, Kill | None]
    till: str = Till.PLAIN
    abort_at: str = ""
    amount: int = 1_250
    wall_jumps_s: tuple[int, int] = (0, 0)
    """F13: how wrong the terminal's time of day is from the payment on, and after the restart."""
    disk: DiskTrouble | None = None
    damage: str = Damage.NONE
    ladder: tuple[int, str] = (0, "settle")
    events_late_s: int = 0
    """F8: how late the open-banking side tells its news, newest first."""
    pays_again: bool = True
    """Whether an order that is open at the end is paid once more or taken back."""
    tags: frozenset[str] = field(default=frozenset())

    def __str__(self) -> str:
        parts = [f"run {self.number} of seed {self.seed} ({self.connector})"]
        parts.append(f"bank: {self.trouble.tag} {self.trouble.name}")
        parts.append("kills: " + ", ".join(str(kill or "-") for kill in self.kills))
        parts.append(f"till: {self.till}" + (f" at {self.abort_at}" if self.abort_at else ""))
        if self.connector == "vrp":
            parts.append(f"ladder: {self.ladder}, news {self.events_late_s} s late")
        if any(self.wall_jumps_s):
            parts.append(f"clock jumps: {self.wall_jumps_s} s")
        if self.disk is not None:
            parts.append(f"disk: {self.disk.record} {self.disk.call} {self.disk.code}")
        if self.damage:
            parts.append(f"journal: {self.damage}")
        return "; ".join(parts)


def _dealt(seed: int, name: str, pack: tuple, number: int):
    """Deal from packs that are shuffled anew each time they are used up."""
    turn, place = divmod(number, len(pack))
    shuffled = list(pack)
    random.Random(f"{seed} {name} {turn}").shuffle(shuffled)
    return shuffled[place]


def make_plan(seed: int, number: int, connectors: tuple[str, ...]) -> Plan:
    """Draw a run."""
    chance = random.Random(f"{seed} run {number}")
    turn, place = divmod(number, len(connectors))
    connector = connectors[place]
    is_vrp = connector == "vrp"
    troubles = VRP_TROUBLES if is_vrp else TROUBLES
    first_kills = FIRST_KILLS + VRP_KILLS if is_vrp else FIRST_KILLS
    second_kills = RECOVERY_KILLS + VRP_KILLS if is_vrp else RECOVERY_KILLS
    trouble: Trouble = _dealt(seed, f"{connector} troubles", troubles, turn)
    first: str = _dealt(seed, f"{connector} first kills", first_kills, turn)
    second: str = _dealt(seed, f"{connector} second kills", second_kills, turn)
    if first.endswith(".half") and chance.random() < 0.7:
        second = chance.choice(TORN_KILLS)
    nth = 1
    if first.startswith(("send", "bank:READ")) and trouble.tag != "F1":
        nth = chance.choice((1, 1, 2, 3))
    kills = (Kill(first, nth), Kill(second) if second else None)
    till = chance.choices(Till.ALL, (4, 2, 2, 3, 1))[0]
    jumps = (0, 0)
    if chance.random() < 0.15:
        jumps = (chance.choice((0, 3_600, -3_600)), chance.choice((3_600, -3_600, -86_400)))
    disk = None
    if chance.random() < 0.12:
        disk = DiskTrouble(
            chance.choice(("order_opened", "intent", "result")),
            chance.choice(("append", "sync")),
            chance.choice((errno.ENOSPC, errno.EIO, errno.EROFS)),
        )
        if chance.random() < 0.5:
            kills = (None, kills[1])
    damage = Damage.NONE
    if disk is None and chance.random() < 0.15:
        damage = chance.choice((Damage.TORN, Damage.FLIPPED, Damage.CUT, Damage.OLDER))
    abort_at = chance.choice(ABORT_AT) if till == Till.ABORT else ""
    tags = {"F1", "F2", trouble.tag}
    tags |= {"F9"} if till in {Till.REPEATED, Till.AT_ONCE} else set()
    tags |= {"F10"} if till in {Till.ABORT, Till.CASH} else set()
    tags |= {"F13"} if any(jumps) else set()
    tags |= {"F14"} if disk else set()
    tags |= {"F15"} if damage else set()
    ladder = chance.choice(LADDERS) if is_vrp else (0, "settle")
    events_late_s = chance.choice((0, 0, 30, 200)) if is_vrp else 0
    tags |= {"F8"} if is_vrp else set()
    tags |= {"F12"} if ladder[1] != "settle" else set()
    return Plan(
        seed, number, connector, trouble, kills, till, abort_at,
        chance.randint(100, 4_900), jumps, disk, damage, ladder, events_late_s,
        chance.random() < 0.5, frozenset(tags),
    )  # fmt: skip
