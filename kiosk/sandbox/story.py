"""The demo's story: who comes to the till, what they do, and how it must end. Data only."""

from __future__ import annotations

import random
from dataclasses import dataclass

from kiosk.domain.consent import ConsentKind
from kiosk.domain.ids import OrderId
from kiosk.domain.money import Money
from kiosk.domain.order import Outcome

PACK = "sandbox"
"""The pack whose PAD knows simulated people; money refuses it together with any real bank."""

SMILE_AT_MS = 3_000
"""When a simulated customer smiles: well after the amount is on the screen."""


@dataclass(frozen=True, slots=True)
class Guest:
    """A simulated customer who enrols."""

    figure: int
    name: str
    phone: str
    pin: str


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody stands before the till and wants to pay.

    Args:
        title: One line for whoever watches.
        order_id: The bill.
        amount: What it says.
        scene: What the simulated camera sees.
        consent: How they agree.
        guest: Who it is, if they are enrolled and honest.
        ends: How it must end.
    """

    title: str
    order_id: OrderId
    amount: Money
    scene: str
    consent: ConsentKind
    guest: Guest | None
    ends: Outcome


@dataclass(frozen=True, slots=True)
class Story:
    """An evening at the till."""

    guests: tuple[Guest, ...]
    payments: tuple[Visit, ...]
    stranger: Visit
    photo: Visit

    @property
    def visits(self) -> tuple[Visit, ...]:
        """Everybody, in order."""
        return (*self.payments, self.stranger, self.photo)


def tell(figures: tuple[int, ...], seed: int) -> Story:
    """Write the story for a seed: other seeds, other people, bills, light and movements.

    Args:
        figures: Numbers of the simulated people who can play a customer; at least four.
        seed: Decides everything else.
    """
    assert len(figures) >= 4, "three guests and a stranger"
    chance = random.Random(seed)  # noqa: S311 - a story, not a secret
    cast = chance.sample(figures, 4)
    names = chance.sample(("Alex", "Robin", "Sam", "Kim", "Jo", "Noor"), 3)
    guests = tuple(
        Guest(figure, name, f"4477009{chance.randrange(100_000):05}", f"{pin:06}")
        for figure, name, pin in zip(cast, names, (135_790, 864_201, 975_318), strict=False)
    )

    def scene(words: str) -> str:
        return f"{words}:seed={chance.randrange(1_000_000)}"

    def visit(number: int, title: str, words: str, **more: object) -> Visit:
        amount = Money(chance.randrange(350, 2_400))
        return Visit(title, OrderId(f"demo-{number}"), amount, scene(words), **more)  # type: ignore[arg-type]

    smiling = f"customer:{guests[0].figure}:smile={SMILE_AT_MS}"
    return Story(
        guests=guests,
        payments=(
            visit(
                1, f"{guests[0].name} pays with a smile", smiling,
                consent=ConsentKind.SMILE, guest=guests[0], ends=Outcome.PAID,
            ),
            visit(
                2, f"{guests[1].name} pays with a tap", f"customer:{guests[1].figure}",
                consent=ConsentKind.TAP, guest=guests[1], ends=Outcome.PAID,
            ),
        ),
        stranger=visit(
            3, "A stranger tries", f"customer:{cast[3]}",
            consent=ConsentKind.TAP, guest=None, ends=Outcome.NOT_PAID,
        ),
        photo=visit(
            4, f"Somebody holds up a photo of {guests[2].name}", f"photo:{guests[2].figure}",
            consent=ConsentKind.TAP, guest=None, ends=Outcome.NOT_PAID,
        ),
    )  # fmt: skip
