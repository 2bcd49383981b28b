"""What a session asks of money and of the vault, as events: the same with and without a screen.

Every answer is an event without a time of its own (`at_ms` 0); whoever feeds it to the session puts
the session's time in. A money process that cannot be reached is an event too.
It holds the nonce of one session and decides nothing.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol, assert_never

from kiosk.domain.errors import SmileTillError
from kiosk.domain.order import Outcome
from kiosk.domain.session import effects as fx
from kiosk.domain.session import events as ev
from kiosk.link.sockets import LinkDownError

if TYPE_CHECKING:
    from kiosk.domain.identification import Identification
    from kiosk.domain.ids import OrderId, OrderNonce, PayerAlias, PersonId
    from kiosk.domain.order import Order
    from kiosk.faces.money_link import MoneyLink

Question = fx.AskFacts | fx.VerifyPin | fx.VerifyPhone | fx.Authorise

logger = logging.getLogger(__name__)


class People(Protocol):
    """What a session asks of the vault."""

    def alias(self, person: PersonId) -> PayerAlias:
        """Return the name that money knows this person by."""
        ...

    def pin_always(self, person: PersonId) -> str:
        """Return why this person never pays without their PIN, or empty."""
        ...

    def keep_evidence(self, order_id: OrderId, verdict: Identification) -> None:
        """Keep how somebody was recognised for an order; never raises."""
        ...

    def by_phone(self, phone: str) -> PersonId | None:
        """Return who has this full number, or None."""
        ...

    def paused_by_phone(self, phone: str) -> PersonId | None:
        """Return who has this full number and has paused, or None."""
        ...

    def used(self, person: PersonId) -> None:
        """Note that somebody has paid; it must not wait for anything."""
        ...

    def decoy(self, phone: str) -> PayerAlias:
        """Return an alias that nobody has, so that an unknown number costs the same time."""
        ...


class Teller:
    """Asks money for one session of one order.

    Args:
        money: The link; used from one thread at a time.
        people: The vault's answers.
        order: What is to be paid.
        nonce: The one-time word that money gave with it.
        on_screen: Whether the end of an authorisation has to be seen on the screen.
    """

    def __init__(
        self,
        money: MoneyLink,
        people: People,
        order: Order,
        nonce: OrderNonce,
        *,
        on_screen: bool = False,
    ) -> None:
        """Keep the parts; nothing is asked."""
        self._money = money
        self._people = people
        self._order = order
        self._nonce = nonce
        self._on_screen = on_screen
        self._payer: PersonId | None = None
        self._with_face_and_pin = False
        self._confirmed: PersonId | None = None

    def answer(self, question: Question) -> ev.Event:
        """Ask, and return the event that answers.

        Raises:
            SmileTillError: Money or the vault refuses in a way that no customer can answer.
        """
        try:
            match question:
                case fx.AskFacts(person=person):
                    facts = self._money.facts(self._people.alias(person))
                    return ev.FactsArrived(0, facts, self._people.pin_always(person))
                case fx.VerifyPin(person=person, pin=pin):
                    return self._verify(self._people.alias(person), pin)
                case fx.VerifyPhone(phone=phone, pin=pin):
                    return self._verify_phone(phone, pin)
                case fx.Authorise():
                    return self._authorise(question)
                case _:
                    assert_never(question)
        except LinkDownError:
            return ev.LinkLost(0)

    def outcome(self) -> ev.Event:
        """Ask what became of an authorisation whose answer was lost; a `Tick` while in flight."""
        try:
            known = self._money.outcome(self._order.order_id)
        except SmileTillError as error:
            logger.info("the outcome cannot be asked now: %s", error.code)
            return ev.LinkLost(0)
        if known is None:
            return ev.Tick(0)
        self._note_end(known[0])
        return ev.Authorised(0, *known)

    def _verify(self, alias: PayerAlias, pin: str) -> ev.PinJudged:
        verdict = self._money.verify_pin(alias, self._order.order_id, self._nonce, pin)
        return ev.PinJudged(0, verdict.verified, verdict.reason, verdict.token)

    def _verify_phone(self, phone: str, pin: str) -> ev.PhoneJudged:
        # Both are asked each time, so that the time tells nothing. Who has paused is told so by
        # money's facts, and only once the PIN was right.
        active, paused = self._people.by_phone(phone), self._people.paused_by_phone(phone)
        found = paused if active is None else active
        judged = self._verify(
            self._people.decoy(phone) if found is None else self._people.alias(found), pin
        )
        known = found if judged.verified else None
        return ev.PhoneJudged(0, known, judged.reason, judged.token)

    def _note_end(self, outcome: Outcome) -> None:
        """Tell the vault who has paid: whoever was asked for last, in this session."""
        if outcome is Outcome.PAID and self._payer is not None:
            self._people.used(self._payer)
            self._confirmed = self._payer if self._with_face_and_pin else None

    def take_confirmed(self) -> PersonId | None:
        """Return, once, who has paid here by face and with their PIN: a visit to learn from."""
        person, self._confirmed = self._confirmed, None
        return person

    def _authorise(self, ask: fx.Authorise) -> ev.Event:
        self._payer = ask.person
        self._with_face_and_pin = ask.pin_token is not None and ask.verdict is not None
        if ask.verdict is not None:
            self._people.keep_evidence(self._order.order_id, ask.verdict)
        answer = self._money.authorise(
            self._order,
            self._nonce,
            self._people.alias(ask.person),
            basis=ask.basis,
            consent=ask.consent,
            pin_token=ask.pin_token,
            on_screen=self._on_screen,
        )
        self._note_end(answer.outcome)
        return ev.Authorised(0, answer.outcome, answer.reason)
