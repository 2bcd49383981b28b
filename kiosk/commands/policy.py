"""`smiletill policy`: the written rules in force, with today's numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from kiosk.commands.common import data_option, emit, json_option
from kiosk.domain.genuine import GenuineCurve
from kiosk.domain.identification import (
    GALLERY_SIZE_FLOOR,
    SearchPolicy,
    Thresholds,
    thresholds,
)
from kiosk.domain.stepup import StepUpPolicy
from kiosk.faces.main import policy_of
from kiosk.faces.vision.calibration import genuine_curves, impostor_tails
from kiosk.settings import load_settings
from models.manifest import find_pack
from models.store import current_pack


@click.group()
def policy() -> None:
    """The written rules: when a face is enough, and when more is asked."""


@policy.command()
@click.option("--people", type=click.IntRange(1), default=GALLERY_SIZE_FLOOR, show_default=True)
@click.option("--pack", help="Model pack; else the one in use.")
@data_option
@json_option
def show(people: int, pack: str | None, data_dir: Path, as_json: bool) -> None:
    """Print the step-up table and the thresholds for a gallery of a size."""
    rules = policy_of(load_settings(data_dir))
    search = SearchPolicy()
    found = find_pack(pack or current_pack(data_dir), data_dir)
    limits = thresholds(people, search, impostor_tails(found, data_dir))
    curves = genuine_curves(found)
    rows = step_up_rows(rules)
    result: dict[str, Any] = {
        "pack": found.id,
        "people": max(people, GALLERY_SIZE_FLOOR),
        "thresholds": {
            "open": round(limits.open, 3),
            "digits": round(limits.digits, 3),
            "pin": round(limits.pin, 3),
        },
        "worst_calibration_set": limits.worst_open,
        "targets": {
            "fpir_open": search.fpir_open,
            "fmr_digits": search.fmr_digits,
            "fmr_pin": search.fmr_pin,
            "margin_min": search.margin_min,
        },
        "misses": misses(limits, curves),
        "rows": rows,
    }
    lines = [
        f"Pack {found.id}, at most {result['people']} people (calibrated on {limits.worst_open}):",
        f"  score from {limits.open:.3f}: the face is enough",
        f"  score from {limits.digits:.3f}: phone digits are asked",
        f"  score from {limits.pin:.3f}: phone digits and PIN are asked",
        "  below: nobody is recognised",
        *_misses_in_words(result),
        "Asked for besides the face:",
        *(f"  {row['asks']:<13} {row['when']}" for row in rows),
    ]
    emit(result, as_json, "\n".join(lines))


def misses(limits: Thresholds, curves: tuple[GenuineCurve, ...]) -> list[dict[str, Any]]:
    """Return how often the right person falls short of each threshold, by calibration set."""
    bands = {"open": limits.open, "digits": limits.digits, "pin": limits.pin}
    return [
        {
            "source": curve.source,
            "subjects": curve.subjects,
            "attempts": curve.attempts,
            "fnir": {
                band: {
                    "rate": round(curve.at(score).rate, 3),
                    "interval": [round(curve.at(score).low, 3), round(curve.at(score).high, 3)],
                }
                for band, score in bands.items()
            },
        }
        for curve in curves
    ]


def _misses_in_words(result: dict[str, Any]) -> list[str]:
    """Say each target of strangers together with what it costs the right person."""
    targets = result["targets"]
    asked = {"open": "fpir_open", "digits": "fmr_digits", "pin": "fmr_pin"}
    lines = []
    for row in result["misses"]:
        lines.append(f"Misses on {row['source']} ({row['subjects']} people):")
        for band, found in row["fnir"].items():
            low, high = found["interval"]
            lines.append(
                f"  {band:<7} strangers at most {targets[asked[band]]:g}, the right person"
                f" falls short {found['rate']:.1%} ({low:.1%} to {high:.1%})"
            )
    return lines or ["How often the right person is missed was not measured for this pack."]


def step_up_rows(rules: StepUpPolicy) -> list[dict[str, str]]:
    """Return the step-up table in words, one row a reason."""
    rows = [
        ("phone_digits", "face_in_doubt", "the score is short of enough"),
        ("phone_digits", "look_alike", "two people are about equally alike"),
        ("pin", "face_in_doubt", "the score is short of that even with digits"),
        ("phone_digits", "first_visit", f"a first payment above {rules.first_visit_max}"),
        ("phone_digits", "long_absence", f"unused for more than {rules.absence_days_max} days"),
        (
            "pin",
            "liveness_unproven",
            f"an amount above {rules.unproven_max} where a layer of liveness could not run",
        ),
        ("pin", "amount_above_no_pin_ceiling", f"an amount above {rules.pin_rules.payment_max}"),
        ("pin", "day_above_no_pin_ceiling", f"more than {rules.pin_rules.day_max} in a day"),
    ]
    if rules.claim_first:
        rows.insert(0, ("phone_digits", "always_asked", "always, before the search is believed"))
    return [{"asks": asks, "reason": reason, "when": when} for asks, reason, when in rows]
