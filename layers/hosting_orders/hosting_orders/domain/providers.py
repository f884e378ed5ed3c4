"""What the providers tell us, in our own words: adapters translate to these, use cases decide by them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from .cart import PaymentStatus
from .catalogue import MachineSize, PlatformName


@dataclass(frozen=True, slots=True)
class PaymentMethod:
    """A saved payment method; `type` is the contract's word: `card` or `sepa_debit`."""

    id: str
    type: str


@dataclass(frozen=True, slots=True)
class ChargeLine:
    """One line of what is charged. `key` finds it again when only this order is refunded; `amount` is net, in minor
    units."""

    key: str
    description: str
    amount: int


@dataclass(frozen=True, slots=True)
class ChargeRequest:
    """Ask for a cart's money. Asked again with the same cart it must find the same payment, never make a second."""

    account_id: str
    cart_token: str
    customer_id: str
    payment_method_id: str
    currency: str
    lines: tuple[ChargeLine, ...]
    created_at: int  # epoch ms: after a day the provider may have forgotten our keys, and we look instead


@dataclass(frozen=True, slots=True)
class CheckoutRequest:
    """Ask for a page on which the customer pays a cart. Asked again with the same cart it must find the same page.

    The page can be paid until `expires_at`. From it the customer goes to `success_url` or `cancel_url`. `locale` is the
    page's language, such as `nl`. Times are epoch ms.
    """

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
    """A payment method that paid, and the customer it is saved with for later charges."""

    customer_id: str
    id: str


@dataclass(frozen=True, slots=True)
class PaymentState:
    """What is true of a cart's payment now. Amounts are minor units.

    `reference` names it at the provider. `pay_url` is where the customer can pay, while that is needed, and `pay_until`
    how long (epoch ms), if the provider says so. `gross` is what each line costs with tax, by its key: together they
    are `total_gross`, and it is empty until that is final. `saved` is the method that paid on a page.
    `live` says that it moves real money: the provider has a test mode.
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
    """What a webhook of the payment provider is about: ids only, for what is true must be read.

    `reference` or `payment_id` name the payment (the first saves a look-up). `refund_id` is set when the event
    says that a refund did not reach the customer, `disputed` when the customer disputes the charge.
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
    """A renewal as it is at the provider now, and the order it renews."""

    account_id: str
    order_id: str
    status: str


@dataclass(frozen=True, slots=True)
class PaidRenewal:
    """A further term that was paid and not given back. `reference` names it; times are epoch ms. `live` says that
    real money paid for it."""

    reference: str
    starts_at: int
    ends_at: int
    live: bool = False


@dataclass(frozen=True, slots=True)
class RenewalState:
    """What is true of a renewal subscription now. `paid` are its further terms, the oldest first.

    `waits`: money of it may still come, for the term that has begun or for an earlier one that can still be paid.
    `ended`: no further term will be charged. `next_at` is when the next one is (epoch ms).
    """

    status: str
    ended: bool
    waits: bool
    next_at: int
    paid: tuple[PaidRenewal, ...] = ()


@dataclass(frozen=True, slots=True)
class RefundState:
    """What was given back for one order, in minor units: `amount` to the payment method and `to_credit` to the
    account's credit; together they are the order's gross price. `id` names the credit note, the refund of what was paid
    on a page, or the invoice's line when the order had cost nothing."""

    id: str
    amount: int
    to_credit: int


class OperationStatus(StrEnum):
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ServiceRequest:
    """Ask the hosting platform for a service. `item_id` is the order's UUID: asking again is the same service.

    `reference` comes back with every answer and webhook, so the order is found without an index. `variant`, `location`
    and `plan` are the platform's own names (`platform` says which one; for Lightsail: blueprint, availability zone,
    bundle), and `size` is what a virtual machine of that plan must have; None for a site. `ssh_key` is a public key in
    OpenSSH's form that may log in, and then there is no password. `password` is the root password that the
    machine shall get, for a platform that makes none itself; it is clear text. `live` says that real money paid for it:
    nothing that costs us real money is made for less.

    The last two are given only to build. A service is taken down without them.
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
        return f"ServiceRequest({self.item_id})"  # a log line must not hold the password


@dataclass(frozen=True, slots=True)
class ProvisionedSite:
    """A site or a virtual machine as the platform hands it over. `password` is clear text and must be sealed at once;
    None where the platform made none."""

    id: str
    domain: str
    ip_address: str
    username: str
    password: str | None
    port: int

    def __repr__(self) -> str:
        return f"ProvisionedSite(id={self.id!r}, domain={self.domain!r})"  # a log line must not hold the password


@dataclass(frozen=True, slots=True)
class Operation:
    """The platform's work for one service. `error_*` only when failed, `site` only when it succeeded."""

    id: str
    item_id: str
    reference: str
    status: OperationStatus
    error_code: str | None = None
    error_message: str | None = None
    site: ProvisionedSite | None = None


@dataclass(frozen=True, slots=True)
class CallbackRequest:
    """One message to a client. `authorization` is its header verbatim; `secret` signs it (Standard Webhooks)."""

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
    """How one attempt ended: the status code, or the reason why there is none. `retry_after` is in seconds."""

    status_code: int | None
    error: str | None = None
    retry_after: int | None = None

    @property
    def delivered(self) -> bool:
        return self.status_code is not None and 200 <= self.status_code < 300
