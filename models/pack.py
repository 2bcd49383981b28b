"""What a pack is, as frozen values: `Stage` and `Pack`.

Nothing here reads a file. Where a path stands, it is where the file must lie; whether it is the
right file is known only after `models.integrity.verify_file()`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

# The packs that come with this program; `starter` with its weights, others as manifests only.
SHIPPED_DIR: Final = Path(__file__).parent / "packs"

Colour = Literal["BGR", "RGB", "GREY"]


@dataclass(frozen=True, slots=True)
class Weights:
    """The same network in another file, which may lie in the place of a stage's own.

    Attributes:
        file: Where it lies.
        sha256: Its SHA-256, lower-case hex.
        size_bytes: Its length.
        source: Where it comes from.
    """

    file: Path
    sha256: str
    size_bytes: int
    source: str


@dataclass(frozen=True, slots=True)
class Stage:
    """One network of a pack and everything its reader must know.

    Attributes:
        name: Its place: "detector", "encoder", "pad", "expression" or "quality".
        kind: What code reads it: "yunet", "arcface", "sface", "minifasnet", "smile48", "ediffiqa".
        file: Where the weights lie.
        sha256: The weights' SHA-256, lower-case hex.
        input_size: (width, height) in pixels.
        colour: Channel order the network wants.
        mean: Subtracted from the 0…255 pixel before the network.
        std: Divided by after that. 0 and 1 mean: raw pixels (any scaling is inside the graph).
        crop_scale: PAD only: the face box is enlarged by this before it is cut out.
        output: The output's name and meaning, in words.
        licence: SPDX name of the weights' licence.
        source: Where the weights come from: a URL, or "made for this project".
        commit: The fixed commit or release of that source.
        size_bytes: The file's length.
        url: Where `models install` may download the file; "" when nowhere.
        optional: Whether the pack works without it.
        instead: Files that may lie here instead; `models.manifest` takes the first that does.
    """

    name: str
    kind: str
    file: Path
    sha256: str
    input_size: tuple[int, int]
    colour: Colour
    mean: float
    std: float
    crop_scale: float | None
    output: str
    licence: str
    source: str
    commit: str
    size_bytes: int = 0
    url: str = ""
    optional: bool = False
    instead: tuple[Weights, ...] = ()

    @property
    def forms(self) -> tuple[Stage, ...]:
        """This stage with each of the files that it may have, its own first."""
        others = (
            replace(
                self,
                file=weights.file,
                sha256=weights.sha256,
                size_bytes=weights.size_bytes,
                source=weights.source,
                url="",
                instead=(),
            )
            for weights in self.instead
        )
        return (replace(self, instead=()), *others)


@dataclass(frozen=True, slots=True)
class Pack:
    """The networks that work together, and the figures that belong to them.

    Attributes:
        id: Name and version, "mobileface@1"; templates carry it.
        name: The pack's name.
        version: Grows when templates of the old one can no longer be compared.
        folder: Where the pack's own files lie.
        detector: Finds faces and five landmarks.
        encoder: Turns an aligned face into an embedding.
        pad: The PAD networks; the score is their mean.
        expression: Tells a smile; None when the pack has no such stage.
        thresholds: Single figures by name, as the manifest says.
        calibration: The manifest's [calibration] table as read (impostor tail and the like).
        commercial_use: Whether every licence in the pack allows it.
        sandbox_only: Whether its PAD was made for simulated people; such a pack is refused with
            every real camera and every real bank.
        quality: Says how good a face picture is; None when the pack has no such stage.
    """

    id: str
    name: str
    version: int
    folder: Path
    detector: Stage
    encoder: Stage
    pad: tuple[Stage, ...]
    expression: Stage | None
    thresholds: Mapping[str, float]
    calibration: Mapping[str, object]
    commercial_use: bool
    sandbox_only: bool = False
    quality: Stage | None = None

    @property
    def stages(self) -> tuple[Stage, ...]:
        """Every stage in the order a frame meets them."""
        last = (stage for stage in (self.expression, self.quality) if stage is not None)
        return (self.detector, self.encoder, *self.pad, *last)

    @property
    def own_stages(self) -> tuple[Stage, ...]:
        """The stages whose files lie in the pack's own folder (a lent stage's file does not)."""
        return tuple(stage for stage in self.stages if stage.file.parent == self.folder)
