"""Contract 002, "Cancel an Order" and "PATCH is a no-op"."""

from __future__ import annotations

import pytest

from hosting_orders.domain.ids import object_id
from tests.conformance.contract_002.support import UNKNOWN, assert_error, number_of, shown, state_of
from tests.support.world import World


def test_O2_160_C11_an_unpaid_order_can_be_cancelled(world: World) -> None:
    account = "authentication_required"
    placed = world.place(account)
    order_id = placed.body["orders"][0]["id"]
    world.run()
    reply = world.request("DELETE", f"/api/orders/{order_id}", account=account)
    assert reply.status == 202
    assert reply.body["order"]["id"] == order_id
    world.run()
    body = shown(world, order_id, account)
    assert (body["order"]["status"], body["payment"]["status"]) == ("cancelled", "canceled")
    assert world.stripe.open_invoices(world.accounts[account]["customer"]) == []
    assert world.net_paid(account) == 0
    cart = world.request("GET", placed.body["cart"]["poll_url"], account=account).body["cart"]
    assert (cart["rollup_status"], cart["status"]) == ("cancelled", "active")


def test_O2_160_C11_a_paid_order_is_cancelled_before_delivery_and_refunded(
    world: World,
) -> None:
    before = world.net_paid()
    placed = world.place()
    order_id = placed.body["orders"][0]["id"]
    assert world.net_paid() == before + 1200
    assert world.request("DELETE", f"/api/orders/{order_id}").status == 202
    assert shown(world, order_id)["order"]["status"] in ("pending", "processing")
    world.run()
    body = shown(world, order_id)
    assert (body["order"]["status"], body["payment"]["status"]) == ("cancelled", "refunded")
    assert body["payment"]["refunded_cents"] == 1200
    assert world.net_paid() == before
    assert order_id not in world.platform.services
    cart = world.request("GET", placed.body["cart"]["poll_url"]).body["cart"]
    assert (cart["rollup_status"], cart["status"]) == ("cancelled", "checked_out")


def test_O2_160_an_order_can_be_cancelled_by_its_24_hex_id(world: World) -> None:
    order_id = world.place("authentication_required").body["orders"][0]["id"]
    path = f"/api/orders/{object_id(number_of(order_id))}"
    assert world.request("DELETE", path, account="authentication_required").status == 202
    world.run()


def test_C11_an_order_in_delivery_is_not_cancellable(world: World) -> None:
    order_id = world.place().body["orders"][0]["id"]
    world.run(finish=False)
    reply = world.request("DELETE", f"/api/orders/{order_id}")
    assert_error(reply, 409, "order_not_cancellable")
    assert reply.body["reason"] == "provisioning_started"
    world.run()
    assert shown(world, order_id)["order"]["status"] == "completed"


@pytest.mark.parametrize(("cancel_first", "reason"), [(False, "already_ended"), (True, "already_cancelled")])
def test_C11_an_ended_or_cancelled_order_is_not_cancellable(
    world: World, cancel_first: bool, reason: str
) -> None:
    order_id = world.place().body["orders"][0]["id"]
    path = f"/api/orders/{order_id}"
    if cancel_first:
        assert world.request("DELETE", path).status == 202
        assert world.request("DELETE", path).body["reason"] == reason
    world.run()
    before = state_of(world)
    reply = world.request("DELETE", path)
    assert_error(reply, 409, "order_not_cancellable")
    assert reply.body["reason"] == reason
    assert state_of(world) == before


@pytest.mark.parametrize("body", [None, {}, {"status": "completed"}, {"site": {"name": "x"}}])
def test_O2_161_patch_is_refused_and_changes_nothing(world: World, body: object) -> None:
    mine = world.place("authentication_required").body["orders"][0]["id"]
    before = state_of(world)
    for order_id in (mine, UNKNOWN, "x"):
        reply = world.request("PATCH", f"/api/orders/{order_id}", body, account="authentication_required")
        assert_error(reply, 400, "reserved")
    assert state_of(world) == before


def test_O2_056_O2_160_another_account_cannot_cancel(world: World) -> None:
    order_id = world.place("authentication_required").body["orders"][0]["id"]
    before = state_of(world)
    assert_error(world.request("DELETE", f"/api/orders/{order_id}"), 404, "not_found")
    assert state_of(world) == before
