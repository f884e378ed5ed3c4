"""The Renewals port at Stripe. From the second term on, a subscription or our invoices (terms.py) charge an order."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from hosting_orders.adapters.stripe.billing import is_busy
from hosting_orders.adapters.stripe.client import (
    CLOCK_SLACK,
    KEYS_ARE_KEPT,
    PAGE,
    Document,
    StripeApi,
    code_of,
    given,
    method_types,
)
from hosting_orders.adapters.stripe.reading import renewal_state
from hosting_orders.adapters.stripe.terms import StripeTerms, product_id
from hosting_orders.domain.catalogue import Term
from hosting_orders.domain.errors import (
    PaymentNotStartedError,
    ProviderUnavailableError,
    TooManySubscriptionsError,
)
from hosting_orders.domain.money import Money
from hosting_orders.domain.months import months_after
from hosting_orders.domain.order import Subscription
from hosting_orders.domain.providers import RenewalState, TermRequest, TermState

if TYPE_CHECKING:
    import stripe

_CLOCKS_DIFFER = 300  # seconds


class StripeRenewals:
    def __init__(self, stripe: StripeApi) -> None:
        self._stripe = stripe
        self._terms = StripeTerms(stripe)

    def start_renewal(
        self,
        *,
        order_id: str,
        account_id: str,
        customer_id: str,
        description: str,
        price: Money,
        term: Term,
        anchor: int,
        day_of_month: int | None,
        charge_late: bool,
    ) -> Subscription:
        """The subscription has no payment method of its own, so it charges the customer's current default method."""
        first = moment = dt.datetime.fromtimestamp(anchor // 1000, dt.UTC)
        steps = 0
        while moment.timestamp() <= self._stripe.now():
            steps += 1
            moment = (
                first + dt.timedelta(days=steps)
                if charge_late
                else months_after(first, steps * term.months, day_of_month)
            )
        begun = months_after(first, -term.months).timestamp()

        def look() -> Document | None:
            return self._subscription(customer_id, order_id, int(begun) - CLOCK_SLACK)

        parameters: Document = {
            "customer": customer_id,
            "description": description,
            "items": [
                {
                    "price_data": {
                        "currency": price.currency.lower(),
                        "product": product_id(order_id),
                        "recurring": {"interval": "month" if term is Term.MONTHLY else "year"},
                        "tax_behavior": "exclusive",
                        "unit_amount": price.amount,
                    },
                }
            ],
            **self._anchor(moment, term, day_of_month),
            "proration_behavior": "none",
            "off_session": True,
            "metadata": {"order_id": order_id, "account_id": account_id},
            "payment_settings": {"payment_method_types": method_types(price.currency)},
        }
        if self._stripe.automatic_tax:
            parameters["automatic_tax"] = {"enabled": True}
        with self._stripe.faults_translated():
            # If the anchor has moved, the request and its idempotency key differ from those of the last try. Stripe
            # also forgets an old key. In both cases Stripe does not recognise a repeated request, so search for the
            # subscription first. Otherwise a second one could be created.
            old = steps > 0 or self._stripe.now() - begun >= KEYS_ARE_KEPT
            subscription = look() if old else None
            if subscription is None:
                subscription = self._subscribe(order_id, description, parameters, steps, look)
        return Subscription(
            id=subscription["id"],
            status=subscription["status"],
            bucket_type=term.value,
            bucket_year=moment.year,
            bucket_month=moment.month,
        )

    def _anchor(self, moment: dt.datetime, term: Term, day: int | None) -> Document:
        """Raises ProviderUnavailableError shortly before and after a billing date."""
        # Stripe bills on the anchor's day. If the anchor's month is too short for `day`, later terms would begin too
        # early in their months. So send `day` itself in the config below.
        if day is None or moment.day == day:
            return {"billing_cycle_anchor": int(moment.timestamp())}
        now = self._stripe.now()
        before = months_after(moment, -term.months, day).timestamp()
        if now - before < _CLOCKS_DIFFER or moment.timestamp() - now < _CLOCKS_DIFFER:
            # Stripe computes the next billing date by its own clock, and must not find a different date than ours.
            raise ProviderUnavailableError("too near to a billing date to start a renewal")
        config = {"day_of_month": day, "hour": moment.hour, "minute": moment.minute, "second": moment.second}
        if term is Term.ANNUAL:
            config["month"] = moment.month
        return {"billing_cycle_anchor_config": config}

    def find_renewal(self, *, order_id: str, customer_id: str, term: Term, since: int) -> Subscription | None:
        with self._stripe.faults_translated():
            found = self._subscription(customer_id, order_id, since // 1000 - CLOCK_SLACK)
        if found is None:
            return None
        ends = dt.datetime.fromtimestamp(found["items"]["data"][0]["current_period_end"], dt.UTC)
        return Subscription(found["id"], found["status"], term.value, ends.year, ends.month)

    def renewal(self, subscription_id: str) -> RenewalState | None:
        """Each term is an invoice with `billing_reason` subscription_cycle. A fully refunded term counts as unpaid."""
        with self._stripe.faults_translated():
            subscription = self._stripe.found(lambda: self._stripe.v1.subscriptions.retrieve(subscription_id))
            if subscription is None:
                return None
            pages = self._stripe.v1.invoices.list(
                {"subscription": subscription_id, "limit": PAGE}
            ).auto_paging_iter()
            invoices = [invoice.to_dict() for invoice in pages]
        return renewal_state(subscription, invoices)

    def charge_term(self, term: TermRequest) -> TermState:
        return self._terms.charge(term)

    def term(self, term: TermRequest) -> TermState:
        return self._terms.state(term)

    def close_term(self, term: TermRequest) -> TermState:
        return self._terms.close(term)

    def end_renewal(self, subscription_id: str) -> None:
        # A draft invoice of a subscription can neither be voided nor deleted. Without `auto_advance` it stays a draft.
        v1 = self._stripe.v1
        with self._stripe.faults_translated():
            # A refusal means that the subscription is already cancelled.
            self._stripe.refusal_of(lambda: v1.subscriptions.cancel(subscription_id))
            for listed in v1.invoices.list(
                {"subscription": subscription_id, "limit": PAGE}
            ).auto_paging_iter():
                # A refusal means that the invoice has just changed. A later call of `end_renewal` sees its new status.
                if listed.status == "draft" and listed.auto_advance:
                    stop: Document = {"auto_advance": False}
                    self._stripe.refusal_of(partial(v1.invoices.update, listed.id, given(stop)))
                elif listed.status in ("open", "uncollectible") and not is_busy(
                    self._stripe.invoice(listed.id) or {}
                ):
                    self._stripe.refusal_of(partial(v1.invoices.void_invoice, listed.id))

    def _subscribe(
        self,
        order_id: str,
        description: str,
        parameters: Document,
        steps: int,
        look: Callable[[], Document | None],
    ) -> Document:
        # An inline price needs a product. Compute the product's id from the order, so that no search is needed.
        product: Document = {
            "id": product_id(order_id),
            "name": description,
            "metadata": {"order_id": order_id},
        }
        try:
            exists = self._stripe.refusal_of(lambda: self._stripe.v1.products.create(given(product)))
            if exists is not None and exists.code != "resource_already_exists":
                raise exists
            return self._stripe.once_anew(
                f"order:{order_id}:subscription" + (f":{steps}" if steps else ""),
                lambda options: self._stripe.v1.subscriptions.create(given(parameters), options).to_dict(),
                done=look,
            )
        except self._stripe.sdk.StripeError as error:
            if not self._stripe.is_refusal(error):
                raise
            known = look()
            if known is not None:
                return known
            kind = TooManySubscriptionsError if _is_limit(error) else PaymentNotStartedError
            raise kind("The renewal could not be started.", code_of(error)) from None

    def _subscription(self, customer_id: str, order_id: str, since: int) -> Document | None:
        # Search in every status, because an ended subscription must not be started again.
        pages = self._stripe.v1.subscriptions.list(
            {"customer": customer_id, "status": "all", "created": {"gte": since}, "limit": PAGE}
        ).auto_paging_iter()
        for subscription in pages:
            document = subscription.to_dict()
            if (document["metadata"] or {}).get("order_id") == order_id:
                return document
        return None


def _is_limit(error: stripe.StripeError) -> bool:
    # Stripe documents the code `customer_max_subscriptions` (https://docs.stripe.com/error-codes), but in practice the
    # error may have only a text.
    said = error.user_message or ""
    return code_of(error) == "customer_max_subscriptions" or ("maximum" in said and "subscriptions" in said)
