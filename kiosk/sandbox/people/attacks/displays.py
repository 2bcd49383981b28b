"""Replays on a phone or a tablet: of a recording, of an earlier session, and by a relay.

A display shines by itself: its picture does not take the screen's colours, but for a mirror of
3 %. It has a bezel, a gamma of its own, a grid that beats with the camera's (moire), and a
backlight whose pulses roll through the picture as bands.
A recording of an earlier session has that session's colours on the face; a relay sees the kiosk's
screen and colours its picture after it, later by its own camera, computer and display.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from kiosk.sandbox.people.attacks.genuine import Customer
from kiosk.sandbox.people.attacks.stage import (
    SHUTTER_MS,
    Cues,
    ScreenLight,
    Shot,
    beats,
    shrunk,
)
from kiosk.sandbox.people.paper import Sheet
from kiosk.sandbox.people.sensor import GAMMA, Sensor
from kiosk.sandbox.people.surroundings import background, light_field

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kiosk.sandbox.people.scene import Crowd

MIRROR = 0.03
"""Share of light that glass throws back."""
RELAY_MS = (130.0, 260.0)
"""What camera, computer and display of a relay take at the least."""
_CROP = (slice(0, 480), slice(130, 510))


@dataclass(frozen=True, slots=True)
class Model:
    """A kind of display.

    Args:
        size: Height and width of the lit part, pixels of the sheet.
        bezel: Width of the frame around it, pixels.
        zoom: How near it is held, against paper of the same size.
        moire: Strength of the beat between the grids, grey levels.
    """

    size: tuple[int, int]
    bezel: tuple[int, int]
    zoom: float
    moire: tuple[float, float]


PHONE = Model(size=(480, 380), bezel=(10, 20), zoom=1.0, moire=(2.0, 7.0))
TABLET = Model(size=(600, 475), bezel=(22, 40), zoom=1.25, moire=(3.0, 9.0))


class Display(Sheet):
    """A display in a hand, or on a stand, that shows a customer.

    Args:
        rng: Draws the device and how it is held.
        model: Which kind.
        shown: Draws what it shows.
        noisy: Whether it shows a camera's recording (with noise) or a clean one.
        relay: The light that a relay sees and repeats.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        model: Model,
        shown: Customer,
        *,
        noisy: bool = True,
        relay: ScreenLight | None = None,
    ) -> None:
        """Switch it on."""
        bezel = int(rng.integers(*model.bezel))
        height, width = model.size[0] + 2 * bezel, model.size[1] + 2 * bezel
        super().__init__(rng, (height, width), bend=(0.0, 0.0))
        self._scale *= model.zoom * 1.15
        if rng.random() < 0.3:  # On a stand.
            self._wander = [type(w)(0.0, w.rates, w.phases) for w in self._wander]
        self._glare *= 0.4
        self._model, self._bezel, self._shown = model, bezel, shown
        self._noisy, self._relay = noisy, relay
        self._gamma = float(rng.uniform(0.85, 1.2))
        self._white = float(rng.uniform(0.8, 1.1))
        self._bands = float(rng.uniform(0.0, 0.06)), float(rng.uniform(1.5, 4.0))
        self._roll_hz = float(rng.uniform(2.0, 9.0))
        self._moire = _beat(rng, (height, width), float(rng.uniform(*model.moire)))
        self._rows = np.arange(height, dtype=np.float32)[:, None] / height
        self._index = 0

    def lit_share(self) -> tuple[int, int, int, int]:
        """Return top, bottom, left and right of the lit part, pixels of the sheet."""
        b = self._bezel
        return b, self._size[0] - b, b, self._size[1] - b

    def picture(self, at_ms: float) -> NDArray[np.float32]:
        """Return what the display shines."""
        self._index += 1
        shown = self._shown.frame(self._index, at_ms) if self._noisy else self._shown.drawn(at_ms)
        inside = cv2.resize(
            shown[_CROP], self._model.size[::-1], interpolation=cv2.INTER_AREA
        ).astype(np.float32)
        if self._relay is not None:
            lit = 1.0 + self._relay.share * self._relay.colour(at_ms)
            inside *= (lit / (1.0 + 0.9 * self._relay.share)) ** (1.0 / GAMMA)
        inside = 255.0 * (inside / 255.0) ** self._gamma * self._white
        picture = np.full((*self._size, 3), 14.0, np.float32)
        top, bottom, left, right = self.lit_share()
        picture[top:bottom, left:right] = inside
        depth, waves = self._bands
        phase = 2 * math.pi * self._roll_hz * at_ms / 1_000.0
        bands = 1.0 + depth * np.sin(2 * math.pi * waves * self._rows + phase)
        return np.asarray(picture * bands[..., None] + self._moire[..., None], np.float32)


class Replay:
    """A display before the kiosk.

    Args:
        crowd: Everybody, and the bank of noise.
        person: Who is shown.
        rng: Draws everything.
        cues: What the kiosk does now.
        model: Which kind of display.
        recorded: What a kiosk did when the recording was made; None: no kiosk, plain light.
        relay: Whether it repeats the kiosk's colours.
    """

    def __init__(
        self,
        crowd: Crowd,
        person: int,
        rng: np.random.Generator,
        cues: Cues,
        *,
        model: Model,
        recorded: Cues,
        relay: bool = False,
    ) -> None:
        """Record, and hold it up."""
        self.begins_ms = 0.0
        self._room = background(rng)
        self._light = ScreenLight(rng, cues.light)
        shown = Customer(crowd, person, rng, recorded)
        late = ScreenLight(rng, cues.light, late_ms=float(rng.uniform(*RELAY_MS)))
        self._display = Display(rng, model, shown, noisy=not relay, relay=late if relay else None)
        self._sensor = Sensor(rng, crowd.bank, light_field(rng))
        self._cues = cues
        self._times = beats(rng, cues.frames)

    def shots(self) -> Iterator[Shot]:
        """Draw the frames."""
        for index, at_ms in enumerate(self._times):
            seen, share = self._display.seen(self._room, at_ms)
            covered = shrunk(share)
            nearness = MIRROR * covered + self._light.room * (1.0 - covered)
            now, soon = self._display.place(at_ms), self._display.place(at_ms + SHUTTER_MS / 2)
            image = self._sensor.expose(
                seen,
                index=index,
                at_ms=at_ms,
                moved=(soon[0] - now[0], soon[1] - now[1]),
                screen=self._light.factor(nearness, at_ms),
                exposure=self._cues.exposure_at(at_ms),
            )
            yield Shot(at_ms, image)


def _beat(rng: np.random.Generator, size: tuple[int, int], strength: float) -> NDArray[np.float32]:
    """Return moire: two slow waves across the picture, as of grids of nearly the same pitch."""
    ys, xs = np.mgrid[0 : size[0], 0 : size[1]].astype(np.float32)
    beat = np.zeros(size, np.float32)
    for _ in range(2):
        pitch, angle = float(rng.uniform(6.0, 22.0)), float(rng.uniform(0.0, math.pi))
        along = math.cos(angle) * xs + math.sin(angle) * ys
        beat += np.sin(2 * math.pi * along / pitch).astype(np.float32)
    return np.asarray(strength * beat / 2, np.float32)
