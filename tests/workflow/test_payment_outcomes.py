"""Every payment outcome, with exact amounts at Stripe, in the table and in the client's responses and callbacks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hosting_orders.domain.cart import PaymentStatus, RollupStatus
from hosting_orders.domain.catalogue import Plan, Term
from hosting_orders.domain.order import Order, OrderStatus
from tests.support.world import Reply, World, a_world

DAY = 86_400


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as world:
        yield world


def order_of(world: World, reply: Reply, account: str) -> Order:
    assert reply.status == 202, reply.body
    return world.order(reply.body["orders"][0]["id"], account)


def sell(world: World, short_name: str, cents: int) -> None:
    prices = {("standard", Term.MONTHLY, "EUR"): cents}
    world.services.catalogue.put_plan(Plan("9", short_name, short_name.title(), "for a test", prices))


def balance(world: World, account: str) -> int:
    return world.stripe.balance(world.accounts[account]["customer"])


@pytest.mark.parametrize(
    ("account", "status", "method", "charged", "credit", "page", "end"),
    [
        ("ready", "succeeded", "card", 1200, 0, False, "completed"),
        ("trial", "succeeded", "card", 1200, 0, False, "completed"),
        ("credit", "succeeded", "card", 700, 500, False, "completed"),
        ("sepa", "processing", "sepa_debit", 0, 0, False, "pending"),
        ("authentication_required", "awaiting_authentication", "card", 0, 0, True, "pending"),
        ("declined_recoverable", "awaiting_authentication", "card", 0, 0, True, "pending"),
    ],
)
def test_a_demo_accounts_name_states_its_payment_outcome(
    world: World, account: str, status: str, method: str, charged: int, credit: int, page: bool, end: str
) -> None:
    reply = world.place(account)
    assert reply.status == 202
    assert (reply.body["payment"]["status"], reply.body["payment"]["method_type"]) == (status, method)
    assert bool(reply.body["payment"]["hosted_invoice_url"]) is page
    world.run()
    shown = world.request("GET", reply.body["orders"][0]["poll_url"], account=account).body
    assert shown["order"]["status"] == end
    assert shown["payment"]["amount_charged_cents"] == charged
    assert shown["payment"]["credit_applied_cents"] == credit
    assert world.net_paid(account) == (charged if end == "completed" else 0)
    assert len(world.stripe.invoices(world.accounts[account]["customer"])) == 1


def test_an_order_without_a_payment_method_writes_nothing(world: World) -> None:
    reply = world.place("no_method", key="k")
    assert (reply.status, reply.body["code"]) == (400, "no_default_payment_method")
    assert not world.items("CART#") and not world.items("ORDER#") and not world.stripe.invoices()


@pytest.mark.parametrize("account", ["authentication_required", "declined_recoverable"])
def test_an_order_paid_later_on_the_invoice_page_continues(world: World, account: str) -> None:
    order = order_of(world, world.place(account, callback=True), account)
    world.run()
    world.advance(5 * 3600)
    invoice = world.cart(order.cart_token, account).payment.reference
    world.stripe.controls.pay(invoice)
    world.run()
    assert world.order(order.uuid, account).status is OrderStatus.COMPLETED
    assert world.net_paid(account) == 1200
    assert len(world.callbacks.received) == 1


def test_a_debit_order_is_delivered_only_after_settlement(world: World) -> None:
    order = order_of(world, world.place("sepa"), "sepa")
    world.stripe.controls.set(sepa_settles_after=30 * DAY)
    world.live(4 * DAY, every=DAY / 4)
    assert world.order(order.uuid, "sepa").status is OrderStatus.PENDING
    assert not world.platform.services
    invoice = world.cart(order.cart_token, "sepa").payment.reference
    if world.stripe.get(invoice)["status"] != "paid":
        world.stripe.controls.settle(invoice)
    world.run()
    assert world.order(order.uuid, "sepa").status is OrderStatus.COMPLETED
    assert world.net_paid("sepa") == 1200


def test_a_returned_debit_leaves_no_open_order_or_invoice(world: World) -> None:
    order = order_of(world, world.place("sepa", callback=True), "sepa")
    world.run()
    world.stripe.controls.fail(world.cart(order.cart_token, "sepa").payment.reference)
    world.run()
    payment = world.cart(order.cart_token, "sepa").payment
    assert payment.status is PaymentStatus.AWAITING_AUTHENTICATION and payment.pay_url
    world.live(16 * DAY, every=DAY / 2)
    assert world.order(order.uuid, "sepa").status is OrderStatus.EXPIRED
    assert not world.stripe.open_invoices() and world.net_paid("sepa") == 0
    assert not world.platform.services
    assert len(world.callbacks.received) == 1
    assert {execution.status for execution in world.runner.executions.values()} == {"SUCCEEDED"}


def test_a_final_decline_leaves_no_open_order_or_invoice(world: World) -> None:
    reply = world.place("declined_final", key="k", callback=True)
    assert (reply.status, reply.body["code"]) == (422, "cart_pay_failed")
    world.run()
    (item,) = world.items("ORDER#")
    order = world.order(str(int(item["number"]["N"])), "declined_final")
    assert (order.status, order.failure and order.failure.code) == (OrderStatus.FAILED, "cart_pay_failed")
    assert [invoice["status"] for invoice in world.stripe.invoices()] == ["void"]
    assert not world.runner.executions and not world.platform.services
    assert world.cart(order.cart_token, "declined_final").rollup_status is RollupStatus.FAILED
    assert not world.callbacks.received
    world.live(3600)
    assert len(world.callbacks.received) == 1
    # A replay gets the same response, whatever webhooks arrived in between.
    assert world.place("declined_final", key="k", callback=True).status == 422


def test_a_free_order_is_delivered_without_a_charge(world: World) -> None:
    sell(world, "free", 0)
    order = order_of(world, world.place("ready", plan="free"), "ready")
    world.run()
    assert world.order(order.uuid).status is OrderStatus.COMPLETED
    assert world.cart(order.cart_token).payment.status is PaymentStatus.SUCCEEDED
    assert not world.stripe.charges()


def test_a_free_order_that_cannot_be_delivered_ends(world: World) -> None:
    sell(world, "free", 0)
    world.platform.refuse()
    order = order_of(world, world.place("ready", plan="free"), "ready")
    world.run()
    assert world.order(order.uuid).status is OrderStatus.PROVISION_FAILED
    assert not world.stripe.credit_notes()


def test_credit_can_pay_the_whole_order(world: World) -> None:
    sell(world, "small", 300)
    order = order_of(world, world.place("credit", plan="small"), "credit")
    world.run()
    payment = world.cart(order.cart_token, "credit").payment
    assert (payment.status, payment.amount_charged, payment.credit_applied) == ("succeeded", 0, 300)
    assert world.order(order.uuid, "credit").status is OrderStatus.COMPLETED
    assert (balance(world, "credit"), world.net_paid("credit")) == (-200, 0)


@pytest.mark.parametrize(("plan", "paid_by_card"), [("small", 0), ("basic", 700)])
def test_a_refund_returns_the_credit_part_and_the_card_part(
    world: World, plan: str, paid_by_card: int
) -> None:
    sell(world, "small", 300)
    world.platform.refuse()
    order = order_of(world, world.place("credit", plan=plan), "credit")
    world.run()
    ended = world.order(order.uuid, "credit")
    assert ended.status is OrderStatus.PROVISION_FAILED and ended.refund is not None
    assert (ended.refund.amount, world.net_paid("credit")) == (paid_by_card, 0)
    assert balance(world, "credit") == -500


def test_credit_used_by_an_unpaid_order_is_returned(world: World) -> None:
    card = world.stripe.get(world.accounts["credit"]["customer"])
    method = card["invoice_settings"]["default_payment_method"]
    world.stripe.controls.decline(method, "insufficient_funds")
    order = order_of(world, world.place("credit"), "credit")
    assert balance(world, "credit") == 0
    world.live(2 * DAY, every=3600 * 4)
    assert world.order(order.uuid, "credit").status is OrderStatus.EXPIRED
    assert balance(world, "credit") == -500


def test_an_invoice_paid_after_its_write_off_is_refunded(world: World) -> None:
    """The order fails when an operator marks the invoice uncollectible. Stripe still lets the customer pay."""
    account = "declined_recoverable"
    order = order_of(world, world.place(account), account)
    world.run()
    invoice = world.cart(order.cart_token, account).payment.reference
    with world.stripe.state.lock:
        world.stripe.state.get("invoice", invoice)["status"] = "uncollectible"
    world.live(3600 * 2)
    assert world.order(order.uuid, account).status is OrderStatus.FAILED
    with world.stripe.state.lock:
        world.stripe.state.get("invoice", invoice)["status"] = "open"
    world.stripe.controls.pay(invoice)
    assert world.net_paid(account) == 1200
    world.run()
    world.live(60)  # the webhook made the order due, and the reconciler refunds it
    assert world.order(order.uuid, account).status is OrderStatus.FAILED  # an end is final
    assert world.net_paid(account) == 0
