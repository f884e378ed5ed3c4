"""Contract 003, "Cancel an Order", and the expiry of unpaid orders."""

from __future__ import annotations

import pytest

from hosting_orders.domain.ids import object_id
from local.stripe_standin.errors import StripeError
from tests.conformance.contract_002.support import (
    UNKNOWN,
    assert_error,
    number_of,
    oauth,
    send,
    state_of,
)
from tests.conformance.contract_003.support import (
    ask,
    ask_in,
    delivered,
    page_of,
    placed,
    shown,
    stranger,
)
from tests.support.world import Reply, World

SUMMARY = {"id", "status", "created_at", "updated_at", "variant", "product", "location"}


def cancel(world: World, order_id: str, account: str = "ready") -> Reply:
    return ask(world, "DELETE", f"/api/orders/{order_id}", account)


def test_O1_050_an_unpaid_order_can_be_cancelled(world: World) -> None:
    account = stranger(world)
    order_id = placed(world, account)["order"]["id"]
    world.run()
    reply = cancel(world, order_id, account)
    assert (reply.status, set(reply.body), reply.body["status"]) == (202, {"status", "order"}, "accepted")
    assert set(reply.body["order"]) == SUMMARY
    assert (reply.body["order"]["id"], reply.body["order"]["status"]) == (order_id, "pending")
    world.run()
    body = shown(world, order_id, account)
    assert (body["order"]["status"], body["tasks"][0]["status"]) == ("cancelled", "CANCELLED")


def test_O1_051_the_payment_page_of_a_cancelled_order_cannot_be_paid(world: World) -> None:
    account = stranger(world)
    order_id = placed(world, account)["order"]["id"]
    world.run()
    assert page_of(world, order_id, account)["status"] == "open"
    cancel(world, order_id, account)
    world.run()
    session = page_of(world, order_id, account)
    assert session["status"] == "expired"
    with pytest.raises(StripeError):
        world.stripe.controls.pay_checkout(session["id"])
    assert world.stripe.net_paid(session["customer"]) == 0


def test_O1_050_a_paid_order_can_be_cancelled_before_delivery(world: World) -> None:
    before = world.net_paid()
    order_id = placed(world)["order"]["id"]
    assert cancel(world, order_id).status == 202
    world.run()
    assert shown(world, order_id)["order"]["status"] == "cancelled"
    assert world.net_paid() == before and order_id not in world.platform.services


def test_O1_050_C11_an_order_in_delivery_cannot_be_cancelled(world: World) -> None:
    order_id = placed(world)["order"]["id"]
    world.run(finish=False)
    before = state_of(world)
    reply = cancel(world, order_id)
    assert_error(reply, 409, "order_not_cancellable")
    assert reply.body["reason"] == "provisioning_started"
    assert state_of(world) == before
    world.run()


def test_O1_050_C11_an_ended_or_cancelled_order_cannot_be_cancelled(world: World) -> None:
    order_id = delivered(world)["order"]["id"]
    reply = cancel(world, order_id)
    assert_error(reply, 409, "order_not_cancellable")
    assert reply.body["reason"] == "already_ended"
    account = stranger(world)
    unpaid = placed(world, account)["order"]["id"]
    assert cancel(world, unpaid, account).status == 202
    for _ in range(2):
        reply = cancel(world, unpaid, account)
        assert (reply.status, reply.body["reason"]) == (409, "already_cancelled")
        world.run()


def test_O1_050_another_account_cannot_cancel_an_order(world: World) -> None:
    account = stranger(world)
    order_id = placed(world, account)["order"]["id"]
    before = state_of(world)
    for other in (order_id, UNKNOWN, "x"):
        assert_error(cancel(world, other), 404, "not_found")
    assert state_of(world) == before
    assert cancel(world, object_id(number_of(order_id)), account).status == 202


def test_O1_050_an_oauth_token_cannot_cancel(world: World) -> None:
    account = stranger(world)
    order_id = placed(world, account)["order"]["id"]
    token = oauth(world, "billing:read", account=account) | {"x-api-version": "1"}
    before = state_of(world)
    reply = send(world, "DELETE", f"/api/orders/{order_id}", headers=token, account=None)
    assert_error(reply, 403, "oauth_not_allowed")
    assert state_of(world) == before


def test_C01_only_version_2_has_the_patch_endpoint(world: World) -> None:
    order_id = placed(world)["order"]["id"]
    before = state_of(world)
    for reply in (
        ask(world, "PATCH", f"/api/orders/{order_id}", body="{}"),
        ask_in(world, "1", "PATCH", f"/api/orders/{order_id}", body="{}"),
    ):
        assert_error(reply, 400, "unsupported_api_version")
        assert "`X-Api-Version: 2`" in reply.body["errors"][0]
    two = ask(world, "PATCH", f"/api/orders/{order_id}", headers={"x-api-version": "2"}, body="{}")
    assert_error(two, 400, "reserved")
    assert state_of(world) == before


def test_O1_050_C03_an_expired_order_is_shown_as_cancelled(world: World) -> None:
    account = stranger(world)
    order_id = placed(world, account)["order"]["id"]
    world.run()
    world.live(23 * 3600 + 1800, every=1800)
    assert page_of(world, order_id, account)["status"] == "expired"
    body = shown(world, order_id, account)
    assert (body["order"]["status"], body["tasks"][0]["status"]) == ("cancelled", "CANCELLED")
    assert not {"payment_ur", "payment_url", "expected_by"} & set(body["order"])
    (item,) = ask(world, "GET", "/api/orders", account).body["orders"]
    assert item["status"] == "cancelled"
    assert cancel(world, order_id, account).body["reason"] in ("already_ended", "already_cancelled")
