"""The room with the networks: one visitor at a time, whoever it is.

Packs are found, verified and loaded once; their networks stay for the next customer.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from kiosk.domain.errors import BadInputError, SetupError
from kiosk.domain.identification import ImpostorTail
from kiosk.domain.ids import PackId, pack_name
from kiosk.faces.vision.calibration import impostor_tails
from kiosk.faces.vision.pipeline import Pipeline, PipelineLimits
from models.errors import PackError
from models.manifest import Pack, find_pack
from models.store import choice_stamp, current_pack, use

WAIT_S_MAX = 60.0
"""Seconds that a visitor waits for the one before; a session is over sooner."""


class TerminalBusyError(SetupError):
    """Somebody else is before the camera."""

    def __init__(self) -> None:
        """Say it."""
        super().__init__(
            "The terminal is busy with somebody else.",
            code="terminal_busy",
            mend="Wait until they have finished, then try again.",
        )


@dataclass(frozen=True, slots=True)
class Sight:
    """A pack with its networks, ready to look; `tails` are those a visit's thresholds come from."""

    pack: Pack
    pipeline: Pipeline
    tails: tuple[ImpostorTail, ...]


class VisionRoom:
    """Loads packs and lends their networks.

    Args:
        data_dir: The installation, where packs are installed.
    """

    def __init__(self, data_dir: Path) -> None:
        """Load nothing yet: paying without a face needs no network."""
        self._data_dir = data_dir
        self.beside: Callable[[PackId], tuple[ImpostorTail, ...]] = lambda _: ()
        """Tails besides a pack's own that a visit's thresholds come from: the gallery's."""
        self._visit = threading.Lock()
        self._sights: dict[PackId, Sight] = {}
        self._choice: tuple[tuple[int, int], PackId] | None = None
        self._others: dict[PackId, tuple[PipelineLimits, Sight]] = {}

    def resolve(self, name: str | None) -> PackId:
        """Return the id of a pack by name, or of the one in use.

        Raises:
            PackError: It is not there, or a file of it is not what its manifest says.
        """
        with _pack_errors():
            return PackId(find_pack(name or current_pack(self._data_dir), self._data_dir).id)

    def chosen(self) -> PackId | None:
        """Return the pack that was chosen for this installation; None where none was.

        Raises:
            SmileTillError: It is not there, or a file of it is not what its manifest says.
        """
        stamp = choice_stamp(self._data_dir)
        if stamp is None:
            return None
        # Finding a pack reads all its files; every session asks for this one.
        if self._choice is None or self._choice[0] != stamp:
            self._choice = stamp, self.resolve(None)
        return self._choice[1]

    def choose(self, name: str) -> None:
        """Make a pack the one that this installation works with.

        Raises:
            SmileTillError: It cannot be used, or the choice cannot be written.
        """
        with _pack_errors():
            use(name, self._data_dir)

    @property
    def is_free(self) -> bool:
        """Say whether no visitor is here now."""
        return not self._visit.locked()

    def tails(self, pack: PackId) -> tuple[ImpostorTail, ...]:
        """Return a pack's impostor tails, of its calibration sets."""
        known = self._sights.get(pack)
        return impostor_tails(self._find(pack), self._data_dir) if known is None else known.tails

    def is_sandbox_only(self, pack: PackId) -> bool:
        """Say whether a pack's PAD knows simulated people only."""
        known = self._sights.get(pack)
        return (self._find(pack) if known is None else known.pack).sandbox_only

    @contextmanager
    def visit(self, pack: PackId, *, limits: PipelineLimits | None = None) -> Iterator[Sight]:
        """Lend a pack's networks, to one visitor at a time.

        Args:
            pack: Which.
            limits: Other gates than a customer's; the last ones' networks stay as well.

        Raises:
            TerminalBusyError: The one before does not leave.
            SetupError: The pack is not there, is damaged or has no calibration.
        """
        with self.visit_all((pack,), limits=limits) as sights:
            yield sights[0]

    @contextmanager
    def visit_all(
        self, packs: Sequence[PackId], *, limits: PipelineLimits | None = None
    ) -> Iterator[tuple[Sight, ...]]:
        """Lend the networks of several packs at once, as `visit` does those of one."""
        if not self._visit.acquire(timeout=WAIT_S_MAX):
            raise TerminalBusyError
        lent: list[Sight] = []
        try:
            for pack in packs:
                sight = self._loaded(pack) if limits is None else self._other(pack, limits)
                lent.append(replace(sight, tails=(*sight.tails, *self.beside(pack))))
            yield tuple(lent)
        finally:
            for sight in lent:
                sight.pipeline.wipe()
            self._visit.release()

    def _loaded(self, pack: PackId) -> Sight:
        sight = self._sights.get(pack)
        if sight is None:
            found = self._find(pack)
            sight = Sight(found, Pipeline(found), impostor_tails(found, self._data_dir))
            self._sights[pack] = sight
        return sight

    def _other(self, pack: PackId, limits: PipelineLimits) -> Sight:
        known = self._others.get(pack)
        if known is None or known[0] != limits:
            found = self._find(pack)
            known = (
                limits,
                Sight(found, Pipeline(found, limits=limits), impostor_tails(found, self._data_dir)),
            )
            self._others[pack] = known
        return known[1]

    def _find(self, pack: PackId) -> Pack:
        with _pack_errors():
            found = find_pack(pack_name(pack), self._data_dir)
        if found.id != pack:
            raise SetupError(
                "The installed model pack is of another version than the people enrolled with it.",
                code="pack_version_differs",
                mend=f"Go back to the program that came with {pack}, or go on with {found.id} by"
                f" `smiletill models use {found.name}`: people of {pack} then pay by number and PIN"
                " until they are erased and enrolled anew.",
            )
        return found


@contextmanager
def _pack_errors() -> Iterator[None]:
    """Raise what is wrong with a pack as an error that crosses the link."""
    try:
        yield
    except PackError as error:
        family = BadInputError if error.exit_code == BadInputError.exit_code else SetupError
        raise family(error.message, code=error.code, mend=error.mend) from error
