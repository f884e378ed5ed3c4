"""POST /api/carts: several products in one charge. Each item has the fields of its product."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import pytest

from hosting_orders.domain.catalogue import Variant
from hosting_orders.domain.ids import task_id
from tests.conformance.contract_002.support import (
    assert_envelope,
    assert_error,
    credentials,
    number_of,
    oauth,
    send,
    shown,
    state_of,
)
from tests.support.world import Reply, World

CALLBACK = {"url": "https://client.example/hook", "authorization": "Bearer 12345"}
MAX_ITEMS = 20
VM = {
    "hostname": "web-1.example.com",
    "plan": "vps-1",
    "image": "debian-13",
    "location": "ams",
    "term": "monthly",
}
_fresh = count()


def fresh(prefix: str = "") -> str:
    return f"{prefix}cart-{next(_fresh)}.com"


def post(world: World, body: Any, account: str = "ready", key: str = "user_key", **headers: str) -> Reply:
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    sent = credentials(world, account, key) | more
    return send(world, "POST", "/api/carts", headers=sent, account=None, body=json.dumps(body))


def refused(
    world: World,
    body: Any,
    status: int,
    code: str,
    *pointers: str,
    account: str = "ready",
    key: str = "user_key",
) -> Reply:
    before = state_of(world)
    reply = post(world, body, account, key)
    assert_error(reply, status, code, *pointers)
    assert state_of(world) == before
    return reply


def names(world: World, reply: Reply, account: str = "ready") -> list[str]:
    """The domain or site name of each order, in the sequence of the response."""
    assert reply.status == 202, reply.body
    return [world.order(order["id"], account).item.name for order in reply.body["orders"]]


# -- accepted carts -----------------------------------------------------------------------------------------------


def test_O2_110_O2_137_a_site_and_two_domains_make_one_charge_and_three_orders(world: World) -> None:
    customer = world.accounts["ready"]["customer"]
    charges = len(world.stripe.charges(customer))
    first, second = fresh(), fresh()
    placed = world.place_cart(world.domain(first), world.site(name="Middle"), world.domain(second))
    assert_envelope(placed.body)
    assert names(world, placed) == [first, "Middle", second]
    (charge,) = world.stripe.charges(customer)[charges:]
    assert charge["amount"] == 3 * 1200
    assert placed.body["payment"]["status"] == "succeeded"
    assert [order["status"] for order in placed.body["orders"]] == ["pending"] * 3
    for order, kind in zip(placed.body["orders"], ("domain", "site", "domain"), strict=True):
        body = shown(world, order["id"])
        assert ("domain" in body) == (kind == "domain")
        assert body["payment"]["amount_charged_cents"] == 3600
    world.run()
    world.live(300, every=60)
    cart = world.request("GET", placed.body["cart"]["poll_url"]).body
    assert_envelope(cart)
    assert (cart["cart"]["rollup_status"], cart["cart"]["status"]) == ("completed", "checked_out")
    assert [order["id"] for order in cart["orders"]] == [order["id"] for order in placed.body["orders"]]
    assert world.registrar.registrations(first) == world.registrar.registrations(second) == 1


def test_O2_136_every_order_of_the_cart_sends_a_callback(world: World) -> None:
    known = len(world.callbacks.received)
    placed = post(world, {"items": [world.site(), world.domain(fresh())], "callback": CALLBACK})
    world.run()
    world.live(300, every=60)
    told = [json.loads(received.body) for received in world.callbacks.received[known:]]
    assert {body["task"]["orders"][0]["id"] for body in told} == {
        order["id"] for order in placed.body["orders"]
    }
    assert Counter(body["task"]["name"] for body in told) == {"site.create": 1, "domain.register": 1}
    assert {body["task"]["id"] for body in told} == {
        task_id(number_of(order["id"]), 1) for order in placed.body["orders"]
    }


@pytest.mark.parametrize("policy", ["keep", None])
def test_a_failed_domain_is_refunded_alone_by_default(world: World, policy: str | None) -> None:
    before = world.net_paid()
    fields = {"on_item_failure": policy} if policy else {}
    placed = world.place_cart(
        world.site(plan="business"), world.domain(fresh()), world.domain(fresh("lost-")), **fields
    )
    assert world.net_paid() == before + 2900 + 2 * 1200
    world.run()
    world.live(1800, every=120)
    cart = world.request("GET", placed.body["cart"]["poll_url"]).body
    assert cart["cart"]["rollup_status"] == "partial"
    assert [order["status"] for order in cart["orders"]] == ["completed", "completed", "failed"]
    assert world.net_paid() == before + 2900 + 1200
    refunds = [shown(world, order["id"])["payment"]["refunded_cents"] for order in cart["orders"]]
    assert refunds == [0, 0, 1200]


def test_a_failed_domain_can_cancel_the_whole_cart(world: World) -> None:
    before = world.net_paid()
    placed = world.place_cart(world.domain(fresh("lost-")), world.site(), on_item_failure="cancel_all")
    world.run(finish=False)
    world.live(1800, every=120, finish=False)
    cart = world.request("GET", placed.body["cart"]["poll_url"]).body
    assert cart["cart"]["rollup_status"] in ("failed", "cancelled")
    assert {order["status"] for order in cart["orders"]} <= {"failed", "cancelled"}
    assert world.net_paid() == before


def test_O2_137_the_sequence_of_items_is_kept_everywhere(world: World) -> None:
    wanted = [fresh() if place % 2 else f"Site {place}" for place in range(8)]
    items = [world.domain(name) if "." in name else world.site(name=name) for name in wanted]
    placed = world.place_cart(*items)
    assert names(world, placed) == wanted
    ids = [order["id"] for order in placed.body["orders"]]
    assert [
        order["id"] for order in world.request("GET", placed.body["cart"]["poll_url"]).body["orders"]
    ] == ids
    invoice = world.stripe.invoices(world.accounts["ready"]["customer"])[-1]
    lines = [line["description"] for line in invoice["lines"]["data"]]
    assert [name for line in lines for name in wanted if f"{name}:" in line] == wanted


def test_a_cart_of_one_item_gets_the_response_of_a_single_order(world: World) -> None:
    for item, alone in (
        (world.site(), world.place()),
        (world.domain(fresh()), world.order_domain(fresh())),
    ):
        placed = world.place_cart(item)
        assert_envelope(placed.body)
        assert {**placed.body, "cart": 0, "orders": 0} == {**alone.body, "cart": 0, "orders": 0}
        assert set(placed.body["cart"]) == set(alone.body["cart"])
        assert placed.body["cart"]["status"] == alone.body["cart"]["status"]


# -- the body -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [{}, {"callback": CALLBACK}])
def test_items_are_required(world: World, body: Any) -> None:
    refused(world, body, 400, "missing_field", "/items")


@pytest.mark.parametrize("items", [None, {}, "x", 1, True])
def test_items_must_be_a_list(world: World, items: Any) -> None:
    refused(world, {"items": items}, 400, "invalid_field", "/items")


def test_a_cart_cannot_be_empty(world: World) -> None:
    refused(world, {"items": []}, 400, "invalid_field", "/items")


def test_a_cart_has_a_maximum_number_of_items(world: World) -> None:
    items = [world.site() for _ in range(MAX_ITEMS + 1)]
    reply = refused(world, {"items": items}, 400, "invalid_field", "/items")
    assert str(MAX_ITEMS) in reply.body["errors"][0]


def test_an_item_must_have_exactly_one_product(world: World) -> None:
    both = world.site() | world.domain(fresh())
    machine = {"vm": VM}
    for item in (
        both,
        both | machine,
        world.site() | machine,
        {},
        {"site": None, "domain": None, "vm": None},
    ):
        body = {"items": [world.site(), item]}
        reply = refused(world, body, 400, "invalid_field", "/items/1")
        assert all(f"`{product}`" in reply.body["errors"][0] for product in ("site", "domain", "vm"))


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("hostname", None, "missing_field"),
        ("hostname", "", "invalid_field"),
        ("hostname", "-web", "invalid_field"),
        ("hostname", "a" * 254, "invalid_field"),
        ("hostname", 7, "invalid_field"),
        ("plan", None, "missing_field"),
        ("plan", "basic", "unknown_plan"),
        ("image", None, "missing_field"),
        ("image", "windows", "unknown_image"),
        ("location", None, "missing_field"),
        ("location", "mars", "unknown_location"),
        ("term", None, "missing_field"),
        ("term", "weekly", "unknown_term"),
        ("ssh_key", 7, "invalid_field"),
        ("ssh_key", "", "invalid_field"),
        ("ssh_key", "ssh-rsa AAAA", "invalid_field"),
        ("ssh_key", "a" * 9000, "invalid_field"),
        ("password", "of my own", "invalid_field"),
        ("sshKey", "ssh-rsa AAAA", "invalid_field"),
    ],
)
def test_an_invalid_machine_is_refused(world: World, field: str, value: Any, code: str) -> None:
    machine = {name: given for name, given in {**VM, field: value}.items() if given is not None}
    refused(world, {"items": [world.site(), {"vm": machine}]}, 400, code, f"/items/1/vm/{field}")


def test_a_cart_of_all_three_products_makes_one_charge(world: World) -> None:
    paid = world.net_paid()
    placed = world.place_cart(world.site(name="Shop"), world.domain(fresh()), {"vm": VM})
    assert_envelope(placed.body)
    world.live(600, every=60)
    machine = shown(world, placed.body["orders"][2]["id"])
    assert machine["order"]["status"] == "completed"
    assert machine["vm"]["hostname"] == "web-1.example.com" and machine["vm"]["ssh_data"]["password"]
    assert world.net_paid() - paid == 1200 + 1200 + 600


@pytest.mark.parametrize("item", [None, [], "site", 1])
def test_an_item_must_be_an_object(world: World, item: Any) -> None:
    refused(world, {"items": [item]}, 400, "invalid_field", "/items/0")


def test_an_unknown_field_of_an_item_is_refused(world: World) -> None:
    body = {"items": [world.site() | {"quantity": 2}]}
    refused(world, body, 400, "invalid_field", "/items/0/quantity")


def test_a_misspelled_field_is_reported_before_payment(world: World) -> None:
    body = {"items": [world.site()], "on_item_failur": "cancel_all"}
    refused(world, body, 400, "invalid_field", "/on_item_failur")


def test_each_order_shows_its_own_price_and_the_carts_sums(world: World) -> None:
    placed = world.place_cart(world.site(), world.domain(fresh()))
    for order in placed.body["orders"]:
        shown = world.request("GET", order["poll_url"]).body["payment"]
        assert shown["order_net_cents"] == 1200
        assert shown["total_net_cents"] == 2400


@pytest.mark.parametrize("policy", ["", "Keep", "cancel", "refund", 1, True, []])
def test_an_unknown_policy_for_failed_items_is_refused(world: World, policy: Any) -> None:
    body = {"items": [world.site()], "on_item_failure": policy}
    refused(world, body, 400, "invalid_field", "/on_item_failure")


def test_O2_121_O2_140_O2_146_every_invalid_field_of_every_item_is_named(world: World) -> None:
    body = {
        "items": [
            world.site(plan="gold", term="weekly"),
            world.domain("www.example.com", action="steal"),
            world.domain(fresh(), contact=world.contact(email="x")),
            world.domain("example.zz", contact={}),
            world.domain(fresh(), action="transfer"),
        ]
    }
    reply = refused(world, body, 400, "unknown_plan")
    found = {detail["pointer"]: detail["code"] for detail in reply.body["details"]}
    assert found["/items/0/site/plan"] == "unknown_plan"
    assert found["/items/0/site/term"] == "unknown_term"
    assert found["/items/1/domain/name"] == "invalid_domain"
    assert found["/items/1/domain/action"] == "invalid_action"
    assert found["/items/2/domain/contact/email"] == "invalid_contact"
    assert found["/items/3/domain/name"] == "unsupported_tld"
    assert found["/items/3/domain/contact/first_name"] == "incomplete_contact"
    assert found["/items/4/domain/authcode"] == "authcode_required"


def test_O2_120_O2_141_the_error_points_to_each_item_with_a_wrong_type(world: World) -> None:
    body = {"items": [{"site": {"name": 1}}, {"domain": {"action": 1, "contact": []}}, {"domain": "x.com"}]}
    reply = refused(world, body, 400, "invalid_field")
    found = {detail["pointer"]: detail["code"] for detail in reply.body["details"]}
    assert found["/items/0/site/name"] == "invalid_field"
    assert found["/items/0/site/plan"] == "missing_field"
    assert found["/items/1/domain/name"] == "invalid_domain"
    assert found["/items/1/domain/action"] == "invalid_action"
    assert found["/items/1/domain/contact"] == "invalid_contact"
    assert found["/items/2/domain"] == "invalid_field"


def test_O2_147_the_error_names_the_item_with_a_bad_contact_source(world: World) -> None:
    item = world.domain(fresh(), contact=None, contact_source={"registration_id": 4711})
    pointer = "/items/1/domain/contact_source/registration_id"
    refused(world, {"items": [world.site(), item]}, 400, "invalid_contact_source", pointer)


def test_a_callback_belongs_to_the_cart_and_not_to_an_item(world: World) -> None:
    body = {"items": [world.site()], "callback": {"url": "http://client.example"}}
    refused(world, body, 400, "invalid_callback", "/callback/url")
    item = world.site() | {"callback": CALLBACK}
    refused(world, {"items": [item]}, 400, "invalid_field", "/items/0/callback")


# -- unavailable items --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["taken-", "reserved-", "premium-"])
def test_O2_149_a_cart_with_an_unavailable_domain_is_refused(world: World, prefix: str) -> None:
    items = [world.site(), world.domain(fresh()), world.domain(fresh(prefix))]
    refused(world, {"items": items}, 422, "domain_unavailable", "/items/2/domain/name")


@pytest.mark.parametrize("second", ["{name}", "{upper}", "{name}."])
def test_O2_150_a_cart_cannot_have_a_domain_twice(world: World, second: str) -> None:
    name = fresh()
    again = second.format(name=name, upper=name.upper())
    body = {"items": [world.domain(name), world.site(), world.domain(again)]}
    refused(world, body, 422, "domain_add_failed", "/items/2/domain/name")


def test_O2_150_two_spellings_of_a_domain_in_one_cart_are_refused(world: World) -> None:
    body = {"items": [world.domain("bücher.de"), world.domain("xn--bcher-kva.de")]}
    refused(world, body, 422, "domain_add_failed", "/items/1/domain/name")
    assert world.place_cart(world.domain("bücher.de"), world.domain("buecher.de")).status == 202


def test_O2_150_a_cart_with_a_domain_of_another_order_is_refused(world: World) -> None:
    name = fresh()
    assert world.order_domain(name).status == 202
    body = {"items": [world.site(), world.domain(name)]}
    refused(world, body, 422, "domain_add_failed", "/items/1/domain/name")
    refused(world, body, 422, "domain_add_failed", "/items/1/domain/name", account="credit")


def test_O2_150_the_write_refuses_a_domain_taken_since_the_check(world: World) -> None:
    name = fresh()
    assert world.order_domain(name).status == 202
    orders = world.services.orders
    seen = orders.domain_taken
    orders.domain_taken = lambda name: False
    try:
        body = {"items": [world.domain(fresh()), world.site(), world.domain(name)]}
        refused(world, body, 422, "domain_add_failed", "/items/2/domain/name")
    finally:
        orders.domain_taken = seen


def test_O2_151_O2_152_the_error_names_the_item_with_bad_contact_fields(world: World) -> None:
    italian = world.domain(fresh().replace(".com", ".it"))
    reply = refused(world, {"items": [world.site(), italian]}, 422, "domain_contact_needs_augmentation")
    assert [needed["pointer"] for needed in reply.body["needs_augmentation"]] == [
        f"/items/1/domain/contact/extra_properties/{name}" for name in ("pin", "nationality")
    ]
    italian["domain"]["contact"]["extra_properties"] = {"pin": "?", "nationality": "Dutch"}
    reply = refused(world, {"items": [italian, world.site()]}, 422, "domain_contact_invalid")
    assert {wrong["pointer"] for wrong in reply.body["violations"]} == {
        f"/items/0/domain/contact/extra_properties/{name}" for name in ("pin", "nationality")
    }


def test_a_cart_without_domains_does_not_need_the_registrar(world: World) -> None:
    world.registrar.fail_next("CheckDomainAvailability", times=40)
    try:
        refused(world, {"items": [world.site(), world.domain(fresh())]}, 503, "temporarily_unavailable")
        assert world.place_cart(world.site()).status == 202
    finally:
        world.registrar.clear_faults()


def test_a_cart_is_refused_as_a_whole_if_it_exceeds_capacity(world: World) -> None:
    world.services.catalogue.put_variant(Variant("three-left", capacity=3))
    world.advance(61)
    two = [world.site(variant="three-left"), world.site(variant="three-left")]
    assert world.place_cart(*two).status == 202
    name = fresh()
    body = {"items": [world.domain(name), *two]}
    refused(world, body, 400, "variant_unavailable", "/items/1/site/variant")
    assert world.place_cart(world.domain(name), two[0]).status == 202


def test_O2_148_an_account_without_a_payment_method_cannot_order_a_cart(world: World) -> None:
    body = {"items": [world.site(), world.domain(fresh())]}
    refused(world, body, 400, "no_default_payment_method", account="no_method")


def test_O2_153_O2_154_a_refused_payment_fails_all_orders_and_frees_domains(world: World) -> None:
    first, second = fresh(), fresh()
    reply = world.place_cart(
        world.domain(first), world.site(), world.domain(second), account="declined_final"
    )
    assert_error(reply, 422, "cart_pay_failed")
    world.run()
    listed = world.request("GET", "/api/orders", account="declined_final").body["orders"]
    assert [order["status"] for order in listed] == ["failed"] * 3
    for order in listed:
        assert world.services.orders.contacts("acc_declined_final", number_of(order["id"])) is None
    assert world.net_paid("declined_final") == 0
    assert world.stripe.open_invoices(world.accounts["declined_final"]["customer"]) == []
    assert world.place_cart(world.domain(second), world.domain(first), account="credit").status == 202


# -- permissions --------------------------------------------------------------------------------------------------


@pytest.fixture
def switched_off(world: World) -> Iterator[World]:
    world.features.document = {"domain_registration": {"default": False}}
    yield world
    world.features.document = {"domain_registration": {"default": True}}


def test_O2_114_a_system_key_orders_sites_but_no_domains(world: World) -> None:
    assert post(world, {"items": [world.site(), world.site()]}, key="system_key").status == 202
    body = {"items": [world.site(), world.domain(fresh())]}
    reply = refused(world, body, 401, "user_required", key="system_key")
    assert reply.headers["www-authenticate"]


def test_O2_116_sites_can_be_ordered_while_domains_are_switched_off(switched_off: World) -> None:
    world = switched_off
    refused(world, {"items": [world.site(), world.domain(fresh())]}, 503, "feature_disabled")
    assert world.place_cart(world.site(), world.site()).status == 202


def test_O2_117_a_trial_account_orders_sites_but_no_domains(world: World) -> None:
    refused(world, {"items": [world.site(), world.domain(fresh())]}, 403, "trial_account", account="trial")
    assert world.place_cart(world.site(), account="trial").status == 202


def test_O2_113_a_cart_cannot_be_ordered_via_oauth(world: World) -> None:
    headers = oauth(world, "billing:read", "*")
    before = state_of(world)
    body = json.dumps({"items": [world.site()]})
    reply = send(world, "POST", "/api/carts", headers=headers, body=body)
    assert_error(reply, 403, "oauth_not_allowed")
    assert state_of(world) == before


def test_C13_permission_to_order_domains_is_checked_before_any_field(switched_off: World) -> None:
    world = switched_off
    for item in (
        world.domain("www.example.com", action="steal"),
        {"domain": {"name": 1}},
        {"domain": []},
        {"domain": world.domain()["domain"], "site": 1, "x": 2},
    ):
        body = {"items": [{"site": {"name": 1}}, item], "on_item_failure": "x"}
        refused(world, body, 401, "user_required", account="trial", key="system_key")
        refused(world, body, 503, "feature_disabled", account="trial")
        before = state_of(world)
        assert_error(post(world, body, idempotency_key="two words"), 503, "feature_disabled")
        assert state_of(world) == before
    world.features.document = {"domain_registration": {"default": True}}
    refused(world, body, 403, "trial_account", account="trial")
    assert post(world, body, idempotency_key="two words").body["code"] == "invalid_idempotency_key"
    refused(world, body, 400, "invalid_field")


# -- the same request again ---------------------------------------------------------------------------------------


def test_repeating_a_request_returns_the_same_cart(world: World) -> None:
    body = {"items": [world.domain(fresh()), world.site()], "on_item_failure": "cancel_all"}
    first = post(world, body, idempotency_key="cart-again")
    before = state_of(world)["stripe"]
    second = post(world, body, idempotency_key="cart-again")
    assert (second.status, second.body) == (202, first.body)
    assert second.headers["idempotent-replayed"] == "true"
    assert state_of(world)["stripe"] == before
    for other in (
        {**body, "on_item_failure": "keep"},
        {**body, "items": body["items"][::-1]},
        {**body, "items": body["items"][:1]},
        {"items": body["items"]},
    ):
        reply = post(world, other, idempotency_key="cart-again")
        assert_error(reply, 422, "idempotency_key_reused")
    alone = send(
        world,
        "POST",
        "/api/orders",
        headers={"idempotency-key": "cart-again"},
        body=json.dumps(world.site()),
    )
    assert_error(alone, 422, "idempotency_key_reused")


def test_twenty_equal_requests_at_once_create_one_cart(world: World) -> None:
    # This first request imports the functions' modules before the threads start.
    world.place_cart(world.site(), world.domain(fresh()))
    body = {"items": [world.domain(fresh()), world.site(), world.domain(fresh())]}
    charges = len(world.stripe.charges())
    with ThreadPoolExecutor(20) as threads:
        replies = list(threads.map(lambda _: post(world, body, idempotency_key="20-carts"), range(20)))
    assert Counter(reply.status for reply in replies) == {202: 20}
    assert len({json.dumps([order["id"] for order in reply.body["orders"]]) for reply in replies}) == 1
    assert len(world.stripe.charges()) == charges + 1


def test_a_cart_can_be_read_only_by_its_own_account(world: World) -> None:
    placed = world.place_cart(world.site(), world.domain(fresh()))
    reply = send(world, "GET", placed.body["cart"]["poll_url"], account="credit")
    assert_error(reply, 404, "not_found")
