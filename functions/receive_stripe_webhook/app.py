"""Stripe's webhook. The event is only a hint: the handler reads the current objects (docs/money.md)."""

from __future__ import annotations

from hosting_orders import bootstrap
from hosting_orders.contracts import webhooks
from hosting_orders.entrypoints.http import Call, Reply, serves
from hosting_orders.usecases.ports import Services
from hosting_orders.usecases.receive_stripe_webhook import receive_stripe_webhook

bootstrap.prepare("events", "orders", "workflow", "payments")


@serves(webhooks.RECEIVE_STRIPE_WEBHOOK)
def handler(call: Call[None], services: Services) -> Reply:
    signature = call.request.headers.get("stripe-signature", "")
    receive_stripe_webhook(services, call.request.raw_body, signature)
    return call.answer(None)
