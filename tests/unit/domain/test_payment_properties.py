"""What holds for every history of an attempt: any answers, any delays, any failures of the disk.

A little world of its own knows what really happened at the bank, which the machine does not. Its
bank may settle at once or accept first, and may be one that cannot be asked by key, or at all.
"""

from dataclasses import dataclass, field

from hypothesis import event as note
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.domain.order import Outcome
from kiosk.domain.payment import (
    AcceptedStored,
    Answered,
    Begin,
    Find,
    Found,
    IntentStored,
    OutcomeKind,
    Payment,
    Phase,
    Recovered,
    ResultStored,
    Send,
    SendRules,
    StoreAccepted,
    StoreFailed,
    StoreIntent,
    StoreResult,
    Tell,
    Tick,
    Wait,
    WindowClosed,
    step,
)

STEPS_MAX = 200
ARRIVAL_MS = 5_000


@dataclass
class World:
    """The bank's truth: requests on their way, the one debit of this key, its refusal."""

    ladder_ms: int | None = None
    """None: it settles at once; else a payment is accepted, and ends so much later."""
    rejects: bool = False
    now_ms: int = 0
    accepted_at_ms: int | None = None
    on_the_way: list[int] = field(default_factory=list)
    debits: int = 0
    declined: bool = False
    stored_intent: bool = False
    stored_result: bool = False
    stored_ref: bool = False
    was_told: bool = False
    sends: list[int] = field(default_factory=list)
    told: list[Outcome] = field(default_factory=list)

    def pass_ms(self, duration_ms: int) -> None:
        self.now_ms += duration_ms
        arrived = [at for at in self.on_the_way if at <= self.now_ms]
        self.on_the_way = [at for at in self.on_the_way if at > self.now_ms]
        for at in arrived:
            self.execute(at)
        self.climb()

    def execute(self, at_ms: int | None = None) -> None:
        if not self.declined and self.accepted_at_ms is None:
            self.accepted_at_ms = self.now_ms if at_ms is None else at_ms
        self.climb()

    def climb(self) -> None:
        """Bring what was accepted to its end, when it is time."""
        if self.accepted_at_ms is None or self.declined or self.debits:
            return
        if self.now_ms >= self.accepted_at_ms + (self.ladder_ms or 0):
            self.declined, self.debits = self.rejects, int(not self.rejects)

    @property
    def has_ended(self) -> bool:
        return bool(self.debits or self.declined)

    def word(self, kinds) -> tuple[OutcomeKind, str | None]:
        """What the bank says of this key, and its id if it ever took the payment."""
        ref = None if self.accepted_at_ms is None else "p-1"
        if self.debits:
            return OutcomeKind.SETTLED, ref
        if self.declined:
            return OutcomeKind.DECLINED, ref
        return (kinds if ref is None else OutcomeKind.ACCEPTED), ref


def usually(draw) -> bool:
    return draw(st.sampled_from([True] * 9 + [False]))


def rules(draw) -> SendRules:
    gaps = draw(st.lists(st.sampled_from([1, 1_200, 6_000]), max_size=5))
    times = [0]
    for gap in gaps:
        times.append(times[-1] + gap)
    return SendRules(
        resend_at_ms=tuple(times),
        window_ms=draw(st.sampled_from([0, 4_000, 25_000])),
        apart_ms_min=draw(st.sampled_from([1, 1_000])),
        key_life_ms=draw(st.sampled_from([0, 10_000, 82_800_000])),
        arrival_ms_max=ARRIVAL_MS,
        can_find=draw(st.booleans()),
        can_find_ref=usually(draw),
        poll_after_ms=draw(st.sampled_from([(0, 200, 3_000), (700,)])),
    )


def submit(draw, world: World) -> Answered:
    world.sends.append(world.now_ms)
    what = draw(st.sampled_from(
        ["settle", "decline", "refuse", "not_sent", "lost", "no_answer", "late", "late", "nonsense"]
    ))  # fmt: skip
    sent_at = world.now_ms
    world.pass_ms(draw(st.sampled_from([0, 50, 4_000])))
    match what:
        case "settle":
            world.execute()
            kind, ref = world.word(OutcomeKind.UNKNOWN)
            return Answered(kind, world.now_ms, "", ref)
        case "decline":
            if world.accepted_at_ms is None:
                world.declined = True
            kind, ref = world.word(OutcomeKind.UNKNOWN)
            return Answered(kind, world.now_ms, "insufficient_funds", ref)
        case "refuse":
            # Refuses this request for good, and knows nothing of one that is still on its way.
            return Answered(OutcomeKind.DECLINED, world.now_ms, "too_many_requests")
        case "not_sent":
            return Answered(OutcomeKind.NOT_SENT, world.now_ms)
        case "no_answer":
            world.execute()
        case "late":
            world.on_the_way.append(sent_at + draw(st.sampled_from([1, 2_500, ARRIVAL_MS - 1])))
            world.pass_ms(0)
        case "nonsense":
            return Answered(OutcomeKind.NOT_FOUND, world.now_ms)
        case _:
            pass
    return Answered(OutcomeKind.UNKNOWN, world.now_ms)


def find(draw, world: World, payment: Payment) -> Found:
    assert payment.can_ask, "what cannot answer is not asked"
    if not usually(draw):
        world.pass_ms(draw(st.integers(0, 4_000)))
        return Found(OutcomeKind.UNKNOWN, world.now_ms)
    kind, ref = world.word(OutcomeKind.NOT_FOUND)
    # The answer is of now; by the time it is here, something may have arrived.
    world.pass_ms(draw(st.sampled_from([0, 50, 4_000])))
    return Found(kind, world.now_ms, "", ref)


def perform(draw, world: World, payment: Payment, effect):
    match effect:
        case StoreIntent():
            assert not world.sends, "the intent comes first"
            world.stored_intent = usually(draw)
            return IntentStored(world.now_ms) if world.stored_intent else StoreFailed()
        case Send():
            assert world.stored_intent, "nothing is sent before its intent is stored"
            assert not world.stored_ref, "nothing is sent once the bank has told its id"
            assert not world.was_told, "nothing is sent once somebody was told an end"
            return submit(draw, world)
        case Wait(duration_ms):
            assert duration_ms > 0
            if not usually(draw):
                return WindowClosed(world.now_ms)
            # Mostly on time, sometimes early, sometimes after the machine slept.
            factor = draw(st.sampled_from([1, 1, 1, 0.5, 3, 5_000]))
            world.pass_ms(max(1, round(duration_ms * factor)))
            return Tick(world.now_ms)
        case Find():
            return find(draw, world, payment)
        case StoreAccepted(payment_ref):
            assert payment_ref == "p-1"
            world.stored_ref = usually(draw)
            return AcceptedStored(world.now_ms) if world.stored_ref else StoreFailed()
        case StoreResult():
            world.stored_result = usually(draw)
            return ResultStored() if world.stored_result else StoreFailed()
        case _:
            raise AssertionError(effect)


def check_told(world: World, told: Tell) -> None:
    world.told.append(told.outcome)
    world.was_told = True
    if told.outcome is Outcome.PAID:
        assert world.stored_result
        assert world.debits == 1
    if told.outcome is Outcome.NOT_PAID:
        assert world.stored_result or not world.sends
        assert world.debits == 0
        assert world.accepted_at_ms is None or world.declined, "it could still settle"
        assert not world.on_the_way or world.declined, "a request could still arrive"


@st.composite
def histories(draw):
    """Run one attempt to its end in this process, then look it up until it is resolved."""
    ladder_ms = draw(st.sampled_from([None, None, 100, 3_000, 60_000]))
    world = World(ladder_ms=ladder_ms, rejects=ladder_ms is not None and not usually(draw))
    payment = Payment(rules(draw))
    if usually(draw):
        event = Begin()
    else:
        # The process died with requests on their way.
        world.stored_intent = True
        for arrival in draw(st.lists(st.integers(1, ARRIVAL_MS - 1), max_size=2)):
            world.on_the_way.append(arrival)
        ref = None
        if usually(draw) and draw(st.booleans()):
            world.execute()
            ref = draw(st.sampled_from([None, "p-1"]))
        world.stored_ref = ref is not None
        age_ms = draw(st.sampled_from([None, 0, 1_500, 24_000, 30_000]))
        event = Recovered(0, age_ms, ref)
    recovered = event if isinstance(event, Recovered) else None
    steps = 0
    while event is not None:
        steps += 1
        assert steps < STEPS_MAX, "every state has an exit"
        payment, effects = step(payment, event)
        event = None
        for effect in effects:
            if isinstance(effect, Tell):
                check_told(world, effect)
            else:
                assert event is None, "one deed at a time"
                event = perform(draw, world, payment, effect)
        if event is None and payment.phase is Phase.UNRESOLVED and payment.can_ask:
            world.pass_ms(draw(st.sampled_from([1, 900, 3_000, 20_000])))
            sends = len(world.sends)
            event = Tick(world.now_ms)
            if steps > STEPS_MAX // 2:
                break  # the bank never answers: the attempt stays listed as unknown
            assert sends == len(world.sends)
    return world, payment, recovered


@settings(max_examples=2_000)
@given(histories())
def test_every_history_keeps_the_promises(history):
    """Never twice, never before the intent, never too fast, never a wrong word, always an end."""
    world, payment, recovered = history
    note(payment.phase.value)

    assert payment.phase in {Phase.ENDED, Phase.STRANDED, Phase.UNRESOLVED}
    assert world.told, "somebody is waiting"
    if recovered is not None and world.sends:
        assert not payment.rules.can_find
        assert recovered.payment_ref is None
        assert recovered.age_ms is not None
        assert world.sends[0] >= payment.rules.apart_ms_min, "the process before sent just now"
        assert world.sends[-1] + recovered.age_ms <= payment.rules.window_ms
        assert world.sends[-1] + recovered.age_ms <= payment.rules.key_life_ms
    for earlier, later in zip(world.sends, world.sends[1:], strict=False):
        assert later - earlier >= payment.rules.apart_ms_min
    if world.sends:
        assert world.sends[-1] - world.sends[0] <= payment.rules.window_ms
    assert len(world.sends) <= len(payment.rules.resend_at_ms)
    # Only unknown may be corrected, and only once.
    final = [outcome for outcome in world.told if outcome is not Outcome.UNKNOWN]
    assert len(final) <= 1
    assert not final or world.told[-1] is final[0]
