"""What the vault knows of a person reaches the session with money's facts."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from kiosk.domain.session import effects as fx
from kiosk.domain.session import events as ev
from kiosk.faces.teller import Teller


class People:
    """A vault with one look-alike."""

    def alias(self, person):
        return f"alias of {person}"

    def by_phone(self, phone):
        return {"1": "p1"}.get(phone)

    def paused_by_phone(self, phone):
        return {"2": "p2"}.get(phone)

    def decoy(self, phone):
        return f"nobody with {phone}"

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


@pytest.mark.parametrize(
    ("phone", "pin", "person", "reason"),
    [
        ("1", "right", "p1", ""),
        ("2", "right", "p2", ""),
        ("2", "wrong", None, "pin_wrong"),
        ("3", "right", None, "pin_wrong"),
    ],
)
def test_who_has_paused_is_known_by_number_and_right_pin_only(phone, pin, person, reason):
    """Then money's facts say that they have paused; whoever guesses hears what a stranger does."""

    def verify(alias, _order, _nonce, typed):
        good = typed == "right" and alias.startswith("alias")
        return SimpleNamespace(
            verified=good, reason="" if good else "pin_wrong", token="t" if good else None
        )

    teller = Teller(
        SimpleNamespace(verify_pin=verify), People(), order=SimpleNamespace(order_id="o"), nonce="n"
    )

    judged = teller.answer(fx.VerifyPhone(phone, pin))

    assert (person, reason) == (judged.person, judged.reason)
