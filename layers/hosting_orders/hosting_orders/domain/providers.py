"""Provider data in our own terms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from .cart import PaymentStatus
from .catalogue import MachineSize, PlatformName


@dataclass(frozen=True, slots=True)
class PaymentMethod:
    id: str
    type: str  # `card` or `sepa_debit`


@dataclass(frozen=True, slots=True)
class ChargeLine:
    key: str  # a refund finds the line by this key
    description: str
    amount: int  # net minor units


@dataclass(frozen=True, slots=True)
class Estimate:
    """What invoice lines would cost, in minor units."""

    net: int  # after discounts
    gross: int
    balance: int  # what the customer owes; a negative balance is credit, which pays before the payment method
    final: bool = True  # False: the payment page computes the tax from the address entered there


@dataclass(frozen=True, slots=True)
class ChargeRequest:
    """A repeat for the same cart must find the same payment."""

    account_id: str
    cart_token: str
    customer_id: str
    payment_method_id: str
    currency: str
    lines: tuple[ChargeLine, ...]
    created_at: int  # epoch ms; after a day the provider may forget our idempotency keys
    max_gross: int | None = None  # with tax; a higher total must not be paid


@dataclass(frozen=True, slots=True)
class CheckoutRequest:
    """A repeat for the same cart must find the same page."""

    account_id: str
    cart_token: str
    customer_id: str
    currency: str
    lines: tuple[ChargeLine, ...]
    created_at: int  # epoch ms
    expires_at: int  # epoch ms
    success_url: str
    cancel_url: str
    locale: str


@dataclass(frozen=True, slots=True)
class SavedMethod:
    customer_id: str
    id: str


@dataclass(frozen=True, slots=True)
class PaymentState:
    status: PaymentStatus
    reference: str
    account_id: str
    cart_token: str
    method_type: str | None
    pay_url: str | None
    amount_charged: int  # all amounts are minor units
    credit_applied: int
    total_net: int = 0
    total_gross: int = 0
    gross: Mapping[str, int] = field(default_factory=dict, hash=False)  # with tax, by line; empty for a draft
    error: str | None = None
    pay_until: int | None = None  # epoch ms
    saved: SavedMethod | None = None  # the payment method that was used on a payment page
    live: bool = False  # False in the provider's test mode


@dataclass(frozen=True, slots=True)
class PaymentEvent:
    """Ids from a webhook. Read the current state at the provider."""

    id: str
    type: str
    reference: str | None = None
    payment_id: str | None = None
    subscription_id: str | None = None
    renews: bool = False  # the payment renews an order that has no subscription
    refund_id: str | None = None  # a refund that did not reach the customer
    disputed: bool = False  # the customer disputes the charge


@dataclass(frozen=True, slots=True)
class SubscriptionState:
    account_id: str
    order_id: str
    status: str
    given_up: bool = False  # the provider no longer tries to charge the newest term


@dataclass(frozen=True, slots=True)
class PaidRenewal:
    """A further term, paid and not refunded."""

    reference: str
    starts_at: int  # epoch ms
    ends_at: int  # epoch ms
    live: bool = False  # paid with real money


@dataclass(frozen=True, slots=True)
class RenewalState:
    status: str
    ended: bool  # no further term will be charged
    waits: bool  # money for a term that has begun may still come
    next_at: int  # the next charge (epoch ms)
    paid: tuple[PaidRenewal, ...] = ()
    given_up: bool = False  # the provider no longer tries to charge the newest term


@dataclass(frozen=True, slots=True)
class TermRequest:
    """A repeat for the same term must find the same invoice."""

    account_id: str
    order_id: str
    customer_id: str
    currency: str
    line: ChargeLine
    starts_at: int  # epoch ms
    ends_at: int  # epoch ms
    reference: str | None  # the invoice, once it is known
    tried: int  # how many attempts were refused; a repeated request with the same count is the same attempt


class TermStatus(StrEnum):
    PAID = "paid"
    UNDER_WAY = "under way"  # a debit that the bank has not settled
    UNPAID = "unpaid"  # may still be paid
    NOT_CHARGED = "not charged"  # cannot be paid any more, or was refunded


@dataclass(frozen=True, slots=True)
class TermState:
    status: TermStatus
    reference: str | None
    live: bool = False  # paid with real money
    stopped: bool = False  # an operator has stopped the renewal at the provider
    reason: str | None = None  # why an attempt was refused


@dataclass(frozen=True, slots=True)
class RefundState:
    id: str  # of a credit note, of a refund (if paid on a payment page), or of a free order's invoice line
    amount: int  # minor units
    to_credit: int  # minor units, returned to the customer's credit


class OperationStatus(StrEnum):
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ServiceRequest:
    item_id: str  # the order's UUID; a repeated request with the same UUID finds the same service
    reference: str
    kind: str
    name: str
    variant: str  # as the platform calls it: at Lightsail the blueprint
    location: str  # at Lightsail the availability zone
    plan: str  # at Lightsail the bundle
    platform: PlatformName = PlatformName.HTTP
    size: MachineSize | None = None
    ssh_key: str | None = None
    password: str | None = None  # clear text; only for a platform that does not create a password
    live: bool = False  # False: build nothing that costs us real money

    def __repr__(self) -> str:
        return f"ServiceRequest({self.item_id})"  # keeps the password out of logs


@dataclass(frozen=True, slots=True)
class ProvisionedSite:
    id: str
    domain: str
    ip_address: str
    username: str
    password: str | None  # clear text; encrypt it immediately
    port: int

    def __repr__(self) -> str:
        return f"ProvisionedSite(id={self.id!r}, domain={self.domain!r})"  # keeps the password out of logs


@dataclass(frozen=True, slots=True)
class Operation:
    id: str
    item_id: str
    reference: str
    status: OperationStatus
    error_code: str | None = None  # only on failure
    error_message: str | None = None
    site: ProvisionedSite | None = None  # only on success


@dataclass(frozen=True, slots=True)
class CallbackRequest:
    url: str
    message_id: str
    timestamp: int  # Unix seconds of this attempt
    body: bytes
    secrets: tuple[str, ...]  # each signs the message (Standard Webhooks)
    authorization: str | None = None

    def __repr__(self) -> str:
        return f"CallbackRequest(message_id={self.message_id!r})"


@dataclass(frozen=True, slots=True)
class CallbackAnswer:
    status_code: int | None
    error: str | None = None
    retry_after: int | None = None  # seconds

    @property
    def delivered(self) -> bool:
        return self.status_code is not None and 200 <= self.status_code < 300

    @property
    def gone(self) -> bool:
        """The receiver wants no more messages."""
        return self.status_code == 410
