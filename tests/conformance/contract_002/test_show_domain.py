"""Contract 002, "Register or Transfer a Domain": an order from start to end, and all responses that show it.

All tests of this file share one world. They advance the clock and run the reconciler, which also continues the
orders of earlier tests.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from hosting_orders import bootstrap
from hosting_orders.domain.ids import registration_id
from tests.conformance.contract_002.support import (
    assert_date_time,
    assert_envelope,
    assert_error,
    finished,
    new_account,
    number_of,
    order_domain,
    refused_domain,
    registered,
    send,
    shown,
    state_of,
)
from tests.support.world import World

CALLBACK = {"url": "https://client.example/hook", "authorization": "Bearer 12345"}
TRANSFER = {"action": "transfer", "authcode": "s3cret-auth"}


def test_O2_111_a_delivered_registration_has_a_dns_zone_and_a_renewal(world: World) -> None:
    body = registered(world, "whole.de", contact=world.contact())
    assert world.registrar.registrations("whole.de") == world.registrar.submissions("whole.de") == 1
    domain = body["domain"]
    assert (domain["status"], domain["dns_zone"]["nameservers"]) == ("active", domain["nameservers"])
    zone = zone_of(domain["dns_zone"]["id"])
    assert zone["HostedZone"]["Name"] == "whole.de."
    assert zone["DelegationSet"]["NameServers"] == domain["dns_zone"]["nameservers"]
    subscription = world.stripe.get(body["subscription"]["stripe_id"])
    price = subscription["items"]["data"][0]["price"]
    assert (price["unit_amount"], price["recurring"]["interval"]) == (900, "year")
    assert subscription["customer"] == world.accounts["ready"]["customer"]


def test_O2_111_a_delivered_transfer_has_a_dns_zone_and_a_renewal(world: World) -> None:
    body = registered(world, "moved.com", **TRANSFER)
    assert world.registrar.registrations("moved.com") == 1
    domain = body["domain"]
    # A transferred domain keeps its nameservers, because the domain may be in use.
    assert domain["nameservers"] != domain["dns_zone"]["nameservers"]
    assert zone_of(domain["dns_zone"]["id"])["HostedZone"]["Name"] == "moved.com."
    price = world.stripe.get(body["subscription"]["stripe_id"])["items"]["data"][0]["price"]
    assert price["unit_amount"] == 1400


def zone_of(zone_id: str) -> Any:
    return bootstrap.aws_client("route53").get_hosted_zone(Id=zone_id)


def test_O2_112_C05_an_order_is_accepted_before_its_submission(world: World) -> None:
    placed = world.order_domain("polled.com")
    assert placed.status == 202
    assert world.registrar.submissions("polled.com") == 0
    (order,) = placed.body["orders"]
    seen = [shown(world, order["id"])]
    world.run()
    seen.append(shown(world, order["id"]))
    seen.append(finished(world, order["id"]))
    assert [body["order"]["status"] for body in seen] == ["pending", "processing", "completed"]
    assert [body["domain"]["status"] for body in seen] == ["pending", "registering", "active"]
    cart = world.request("GET", placed.body["cart"]["poll_url"]).body
    assert_envelope(cart)
    assert (cart["cart"]["rollup_status"], cart["cart"]["status"]) == ("completed", "checked_out")
    world.advance(86_400)
    world.run()
    assert shown(world, order["id"])["order"]["status"] == "completed"


@pytest.mark.parametrize(
    ("account", "status"), [("authentication_required", "awaiting_authentication"), ("sepa", "processing")]
)
def test_O2_137_an_unpaid_domain_is_not_submitted_to_the_registrar(
    world: World, account: str, status: str
) -> None:
    name = f"unpaid-{status.replace('_', '-')}.com"
    placed = world.order_domain(name, account)
    assert (placed.status, placed.body["payment"]["status"]) == (202, status)
    world.run()
    assert shown(world, placed.body["orders"][0]["id"], account)["domain"]["status"] == "pending"
    assert world.registrar.submissions(name) == 0
    (invoice,) = world.stripe.open_invoices(world.accounts[account]["customer"])
    if account == "sepa":
        world.stripe.controls.settle(invoice["id"])
    else:
        world.stripe.controls.pay(invoice["id"], card="4242424242424242")
    body = finished(world, placed.body["orders"][0]["id"], account)
    assert (body["order"]["status"], body["domain"]["status"]) == ("completed", "active")


DOMAIN_FIELDS = {
    "name",
    "ascii_name",
    "action",
    "status",
    "registration_id",
    "expires_at",
    "nameservers",
    "registry_state",
    "transfer",
}


def test_O2_055_O2_112_C06_the_domain_block_describes_a_registration(world: World) -> None:
    placed = world.order_domain("block.com")
    order_id = placed.body["orders"][0]["id"]
    for body in (shown(world, order_id), world.run() or shown(world, order_id)):
        assert "site" not in body and "subscription" not in body
        domain = body["domain"]
        assert set(domain) >= DOMAIN_FIELDS
        assert (domain["name"], domain["ascii_name"], domain["action"]) == (
            "block.com",
            "block.com",
            "register",
        )
        assert (domain["registration_id"], domain["expires_at"], domain["nameservers"]) == (None, None, [])
        assert domain["transfer"] is None
    body = finished(world, order_id)
    domain = body["domain"]
    assert body["order"]["location"] is None
    assert type(domain["registration_id"]) is int
    assert 0 < domain["registration_id"] < 2**53  # a number that every client can represent exactly
    assert domain["registration_id"] not in {task["id"] for task in body["tasks"]}
    assert_date_time(domain["expires_at"])
    assert len(domain["nameservers"]) >= 2
    assert domain["transfer"] is None


def test_O2_055_C06_the_domain_block_of_a_transfer_shows_its_next_step(world: World) -> None:
    name = "block-moves.com"
    placed = world.order_domain(name, **TRANSFER)
    order_id = placed.body["orders"][0]["id"]
    world.run()
    seen = []
    for _ in range(4):
        look_again(world)
        domain = shown(world, order_id)["domain"]
        assert domain["action"] == "transfer"
        assert_date_time(domain["transfer"]["deadline"])
        assert domain["transfer"]["next_step"]
        seen.append((domain["status"], domain["registry_state"], domain["transfer"]["state"]))
        world.registrar.advance(name)
    assert seen == [
        ("transferring", None, "in_progress"),
        ("transferring", None, "in_progress"),
        ("action_required", "PENDING_AUTHORIZATION", "waiting_for_customer"),
        ("transferring", None, "in_progress"),
    ]
    look_again(world)
    domain = shown(world, order_id)["domain"]
    assert (domain["status"], domain["transfer"]["state"]) == ("active", "completed")
    assert domain["transfer"]["deadline"] is None


def look_again(world: World) -> None:
    """Wait an hour and reconcile. The reconciler queries the registrar at least once an hour."""
    world.advance(3600)
    world.reconcile()
    world.run()


def test_O2_055_C06_the_domain_block_says_what_the_customer_must_do(world: World) -> None:
    placed = world.order_domain("action-needed.com")
    order_id = placed.body["orders"][0]["id"]
    world.live(400, every=100)
    domain = shown(world, order_id)["domain"]
    assert (domain["status"], domain["registry_state"]) == ("action_required", "PENDING_CUSTOMER_ACTION")
    assert "e-mail" in domain["next_step"]
    world.registrar.approve("action-needed.com")
    assert finished(world, order_id)["domain"]["status"] == "active"


@pytest.mark.parametrize(
    ("given", "unicode", "ascii_name"),
    [
        ("bücher.de", "bücher.de", "xn--bcher-kva.de"),
        ("xn--mller-kva.com", "müller.com", "xn--mller-kva.com"),
        ("CASE-Folded.COM", "case-folded.com", "case-folded.com"),
        ("trailing-dot.com.", "trailing-dot.com", "trailing-dot.com"),
        ("例え。com", "例え.com", "xn--r8jz45g.com"),
    ],
)
def test_O2_055_O2_121_C06_both_spellings_of_a_domain_are_returned(
    world: World, given: str, unicode: str, ascii_name: str
) -> None:
    domain = registered(world, given)["domain"]
    assert (domain["name"], domain["ascii_name"]) == (unicode, ascii_name)
    assert world.registrar.registrations(ascii_name) == 1


@pytest.mark.parametrize(
    ("name", "kind", "status"),
    [("called-ok.com", "order.completed", "OK"), ("fail-called.com", "order.failed", "FAILED")],
)
def test_O2_136_the_callback_contains_the_domain(world: World, name: str, kind: str, status: str) -> None:
    known = len(world.callbacks.received)
    placed = order_domain(world, world.domain(name) | {"callback": CALLBACK})
    body = finished(world, placed.body["orders"][0]["id"])
    (received,) = world.callbacks.received[known:]
    assert (received.url, received.authorization) == (CALLBACK["url"], CALLBACK["authorization"])
    told = json.loads(received.body)
    assert (told["type"], told["task"]["name"], told["task"]["status"]) == (kind, "domain.register", status)
    assert told["task"]["id"] == body["tasks"][0]["id"]
    assert told["task"]["orders"] == [{"id": body["order"]["id"], "status": body["order"]["status"]}]
    assert told["task"]["sites"] == []
    registration = {"id": body["domain"]["registration_id"], "name": name}
    assert told["task"]["domains"] == ([registration] if status == "OK" else [])


def test_O2_149_a_premium_domain_needs_a_price_in_the_catalogue(world: World) -> None:
    refused_domain(world, world.domain("premium-not.com"), 422, "domain_unavailable", "/domain/name")
    refused_domain(world, world.domain("premium-for-sale.net"), 422, "domain_unavailable", "/domain/name")
    body = registered(world, "premium-for-sale.com")
    assert body["payment"]["amount_charged_cents"] == 250_000
    price = world.stripe.get(body["subscription"]["stripe_id"])["items"]["data"][0]["price"]
    assert price["unit_amount"] == 1400
    (operation,) = [one for one in world.registrar.operations if one.name == "premium-for-sale.com"]
    # `MaxPrice` is the price that the registrar named before we charged the customer.
    assert operation.given["Consent"]["MaxPrice"] == 2500.0


@pytest.mark.parametrize("second", ["ready", "credit"])
@pytest.mark.parametrize("later", ["at once", "being registered", "owned"])
def test_O2_150_a_domain_cannot_be_ordered_twice(world: World, second: str, later: str) -> None:
    name = f"here-{second}-{later.replace(' ', '-')}.com"
    placed = world.order_domain(name)
    order_id = placed.body["orders"][0]["id"]
    if later == "being registered":
        world.run()
    if later == "owned":
        finished(world, order_id)
    refused_domain(world, world.domain(name), 422, "domain_add_failed", "/domain/name", account=second)
    body = world.domain(name, **TRANSFER)
    refused_domain(world, body, 422, "domain_add_failed", "/domain/name", account=second)
    if later != "owned":
        assert finished(world, order_id)["domain"]["status"] == "active"
    assert world.registrar.submissions(name) == 1


def test_O2_150_a_domain_is_free_again_after_its_order_failed(world: World) -> None:
    placed = world.order_domain("fail-and-again.com")
    body = finished(world, placed.body["orders"][0]["id"])
    assert (body["order"]["status"], body["payment"]["status"]) == ("failed", "refunded")
    assert body["domain"]["status"] == "failed"
    assert not world.services.orders.domain_taken("fail-and-again.com")
    assert world.order_domain("fail-and-again.com", "credit").status == 202


def test_O2_153_an_order_with_a_refused_payment_sends_a_callback(world: World) -> None:
    known = len(world.callbacks.received)
    order_domain(world, world.domain("not-paid-2.com") | {"callback": CALLBACK}, "declined_final")
    world.run()
    world.advance(900)
    world.reconcile()
    world.run()
    (received,) = world.callbacks.received[known:]
    assert json.loads(received.body)["type"] == "order.failed"


def test_O2_154_contacts_are_kept_during_and_after_delivery(world: World) -> None:
    placed = world.order_domain("contacts-stay.com")
    number = number_of(placed.body["orders"][0]["id"])
    assert world.services.orders.contacts("acc_ready", number) is not None
    finished(world, placed.body["orders"][0]["id"])
    assert world.services.orders.contacts("acc_ready", number) is not None


def test_O2_155_contacts_are_deleted_if_the_delivery_fails(world: World) -> None:
    order_id = world.order_domain("fail-with-contacts.com").body["orders"][0]["id"]
    assert world.services.orders.contacts("acc_ready", number_of(order_id)) is not None
    assert finished(world, order_id)["order"]["status"] == "failed"
    assert world.services.orders.contacts("acc_ready", number_of(order_id)) is None


def test_a_replay_after_registration_returns_the_same_order(world: World) -> None:
    first = world.order_domain("again.com", key="again")
    before = state_of(world)["stripe"]
    second = world.order_domain("again.com", key="again")
    assert (second.status, second.body) == (202, first.body)
    assert second.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    assert state_of(world)["stripe"] == before
    finished(world, first.body["orders"][0]["id"])
    before = state_of(world)
    late = world.order_domain("again.com", key="again")
    assert (late.status, late.body["cart"]["token"]) == (202, first.body["cart"]["token"])
    assert late.body["orders"][0]["status"] == "completed"
    assert state_of(world) == before
    assert world.registrar.submissions("again.com") == 1


def test_a_replay_returns_the_same_order_if_the_domain_was_taken(world: World) -> None:
    """Another owner registers the domain between the first request and its replay."""
    first = world.order_domain("snatched.com", key="snatched")
    world.registrar.take("snatched.com")
    assert world.order_domain("snatched.com", key="snatched").body == first.body
    refused_domain(world, world.domain("snatched.com"), 422, "domain_add_failed", account="credit")
    world.run()
    world.advance(120)
    world.reconcile()
    world.run()
    body = shown(world, first.body["orders"][0]["id"])
    assert (body["order"]["status"], body["payment"]["status"]) == ("failed", "refunded")
    assert body["payment"]["refunded_cents"] == 1200


# -- other places that show the order -----------------------------------------------------------------------------


def test_O2_112_the_list_shows_a_domain_without_a_location(world: World) -> None:
    new_account(world, "ready", "lister")
    domain = registered(world, "listed.com", "lister")["order"]["id"]
    site = world.place("lister").body["orders"][0]["id"]
    listed = world.request("GET", "/api/orders", account="lister").body["orders"]
    found = {order["id"]: order["location"] for order in listed}
    assert found == {domain: None, site: "ams"}
    assert set(listed[0]) == set(listed[1])


def test_O2_112_another_accounts_domain_order_gets_a_404(world: World) -> None:
    order_id = world.order_domain("mine-alone.com").body["orders"][0]["id"]
    foreign = send(world, "GET", f"/api/orders/{order_id}", account="credit")
    assert_error(foreign, 404, "not_found")
    assert "mine-alone" not in str(foreign.body)


@pytest.mark.parametrize(
    ("changes", "name", "meanwhile"),
    [({}, "domain.register", "RUNNING"), (TRANSFER, "domain.transfer", "PAUSED")],
    ids=["register", "transfer"],
)
def test_O2_112_a_task_names_its_domain(
    world: World, changes: dict[str, Any], name: str, meanwhile: str
) -> None:
    domain = f"task-{name.replace('.', '-')}.com"
    placed = world.order_domain(domain, **changes)
    order_id = placed.body["orders"][0]["id"]
    world.run()
    task_id = shown(world, order_id)["tasks"][0]["id"]
    task = world.request("GET", f"/api/tasks/{task_id}").body["task"]
    assert (task["name"], task["status"], task["sites"], task["domains"]) == (name, meanwhile, [], [])
    assert domain in task["title"]
    assert "s3cret-auth" not in json.dumps(task)
    finished(world, order_id)
    task = world.request("GET", f"/api/tasks/{task_id}").body["task"]
    assert task["status"] == "OK"
    assert task["domains"] == [{"id": registration_id(number_of(order_id)), "name": domain}]
    assert task in world.request("GET", "/api/tasks").body["tasks"]


def test_O2_112_the_registrar_is_an_actor_in_the_events_of_a_domain(world: World) -> None:
    order_id = registered(world, "eventful.com")["order"]["id"]
    events = world.request("GET", f"/api/orders/{order_id}/events").body["events"]
    assert [event["state"] for event in events][-1] == "completed"
    assert {"customer", "registrar"} <= {event["actor"] for event in events}
