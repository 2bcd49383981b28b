"""Reads a pack's impostor tails from its manifest, strictly.

`[[calibration.impostor_tail]]` tables are written by `python -m kiosk.bench.calibrate`.
They belong to one encoder: a table measured with another file is refused.
An owner may have measured their own people; their table joins the pack's, so that thresholds can
only become stricter.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from kiosk.domain.errors import SetupError
from kiosk.domain.genuine import GenuineCurve
from kiosk.domain.identification import ImpostorTail

if TYPE_CHECKING:
    from models.manifest import Pack

TAILS_MAX = 16
OWNER_BYTES_MAX = 65_536


def impostor_tails(pack: Pack, data_dir: Path | None = None) -> tuple[ImpostorTail, ...]:
    """Return the tails of a pack, and of the owner's own measurement if there is one.

    Args:
        pack: Whose tails; at least one is returned.
        data_dir: The installation, where `smiletill models calibrate` leaves what it measured.

    Raises:
        SetupError: `calibration_missing`, `calibration_bad` or `calibration_of_another_encoder`.
    """
    own = _tails_of(pack, pack.calibration, "Calibrate it, or use another pack.")
    if data_dir is None:
        return own
    file = owner_file(pack, data_dir)
    if not file.exists():
        return own
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
    return own + _tails_of(pack, kept, mend)


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
    try:
        return tuple(_tail(table) for table in tables[:TAILS_MAX])
    except (KeyError, TypeError, ValueError) as error:
        raise SetupError(
            f"The calibration of pack {pack.name!r} cannot be read.",
            code="calibration_bad",
            mend=mend,
        ) from error


def _tail(table: object) -> ImpostorTail:
    if not isinstance(table, Mapping):
        message = "a tail must be a table"
        raise TypeError(message)
    rates, scores = table["upper95_rates"], table["upper95_scores"]
    return ImpostorTail(
        source=str(table["source"]),
        quantile_score=float(table["quantile_score"]),
        shape=float(table["shape"]),
        scale=float(table["scale"]),
        comparisons=int(table["comparisons"]),
        exceedances=int(table["exceedances"]),
        rate_min=float(table["rate_min"]),
        upper95=tuple(
            (float(rate), float(score)) for rate, score in zip(rates, scores, strict=True)
        ),
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
