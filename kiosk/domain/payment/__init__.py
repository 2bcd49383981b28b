"""One attempt to charge one payer for one order, as a pure machine.

`step(payment, event)` returns the next state and the effects that the engine must perform; time,
the bank's words and the disk's failures are events. It touches no bank, no journal and no clock.

Invariants (tests/unit/domain/test_payment_properties.py):

- nothing is sent before its intent is stored, and every send is the same request;
- two sends are at least `SendRules.apart_ms_min` apart, and none follows the end of the window;
- once a byte may have reached the bank, "not paid" needs the bank's word: a first answer DECLINED,
  or DECLINED on looking the key up, or "no such key" asked after nothing can arrive any more;
- an outcome is told only once its record is stored, and a key whose outcome is unknown is burnt;
- once the bank has told its id of the payment, nothing is sent: the payment is looked up, less
  and less often, until it ends or the window does;
- after a restart the payment is looked up. Only where the bank cannot be asked, and while the
  window is open by a wall clock that has not run backwards, the journalled request is sent again,
  a second after the restart at the earliest;
- an attempt that was stored as unknown is never sent again.

Times are whole milliseconds of one monotonic clock.
"""

from kiosk.domain.payment.effects import (
    Effect,
    Find,
    Send,
    StoreAccepted,
    StoreIntent,
    StoreResult,
    Tell,
    Wait,
)
from kiosk.domain.payment.events import (
    AcceptedStored,
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
    "AcceptedStored", "Answered", "AttemptEnd", "Begin", "Effect", "Event", "Find", "Found",
    "IntentStored", "OutcomeKind", "Payment", "Phase", "Recovered", "ResultStored", "Send",
    "SendRules", "StoreAccepted", "StoreFailed", "StoreIntent", "StoreResult", "Tell", "Tick",
    "Verdict", "Wait", "WindowClosed", "step", "unresolved",
]  # fmt: skip
