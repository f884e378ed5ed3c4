"""Contract 002, off-session charges: the status of the payment, and the money that moves."""

from __future__ import annotations

import pytest

from tests.conformance.contract_002.support import assert_error, completed, shown, state_of
from tests.support.world import Reply, World

HOUR = 3600
DAY = 24 * HOUR


def placed(world: World, account: str) -> tuple[Reply, str]:
    reply = world.place(account)
    assert reply.status == 202, reply.body
    return reply, reply.body["orders"][0]["id"]


def invoice_of(world: World, account: str) -> str:
    (invoice,) = world.stripe.open_invoices(world.accounts[account]["customer"])
    return str(invoice["id"])


def test_O2_006_O2_060_the_default_method_is_charged_off_session(world: World) -> None:
    customer = world.accounts["ready"]["customer"]
    before = len(world.stripe.charges(customer))
    completed(world)
    charges = world.stripe.charges(customer)
    assert len(charges) == before + 1
    default = world.stripe.get(customer)["invoice_settings"]["default_payment_method"]
    assert charges[-1]["payment_method"] == default
    paying = [r for r in world.stripe.requests if r.path.endswith("/pay")]
    assert "off_session" in str(paying[-1])


def test_O2_081_a_payment_with_a_working_card_succeeds(world: World) -> None:
    reply, order_id = placed(world, "ready")
    assert reply.body["payment"]["status"] == "succeeded"
    assert shown(world, order_id)["payment"]["status"] == "succeeded"


@pytest.mark.parametrize("account", ["authentication_required", "declined_recoverable"])
def test_O2_082_O2_083_C07_the_customer_can_finish_a_payment(world: World, account: str) -> None:
    reply, order_id = placed(world, account)
    payment = reply.body["payment"]
    assert payment["status"] == "awaiting_authentication"
    assert payment["hosted_invoice_url"].startswith("http")
    world.run()
    assert shown(world, order_id, account)["order"]["status"] == "pending"
    assert world.net_paid(account) == 0
    world.stripe.controls.pay(invoice_of(world, account), card="4242424242424242")
    world.run()
    body = shown(world, order_id, account)
    assert (body["order"]["status"], body["payment"]["status"]) == ("completed", "succeeded")
    assert world.net_paid(account) == 1200


def test_O2_080_O2_084_C25_nothing_is_delivered_before_a_debit_settles(
    world: World,
) -> None:
    reply, order_id = placed(world, "sepa")
    assert reply.body["payment"]["status"] == "processing"
    assert reply.body["payment"]["method_type"] == "sepa_debit"
    world.run()
    assert order_id not in world.platform.services
    assert shown(world, order_id, "sepa")["order"]["status"] == "pending"
    world.stripe.controls.settle(invoice_of(world, "sepa"))
    world.run()
    body = shown(world, order_id, "sepa")
    assert (body["order"]["status"], body["payment"]["status"]) == ("completed", "succeeded")


def test_O2_085_an_order_waits_until_its_debit_has_settled(world: World) -> None:
    _, order_id = placed(world, "sepa")
    world.run()
    world.stripe.controls.set(sepa_settles=False)
    for _ in range(8):
        world.advance(DAY)
        world.reconcile()
        world.run()
    assert shown(world, order_id, "sepa")["order"]["status"] == "pending"
    world.stripe.controls.settle(invoice_of(world, "sepa"))
    world.run()
    assert shown(world, order_id, "sepa")["order"]["status"] == "completed"


def test_O2_099_C05_a_final_decline_gets_a_422_and_leaves_no_open_invoice(world: World) -> None:
    customer = world.accounts["declined_final"]["customer"]
    reply = world.place("declined_final", key="final")
    assert_error(reply, 422, "cart_pay_failed")
    world.run()
    assert world.stripe.open_invoices(customer) == []
    assert world.stripe.charges(customer) == []
    (order,) = world.request("GET", "/api/orders", account="declined_final").body["orders"]
    body = shown(world, order["id"], "declined_final")
    assert (body["order"]["status"], body["payment"]["status"]) == ("failed", "failed")
    before = state_of(world)
    again = world.place("declined_final", key="final")
    assert_error(again, 422, "cart_pay_failed")
    assert state_of(world) == before


def test_O2_099_preflight_failures_get_a_400_and_payment_failures_a_422(world: World) -> None:
    assert world.place("no_method").status == 400
    assert world.place("declined_final").status == 422


def test_C07_C10_an_undeliverable_order_shows_its_refund(world: World) -> None:
    reply, order_id = placed(world, "ready")
    before = world.net_paid()
    world.run(finish=False)
    world.platform.fail(order_id)
    world.platform_webhook(order_id)
    world.run()
    body = shown(world, order_id)
    assert body["order"]["status"] == "failed"
    assert (body["payment"]["status"], body["payment"]["refunded_cents"]) == ("refunded", 1200)
    assert world.net_paid() == before - 1200
    assert "site" not in body
    cart = world.request("GET", reply.body["cart"]["poll_url"]).body
    assert (cart["cart"]["rollup_status"], cart["cart"]["status"]) == ("failed", "checked_out")
    assert cart["payment"]["status"] == "refunded"


@pytest.mark.parametrize("account", ["authentication_required", "declined_recoverable"])
def test_O2_051_C08_an_unfinished_payment_shows_nothing_charged(world: World, account: str) -> None:
    _, order_id = placed(world, account)
    payment = shown(world, order_id, account)["payment"]
    assert (payment["status"], payment["amount_charged_cents"]) == ("awaiting_authentication", 0)
    assert payment["total_gross_cents"] == 1200
    world.stripe.controls.pay(invoice_of(world, account), card="4242424242424242")
    world.run()
    payment = shown(world, order_id, account)["payment"]
    assert (payment["status"], payment["amount_charged_cents"]) == ("succeeded", 1200)


def test_O2_051_C08_a_debit_is_shown_as_charged_only_after_it_settles(world: World) -> None:
    _, order_id = placed(world, "sepa")
    payment = shown(world, order_id, "sepa")["payment"]
    assert (payment["status"], payment["amount_charged_cents"]) == ("processing", 0)
    world.stripe.controls.settle(invoice_of(world, "sepa"))
    world.run()
    payment = shown(world, order_id, "sepa")["payment"]
    assert (payment["status"], payment["amount_charged_cents"]) == ("succeeded", 1200)


def test_O2_051_C08_a_failed_payment_shows_nothing_charged(world: World) -> None:
    """Stripe declines the first order's card immediately. The second order's invoice stays open until the test marks it
    as uncollectible.
    """
    assert world.place("declined_final").status == 422
    first = world.request("GET", "/api/orders", account="declined_final").body["orders"][0]
    payment = shown(world, first["id"], "declined_final")["payment"]
    assert (payment["status"], payment["amount_charged_cents"]) == ("failed", 0)

    _, order_id = placed(world, "declined_recoverable")
    world.run()
    invoice = invoice_of(world, "declined_recoverable")
    with world.stripe.state.lock:
        world.stripe.state.get("invoice", invoice)["status"] = "uncollectible"
    world.live(2 * HOUR)
    payment = shown(world, order_id, "declined_recoverable")["payment"]
    assert (payment["status"], payment["amount_charged_cents"]) == ("failed", 0)


def test_O2_051_C08_a_canceled_payment_shows_nothing_charged(world: World) -> None:
    _, order_id = placed(world, "authentication_required")
    world.run()
    assert world.request("DELETE", f"/api/orders/{order_id}", account="authentication_required").status == 202
    world.run()
    payment = shown(world, order_id, "authentication_required")["payment"]
    assert (payment["status"], payment["amount_charged_cents"]) == ("canceled", 0)


def test_O2_051_C08_a_refunded_payment_still_shows_its_charge(world: World) -> None:
    _, order_id = placed(world, "ready")
    world.run(finish=False)
    world.platform.fail(order_id)
    world.platform_webhook(order_id)
    world.run()
    payment = shown(world, order_id)["payment"]
    assert (payment["status"], payment["amount_charged_cents"]) == ("refunded", 1200)
    assert payment["refunded_cents"] == 1200


def test_C07_an_unpaid_order_expires_and_can_no_longer_be_paid(world: World) -> None:
    reply, order_id = placed(world, "authentication_required")
    world.run()
    for _ in range(26):
        world.advance(HOUR)
        world.reconcile()
        world.run()
    body = shown(world, order_id, "authentication_required")
    assert (body["order"]["status"], body["payment"]["status"]) == ("cancelled", "canceled")
    assert world.stripe.open_invoices(world.accounts["authentication_required"]["customer"]) == []
    cart = world.request("GET", reply.body["cart"]["poll_url"], account="authentication_required").body
    assert (cart["cart"]["rollup_status"], cart["cart"]["status"]) == ("cancelled", "active")


def test_O2_098_nothing_is_stored_if_stripe_is_unavailable(world: World) -> None:
    before = state_of(world)
    world.stripe.faults.add("error", "/v1/customers/.*", times=5)
    world.stripe.faults.add("error", "/v1/payment_methods.*", times=5)
    try:
        reply = world.place()
        assert_error(reply, 503, "temporarily_unavailable")
        assert int(reply.headers["retry-after"]) > 0
        assert state_of(world) == before
    finally:
        world.stripe.faults.clear()
