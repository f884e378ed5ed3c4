"""Our own endpoints GET /api/tlds and GET /api/tlds/:tld. They show the endings (TLDs) on sale (O2-142, O2-143)."""

from __future__ import annotations

import json

import jsonschema_rs
import pytest

from hosting_orders.domain.catalogue import DomainPrice, Tld
from local.seed import TLDS
from tests.conformance.contract_002.support import (
    assert_error,
    change_account,
    credentials,
    new_account,
    oauth,
    refused_domain,
    send,
    shown,
)
from tests.support.world import World

ON_SALE = sorted(tld.name for tld in TLDS)


def test_O2_142_the_list_has_every_ending_on_sale(world: World) -> None:
    tlds = send(world, "GET", "/api/tlds").body["tlds"]
    assert [tld["tld"] for tld in tlds] == ON_SALE
    for tld in tlds:
        assert set(tld) == {"tld", "actions", "authcode_required", "prices", "url"}
        assert tld["actions"] == ["register", "transfer"]
        assert type(tld["authcode_required"]) is bool
        assert tld["url"] == f"/api/tlds/{tld['tld']}"
        for price in tld["prices"]:
            assert set(price) == {"action", "years", "currency", "net_cents"}
            assert (price["years"], price["currency"]) == (1, "EUR")
            assert type(price["net_cents"]) is int


def test_O2_143_the_prices_shown_are_the_prices_charged(world: World) -> None:
    tlds = {tld["tld"]: tld for tld in send(world, "GET", "/api/tlds").body["tlds"]}
    for ending, action in (("com", "register"), ("de", "transfer"), ("nl", "register")):
        price = next(price for price in tlds[ending]["prices"] if price["action"] == action)
        changes = {"action": "transfer", "authcode": "x"} if action == "transfer" else {}
        placed = world.order_domain(f"price-of-{action}.{ending}", **changes)
        payment = shown(world, placed.body["orders"][0]["id"])["payment"]
        assert (payment["amount_charged_cents"], payment["currency"]) == (
            price["net_cents"],
            price["currency"],
        )


def test_O2_143_an_ending_without_a_price_shows_no_prices(world: World) -> None:
    tlds = {tld["tld"]: tld for tld in send(world, "GET", "/api/tlds").body["tlds"]}
    assert tlds["info"]["prices"] == []
    refused_domain(world, world.domain("no-price.info"), 400, "pricing_unavailable", "/domain/name")
    before = change_account(world, "ready", billing_plan="reseller")
    try:
        prices = send(world, "GET", "/api/tlds/info").body["prices"]
        assert {price["action"]: price["net_cents"] for price in prices} == {
            "register": 700,
            "transfer": 700,
            "renew": 700,
        }
        assert send(world, "GET", "/api/tlds/com").body["prices"] == []
    finally:
        world.services.directory.put_account(before)


def test_O2_143_C09_prices_are_in_the_accounts_currency(world: World) -> None:
    prices = {
        ("standard", "EUR"): DomainPrice(800, 800, 900),
        ("standard", "JPY"): DomainPrice(1500, 1600, 1700),
    }
    world.services.catalogue.put_tld(Tld("nl", prices))
    world.advance(61)
    new_account(world, "ready", "yen", currency="JPY")
    shown_prices = send(world, "GET", "/api/tlds/nl", account="yen").body["prices"]
    assert [(price["currency"], price["net_cents"]) for price in shown_prices] == [
        ("JPY", 1500),
        ("JPY", 1600),
        ("JPY", 1700),
    ]
    assert send(world, "GET", "/api/tlds/com", account="yen").body["prices"] == []


def test_no_prices_are_shown_without_an_account(world: World) -> None:
    headers = {"authorization": credentials(world)["authorization"]}
    for path in ("/api/tlds", "/api/tlds/com"):
        reply = send(world, "GET", path, account=None, headers=headers)
        assert reply.status == 200
        for tld in reply.body.get("tlds", [reply.body]):
            assert tld["prices"] == []


@pytest.mark.parametrize("ending", ON_SALE)
def test_O2_130_O2_142_each_ending_has_a_schema_for_its_contacts(world: World, ending: str) -> None:
    reply = send(world, "GET", f"/api/tlds/{ending}")
    listed = {tld["tld"]: tld for tld in send(world, "GET", "/api/tlds").body["tlds"]}
    body = dict(reply.body)
    schema = body.pop("contact_schema")
    assert (reply.status, body) == (200, listed[ending])
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema_rs.meta.validate(schema)
    assert schema["examples"]
    for example in schema["examples"]:
        assert jsonschema_rs.Draft202012Validator(schema).is_valid(example)
    assert set(schema["required"]) == {
        "first_name",
        "last_name",
        "street_address",
        "post_code",
        "city",
        "country",
        "email",
        "phone",
    }


@pytest.mark.parametrize("ending", [ending for ending in ON_SALE if ending != "info"])
def test_O2_130_the_registrar_accepts_the_example_contacts(world: World, ending: str) -> None:
    schema = send(world, "GET", f"/api/tlds/{ending}").body["contact_schema"]
    for number, example in enumerate(schema["examples"]):
        name = f"example-{number}.{ending}"
        placed = world.order_domain(name, contact=example)
        assert placed.status == 202, (example, placed.body)
        world.run()
        # The registrar stand-in checks the contacts with its own copy of Route 53's rules for this ending.
        assert world.registrar.submissions(name) == 1


@pytest.mark.parametrize(("ending", "needed"), [("com", True), ("de", True), ("co.uk", False)])
def test_O2_123_O2_144_an_ending_says_whether_a_transfer_needs_an_auth_code(
    world: World, ending: str, needed: bool
) -> None:
    assert send(world, "GET", f"/api/tlds/{ending}").body["authcode_required"] is needed
    contact = world.contact(
        country="GB", extra_properties={"contactType": "IND"} if ending == "co.uk" else {}
    )
    reply = world.order_domain(f"code-or-none.{ending}", action="transfer", contact=contact)
    if needed:
        assert_error(reply, 400, "authcode_required")
    else:
        assert reply.status == 202


@pytest.mark.parametrize("spelling", ["COM", "Com", ".com", "com."])
def test_an_ending_is_found_by_other_spellings(world: World, spelling: str) -> None:
    assert send(world, "GET", "/api/tlds/x", parameters={"tld": spelling}).body["tld"] == "com"


@pytest.mark.parametrize(
    "ending",
    ["zz", "io", "example.com", "uk", "c om", "%2e", "", "..", "com/", "com\x00", "é", "x" * 5000, "#"],
)
def test_O2_142_an_ending_that_is_not_on_sale_gets_a_404(world: World, ending: str) -> None:
    reply = send(world, "GET", "/api/tlds/x", parameters={"tld": ending})
    assert_error(reply, 404, "not_found")
    assert "xxxx" not in json.dumps(reply.body)


def test_endings_can_be_read_with_any_key_or_a_scoped_token(world: World) -> None:
    for path in ("/api/tlds", "/api/tlds/com"):
        for key in ("user_key", "system_key"):
            assert send(world, "GET", path, headers=credentials(world, "ready", key)).status == 200
        assert send(world, "GET", path, headers=oauth(world, "account:read")).status == 200
        assert_error(
            send(world, "GET", path, headers=oauth(world, "billing:read")), 403, "insufficient_scope"
        )
        assert_error(send(world, "GET", path, account=None), 401, "unauthorized")


def test_endings_can_be_read_if_domains_are_switched_off(world: World) -> None:
    world.features.document = {"domain_registration": {"default": False}}
    try:
        assert send(world, "GET", "/api/tlds").status == 200
    finally:
        world.features.document = {"domain_registration": {"default": True}}


def test_reading_an_unchanged_ending_again_gives_a_304(world: World) -> None:
    first = send(world, "GET", "/api/tlds/it")
    again = send(world, "GET", "/api/tlds/it", headers={"if-none-match": first.headers["etag"]})
    assert (again.status, again.body) == (304, None)
