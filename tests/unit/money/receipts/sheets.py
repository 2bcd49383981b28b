"""Receipts that the tests of all renderers share."""

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from kiosk.domain.consent import Basis
from kiosk.domain.ids import OrderId, PaymentRef
from kiosk.domain.money import Money
from kiosk.domain.order import OrderLine
from kiosk.money.receipts.layout import rows_of
from kiosk.money.receipts.model import Authorisation, Copy, Receipt, ReceiptState, Refund
from kiosk.money.receipts.texts import Language

LONDON, BERLIN = ZoneInfo("Europe/London"), ZoneInfo("Europe/Berlin")
AT = datetime(2026, 7, 1, 18, 30, tzinfo=UTC)

PAID = Receipt(
    copy=Copy.CUSTOMER,
    state=ReceiptState.PAID,
    payee="Trattoria Zum Grünen Löwen",
    order_id=OrderId("table-7-2026-07-01"),
    lines=(
        OrderLine("Crème brûlée", Money(650)),
        OrderLine("Slow-cooked lamb shoulder with rosemary potatoes for two", Money(4_400)),
        OrderLine("Wasser 0,5 l", Money(95)),
    ),
    total=Money(5_145),
    at=AT.astimezone(LONDON),
    terminal="1A2B3C4D",
    reference="ABCDEFGHIJKLMNOP23",
    account_hint="••42",
    authorisation=Authorisation(Basis.FACE, pin_verified=True),
    payment_ref=PaymentRef("pay-0001"),
)
REFUNDED = replace(
    PAID,
    copy=Copy.MERCHANT,
    state=ReceiptState.PARTLY_REFUNDED,
    total=Money(5_145, "EUR"),
    at=AT.astimezone(BERLIN),
    refunds=(
        Refund(Money(1_000, "EUR"), AT, is_done=True),
        Refund(Money(145, "EUR"), AT, is_done=False),
    ),
    reprint=2,
)
UNKNOWN = replace(
    PAID,
    state=ReceiptState.UNKNOWN,
    lines=(),
    account_hint="",
    authorisation=None,
    payment_ref=None,
)

SHEETS = {
    "paid": (PAID, Language.EN),
    "refunded-de": (REFUNDED, Language.DE),
    "unknown": (UNKNOWN, Language.EN),
}


def rows(name, **options):
    receipt, language = SHEETS[name]
    return rows_of(receipt, language, **options)
