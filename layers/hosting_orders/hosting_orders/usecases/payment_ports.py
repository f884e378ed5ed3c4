"""Ports of the payment provider."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from hosting_orders.domain.account import Account
from hosting_orders.domain.catalogue import Term
from hosting_orders.domain.money import Money
from hosting_orders.domain.order import Subscription
from hosting_orders.domain.providers import (
    ChargeLine,
    ChargeRequest,
    CheckoutRequest,
    Estimate,
    PaymentEvent,
    PaymentMethod,
    PaymentState,
    RefundState,
    RenewalState,
    SavedMethod,
    SubscriptionState,
    TermRequest,
    TermState,
)


class Collection(Protocol):
    """Collecting a cart's money. A refusal is returned as a state or raised as a named error.

    Every method in this module raises ProviderUnavailableError if its call fails.
    """

    @property
    def live(self) -> bool:
        """Whether payments move real money. False in the provider's test mode."""
        ...

    @property
    def computes_tax(self) -> bool: ...

    def estimate(self, account: Account, lines: Sequence[ChargeLine], *, on_page: bool) -> Estimate | None:
        """Return what the lines would cost, or None when the customer's country is unknown. Creates nothing.

        On a payment page, discounts and the balance are not used. Raises PaymentNotStartedError.
        """
        ...

    def default_method(self, customer_id: str) -> PaymentMethod | None:
        """The saved method that pays for the customer's carts."""
        ...

    def charge(self, request: ChargeRequest) -> PaymentState:
        """Charge the cart at most once.

        Raises PaymentNotStartedError after a final decline. The cart can then no longer be paid.
        """
        ...

    def customer_for(self, account: Account) -> str:
        """Create the account's customer once and return its id. Raises PaymentNotStartedError."""
        ...

    def open_checkout(self, request: CheckoutRequest) -> PaymentState:
        """Open the cart's only payment page.

        Raises PaymentNotStartedError when the provider refuses. Nothing can then be paid.
        """
        ...

    def keep_method(self, method: SavedMethod) -> None:
        """Make this the customer's default method, unless they already have one."""
        ...

    def state(self, reference: str, /) -> PaymentState | None:
        """Return the payment's current state, or None when it is not ours."""
        ...

    def find(self, customer_id: str, cart_token: str, created_at: int) -> PaymentState | None:
        """Find a payment whose reference the cart never recorded. `created_at` is the cart's (epoch ms)."""
        ...

    def void(self, reference: str, /) -> PaymentState:
        """Prevent a later payment. Return the state, which is paid if the customer was faster."""
        ...


class Refunds(Protocol):
    def refund(self, reference: str, /, line_key: str, order_id: str, refusals: int = 0) -> RefundState:
        """Refund one order's part of the payment, once. Raises RefundRefusedError.

        `refusals` is the number of earlier tries that were refused. Calls with the same number may run concurrently.
        Use a higher number only when all calls with lower numbers have ended.
        """
        ...


class Renewals(Protocol):
    """The payment provider charges subscriptions by itself. Without a subscription, our invoices charge the terms."""

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
        """Charge `price` per term from `anchor` (epoch ms), with one subscription per order.

        The customer's default method pays. Terms begin on `day_of_month`, or on the last day of a shorter
        month. If `day_of_month` is None, they begin on the anchor's day. If the anchor is past, it moves into the
        future by whole terms, which are free. With `charge_late`, it moves by single days instead.
        Raises PaymentNotStartedError or its subclass TooManySubscriptionsError. A later call may succeed.
        """
        ...

    def find_renewal(self, *, order_id: str, customer_id: str, term: Term, since: int) -> Subscription | None:
        """Return the order's subscription that began after `since` (epoch ms), even if it has ended."""
        ...

    def renewal(self, subscription_id: str) -> RenewalState | None:
        """Return the subscription with the terms paid since its start."""
        ...

    def charge_term(self, term: TermRequest) -> TermState:
        """Try to charge the term's only invoice. If an operator has stopped the renewal, close the invoice."""
        ...

    def term(self, term: TermRequest) -> TermState: ...

    def close_term(self, term: TermRequest) -> TermState:
        """Prevent a later payment of the term. The result may still be PAID or UNDER_WAY."""
        ...

    def end_renewal(self, subscription_id: str) -> None:
        """Charge no further term, and close unpaid invoices. A payment in progress may still succeed."""
        ...


class PaymentNews(Protocol):
    def read_event(self, raw_body: bytes, signature: str) -> PaymentEvent:
        """Verify a webhook and return what it refers to. Raises ForgedWebhookError."""
        ...

    def reference_of(self, payment_id: str) -> str | None:
        """Return the reference of the payment that the provider calls `payment_id`."""
        ...

    def subscription(self, subscription_id: str) -> SubscriptionState | None:
        """Return the subscription's order and status, or None when it is not ours."""
        ...

    def renewal_of(self, reference: str) -> SubscriptionState | None:
        """Return the renewal that this payment pays for, or None when it is not a renewal of ours."""
        ...

    def refund_failed(self, refund_id: str) -> bool:
        """Whether the bank returned the refund to us."""
        ...
