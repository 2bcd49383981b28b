"""Real webcam people and printed photos of them, through the whole of it to the bank's books.

A small part of the development half, so that every run has it; `bench` measures all of it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kiosk.faces.pack_people import noted_people
from kiosk.sandbox.bank.oracle import all_debits
from tests.e2e.conftest import Smiletill
from tests.fakes.installation import running
from tests.fakes.restaurant import until

PIN = "135790"
ENROLLED = {"0004": "0004_01_00_01", "0005": "0005_00_00_01"}


@pytest.fixture(scope="module", params=["mobileface", "starter"])
def terminal(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, shared: Path
) -> Iterator[tuple[str, Path, Path]]:
    """A running terminal, its pack and the people's frames."""
    folder = tmp_path_factory.mktemp(f"people-{request.param}") / "data"
    folder.mkdir(mode=0o700)
    secret = folder.parent / "passphrase"
    secret.write_text("correct horse battery staple\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SMILETILL_PASSPHRASE_FILE", str(secret))
        with running(folder):
            yield request.param, folder, shared
    shutil.rmtree(folder)


def test_people_pay_and_others_do_not(
    terminal: tuple[str, Path, Path], smiletill: Smiletill
) -> None:
    """Right person, right account, one debit; strangers, other people and prints: none."""
    pack, data_dir, shared = terminal
    people = shared / "pad"

    def call(*words: object) -> tuple[int, dict[str, Any]]:
        done = smiletill(*words, "--data", data_dir, "--json")
        assert done.result, done.stderr
        return done.code, done.result

    def pay(frames: Path, *words: object) -> dict[str, Any]:
        return call("pay", "--amount", "1.00", "--frames", frames, *words)[1]

    if pack == "mobileface":
        call("models", "install", "mobileface", "--from", shared / "models")
    known = {}
    for subject, session in ENROLLED.items():
        code, told = call(
            *("enrol", "add", "--name", f"Subject {subject}", "--consent-version", "v1"),
            *("--frames", people / "client" / session, "--pack", pack),
            *("--phone", f"44770090{subject}", "--pin", PIN),
        )
        assert code == 0, told
        assert told["samples"] >= 3
        known[subject] = told["person"]

    # The same person under another name and number is caught, in another session too.
    code, told = call(
        *("enrol", "add", "--name", "Somebody Else", "--consent-version", "v1", "--pin", PIN),
        *("--frames", people / "client" / ENROLLED["0004"], "--phone", "447700909999"),
    )
    assert (code, told["reason"]) == (1, "duplicate")

    paid = 0
    for session in ("0004_01_00_02", "0005_00_00_02"):
        subject = session[:4]
        told = pay(people / "client" / session)
        if told["reason"] == "step_up_required":
            told = pay(people / "client" / session, "--phone-digits", subject, "--pin", PIN)
        assert (told["outcome"], told["person"], told["bank_debits"]) == (
            "paid",
            known[subject],
            1,
        )
        paid += 1

    # A stranger, and an enrolled person with somebody else's digits, pay nobody's bill.
    for session, digits in (("0011_01_07_03", "0004"), ("0005_00_00_02", "0004")):
        told = pay(people / "client" / session, "--phone-digits", digits)
        assert (told["outcome"], told["bank_debits"]) == ("not_paid", 0)

    # A printed photo of an enrolled person, with everything that they know.
    for photo in ("0004_01_00_01", "0005_00_01_03"):
        told = pay(people / "imposter" / photo, "--phone-digits", photo[:4], "--pin", PIN)
        assert told["outcome"] == "not_paid"
        assert told["reason"] in {"pad_texture", "pad_undecided"}

    assert all_debits(data_dir).count == paid

    # Whoever asks for the policy's numbers is told those of these people's pack, not of another.
    until(lambda: bool(noted_people(data_dir)), "nobody is noted")
    told = call("policy", "show")[1]
    assert (told["why_this_pack"], told["pack"].partition("@")[0]) == ("people", pack)


def test_look_alikes_are_never_charged_without_the_pin(
    terminal: tuple[str, Path, Path], smiletill: Smiletill
) -> None:
    """A second record of one face stands for a twin: both need the PIN, also for a small amount."""
    pack, data_dir, shared = terminal
    if pack != "mobileface":
        pytest.skip("the pack starter does not find this second session")
    people = shared / "pad" / "client"

    def call(*words: object) -> dict[str, Any]:
        done = smiletill(*words, "--data", data_dir, "--json")
        assert done.result, done.stderr
        return done.result

    def enrol(session: str, phone: str, *words: object) -> dict[str, Any]:
        return call(
            *("enrol", "add", "--name", "Twin", "--consent-version", "v2", "--pin", PIN),
            *("--frames", people / session, "--pack", pack, "--phone", phone, *words),
        )

    call("models", "install", "mobileface", "--from", shared / "models")
    first = enrol("0001_00_00_01", "447700907771")["person"]
    stopped = enrol("0001_00_00_02", "447700907772")
    assert (stopped["reason"], stopped["looks_like"]) == ("look_alike", first)
    second = enrol("0001_00_00_02", "447700907772", "--look-alike-of", first)
    assert second["pin_always"] == "look_alike"

    marked = {row["person"]: row["pin_always"] for row in call("enrol", "list")["people"]}
    assert [marked[first], marked[second["person"]]] == ["look_alike"] * 2
    for digits in ("7771", "7772"):
        frames = people / "0001_00_00_02"
        told = call("pay", "--amount", "1.00", "--frames", frames, "--phone-digits", digits)
        assert (told["outcome"], told["bank_debits"]) == ("not_paid", 0)
        assert told["reason"] == "digits_wrong" or "pin" in told["asked"]
