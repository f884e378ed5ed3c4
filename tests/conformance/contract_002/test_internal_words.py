"""Clients see only the contract's words: no internal words, and no words of our providers."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from hosting_orders.contracts.shown import shown_decline, shown_text
from hosting_orders.domain.order import Actor, Failure, Order, OrderStatus
from tests.conformance.contract_002.support import assert_error, shown
from tests.support.world import Reply, World

# Stripe's docs say to show these codes as a generic decline, because the customer may be a thief.
SENSITIVE = (
    "fraudulent",
    "lost_card",
    "merchant_blacklist",
    "pickup_card",
    "restricted_card",
    "security_violation",
    "stolen_card",
)


def everything_told(world: World, account: str) -> str:
    """Cancel every order of the account. Return all responses about the orders, and all callbacks received."""
    told: list[Any] = []
    listed = world.request("GET", "/api/orders", account=account).body
    told += [listed, world.request("GET", "/api/tasks", account=account).body]
    for one in listed["orders"]:
        path = f"/api/orders/{one['id']}"
        order = world.order(one["id"], account)
        for below in ("", "/events", "/callbacks"):
            told.append(world.request("GET", path + below, account=account).body)
        told.append(world.request("GET", f"/api/carts/{order.cart_token}", account=account).body)
        told.append(world.request("DELETE", path, account=account).body)
    return json.dumps(told) + "".join(str(one.body) for one in world.callbacks.received)


@pytest.fixture
def card(world: World) -> Any:
    """A function that makes the bank decline the card of `declined_final` with a given code."""
    customer = world.stripe.get(world.accounts["declined_final"]["customer"])
    method = customer["invoice_settings"]["default_payment_method"]

    def decline(code: str) -> None:
        world.stripe.controls.decline(method, code)

    yield decline
    world.stripe.controls.decline(method, None)


def place(world: World, key: str) -> Reply:
    return world.place("declined_final", key=key, callback=True)


@pytest.mark.parametrize("code", SENSITIVE)
def test_O2_099_a_decline_for_suspected_theft_is_shown_as_generic(world: World, card: Any, code: str) -> None:
    card(code)
    world.advance(1)  # the next order becomes the account's newest
    first, again = place(world, code), place(world, code)
    world.run()
    # `security_violation` is not a final decline, so the order stays open for another card.
    if code != "security_violation":
        for reply in (first, again):
            assert_error(reply, 422, "cart_pay_failed")
            assert reply.body["decline_code"] == "generic_decline"
    told = json.dumps([first.body, again.body]) + everything_told(world, "declined_final")
    assert code not in told.replace("Card blocked as fraudulent", "")  # the demo account has this name
    newest = world.request("GET", "/api/orders", account="declined_final").body["orders"][0]["id"]
    cart = world.cart(world.order(newest, "declined_final").cart_token, "declined_final")
    assert cart.payment.error == code  # the table keeps the real reason, for operators


@pytest.mark.parametrize("code", ["revocation_of_authorization", "stop_payment_order"])
def test_O2_099_other_declines_keep_the_banks_code(world: World, card: Any, code: str) -> None:
    card(code)
    for _ in range(2):
        assert place(world, code).body["decline_code"] == code


def test_O2_099_an_error_without_a_decline_has_no_decline_code(world: World) -> None:
    """Before the test repeats the request, it stores the cart as if Stripe had refused to start the payment."""
    order = world.order(world.place("ready", key="no-decline").body["orders"][0]["id"])
    cart = world.cart(order.cart_token)
    failed = order.payment_failed(Failure("cart_pay_failed", "The payment could not be started."), 1)
    payment = replace(cart.payment, status="failed", error="payment_not_started")
    world.services.orders.save_failed_payment(replace(cart, payment=payment), [replace(failed, due_at=None)])
    again = world.place("ready", key="no-decline")
    assert_error(again, 422, "cart_pay_failed")
    assert "decline_code" not in again.body


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (None, None),
        ("payment_not_started", None),
        ("resource_missing", None),
        ("customer_tax_location_invalid", None),
        ("insufficient_funds", "insufficient_funds"),
        ("generic_decline", "generic_decline"),
        *[(code, "generic_decline") for code in SENSITIVE],
    ],
)
def test_only_the_codes_of_a_bank_are_shown_as_decline_codes(code: str | None, told: str | None) -> None:
    assert shown_decline(code) == told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("The order could not be delivered (States.Timeout).", "The order could not be delivered."),
        ("The order could not be delivered (ProvisioningFailedError).", "The order could not be delivered."),
        ("The order could not be delivered (Runtime.ExitError).", "The order could not be delivered."),
        ("The order could not be delivered ().", "The order could not be delivered."),
        ("The disk is full (disk_full)", "The disk is full (disk_full)"),
        ("No room in Amsterdam (AMS)", "No room in Amsterdam (AMS)"),
        ("payment succeeded", "payment succeeded"),
        ("waiting: PENDING_AUTHORIZATION", "waiting for the registrant to confirm"),
        ("waiting: PENDING_SUPPORT_CASE", "waiting for our registrar"),
        ("waiting: SOMETHING_NEW", "waiting for our registrar"),
    ],
)
def test_shown_texts_have_no_error_names_or_registrar_flags(text: str, told: str) -> None:
    assert shown_text(text) == told


def given_up(world: World, error: str) -> Order:
    """Return a stored order that was refunded because its workflow failed with `error`."""
    order = world.order(world.place("ready").body["orders"][0]["id"])
    now = world.clock.now()
    failure = Failure("provisioning_failed", f"The order could not be delivered ({error}).")
    refunding = world.services.orders.save_order(order.paid(now, now)) if order.status == "pending" else order
    refunding = refunding.undeliverable(failure, now, Actor.SYSTEM)
    return world.services.orders.save_order(refunding.refunded(None, now).closed())


@pytest.mark.parametrize("error", ["States.Timeout", "ProvisioningFailedError", "DeliveryTimedOut"])
def test_an_order_shows_why_it_failed_without_the_error_name(world: World, error: str) -> None:
    order = given_up(world, error)
    body = shown(world, order.uuid)
    assert body["failure"]["message"] == "The order could not be delivered."
    assert body["order"]["status"] == "failed"
    assert error not in everything_told(world, "ready")
    assert error in world.order(order.uuid).failure.message  # the table keeps the real reason, for operators


def test_C11_a_refused_cancel_is_explained_in_the_contracts_words(world: World) -> None:
    order = given_up(world, "States.Timeout")
    for body in (shown(world, order.uuid)["cancellation"], cancel(world, order.uuid)):
        assert body["reason"] == "already_ended"
        text = body.get("message") or body["errors"][0]
        assert text == "The order has already failed."


def cancel(world: World, order_id: str) -> Any:
    reply = world.request("DELETE", f"/api/orders/{order_id}")
    assert reply.status == 409
    return reply.body


@pytest.mark.parametrize("status", list(OrderStatus))
def test_C11_texts_about_cancelling_have_no_internal_status(world: World, status: OrderStatus) -> None:
    order = replace(world.order(world.place("ready").body["orders"][0]["id"]), status=status)
    refusal = order.why_not_cancellable()
    if status in (OrderStatus.PENDING, OrderStatus.PROCESSING):
        assert refusal is None
        return
    assert refusal is not None
    for word in ("canceled", "canceling", "provision_failed", "refund_failed", "expired", "refunding"):
        assert word not in " ".join(refusal)
    if status in (OrderStatus.CANCELING, OrderStatus.CANCELED):
        assert refusal[0] == "already_cancelled"
