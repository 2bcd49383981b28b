"""`smiletill models calibrate`: how alike the owner's own people look to a pack's encoder.

Pictures go through the kiosk's own pipeline; the gates on place are open, because photographs are
cut close to the face. One reference a person (the mean of up to eight pictures) is compared with
everybody else's for the impostor tail, and single pictures of one person with each other for the
genuine side of the curves.

What comes out is one more calibration set beside those of the pack. The worst set sets the
thresholds, so the owner's measurement can make them stricter and never laxer.

The folder holds one folder a person, or a `labels.csv` with the columns `file` and `identity`.
Nothing of a picture or embedding is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kiosk.bench.calibrate import as_toml
from kiosk.bench.embeddings import PICTURES_PER_PERSON, embed, references
from kiosk.bench.sets import FacePicture, face_pictures
from kiosk.bench.verification import Comparisons, compare_all
from kiosk.domain.errors import BadInputError
from kiosk.faces.vision.tails import TailFit, fit_beside, largest

if TYPE_CHECKING:
    from pathlib import Path

    from kiosk.domain.identification import ImpostorTail
    from models.manifest import Pack

PEOPLE_MIN = 20
"""190 pairs of people: fewer say nothing of one stranger in a hundred."""
PICTURES_MAX = 100_000
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp"})
SOURCE = "owner"


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was measured.

    Args:
        pack: The pack's id.
        people: People with at least one usable picture.
        pictures: Usable pictures.
        refused: Pictures that passed no gate.
        tail: The impostor tail.
        compared: Single pictures against each other; None where nobody has two.
    """

    pack: str
    people: int
    pictures: int
    refused: int
    tail: TailFit
    compared: Comparisons | None


def pictures_of(folder: Path) -> list[FacePicture]:
    """Return the pictures of a folder: by `labels.csv`, else one folder a person.

    Raises:
        BadInputError: `calibration_no_pictures` or `calibration_too_many`.
    """
    if (folder / "labels.csv").is_file():
        found = face_pictures(folder, held_out_only=False)
    else:
        found = [
            FacePicture(file, person.name, "")
            for person in sorted(folder.iterdir())
            if person.is_dir()
            for file in sorted(person.iterdir())
            if file.suffix.lower() in SUFFIXES
        ]
    if not found:
        raise BadInputError(
            "There are no pictures in that folder.",
            code="calibration_no_pictures",
            mend="Give a folder with one folder a person, or with a labels.csv.",
        )
    if len(found) > PICTURES_MAX:
        raise BadInputError(
            f"More than {PICTURES_MAX} pictures are in that folder.",
            code="calibration_too_many",
            mend="Take a part of them.",
        )
    return found


def measure(
    pack: Pack, pictures: list[FacePicture], tails: tuple[ImpostorTail, ...], seed: int
) -> Calibration:
    """Measure the owner's people.

    Args:
        pack: A pack whose files have been verified.
        pictures: Of at least `PEOPLE_MIN` people.
        tails: The pack's own; the one with the most comparisons says how a tail goes on.
        seed: Of the bootstrap.

    Raises:
        BadInputError: `calibration_too_few`.
    """
    people, refused = embed(pack, pictures)
    if len(people) < PEOPLE_MIN:
        raise BadInputError(
            f"Only {len(people)} people have a usable picture; {PEOPLE_MIN} are needed.",
            code="calibration_too_few",
            mend="Add more people, each with one good picture or more.",
        )
    vectors = list(people.values())
    person = np.repeat(np.arange(len(vectors)), [len(own) for own in vectors])
    several = any(len(own) > 1 for own in vectors)
    flat = [vector for own in vectors for vector in own]
    return Calibration(
        pack=pack.id,
        people=len(vectors),
        pictures=len(flat),
        refused=refused,
        tail=fit_beside(references(vectors), largest(tails), seed),
        compared=compare_all(flat, person, seed=seed) if several else None,
    )


def to_toml(pack: Pack, found: Calibration) -> str:
    """Write it as the tables that `kiosk.faces.vision.calibration` reads."""
    note = (
        f"{found.pictures} pictures of {found.people} people, one mean of up to"
        f" {PICTURES_PER_PERSON} a person, all pairs; {found.refused} pictures passed no gate"
    )
    head = f'[calibration]\npack = "{pack.id}"\nencoder_sha256 = "{pack.encoder.sha256}"\n\n'
    # The owner's people are those who pay there: their group, if they are one, is what counts.
    return head + as_toml(SOURCE, note, found.people, found.tail, mixed=False)
