"""The Collection port at Stripe."""

from __future__ import annotations

from collections.abc import Sequence

from hosting_orders.adapters.stripe.checkout import StripeCheckout
from hosting_orders.adapters.stripe.client import StripeApi
from hosting_orders.adapters.stripe.estimates import StripeEstimates
from hosting_orders.adapters.stripe.invoices import StripeInvoices
from hosting_orders.adapters.stripe.reading import is_made_by_checkout
from hosting_orders.adapters.stripe.reading_checkout import is_session
from hosting_orders.domain.account import Account
from hosting_orders.domain.providers import (
    ChargeLine,
    ChargeRequest,
    CheckoutRequest,
    Estimate,
    PaymentMethod,
    PaymentState,
    SavedMethod,
)


class StripeCollection:
    """An invoice charges a saved method. Customers without a saved method pay on a Checkout page."""

    def __init__(self, stripe: StripeApi) -> None:
        self._stripe = stripe
        self._invoices = StripeInvoices(stripe)
        self._checkout = StripeCheckout(stripe)
        self._estimates = StripeEstimates(stripe)

    @property
    def live(self) -> bool:
        return self._stripe.live

    @property
    def computes_tax(self) -> bool:
        return self._stripe.automatic_tax

    def estimate(self, account: Account, lines: Sequence[ChargeLine], *, on_page: bool) -> Estimate | None:
        return self._estimates.estimate(account, lines, on_page=on_page)

    def default_method(self, customer_id: str) -> PaymentMethod | None:
        return self._invoices.default_method(customer_id)

    def charge(self, request: ChargeRequest) -> PaymentState:
        return self._invoices.charge(request)

    def customer_for(self, account: Account) -> str:
        return self._checkout.customer_for(account)

    def open_checkout(self, request: CheckoutRequest) -> PaymentState:
        return self._checkout.open_checkout(request)

    def keep_method(self, method: SavedMethod) -> None:
        self._checkout.keep_method(method)

    def state(self, reference: str) -> PaymentState | None:
        if is_session(reference):
            return self._checkout.state(reference)
        with self._stripe.faults_translated():
            invoice = self._stripe.invoice(reference)
            if invoice is not None and is_made_by_checkout(invoice):
                return self._checkout.state_by_invoice(invoice)
            return self._invoices.state_of(invoice)

    def find(self, customer_id: str, cart_token: str, created_at: int) -> PaymentState | None:
        found = self._invoices.find(customer_id, cart_token, created_at)
        return found or self._checkout.find(customer_id, cart_token, created_at)

    def void(self, reference: str) -> PaymentState:
        closer = self._checkout if is_session(reference) else self._invoices
        return closer.void(reference)
