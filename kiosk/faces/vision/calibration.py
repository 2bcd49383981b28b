"""Reads a pack's impostor tails from its manifest, strictly.

`[[calibration.impostor_tail]]` tables are written by `python -m kiosk.bench.calibrate`.
They belong to one encoder: a table measured with another file is refused.
An owner may have measured their own people; their table joins the pack's, so that thresholds can
only become stricter.

A pack whose encoder nobody has measured yet identifies nobody until its owner has. One set of the
owner's is then all there is, and a small or kind one would promise too much: so the tails of a
shipped pack, named by the manifest as its floor, join it. They were measured with another encoder
and say nothing of this one; they only keep its thresholds from being laxer than a measured pack's.
The owner's set itself counts as one of all kinds of people, whose strangers of one group pass far
oftener (docs/decisions/an-encoder-nobody-has-measured.md).
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from kiosk.domain.errors import SetupError
from kiosk.domain.genuine import GenuineCurve
from kiosk.domain.identification import ALIKE_FACTOR, ImpostorTail
from models.manifest import MANIFEST_NAME

if TYPE_CHECKING:
    from models.manifest import Pack

TAILS_MAX = 16
OWNER_BYTES_MAX = 65_536
MIXED_RATE_MIN = 1e-4
"""A set that supports a rate this rare (142 people) counts as mixed unless it says otherwise."""


def impostor_tails(pack: Pack, data_dir: Path | None = None) -> tuple[ImpostorTail, ...]:
    """Return the tails that a pack's thresholds come from; at least one.

    Args:
        pack: Whose tails: its own, and those of the owner's measurement if there is one.
        data_dir: The installation, where `smiletill models calibrate` leaves what it measured.

    Raises:
        SetupError: `calibration_missing`, `calibration_bad` or `calibration_of_another_encoder`.
    """
    file = None if data_dir is None else owner_file(pack, data_dir)
    if file is None or not file.exists():
        return _tails_of(pack, pack.calibration, _measure_first(pack))
    base = tails_without_owner(pack)
    mend = f"Run `smiletill models calibrate {pack.name}` again, or remove {file}."
    try:
        with file.open("rb") as stream:
            kept = tomllib.loads(stream.read(OWNER_BYTES_MAX).decode()).get("calibration", {})
    except (OSError, ValueError) as error:
        raise SetupError(
            f"The owner's calibration of pack {pack.name!r} cannot be read.",
            code="calibration_bad",
            mend=mend,
        ) from error
    owners = _tails_of(pack, kept, mend)
    if not is_calibrated(pack):
        owners = tuple(replace(tail, alike_factor=ALIKE_FACTOR) for tail in owners)
    return base + owners


def tails_without_owner(pack: Pack) -> tuple[ImpostorTail, ...]:
    """Return what stands without the owner's measurement: the pack's own tails, else its floor.

    The floor alone identifies nobody (`impostor_tails`); it is for measuring and for benches.

    Raises:
        SetupError: The pack has neither, or they are bad.
    """
    floor = pack.calibration.get("floor")
    if not isinstance(floor, list):
        mend = f"Name a floor_from_pack in the [calibration] of its {MANIFEST_NAME}."
        return _tails_of(pack, pack.calibration, mend)
    lender = pack.calibration.get("floor_of")
    mend = "Take a fresh copy of SmileTill."
    return tuple(
        replace(tail, source=f"{tail.source} of {lender}") for tail in _read(pack, floor, mend)
    )


def is_calibrated(pack: Pack) -> bool:
    """Say whether the pack brings tails of its own encoder."""
    return bool(pack.calibration.get("impostor_tail"))


def genuine_curves(pack: Pack) -> tuple[GenuineCurve, ...]:
    """Return how often the pack misses the right person, by calibration set; perhaps none.

    Raises:
        SetupError: `calibration_bad`.
    """
    tables = pack.calibration.get("genuine", [])
    try:
        if not isinstance(tables, list):
            message = "genuine must be a list of tables"
            raise TypeError(message)  # noqa: TRY301 - joins the other faults of the tables
        return tuple(_curve(table) for table in tables[:TAILS_MAX])
    except (KeyError, TypeError, ValueError) as error:
        raise SetupError(
            f"The calibration of pack {pack.name!r} cannot be read.",
            code="calibration_bad",
            mend="Install the pack again, or calibrate it again.",
        ) from error


def owner_file(pack: Pack, data_dir: Path) -> Path:
    """Return where the owner's measurement of a pack lies: beside the installed packs."""
    return data_dir / "models" / f"{pack.name}.calibration.toml"


def _tails_of(pack: Pack, calibration: Mapping[str, object], mend: str) -> tuple[ImpostorTail, ...]:
    tables = calibration.get("impostor_tail")
    if not isinstance(tables, list) or not tables:
        raise SetupError(
            f"The pack {pack.name!r} has no calibration, so nobody can be identified with it.",
            code="calibration_missing",
            mend=mend,
        )
    if calibration.get("encoder_sha256") != pack.encoder.sha256:
        raise SetupError(
            f"The calibration of pack {pack.name!r} belongs to another encoder.",
            code="calibration_of_another_encoder",
            mend=mend,
        )
    return _read(pack, tables, mend)


def _read(pack: Pack, tables: list[object], mend: str) -> tuple[ImpostorTail, ...]:
    try:
        tails = tuple(_tail(table) for table in tables[:TAILS_MAX])
    except (KeyError, TypeError, ValueError) as error:
        raise SetupError(
            f"The calibration of pack {pack.name!r} cannot be read.",
            code="calibration_bad",
            mend=mend,
        ) from error
    if pack.sandbox_only:
        # Simulated people come in no groups.
        tails = tuple(replace(tail, alike_factor=1.0) for tail in tails)
    return tails


def _measure_first(pack: Pack) -> str:
    return f"Measure it first: `smiletill models calibrate {pack.name} --faces DIR`."


def _tail(table: object) -> ImpostorTail:
    if not isinstance(table, Mapping):
        message = "a tail must be a table"
        raise TypeError(message)
    rates, scores = table["upper95_rates"], table["upper95_scores"]
    rate_min = float(table["rate_min"])
    # Whoever has hundreds of people and does not say otherwise has all kinds of them.
    is_mixed = table.get("mixed", rate_min <= MIXED_RATE_MIN)
    if not isinstance(is_mixed, bool):
        message = "mixed must be true or false"
        raise TypeError(message)
    return ImpostorTail(
        source=str(table["source"]),
        quantile_score=float(table["quantile_score"]),
        shape=float(table["shape"]),
        scale=float(table["scale"]),
        comparisons=int(table["comparisons"]),
        exceedances=int(table["exceedances"]),
        rate_min=rate_min,
        upper95=tuple(
            (float(rate), float(score)) for rate, score in zip(rates, scores, strict=True)
        ),
        alike_factor=ALIKE_FACTOR if is_mixed else 1.0,
    )


def _curve(table: object) -> GenuineCurve:
    if not isinstance(table, Mapping):
        message = "a genuine curve must be a table"
        raise TypeError(message)

    def numbers(name: str) -> tuple[float, ...]:
        return tuple(float(value) for value in table[name])

    return GenuineCurve(
        source=str(table["source"]),
        subjects=int(table["subjects"]),
        attempts=int(table["attempts"]),
        scores=numbers("scores"),
        missed=numbers("missed"),
        low=numbers("low"),
        high=numbers("high"),
    )
