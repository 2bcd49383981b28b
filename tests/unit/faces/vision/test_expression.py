"""A smile counts of a head that has not turned since its mouth was at rest."""

from __future__ import annotations

from kiosk.faces.vision.expression import TURN_MAX, Facing


def test_a_smile_of_a_turned_head_does_not_count():
    """However it scores, to either side, until the head is back."""
    facing = Facing()
    assert facing.counts(0.2, -0.05)

    assert facing.counts(0.9, -0.05 + 0.9 * TURN_MAX)
    assert not facing.counts(0.9, -0.05 - 1.1 * TURN_MAX)
    assert not facing.counts(0.5, -0.05 + 1.1 * TURN_MAX)
    assert facing.counts(0.9, -0.05)


def test_a_head_at_rest_may_look_anywhere():
    """Who stands beside the camera smiles as well as who stands before it."""
    facing = Facing()
    for offset in (0.0, 0.15, 0.3):
        assert facing.counts(0.1, offset)

    assert facing.counts(0.9, 0.3)
    assert not facing.counts(0.9, 0.0)


def test_another_face_begins_anew():
    """Where somebody else looked says nothing of this one."""
    facing = Facing()
    facing.counts(0.1, 0.3)
    facing.forget()

    assert facing.counts(0.9, 0.0)
