"""POST /api/billing/order/{id}/cancel and GET /api/account/pending-orders."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from hosting_orders.domain.errors import ConcurrentUpdateError
from hosting_orders.domain.order import OrderStatus
from tests.conformance.contract_001.support import (
    ask,
    assert_error,
    created,
    delivered,
    domain,
    order_in,
    pay_page,
    shown,
    site,
    stored,
    undeliverable,
    vps,
)
from tests.conformance.contract_002.support import state_of
from tests.support.world import Reply, World, a_world


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as world:
        yield world


def cancel(world: World, number: str, account: str = "ready", **more: Any) -> Reply:
    return ask(world, "POST", f"/api/billing/order/{number}/cancel", account, **more)


# -- cancel -----------------------------------------------------------------------------------------------------------


def test_HU_071_the_response_to_a_cancel_has_a_message_and_the_order_id(world: World) -> None:
    number = created(world, site(), account="sepa")["orderId"]
    reply = cancel(world, number, "sepa")
    assert reply.body["data"] == {
        "message": "Order and related invoice have been cancelled",
        "order_id": number,
    }


def test_HU_071_C11_a_second_cancel_is_refused_with_the_reason(world: World) -> None:
    number = created(world, site(), account="sepa")["orderId"]
    assert cancel(world, number, "sepa").status == 200
    before = state_of(world)
    again = cancel(world, number, "sepa")
    assert_error(again, 409, "ORDER_NOT_CANCELLABLE")
    assert again.body["reason"] == "already_cancelled"
    assert again.body["message"] == "The order is already cancelled."
    assert state_of(world) == before


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        ("already_ended", "The order is already completed."),
        ("provisioning_started", "Delivery has begun; the order can no longer be cancelled."),
    ],
)
def test_HU_071_HU_062_C11_a_refused_cancel_has_a_code_and_a_reason(
    world: World, reason: str, text: str
) -> None:
    number = created(world, site())["orderId"]
    world.run(finish=reason == "already_ended")
    before = state_of(world)
    reply = cancel(world, number)
    assert_error(reply, 409, "ORDER_NOT_CANCELLABLE")
    assert (reply.body["reason"], reply.body["message"]) == (reason, text)
    assert state_of(world) == before


def test_HU_071_a_refunded_order_cannot_be_cancelled(world: World) -> None:
    number = created(world, site())["orderId"]
    undeliverable(world, number)
    reply = cancel(world, number)
    assert_error(reply, 409, "ORDER_NOT_CANCELLABLE")
    assert reply.body["reason"] == "already_ended"


def test_HU_071_a_cancel_returns_a_503_if_the_write_fails(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = created(world, site(), account="sepa")["orderId"]

    def lost(*_: Any) -> None:
        raise ConcurrentUpdateError("another writer was faster")

    with monkeypatch.context() as patch:
        patch.setattr(world.services.orders, "save_order", lost)
        reply = cancel(world, number, "sepa")
    assert_error(reply, 503, "SERVICE_UNAVAILABLE")
    assert reply.body["message"] == "Failed to cancel order"
    assert reply.headers["retry-after"]
    assert stored(world, number, "sepa").status is OrderStatus.PENDING
    assert shown(world, number, "sepa")["can_cancel"] is True


def test_HU_071_the_body_of_a_cancel_is_ignored(world: World) -> None:
    number = created(world, site(), account="sepa")["orderId"]
    assert cancel(world, number, "sepa", body="{nonsense").status == 200


def test_HU_071_an_order_of_another_contract_can_be_cancelled(world: World) -> None:
    order = world.place("sepa").body["orders"][0]["id"]
    number = str(world.order(order, "sepa").number)
    assert cancel(world, number, "sepa").status == 200
    assert world.order(order, "sepa").status is OrderStatus.CANCELING


# -- `pendingOrder`: the newest order that the customer can pay


def pending(world: World, account: str = "no_method") -> Any:
    reply = ask(world, "GET", "/api/account/pending-orders", account)
    assert list(reply.body["data"]) == ["pendingOrder"]
    return reply.body["data"]["pendingOrder"]


def test_HU_073_the_pending_order_is_null_if_nothing_can_be_paid(world: World) -> None:
    assert pending(world) is None
    delivered(world, site())
    assert pending(world, "ready") is None


def test_HU_073_the_newest_payable_order_is_shown(world: World) -> None:
    older = created(world, site(), account="no_method")
    world.advance(2)
    newer = created(world, vps(), account="no_method")
    found = pending(world)
    order = order_in(world, newer["orderId"], "no_method")
    assert found == {
        "id": newer["orderId"],
        "orderIds": [newer["orderId"]],
        "status": "Pending",
        "invoice_id": order["invoice_id"],
        "total": "6.00",
        "currency": "EUR",
        "date_created": order["date_created"],
        "paymentUrl": newer["paymentUrl"],
    }
    pay_page(world, newer["orderId"])
    assert pending(world)["id"] == older["orderId"]
    assert cancel(world, older["orderId"], "no_method").status == 200
    assert pending(world) is None


def test_HU_073_the_total_covers_all_orders_of_the_cart(world: World) -> None:
    data = created(world, vps(), site(), account="no_method")
    found = pending(world)
    assert (found["id"], found["orderIds"]) == (data["orderId"], data["orderIds"])
    assert (found["total"], found["paymentUrl"]) == ("18.00", data["paymentUrl"])
    assert cancel(world, data["orderId"], "no_method").status == 200
    found = pending(world)
    assert (found["id"], found["orderIds"]) == (data["orderIds"][1], data["orderIds"][1:])
    # The payment page still charges the whole cart. The cancelled order is refunded after the payment.
    assert found["total"] == "18.00"
    order = order_in(world, data["orderId"], "no_method")
    assert (order["status"], order["balance"]) == ("Pending", "0.00")


def test_HU_073_the_total_includes_tax_and_deducts_credit() -> None:
    with a_world(automatic_tax=True) as world:
        account = "authentication_required"
        customer = world.accounts[account]["customer"]
        world.services.stripe.client.v1.customers.update(customer, {"balance": -300})
        created(world, site(), vps(), account=account)
        found = pending(world, account)
        assert found["total"] == "18.78"  # 18.00 plus 21 % tax minus 3.00
        orders = [order_in(world, number, account) for number in found["orderIds"]]
        for name, amount in (("total", "21.78"), ("invcredit", "3.00"), ("balance", "18.78")):
            assert sum(Decimal(order[name]) for order in orders) == Decimal(amount), name


def test_HU_073_an_order_is_shown_only_if_the_customer_must_act(world: World) -> None:
    number = created(world, site(), account="authentication_required")["orderId"]
    found = pending(world, "authentication_required")
    assert (found["id"], found["paymentUrl"][:4]) == (number, "http")
    created(world, site(), account="sepa")
    assert pending(world, "sepa") is None


def test_HU_073_an_expired_order_is_not_shown(world: World) -> None:
    created(world, site(), account="no_method")
    world.run()
    assert pending(world) is not None
    world.live(2 * 86_400, every=3600)
    assert pending(world) is None


def test_HU_073_only_fifty_orders_are_read_and_each_cart_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    created(world, *[site()] * 20, account="sepa")
    asked: list[Any] = []
    orders = world.services.orders
    newest, cart = orders.newest, orders.cart
    monkeypatch.setattr(
        orders, "newest", lambda account, count: (asked.append(count), newest(account, count))[1]
    )
    monkeypatch.setattr(orders, "cart", lambda account, token: (asked.append(token), cart(account, token))[1])
    assert pending(world, "sepa") is None
    assert asked[0] == 50
    assert len(asked) == 2


def test_HU_073_orders_of_other_accounts_are_not_shown(world: World) -> None:
    created(world, site(), account="no_method")
    assert pending(world, "ready") is None
    assert pending(world, "dutch") is None


def test_HU_073_an_unpaid_domain_order_is_shown(world: World) -> None:
    data = created(world, domain(world), account="no_method")
    assert pending(world)["id"] == data["orderId"]
