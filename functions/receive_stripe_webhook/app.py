"""POST /webhooks/stripe: whatever Stripe says, the invoice itself is read and decides (design.md section 5)."""

from __future__ import annotations

from hosting_orders.entrypoints.http import Reply, Request, public_endpoint
from hosting_orders.usecases.ports import Services
from hosting_orders.usecases.settle_payment import settle_payment


@public_endpoint
def handler(request: Request, services: Services) -> Reply:
    signature = request.headers.get("stripe-signature", "")
    invoice_id = services.payments.invoice_of_event(request.raw_body, signature)
    if invoice_id is not None:
        settle_payment(services, invoice_id)
    return Reply(200, {"received": True})
