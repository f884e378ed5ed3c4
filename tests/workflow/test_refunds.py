"""A paid order that cannot be delivered is refunded exactly once. Refused refunds are counted for an alarm."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hosting_orders.domain.cart import PaymentStatus
from hosting_orders.domain.order import Actor, Failure, Order, OrderStatus
from tests.support.mishaps import Mishap
from tests.support.world import World, a_world, handler_of

GIVEN_UP = Failure("provisioning_failed", "given up")
HOUR = 3600
DAY = 24 * HOUR


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as world:
        yield world


def paid(world: World, account: str = "ready") -> Order:
    """Return a paid order that the platform is still provisioning."""
    reply = world.place(account, callback=True)
    assert reply.status == 202
    world.run(finish=False)
    order = world.order(reply.body["orders"][0]["id"], account)
    assert order.status is OrderStatus.PROCESSING and order.provisioning_at is not None
    return order


@pytest.mark.parametrize(("account", "card", "credit"), [("ready", 1200, 0), ("credit", 700, 500)])
def test_an_undeliverable_order_is_refunded(world: World, account: str, card: int, credit: int) -> None:
    order = paid(world, account)
    before = world.stripe.balance(world.accounts[account]["customer"])
    world.platform.fail(order.uuid)
    world.platform_webhook(order.uuid)
    # The order does not fail before the money is refunded.
    assert world.order(order.uuid, account).status is OrderStatus.REFUNDING
    world.run()
    ended = world.order(order.uuid, account)
    assert ended.status is OrderStatus.PROVISION_FAILED and ended.refund is not None
    assert (ended.refund.amount, ended.refund.to_credit) == (card, credit)
    assert world.net_paid(account) == 0
    assert world.stripe.balance(world.accounts[account]["customer"]) == before - credit
    assert world.cart(order.cart_token, account).payment.status is PaymentStatus.REFUNDED
    shown = world.request("GET", f"/api/orders/{order.uuid}", account=account).body
    assert shown["order"]["status"] == "failed"
    assert (shown["payment"]["status"], shown["payment"]["refunded_cents"]) == ("refunded", 1200)
    assert len(world.stripe.credit_notes()) == 1 and len(world.callbacks.received) == 1
    assert not world.stripe.subscriptions()


def test_a_delivery_is_abandoned_after_six_hours(world: World) -> None:
    order = paid(world)
    world.live(6 * HOUR + 60, finish=False)
    assert world.order(order.uuid).status is OrderStatus.PROVISION_FAILED
    assert world.platform.services[order.uuid].deleted and world.net_paid() == 0


def test_a_step_that_times_out_finds_the_finished_delivery(world: World) -> None:
    order = paid(world)
    world.platform.finish(order.uuid)
    # The reconciler does not run. After the step's time-out the workflow queries the platform.
    world.advance(6 * HOUR + 60)
    world.run()
    assert world.order(order.uuid).status is OrderStatus.COMPLETED
    assert world.net_paid() == 1200 and not world.platform.deprovisioned
    world.live(60)
    assert len(world.stripe.subscriptions()) == 1


def test_a_site_built_after_the_refund_is_taken_down(world: World) -> None:
    order = paid(world)
    world.advance(6 * HOUR + 60)
    world.run(finish=False)
    assert world.order(order.uuid).status is OrderStatus.PROVISION_FAILED
    # The platform built the site despite the take-down.
    service = world.platform.services[order.uuid]
    service.deleted = False
    service.operation.status, service.operation.error = "running", None
    world.platform.finish(order.uuid)
    assert world.platform_webhook(order.uuid).status == 200
    assert world.platform.services[order.uuid].deleted
    assert world.order(order.uuid).status is OrderStatus.PROVISION_FAILED and world.net_paid() == 0


def test_a_retryable_failure_is_retried(world: World) -> None:
    order = paid(world)
    world.platform.fail(order.uuid, retryable=True)
    assert world.platform_webhook(order.uuid).status == 503
    world.live(HOUR)
    assert world.order(order.uuid).status is OrderStatus.COMPLETED
    assert world.platform.built(order.uuid) == 1


def test_an_order_is_abandoned_if_its_delivery_keeps_failing(world: World) -> None:
    order = paid(world)
    for _ in range(40):
        world.platform.fail(order.uuid, retryable=True)
        world.live(900, finish=False)
    world.live(4 * HOUR, finish=False)
    assert world.order(order.uuid).status is OrderStatus.PROVISION_FAILED
    assert world.net_paid() == 0 and world.platform.services[order.uuid].deleted


def test_a_refused_refund_is_counted_and_retried(world: World) -> None:
    order = paid(world)
    world.stripe.controls.set(refunds="refuse")
    world.platform.fail(order.uuid)
    world.platform_webhook(order.uuid)
    world.run()
    assert world.order(order.uuid).status is OrderStatus.REFUND_FAILED
    assert world.metrics.counts["RefundFailed"] >= 1
    assert not world.callbacks.received
    shown = world.request("GET", f"/api/orders/{order.uuid}").body
    assert shown["order"]["status"] == "processing"
    world.live(HOUR)
    assert world.order(order.uuid).status is OrderStatus.REFUND_FAILED and world.net_paid() == 1200
    world.stripe.controls.set(refunds="as published")
    world.live(HOUR)
    assert world.order(order.uuid).status is OrderStatus.PROVISION_FAILED
    assert world.net_paid() == 0 and len(world.callbacks.received) == 1
    assert {execution.status for execution in world.runner.executions.values()} == {"SUCCEEDED"}


def test_a_site_is_delivered_before_its_renewal_can_start(world: World) -> None:
    order = paid(world)
    world.stripe.controls.add_fault("dropped", "/v1/subscriptions", method="POST", times=2)
    world.run()
    delivered = world.order(order.uuid)
    assert delivered.status is OrderStatus.COMPLETED and delivered.subscription is None
    world.live(HOUR)
    assert world.order(order.uuid).subscription is not None
    assert len(world.stripe.subscriptions()) == 1


def test_an_order_abandoned_during_delivery_has_no_renewal(world: World) -> None:
    """The order is abandoned right before its delivery is stored. The delivery must not leave a subscription."""
    order = paid(world)
    world.platform.finish(order.uuid)
    crossed: list[bool] = []

    def cross(name: str) -> Mishap | None:
        if name == "table.transact_write_items" and not crossed:
            crossed.append(True)
            current = world.order(order.uuid)
            world.services.orders.save_order(
                current.undeliverable(GIVEN_UP, world.clock.now(), Actor.SYSTEM).check_at(world.clock.now())
            )
        return None

    world.mishaps.watch(cross)
    world.platform_webhook(order.uuid)
    world.mishaps.none()
    assert crossed
    world.live(HOUR)
    assert world.order(order.uuid).status is OrderStatus.PROVISION_FAILED
    assert world.net_paid() == 0 and world.platform.services[order.uuid].deleted
    assert not [one for one in world.stripe.subscriptions() if one["status"] != "canceled"]


@pytest.mark.parametrize("first", [0, 2])
def test_a_refund_is_made_once_if_any_side_effect_breaks(world: World, first: int) -> None:
    """Each run breaks another side effect between the platform's failure and the callback."""
    for position in range(40):
        mishap = list(Mishap)[(position + first) % 4]
        order = paid(world)
        world.platform.fail(order.uuid)
        world.mishaps.strike(position, mishap)
        world.platform_webhook(order.uuid)
        world.run()
        reached = len(world.mishaps.seen) > position
        world.mishaps.none()
        world.live_until_settled(order.uuid, every=310, most=1800)
        if not reached:
            world.live(1800)
        assert world.order(order.uuid).status is OrderStatus.PROVISION_FAILED, (position, mishap)
        assert world.net_paid() == 0 and len(world.stripe.credit_notes()) == position + 1
        assert len({request.message_id for request in world.callbacks.received}) == position + 1
        if not reached:
            assert position > 8
            return
    raise AssertionError("too few positions to reach every side effect")


def test_a_debit_settled_after_the_time_out_is_refunded(world: World) -> None:
    """The order must not become deliverable again. Its execution is in RefundOrder and would not deliver it."""
    reply = world.place("sepa", callback=True)
    order = world.order(reply.body["orders"][0]["id"], "sepa")
    world.stripe.controls.set(sepa_settles_after=30 * DAY)
    world.run()
    token = world.runner.executions[order.uuid].waiting_token
    assert token is not None
    world.runner.send_task_failure(token, "States.Timeout", "the flow broke")
    world.run()
    assert world.order(order.uuid, "sepa").status is OrderStatus.REFUNDING
    world.stripe.controls.settle(world.cart(order.cart_token, "sepa").payment.reference)
    world.run()
    world.live(HOUR)
    assert world.order(order.uuid, "sepa").status is OrderStatus.PROVISION_FAILED
    assert world.net_paid("sepa") == 0 and not world.platform.services
    assert len(world.callbacks.received) == 1


def test_a_cart_can_be_cancelled_before_its_payment_is_recorded(
    world: World,
) -> None:
    """With `on_item_failure` set to `cancel_all`, the failure of one order also ends the other orders of the cart."""
    reply = world.place_cart(world.site(), world.site(name="Other"), on_item_failure="cancel_all")
    assert reply.status == 202 and reply.body["payment"]["status"] == "succeeded"
    broken, other = (world.order(one["id"]) for one in reply.body["orders"])
    assert broken.status is OrderStatus.PENDING
    step = {
        "account_id": broken.account_id,
        "order_id": broken.uuid,
        "task_token": "t",
        "error": "States.Timeout",
    }
    handler_of("refund_order")(step, None)
    assert world.order(broken.uuid).status is OrderStatus.PROVISION_FAILED
    assert world.order(other.uuid).status is OrderStatus.REFUNDING
    world.live(HOUR, every=300)
    assert world.order(other.uuid).status is OrderStatus.PROVISION_FAILED
    assert world.net_paid() == 0 and not world.platform.services


def test_two_abandoned_unpaid_orders_do_not_block_each_other(world: World) -> None:
    """In an earlier release, each order waited for the other order, and the cart never closed."""
    world.mishaps.watch(lambda name: Mishap.CRASH_BEFORE if name == "stripe.post invoices" else None)
    assert world.place_cart(world.site(), world.domain("never-paid.com"), key="k").status == 502
    world.live(600, every=60)
    executions = list(world.runner.executions.values())
    assert [execution.states for execution in executions] == [["ChargeOrder"]] * 2
    for execution in executions:
        assert execution.waiting_token is not None
        world.runner.send_task_failure(execution.waiting_token, "States.Timeout", "made up")
    world.run()
    world.mishaps.none()
    world.live(2 * HOUR, every=300)
    orders = [world.order(execution.name) for execution in executions]
    assert {order.status for order in orders} <= {OrderStatus.PROVISION_FAILED, OrderStatus.FAILED}
    payment = world.cart(orders[0].cart_token).payment
    assert payment.status is PaymentStatus.CANCELED
    assert {execution.status for execution in executions} == {"SUCCEEDED"}
    assert world.net_paid() == 0 and not world.stripe.open_invoices()


def test_a_refused_take_down_does_not_block_the_refund(world: World) -> None:
    order = paid(world)
    world.platform.fail(order.uuid)
    world.platform.fault("422", method="DELETE")
    world.platform_webhook(order.uuid)
    world.run()
    assert world.order(order.uuid).status is OrderStatus.PROVISION_FAILED and world.net_paid() == 0
    assert world.metrics.counts["TakeDownRefused"] == 1
