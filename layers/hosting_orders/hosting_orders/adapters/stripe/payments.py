"""Payments at Stripe, all of them."""

from __future__ import annotations

from hosting_orders.adapters.stripe.client import StripeApi
from hosting_orders.adapters.stripe.invoices import StripeInvoices
from hosting_orders.adapters.stripe.refunds import StripeRefunds
from hosting_orders.adapters.stripe.renewals import StripeRenewals
from hosting_orders.adapters.stripe.webhooks import StripeWebhooks


class StripePayments(StripeInvoices, StripeRefunds, StripeRenewals, StripeWebhooks):
    """`webhook_secrets` are all the signing secrets that are valid now: two during a rotation."""

    def __init__(self, stripe: StripeApi, webhook_secrets: tuple[str, ...]) -> None:
        StripeWebhooks.__init__(self, stripe, webhook_secrets)
