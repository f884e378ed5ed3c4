"""POST /webhooks/stripe: whatever Stripe says, the objects themselves are read and decide (docs/design.md)."""

from __future__ import annotations

from hosting_orders.entrypoints.http import Reply, Request, public_endpoint
from hosting_orders.usecases.ports import Services
from hosting_orders.usecases.receive_stripe_webhook import receive_stripe_webhook


@public_endpoint
def handler(request: Request, services: Services) -> Reply:
    receive_stripe_webhook(services, request.raw_body, request.headers.get("stripe-signature", ""))
    return Reply(200, {"received": True})
