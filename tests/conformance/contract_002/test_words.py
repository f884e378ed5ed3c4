"""The words of contract 002 for the internal states of an order."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from hosting_orders.contracts.vendor import words as vendor
from hosting_orders.domain.cart import PaymentStatus
from hosting_orders.domain.order import OrderStatus
from tests.conformance.contract_002.support import shown
from tests.support.world import World

# For each state of an order, five statuses: of the order, of its cart, of its cart's orders together
# (`rollup_status`), of the payment and of the task.
TABLE = {
    "awaiting_payment": ("pending", "processing", "pending", "processing", "PENDING"),
    "awaiting_authentication": ("pending", "processing", "pending", "awaiting_authentication", "PAUSED"),
    "payment_failed": ("failed", "active", "failed", "failed", "FAILED"),
    "returned_debit": ("pending", "processing", "pending", "awaiting_authentication", "PAUSED"),
    "expired": ("cancelled", "active", "cancelled", "canceled", "CANCELLED"),
    "provisioning": ("processing", "checked_out", "processing", "succeeded", "RUNNING"),
    "completed": ("completed", "checked_out", "completed", "succeeded", "OK"),
    "cancelled": ("cancelled", "active", "cancelled", "canceled", "CANCELLED"),
    "cancelled_after_payment": ("cancelled", "checked_out", "cancelled", "refunded", "CANCELLED"),
    "refunding": ("processing", "checked_out", "processing", "succeeded", "RUNNING"),
    "provision_failed": ("failed", "checked_out", "failed", "refunded", "FAILED"),
}


@dataclass
class Case:
    account: str
    order_id: str
    token: str


def arrange(world: World, state: str) -> Case:
    account = {
        "awaiting_payment": "sepa",
        "awaiting_authentication": "authentication_required",
        "payment_failed": "declined_final",
        "returned_debit": "sepa",
        "expired": "authentication_required",
        "cancelled": "authentication_required",
    }.get(state, "ready")
    reply = world.place(account)
    if state == "payment_failed":
        assert reply.status == 422, reply.body
        (order,) = world.request("GET", "/api/orders", account=account).body["orders"]
        world.run()
        return Case(account, order["id"], world.order(order["id"], account).cart_token)
    assert reply.status == 202, reply.body
    case = Case(account, reply.body["orders"][0]["id"], reply.body["cart"]["token"])
    if state == "cancelled_after_payment":
        assert world.request("DELETE", f"/api/orders/{case.order_id}").status == 202
    world.run(finish=state == "completed")
    customer = world.accounts[account]["customer"]
    if state == "returned_debit":
        world.stripe.controls.fail(world.stripe.open_invoices(customer)[-1]["id"])
    elif state == "expired":
        for _ in range(26):
            world.advance(3600)
            world.reconcile()
    elif state == "cancelled":
        assert world.request("DELETE", f"/api/orders/{case.order_id}", account=account).status == 202
    elif state in ("refunding", "provision_failed"):
        if state == "refunding":
            # Every refund request to Stripe fails, so the order stays in the state `refunding`.
            world.stripe.faults.add("error", "/v1/(credit_notes|refunds).*", method="POST", times=10_000)
        world.platform.fail(case.order_id)
        world.platform_webhook(case.order_id)
    world.run(finish=state == "completed")
    return case


@pytest.mark.parametrize("state", sorted(TABLE))
def test_C03_every_endpoint_uses_the_contracts_word_for_a_state(world: World, state: str) -> None:
    case = arrange(world, state)
    try:
        body = shown(world, case.order_id, case.account)
        cart = world.request("GET", f"/api/carts/{case.token}", account=case.account).body
        listing = world.request("GET", "/api/orders", account=case.account).body["orders"]
        task = world.request("GET", f"/api/tasks/{body['tasks'][0]['id']}", account=case.account).body["task"]
        tasks = world.request("GET", "/api/tasks", account=case.account).body["tasks"]
        order_word, cart_word, rollup, payment, task_word = TABLE[state]
        assert body["order"]["status"] == order_word
        assert body["payment"]["status"] == payment
        assert body["tasks"][0]["status"] == task_word
        assert cart["cart"]["status"] == cart_word
        assert cart["cart"]["rollup_status"] == rollup
        assert cart["payment"]["status"] == payment
        assert cart["orders"][0]["status"] == order_word
        assert next(order for order in listing if order["id"] == case.order_id)["status"] == order_word
        assert task["status"] == task_word
        assert task["orders"] == [{"id": case.order_id, "status": order_word}]
        listed = next((t for t in tasks if t["id"] == task["id"]), None)
        assert listed is not None
        assert listed == task
    finally:
        world.stripe.faults.clear()


def test_C03_every_state_has_a_word_for_order_and_task() -> None:
    words = {"pending", "processing", "completed", "failed", "cancelled"}
    for status in OrderStatus:
        for payment in PaymentStatus:
            assert vendor.order_word(status, payment) in words
    assert set(vendor.TASK_WORDS) == set(OrderStatus)
    assert set(vendor.TASK_WORDS.values()) <= {"PENDING", "RUNNING", "OK", "FAILED", "CANCELLED", "PAUSED"}
