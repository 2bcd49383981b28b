"""Reads a pack's impostor tails from its manifest, strictly.

`[[calibration.impostor_tail]]` tables are written by `python -m kiosk.bench.calibrate`.
They belong to one encoder: a table measured with another file is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from kiosk.domain.errors import SetupError
from kiosk.domain.identification import ImpostorTail

if TYPE_CHECKING:
    from models.manifest import Pack

TAILS_MAX = 16


def impostor_tails(pack: Pack) -> tuple[ImpostorTail, ...]:
    """Return the tails of a pack; at least one.

    Raises:
        SetupError: `calibration_missing`, `calibration_bad` or `calibration_of_another_encoder`.
    """
    tables = pack.calibration.get("impostor_tail")
    if not isinstance(tables, list) or not tables:
        raise SetupError(
            f"The pack {pack.name!r} has no calibration, so nobody can be identified with it.",
            code="calibration_missing",
            mend="Calibrate it, or use another pack.",
        )
    if pack.calibration.get("encoder_sha256") != pack.encoder.sha256:
        raise SetupError(
            f"The calibration of pack {pack.name!r} belongs to another encoder.",
            code="calibration_of_another_encoder",
            mend="Calibrate the pack again.",
        )
    try:
        return tuple(_tail(table) for table in tables[:TAILS_MAX])
    except (KeyError, TypeError, ValueError) as error:
        raise SetupError(
            f"The calibration of pack {pack.name!r} cannot be read.",
            code="calibration_bad",
            mend="Install the pack again, or calibrate it again.",
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
