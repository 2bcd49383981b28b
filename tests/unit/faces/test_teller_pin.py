"""What the vault knows of a person reaches the session with money's facts."""

from __future__ import annotations

from types import SimpleNamespace

from kiosk.domain.session import effects as fx
from kiosk.domain.session import events as ev
from kiosk.faces.teller import Teller


class People:
    """A vault with one look-alike."""

    def alias(self, person):
        return f"alias of {person}"

    def pin_always(self, person):
        return {"p1": "look_alike"}.get(person, "")


def test_a_look_alike_is_told_with_the_facts():
    """Both ways to pay ask for the facts, so neither misses it."""
    money = SimpleNamespace(facts=lambda alias: f"facts of {alias}")
    teller = Teller(money, People(), order=None, nonce="n")

    assert ev.FactsArrived(0, "facts of alias of p1", "look_alike") == teller.answer(
        fx.AskFacts("p1")
    )
    assert "" == teller.answer(fx.AskFacts("p2")).pin_always
