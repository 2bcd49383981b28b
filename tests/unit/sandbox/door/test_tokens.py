"""Tokens: who gets one, for whom it is good, and when it ends."""

from __future__ import annotations

import pytest

from kiosk.sandbox.bank.faults import FaultScript
from kiosk.sandbox.bank.vrp.door import Door
from tests.fakes.third_party import ABSENT, CIBA, ThirdParty

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def pay(tpp, consent_id, token, key="k1"):
    body = tpp.payment_body(consent_id)
    return tpp.call("POST", "/domestic-vrps", body, token=token, key=key)


def test_no_token_and_a_wrong_one(tpp):
    """401 without a body, whatever is wrong with the token."""
    good = tpp.client_token()
    for value in (
        ABSENT, "", "Bearer", "Bearer nonsense", f"Bearer {good}x", f"Basic {good}",
        f"Bearer .{good.partition('.')[2]}", "Bearer \u00fc",
    ):  # fmt: skip
        reply = tpp.call("GET", "/domestic-vrps/x", Authorization=value)
        assert (reply.status, reply.raw) == (401, b"")


def test_client_token_ends(tpp, clock):
    """After its life a client's token is 401 without a body."""
    reply = tpp.token(grant_type="client_credentials", scope="payments").json
    clock.now_s += reply["expires_in"]
    assert tpp.call("GET", "/domestic-vrps/x", token=reply["access_token"]).status == 401


def test_tokens_are_bound_to_the_certificate(tpp, stranger):
    """Another client that has stolen a token cannot use it."""
    consent_id, token = tpp.approved()

    assert pay(stranger, consent_id, token).status == 401
    assert stranger.call("GET", "/domestic-vrps/x", token=tpp.client_token()).status == 401


def test_each_call_wants_its_kind_of_token(tpp, debits):
    """Paying needs the payer's token, reading the client's: else 403, signed, and not executed."""
    consent_id, token = tpp.approved()

    for reply in (
        pay(tpp, consent_id, None),
        tpp.call("GET", f"/domestic-vrp-consents/{consent_id}", token=token),
        tpp.call("POST", "/events", {}, token=token),
    ):
        assert reply.status == 403
        tpp.check(reply)
    assert debits() == 0


def test_token_of_another_consent(tpp, debits):
    """A consent's token pays under that consent only."""
    first, _ = tpp.approved()
    _, other = tpp.approved()

    assert pay(tpp, first, other).status in {400, 403}
    assert debits() == 0


def test_resources_of_another_client(tpp, stranger):
    """What belongs to another client is 403, and cannot be approved or tokened either."""
    consent_id, token = tpp.approved()
    payment_id = pay(tpp, consent_id, token).json["Data"]["DomesticVRPId"]

    for path in (f"/domestic-vrp-consents/{consent_id}", f"/domestic-vrps/{payment_id}"):
        reply = stranger.call("GET", path)
        assert reply.status == 403
        stranger.check(reply)
    assert stranger.call("DELETE", f"/domestic-vrp-consents/{consent_id}").status == 403
    assert stranger.backchannel(consent_id).status == 400
    assert stranger.approve(consent_id).status == 403


@pytest.mark.parametrize(
    ("decision", "codes"), [("suspend", ["TKSP", "U028"]), ("expire", ["TKXP"])]
)
def test_token_of_a_consent_that_ended(door, tpp, debits, decision, codes):
    """401 says in ISO's words whether the consent was suspended or has run out."""
    consent_id, token = tpp.approved()
    door.books.decide_consent(consent_id, decision)

    reply = pay(tpp, consent_id, token)

    assert reply.status == 401
    assert [error["ErrorCode"] for error in reply.json["Errors"]] == codes
    tpp.check(reply)
    assert debits() == 0


def test_approval_again_after_suspension(door, tpp):
    """A suspended consent can be approved again, and its tokens work again."""
    consent_id, token = tpp.approved()
    door.books.decide_consent(consent_id, "suspend")
    assert tpp.backchannel(consent_id).status == 200

    assert tpp.approve(consent_id).json["status"] == "AUTH"

    assert pay(tpp, consent_id, token).status == 201


def test_deleted_consent_takes_its_tokens_along(tpp):
    """After DELETE the consent's token is 401, and the consent is 400 U011."""
    consent_id, token = tpp.approved()
    assert tpp.call("DELETE", f"/domestic-vrp-consents/{consent_id}").status == 204

    assert pay(tpp, consent_id, token).status == 401
    gone = tpp.call("GET", f"/domestic-vrp-consents/{consent_id}")
    assert (gone.status, gone.code) == (400, "U011")


def test_decoupled_approval(tpp, clock):
    """CIBA: pending until the payer approves, then tokens; a newer request ends the older one."""
    consent_id = tpp.stage()
    old = tpp.backchannel(consent_id).json["auth_req_id"]
    started = tpp.backchannel(consent_id).json
    assert started["expires_in"] == 300

    def poll(request_id):
        return tpp.token(grant_type=CIBA, auth_req_id=request_id)

    assert poll(old).json["error"] == "expired_token"
    assert poll(started["auth_req_id"]).json["error"] == "authorization_pending"
    assert poll(started["auth_req_id"]).json["error"] == "slow_down"
    assert tpp.approve(consent_id).status == 200
    tokens = poll(started["auth_req_id"]).json
    assert pay(tpp, consent_id, tokens["access_token"]).status == 201

    clock.now_s += 301
    assert poll(started["auth_req_id"]).json["error"] == "expired_token"


def test_rejection_ends_the_decoupled_approval(tpp):
    """A payer who rejects: access_denied, and the consent is RJCT."""
    consent_id = tpp.stage()
    started = tpp.backchannel(consent_id).json
    assert tpp.approve(consent_id, decision="reject").json["status"] == "RJCT"

    reply = tpp.token(grant_type=CIBA, auth_req_id=started["auth_req_id"])

    assert (reply.status, reply.json["error"]) == (400, "access_denied")
    assert tpp.backchannel(consent_id).status == 400


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "https://elsewhere.example"},
        {"iss": "somebody"},
        {"exp": 1},
        {"exp": 1_795_009_999},
        {"nbf": 1_795_000_999},
        {"scope": "accounts"},
        {"openbanking-intent-id": ""},
        {"login_hint_token": "x"},
    ],
)
def test_request_objects_are_checked(tpp, claims):
    """A request object for somebody else, from somebody else, too old or too long is refused."""
    consent_id = tpp.stage()
    base = {"scope": "openid payments", "openbanking-intent-id": consent_id}
    request = tpp.jwt(tpp.claims(**(base | claims)))

    reply = tpp.form(tpp.onboarding["backchannel_authentication_endpoint"], request=request)

    assert reply.status == 400
    assert reply.json["error"] in {"invalid_request_object", "invalid_request", "invalid_scope"}


def test_request_object_with_another_algorithm(tpp):
    """RS256 and no signature at all are refused."""
    consent_id = tpp.stage()
    claims = tpp.claims(scope="openid payments", **{"openbanking-intent-id": consent_id})
    url = tpp.onboarding["backchannel_authentication_endpoint"]
    for request in (tpp.jwt(claims, alg="RS256"), tpp.jwt(claims).rpartition(".")[0] + "."):
        assert tpp.form(url, request=request).json["error"] == "invalid_request_object"


def test_private_key_jwt(tpp, stranger):
    """An assertion proves a client once; one of another, or with a wrong audience, does not."""

    def ask(assertion, **fields):
        return tpp.token(
            grant_type="client_credentials",
            scope="payments",
            client_assertion=assertion,
            **({"client_assertion_type": ASSERTION} | fields),
        )

    me = tpp.onboarding["client_id"]
    good = tpp.jwt(tpp.claims(sub=me, aud=tpp.onboarding["token_endpoint"]))
    assert ask(good, client_id=ABSENT).status == 200
    assert ask(good).status == 401
    assert ask(stranger.jwt(tpp.claims(sub=me))).status == 401
    assert ask(tpp.jwt(tpp.claims(sub="another"))).status == 401
    assert ask(tpp.jwt(tpp.claims(sub=me, aud="x"))).status == 401
    assert ask(tpp.jwt(tpp.claims(sub=me)), client_assertion_type="x").status == 401
    no_name = tpp.token(grant_type="client_credentials", scope="payments", client_id=ABSENT)
    assert (no_name.status, no_name.json["error"]) == (401, "invalid_client")


def test_token_endpoint_refuses_nonsense(tpp, stranger):
    """Unknown grants, scopes, forms and other clients' names are refused in OAuth's words."""
    assert tpp.token(grant_type="password").json["error"] == "unsupported_grant_type"
    assert tpp.token(grant_type="client_credentials", scope="x").json["error"] == "invalid_scope"
    assert tpp.token(grant_type="refresh_token", refresh_token="x").json["error"] == "invalid_grant"
    assert tpp.token(grant_type=CIBA, auth_req_id="x").json["error"] == "expired_token"
    foreign = tpp.token(
        grant_type="client_credentials",
        scope="payments",
        client_id=stranger.onboarding["client_id"],
    )
    assert (foreign.status, foreign.json["error"]) == (401, "invalid_client")
    url, kind = tpp.onboarding["token_endpoint"], "application/x-www-form-urlencoded"
    for body, content in ((b"a=1&a=2", kind), (b"\xff", kind), (b"{}", "application/json")):
        assert tpp.send("POST", url, body, {"Content-Type": content}).status == 400
    assert tpp.send("GET", url).status == 405
    assert tpp.send("GET", tpp.onboarding["issuer"] + "/nowhere").status == 404


def test_refreshing(door, tpp, clock, stranger):
    """With a short life the access token ends, and the refresh token gets another."""
    consent_id, token = tpp.approved()
    door.mint.consent_life_s = 60
    tokens = tpp.consent_tokens(consent_id)
    assert tokens["expires_in"] == 60
    clock.now_s += 61
    assert pay(tpp, consent_id, tokens["access_token"]).status == 401

    refresh = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    assert stranger.token(**refresh).json["error"] == "invalid_grant"
    fresh = tpp.token(**refresh).json["access_token"]

    assert pay(tpp, consent_id, fresh).status == 201
    assert pay(tpp, consent_id, token, key="k2").status == 201


def test_forgotten_tokens(door, tpp):
    """When the bank forgets all tokens, new ones can be had at once."""
    consent_id, token = tpp.approved()
    door.mint.forget_all()
    assert pay(tpp, consent_id, token).status == 401
    assert pay(tpp, consent_id, tpp.consent_tokens(consent_id)["access_token"]).status == 201


def test_tokens_and_pending_approvals_outlive_a_restart(tmp_path, door, tpp, ledger, pki):
    """A bank that starts again still knows what it gave out, and who waits for a payer."""
    consent_id, token = tpp.approved()
    waiting = tpp.stage()
    request_id = tpp.backchannel(waiting).json["auth_req_id"]

    again = Door(tmp_path / "vrp", ledger, FaultScript(), pki)
    with again.open():
        same = ThirdParty(again.onboarding(), ledger.now_s)
        assert pay(same, consent_id, token).status == 201
        assert same.approve(waiting).status == 200
        assert same.token(grant_type=CIBA, auth_req_id=request_id).status == 200


def test_nothing_secret_is_shown(door, pki):
    """Neither keys nor tokens are in any representation."""
    shown = repr((pki, pki.clients, door.mint))
    assert "PRIVATE" not in shown
    assert repr(pki.token_secret) not in shown
