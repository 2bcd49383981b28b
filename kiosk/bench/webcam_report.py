"""What `smiletill bench identify --pad DIR` tells of the webcam people it has let pay.

Shares have exact 95 % intervals, as if sessions were independent; they are of few people, so the
people and pairs are counted beside them.
Pure numbers in, keys, words and a picture out.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from kiosk.bench.ends import End
from kiosk.bench.rates import interval95, upper95
from kiosk.bench.webcam import AMOUNT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from kiosk.bench.webcam import Attempt, Found


def report(found: Found, seed: int) -> dict[str, Any]:
    """Return the keys of the report; the seed has no part in it."""
    owners = Counter(one.outcome for one in found.owners)
    without_pin = owners[End.FACE] + owners[End.DIGITS]
    n = len(found.owners)
    return {
        "pack": found.pack,
        "seed": seed,
        "amount_minor_units": AMOUNT.minor_units,
        "people": found.people,
        "sequences": found.sequences,
        "not_acquired": found.not_acquired,
        "thresholds": {
            "open": round(found.limits.open, 4),
            "digits": round(found.limits.digits, 4),
            "pin": round(found.limits.pin, 4),
        },
        "owners": {
            "n": n,
            "people": len({one.subject for one in found.owners}),
            **{kind.value: _share(owners[kind], n) for kind in End},
            "without_pin": _share(without_pin, n),
            "wrong_person": sum(one.is_wrong for one in found.owners),
        },
        "enrolled_with_others_digits": _impostors(found.others),
        "strangers_with_somebodys_digits": _impostors(found.strangers),
        "strangers_alone": _impostors(found.alone),
        "wrong_payments": sum(
            one.is_wrong for one in (*found.owners, *found.others, *found.strangers, *found.alone)
        ),
        "sessions": [
            {
                "sequence": one.sequence,
                "enrolled_from": one.enrolled_from,
                "outcome": one.outcome.value,
                "score": one.score,
            }
            for one in found.owners
        ],
    }


def _share(count: int, n: int) -> dict[str, Any]:
    low, high = interval95(count, n)
    return {
        "n": count,
        "share": round(count / n, 4) if n else 0.0,
        "interval95": [round(low, 4), round(high, 4)],
    }


def _impostors(attempts: Sequence[Attempt]) -> dict[str, Any]:
    """Count attempts to pay as somebody else; bounds by attempt, and by pair of people."""
    pairs: dict[tuple[str, str], bool] = {}
    for one in attempts:
        pair = (one.subject, one.claimed)
        pairs[pair] = pairs.get(pair, False) or one.is_wrong
    charged = sum(one.is_wrong for one in attempts)
    scores = [one.score for one in attempts if one.score is not None]
    return {
        "n": len(attempts),
        "charged": charged,
        "charged_upper95": round(upper95(charged, len(attempts)), 4),
        "pairs": len(pairs),
        "charged_upper95_by_pairs": round(upper95(sum(pairs.values()), len(pairs)), 4),
        "asked_for_the_pin": sum(
            one.outcome is End.PIN and one.person != one.subject for one in attempts
        ),
        "refused": sum(one.outcome is End.REFUSED for one in attempts),
        "paid_as_themselves": sum(
            bool(one.person) and one.person == one.subject for one in attempts
        ),
        "highest_score": max(scores, default=None),
    }


def in_words(told: dict[str, Any]) -> str:
    """Return the report for a person."""
    owners = told["owners"]
    head = (
        f"{told['pack']}: {told['people']} webcam people; {owners['people']} of them came"
        f" to pay {AMOUNT} in another session than they were enrolled from, {owners['n']} times:"
    )
    lines = [head]
    for key, words in (
        ("face", "by face alone"),
        ("digits", "with digits"),
        ("digits_and_pin", "with digits and PIN"),
        ("refused", "refused"),
    ):
        low, high = owners[key]["interval95"]
        lines.append(f"  {words}: {owners[key]['n']} ({low:.1%} to {high:.1%} with 95 %)")
    for key, words in (
        ("enrolled_with_others_digits", "enrolled people with another's digits"),
        ("strangers_with_somebodys_digits", "strangers with somebody's digits"),
        ("strangers_alone", "strangers without digits"),
    ):
        row = told[key]
        lines.append(
            f"  {words}: {row['charged']} of {row['n']} charged (at most"
            f" {row['charged_upper95_by_pairs']:.1%} of such pairs with 95 %),"
            f" {row['asked_for_the_pin']} asked for the PIN, {row['refused']} refused"
        )
    return "\n".join(lines)


def plot(found: Found, path: Path) -> None:
    """Draw the scores of owners and impostors with the thresholds, as PNG.

    Raises:
        BadInputError: `plot_unwritable`.
    """
    from kiosk.bench.drawing import save, subplots  # noqa: PLC0415 - it takes a second to load

    figure, axes = subplots()
    for name, attempts in (
        ("owners in another session", found.owners),
        ("with somebody else's digits", [*found.others, *found.strangers]),
    ):
        scores = [one.score for one in attempts if one.score is not None]
        axes.hist(scores, bins=60, range=(-0.2, 1.0), alpha=0.6, label=f"{name} ({len(scores)})")
    for band, style in (("pin", ":"), ("digits", "--"), ("open", "-")):
        axes.axvline(getattr(found.limits, band), color="black", linestyle=style, label=band)
    axes.set(xlabel="score of the session", ylabel="sessions", title=f"Webcam people, {found.pack}")
    axes.legend()
    save(figure, path)
