"""Carries one run out: starts and buries the lives, damages what lies between, asks the judge."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from kiosk.domain.ids import IdempotencyKey
from kiosk.domain.payment import AttemptEnd
from kiosk.money.book import Book
from kiosk.money.errors import JournalDamagedError
from kiosk.money.ledger import read_book
from kiosk.money.records import ResultCorrected, ResultStored
from tests.crash.harness.bank import BankChild
from tests.crash.harness.connectors import (
    executed,
    forget_tokens,
    script_for,
    set_ladder,
    told,
    trouble_events,
)
from tests.crash.harness.life import KEY, PIN, World, live
from tests.crash.harness.plan import Damage, Plan
from tests.crash.harness.points import Kill, read_notes
from tests.crash.harness.shared import Shared, Slot, fork_child
from tests.crash.harness.verdict import (
    READY_S_MAX,
    Evidence,
    Kind,
    Violation,
    compare_with_stored,
    judge,
)

HOUR_MS = 3_600_000
LIFE_S_MAX = 60.0
TOKEN = Path("sandbox") / "merchant.token"


@dataclass
class Outcomes:
    """What one run came to."""

    number: int
    plan: str
    tags: list[str]
    kills: int = 0
    kill_steps: list[str] = field(default_factory=list)
    violations: list[tuple[str, str]] = field(default_factory=list)
    state: str = ""
    debits: int = 0
    ready_s: float = 0.0
    took_s: float = 0.0


class Driver:
    """Carries out runs, one after the other, with one bank."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.shared = Shared()
        self.bank = BankChild(folder, self.shared)

    def close(self) -> None:
        self.bank.stop()

    def run(self, plan: Plan) -> Outcomes:
        started_s = time.monotonic()
        self.shared.calm()
        self.bank.start()
        folder = self.folder / f"run-{plan.number}"
        folder.mkdir()
        run = _Run(self, World(self.shared, self.folder, folder, plan))
        try:
            run.carry_out()
        finally:
            if (self.folder / TOKEN).with_suffix(".kept").exists():
                (self.folder / TOKEN).with_suffix(".kept").replace(self.folder / TOKEN)
        run.outcomes.took_s = time.monotonic() - started_s
        if not run.outcomes.violations:
            shutil.rmtree(folder)
        return run.outcomes


class _Run:
    """One run under way."""

    def __init__(self, driver: Driver, world: World) -> None:
        self.shared, self.bank, self.world, self.plan = (
            driver.shared, driver.bank, world, world.plan,
        )  # fmt: skip
        self.told: list[dict] = []
        self.violations: list[Violation] = []
        self.outcomes = Outcomes(self.plan.number, str(self.plan), sorted(self.plan.tags))
        self.log_before = driver.bank.log.stat().st_size if driver.bank.log.exists() else 0
        self.is_rolled_back = False

    def carry_out(self) -> None:
        plan = self.plan
        for entry in plan.trouble.script:
            told(self.world.bank_folder, "POST", "faults", script_for(plan.connector, entry))
        if plan.connector == "vrp":
            set_ladder(self.world.bank_folder, *plan.ladder)
            trouble_events(self.world.bank_folder, plan.events_late_s)
        self.live(1, plan.kills[0])
        self.between()
        self.live(2, plan.kills[1])
        self.calm()
        self.live(3, None)
        self.judge()

    def live(self, number: int, kill: Kill | None) -> int:
        """Carry out one life; returns its exit code, or minus the signal that ended it."""
        reading, writing = os.pipe()
        log = self.world.folder / "stderr.log"

        def work() -> int:
            os.close(reading)
            return live(self.world, number, kill, writing, log)

        pid = fork_child(work)
        os.close(writing)
        said = bytearray()
        with os.fdopen(reading, "rb") as pipe:
            for line in pipe:
                said += line
        _, status = os.waitpid(pid, 0)
        code = os.waitstatus_to_exitcode(status)
        news = [json.loads(line) for line in said.splitlines() if line.endswith(b"}")]
        self.told += [it for it in news if "life" in it]
        self._note_life(number, kill, code, news)
        return code

    def _note_life(self, number: int, kill: Kill | None, code: int, news: list[dict]) -> None:
        if code == -signal.SIGKILL:
            self.outcomes.kills += 1
            self.outcomes.kill_steps.append(f"{number}:{kill}")
        refused = [it["code"] for it in news if it["what"] == "refused"]
        if code != 0 and not (refused or (kill and code == -signal.SIGKILL)):
            self._violate(Kind.BROKEN, f"life {number} ended with {code}: {self._last_words()}")
        if refused and "journal_damaged" not in refused:
            self._violate(Kind.BROKEN, f"life {number} refused to start: {refused}")
        for it in news:
            if it["what"] == "ready":
                self.outcomes.ready_s = max(self.outcomes.ready_s, it["after_s"])
        if not refused:
            self._compare_with_stored([it for it in news if "life" in it])

    def _compare_with_stored(self, news: list[dict]) -> None:
        entry = self._book().orders.get(self.world.order_id)
        self.violations += compare_with_stored(
            news, read_notes(self.world.notes), None if entry is None else entry.state
        )

    def between(self) -> None:
        """What happens to the machine while it is off."""
        plan = self.plan
        if plan.number % 2 or plan.trouble.false_answers:
            self.bank.start()  # else a bank that died stays away until the last life
        self.shared.skip(plan.trouble.hours_between * HOUR_MS)
        self.shared[Slot.MONEY_WALL_MS] = plan.wall_jumps_s[1] * 1_000
        if plan.trouble.token_is_bad and plan.connector == "vrp" and self.bank.is_alive():
            forget_tokens(self.world.bank_folder)
        elif plan.trouble.token_is_bad:
            token = self.world.bank_folder / TOKEN
            shutil.copy(token, token.with_suffix(".kept"))
            token.write_text("not-the-token")
        self._damage()

    def _damage(self) -> None:
        file = self.world.journal
        whole = file.read_bytes()
        lines = whole.splitlines(keepends=True)
        if self.plan.damage == Damage.NONE or len(lines) < 4:
            return
        if self.plan.damage == Damage.FLIPPED:
            self._flip(file, whole, lines)
            return
        if self.plan.damage == Damage.TORN:
            file.write_bytes(whole + b"v1 00000")
            return
        self.is_rolled_back = True
        kept = sum(map(len, lines[:3]))  # header and the two records of the mandate
        if self.plan.damage == Damage.CUT:
            kept = max(kept, len(whole) - len(lines[-1]) // 2)
        file.write_bytes(whole[:kept])

    def _flip(self, file: Path, whole: bytes, lines: list[bytes]) -> None:
        """Change one bit of a record that others follow: nothing may start on it."""
        place = len(lines[0]) + len(lines[1]) // 2
        changed = bytearray(whole)
        changed[place] ^= 0x04
        file.write_bytes(changed)
        code = self.live(2, None)
        if code == 0 or file.read_bytes() != bytes(changed):
            self._violate(Kind.DAMAGE_ACCEPTED, "a changed record was accepted or overwritten")
        file.write_bytes(whole)

    def calm(self) -> None:
        """From here on the world is in order."""
        kept = (self.world.bank_folder / TOKEN).with_suffix(".kept")
        if kept.exists():
            kept.replace(self.world.bank_folder / TOKEN)
        self.shared.calm()
        self.bank.start()
        told(self.world.bank_folder, "DELETE", "faults")
        trouble_events(self.world.bank_folder, 0)

    def judge(self) -> None:
        settled: list[tuple[str, int]] = []
        amounts: dict[str, int] = {}

        def take(record) -> None:
            if isinstance(record, ResultStored | ResultCorrected):
                if record.end is AttemptEnd.SETTLED:
                    settled.append((record.key, amounts[record.key]))
            elif hasattr(record, "sealed_request"):
                amounts[record.key] = record.amount.minor_units

        book = self._book(take)
        entry = book.orders.get(self.world.order_id)
        keys = [IdempotencyKey(key) for key in amounts]
        arrived = read_notes(self.bank.log, self.log_before)
        notes = read_notes(self.world.notes)
        known = {note["key"] for note in notes if note["what"] == "sent"}
        evidence = Evidence(
            amount=self.plan.amount,
            told=self.told,
            notes=notes,
            arrived=[it for it in arrived if it["key"] in known],
            executed=executed(
                self.plan.connector, self.world.bank_folder, self.world.order_id, keys
            ),
            journal_lines=self.world.journal.read_bytes().splitlines(keepends=True),
            settled_records=settled,
            is_rolled_back=self.is_rolled_back,
        )
        self.violations += judge(evidence)
        if self.outcomes.ready_s > READY_S_MAX:
            self._violate(Kind.SLOW_RESTART, f"{self.outcomes.ready_s:.1f} s")
        self._look_for_secrets()
        self.outcomes.state = "" if entry is None else entry.state.value
        self.outcomes.debits = len(evidence.executed)
        self.outcomes.violations = [(it.kind.value, it.detail) for it in self.violations]

    def _look_for_secrets(self) -> None:
        """I9: neither the log nor the journal names what must not be named."""
        token = (self.world.bank_folder / TOKEN).read_bytes().strip()
        for name in ("stderr.log", "money/journal.log"):
            file = self.world.folder / name
            content = file.read_bytes() if file.exists() else b""
            for secret in (token, PIN.encode(), KEY, KEY.hex().encode()):
                if secret in content:
                    self._violate(Kind.LEAK, name)

    def _book(self, also=None) -> Book:
        try:
            return read_book(self.world.journal, also)[1]
        except JournalDamagedError as error:
            self._violate(Kind.RECORD_LOST, f"the journal cannot be read: {error}")
        except OSError:
            pass
        return Book()

    def _last_words(self) -> str:
        log = self.world.folder / "stderr.log"
        lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
        return " | ".join(lines[-3:])

    def _violate(self, kind: Kind, detail: str) -> None:
        self.violations.append(Violation(kind, detail))


def add_up(found: list) -> Counter:
    """Count violations by kind."""
    return Counter(kind for it in found for kind in {kind for kind, _ in it.violations})
