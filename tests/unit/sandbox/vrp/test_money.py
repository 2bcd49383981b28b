"""Whatever happens, in whatever order: the sums are right. Random lives of a bank."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from kiosk.sandbox.bank.vrp.errors import ObError
from tests.fakes.vrp_bank import Bank
from tests.fakes.vrp_bodies import a_consent, a_limit, a_payment
from tests.fakes.vrp_limits import SlowOracle

LADDERS = [
    ({}, "settle"),
    ({"PDNG": 5, "ACSP": 20, "ACSC": 40, "ACCC": 100}, "settle"),
    ({"ACSP": 10, "RJCT": 30}, "reject"),
    ({}, "reject"),
    ({"ACWP": 10, "BLCK": 30}, "block"),
    ({"PDNG": 5}, "cancel"),
]
ENDS = {"RJCT", "BLCK", "CANC", "ACCC"}


class BankLife(RuleBasedStateMachine):
    """Payers, third party, clock and script do what they like."""

    def __init__(self):
        super().__init__()
        self.bank = Bank(Path(":memory:"))
        self.consents, self.sent, self.paid = [], {}, {}

    def teardown(self):
        self.bank.close()

    @rule(spare=st.booleans(), limit=st.sampled_from(["3.00", "40.00", "2000.00"]))
    def approve(self, spare, limit):
        body = a_consent(most="400.00", limits=[a_limit(limit, "Week")])
        consent = self.bank.consent(body, approve=False)
        account = self.bank.books.consent_for_page(consent)["accounts"][spare]["id"]
        self.bank.books.decide_consent(consent, "approve", account)
        self.consents.append((consent, body))

    @precondition(lambda self: self.consents)
    @rule(
        data=st.data(),
        ladder=st.sampled_from(LADDERS),
        amount=st.sampled_from(["0.01", "1.99", "2.50", "30.00", "399.99"]),
        key=st.integers(0, 12),
    )
    def pay(self, data, ladder, amount, key):
        consent, like = data.draw(st.sampled_from(self.consents))
        if key in self.sent:
            consent, body = self.sent[key]
        else:
            body = a_payment(consent, amount=amount, reference=f"KEY{key}", like=like)
        self.bank.books.set_ladder(*ladder)
        try:
            answer = self.bank.pay(consent, body, key=f"k{key}")
        except ObError:
            assert key not in self.paid or self.is_forgotten(key)
            return
        self.sent[key] = consent, body
        known = self.paid.setdefault(key, (answer["DomesticVRPId"], self.bank.ledger.now_s()))
        assert answer["DomesticVRPId"] == known[0] or self.is_forgotten(key)

    def is_forgotten(self, key):
        return self.bank.ledger.now_s() - self.paid[key][1] >= 86_400

    @precondition(lambda self: self.consents)
    @rule(
        data=st.data(),
        decision=st.sampled_from(["suspend", "reauthorise", "expire"]),
        state=st.sampled_from(["open", "open", "closed", "blocked", None]),
    )
    def trouble(self, data, decision, state):
        consent, _ = data.draw(st.sampled_from(self.consents))
        if state is not None:
            self.bank.books.set_account_state(consent, state)
            return
        try:
            self.bank.books.decide_consent(consent, decision)
        except ObError as error:
            assert error.code == "U009"  # noqa: PT017 - other refusals would be mistakes

    @rule(seconds=st.sampled_from([-50, 0.1, 1, 10, 60, 3_600]))
    def wait(self, seconds):
        # Below a day in all, so that no key is forgotten: then one debit a key is the law.
        self.bank.now_s += seconds

    @rule(acknowledge=st.booleans())
    def poll(self, acknowledge):
        found = self.bank.events()["sets"]
        if acknowledge:
            assert not found.keys() & self.bank.events(ack=list(found))["sets"].keys()

    @invariant()
    def sums_are_right(self):
        bank = self.bank
        number = bank.ledger._number
        bank.books.advance()
        assert number("select coalesce(sum(minor_units), 0) from entries", []) == 0
        assert bank.ledger.is_balanced()
        assert (
            number(
                "select count(*) from (select account, sum(minor_units) s from entries"
                " where account like 'payer-%' group by account having s < 0)",
                [],
            )
            == 0
        )

    @invariant()
    def debits_are_the_settled_payments(self):
        bank = self.bank
        for key, (payment, _) in self.paid.items():
            count, total = bank.debits(f"KEY{key}")
            history = [
                entry["Status"]
                for entry in bank.books.payment_details("tpp", payment)["Data"]["PaymentStatus"]
            ]
            if not self.is_forgotten(key):
                assert count == ("ACSC" in history) <= 1
                instruction = self.sent[key][1]["Data"]["Instruction"]
                amount = round(float(instruction["InstructedAmount"]["Amount"]) * 100)
                assert total == amount * count
            assert len(history) == len(set(history))
            assert not ENDS & set(history[:-1])


TestBankLife = BankLife.TestCase
TestBankLife.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)


@settings(max_examples=150, deadline=None)
@given(
    limits=st.lists(
        st.tuples(
            st.sampled_from(["Day", "Week", "Fortnight", "Month", "Half-year", "Year"]),
            st.booleans(),
            st.integers(1, 60_000),
        ).filter(lambda limit: limit[:2] != ("Fortnight", True)),
        min_size=1,
        max_size=3,
    ),
    anchor=st.dates(date(2023, 1, 1), date(2028, 12, 31)),
    steps=st.lists(
        st.tuples(st.sampled_from([0, 0, 0, 1, 3, 7, 20, 45, 170]), st.integers(1, 15_000)),
        min_size=1,
        max_size=14,
    ),
)
def test_limits_are_kept_to_the_penny_on_any_dates(limits, anchor, steps):
    """A payment passes exactly if every limit, walked day by day, has room for it."""
    bank = Bank(Path(":memory:"), at=f"{anchor}T12:00:00+00:00")
    try:
        entries = [
            a_limit(f"{amount // 100}.{amount % 100:02}", period, kind)
            for period, is_calendar, amount in limits
            for kind in ["Calendar" if is_calendar else "Consent"]
        ]
        consent = bank.consent(body := a_consent(most="100.00", limits=entries))
        oracles = [
            (SlowOracle((period, is_calendar), amount, anchor), {})
            for period, is_calendar, amount in limits
        ]
        today = anchor
        for index, (gap, amount) in enumerate(steps):
            today += timedelta(days=gap)
            bank.set_day(today)
            text = f"{amount // 100}.{amount % 100:02}"
            request = a_payment(consent, amount=text, reference=f"N{index}", like=body)
            numbers = [oracle.number(today) for oracle, _ in oracles]
            broken = [
                position
                for position, ((oracle, spent), number) in enumerate(
                    zip(oracles, numbers, strict=True)
                )
                if spent.get(number, 0) + amount > oracle.allowed(number)
            ]
            path, answer = None, None
            try:
                answer = bank.pay(consent, request)
            except ObError as error:
                path = error.path
            if amount > 10_000:
                assert path == "Data.ControlParameters.MaximumIndividualAmount"
            elif broken:
                assert path == f"Data.ControlParameters.PeriodicLimits[{broken[0]}]"
            else:
                assert path is None
                if answer["Status"] != "RJCT":  # the account has 1,000.00 only
                    for (_, spent), number in zip(oracles, numbers, strict=True):
                        spent[number] = spent.get(number, 0) + amount
        bank.now_s += 60
        counted = [sum(spent.values()) for _, spent in oracles]
        assert {bank.debits()[1]} == set(counted)
        assert bank.ledger.is_balanced()
    finally:
        bank.close()
