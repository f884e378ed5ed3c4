"""Stripe webhooks, sent to the real handler. They may come late and in any order: Stripe's current state decides."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import stripe

from hosting_orders.domain.cart import PaymentStatus
from hosting_orders.domain.order import Actor, OrderStatus
from tests.support.mishaps import Mishap
from tests.support.stripe_news import made, of_kind, post, signature, table, tell
from tests.support.table import everything_in
from tests.support.world import STRIPE_WEBHOOK_SECRET, World, a_world

NEW_SECRET = "whsec_the_next_secret"
DAY = 24 * 3600
AUTHENTICATION = "authentication_required"


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as world:
        yield world


def stripe_client(world: World) -> stripe.StripeClient:
    return stripe.StripeClient("sk_test_world", base_addresses={"api": world.stripe.url})


def placed(world: World, account: str = "ready", **more: Any) -> tuple[str, str]:
    """Return (order id, cart token) of an order whose Stripe webhooks are not delivered yet."""
    body = world.place(account, **more).body
    return str(body["orders"][0]["id"]), str(body["cart"]["token"])


def invoice_of(world: World, token: str, account: str) -> str:
    invoice_id = world.cart(token, account).payment.reference
    assert invoice_id is not None
    return invoice_id


def shown(world: World, order_id: str, account: str = "ready") -> Any:
    return world.request("GET", f"/api/orders/{order_id}", account=account).body


def causes(world: World, order_id: str, account: str = "ready") -> list[str]:
    return [entry.cause for entry in world.order(order_id, account).timeline]


# -- rotation of the signing secret --------------------------------------------------------------------------------

PAID = json.dumps(made("invoice.paid", {"id": "in_1", "object": "invoice"})).encode()


def test_both_signing_secrets_are_accepted_during_a_rotation() -> None:
    body = json.dumps(made("made.up", {"id": "x_1"})).encode()
    with a_world(webhook_secrets=(NEW_SECRET, STRIPE_WEBHOOK_SECRET)) as world:
        old, new = signature(world, body), signature(world, body, NEW_SECRET)
        assert post(world, body, old).status == 200
        assert post(world, body, new).status == 200
        # Stripe signs with both secrets during a rotation.
        assert post(world, body, f"{old},{new[new.index('v1=') :]}").status == 200
        assert post(world, body, signature(world, body, "whsec_third")).status == 401
        order_id, _ = placed(world)
        world.run()
        assert world.order(order_id).status is OrderStatus.COMPLETED


def test_the_old_signing_secret_is_refused_after_a_rotation() -> None:
    with a_world(webhook_secrets=(NEW_SECRET,)) as world:
        before = table(world)
        assert post(world, PAID, signature(world, PAID)).status == 401
        assert table(world) == before
        old, new = signature(world, PAID), signature(world, PAID, NEW_SECRET)
        assert post(world, PAID, f"{old},{new[new.index('v1=') :]}").status == 200


# -- repeated events -----------------------------------------------------------------------------------------------


def test_a_repeated_event_causes_no_request_and_no_write(world: World) -> None:
    order_id, token = placed(world, AUTHENTICATION)
    world.run()
    world.stripe.controls.pay(invoice_of(world, token, AUTHENTICATION))
    paid = of_kind(world.fresh_stripe_events(), "invoice.paid")[0]
    assert tell(world, paid).status == 200
    world.run()
    before, requests = table(world), len(world.stripe.requests)
    for _ in range(3):
        assert tell(world, paid).status == 200
        assert tell(world, {**paid, "pending_webhooks": 7}).status == 200
    assert table(world) == before
    assert len(world.stripe.requests) == requests
    assert world.order(order_id, AUTHENTICATION).status is OrderStatus.COMPLETED


@pytest.mark.parametrize("mishap", list(Mishap))
def test_an_event_is_processed_when_stripe_sends_it_again(world: World, mishap: Mishap) -> None:
    """Each run breaks another side effect of the first delivery. Stripe repeats a delivery that did not get a 200."""
    position, orders = 0, []
    while True:
        order_id, token = placed(world, AUTHENTICATION)
        world.run()
        world.stripe.controls.pay(invoice_of(world, token, AUTHENTICATION))
        paid = of_kind(world.fresh_stripe_events(), "invoice.paid")[0]
        world.mishaps.strike(position, mishap)
        answered = world.request(
            "POST",
            "/webhooks/stripe",
            account=None,
            headers={"Stripe-Signature": signature(world, json.dumps(paid).encode())},
            raw=json.dumps(paid),
        )
        struck = position < len(world.mishaps.seen)
        world.mishaps.none()
        orders.append(order_id)
        if answered.status != 200:
            assert tell(world, paid).status == 200
        world.run()
        order = world.order(order_id, AUTHENTICATION)
        assert order.status is OrderStatus.COMPLETED, (position, world.mishaps.seen)
        if not struck:
            break
        position += 1
    # There are at least five side effects: a call to Stripe, the writes of the payment, the order and the event, and
    # the answer to the workflow.
    assert position >= 5
    assert world.net_paid(AUTHENTICATION) == 1200 * len(orders)
    assert [world.platform.built(order_id) for order_id in orders] == [1] * len(orders)


def test_an_event_is_not_accepted_during_a_stripe_outage(world: World) -> None:
    order_id, token = placed(world, AUTHENTICATION)
    world.run()
    world.stripe.controls.pay(invoice_of(world, token, AUTHENTICATION))
    paid = of_kind(world.fresh_stripe_events(), "invoice.paid")[0]
    before = table(world)
    world.stripe.controls.add_fault("error", ".*", times=1)
    reply = tell(world, paid)
    assert (reply.status, reply.body["code"]) == (503, "temporarily_unavailable")
    assert table(world) == before
    assert tell(world, paid).status == 200
    world.run()
    assert world.order(order_id, AUTHENTICATION).status is OrderStatus.COMPLETED


def test_a_stored_event_expires_after_a_month(world: World) -> None:
    tell(world, made("invoice.paid", {"id": "in_1", "object": "invoice"}))
    (seen,) = [item for item in everything_in(world.dynamodb) if item["PK"]["S"].startswith("EVENT#")]
    assert int(seen["expires_at"]["N"]) == world.clock.now() // 1000 + 30 * DAY


# -- early and late events -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("account", "status", "payment"),
    [
        ("ready", 202, "succeeded"),
        ("credit", 202, "succeeded"),
        (AUTHENTICATION, 202, "awaiting_authentication"),
        ("declined_recoverable", 202, "awaiting_authentication"),
        ("sepa", 202, "processing"),
        ("declined_final", 422, "failed"),
    ],
)
def test_events_may_arrive_before_our_own_next_step(
    world: World, account: str, status: int, payment: str
) -> None:
    """While the order is placed, all new events are delivered before each write and each call to a provider."""
    busy, overtaken = [False], []

    def hurry(name: str) -> None:
        if busy[0]:
            return
        busy[0] = True
        for event in world.fresh_stripe_events():
            overtaken.append(event["type"])
            assert tell(world, event).status == 200
        busy[0] = False

    world.mishaps.watch(hurry)
    reply = world.place(account, key="k-1")
    world.mishaps.none()
    assert reply.status == status, reply.body
    assert {"invoice.created", "invoice.finalized"} <= set(overtaken)
    (cart,) = world.services.orders.newest(world.accounts[account]["id"], 5).orders
    assert shown(world, cart.uuid, account)["payment"]["status"] == payment
    world.run()
    order = world.order(cart.uuid, account)
    end = {"succeeded": OrderStatus.COMPLETED, "failed": OrderStatus.FAILED}.get(payment, OrderStatus.PENDING)
    assert order.status is end
    open_invoices = world.stripe.open_invoices(world.accounts[account]["customer"])
    assert len(open_invoices) == (1 if end is OrderStatus.PENDING else 0)
    assert len(world.stripe.charges(world.accounts[account]["customer"])) == (
        1 if payment == "succeeded" else 0
    )


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("account", ["ready", AUTHENTICATION, "declined_final"])
def test_events_that_arrive_weeks_late_change_nothing(world: World, account: str, newest_first: bool) -> None:
    first = len(world.stripe.events)
    world.webhooks_on = False
    reply = world.place(account, callback=True)
    world.run()
    if account == AUTHENTICATION:
        world.stripe.controls.pay(invoice_of(world, reply.body["cart"]["token"], account))
    world.live(3 * 3600)
    (order,) = world.services.orders.newest(world.accounts[account]["id"], 5).orders
    assert order.ended
    world.advance(40 * DAY)
    before, net = table(world, but_events=True), world.net_paid(account)
    events = world.stripe.events[first:]
    for event in reversed(events) if newest_first else events:
        assert tell(world, event).status == 200
    world.run()
    assert table(world, but_events=True) == before
    assert world.net_paid(account) == net == (0 if account == "declined_final" else 1200)
    assert len(world.callbacks.received) == 1


def test_a_late_authentication_event_undoes_no_payment(world: World) -> None:
    order_id, token = placed(world, AUTHENTICATION)
    early = world.fresh_stripe_events()
    world.stripe.controls.pay(invoice_of(world, token, AUTHENTICATION))
    late = world.fresh_stripe_events()
    for event in late + of_kind(early, "invoice.payment_action_required", "invoice.payment_failed"):
        assert tell(world, event).status == 200
        assert world.cart(token, AUTHENTICATION).payment.status in (
            PaymentStatus.SUCCEEDED,
            PaymentStatus.AWAITING_AUTHENTICATION,
        )
    assert world.cart(token, AUTHENTICATION).payment.status is PaymentStatus.SUCCEEDED
    world.run()
    assert world.order(order_id, AUTHENTICATION).status is OrderStatus.COMPLETED


# -- unrelated events ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind",
    ["made.up", "invoice.created", "invoice.finalized", "customer.created", "payout.paid", "v2.core.thing"],
)
def test_an_unknown_event_type_is_accepted_and_ignored(world: World, kind: str) -> None:
    before, requests = table(world), len(world.stripe.requests)
    assert tell(world, made(kind, {"id": "in_1", "object": "invoice"})).status == 200
    assert table(world) == before
    assert len(world.stripe.requests) == requests


@pytest.mark.parametrize(
    ("kind", "subject"),
    [
        ("invoice.paid", {"id": "in_unknown"}),
        ("invoice.paid", {}),
        ("invoice.paid", {"id": 7}),
        ("payment_intent.succeeded", {"id": "pi_unknown"}),
        ("charge.succeeded", {"id": "ch_1", "payment_intent": None}),
        ("charge.dispute.created", {"id": "dp_1", "payment_intent": "pi_unknown"}),
        ("refund.failed", {"id": "re_1", "payment_intent": "pi_unknown", "status": "failed"}),
        ("refund.failed", {"id": "re_1", "payment_intent": None, "status": "failed"}),
        ("credit_note.created", {"id": "cn_1", "invoice": "in_unknown"}),
        ("credit_note.created", {"id": "cn_1"}),
        ("customer.subscription.updated", {"id": "sub_unknown", "status": "active"}),
    ],
)
def test_an_event_about_an_unknown_object_is_ignored(
    world: World, kind: str, subject: dict[str, Any]
) -> None:
    before = table(world, but_events=True)
    assert tell(world, made(kind, subject)).status == 200
    assert table(world, but_events=True) == before
    assert not world.metrics.counts


def other_invoice(world: World, account: str, metadata: dict[str, str]) -> str:
    """Create an invoice by hand and pay it with the account's own card."""
    api = stripe_client(world).v1
    customer = world.accounts[account]["customer"]
    invoice = api.invoices.create(
        {"customer": customer, "currency": "eur", "auto_advance": False, "metadata": metadata,
         "pending_invoice_items_behavior": "exclude"}
    )  # fmt: skip
    api.invoices.add_lines(invoice.id, {"lines": [{"description": "Consulting", "amount": 500}]})
    api.invoices.finalize_invoice(invoice.id, {"auto_advance": False})
    api.invoices.pay(invoice.id)
    return str(invoice.id)


@pytest.mark.parametrize(
    "metadata", ["none", "of another system", "of an unknown cart", "of a stranger's cart"]
)
def test_unrelated_invoices_are_ignored(world: World, metadata: str) -> None:
    _, token = placed(world, AUTHENTICATION)
    world.run()
    before = table(world, but_events=True)
    ours = {"account_id": world.accounts[AUTHENTICATION]["id"], "cart_token": token}
    other_invoice(
        world,
        "ready",
        {
            "none": {},
            "of another system": {"order_id": "4711"},
            "of an unknown cart": {**ours, "cart_token": "00000000-0000-8000-8000-000000000000"},
            "of a stranger's cart": {**ours, "account_id": world.accounts["ready"]["id"]},
        }[metadata],
    )
    for event in world.fresh_stripe_events():
        assert tell(world, event).status == 200
    world.run()
    assert table(world, but_events=True) == before


def test_a_second_invoice_does_not_pay_the_cart(world: World) -> None:
    order_id, token = placed(world, AUTHENTICATION)
    world.run()
    before = table(world, but_events=True)
    ours = {"account_id": world.accounts[AUTHENTICATION]["id"], "cart_token": token}
    other_invoice(world, "ready", ours)
    for event in world.fresh_stripe_events():
        assert tell(world, event).status == 200
    world.run()
    assert table(world, but_events=True) == before
    assert world.order(order_id, AUTHENTICATION).status is OrderStatus.PENDING
    assert world.metrics.counts["SecondPayment"] >= 1


# -- event types ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind",
    [
        "invoice.paid",
        "invoice.payment_succeeded",
        "invoice_payment.paid",
        "payment_intent.succeeded",
        "charge.succeeded",
    ],
)
def test_any_single_payment_event_continues_the_order(world: World, kind: str) -> None:
    order_id, token = placed(world, AUTHENTICATION)
    world.run()
    assert shown(world, order_id, AUTHENTICATION)["payment"]["status"] == "awaiting_authentication"
    world.stripe.controls.pay(invoice_of(world, token, AUTHENTICATION))
    assert tell(world, of_kind(world.fresh_stripe_events(), kind)[0]).status == 200
    world.run()
    body = shown(world, order_id, AUTHENTICATION)
    assert (body["order"]["status"], body["payment"]["status"]) == ("completed", "succeeded")
    assert world.net_paid(AUTHENTICATION) == 1200


@pytest.mark.parametrize("account", [AUTHENTICATION, "sepa"])
def test_an_event_restores_the_payment_status_after_a_crash(world: World, account: str) -> None:
    """The process crashes after Stripe's answer and before it stores the outcome."""
    world.mishaps.watch(lambda name: Mishap.CRASH_AFTER if name == "stripe.post invoices/pay" else None)
    assert world.place(account, key="k-1").status == 502
    world.mishaps.none()
    (order,) = world.services.orders.newest(world.accounts[account]["id"], 5).orders
    assert not world.cart(order.cart_token, account).payment.started
    world.advance(121)  # the crashed process's payment lease has expired
    kind = "payment_intent.processing" if account == "sepa" else "invoice.payment_action_required"
    assert tell(world, of_kind(world.fresh_stripe_events(), kind)[0]).status == 200
    payment = shown(world, order.uuid, account)["payment"]
    if account == "sepa":
        assert (payment["status"], payment["method_type"]) == ("processing", "sepa_debit")
        assert payment["hosted_invoice_url"] is None
        world.stripe.controls.settle(invoice_of(world, order.cart_token, account))
    else:
        assert payment["status"] == "awaiting_authentication"
        assert payment["hosted_invoice_url"].startswith(world.stripe.url)
        world.stripe.controls.pay(invoice_of(world, order.cart_token, account))
    world.live(1800)
    assert world.order(order.uuid, account).status is OrderStatus.COMPLETED
    assert world.net_paid(account) == 1200


def test_a_returned_debit_can_be_paid_by_another_method(world: World) -> None:
    order_id, token = placed(world, "sepa")
    world.run()
    world.stripe.controls.fail(invoice_of(world, token, "sepa"))
    assert tell(world, of_kind(world.fresh_stripe_events(), "invoice.payment_failed")[0]).status == 200
    payment = shown(world, order_id, "sepa")["payment"]
    assert payment["status"] == "awaiting_authentication"
    assert payment["hosted_invoice_url"].startswith(world.stripe.url)
    world.stripe.controls.pay(invoice_of(world, token, "sepa"))
    world.run()
    assert world.order(order_id, "sepa").status is OrderStatus.COMPLETED


@pytest.mark.parametrize("how", ["invoice.voided", "invoice.marked_uncollectible"])
def test_an_invoice_closed_by_an_operator_ends_its_orders(world: World, how: str) -> None:
    order_id, token = placed(world, AUTHENTICATION, callback=True)
    world.run()
    invoice_id = invoice_of(world, token, AUTHENTICATION)
    if how == "invoice.voided":
        stripe_client(world).v1.invoices.void_invoice(invoice_id)
        told = of_kind(world.fresh_stripe_events(), how)[0]
    else:  # the stand-in has no such request, so set the status directly
        world.stripe.state.get("invoice", invoice_id)["status"] = "uncollectible"
        told = made(how, {"id": invoice_id, "object": "invoice"})
    assert tell(world, told).status == 200
    world.run()
    order = world.order(order_id, AUTHENTICATION)
    assert order.status is OrderStatus.FAILED
    assert world.cart(token, AUTHENTICATION).payment.settled
    assert [json.loads(one.body)["type"] for one in world.callbacks.received] == ["order.failed"]
    assert all(execution.status == "SUCCEEDED" for execution in world.runner.executions.values())
    assert world.net_paid(AUTHENTICATION) == 0


def refunded_order(world: World) -> str:
    order_id, _ = placed(world, callback=True)
    world.run(finish=False)
    world.platform.fail(order_id)
    world.platform_webhook(order_id)
    world.run()
    assert world.order(order_id).status is OrderStatus.PROVISION_FAILED
    return order_id


def test_a_refund_returned_by_the_bank_is_counted(world: World) -> None:
    order_id = refunded_order(world)
    ended = world.order(order_id)
    (refund,) = world.stripe.refunds(world.accounts["ready"]["customer"])
    assert "RefundFailed" not in world.metrics.counts
    world.stripe.controls.settle_refund(refund["id"], succeeds=False)
    told = world.fresh_stripe_events()
    of_kind(told, "refund.updated")
    of_kind(told, "refund.failed")
    for event in told:
        assert tell(world, event).status == 200
    world.run()
    order = world.order(order_id)
    assert world.metrics.counts["RefundFailed"] >= 1
    assert (order.status, order.ended_at) == (ended.status, ended.ended_at)
    (entry,) = order.timeline[len(ended.timeline) :]
    assert (entry.actor, entry.status) == (Actor.STRIPE, OrderStatus.PROVISION_FAILED)
    assert refund["id"] in entry.cause
    assert len(world.callbacks.received) == 1


def test_a_created_refund_does_not_count_as_failed(world: World) -> None:
    order_id = refunded_order(world)
    before = world.order(order_id)
    (created,) = of_kind(world.stripe.events, "refund.created")
    of_kind(world.stripe.events, "charge.refunded")
    assert tell(world, {**created, "id": "evt_once_more"}).status == 200
    assert world.order(order_id) == before
    assert "RefundFailed" not in world.metrics.counts


def test_an_event_about_a_failed_refund_is_checked_at_stripe(world: World) -> None:
    order_id = refunded_order(world)
    before = world.order(order_id)
    (refund,) = world.stripe.refunds(world.accounts["ready"]["customer"])
    assert tell(world, made("refund.failed", {**refund, "status": "failed"})).status == 200
    assert world.order(order_id) == before
    assert "RefundFailed" not in world.metrics.counts


def test_a_manual_credit_note_completes_a_refused_refund(world: World) -> None:
    world.stripe.controls.set(refunds="refuse")
    order_id, token = placed(world, callback=True)
    world.run(finish=False)
    world.platform.fail(order_id)
    world.platform_webhook(order_id)
    world.run()
    assert world.order(order_id).status is OrderStatus.REFUND_FAILED
    assert world.callbacks.received == []
    world.stripe.controls.set(refunds="as published")
    invoice_id = invoice_of(world, token, "ready")
    (line,) = stripe_client(world).v1.invoices.line_items.list(invoice_id).data
    stripe_client(world).v1.credit_notes.create(
        {
            "invoice": invoice_id,
            "lines": [{"type": "invoice_line_item", "invoice_line_item": line.id, "quantity": 1}],
            "refund_amount": 1200,
            "metadata": {"order_id": order_id},
        }
    )
    of_kind(world.stripe.events, "credit_note.created")
    world.live(600, every=300)
    order = world.order(order_id)
    assert order.status is OrderStatus.PROVISION_FAILED
    assert order.refund is not None
    assert order.refund.amount == 1200
    assert len(world.stripe.credit_notes(world.accounts["ready"]["customer"])) == 1
    assert world.net_paid() == 0
    assert len(world.callbacks.received) == 1


def test_a_dispute_is_recorded_and_counted_once(world: World) -> None:
    order_id, token = placed(world)
    world.run()
    before = world.order(order_id)
    (charge,) = world.stripe.charges(world.accounts["ready"]["customer"])
    world.stripe.controls.dispute(charge["id"])
    opened = of_kind(world.fresh_stripe_events(), "charge.dispute.created")[0]
    assert tell(world, opened).status == 200
    assert tell(world, opened).status == 200
    assert world.metrics.counts["DisputeOpened"] == 1
    after = world.order(order_id)
    assert (after.status, after.ended_at) == (OrderStatus.COMPLETED, before.ended_at)
    assert causes(world, order_id)[len(before.timeline) :] == ["the customer disputes the charge"]
    assert after.timeline[-1].actor is Actor.STRIPE
    assert world.cart(token).payment.status is PaymentStatus.SUCCEEDED


# -- renewals ------------------------------------------------------------------------------------------------------


def renewal(world: World, order_id: str) -> str:
    world.live(60)  # the reconciler starts the renewal
    subscription = world.order(order_id).subscription
    assert subscription is not None
    assert shown(world, order_id)["subscription"]["status"] == "active"
    return subscription.id


def test_a_renewal_shows_its_current_status_at_stripe(world: World) -> None:
    order_id, _ = placed(world)
    world.run()
    subscription_id = renewal(world, order_id)
    before = world.order(order_id)
    world.stripe.state.get("subscription", subscription_id)["status"] = "past_due"
    told = made(
        "customer.subscription.updated", {"id": subscription_id, "object": "subscription", "status": "unpaid"}
    )
    assert tell(world, told).status == 200
    assert shown(world, order_id)["subscription"]["status"] == "past_due"
    after = world.order(order_id)
    assert (after.status, after.timeline, after.ended_at) == (before.status, before.timeline, before.ended_at)


def test_an_older_event_does_not_reopen_an_ended_renewal(world: World) -> None:
    order_id, _ = placed(world)
    world.run()
    subscription_id = renewal(world, order_id)
    stripe_client(world).v1.subscriptions.cancel(subscription_id)
    deleted = of_kind(world.fresh_stripe_events(), "customer.subscription.deleted")[0]
    assert tell(world, deleted).status == 200
    assert shown(world, order_id)["subscription"]["status"] == "canceled"
    older = made(
        "customer.subscription.updated", {"id": subscription_id, "object": "subscription", "status": "active"}
    )
    assert tell(world, older).status == 200
    assert shown(world, order_id)["subscription"]["status"] == "canceled"
    assert shown(world, order_id)["order"]["status"] == "completed"


def test_unrelated_subscriptions_are_ignored(world: World) -> None:
    order_id, _ = placed(world)
    world.run()
    before = table(world, but_events=True)
    api = stripe_client(world).v1
    product = api.products.create({"name": "Newsletter"})
    for metadata in (
        {},
        {"order_id": order_id, "account_id": world.accounts["sepa"]["id"]},
        {"order_id": order_id},
    ):
        foreign = api.subscriptions.create(
            {
                "customer": world.accounts["ready"]["customer"],
                "items": [
                    {
                        "price_data": {
                            "currency": "eur",
                            "product": product.id,
                            "recurring": {"interval": "month"},
                            "unit_amount": 100,
                        }
                    }
                ],
                "billing_cycle_anchor": world.clock.now() // 1000 + 20 * DAY,
                "proration_behavior": "none",
                "metadata": metadata,
            }
        )
        api.subscriptions.cancel(foreign.id)
    for event in world.fresh_stripe_events():
        assert tell(world, event).status == 200
    assert table(world, but_events=True) == before


def charge_of_renewal(world: World, order_id: str) -> Any:
    """Renew the site and return the charge of its second month."""
    world.stripe.controls.renew(renewal(world, order_id))
    world.fresh_stripe_events()
    return world.stripe.charges(world.accounts["ready"]["customer"])[-1]


def test_a_dispute_of_a_renewal_is_recorded_and_counted_once(world: World) -> None:
    order_id, _ = placed(world)
    world.run()
    charge = charge_of_renewal(world, order_id)
    before = world.order(order_id)
    world.stripe.controls.dispute(charge["id"])
    opened = of_kind(world.fresh_stripe_events(), "charge.dispute.created")[0]
    for _ in range(2):
        assert tell(world, opened).status == 200
    assert world.metrics.counts["DisputeOpened"] == 1
    after = world.order(order_id)
    assert causes(world, order_id)[len(before.timeline) :] == ["the customer disputes the charge"]
    assert (after.status, after.ended_at) == (OrderStatus.COMPLETED, before.ended_at)


def test_a_renewals_refund_returned_by_the_bank_is_counted(world: World) -> None:
    order_id, _ = placed(world)
    world.run()
    charge = charge_of_renewal(world, order_id)
    before = world.order(order_id)
    world.stripe.controls.set(refunds="fail")
    refund = stripe_client(world).v1.refunds.create({"payment_intent": charge["payment_intent"]})
    failed = of_kind(world.fresh_stripe_events(), "refund.failed")[0]
    assert tell(world, failed).status == 200
    assert world.metrics.counts["RefundFailed"] == 1
    assert causes(world, order_id)[len(before.timeline) :] == [f"refund {refund.id} failed at the bank"]


def test_a_dispute_of_an_unrelated_subscription_is_ignored(world: World) -> None:
    order_id, _ = placed(world)
    world.run()
    charge = charge_of_renewal(world, order_id)
    subscription = world.order(order_id).subscription
    assert subscription is not None
    world.stripe.state.get("subscription", subscription.id)["metadata"] = {}
    world.stripe.controls.dispute(charge["id"])
    assert tell(world, of_kind(world.fresh_stripe_events(), "charge.dispute.created")[0]).status == 200
    assert not world.metrics.counts["DisputeOpened"]
