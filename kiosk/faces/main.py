"""The faces process: makes its parts once, serves its socket, wipes what it held.

The only place that constructs vault, gallery, desk and vision room.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Generator
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TYPE_CHECKING

from kiosk.domain.errors import BadInputError, SmileTillError
from kiosk.domain.evidence import CameraKind
from kiosk.domain.identification import (
    ImpostorTail,
    SearchPolicy,
    Thresholds,
    duplicate_threshold,
    same_person_threshold,
    thresholds,
)
from kiosk.domain.ids import PackId
from kiosk.domain.mandate import PinRules
from kiosk.domain.money import Money
from kiosk.domain.stepup import TRIAL_LOGGER, Ask, StepUpPolicy
from kiosk.faces.camera.choice import Cameras
from kiosk.faces.camera.exposure import Obedience
from kiosk.faces.camera.identity import CameraPin
from kiosk.faces.capture import capture
from kiosk.faces.caretaker import Caretaker
from kiosk.faces.desk import audit
from kiosk.faces.desk.desk import Desk
from kiosk.faces.desk.ports import CaptureRefusal, DeskTools, Samples
from kiosk.faces.desk.renewing import renew_on
from kiosk.faces.desk.staff import StaffBook
from kiosk.faces.evidence import MatchEvidence
from kiosk.faces.gallery_tail import GalleryTails
from kiosk.faces.keeper import VaultKeeper
from kiosk.faces.learning import Learning
from kiosk.faces.money_link import MoneyLink
from kiosk.faces.pack_change import PackChange
from kiosk.faces.paired_eyes import shared_out
from kiosk.faces.picture_capture import take_pictures
from kiosk.faces.rehearsal import rehearse
from kiosk.faces.service import FacesService
from kiosk.faces.vault.accounts import StaffAccounts
from kiosk.faces.vault.keys import subkey
from kiosk.faces.vault.opening import open_with_keys
from kiosk.faces.vault.records import Person
from kiosk.faces.vault.retention import RetentionRules
from kiosk.faces.vault.store import FOLDER_NAME
from kiosk.faces.vision.room import VisionRoom
from kiosk.link.process import read_key, run_process
from kiosk.link.protocol import CameraSpec, Progress
from kiosk.link.server import Service
from kiosk.link.sockets import run_dir_of
from kiosk.link.staff_desk import Rehearsal
from kiosk.settings import PolicyFile, Settings, load_policy, load_settings

if TYPE_CHECKING:
    from kiosk.faces.terminal import Terminal, TerminalParts

TRIAL_FILE = "policy-trial.toml"
TRIAL_LOG = "policy-trial.log"
TRIAL_BYTES_MAX = 1_000_000
OUTBOX_EVERY_S = 5.0
"""Seconds between two tries to deliver revocations that wait."""
ROLLED_BACK = {"vault_rolled_back", "journal_rolled_back"}

logger = logging.getLogger(__name__)


class FacesProcess:
    """Everything that the process owns, from start to end."""

    def __init__(self, data_dir: Path, key: bytearray) -> None:
        """Open the vault, fill the gallery, clear away what a crash left.

        Raises:
            SmileTillError: Settings, key or vault are not in order.
        """
        settings = load_settings(data_dir)
        self._run_dir = run_dir_of(data_dir)
        try:
            opened = open_with_keys(data_dir, key, settings.country_code)
            self._vault, self._gallery = opened[:2]
            self._keeper = VaultKeeper(self._vault, opened[2])
            base_key = self._keeper.base_key
            decoy_key = bytes(subkey(base_key, "decoys"))
            self._accounts = StaffAccounts(data_dir / FOLDER_NAME, subkey(base_key, "staff"))
            audit_key = bytes(subkey(base_key, "audit"))
        finally:
            key[:] = bytes(len(key))
        try:
            self._audit = audit.AuditLog(data_dir / audit.FOLDER_NAME, audit_key, _now)
        except BaseException:
            self._gallery.close()
            self._accounts.close()
            self._keeper.close()
            self._vault.close()
            raise
        try:
            self._watch_vault()
        except BaseException:
            self._gallery.close()
            self._accounts.close()
            self._audit.close()
            self._keeper.close()
            self._vault.close()
            raise
        room = self._room = VisionRoom(data_dir)
        self._gallery_tails = GalleryTails(
            self._gallery,
            room.tails,
            lambda person: self._vault.head(person).look_alikes,
            lambda: room.is_free,
        )
        room.beside = self._gallery_tails.of
        self._cameras = cameras_of(settings, self._run_dir)
        self._packs = PackChange(data_dir, self._vault, room, settings.packs.grace_days, _now)
        self._settings, self._data_dir = settings, data_dir
        note_trials(data_dir)
        self.on_enrolling: Callable[[bool], None] = lambda _enrolling: None
        """Told from any thread when staff begin and end to enrol somebody."""
        self._evidence = MatchEvidence(data_dir / "evidence", _now)
        tools = self._tools(data_dir, room)
        self._desk = Desk(tools, rules_of(settings))
        self._desk.start()
        self.service = FacesService(
            self._run_dir,
            vault=self._vault,
            gallery=self._gallery,
            room=room,
            cameras=self._cameras,
            packs=self._packs,
            desk=self._desk,
            keeper=self._keeper,
            audit=self._audit,
            policy=policy_of(settings, data_dir),
            network=network_state,
            decoy_key=decoy_key,
            evidence=self._evidence,
        )
        self.service.people.on_used = self._desk.retention.used
        self._learning = Learning(tools, self._limits, adapt=settings.packs.adapt)
        self.service.learn = self._learning.note
        self.service.with_tails = self._gallery_tails.packs
        self._stopping = threading.Event()
        self._caretaker = self._take_care()
        self._courier = threading.Thread(target=self._deliver, name="outbox")
        self._courier.start()

    def _take_care(self) -> Caretaker:
        return Caretaker(
            (
                self._desk.resume_proofs,
                lambda stopping: renew_on(self._vault, stopping),
                self._desk.retention.care,
                self._learning.care,
                self._gallery_tails.care,
                lambda _: self._vault.move_log(),
            )
        )

    def terminal_parts(self, camera: CameraSpec) -> TerminalParts:
        """Return what a screen needs; payments without a screen are refused from now on."""
        from kiosk.faces.terminal import TerminalParts  # noqa: PLC0415 - it loads Qt

        self.service.screen_on = True
        return TerminalParts(
            run_dir=self._run_dir,
            room=self._room,
            gallery=self._gallery,
            people=self.service.people,
            packs_of=lambda: (self.service.pack_for(None), *self._packs.older()),
            camera=camera,
            cameras=self._cameras,
            policy=policy_of(self._settings, self._data_dir),
            payee=self._settings.payee,
            language=os.environ.get("SMILETILL_LANGUAGE") or self._settings.screen.language,
            staff_codes=self._settings.screen.staff_codes,
            lights=self._settings.screen.changing_colours,
            desk=self._desk,
            owners=self.service.people,
            learn=self._learning.note,
        )

    def close(self) -> None:
        """Stop delivering, overwrite the gallery, close the audit log and the vault."""
        self._stopping.set()
        self._caretaker.close()
        self._gallery_tails.close()
        self._desk.retention.close()
        self._learning.close()
        self._courier.join()
        self._packs.note_people()
        with contextlib.suppress(SmileTillError):
            self._watch_vault()  # so that this run's last changes are remembered
        self._gallery.close()
        self._accounts.close()
        self._audit.close()
        self._keeper.close()
        self._vault.close()

    def _deliver(self) -> None:
        self._packs.note_people()
        while not self._stopping.wait(OUTBOX_EVERY_S):
            self._desk.deliver_outbox()
            self._expire()
            self._packs.note_people()

    def _expire(self) -> None:
        """Freeze whoever did not come by within the grace period of a pack change."""
        try:
            for person in self._packs.expire():
                self._gallery.remove(person)
                self._audit.append(audit.PROGRAM, "pack_expired", person, {"outcome": "frozen"})
        except SmileTillError as error:
            logger.warning("nobody could be frozen after the pack change: %s", error.code)
            try:
                self._watch_vault()
            except SmileTillError as error:
                # The next start says it to whoever starts it, and serves nobody.
                logger.error("this process ends: %s", error.code)  # noqa: TRY400 - no values
                os.kill(os.getpid(), signal.SIGTERM)

    def _limits(self, pack: PackId) -> Thresholds:
        """Return the thresholds of a search with a pack, as sessions have them now."""
        policy = shared_out(SearchPolicy(), 1 + len(self._packs.older()))
        return thresholds(self._gallery.size(pack), policy, self._tails(pack))

    def _tails(self, pack: PackId) -> tuple[ImpostorTail, ...]:
        """Return all tails that a payment's thresholds come from now."""
        return (*self._room.tails(pack), *self._gallery_tails.of(pack))

    def _watch_vault(self) -> None:
        """Have money compare vault and journal; where it cannot now, the courier asks again.

        Raises:
            SmileTillError: One of them is an older copy: nobody may be served.
        """
        try:
            with MoneyLink(self._run_dir, None, sandbox_only=False) as money:
                self._keeper.watch(money)
        except SmileTillError as error:
            if error.code in ROLLED_BACK:
                raise
            logger.info("the vault's age is compared later: %s", error.code)

    def _tools(self, data_dir: Path, room: VisionRoom) -> DeskTools:
        def take(
            camera: CameraSpec, pack: PackId, *, guided: bool = False
        ) -> Generator[Progress, None, Samples | CaptureRefusal]:
            self.on_enrolling(True)
            try:
                return (yield from capture(room, camera, pack, self._cameras, guided=guided))
            finally:
                self.on_enrolling(False)

        def from_pictures(
            places: tuple[str, ...], pack: PackId
        ) -> Generator[Progress, None, Samples | CaptureRefusal]:
            return (yield from take_pictures(room, places, pack))

        def rehearse_with(
            camera: CameraSpec, newcomer: Person
        ) -> Generator[Progress, None, Rehearsal]:
            self.on_enrolling(True)
            try:
                policy = policy_of(self._settings, data_dir)
                return (
                    yield from rehearse(
                        room, camera, newcomer, self._gallery, policy, self._cameras
                    )
                )
            finally:
                self.on_enrolling(False)

        def link(kind: CameraKind | None) -> MoneyLink:
            return MoneyLink(self._run_dir, kind, sandbox_only=False)

        def duplicate_from(pack: PackId) -> float:
            return same_person_threshold(SearchPolicy(), room.tails(pack))

        def look_alike_from(pack: PackId) -> float:
            return duplicate_threshold(SearchPolicy(), room.tails(pack))

        def open_threshold(pack: PackId, people: int) -> float:
            return thresholds(people, SearchPolicy(), self._tails(pack)).open

        return DeskTools(
            data_dir=data_dir,
            vault=self._vault,
            gallery=self._gallery,
            capture=take,
            money=link,
            resolve_pack=room.resolve,
            duplicate_from=duplicate_from,
            open_threshold=open_threshold,
            look_alike_from=look_alike_from,
            rehearse=rehearse_with,
            pictures=from_pictures,
            packs=self._packs,
            staff=StaffBook(self._accounts),
            now=_now,
            audit=self._audit,
            evidence=self._evidence.of,
        )


def _now() -> datetime:
    return datetime.now(UTC)


def policy_of(settings: Settings, data_dir: Path) -> StepUpPolicy:
    """Return the step-up policy of an installation, with the one on trial if there is one.

    One on trial that cannot be used is left out: it is only noted, so nothing may hang on it.

    Raises:
        BadInputError: policy.toml cannot be used.
    """
    rules = _policy(settings, load_policy(data_dir) or PolicyFile())
    try:
        trial = policy_on_trial(settings, data_dir)
    except BadInputError as error:
        logger.warning("no policy is on trial: %s", error.message)
        return rules
    return dataclasses.replace(rules, trial=trial)


def policy_on_trial(settings: Settings, data_dir: Path) -> StepUpPolicy | None:
    """Return the policy on trial; None where there is none.

    Raises:
        BadInputError: policy-trial.toml cannot be used.
    """
    trial = load_policy(data_dir, TRIAL_FILE)
    return None if trial is None else _policy(settings, trial)


def _policy(settings: Settings, rows: PolicyFile) -> StepUpPolicy:
    def money(minor_units: int) -> Money:
        return Money(minor_units, settings.currency)

    return StepUpPolicy(
        claim_first=(rows.claim or settings.claim) == "first",
        first_visit_max=money(rows.first_visit_minor_units),
        absence_days_max=rows.absence_days,
        unproven_max=money(rows.unproven_minor_units),
        turn_above=money(rows.turn_above_minor_units),
        tries_max=rows.tries,
        pin_rules=PinRules(
            payment_max=money(settings.money.no_pin_ceiling_minor_units),
            day_max=money(settings.money.no_pin_day_minor_units),
        ),
        first_visit=Ask(rows.first_visit),
        long_absence=Ask(rows.long_absence),
        failed_tries=Ask(rows.failed_tries),
        liveness_unproven=Ask(rows.liveness_unproven),
        sensor_degraded=Ask(rows.sensor_degraded),
    )


def cameras_of(settings: Settings, run_dir: Path) -> Cameras:
    """Return what an installation says of its cameras."""
    pinned = settings.camera
    pin = CameraPin(pinned.usb, pinned.serial, pinned.path)
    return Cameras(run_dir, pin, Obedience() if pinned.control_exposure else None)


def rules_of(settings: Settings) -> RetentionRules:
    """Return how long unused people are kept."""
    return RetentionRules(settings.retention.unused_months, settings.retention.notice_days)


def note_trials(data_dir: Path) -> None:
    """Keep what a policy on trial would have asked in a file of bounded size."""
    handler = RotatingFileHandler(
        data_dir / TRIAL_LOG, maxBytes=TRIAL_BYTES_MAX, backupCount=1, delay=True, encoding="utf-8"
    )
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    noter = logging.getLogger(TRIAL_LOGGER)
    noter.setLevel(logging.INFO)
    noter.propagate = False
    noter.addHandler(handler)


def network_state(devices: Path = Path("/proc/net/dev")) -> str:
    """Say whether this process could reach a network: `refused` if it has no interface but `lo`."""
    names = {line.split(":")[0].strip() for line in devices.read_text().splitlines()[2:]}
    return "refused" if names <= {"lo"} else "open"


def main(arguments: list[str] | None = None) -> int:
    """Run the faces process until it is told to stop."""
    parser = argparse.ArgumentParser(prog="smiletill-faces")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--key-fd", type=int, required=True)
    parser.add_argument("--ready-fd", type=int)
    parser.add_argument("--screen", action="store_true")
    parser.add_argument("--windowed", action="store_true")
    parser.add_argument("--camera-kind", type=CameraKind, default=CameraKind.DEVICE)
    parser.add_argument("--camera-device", type=int, default=0)
    parser.add_argument("--camera-path", default="")
    options = parser.parse_args(arguments)
    os.umask(0o077)
    made: list[FacesProcess] = []
    terminal: list[Terminal] = []
    camera = CameraSpec(options.camera_kind, options.camera_device, options.camera_path)

    def build() -> Service:
        made.append(FacesProcess(options.data, read_key(options.key_fd)))
        if options.screen:
            terminal.append(_terminal(made[0], camera, windowed=options.windowed))
        return made[0].service

    def close(_: Service) -> None:
        made[0].close()

    def serve(stop: threading.Event) -> None:
        if terminal:
            terminal[0].run(stop)
        else:
            stop.wait()

    return run_process("faces", run_dir_of(options.data), options.ready_fd, build, close, serve)


def _terminal(process: FacesProcess, camera: CameraSpec, *, windowed: bool) -> Terminal:
    """Make the screen; without one the process has nothing to do and is closed again."""
    # Imported here: without a screen, Qt is not loaded.
    from kiosk.faces.terminal import Terminal  # noqa: PLC0415

    try:
        terminal = Terminal(process.terminal_parts(camera), windowed=windowed)
    except SmileTillError:
        process.close()
        raise
    process.on_enrolling = terminal.model.tell_enrolling
    return terminal


if __name__ == "__main__":
    sys.exit(main())
