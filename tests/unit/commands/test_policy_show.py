"""`policy show` and `models list`: whose pack the numbers are of, and what they cost, in words."""

from __future__ import annotations

import json

import pytest

from kiosk.commands.models import models
from kiosk.commands.policy import numbers, policy
from kiosk.domain.genuine import GenuineCurve
from kiosk.domain.identification import (
    DIGITS_SHARE,
    GALLERY_SIZE_FLOOR,
    ImpostorTail,
    SearchPolicy,
    thresholds,
)
from kiosk.faces.gallery_tail import PEOPLE_MIN
from kiosk.faces.pack_people import FILE_NAME, PackPeople, noted_people
from models.store import use

SEARCH = SearchPolicy()
LOW = ImpostorTail("low", 0.3, -0.2, 0.06, 1000, 100, 1e-7, ((5e-2, 0.4), (1e-6, 0.7)))
HIGH = ImpostorTail("high", 0.3, 0.0, 0.06, 1000, 100, 1e-1, ((5e-2, 0.4), (1e-6, 1.1)))


@pytest.fixture(autouse=True)
def _no_packs_of_the_user(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))


@pytest.fixture
def call(data_dir, capsys):
    def run(word, *words):
        word.main([*words, "--data", str(data_dir)], standalone_mode=False)
        spoken = capsys.readouterr().out
        word.main([*words, "--data", str(data_dir), "--json"], standalone_mode=False)
        return json.loads(capsys.readouterr().out.splitlines()[-1]), spoken

    return run


def curve(missed):
    return GenuineCurve("set", 9, 90, (0.2, 1.0), (0.0, missed), (0.0, missed), (0.1, missed))


def test_where_nobody_is_enrolled_the_pack_in_use_is_spoken_of(call):
    """And it says so."""
    told, spoken = call(policy, "show")

    assert (told["why_this_pack"], told["pack_in_use"]) == ("in_use", "starter")
    assert told["pack"].startswith("starter@")
    assert told["gallery"] == told["people"] == GALLERY_SIZE_FLOOR
    assert "nobody is known to be enrolled here" in spoken


def test_the_people_enrolled_decide_whose_numbers_they_are(call, data_dir):
    """Not what is in use since: they are compared with what they were enrolled with."""
    PackPeople(data_dir).note({"sandbox@0": 3, "starter@0": 1})
    use("starter", data_dir)
    told, spoken = call(policy, "show")

    assert told["pack"].startswith("sandbox@")
    assert (told["why_this_pack"], told["gallery"]) == ("people", 3)
    assert told["pack_in_use"] == "starter"
    assert "the people enrolled here are compared with it" in spoken
    assert "1 person is enrolled with starter@0: smiletill policy show --pack starter" in spoken
    assert "3 people are enrolled with sandbox@0: another version of it" in spoken
    assert "enrolled next is enrolled with starter" in spoken
    asked, spoken = call(policy, "show", "--pack", "starter")
    assert (asked["why_this_pack"], asked["gallery"]) == ("asked", 1)
    assert ": as asked." in spoken


def test_the_list_marks_the_pack_in_use_and_that_of_the_people(call, data_dir):
    """Two marks, for they may be two packs; without a choice it is the people's."""
    PackPeople(data_dir).note({"sandbox@1": 3})
    told, spoken = call(models, "list")
    assert told["current"] == "sandbox"
    assert "*P sandbox" in spoken

    use("starter", data_dir)
    told, spoken = call(models, "list")
    rows = {row["name"]: row for row in told["packs"]}
    assert (rows["sandbox"]["people"], rows["sandbox"]["current"]) == (3, False)
    assert (rows["starter"]["people"], rows["starter"]["current"]) == (0, True)
    assert " P sandbox" in spoken
    assert "*  starter" in spoken
    assert "people are enrolled with it" in spoken


@pytest.mark.parametrize(
    ("tails", "curves", "said"),
    [
        ((HIGH,), (), "never"),
        ((LOW,), (curve(1.0),), "possible"),
        ((LOW,), (), "possible"),
    ],
)
def test_it_is_said_whether_a_face_can_be_enough(tails, curves, said):
    """Above 1 there is no score."""
    limits = thresholds(1, SEARCH, tails)

    assert (limits.open > 1) is (said == "never")
    assert numbers(1, limits, tails, curves)["face_alone"] == said


def test_what_nobody_measured_ever_reached_is_said_too():
    """A threshold below 1 that everybody misses is not called enough without a word."""
    limits = thresholds(1, SEARCH, (LOW,))
    short = GenuineCurve("set", 9, 90, (0.2, limits.open), (0.0, 1.0), (0.0, 1.0), (0.0, 1.0))

    assert numbers(1, limits, (LOW,), (short,))["face_alone"] == "not_seen"


@pytest.mark.parametrize("size", [1, 8, GALLERY_SIZE_FLOOR, 50_000])
def test_false_alarms_are_told_for_the_gallery_that_there_is(size):
    """Fewer people are mistaken more seldom than the floor; the policy's rates hold for all."""
    tails = (LOW, HIGH)
    told = numbers(size, thresholds(size, SEARCH, tails), tails, (curve(0.5),))
    share = size / max(size, GALLERY_SIZE_FLOOR)

    assert told["fpir"]["open"] == pytest.approx(share * SEARCH.fpir_open, rel=0.01)
    assert told["fpir"]["digits"] <= SEARCH.fpir_digits
    assert told["fpir"]["pin"] == pytest.approx(size * DIGITS_SHARE * SEARCH.fmr_pin, rel=0.01)
    assert told["fmr_of_known_digits"]["digits"] <= SEARCH.fmr_digits_few
    assert set(told["misses"][0]["fnir"]) == {"open", "digits", "pin"} == set(told["fpir"])


def test_it_is_said_that_the_people_enrolled_take_part_at_a_terminal(call):
    """Files cannot know what their tail is; the numbers printed are the least there can be."""
    spoken = call(policy, "show")[1]

    assert f"from {PEOPLE_MIN} people on: its thresholds may be higher, never lower" in spoken


def test_every_band_is_told_with_what_it_misses(call):
    """FPIR never stands without FNIR and its interval, for each set that was measured."""
    told, spoken = call(policy, "show")
    bands = 2 if told["face_alone"] == "never" else 3

    assert spoken.count("FNIR") == bands * len(told["misses"])
    assert spoken.count("FPIR") == bands
    never = "never enough with this pack's calibration; digits are asked" in spoken
    assert never is (told["face_alone"] == "never")


def test_the_note_is_written_when_it_changes_and_only_then(tmp_path):
    """Packs and counts, most first; nobody is nobody."""
    note = PackPeople(tmp_path)
    note.note({"starter@1": 1, "open@1": 4, "sandbox@1": 0})
    assert list(noted_people(tmp_path).items()) == [("open@1", 4), ("starter@1", 1)]

    (tmp_path / FILE_NAME).unlink()
    note.note({"starter@1": 1, "open@1": 4, "sandbox@1": 0})
    assert noted_people(tmp_path) == {}
    note.note({})
    assert (tmp_path / FILE_NAME).exists()


@pytest.mark.parametrize("text", ["", "{", '{"version": 2, "people": {"a@1": 3}}', '{"people": 3}'])
def test_a_note_that_says_nothing_is_no_note(tmp_path, text):
    """It decides nothing, so a broken one stops nobody."""
    (tmp_path / FILE_NAME).write_text(text, encoding="utf-8")

    assert noted_people(tmp_path) == {}


def test_a_note_that_cannot_be_written_stops_nothing(tmp_path, caplog):
    """A full or missing disk is for others to tell."""
    PackPeople(tmp_path / "gone").note({"starter@1": 1})

    assert FILE_NAME in caplog.text
