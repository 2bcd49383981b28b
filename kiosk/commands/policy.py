"""`smiletill policy`: the written rules in force, with today's numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import click

from kiosk.commands.common import emit, json_option, there_data_option
from kiosk.commands.packs_here import packs_here
from kiosk.domain.errors import BadInputError
from kiosk.domain.genuine import GenuineCurve
from kiosk.domain.identification import (
    DIGITS_SHARE,
    GALLERY_SIZE_FLOOR,
    ImpostorTail,
    SearchPolicy,
    Thresholds,
    rate_with_digits,
    thresholds,
)
from kiosk.domain.ids import pack_name
from kiosk.domain.stepup import Ask, StepUpPolicy
from kiosk.faces.gallery_tail import PEOPLE_MIN
from kiosk.faces.main import TRIAL_FILE, TRIAL_LOG, policy_of, policy_on_trial
from kiosk.faces.vision.calibration import genuine_curves, impostor_tails
from kiosk.settings import load_settings
from models.manifest import find_pack

TRIAL_ROWS_MAX = 20


@click.group()
def policy() -> None:
    """The written rules: when a face is enough, and when more is asked."""


@policy.command()
@click.option(
    "--people",
    type=click.IntRange(1),
    help=f"Size of the gallery; else of the one here, and as for {GALLERY_SIZE_FLOOR} at least.",
)
@click.option(
    "--pack", help="Model pack; else that of the people enrolled here, or the one in use."
)
@there_data_option
@json_option
def show(people: int | None, pack: str | None, data_dir: Path, as_json: bool) -> None:
    """Print the step-up table, and what each threshold costs, for the people enrolled here."""
    rules = policy_of(load_settings(data_dir), data_dir)
    here = packs_here(data_dir)
    found = find_pack(pack or here.name, data_dir)
    size = people or here.count(found.name) or GALLERY_SIZE_FLOOR
    tails = impostor_tails(found, data_dir)
    limits = thresholds(size, SearchPolicy(), tails)
    result = numbers(size, limits, tails, genuine_curves(found))
    result = {
        "pack": found.id,
        "people": max(size, GALLERY_SIZE_FLOOR),
        "gallery": size,
        "why_this_pack": "asked" if pack else "people" if here.people else "in_use",
        "people_of_packs": dict(here.people),
        "pack_in_use": here.in_use,
        **result,
        "rows": step_up_rows(rules),
    }
    lines = [
        *_pack_in_words(result, found.name),
        *_bands_in_words(result),
        "Asked for besides the face:",
        *(f"  {row['asks']:<13} {row['when']}" for row in result["rows"]),
    ]
    emit(result, as_json, "\n".join(lines))


def numbers(
    size: int,
    limits: Thresholds,
    tails: Sequence[ImpostorTail],
    curves: tuple[GenuineCurve, ...],
) -> dict[str, Any]:
    """Return thresholds, targets, and FPIR with FNIR of each band for a gallery of a size."""
    search = SearchPolicy()
    people = max(size, GALLERY_SIZE_FLOOR)
    known = max(rate_with_digits(people, search, tail) for tail in tails)
    # Thresholds are for `people`; fewer are mistaken for proportionally more seldom.
    alone = size * search.fpir_open / people
    sharing = size * DIGITS_SHARE
    return {
        "thresholds": {
            "open": round(limits.open, 3),
            "digits": round(limits.digits, 3),
            "pin": round(limits.pin, 3),
        },
        "worst_calibration_set": limits.worst_open,
        "face_alone": _face_alone(limits, curves),
        "targets": {
            "fpir_open": search.fpir_open,
            "fpir_digits": search.fpir_digits,
            "fmr_digits": search.fmr_digits,
            "fmr_digits_few": search.fmr_digits_few,
            "fmr_pin": search.fmr_pin,
            "margin_min": search.margin_min,
        },
        "fpir": {
            "open": float(f"{alone:.3g}"),
            "digits": float(f"{sharing * known:.3g}"),
            "pin": float(f"{sharing * search.fmr_pin:.3g}"),
        },
        "fmr_of_known_digits": {
            "digits": float(f"{known:.3g}"),
            "pin": search.fmr_pin,
        },
        "misses": misses(limits, curves),
    }


def _face_alone(limits: Thresholds, curves: tuple[GenuineCurve, ...]) -> str:
    """Say whether a face can be enough: `never`, `not_seen` in any measurement, or `possible`."""
    if limits.open > 1:
        return "never"
    if curves and all(curve.at(limits.open).rate >= 1 for curve in curves):
        return "not_seen"
    return "possible"


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


def _pack_in_words(result: dict[str, Any], name: str) -> list[str]:
    """Say whose numbers these are, and who is compared with other ones."""
    why = {
        "asked": "as asked",
        "people": "the people enrolled here are compared with it",
        "in_use": "the one in use; nobody is known to be enrolled here",
    }[result["why_this_pack"]]
    lines = [f"Pack {result['pack']}: {why}."]
    others = {p: n for p, n in result["people_of_packs"].items() if p != result["pack"]}
    lines += [
        f"  {count} {'person is' if count == 1 else 'people are'} enrolled with {pack}: "
        + (
            "another version of it"
            if pack_name(pack) == name
            else f"smiletill policy show --pack {pack_name(pack)}"
        )
        for pack, count in others.items()
    ]
    if result["people_of_packs"] and result["pack_in_use"] != name:
        lines.append(f"  Whoever is enrolled next is enrolled with {result['pack_in_use']}.")
    size, people = result["gallery"], result["people"]
    as_if = "" if size == people else f", with the thresholds of {people}"
    lines.append(
        f"A gallery of {size}{as_if}; the strictest calibration set is"
        f" {result['worst_calibration_set']}."
    )
    lines.append(
        f"  A running terminal adds what the people enrolled with it say, from {PEOPLE_MIN} people"
        " on: its thresholds may be higher, never lower."
    )
    return lines


def _bands_in_words(result: dict[str, Any]) -> list[str]:
    """Say of each band when it is reached, whom it lets pass and whom it misses."""
    limits, fpir, known = result["thresholds"], result["fpir"], result["fmr_of_known_digits"]
    reached = f"  score from {limits['open']:.3f}: the face is enough"
    head = {
        "never": [
            "  The face alone is never enough with this pack's calibration; digits are asked.",
            f"    (it would take a score of {limits['open']:.3f}, and there is none above 1)",
        ],
        "not_seen": [reached, "    nobody who was measured ever reached it; digits are asked"],
        "possible": [reached],
    }[result["face_alone"]]
    lines = list(head)
    if result["face_alone"] != "never":
        lines += [
            f"    a stranger is taken for somebody: FPIR at most {fpir['open']:g}",
            *_missed(result, "open"),
        ]
    stranger = "    a stranger with digits of their own is"
    lines += [
        f"  score from {limits['digits']:.3f}: phone digits are asked, and with them it is enough",
        f"{stranger} taken for somebody: FPIR at most {fpir['digits']:g}",
        f"    a stranger who knows somebody's digits passes: at most {known['digits']:g}",
        *_missed(result, "digits"),
        f"  score from {limits['pin']:.3f}: phone digits and PIN are asked",
        f"{stranger} asked for somebody's PIN: FPIR at most {fpir['pin']:g}",
        *_missed(result, "pin"),
        "  below: nobody is recognised",
    ]
    if not result["misses"]:
        lines.append("How often the right person is missed was not measured for this pack.")
    return lines


def _missed(result: dict[str, Any], band: str) -> list[str]:
    """Say how often the right person falls short of a band, with its interval."""
    lines = []
    for row in result["misses"]:
        found = row["fnir"][band]
        low, high = found["interval"]
        lines.append(
            f"    the right person falls short: FNIR {found['rate']:.1%} ({low:.1%} to {high:.1%},"
            f" {row['subjects']} people of {row['source']})"
        )
    return lines


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
    if policy_on_trial(load_settings(data_dir), data_dir) is None:
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
