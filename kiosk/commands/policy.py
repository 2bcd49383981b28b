"""`smiletill policy`: the written rules in force, with today's numbers."""

from __future__ import annotations

from collections import Counter
from importlib import resources
from pathlib import Path
from typing import Any

import click

from kiosk.commands.common import emit, json_option, there_data_option
from kiosk.domain.errors import BadInputError
from kiosk.domain.genuine import GenuineCurve
from kiosk.domain.identification import (
    GALLERY_SIZE_FLOOR,
    SearchPolicy,
    Thresholds,
    thresholds,
)
from kiosk.domain.stepup import Ask, StepUpPolicy
from kiosk.faces.main import TRIAL_FILE, TRIAL_LOG, policy_of
from kiosk.faces.vision.calibration import genuine_curves, impostor_tails
from kiosk.settings import load_settings
from models.manifest import find_pack
from models.store import current_pack

TRIAL_ROWS_MAX = 20


@click.group()
def policy() -> None:
    """The written rules: when a face is enough, and when more is asked."""


@policy.command()
@click.option("--people", type=click.IntRange(1), default=GALLERY_SIZE_FLOOR, show_default=True)
@click.option("--pack", help="Model pack; else the one in use.")
@there_data_option
@json_option
def show(people: int, pack: str | None, data_dir: Path, as_json: bool) -> None:
    """Print the step-up table and the thresholds for a gallery of a size."""
    rules = policy_of(load_settings(data_dir), data_dir)
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
    owners = [
        (rules.first_visit, "first_visit", f"a first payment above {rules.first_visit_max}"),
        (rules.long_absence, "long_absence", f"unused for over {rules.absence_days_max} days"),
        (rules.failed_tries, "failed_tries", f"more than {rules.tries_max} failed tries of a bill"),
        (
            rules.liveness_unproven,
            "liveness_unproven",
            _unproven(rules, "light on the face and a movement of it"),
        ),
        (rules.sensor_degraded, "sensor_degraded", _unproven(rules, "the camera's own evidence")),
    ]
    factor = {Ask.DIGITS: "phone_digits", Ask.PIN: "pin", Ask.NONE: "nothing"}
    rows = [
        ("phone_digits", "face_in_doubt", "the score is short of enough"),
        ("phone_digits", "look_alike", "two people are about equally alike"),
        ("pin", "face_in_doubt", "the score is short of that even with digits"),
        ("pin", "pin_always", "look-alikes, a reported wrong match, an import from photographs"),
        *((factor[ask], reason, when) for ask, reason, when in owners),
        ("pin", "turn_not_shown", f"above {rules.turn_above} without a head seen to turn"),
        ("pin", "amount_above_no_pin_ceiling", f"an amount above {rules.pin_rules.payment_max}"),
        ("pin", "day_above_no_pin_ceiling", f"more than {rules.pin_rules.day_max} in a day"),
    ]
    if rules.claim_first:
        rows.insert(0, ("phone_digits", "always_asked", "always, before the search is believed"))
    return [{"asks": asks, "reason": reason, "when": when} for asks, reason, when in rows]


def _unproven(rules: StepUpPolicy, what: str) -> str:
    return f"above {rules.unproven_max} without {what}"


@policy.command()
def template() -> None:
    """Print a policy.toml with every row explained, to be put into the data folder."""
    click.echo(resources.files("kiosk.commands").joinpath("texts/policy.toml").read_text("utf-8"))


@policy.command()
@there_data_option
@json_option
def trial(data_dir: Path, as_json: bool) -> None:
    """Count what the policy on trial (policy-trial.toml) would have asked instead."""
    if policy_of(load_settings(data_dir), data_dir).trial is None:
        raise BadInputError(
            "No policy is on trial here.",
            code="no_trial",
            mend=f"Put one into the data folder as {TRIAL_FILE} and restart the terminal.",
        )
    log = data_dir / TRIAL_LOG
    lines = log.read_text("utf-8").splitlines() if log.exists() else []
    differing = [line for line in lines if " differs " in f" {line} "]
    counts = Counter(line.partition(" asked=")[2] for line in differing)
    top = [{"what": what, "times": times} for what, times in counts.most_common(TRIAL_ROWS_MAX)]
    result = {"payments": len(lines), "differ": len(differing), "most": top}
    words = [f"{len(lines)} payments noted, {len(differing)} would have been asked otherwise."]
    words += [f"  {row['times']} times: asked {row['what']}" for row in top]
    emit(result, as_json, "\n".join(words))
