"""The simulated attacks in short: nothing is accepted, each is caught by what it is made to be."""

from __future__ import annotations

import pytest

from kiosk.bench.attacks import NOTE, Played, Theatre, report
from kiosk.sandbox.people.attacks.species import BONA_FIDE, SPECIES

SEED = 5


@pytest.fixture(scope="module")
def theatre():
    return Theatre()


@pytest.mark.slow
@pytest.mark.vision
@pytest.mark.parametrize(
    ("species", "layer"),
    [
        ("print_flat", "texture"),
        ("session_replay", "light"),
        ("frozen_frame", "stream"),
        ("face_swap", "tracker"),
    ],
)
def test_an_attack_is_called_one_by_its_layer(theatre, species, layer):
    """The layer that this species was drawn for sees it."""
    played = theatre.play(SEED, species, 0)

    assert not played.accepted
    assert layer in played.attacks


@pytest.mark.slow
@pytest.mark.vision
@pytest.mark.parametrize(("species", "layer"), [("mask", "movement"), ("tablet_replay", "light")])
def test_what_nobody_calls_an_attack_is_not_proven_either(theatre, species, layer):
    """A mask does not smile, and a display does not give the light back: no pass without a PIN."""
    played = theatre.play(SEED, species, 0)

    assert not played.accepted
    assert layer in (*played.attacks, *played.open, *played.unable)


@pytest.mark.slow
@pytest.mark.vision
def test_a_genuine_customer_passes_all_layers(theatre):
    """Smiles and turns when asked, under the screen's light."""
    played = theatre.play(SEED, BONA_FIDE, 0)

    assert played.accepted
    assert not played.refused
    assert played.attacks == ()


def played(species, number, *, accepted=False, attacks=(), unable=(), left_open=()):
    return Played(species, number, accepted, attacks, left_open, unable, ())


def test_the_report_says_who_caught_what_and_what_it_is_not():
    """Refused are people whom not even a PIN would have helped; the note says what it is."""
    told = report(
        [
            played("mask", 0, left_open=("movement",)),
            played("mask", 1, accepted=True),
            played("frozen_frame", 0, attacks=("stream", "light")),
            played(BONA_FIDE, 0, accepted=True),
            played(BONA_FIDE, 1, unable=("light",)),
            played(BONA_FIDE, 2, attacks=("context",)),
            played(BONA_FIDE, 3, left_open=("texture",)),
        ],
        seed=1,
    )

    assert told["note"] == NOTE
    assert told["accepted_attacks"] == 1
    assert told["sequences"]["apcer"] == 0.5
    assert told["sequences"]["bpcer"] == 0.5
    mask = told["sequences"]["by_species"]["mask"]
    assert (mask["accepted"], mask["not_proven"]) == (1, {"movement": 1})
    assert told["sequences"]["by_species"]["frozen_frame"]["first"] == {"stream": 1}
    assert mask["accepted_small_sum_without_pin"] == 0
    assert told["bona_fide"]["asked_for_a_pin"] == 1
    assert told["bona_fide"]["refused_by"] == {"context": 1, "texture": 1}
    assert len(SPECIES) == 12


def test_small_sums_and_faces_lost_in_a_turn_are_counted_by_themselves():
    """A mask that is charged 12.50 is no accepted one; the kiosk asks nobody to turn."""
    nobody = ()
    told = report(
        [
            Played("mask", 0, False, nobody, ("movement",), nobody, nobody, accepted_small=True),
            Played(BONA_FIDE, 0, True, nobody, ("texture",), nobody, nobody, lost_in_turn=True),
        ],
        seed=1,
    )

    assert (told["accepted"], told["accepted_small_sum_without_pin"]) == (0, 1)
    assert (told["bona_fide"]["refused"], told["bona_fide"]["lost_in_turn"]) == (0, 1)
