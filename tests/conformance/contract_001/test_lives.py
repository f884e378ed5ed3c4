"""Contract 001 shows an order in every state, and `can_cancel` says whether a cancel succeeds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest

from hosting_orders.domain.cart import PaymentStatus
from hosting_orders.domain.order import Actor, Failure, Order, OrderStatus, Refund
from tests.conformance.contract_001.support import (
    ask,
    created,
    domain,
    shown,
    site,
    stored,
    vps,
)
from tests.support.world import World

NOW = 4_000_000_000_000
FAILURE = Failure("provisioning_failed", "The order could not be delivered.")


@dataclass(frozen=True)
class State:
    """How an order reaches a state, the payment status of its cart in that state, and what the response shows."""

    life: Callable[[Order], Order]
    payment: PaymentStatus
    status: str
    invoice: str
    can_cancel: bool


def paid(order: Order) -> Order:
    return order.paid(NOW, NOW)


def given_up(order: Order) -> Order:
    return paid(order).undeliverable(FAILURE, NOW, Actor.PLATFORM)


def refund(order: Order) -> Refund:
    return Refund("re_1", order.price.amount, 0, NOW)


STATES = {
    "awaiting_payment": State(lambda one: one, PaymentStatus.PROCESSING, "Pending", "Unpaid", True),
    "awaiting_authentication": State(
        lambda one: one, PaymentStatus.AWAITING_AUTHENTICATION, "Pending", "Unpaid", True
    ),
    "payment_failed": State(
        lambda one: one.payment_failed(FAILURE, NOW), PaymentStatus.FAILED, "Cancelled", "Cancelled", False
    ),
    "expired": State(lambda one: one.expired(NOW), PaymentStatus.CANCELED, "Cancelled", "Cancelled", False),
    "provisioning": State(paid, PaymentStatus.SUCCEEDED, "Pending", "Paid", True),
    "provisioning, fenced": State(
        lambda one: paid(one).begin_provisioning(NOW, NOW), PaymentStatus.SUCCEEDED, "Pending", "Paid", False
    ),
    "waiting_third_party": State(
        lambda one: (
            paid(one)
            .begin_provisioning(NOW, NOW)
            .submitted("op")
            .noted("waiting: PENDING_AUTHORIZATION", NOW, Actor.REGISTRAR)
        ),
        PaymentStatus.SUCCEEDED,
        "Pending",
        "Paid",
        False,
    ),
    "cancelling, unpaid": State(
        lambda one: one.cancel_requested(NOW), PaymentStatus.PROCESSING, "Pending", "Unpaid", False
    ),
    "cancelling, paid": State(
        lambda one: paid(one).cancel_requested(NOW), PaymentStatus.SUCCEEDED, "Pending", "Paid", False
    ),
    "cancelled, unpaid": State(
        lambda one: one.cancel_requested(NOW).refunded(None, NOW),
        PaymentStatus.CANCELED,
        "Cancelled",
        "Cancelled",
        False,
    ),
    "cancelled, refunded": State(
        lambda one: paid(one).cancel_requested(NOW).refunded(refund(one), NOW),
        PaymentStatus.REFUNDED,
        "Cancelled",
        "Refunded",
        False,
    ),
    "refunding": State(given_up, PaymentStatus.SUCCEEDED, "Pending", "Paid", False),
    "refund_failed": State(
        lambda one: given_up(one).refund_refused("no", NOW), PaymentStatus.SUCCEEDED, "Pending", "Paid", False
    ),
    "provision_failed": State(
        lambda one: given_up(one).refunded(refund(one), NOW),
        PaymentStatus.REFUNDED,
        "Cancelled",
        "Refunded",
        False,
    ),
}
PRODUCTS = ("site", "vps", "domain")


@pytest.fixture(scope="module")
def placed(world: World) -> Iterator[dict[str, Order]]:
    """An unpaid order of each product. Each test stores the order in the state that the test needs."""
    items = {"site": site(), "vps": vps(), "domain": domain(world)}
    numbers = {name: created(world, item, account="sepa")["orderId"] for name, item in items.items()}
    yield {name: stored(world, number, "sepa") for name, number in numbers.items()}


def put(world: World, start: Order, state: State) -> str:
    now = stored(world, start.number, "sepa")
    world.services.orders.save_order(replace(state.life(start), version=now.version), None)
    cart = world.cart(start.cart_token, "sepa")
    world.services.orders.save_payment(replace(cart, payment=replace(cart.payment, status=state.payment)))
    return str(start.number)


def test_the_states_cover_every_order_status_except_completed() -> None:
    some = delivered_states()
    assert some == set(OrderStatus) - {OrderStatus.COMPLETED}


def delivered_states() -> set[OrderStatus]:
    from hosting_orders.domain.catalogue import Term
    from hosting_orders.domain.money import Money
    from hosting_orders.domain.products import SiteItem

    order = Order(
        "acc",
        1,
        "cart",
        OrderStatus.PENDING,
        SiteItem("a", "b", "c", "d", Term.MONTHLY),
        Money(1, "EUR"),
        0,
        0,
    )
    return {state.life(order).status for state in STATES.values()}


@pytest.mark.parametrize("name", STATES)
@pytest.mark.parametrize("product", PRODUCTS)
def test_HU_014_HU_015_HU_029_HU_041_C03_C07_C20_each_state_is_shown_with_the_expected_values(
    world: World, placed: dict[str, Order], product: str, name: str
) -> None:
    state = STATES[name]
    number = put(world, placed[product], state)
    data = shown(world, number, "sepa")
    order = data["order"]
    assert (data["status"], order["status"], order["invstatus"]) == (
        state.status,
        state.status,
        state.invoice,
    )
    assert data["can_cancel"] is state.can_cancel
    assert {entry["status"] for entry in order["hosting"]} <= {state.status}
    assert order["notes"][-1]["title"] == state.status


@pytest.mark.parametrize("name", STATES)
@pytest.mark.parametrize("product", PRODUCTS)
def test_HU_062_HU_015_C11_can_cancel_is_true_exactly_when_the_cancel_succeeds(
    world: World, placed: dict[str, Order], product: str, name: str
) -> None:
    number = put(world, placed[product], STATES[name])
    promised = shown(world, number, "sepa")["can_cancel"]
    reply = ask(world, "POST", f"/api/billing/order/{number}/cancel", "sepa")
    assert reply.status == (200 if promised else 409), reply.body
    assert shown(world, number, "sepa")["can_cancel"] is False
