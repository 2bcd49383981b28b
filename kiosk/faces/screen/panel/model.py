"""The panel's model: properties for QML, work on one thread of its own, words when it is done."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from PySide6.QtCore import Property, QObject, QTimer, Signal, Slot

from kiosk.domain.errors import SmileTillError
from kiosk.faces.screen.panel.guide import Guide, PanelVisit
from kiosk.faces.screen.signals import ring
from kiosk.link.frames import Word

POLL_MS = 700

WELCOME = (
    "Three guests will enrol and come to the till, then a stranger and a photo. "
    "The kiosk is the other window; you are the guest's finger."
)


class PanelModel(QObject):
    """What the panel shows and what its buttons do."""

    changed = Signal()
    frame_changed = Signal()
    _said = Signal(str, bool)
    _polled = Signal(str, str)

    def __init__(self, guide: Guide) -> None:
        """Show the first step."""
        super().__init__()
        self._guide = guide
        self._step = 0
        self._busy = False
        self._words = WELCOME
        self._outcome = ""
        self._takings = ""
        self._frame = 0
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="panel-work")
        self._said.connect(self._on_said)
        self._polled.connect(self._on_polled)
        self._timer = QTimer(self)
        self._timer.setInterval(POLL_MS)
        self._timer.timeout.connect(self._poll)
        self._timer.start()

    def close(self) -> None:
        """Finish what is under way and stop."""
        self._timer.stop()
        self._worker.shutdown(wait=True, cancel_futures=True)

    def frame_arrived(self) -> None:
        """A new frame is there to be shown."""
        self._frame += 1
        ring(self.frame_changed)

    # What QML binds to ----------------------------------------------------------------------------

    def _titles(self) -> list[str]:
        return ["The guests enrol", *(visit.title for visit in self._guide.story.visits)]

    titles = Property(list, _titles, constant=True)
    step = Property(int, lambda self: self._step, notify=changed)
    steps = Property(int, lambda self: len(self._titles()), constant=True)
    busy = Property(bool, lambda self: self._busy, notify=changed)
    words = Property(str, lambda self: self._words, notify=changed)
    outcome = Property(str, lambda self: self._outcome, notify=changed)
    takings = Property(str, lambda self: self._takings, notify=changed)
    frame = Property(int, lambda self: self._frame, notify=frame_changed)

    def _guests(self) -> list[str]:
        return [guest.name for guest in self._guide.story.guests]

    guests = Property(list, _guests, constant=True)

    # What QML calls -------------------------------------------------------------------------------

    @Slot()
    def play(self) -> None:
        """Do the step that is next."""
        if self._busy or self._step >= len(self._titles()):
            return
        if self._step == 0:
            self._work(lambda: self._guide.enrol_all(self._tell), advance=True)
            return
        visit: PanelVisit = self._guide.story.visits[self._step - 1]
        self._work(lambda: self._guide.begin(visit), advance=True)

    @Slot(str)
    def send(self, amount: str) -> None:
        """Send a bill of one's own to the kiosk."""
        self._work(lambda: self._guide.send(amount))

    @Slot(int)
    def guest(self, number: int) -> None:
        """Put one of the guests before the camera."""
        figure = self._guide.story.guests[number].figure
        self._work(lambda: self._guide.gesture("person", figure))

    @Slot(str)
    def gesture(self, word: Word) -> None:
        """Have whoever is there smile, stop smiling, turn, leave, or hold up a photo."""
        self._work(lambda: self._guide.gesture(word))

    # Work -----------------------------------------------------------------------------------------

    def _tell(self, words: str) -> None:
        ring(self._said, words, False)

    def _work(self, job: Callable[[], str], *, advance: bool = False) -> None:
        if advance:
            self._busy = True
            ring(self.changed)

        def run() -> None:
            try:
                words = job()
            except SmileTillError as error:
                ring(self._said, str(error), False)
                ring(self._said, "", True)
                return
            ring(self._said, words, False)
            if advance:
                ring(self._said, "", True)

        self._worker.submit(run)

    def _on_said(self, words: str, done: bool) -> None:  # noqa: FBT001 - a signal's payload
        if words:
            self._words = words
        if done and self._busy:
            self._busy = False
            self._step = min(self._step + 1, len(self._titles()))
        ring(self.changed)

    def _poll(self) -> None:
        def run() -> None:
            try:
                ring(self._polled, self._guide.outcome(), self._guide.takings())
            except SmileTillError:
                ring(self._polled, "", "")

        if not self._busy:
            self._worker.submit(run)

    def _on_polled(self, outcome: str, takings: str) -> None:
        if (outcome, takings) != (self._outcome, self._takings):
            self._outcome, self._takings = outcome, takings
            ring(self.changed)
