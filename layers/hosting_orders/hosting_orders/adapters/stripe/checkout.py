"""Collect a cart's payment on a Stripe Checkout page (docs/design.md).

The session id identifies the payment. The session's invoice is only a receipt. Two sessions could both be paid, so we
expire all but one.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable
from typing import Any

from hosting_orders.adapters.stripe.client import (
    CLOCK_SLACK,
    KEYS_ARE_KEPT,
    PAGE,
    Document,
    StripeApi,
    code_of,
    filled,
    given,
    is_kept,
    method_types,
)
from hosting_orders.adapters.stripe.reading import (
    CHECKOUT,
    COLLECTED_BY,
    cart_metadata,
    has_cart,
    id_of,
    intent_of,
)
from hosting_orders.adapters.stripe.reading_checkout import (
    gross_by_item,
    is_paid,
    is_under_way,
    nearness,
    payable_invoice,
    session_state,
)
from hosting_orders.domain.account import Account, BillingContact
from hosting_orders.domain.cart import PaymentStatus
from hosting_orders.domain.errors import NotFoundError, PaymentNotStartedError, ProviderUnavailableError
from hosting_orders.domain.providers import ChargeLine, CheckoutRequest, PaymentState, SavedMethod

# The customer may pay while we close the page, so try several times.
_ROUNDS = 3

_log = logging.getLogger("hosting-orders")


class StripeCheckout:
    def __init__(self, stripe: StripeApi) -> None:
        self._stripe = stripe

    def customer_for(self, account: Account) -> str:
        # A call with a changed contact may create a second customer at Stripe. Only the customer whose id the account
        # stores is charged.
        parameters = _customer(account)
        # Changed parameters need a new idempotency key, because Stripe refuses a known key with other parameters.
        words = hashlib.sha256(json.dumps(parameters, sort_keys=True).encode()).hexdigest()[:16]
        with self._stripe.faults_translated():
            try:
                return self._stripe.once(
                    f"account:{account.id}:customer:{words}",
                    lambda options: str(self._stripe.v1.customers.create(given(parameters), options).id),
                )
            except self._stripe.sdk.StripeError as error:
                if not self._stripe.is_refusal(error):
                    raise
                raise _not_started(code_of(error)) from None

    def open_checkout(self, request: CheckoutRequest) -> PaymentState:
        """Open the cart's page. After a returned direct debit, void the session's invoice: it could still be paid."""
        with self._stripe.faults_translated():
            session = self._find_when_old(request) or self._create(request)
            state = self._state(session)
            if state.status is PaymentStatus.PROCESSING and state.error is not None:
                state = self._close(session)
            if state.status is PaymentStatus.FAILED:
                raise PaymentNotStartedError("The payment failed.", state.error)
            return state

    def keep_method(self, method: SavedMethod) -> None:
        """If Stripe refuses, only log this: the payment has already succeeded."""
        with self._stripe.faults_translated():
            customer = self._stripe.found(lambda: self._stripe.v1.customers.retrieve(method.customer_id))
            if customer is None:
                return
            settings = customer.get("invoice_settings") or {}
            if settings.get("default_payment_method") or customer.get("default_source"):
                return
            kept: Document = {"invoice_settings": {"default_payment_method": method.id}}
            refusal = self._stripe.refusal_of(
                lambda: self._stripe.v1.customers.update(method.customer_id, given(kept))
            )
        if refusal is not None:
            _log.warning("the payment method was not made the default", extra={"reason": code_of(refusal)})

    def state(self, session_id: str) -> PaymentState | None:
        with self._stripe.faults_translated():
            session = self._stripe.session(session_id)
            return self._state(session) if session and has_cart(session) else None

    def state_by_invoice(self, invoice: Document) -> PaymentState | None:
        with self._stripe.faults_translated():
            payment_id = id_of(intent_of(invoice))
            session_id = self._stripe.session_of(payment_id) if payment_id else None
        return self.state(session_id) if session_id else None

    def find(self, customer_id: str, cart_token: str, created_at: int) -> PaymentState | None:
        if not customer_id:
            return None
        with self._stripe.faults_translated():
            session = self._look(customer_id, cart_token, created_at)
            return self._state(session) if session else None

    def void(self, session_id: str) -> PaymentState:
        """Raises NotFoundError if the session is not ours."""
        with self._stripe.faults_translated():
            session = self._stripe.session(session_id)
            if session is None or not has_cart(session):
                raise NotFoundError("No such payment.")
            return self._close(session)

    def _find_when_old(self, request: CheckoutRequest) -> Document | None:
        if self._stripe.now() - request.created_at / 1000 < KEYS_ARE_KEPT:
            return None
        return self._look_for(request)

    def _look_for(self, request: CheckoutRequest) -> Document | None:
        return self._look(request.customer_id, request.cart_token, request.created_at)

    def _look(self, customer_id: str, cart_token: str, created_at: int) -> Document | None:
        """Return the session closest to payment, and expire the other open ones."""
        for _ in range(_ROUNDS):
            found = self._sessions(customer_id, cart_token, created_at // 1000 - CLOCK_SLACK)
            if not found:
                return None
            counts, *others = sorted(found, key=nearness)
            spare = [str(other["id"]) for other in others if other["status"] == "open"]
            # A refusal means that the session is no longer open. It may be paid, so read all sessions again.
            if all(self._stripe.refusal_of(self._expiring(one)) is None for one in spare):
                return self._stripe.session(counts["id"])
        raise ProviderUnavailableError("Stripe: the cart's pages could not be closed")

    def _sessions(self, customer_id: str, cart_token: str, since: int) -> list[Document]:
        pages = self._stripe.v1.checkout.sessions.list(
            {"customer": customer_id, "created": {"gte": since}, "limit": PAGE}
        ).auto_paging_iter()
        sessions = (found.to_dict() for found in pages)
        return [one for one in sessions if has_cart(one) and one["metadata"]["cart_token"] == cart_token]

    def _create(self, request: CheckoutRequest) -> Document:
        parameters = self._parameters(request)

        def post(options: Any) -> Document:
            made = self._stripe.v1.checkout.sessions.create(given(parameters), options)
            # A replayed response shows the session as it was created. The session may be paid by now.
            return (self._stripe.session(made.id) if is_kept(made) else None) or made.to_dict()

        try:
            return self._stripe.once(
                f"cart:{request.account_id}:{request.cart_token}:checkout",
                post,
                done=lambda: self._look_for(request),
            )
        except self._stripe.sdk.StripeError as error:
            if not self._stripe.is_refusal(error):
                raise
            # An older version of this code may have used the key with other parameters.
            found = self._look_for(request)
            if found is not None:
                return found
            if isinstance(error, self._stripe.sdk.IdempotencyError):
                raise
            raise _not_started(code_of(error)) from None

    def _parameters(self, request: CheckoutRequest) -> Document:
        metadata = {**cart_metadata(request.account_id, request.cart_token), COLLECTED_BY: CHECKOUT}
        parameters: Document = {
            "mode": "payment",
            "customer": request.customer_id,
            "line_items": [_item(request, line) for line in request.lines],
            "metadata": metadata,
            "payment_intent_data": {"metadata": metadata, "setup_future_usage": "off_session"},
            "invoice_creation": {"enabled": True, "invoice_data": {"metadata": metadata}},
            # SEPA Direct Debit supports only euros.
            "allowed_payment_method_types": method_types(request.currency),
            "expires_at": request.expires_at // 1000,
            "success_url": request.success_url,
            "cancel_url": request.cancel_url,
            "locale": request.locale,
        }
        if self._stripe.automatic_tax:
            parameters["automatic_tax"] = {"enabled": True}
            # Stripe cannot compute the tax without an address, so use the address that the customer enters on the page.
            parameters["customer_update"] = {"address": "auto"}
        return parameters

    def _close(self, session: Document) -> PaymentState:
        # Send no idempotency key. With a key, Stripe would replay an earlier refusal that is outdated.
        for _ in range(_ROUNDS):
            closing = self._closing(session)
            if closing is None:
                return self._state(session)
            # If Stripe refused, another process or the customer may have been faster. So read the session again.
            self._stripe.refusal_of(closing)
            session = self._stripe.session(session["id"]) or session
        raise ProviderUnavailableError("Stripe: the page could not be closed")

    def _closing(self, session: Document) -> Callable[[], object] | None:
        if is_paid(session) or is_under_way(session):
            return None
        if session["status"] == "open":
            return self._expiring(session["id"])
        invoice_id = payable_invoice(session)
        return (lambda: self._stripe.v1.invoices.void_invoice(invoice_id)) if invoice_id else None

    def _expiring(self, session_id: str) -> Callable[[], object]:
        return lambda: self._stripe.v1.checkout.sessions.expire(session_id)

    def _state(self, session: Document) -> PaymentState:
        # The tax is final only after payment: the customer may enter another country.
        items = self._stripe.session_items(session["id"]) if is_paid(session) else []
        return session_state(session, gross_by_item(items, session["amount_total"]))


def address_of(contact: BillingContact) -> Document:
    return filled(
        {
            "line1": contact.street.strip(),
            "postal_code": contact.post_code.strip(),
            "city": contact.city.strip(),
            "country": contact.country.strip(),
        }
    )


def _customer(account: Account) -> Document:
    contact = account.billing_contact
    return filled(
        {
            "name": contact.name.strip() or account.name,
            "email": contact.email.strip(),
            "address": address_of(contact),
            "metadata": {"account_id": account.id},
        }
    )


def _item(request: CheckoutRequest, line: ChargeLine) -> Document:
    metadata = {"order": line.key}
    return {
        "quantity": 1,
        "metadata": metadata,
        "price_data": {
            "currency": request.currency.lower(),
            # The product has the key too, because a line of the invoice may name only the product.
            "product_data": {"name": line.description, "metadata": metadata},
            "tax_behavior": "exclusive",
            "unit_amount": line.amount,
        },
    }


def _not_started(code: str | None) -> PaymentNotStartedError:
    return PaymentNotStartedError("The payment could not be started.", code)
