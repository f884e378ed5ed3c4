"""POST /api/v1/orders and POST /api/v1/domains/register (SQ-066)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conformance.contract_000.support import (
    OBJECT_ID,
    ROUTES,
    VPS,
    ask,
    assert_error,
    data,
    fresh_key,
    order_vps,
)
from tests.conformance.contract_002.support import change_account, state_of
from tests.support.world import Reply, World

ORDERS = "/api/v1/orders"
REGISTER = "/api/v1/domains/register"


def refused(world: World, status: int, code: str, path: str, body: Any, **more: Any) -> Reply:
    """Send a request that must fail and store nothing."""
    before = kept(world)
    reply = ask(world, "POST", path, body, **more)
    assert_error(reply, status, code)
    assert kept(world) == before
    return reply


def kept(world: World) -> dict[str, Any]:
    """Return `state_of` without the number of writes. `ask` may store a new API key, which is a write."""
    return {name: value for name, value in state_of(world).items() if name != "writes"}


def test_a_vps_is_charged_delivered_and_gets_a_subscription(world: World) -> None:
    ordered = order_vps(world)
    assert (ordered["status"], ordered["type"], ordered["totalNet"]) == ("PENDING", "VM", 6.0)
    world.run()
    world.live(60, every=60)
    found = data(ask(world, "GET", f"{ORDERS}/{ordered['id']}"))
    assert found["status"] == "COMPLETED"
    service = world.platform.services[ordered["token"]]
    asked = [service.body[field] for field in ("kind", "name", "variant", "plan")]
    assert asked == ["vm", "web-1.example.com", "debian-13", "vps-1"]
    order = world.order(ordered["token"])
    assert order.subscription is not None and service.built == 1
    v2 = world.request("GET", f"/api/orders/{ordered['token']}").body["vm"]
    assert v2["hostname"] == "web-1.example.com" and v2["ssh_data"]["password"]
    assert "password" not in json.dumps(found)


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("plan", "basic", "UNKNOWN_PLAN"),
        ("image", "windows", "UNKNOWN_IMAGE"),
        ("location", "mars", "UNKNOWN_LOCATION"),
        ("interval", "2 months", "UNKNOWN_TERM"),
        ("hostname", "-web", "INVALID_FIELD"),
        ("hostname", "web_1", "INVALID_FIELD"),
        ("hostname", "a" * 64, "INVALID_FIELD"),
        ("hostname", "web..example", "INVALID_FIELD"),
        ("hostname", "", "INVALID_FIELD"),
        ("hostname", "bücher.example", "INVALID_FIELD"),
        ("plan", 7, "INVALID_FIELD"),
        ("plan", None, "INVALID_FIELD"),
        ("php", "8.4", "INVALID_FIELD"),
        ("callback", {"url": "http://client.example/"}, "INVALID_CALLBACK"),
        ("callback", {"url": "https://169.254.169.254/"}, "INVALID_CALLBACK"),
    ],
)
def test_an_invalid_vps_field_is_refused(world: World, field: str, value: Any, code: str) -> None:
    reply = refused(world, 400, code, ORDERS, {**VPS, field: value})
    assert field in reply.body["error"] or "URL" in reply.body["error"] or "address" in reply.body["error"]


@pytest.mark.parametrize("field", list(VPS))
def test_a_missing_field_is_refused(world: World, field: str) -> None:
    body = {name: value for name, value in VPS.items() if name != field}
    assert field in refused(world, 400, "MISSING_FIELD", ORDERS, body).body["error"]


def test_suspended_or_unchargeable_accounts_cannot_order(world: World) -> None:
    refused(world, 400, "no_valid_mandate", ORDERS, VPS, account="no_method")
    refused(world, 400, "no_valid_mandate", ORDERS, VPS, account="no_customer")
    from dataclasses import replace

    before = change_account(world, "ready")
    world.services.directory.put_account(
        replace(before, billing_contact=replace(before.billing_contact, street=""))
    )
    refused(world, 400, "no_billing_address", ORDERS, VPS)
    world.services.directory.put_account(replace(before, can_order=False))
    refused(world, 400, "account_suspended", ORDERS, VPS)
    world.services.directory.put_account(before)


def test_a_declined_card_leaves_a_failed_order_and_no_charge(world: World) -> None:
    reply = ask(world, "POST", ORDERS, VPS, account="declined_final")
    assert_error(reply, 422, "PAYMENT_FAILED")
    (order,) = ask(world, "GET", ORDERS, account="declined_final").body["data"]
    assert order["status"] == "FAILED"
    assert world.net_paid("declined_final") == 0 and not world.stripe.open_invoices()


def test_repeating_a_request_places_no_second_order(world: World) -> None:
    key = fresh_key(world)
    once = {"idempotency-key": "vps-once"}
    first = ask(world, "POST", ORDERS, VPS, key=key, headers=once)
    second = ask(world, "POST", ORDERS, VPS, key=key, headers=once)
    assert data(first, 202)["id"] == data(second, 202)["id"]
    assert second.headers["idempotent-replayed"] == "true"
    other = ask(world, "POST", ORDERS, {**VPS, "hostname": "other"}, key=key, headers=once)
    assert_error(other, 422, "IDEMPOTENCY_KEY_REUSED")


def test_ordering_a_product_needs_its_scope(world: World) -> None:
    domains = fresh_key(world, scopes=frozenset({"domains:provision"}))
    machines = fresh_key(world, scopes=frozenset({"vps:manage"}))
    refused(world, 403, "INSUFFICIENT_SCOPE", ORDERS, VPS, key=domains)
    refused(world, 403, "INSUFFICIENT_SCOPE", REGISTER, {"domain": "a-b.com"}, key=machines)
    data(ask(world, "POST", ORDERS, VPS, key=machines), 202)


# -- domains ------------------------------------------------------------------------------------------------------


def test_SQ_066_a_domain_is_registered(world: World) -> None:
    reply = ask(world, "POST", REGISTER, {"domain": "sq066-example.com", "contact": world.contact()})
    assert reply.status == 202 and set(reply.body) == {"data"}
    found = reply.body["data"]
    assert list(found) == ["orderId", "orderToken", "domain", "status", "paymentId"]
    assert OBJECT_ID.fullmatch(found["orderId"]) and found["domain"] == "sq066-example.com"
    assert found["status"] == "completed" and found["paymentId"].startswith("in_")
    world.live(600, every=60)
    shown = data(ask(world, "GET", f"{ORDERS}/{found['orderToken']}"))
    assert (shown["status"], shown["type"], shown["interval"]) == ("COMPLETED", "DOMAIN", "12 months")
    again = world.order(found["orderToken"])
    owned = {"domain": "sq066-second.com", "registrationId": again.number * 10}
    assert ask(world, "POST", REGISTER, owned).status == 202


def test_SQ_066_a_domain_paid_by_debit_has_the_status_payment_pending(world: World) -> None:
    reply = ask(
        world,
        "POST",
        REGISTER,
        {"domain": "slow-money.com", "contact": world.contact()},
        account="sepa",
    )
    assert reply.status == 202 and reply.body["data"]["status"] == "payment_pending"


def test_SQ_066_domain_errors_use_the_vendors_codes(world: World) -> None:
    contact = world.contact()
    refused(world, 400, "MISSING_DOMAIN", REGISTER, {"contact": contact})
    for name in ("not a domain", "-a.com", "a..com", 7):
        refused(world, 400, "INVALID_DOMAIN", REGISTER, {"domain": name, "contact": contact})
    for name in ("a.nosuchtld", "example.io"):
        reply = ask(world, "POST", REGISTER, {"domain": name, "contact": contact})
        assert_error(reply, 400, "UNSUPPORTED_TLD")
        assert "/api/" not in reply.body["error"]
    refused(world, 400, "PRICING_UNAVAILABLE", REGISTER, {"domain": "priced.info", "contact": contact})
    refused(world, 400, "INCOMPLETE_CONTACT", REGISTER, {"domain": "lonely.com"})
    body = {"domain": "mandate.com", "contact": contact}
    refused(world, 400, "no_valid_mandate", REGISTER, body, account="no_method")


# -- hostile requests ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [ORDERS, REGISTER])
@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ("", 400, "MALFORMED_JSON"),
        ("{", 400, "MALFORMED_JSON"),
        ("[]", 400, "INVALID_FIELD"),
        ("null", 400, "INVALID_FIELD"),
        ('{"plan": 1, "plan": 2}', 400, "MALFORMED_JSON"),
        ('{"a": ' * 40 + "1" + "}" * 40, 400, "MALFORMED_JSON"),
        ('{"a": NaN}', 400, "MALFORMED_JSON"),
        (" " * 70_000, 413, "BODY_TOO_LARGE"),
    ],
)
def test_SQ_060_an_invalid_or_oversized_body_is_refused(
    world: World, path: str, body: str, status: int, code: str
) -> None:
    refused(world, status, code, path, body)


@pytest.mark.parametrize(
    "path", ["/api/v1/", "/api/v1/orders/a/b", "/api/v1/nothing", "/api/v1/domains", "/api/v1/keys"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_SQ_060_unknown_paths_get_this_contracts_404(world: World, path: str, method: str) -> None:
    assert_error(ask(world, method, path), 404, "NOT_FOUND")


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_SQ_060_an_internal_error_reveals_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, method: str, path: str
) -> None:
    def broken(account_id: str) -> None:
        raise RuntimeError("secret detail")

    key = fresh_key(world)
    monkeypatch.setattr(world.services.directory, "account", broken)
    reply = ask(world, method, path, json.dumps(VPS) if method == "POST" else None, key=key)
    assert_error(reply, 500, "INTERNAL_ERROR")
    assert "secret" not in json.dumps(reply.body)


def test_C26_an_error_is_sent_as_problem_json_on_request(world: World) -> None:
    reply = ask(world, "GET", f"{ORDERS}/zzz", headers={"accept": "application/problem+json"})
    assert reply.headers["content-type"] == "application/problem+json"
    assert (reply.body["status"], reply.body["code"]) == (400, "invalid_id")


def test_a_system_key_with_the_scope_can_register_a_domain(world: World) -> None:
    """In this contract, the key's scope is enough. Contracts 001 and 002 require the key of a person (C13)."""
    from hosting_orders.domain.account import CredentialKind

    key = fresh_key(world, kind=CredentialKind.SYSTEM, user=None)
    body = {"domain": "own-key.com", "contact": world.contact()}
    assert ask(world, "POST", "/api/v1/domains/register", body, key=key).status == 202


def test_SQ_066_a_registrant_error_uses_this_contracts_words(world: World) -> None:
    register = "/api/v1/domains/register"
    reply = ask(world, "POST", register, {"domain": "words-1.com"})
    assert_error(reply, 400, "INCOMPLETE_CONTACT")
    assert "`registrationId`" in reply.body["error"] and "contact_source" not in reply.body["error"]
    body = {"domain": "words-2.com", "contact": world.contact(), "registrationId": 1}
    reply = ask(world, "POST", register, body)
    assert_error(reply, 400, "INVALID_CONTACT_SOURCE")
    assert "`registrationId`" in reply.body["error"]


def test_every_vps_plan_of_the_catalogue_can_be_ordered(world: World) -> None:
    on_sale = ask(world, "GET", "/api/v1/catalogue", key=fresh_key(world, scopes=frozenset())).body["data"]
    assert {plan["plan"] for plan in on_sale["vps"]} >= {"vps-1", "vps-2"}
    for plan in on_sale["vps"]:
        for price in plan["prices"]:
            body = {
                "plan": plan["plan"],
                "image": plan["images"][-1]["id"],
                "location": plan["locations"][-1]["id"],
                "hostname": "listed-1.example.com",
                "interval": price["interval"],
            }
            ordered = data(ask(world, "POST", "/api/v1/orders", body), 202)
            assert (ordered["totalNet"], ordered["currency"]) == (price["net"], price["currency"])
    endings = {ending["ending"]: ending for ending in on_sale["domains"]}
    assert endings["com"] == {"ending": "com", "register": 12.0, "renew": 14.0, "currency": "EUR"}
    assert "info" not in endings  # the account has no price for this ending


def test_the_catalogue_shows_the_accounts_own_prices(world: World) -> None:
    before = change_account(world, "credit", billing_plan="reseller")
    try:
        on_sale = ask(world, "GET", "/api/v1/catalogue", account="credit").body["data"]
        assert on_sale["vps"] == []
        assert [(one["ending"], one["register"]) for one in on_sale["domains"]] == [("info", 7.0)]
    finally:
        world.services.directory.put_account(before)
