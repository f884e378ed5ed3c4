"""A cart: orders that are paid together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from .money import part_of, with_tax
from .order import ENDS, Order, OrderStatus

MAX_ITEMS = 20
"""Maximum items in a cart. One transaction of at most 100 writes stores the cart, and a domain needs four of them."""


class PaymentStatus(StrEnum):
    """Contract 002 lacks three of these (docs/contracts.md C07)."""

    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    AWAITING_AUTHENTICATION = "awaiting_authentication"
    FAILED = "failed"
    CANCELED = "canceled"
    REFUNDED = "refunded"


# A late event never reopens a settled payment. Money that arrives after `failed` or `canceled` must still be
# recorded, because it has to be refunded.
_PAYMENT_MOVES: dict[PaymentStatus, frozenset[PaymentStatus]] = {
    PaymentStatus.PROCESSING: frozenset(PaymentStatus) - {PaymentStatus.REFUNDED},
    PaymentStatus.AWAITING_AUTHENTICATION: frozenset(PaymentStatus) - {PaymentStatus.REFUNDED},
    PaymentStatus.SUCCEEDED: frozenset({PaymentStatus.SUCCEEDED, PaymentStatus.REFUNDED}),
    PaymentStatus.FAILED: frozenset({PaymentStatus.FAILED, PaymentStatus.SUCCEEDED}),
    PaymentStatus.CANCELED: frozenset({PaymentStatus.CANCELED, PaymentStatus.SUCCEEDED}),
    PaymentStatus.REFUNDED: frozenset({PaymentStatus.REFUNDED}),
}


class CartStatus(StrEnum):
    ACTIVE = "active"
    PROCESSING = "processing"
    CHECKED_OUT = "checked_out"


class RollupStatus(StrEnum):
    """Contract 002's words, and our `partial`."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    PARTIAL = "partial"


class OnItemFailure(StrEnum):
    KEEP = "keep"  # deliver the other items; refund only the failed one
    CANCEL_ALL = "cancel_all"  # cancel and refund every item that can still be cancelled


@dataclass(frozen=True, slots=True)
class Payment:
    """The cart's only payment. Amounts are minor units."""

    status: PaymentStatus
    currency: str
    method_type: str | None = None
    reference: str | None = None
    pay_url: str | None = None
    pay_until: int | None = None  # epoch ms; kept when the payment ends unpaid
    amount_charged: int = 0  # due from the payment method; `charged` is what it has paid
    credit_applied: int = 0
    refunded: int = 0
    total_net: int = 0
    total_gross: int = 0
    gross: Mapping[str, int] = field(default_factory=dict, hash=False)  # prices with tax by line key
    error: str | None = None
    method_id: str | None = None  # the method that a payment page saved
    live: bool = False  # False in the provider's test mode

    def gross_of(self, order: Order) -> int | None:
        """With tax. None until the provider reports it."""
        return self.gross.get(order.line_key)

    def expected_gross(self, order: Order, tax_basis_points: int) -> int:
        """`gross_of`, or an estimate until the provider reports it."""
        known = self.gross_of(order)
        net = order.price.amount
        return known if known is not None else with_tax(net, tax_basis_points)

    def credit_of(self, order: Order) -> int:
        """This order's part of `credit_applied`, split as in adapters/stripe/refunds.py."""
        if order.line_key not in self.gross:
            return 0
        before = sum(gross for key, gross in self.gross.items() if key < order.line_key)
        total, own = sum(self.gross.values()), self.gross[order.line_key]
        if total <= 0:
            return 0
        by_method = total - self.credit_applied
        return own - part_of(by_method, before, own, total, self.currency)

    def may_become(self, status: PaymentStatus) -> bool:
        # False for a status that a late or repeated event must not restore.
        return status in _PAYMENT_MOVES[self.status]

    @property
    def settled(self) -> bool:
        """Whether the payment has an outcome. Money can still arrive after `failed` or `canceled`."""
        return self.status not in (PaymentStatus.PROCESSING, PaymentStatus.AWAITING_AUTHENTICATION)

    @property
    def paid(self) -> bool:
        """Stays True after a refund."""
        return self.status in (PaymentStatus.SUCCEEDED, PaymentStatus.REFUNDED)

    @property
    def charged(self) -> int:
        """What the payment method has paid, before refunds."""
        return self.amount_charged if self.paid else 0

    @property
    def started(self) -> bool:
        return self.reference is not None

    @property
    def debit_under_way(self) -> bool:
        """The bank's debit cannot be stopped."""
        return self.method_type == "sepa_debit" and self.started and self.status is PaymentStatus.PROCESSING

    @property
    def needs_void(self) -> bool:
        """The payment has failed permanently but is not voided yet, for example because a process stopped."""
        return self.status is PaymentStatus.PROCESSING and self.error is not None


@dataclass(frozen=True, slots=True)
class PaymentMove:
    at: int  # epoch ms
    status: PaymentStatus


@dataclass(frozen=True, slots=True)
class OrderSnapshot:
    status: OrderStatus
    version: int


@dataclass(frozen=True, slots=True)
class Cart:
    account_id: str
    token: str
    fingerprint: str  # a hash of the request
    payment: Payment
    created_at: int
    updated_at: int
    payment_method_id: str | None = None
    checkout: bool = False  # the customer pays on the provider's page
    on_item_failure: OnItemFailure = OnItemFailure.KEEP
    payment_version: int = 0
    payment_lease: int = 0  # epoch ms; until then only one process may start the payment
    rollup_version: int = 0
    rollup_status: RollupStatus = RollupStatus.PENDING
    orders: Mapping[int, OrderSnapshot] = field(default_factory=dict)
    due_at: int | None = None
    quote_id: str | None = None
    max_gross: int | None = None  # an invoice above this must not be paid; minor units with tax
    payment_moves: tuple[PaymentMove, ...] = ()  # oldest first, without the first status

    @property
    def status(self) -> CartStatus:
        """A refunded cart stays checked out. A cart becomes active again when its payment fails or is cancelled."""
        if self.payment.paid:
            return CartStatus.CHECKED_OUT
        return CartStatus.ACTIVE if self.payment.settled else CartStatus.PROCESSING

    @property
    def renewal_method_id(self) -> str | None:
        return self.payment.method_id or self.payment_method_id

    def with_payment(self, payment: Payment, now: int) -> Cart:
        now = max(now, self.updated_at)
        moves = self.payment_moves
        if payment.status is not self.payment.status:
            moves = (*moves, PaymentMove(now, payment.status))
        return replace(self, payment=payment, payment_moves=moves, updated_at=now)

    def with_snapshots(self, news: Mapping[int, OrderSnapshot]) -> Cart:
        """Ignores older versions and unknown orders."""
        marks = dict(self.orders)
        for number, mark in news.items():
            known = marks.get(number)
            if known is not None and mark.version > known.version:
                marks[number] = mark
        return replace(self, orders=marks, rollup_status=roll_up(mark.status for mark in marks.values()))


_CANCELLED = frozenset({OrderStatus.CANCELED, OrderStatus.EXPIRED})


def roll_up(statuses: Iterable[OrderStatus]) -> RollupStatus:
    seen = set(statuses)
    if not seen <= ENDS:
        return RollupStatus.PENDING if seen == {OrderStatus.PENDING} else RollupStatus.PROCESSING
    if not seen:
        return RollupStatus.PENDING
    if seen == {OrderStatus.COMPLETED}:
        return RollupStatus.COMPLETED
    if OrderStatus.COMPLETED in seen:
        return RollupStatus.PARTIAL
    return RollupStatus.CANCELLED if seen <= _CANCELLED else RollupStatus.FAILED
