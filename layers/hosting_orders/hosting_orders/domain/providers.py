"""Provider data in our own terms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from .cart import PaymentStatus
from .catalogue import MachineSize, PlatformName


@dataclass(frozen=True, slots=True)
class PaymentMethod:
    """A saved payment method. `type` is `card` or `sepa_debit`."""

    id: str
    type: str


@dataclass(frozen=True, slots=True)
class ChargeLine:
    """`amount` is net minor units. A refund finds the line by `key`."""

    key: str
    description: str
    amount: int


@dataclass(frozen=True, slots=True)
class ChargeRequest:
    """A repeat for the same cart must find the same payment."""

    account_id: str
    cart_token: str
    customer_id: str
    payment_method_id: str
    currency: str
    lines: tuple[ChargeLine, ...]
    created_at: int  # epoch ms; after a day the provider may forget our keys


@dataclass(frozen=True, slots=True)
class CheckoutRequest:
    """A repeat for the same cart must find the same page. Times are epoch milliseconds."""

    account_id: str
    cart_token: str
    customer_id: str
    currency: str
    lines: tuple[ChargeLine, ...]
    created_at: int
    expires_at: int
    success_url: str
    cancel_url: str
    locale: str


@dataclass(frozen=True, slots=True)
class SavedMethod:
    customer_id: str
    id: str


@dataclass(frozen=True, slots=True)
class PaymentState:
    """A payment's current state. Amounts are minor units.

    `gross` has each line's price with tax and is empty until final. `pay_until` is epoch milliseconds.
    `saved` is the method that paid on a page. `live` is False in the provider's test mode.
    """

    status: PaymentStatus
    reference: str
    account_id: str
    cart_token: str
    method_type: str | None
    pay_url: str | None
    amount_charged: int
    credit_applied: int
    total_net: int = 0
    total_gross: int = 0
    gross: Mapping[str, int] = field(default_factory=dict, hash=False)
    error: str | None = None
    pay_until: int | None = None
    saved: SavedMethod | None = None
    live: bool = False


@dataclass(frozen=True, slots=True)
class PaymentEvent:
    """Ids from a webhook. The current state must be read at the provider.

    `refund_id` is a refund that did not reach the customer. `disputed` means that the customer disputes the
    charge.
    """

    id: str
    type: str
    reference: str | None = None
    payment_id: str | None = None
    subscription_id: str | None = None
    refund_id: str | None = None
    disputed: bool = False


@dataclass(frozen=True, slots=True)
class SubscriptionState:
    account_id: str
    order_id: str
    status: str


@dataclass(frozen=True, slots=True)
class PaidRenewal:
    """A further term, paid and not refunded. Times are epoch milliseconds."""

    reference: str
    starts_at: int
    ends_at: int


@dataclass(frozen=True, slots=True)
class RenewalState:
    """`next_at` is the next charge (epoch milliseconds).

    `waits` means that money for a begun term may still come. `ended` means that no further term will be
    charged.
    """

    status: str
    ended: bool
    waits: bool
    next_at: int
    paid: tuple[PaidRenewal, ...] = ()


@dataclass(frozen=True, slots=True)
class RefundState:
    """Amounts are minor units, as in `Refund` of domain/order.py.

    `id` is a credit note, a refund of a page payment, or the invoice line of a free order.
    """

    id: str
    amount: int
    to_credit: int


class OperationStatus(StrEnum):
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ServiceRequest:
    """A repeat with the same `item_id`, the order's UUID, finds the same service.

    `variant`, `location` and `plan` are the platform's own names: at Lightsail blueprint, availability zone
    and bundle. `password` is clear text, for a platform that creates none. Unless `live`, nothing is built
    that costs us real money. Only building needs `password` and `live`.
    """

    item_id: str
    reference: str
    kind: str
    name: str
    variant: str
    location: str
    plan: str
    platform: PlatformName = PlatformName.HTTP
    size: MachineSize | None = None
    ssh_key: str | None = None
    password: str | None = None
    live: bool = False

    def __repr__(self) -> str:
        return f"ServiceRequest({self.item_id})"  # keeps the password out of logs


@dataclass(frozen=True, slots=True)
class ProvisionedSite:
    """`password` is clear text and must be encrypted at once."""

    id: str
    domain: str
    ip_address: str
    username: str
    password: str | None
    port: int

    def __repr__(self) -> str:
        return f"ProvisionedSite(id={self.id!r}, domain={self.domain!r})"  # keeps the password out of logs


@dataclass(frozen=True, slots=True)
class Operation:
    """`error_*` is set only on failure, `site` only on success."""

    id: str
    item_id: str
    reference: str
    status: OperationStatus
    error_code: str | None = None
    error_message: str | None = None
    site: ProvisionedSite | None = None


@dataclass(frozen=True, slots=True)
class CallbackRequest:
    """`secret` signs the message (Standard Webhooks)."""

    url: str
    message_id: str
    timestamp: int  # Unix seconds of this attempt
    body: bytes
    secret: str
    authorization: str | None = None

    def __repr__(self) -> str:
        return f"CallbackRequest(message_id={self.message_id!r})"


@dataclass(frozen=True, slots=True)
class CallbackAnswer:
    """`retry_after` is in seconds."""

    status_code: int | None
    error: str | None = None
    retry_after: int | None = None

    @property
    def delivered(self) -> bool:
        return self.status_code is not None and 200 <= self.status_code < 300
