"""One attempt to charge one payer for one order, as a pure machine.

`step(payment, event)` returns the next state and the effects that the engine must perform; time,
the bank's words and the disk's failures are events. It touches no bank, no journal and no clock.

Invariants (tests/unit/domain/test_payment_properties.py):

- nothing is sent before its intent is stored, and every send is the same request;
- two sends are at least `SendRules.apart_ms_min` apart, and none follows the end of the window;
- once a byte may have reached the bank, "not paid" needs the bank's word: a first answer DECLINED,
  or DECLINED on looking the key up, or "no such key" asked after nothing can arrive any more;
- an outcome is told only once its record is stored, and a key whose outcome is unknown is burnt;
- after a restart nothing is sent at all: the key is looked up.

Times are whole milliseconds of one monotonic clock.
"""

from kiosk.domain.payment.effects import Effect, Find, Send, StoreIntent, StoreResult, Tell, Wait
from kiosk.domain.payment.events import (
    Answered,
    Begin,
    Event,
    Found,
    IntentStored,
    Recovered,
    ResultStored,
    StoreFailed,
    Tick,
    WindowClosed,
)
from kiosk.domain.payment.machine import step, unresolved
from kiosk.domain.payment.state import (
    AttemptEnd,
    OutcomeKind,
    Payment,
    Phase,
    SendRules,
    Verdict,
)

__all__ = [
    "Answered", "AttemptEnd", "Begin", "Effect", "Event", "Find", "Found", "IntentStored",
    "OutcomeKind", "Payment", "Phase", "Recovered", "ResultStored", "Send", "SendRules",
    "StoreFailed", "StoreIntent", "StoreResult", "Tell", "Tick", "Verdict", "Wait", "WindowClosed",
    "step", "unresolved",
]  # fmt: skip
