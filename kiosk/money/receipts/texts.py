"""The words of a receipt, one table a language; no other module of receipts holds any.

A language is one `Words` value: a field that it lacks is an error of types, not of a restaurant.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from kiosk.domain.consent import Basis
from kiosk.domain.money import Money
from kiosk.money.receipts.model import Authorisation, Copy, ReceiptState

_SYMBOLS = {"GBP": "£", "EUR": "€"}


class Language(enum.Enum):
    """What a receipt is written in."""

    EN = "en"
    DE = "de"

    @classmethod
    def of(cls, code: str) -> Language:
        """Return the language of a code, and English for one that is not spoken here."""
        return cls(code) if code in {it.value for it in cls} else cls.EN


@dataclass(frozen=True, slots=True)
class Words:
    """Everything that is said in one language."""

    title: str
    copies: Mapping[Copy, str]
    states: Mapping[ReceiptState, str]
    """In large letters."""
    notes: Mapping[ReceiptState, str]
    """What follows from the state, in a sentence; empty where the state says it all."""
    unresolved: str
    reprint: str
    total: str
    refund: str
    refund_pending: str
    order: str
    time: str
    account: str
    reference: str
    terminal: str
    authorised: str
    bases: Mapping[Basis, str]
    with_pin: str
    bank_id: str
    amount_form: str
    """Where the currency's sign stands: `{sign}` and `{amount}`."""
    decimal_mark: str
    time_form: str
    """As `strftime`; with the zone, because one hour a year comes twice."""

    def amount(self, amount: Money, *, bare: bool = False) -> str:
        """Write a sum, with its currency unless `bare`."""
        whole, rest = divmod(amount.minor_units, 100)
        number = f"{whole}{self.decimal_mark}{rest:02d}"
        if bare:
            return number
        sign = _SYMBOLS.get(amount.currency)
        if sign is None:
            return f"{number} {amount.currency}"
        return self.amount_form.format(sign=sign, amount=number)

    def moment(self, at: datetime) -> str:
        """Write a time."""
        return at.strftime(self.time_form)

    def authorisation(self, given: Authorisation) -> str:
        """Say how the payer was recognised."""
        said = self.bases[given.basis]
        asks_pin = given.pin_verified and given.basis is not Basis.PHONE_AND_PIN
        return f"{said}, {self.with_pin}" if asks_pin else said


WORDS: Mapping[Language, Words] = {
    Language.EN: Words(
        title="Payment receipt",
        copies={Copy.CUSTOMER: "Customer's copy", Copy.MERCHANT: "Merchant's copy"},
        states={
            ReceiptState.PAID: "PAID",
            ReceiptState.PARTLY_REFUNDED: "PARTLY REFUNDED",
            ReceiptState.REFUNDED: "REFUNDED",
            ReceiptState.NOT_PAID: "NOT PAID",
            ReceiptState.PAID_ELSEWHERE: "NOT PAID HERE",
            ReceiptState.REFUND_DUE: "REFUND DUE",
            ReceiptState.UNKNOWN: "OUTCOME UNKNOWN",
        },
        notes={
            ReceiptState.PAID: "",
            ReceiptState.PARTLY_REFUNDED: "",
            ReceiptState.REFUNDED: "",
            ReceiptState.NOT_PAID: "Nothing was charged.",
            ReceiptState.PAID_ELSEWHERE: "Paid by other means at the till.",
            ReceiptState.REFUND_DUE: "More was charged than was owed. Please ask the staff.",
            ReceiptState.UNKNOWN: "This is no proof of payment. Please ask the staff.",
        },
        unresolved="An earlier attempt is still being checked.",
        reprint="REPRINT {number}",
        total="TOTAL",
        refund="Refund {time}",
        refund_pending="Refund under way {time}",
        order="Order",
        time="Time",
        account="Account",
        reference="Reference",
        terminal="Terminal",
        authorised="Authorised by",
        bases={Basis.FACE: "face", Basis.PHONE_AND_PIN: "phone number, PIN"},
        with_pin="PIN",
        bank_id="Bank's id",
        amount_form="{sign}{amount}",
        decimal_mark=".",
        time_form="%Y-%m-%d %H:%M %Z",
    ),
    Language.DE: Words(
        title="Zahlungsbeleg",
        copies={Copy.CUSTOMER: "Kundenbeleg", Copy.MERCHANT: "Händlerbeleg"},
        states={
            ReceiptState.PAID: "BEZAHLT",
            ReceiptState.PARTLY_REFUNDED: "TEILWEISE ERSTATTET",
            ReceiptState.REFUNDED: "ERSTATTET",
            ReceiptState.NOT_PAID: "NICHT BEZAHLT",
            ReceiptState.PAID_ELSEWHERE: "NICHT HIER BEZAHLT",
            ReceiptState.REFUND_DUE: "ERSTATTUNG FÄLLIG",
            ReceiptState.UNKNOWN: "AUSGANG UNBEKANNT",
        },
        notes={
            ReceiptState.PAID: "",
            ReceiptState.PARTLY_REFUNDED: "",
            ReceiptState.REFUNDED: "",
            ReceiptState.NOT_PAID: "Es wurde nichts abgebucht.",
            ReceiptState.PAID_ELSEWHERE: "An der Kasse auf anderem Weg bezahlt.",
            ReceiptState.REFUND_DUE: "Es wurde zu viel abgebucht. Bitte das Personal fragen.",
            ReceiptState.UNKNOWN: "Dies ist kein Zahlungsnachweis. Bitte das Personal fragen.",
        },
        unresolved="Ein früherer Versuch wird noch geprüft.",
        reprint="NACHDRUCK {number}",
        total="SUMME",
        refund="Erstattung {time}",
        refund_pending="Erstattung in Arbeit {time}",
        order="Bestellung",
        time="Zeit",
        account="Konto",
        reference="Referenz",
        terminal="Terminal",
        authorised="Freigegeben mit",
        bases={Basis.FACE: "Gesicht", Basis.PHONE_AND_PIN: "Telefonnummer, PIN"},
        with_pin="PIN",
        bank_id="Nummer der Bank",
        amount_form="{amount} {sign}",
        decimal_mark=",",
        time_form="%d.%m.%Y %H:%M %Z",
    ),
}
