"""POST /api/create-order (HU-075)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from hosting_orders.domain.features import DOMAIN_REGISTRATION
from tests.conformance.contract_001.support import (
    HOOK,
    KEY,
    assert_error,
    body_of,
    create,
    created,
    domain,
    order_in,
    pay_page,
    post,
    site,
    stored,
    vps,
)
from tests.conformance.contract_002.support import change_account, state_of
from tests.support.checkout import session_of
from tests.support.world import World, a_world


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with a_world() as world:
        yield world


FIELDS = "invoiceId orderId orderIds paymentUrl redirectUrl pendingManualProcessing accountCreated clientId".split()  # noqa: SIM905


def refused(
    world: World, body: Any, status: int, code: str, *fields: str, account: str = "ready", **more: Any
) -> Any:
    before = state_of(world)
    reply = post(world, body, account, **more)
    assert_error(reply, status, code, *fields)
    assert state_of(world) == before
    return reply.body


@pytest.mark.parametrize("product", ["site", "vps", "domain"])
def test_HU_075_an_item_of_each_type_can_be_ordered_with_a_saved_method(world: World, product: str) -> None:
    item = {"site": site(), "vps": vps(), "domain": domain(world, "one-item.com")}[product]
    data = created(world, item)
    assert list(data) == FIELDS
    order = order_in(world, data["orderId"])
    assert data == {
        "invoiceId": order["invoice_id"],
        "orderId": order["id"],
        "orderIds": [order["id"]],
        "paymentUrl": None,
        "redirectUrl": None,
        "pendingManualProcessing": False,
        "accountCreated": False,
        "clientId": order["client_id"],
    }
    assert order["type"] == product


def test_HU_075_each_item_becomes_an_order_and_all_share_one_charge(world: World) -> None:
    before = world.net_paid()
    data = created(world, site(), vps(), domain(world, "several-a.com"), site(name="Two"))
    orders = [order_in(world, number) for number in data["orderIds"]]
    assert data["orderId"] == data["orderIds"][0]
    assert [order["type"] for order in orders] == ["site", "vps", "domain", "site"]
    assert {order["invoice_id"] for order in orders} == {data["invoiceId"]}
    assert world.net_paid() - before == 1200 + 600 + 1200 + 1200


@pytest.mark.parametrize("account", ["no_method", "no_customer"])
def test_HU_075_without_a_saved_method_the_customer_pays_on_a_page(world: World, account: str) -> None:
    data = created(world, site(), vps(), account=account)
    session = session_of(world, stored(world, data["orderId"], account))
    assert data["paymentUrl"] == data["redirectUrl"] == session["url"]
    assert (data["accountCreated"], data["pendingManualProcessing"]) == (False, False)
    assert order_in(world, data["orderId"], account)["invstatus"] == "Unpaid"
    pay_page(world, data["orderId"], account)
    for number in data["orderIds"]:
        assert order_in(world, number, account)["status"] == "Active"


def test_HU_075_a_payment_url_is_sent_if_authentication_is_needed(world: World) -> None:
    data = created(world, site(), account="authentication_required")
    assert data["paymentUrl"].startswith("http")


def test_HU_075_no_account_is_created(world: World) -> None:
    accounts = len(world.items("ACCOUNT"))
    assert created(world, site())["accountCreated"] is False
    for fields in ({"email": "new@example.com"}, {"firstname": "New"}, {"accountId": "acc_credit"}):
        (name,) = fields
        refused(world, body_of(site(), clientData=fields), 400, "INVALID_FIELD", f"/clientData/{name}")
    assert len(world.items("ACCOUNT")) == accounts


def test_HU_075_the_customer_returns_to_return_url_or_the_order_page(world: World) -> None:
    client = {"returnUrl": "https://shop.example/done?basket=7"}
    data = created(world, site(), account="dutch", clientData=client)
    session = session_of(world, stored(world, data["orderId"], "dutch"))
    assert session["success_url"].startswith("https://shop.example/done?basket=7&order_id=")
    data = created(world, site(), account="dutch")
    session = session_of(world, stored(world, data["orderId"], "dutch"))
    assert session["success_url"].startswith("https://api.example.com/o/")


def test_HU_075_each_order_sends_a_callback_at_its_end(world: World) -> None:
    before = len(world.callbacks.received)
    client = {"callback": {"url": HOOK, "authorization": "Bearer 12345"}}
    created(world, site(), vps(), clientData=client)
    world.run()
    told = world.callbacks.received[before:]
    assert [json.loads(one.body)["type"] for one in told] == ["order.completed"] * 2
    assert {one.authorization for one in told} == {"Bearer 12345"}


# -- attemptKey -------------------------------------------------------------------------------------------------------


def test_HU_075_repeating_an_attempt_returns_the_same_orders(world: World) -> None:
    body = body_of(site(), vps())
    first = post(world, body)
    world.run()
    before = state_of(world)
    again = post(world, body)
    assert again.body["data"] == first.body["data"]
    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    assert state_of(world) == before
    spaced = post(world, dict(reversed(list(body.items()))), headers={"idempotency-key": body["attemptKey"]})
    assert spaced.body["data"] == first.body["data"]
    reused = refused(world, {**body, "cartItems": [vps()]}, 422, "IDEMPOTENCY_KEY_REUSED")
    assert "`attemptKey`" in reused["message"]
    elsewhere = post(world, body, "credit")
    assert elsewhere.body["data"]["orderId"] != first.body["data"]["orderId"]


def test_HU_075_a_repeated_attempt_has_a_payment_url_only_if_unpaid(world: World) -> None:
    body = body_of(site())
    first = post(world, body, "dutch").body["data"]
    assert post(world, body, "dutch").body["data"] == first
    pay_page(world, first["orderId"], "dutch")
    assert post(world, body, "dutch").body["data"] == {**first, "paymentUrl": None, "redirectUrl": None}


def test_HU_075_an_invalid_attempt_key_is_refused(world: World) -> None:
    for wrong in ("", " ", "a b", "x" * 256, "schlüssel", "a\n", "\u0000"):
        refused(world, body_of(site(), attemptKey=wrong), 400, "INVALID_IDEMPOTENCY_KEY", "/attemptKey")
    for wrong in (None, 1, [], {}):
        refused(world, body_of(site(), attemptKey=wrong), 400, "INVALID_FIELD", "/attemptKey")
    missing = body_of(site())
    del missing["attemptKey"]
    refused(world, missing, 400, "MISSING_FIELD", "/attemptKey")
    other = {"idempotency-key": "another"}
    refused(world, body_of(site()), 400, "INVALID_IDEMPOTENCY_KEY", "/attemptKey", headers=other)
    wrong_header = {"idempotency-key": "a b"}
    refused(world, body_of(site()), 400, "INVALID_IDEMPOTENCY_KEY", headers=wrong_header)


# -- refusals ---------------------------------------------------------------------------------------------------------

WITHOUT_TYPE = {name: value for name, value in site().items() if name != "type"}
REFUSALS: list[tuple[dict[str, Any], str, str]] = [
    (WITHOUT_TYPE, "INVALID_FIELD", "type"),
    (site(type="vm"), "INVALID_FIELD", "type"),
    (site(type=[]), "INVALID_FIELD", "type"),
    (site(type=1), "INVALID_FIELD", "type"),
    (site(name=None), "MISSING_FIELD", "name"),
    (site(name="a\nb"), "INVALID_FIELD", "name"),
    (site(variant="drupal"), "UNKNOWN_VARIANT", "variant"),
    (site(variant="migration"), "UNKNOWN_VARIANT", "variant"),
    (site(location="mars"), "UNKNOWN_LOCATION", "location"),
    (site(plan="gold"), "UNKNOWN_PLAN", "plan"),
    (site(plan="vps-1"), "UNKNOWN_PLAN", "plan"),
    (site(billingCycle="monthly"), "INVALID_FIELD", "billingCycle"),
    (site(term="monthly"), "INVALID_FIELD", "term"),
    (vps(hostname="-x-"), "INVALID_FIELD", "hostname"),
    (vps(hostname=""), "INVALID_FIELD", "hostname"),
    (vps(hostname=None), "MISSING_FIELD", "hostname"),
    (vps(plan="basic"), "UNKNOWN_PLAN", "plan"),
    (vps(image="windows"), "UNKNOWN_IMAGE", "image"),
    (vps(location="mars"), "UNKNOWN_LOCATION", "location"),
    (vps(billingCycle="Free"), "INVALID_FIELD", "billingCycle"),
    (vps(sshKey="my key"), "INVALID_FIELD", "sshKey"),
    (vps(sshKey=""), "INVALID_FIELD", "sshKey"),
    (vps(sshKey=7), "INVALID_FIELD", "sshKey"),
    (vps(ssh_key="ssh-rsa AAAA"), "INVALID_FIELD", "ssh_key"),
]


@pytest.mark.parametrize(("item", "code", "field"), REFUSALS, ids=str)
@pytest.mark.parametrize("account", ["ready", "no_method"])
def test_HU_070_HU_074_HU_075_an_error_names_the_field_that_caused_it(
    world: World, item: dict[str, Any], code: str, field: str, account: str
) -> None:
    body = refused(world, body_of(site(), item), 400, code, f"/cartItems/1/{field}", account=account)
    assert "pattern" not in body["message"] and "Input" not in body["message"]
    assert "discriminator" not in body["message"]


def test_HU_075_item_errors_are_in_plain_words(world: World) -> None:
    body = refused(world, body_of(site(type="vm")), 400, "INVALID_FIELD", "/cartItems/0/type")
    assert body["message"] == "`cartItems.0.type` must be `site`, `vps` or `domain`."
    body = refused(world, body_of(site(billingCycle="x")), 400, "INVALID_FIELD", "/cartItems/0/billingCycle")
    assert body["message"] == "`cartItems.0.billingCycle` must be `Monthly` or `Annually`."


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"name": "no spaces.com"}, "INVALID_DOMAIN", "name"),
        ({"name": ""}, "INVALID_DOMAIN", "name"),
        ({"name": "x.unknowntld"}, "UNSUPPORTED_TLD", "name"),
        ({"name": "x.info"}, "PRICING_UNAVAILABLE", "name"),
        ({"action": "renew"}, "INVALID_ACTION", "action"),
        ({"action": "transfer"}, "AUTHCODE_REQUIRED", "authCode"),
        ({"authCode": "a\nb"}, "INVALID_FIELD", "authCode"),
        ({"authcode": "x"}, "INVALID_FIELD", "authcode"),
        ({"contact": None}, "INCOMPLETE_CONTACT", "contact"),
        ({"contact": "me"}, "INVALID_CONTACT", "contact"),
        ({"billingCycle": "Annually"}, "INVALID_FIELD", "billingCycle"),
    ],
    ids=str,
)
def test_HU_070_HU_075_the_error_names_the_invalid_field_of_a_domain_item(
    world: World, changes: dict[str, Any], code: str, field: str
) -> None:
    item = domain(world, **{"name": "refused-domain.com", **changes})
    refused(world, body_of(item), 400, code, f"/cartItems/0/{field}")


def test_HU_070_HU_075_an_invalid_contact_or_a_taken_domain_is_refused(world: World) -> None:
    contact = world.contact(country="NLD")
    item = domain(world, "refused-contact.com", contact=contact)
    refused(world, body_of(item), 400, "INVALID_CONTACT", "/cartItems/0/contact/country")
    taken = domain(world, "refused-taken.com")
    created(world, taken)
    refused(world, body_of(taken), 422, "DOMAIN_ADD_FAILED", "/cartItems/0/name")


def test_HU_075_the_domain_rules_of_contract_002_apply(world: World) -> None:
    body = body_of(site(), domain(world, "gates.com"))
    assert refused(world, body, 401, "USER_REQUIRED", key="system_key")["message"].startswith("Only a person")
    assert create(world, site(), account="trial").status == 200
    refused(world, body, 403, "TRIAL_ACCOUNT", account="trial")
    refused(world, {"cartItems": [{"type": "domain"}]}, 401, "USER_REQUIRED", key="system_key")
    assert post(world, body_of(site()), key="system_key").status == 200
    world.features.document = {DOMAIN_REGISTRATION: {"default": False}}
    refused(world, body, 503, "FEATURE_DISABLED")
    world.features.document = {DOMAIN_REGISTRATION: {"default": True}}


@pytest.mark.parametrize(
    ("client", "code", "field"),
    [
        ({"callback": {"url": "http://x.example/"}}, "INVALID_CALLBACK", "/clientData/callback/url"),
        (
            {"callback": {"url": HOOK, "authorization": "a\nb"}},
            "INVALID_CALLBACK",
            "/clientData/callback/authorization",
        ),
        ({"callback": {}}, "MISSING_FIELD", "/clientData/callback/url"),
        ({"callback": {"url": HOOK, "x": 1}}, "INVALID_FIELD", "/clientData/callback/x"),
        ({"returnUrl": "http://x.example/"}, "INVALID_RETURN_URL", "/clientData/returnUrl"),
        ({"returnUrl": 1}, "INVALID_FIELD", "/clientData/returnUrl"),
        ([], "INVALID_FIELD", "/clientData"),
        (None, "INVALID_FIELD", "/clientData"),
    ],
    ids=str,
)
def test_HU_075_the_error_names_the_invalid_field_of_client_data(
    world: World, client: Any, code: str, field: str
) -> None:
    refused(world, body_of(site(), clientData=client), 400, code, field)


@pytest.mark.parametrize(
    ("items", "field"),
    [
        ([], "/cartItems"),
        ([site()] * 21, "/cartItems"),
        ({}, "/cartItems"),
        (None, "/cartItems"),
        ([None], "/cartItems/0"),
        (["site"], "/cartItems/0"),
        ([[site()]], "/cartItems/0"),
    ],
    ids=["none", "21", "object", "null", "null inside", "text", "array"],
)
def test_HU_075_cart_items_must_be_1_to_20_objects(world: World, items: Any, field: str) -> None:
    body = refused(world, body_of(site(), cartItems=items), 400, "INVALID_FIELD", field)
    if field == "/cartItems" and isinstance(items, list):
        assert body["message"] == "`cartItems` must have 1 to 20 items."


def test_HU_075_an_account_without_the_right_to_order_is_refused(world: World) -> None:
    before = change_account(world, "ready", can_order=False)
    for item in (site(), vps(), domain(world, "may-not.com")):
        refused(world, body_of(item), 400, "ACCOUNT_UNABLE_TO_CREATE_ORDERS")
    world.services.directory.put_account(before)


def test_HU_075_a_final_decline_gets_a_422_and_charges_nothing(world: World) -> None:
    body = body_of(site())
    for _ in range(2):
        reply = post(world, body, "declined_final")
        assert_error(reply, 422, "CART_PAY_FAILED")
        assert reply.body["decline_code"] == "generic_decline"
    assert world.net_paid("declined_final") == 0


def test_HU_075_billing_cycle_location_and_plan_have_defaults(world: World) -> None:
    """The default cycle is monthly, because the plans `basic` and `vps-1` have a monthly price."""
    data = created(world, {"type": "site", "name": "Least", "variant": "vanilla"})
    assert order_in(world, data["orderId"])["hosting"][0]["billingcycle"] == "Monthly"
    assert order_in(world, created(world, vps())["orderId"])["hosting"][0]["billingcycle"] == "Monthly"
    assert KEY in world.accounts["ready"]
