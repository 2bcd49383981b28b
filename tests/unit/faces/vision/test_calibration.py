"""What kind of people a calibration set says it has, and what that is worth."""

from __future__ import annotations

import dataclasses
import tomllib

import pytest

from kiosk.bench.calibrate import as_toml
from kiosk.domain.errors import SetupError
from kiosk.domain.identification import ALIKE_FACTOR, SearchPolicy, duplicate_threshold, thresholds
from kiosk.faces.vision.calibration import impostor_tails, is_calibrated
from kiosk.faces.vision.tails import TailFit
from models.manifest import SHIPPED_DIR, load_pack

FIT = TailFit(0.3, -0.1, 0.04, 1_000, 10, 1e-3, ((1e-1, 0.2), (1e-4, 0.4)))
SHIPPED = sorted(
    folder.name for folder in SHIPPED_DIR.iterdir() if (folder / "pack.toml").is_file()
)


def pack_of(name):
    return load_pack(SHIPPED_DIR / name, verify=False)


def with_tables(text):
    pack = pack_of("starter")
    tables = tomllib.loads(text)["calibration"]["impostor_tail"]
    return dataclasses.replace(
        pack, calibration={"encoder_sha256": pack.encoder.sha256, "impostor_tail": tables}
    )


@pytest.mark.parametrize("mixed", [True, False])
def test_a_set_says_whether_its_people_are_of_all_kinds(mixed):
    """What is printed is what is read."""
    (tail,) = impostor_tails(with_tables(as_toml("set", "a note", 46, FIT, mixed=mixed)))

    assert tail.alike_factor == (ALIKE_FACTOR if mixed else 1.0)


@pytest.mark.parametrize(("rate_min", "factor"), [(1e-3, 1.0), (1e-7, ALIKE_FACTOR)])
def test_a_set_that_says_nothing_is_mixed_if_it_is_large(rate_min, factor):
    """The cautious reading of a table written before the question was asked."""
    fit = dataclasses.replace(FIT, rate_min=rate_min)
    table = as_toml("set", "a note", 46, fit, mixed=True).replace("mixed = true\n", "")

    assert impostor_tails(with_tables(table))[0].alike_factor == factor


def test_what_is_neither_true_nor_false_is_refused():
    """A slip in a table is never read as the laxer of the two."""
    table = as_toml("set", "a note", 46, FIT, mixed=True).replace("mixed = true", 'mixed = "no"')

    with pytest.raises(SetupError, match="cannot be read"):
        impostor_tails(with_tables(table))


@pytest.mark.parametrize("name", [name for name in SHIPPED if is_calibrated(pack_of(name))])
def test_shipped_packs_hold_fidos_rate_in_a_set_that_supports_it(name):
    """So has each that was measured; simulated people alone come in no groups."""
    pack, policy = pack_of(name), SearchPolicy()
    tails = impostor_tails(pack)
    large = [tail for tail in tails if tail.rate_min <= policy.fmr_digits]

    assert large
    assert {tail.alike_factor for tail in large} == {1.0 if pack.sandbox_only else ALIKE_FACTOR}
    limits = thresholds(1, policy, tails)
    assert limits.digits >= max(tail.score_at(policy.fmr_digits) for tail in large)
    assert duplicate_threshold(policy, tails) <= limits.digits
