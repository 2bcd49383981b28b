"""All species of simulated attack by name, and the kiosk's cues of a seeded session."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from kiosk.domain.lightcode import LightBook
from kiosk.sandbox.people.attacks.displays import PHONE, TABLET, Replay
from kiosk.sandbox.people.attacks.genuine import Customer, SteppedIn, Swapped
from kiosk.sandbox.people.attacks.prints import BENT, FLAT, Printed
from kiosk.sandbox.people.attacks.stage import Cues, Take
from kiosk.sandbox.people.attacks.streams import Frozen, Virtual
from kiosk.sandbox.people.cast import FIGURES

if TYPE_CHECKING:
    from kiosk.sandbox.people.scene import Crowd

BONA_FIDE = "bona_fide"
FRAMES = 66
"""4.4 s at 15 frames a second."""

Draw = Callable[["Crowd", np.random.Generator, Cues, Cues], Take]
"""Draws a session from people, chance, the kiosk's cues of now and those of an earlier session."""


def _one(rng: np.random.Generator) -> int:
    return int(rng.choice(FIGURES))


def _two(rng: np.random.Generator) -> tuple[int, int]:
    first, second = rng.choice(FIGURES, 2, replace=False)
    return int(first), int(second)


def _cut_out(crowd: Crowd, rng: np.random.Generator, cues: Cues, _: Cues) -> Take:
    person, eyes = _two(rng)
    return Printed(crowd, person, rng, cues, bend=FLAT, eyes=eyes)


SPECIES: dict[str, Draw] = {
    "print_flat": lambda crowd, rng, cues, _: Printed(crowd, _one(rng), rng, cues, bend=FLAT),
    "print_bent": lambda crowd, rng, cues, _: Printed(crowd, _one(rng), rng, cues, bend=BENT),
    "print_cut_out_eyes": _cut_out,
    "phone_replay": lambda crowd, rng, cues, past: Replay(
        crowd, _one(rng), rng, cues, model=PHONE, recorded=_unlit(past)
    ),
    "tablet_replay": lambda crowd, rng, cues, past: Replay(
        crowd, _one(rng), rng, cues, model=TABLET, recorded=_unlit(past)
    ),
    "session_replay": lambda crowd, rng, cues, past: Replay(
        crowd, _one(rng), rng, cues, model=TABLET, recorded=past
    ),
    "light_relay": lambda crowd, rng, cues, past: Replay(
        crowd, _one(rng), rng, cues, model=TABLET, recorded=past, relay=True
    ),
    "frozen_frame": lambda crowd, rng, cues, _: Frozen(crowd, _one(rng), rng, cues),
    "virtual_camera": lambda crowd, rng, _, past: Virtual(
        crowd, _one(rng), rng, past, drawn=bool(rng.random() < 0.5)
    ),
    "face_swap": lambda crowd, rng, cues, _: Swapped(crowd, _two(rng), rng, cues),
    "second_person": lambda crowd, rng, cues, _: SteppedIn(crowd, _two(rng), rng, cues),
    "mask": lambda crowd, rng, cues, _: Customer(crowd, _one(rng), rng, cues, mask=True),
}


def take_of(species: str, number: int, seed: int, crowd: Crowd) -> tuple[Cues, Take]:
    """Return the cues and the session of a species; the same for the same numbers.

    Args:
        species: A name in `SPECIES`, or `BONA_FIDE`.
        number: Which session.
        seed: Of the whole run.
        crowd: Everybody.
    """
    rng = np.random.default_rng((seed, zlib.crc32(species.encode()), number))
    book = LightBook(lambda below: int(rng.integers(below)))
    cues, past = _cues(rng, book), _cues(rng, book)
    if species == BONA_FIDE:
        return cues, Customer(crowd, _one(rng), rng, cues)
    return cues, SPECIES[species](crowd, rng, cues, past)


def _cues(rng: np.random.Generator, book: LightBook) -> Cues:
    light = book.draw(int(rng.integers(250, 450)))
    turn_at_ms = light.end_ms + int(rng.integers(-100, 100))
    return Cues(
        light=light,
        turn_at_ms=turn_at_ms,
        turn_side=int(rng.choice([-1, 1])),
        smile_at_ms=int(rng.integers(1_000, 1_500)),
        exposure_at_ms=int(rng.integers(400, 2_400)),
        exposure_ms=300,
        exposure=float(rng.uniform(0.6, 0.72)),
        frames=FRAMES,
    )


def _unlit(past: Cues) -> Cues:
    """Return the cues of a recording that no kiosk has lit: its colours came much later."""
    never = dataclasses.replace(past.light, start_ms=3_600_000)
    return dataclasses.replace(past, light=never, exposure=1.0)
