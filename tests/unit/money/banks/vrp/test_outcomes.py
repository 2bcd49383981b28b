"""What everything that a bank can answer means for the money, over real mutual TLS."""

from __future__ import annotations

import email.utils
import json
import time

import pytest

from kiosk.domain.money import Money
from kiosk.money.banks.errors import BankUnreachableError
from kiosk.money.banks.port import Funds, OutcomeKind
from tests.fakes.bank_port import sought_of
from tests.fakes.scripted_vrp_bank import SPACE
from tests.unit.money.banks.vrp.conftest import pay, prepare

PAYMENTS = "/domestic-vrps"


def spoil_payments(peer, change, ending=PAYMENTS):
    def spoil(seen, answer):
        if seen.path.endswith(ending):
            change(answer)

    peer.spoil = spoil


def set_to(**fields):
    def change(answer):
        for name, value in fields.items():
            setattr(answer, name, value)

    return change


def refusing(status, code, path="", **fields):
    error = {"ErrorCode": code} | ({"Path": path} if path else {})
    return set_to(status=status, body={"Errors": [error]}, **fields)


def edit(*path, value):
    """Change one field of the right answer; it is signed afterwards."""

    def change(answer):
        answer.body = json.loads(json.dumps(answer.body))
        inner = answer.body
        for name in path[:-1]:
            inner = inner[name]
        inner[path[-1]] = value

    return change


# --- statuses -------------------------------------------------------------------------------------

KINDS = {
    OutcomeKind.SETTLED: ["ACSC", "ACCC"],
    OutcomeKind.ACCEPTED: ["RCVD", "PDNG", "ACTC", "ACCP", "ACFC", "ACWC", "ACSP", "ACWP"],
    OutcomeKind.DECLINED: ["RJCT", "CANC", "BLCK"],
}


@pytest.mark.parametrize(
    ("kind", "status"), [(kind, status) for kind, all_ in KINDS.items() for status in all_]
)
def test_each_status_has_one_meaning(world, mandate, kind, status):
    """Only what is settled is paid; accepted is not, and refused is no debit."""
    world.peer.first_status = status
    answer = pay(world.bank, mandate)
    assert (answer.kind, answer.payment_ref) == (kind, "vrp-1")
    assert world.bank.find(sought_of(payment_ref=answer.payment_ref)).kind is kind


def test_unknown_status_is_pending_with_an_alarm(world, mandate, caplog):
    """A code that no list has is never paid; staff are told."""
    world.peer.first_status = "ZZZZ"
    answer = pay(world.bank, mandate)

    assert (answer.kind, answer.reason) == (OutcomeKind.ACCEPTED, "bank_status_not_known")
    assert "ZZZZ" in caplog.text
    assert "ZZZZ" in world.bank.health().detail


@pytest.mark.parametrize(
    ("code", "reason"),
    [("AM04", "insufficient_funds"), ("AM21", "limit_period"), ("FRAD", "declined_by_bank")],
)
def test_reason_of_a_refusal(world, mandate, code, reason):
    """The bank's status reason becomes our word, at once or from the payment's details."""
    world.peer.first_status = "RJCT"
    told = edit("Data", "StatusReason", value=[{"StatusReasonCode": code}])
    spoil_payments(world.peer, told)
    assert pay(world.bank, mandate, "1").reason == reason

    details = {"Data": {"PaymentStatus": [{"StatusDetail": {"StatusReason": code}}]}}
    spoil_payments(world.peer, set_to(status=200, body=details), "/payment-details")
    assert pay(world.bank, mandate, "2").reason == reason


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "code", "path", "reason"),
    [
        (400, "U014", "Data.ControlParameters.MaximumIndividualAmount", "limit_per_payment"),
        (400, "U014", "Data.ControlParameters.PeriodicLimits[0]", "limit_per_day"),
        (400, "U014", "ControlParameters.PeriodicLimits.Month.Amount", "limit_period"),
        (400, "U014", "", "limit_period"),
        (400, "U014", "Data.ControlParameters.ValidToDateTime", "mandate_expired"),
        (400, "U002", "Data.Instruction", "declined_by_bank"),
        (400, "U008", "Risk", "declined_by_bank"),
        (400, "U012", "", "declined_by_bank"),
        (400, "U016", "x-jws-signature", "declined_by_bank"),
        (403, "U028", "", "mandate_suspended"),
        (401, "TKSP", "", "mandate_suspended"),
        (401, "TKXP", "", "mandate_expired"),
        (401, "U028", "", "mandate_suspended"),
    ],
)
def test_signed_refusal_is_a_decline(world, mandate, status, code, path, reason):
    """What the bank says it will not execute is declined, with a reason to act on.

    The 401s too: signed, under our interaction id and made after we asked. Without a signature
    they decline nothing (below), because a bank may execute and its gateway refuse.
    """
    spoil_payments(world.peer, refusing(status, code, path))
    answer = pay(world.bank, mandate)
    assert (answer.kind, answer.reason) == (OutcomeKind.DECLINED, reason)


@pytest.mark.parametrize(
    ("state", "reason"),
    [("CANC", "mandate_suspended"), ("EXPD", "mandate_expired"), ("RJCT", "mandate_rejected")],
)
def test_inactive_consent_says_why(world, mandate, state, reason):
    """U009 says only that the consent is not active; the consent itself says why."""
    spoil_payments(world.peer, refusing(400, "U009"))
    world.peer.consents[mandate]["Data"]["Status"] = state
    assert pay(world.bank, mandate).reason == reason


def test_consent_that_is_gone(world, mandate):
    """A consent that was deleted elsewhere declines as revoked."""
    spoil_payments(world.peer, refusing(400, "U011"))
    del world.peer.consents[mandate]
    assert pay(world.bank, mandate).reason == "mandate_revoked"


UNPROVEN = [
    refusing(400, "U014", signature=""),
    refusing(403, "U028", signature=""),
    refusing(401, "TKSP", signature=""),
    refusing(401, "TKXP", signature=""),
    refusing(401, "U028", signature=""),
    refusing(401, "TKSP", headers={"x-fapi-interaction-id": ""}),
    refusing(400, "U014", headers={"x-fapi-interaction-id": ""}),
    refusing(403, "U028", headers={"x-fapi-interaction-id": ""}),
    refusing(400, "U000"),
    refusing(400, "U013"),
    refusing(400, "U029"),
    refusing(400, "U006", "x-idempotency-key"),
    refusing(409, "U029"),
    refusing(429, "U000", headers={"Retry-After": "1"}),
    refusing(500, "U000"),
    refusing(401, "U002"),
    set_to(status=400, body={"Errors": []}),
    set_to(status=400, body={"Errors": [{"ErrorCode": "not a code"}]}),
    set_to(status=401, body=None),
    set_to(status=404, body=None),
    set_to(status=405, body=None),
    set_to(status=406, body=None),
    set_to(status=415, body=None),
    set_to(status=503, body=None),
    set_to(status=200),
    set_to(status=202),
    set_to(status=204, raw=b""),
    set_to(status=307, headers={"Location": "https://127.0.0.1:1/"}),
]


@pytest.mark.parametrize("change", UNPROVEN)
def test_what_proves_nothing_is_unknown(world, mandate, change):
    """Unsigned words, conflicts, trouble and refusals that an earlier send may have outlived."""
    spoil_payments(world.peer, change)
    answer = pay(world.bank, mandate)
    assert answer.kind is OutcomeKind.UNKNOWN
    assert answer.reason


# --- refusals of another request ------------------------------------------------------------------

LIMIT = "Data.ControlParameters.MaximumIndividualAmount"
ECHOES = {"echoed": {}, "not echoed": {"x-fapi-interaction-id": ""}}
REFUSALS = [(400, "U014", LIMIT), (403, "U028", ""), (401, "TKSP", ""), (401, "U028", "")]


def signed_ago(peer, status, code, path, age_s, **headers):
    """Have the bank execute, and answer with a refusal that it signed `age_s` seconds before."""

    def change(answer):
        refusing(status, code, path, headers=dict(headers))(answer)
        answer.header = {f"{SPACE}iat": int(time.time() + peer.skew_s) - age_s}

    return change


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: f"{refusal[0]}-{refusal[1]}")
@pytest.mark.parametrize("echo", ECHOES)
@pytest.mark.parametrize("age_s", [8, 240])
def test_replayed_refusal_is_unknown(world, mandate, refusal, echo, age_s):
    """A refusal signed before we asked is another request's; the resend finds the payment."""
    world.peer.first_status = "ACSC"
    spoil_payments(world.peer, signed_ago(world.peer, *refusal, age_s, **ECHOES[echo]))
    request = prepare(world.bank, mandate)
    assert world.bank.submit(request, mandate).kind is OutcomeKind.UNKNOWN

    world.peer.spoil = lambda seen, answer: None
    assert world.bank.submit(request, mandate).kind is OutcomeKind.SETTLED
    assert len(world.peer.payments) == 1


@pytest.mark.parametrize("skew_s", [-200, 200])
def test_time_of_a_refusal_is_told_by_the_banks_clock(world, mandate, skew_s):
    """Our clock may be minutes off: a refusal of now is believed, and one of before is not."""
    world.peer.skew_s = skew_s
    world.bank.mandate(mandate)
    spoil_payments(world.peer, refusing(400, "U014", LIMIT))
    assert pay(world.bank, mandate, "1").kind is OutcomeKind.DECLINED
    spoil_payments(world.peer, signed_ago(world.peer, 400, "U014", LIMIT, 8))
    assert pay(world.bank, mandate, "2").kind is OutcomeKind.UNKNOWN


def test_replay_cannot_bring_its_own_time(world, mandate):
    """A whole old answer, `Date` included, does not move the moment at which we asked."""
    date = email.utils.formatdate(time.time() - 240, usegmt=True)
    spoil_payments(world.peer, signed_ago(world.peer, 400, "U014", LIMIT, 240, Date=date))
    assert pay(world.bank, mandate).kind is OutcomeKind.UNKNOWN


@pytest.mark.parametrize("change", [{"headers": ECHOES["not echoed"]}, {"header": None}])
def test_old_rejected_payment_is_unknown(world, mandate, change):
    """A payment that is told rejected is held to the same: the resend says it again."""
    world.peer.first_status = "RJCT"
    old = {f"{SPACE}iat": int(time.time()) - 30}
    spoil_payments(world.peer, set_to(**{k: old if v is None else v for k, v in change.items()}))
    request = prepare(world.bank, mandate)
    assert world.bank.submit(request, mandate).kind is OutcomeKind.UNKNOWN
    world.peer.spoil = lambda seen, answer: None
    assert world.bank.submit(request, mandate).kind is OutcomeKind.DECLINED


def test_payment_without_the_echo_is_still_paid(world, mandate):
    """A success names what it is about, so nothing more is needed to believe it."""
    world.peer.first_status = "ACSC"
    spoil_payments(world.peer, set_to(headers=ECHOES["not echoed"]))
    assert pay(world.bank, mandate).kind is OutcomeKind.SETTLED


def test_unsigned_401_renews_the_token_for_the_resend(world, mandate):
    """It decides nothing, but the token may really have ended: the resend goes with a new one."""
    world.peer.first_status = "ACSC"
    spoil_payments(world.peer, refusing(401, "TKSP", signature=""))
    request = prepare(world.bank, mandate)
    answer = world.bank.submit(request, mandate)
    assert (answer.kind, answer.reason) == (OutcomeKind.UNKNOWN, "bank_status_401")
    world.peer.spoil = lambda seen, answer: None
    assert world.bank.submit(request, mandate).kind is OutcomeKind.SETTLED
    first, second = world.peer.calls("POST", PAYMENTS)
    assert first.headers["authorization"] != second.headers["authorization"]
    assert len(world.peer.payments) == 1


@pytest.mark.parametrize("echo", ECHOES)
def test_replayed_unknown_consent_revokes_nothing(world, mandate, echo):
    """U011 does not say which consent the bank does not know."""
    replay = signed_ago(world.peer, 400, "U011", "", 30, **ECHOES[echo])
    spoil_payments(world.peer, replay, mandate)
    with pytest.raises(BankUnreachableError):
        world.bank.mandate(mandate)


# --- answers that cannot be believed --------------------------------------------------------------

UNBELIEVABLE = {
    "unsigned": set_to(signature=""),
    "no signature at all": set_to(signature="nonsense"),
    "not detached": lambda answer: setattr(answer, "signature", "a.b.c"),
    "other algorithm": set_to(header={"alg": "RS256"}),
    "unknown key": set_to(header={"kid": "nobody"}),
    "of another bank": set_to(header={f"{SPACE}iss": "0015800000ELSE"}),
    "other trust anchor": set_to(header={f"{SPACE}tan": "example.org"}),
    "from tomorrow": set_to(header={f"{SPACE}iat": 4_000_000_000}),
    "of yesterday": set_to(header={f"{SPACE}iat": 1_700_000_000}),
    "time as text": set_to(header={f"{SPACE}iat": "now"}),
    "time is true": set_to(header={f"{SPACE}iat": True}),
    "claim missing": set_to(header={f"{SPACE}tan": None}),
    "not critical": set_to(header={"crit": None}),
    "too few critical": set_to(header={"crit": [f"{SPACE}iat", f"{SPACE}iss"]}),
    "extra claim": set_to(header={"note": "x"}),
    "wrong type": set_to(header={"typ": "JWT"}),
    "wrong content": set_to(header={"cty": "text/plain"}),
    "other consent": edit("Data", "ConsentId", value="consent-2"),
    "other amount": edit(
        "Data", "Instruction", "InstructedAmount", value={"Amount": "12.51", "Currency": "GBP"}
    ),
    "other currency": edit(
        "Data", "Instruction", "InstructedAmount", value={"Amount": "12.50", "Currency": "EUR"}
    ),
    "finer amount": edit(
        "Data", "Instruction", "InstructedAmount", value={"Amount": "12.501", "Currency": "GBP"}
    ),
    "amount as number": edit(
        "Data", "Instruction", "InstructedAmount", value={"Amount": 12.5, "Currency": "GBP"}
    ),
    "other order": edit("Data", "Instruction", "EndToEndIdentification", value="OTHER"),
    "other instruction": edit("Data", "Instruction", "InstructionIdentification", value="OTHER"),
    "other payee": edit(
        "Data", "Instruction", "CreditorAccount", "Identification", value="99999999999999"
    ),
    "no payment id": edit("Data", "DomesticVRPId", value=None),
    "id too long": edit("Data", "DomesticVRPId", value="x" * 41),
    "no status": edit("Data", "Status", value=None),
    "odd status": edit("Data", "Status", value="paid!"),
    "no data": edit("Data", value=[]),
    "garbage": set_to(raw=b"\x00\xffgarbage"),
    "no object": set_to(raw=b"[]"),
    "a name twice": set_to(raw=b'{"Data": {}, "Data": {}}'),
    "too deep": set_to(raw=b"[" * 20_000),
    "too long": set_to(raw=b'{"pad": "' + b"x" * 70_000 + b'"}'),
    "truncated": set_to(action="cut"),
    "closed": set_to(action="drop"),
    "silent": set_to(action="hang"),
    "another exchange's": set_to(
        headers={"x-fapi-interaction-id": "00000000-0000-4000-8000-000000000000"}
    ),
}


@pytest.mark.parametrize("name", UNBELIEVABLE)
def test_unbelievable_answer_is_unknown(world, mandate, name):
    """Tampered, another's, broken or silent: neither paid nor declined, at a POST and at a GET."""
    asked = sought_of(payment_ref=pay(world.bank, mandate).payment_ref)
    world.peer.first_status = "ACSC"
    spoil_payments(world.peer, UNBELIEVABLE[name])
    assert pay(world.bank, mandate, "2").kind is OutcomeKind.UNKNOWN

    world.peer.payments["vrp-1"]["Data"]["Status"] = "ACSC"
    assert world.bank.find(asked).kind is OutcomeKind.SETTLED
    spoil_payments(world.peer, UNBELIEVABLE[name], "/domestic-vrps/vrp-1")
    # Asked by the bank's id, the consent is the only thing that is not compared.
    if name != "other consent":
        assert world.bank.find(asked).kind is OutcomeKind.UNKNOWN


def test_body_changed_after_signing_is_unknown(world, mandate):
    """One changed byte under a right signature."""

    def tamper(seen, answer):
        if seen.path.endswith(PAYMENTS):
            raw = json.dumps(answer.body).encode()
            answer.signature = world.peer.sign(raw)
            answer.raw = raw.replace(b'"RCVD"', b'"ACSC"')

    world.peer.spoil = tamper
    assert pay(world.bank, mandate).kind is OutcomeKind.UNKNOWN


def test_another_key_under_the_right_name_is_unknown(world, mandate, keys):
    """Whoever has no key of the bank cannot answer for it."""
    spoil_payments(world.peer, set_to(key=keys.other_signing))
    assert pay(world.bank, mandate).kind is OutcomeKind.UNKNOWN


def test_replayed_answer_is_unknown(world, mandate):
    """The signed answer to an earlier payment does not answer the next one."""
    kept = []

    def replay(seen, answer):
        if seen.method != "POST" or not seen.path.endswith(PAYMENTS):
            return
        if kept:
            answer.raw, answer.signature = kept[0]
            return
        raw = json.dumps(answer.body).encode()
        answer.raw, answer.signature = raw, world.peer.sign(raw)
        kept.append((raw, answer.signature))

    world.peer.first_status = "ACSC"
    world.peer.spoil = replay
    assert pay(world.bank, mandate, "1").kind is OutcomeKind.SETTLED
    assert pay(world.bank, mandate, "2").kind is OutcomeKind.UNKNOWN


def test_new_key_of_the_bank_is_fetched_once(world, mandate, keys):
    """The bank may change its key; a name that stays unknown does not make us ask for ever."""
    pay(world.bank, mandate, "1")
    world.peer.kid = "bank-2"
    world.bank._source.session().transport._fetched_at_s = None
    world.peer.published = [("bank-2", keys.bank_signing)]
    assert pay(world.bank, mandate, "2").kind is OutcomeKind.ACCEPTED

    world.peer.kid = "bank-3"
    before = len(world.peer.calls("GET", "/jwks"))
    for name in "345":
        assert pay(world.bank, mandate, name).kind is OutcomeKind.UNKNOWN
    assert len(world.peer.calls("GET", "/jwks")) == before


# --- funds ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "funds"),
    [
        (set_to(), Funds.YES),
        (
            edit("Data", "FundsAvailableResult", "FundsAvailable", value="NotAvailable"),
            Funds.NO,
        ),
        (
            edit("Data", "FundsAvailableResult", "FundsAvailable", value="Perhaps"),
            Funds.UNKNOWN,
        ),
        (edit("Data", "ConsentId", value="consent-2"), Funds.UNKNOWN),
        (edit("Data", "InstructedAmount", "Amount", value="1.00"), Funds.UNKNOWN),
        (set_to(signature=""), Funds.UNKNOWN),
        (set_to(headers={"x-fapi-interaction-id": ""}), Funds.UNKNOWN),
        (refusing(400, "U009"), Funds.UNKNOWN),
        (set_to(action="drop"), Funds.UNKNOWN),
    ],
)
def test_cover(world, mandate, change, funds):
    """Advice is believed only if it is signed and about this consent and amount."""
    spoil_payments(world.peer, change, "/funds-confirmation")
    assert world.bank.check_funds(mandate, Money(1_250)) is funds


# --- resending ------------------------------------------------------------------------------------


def test_resend_is_byte_identical(world, mandate):
    """The same prepared request goes out with the same body, key and signature each time."""
    request = prepare(world.bank, mandate)
    first, second = (world.bank.submit(request, mandate) for _ in range(2))
    assert first == second
    sent = world.peer.calls("POST", PAYMENTS)
    for name in ("x-jws-signature", "x-idempotency-key", "content-type"):
        assert sent[0].headers[name] == sent[1].headers[name]
    assert sent[0].body == sent[1].body == request.body
    assert sent[0].headers["x-fapi-interaction-id"] != sent[1].headers["x-fapi-interaction-id"]


def test_same_intent_is_signed_anew_with_the_same_body(world, mandate):
    """PS256 is randomised: whoever would sign again on a resend would change the request."""
    one, other = (prepare(world.bank, mandate) for _ in range(2))
    assert one.body == other.body
    assert dict(one.headers)["x-jws-signature"] != dict(other.headers)["x-jws-signature"]
