"""A cart: orders paid together, their payment, and the roll-up of what became of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from .money import part_of
from .order import ENDS, Order, OrderStatus

MAX_ITEMS = 20
"""Items of one cart: all of it is written in one transaction, and a domain takes four of its hundred writes."""


class PaymentStatus(StrEnum):
    """The contract's three words, and the three it leaves open (docs/contracts.md C07)."""

    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    AWAITING_AUTHENTICATION = "awaiting_authentication"
    FAILED = "failed"
    CANCELED = "canceled"
    REFUNDED = "refunded"


# Once the money is there or was given up, late news can't turn that round. But money that comes all the same (what
# was written off and then paid) is always true: it has to be seen to be given back.
_PAYMENT_MOVES: dict[PaymentStatus, frozenset[PaymentStatus]] = {
    PaymentStatus.PROCESSING: frozenset(PaymentStatus) - {PaymentStatus.REFUNDED},
    PaymentStatus.AWAITING_AUTHENTICATION: frozenset(PaymentStatus) - {PaymentStatus.REFUNDED},
    PaymentStatus.SUCCEEDED: frozenset({PaymentStatus.SUCCEEDED, PaymentStatus.REFUNDED}),
    PaymentStatus.FAILED: frozenset({PaymentStatus.FAILED, PaymentStatus.SUCCEEDED}),
    PaymentStatus.CANCELED: frozenset({PaymentStatus.CANCELED, PaymentStatus.SUCCEEDED}),
    PaymentStatus.REFUNDED: frozenset({PaymentStatus.REFUNDED}),
}


class CartStatus(StrEnum):
    """Contract 002, `cart.status`."""

    ACTIVE = "active"
    PROCESSING = "processing"
    CHECKED_OUT = "checked_out"


class RollupStatus(StrEnum):
    """Contract 002, `cart.rollup_status`; `partial` is ours: some delivered, some not."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    PARTIAL = "partial"


class OnItemFailure(StrEnum):
    """What becomes of a cart's other items when one can't be delivered (POST /api/carts, `on_item_failure`)."""

    KEEP = "keep"  # they are delivered; only the failed one is refunded
    CANCEL_ALL = "cancel_all"  # whatever can still be called back is, and is refunded too


@dataclass(frozen=True, slots=True)
class Payment:
    """The cart's one payment. Amounts are minor units of `currency`.

    `amount_charged` is what the payment method is asked for, as the provider says; what it has paid is `charged`.
    `credit_applied` is what the account's credit paid; `total_net` and `total_gross` are the cart's, without and
    with tax, and `gross` is the latter by the orders' line keys. `error` is the provider's word for the last refusal.

    `reference` names the payment at the provider. While the customer has to act, `pay_url` is where and `pay_until` how
    long (epoch ms); a payment that is closed unpaid keeps the latter. `method_id` is the method that paid on a page and
    is saved with the customer. `live` says that it moves real money, and not that of the provider's test mode.
    """

    status: PaymentStatus
    currency: str
    method_type: str | None = None
    reference: str | None = None
    pay_url: str | None = None
    pay_until: int | None = None
    amount_charged: int = 0
    credit_applied: int = 0
    refunded: int = 0
    total_net: int = 0
    total_gross: int = 0
    gross: Mapping[str, int] = field(default_factory=dict, hash=False)
    error: str | None = None
    method_id: str | None = None
    live: bool = False

    def gross_of(self, order: Order) -> int | None:
        """What this order costs with tax (minor units); None until the provider has said so."""
        return self.gross.get(order.line_key)

    def expected_gross(self, order: Order, tax_basis_points: int) -> int:
        """The same, or until then the net price with the tax that is expected."""
        known = self.gross_of(order)
        net = order.price.amount
        return known if known is not None else net + (net * tax_basis_points + 5000) // 10000

    def credit_of(self, order: Order) -> int:
        """What the account's credit pays of this order (minor units); 0 until the provider has said what each costs.

        The method's money is laid along the lines in the order of their keys and cut at their borders, as a refund
        does it (adapters/stripe/refunds.py). So the parts add up to `credit_applied`.
        """
        if order.line_key not in self.gross:
            return 0
        before = sum(gross for key, gross in self.gross.items() if key < order.line_key)
        total, own = sum(self.gross.values()), self.gross[order.line_key]
        if total <= 0:
            return 0
        by_method = total - self.credit_applied
        return own - part_of(by_method, before, own, total, self.currency)

    def may_become(self, status: PaymentStatus) -> bool:
        """Whether news of `status` can be true of this payment; late and repeated news often can't."""
        return status in _PAYMENT_MOVES[self.status]

    @property
    def settled(self) -> bool:
        """True when it is certain whether the money came."""
        return self.status not in (PaymentStatus.PROCESSING, PaymentStatus.AWAITING_AUTHENTICATION)

    @property
    def paid(self) -> bool:
        """True once the money came, also when it was given back later."""
        return self.status in (PaymentStatus.SUCCEEDED, PaymentStatus.REFUNDED)

    @property
    def charged(self) -> int:
        """What the payment method has paid: 0 until the payment succeeds.

        It follows from the status here, and not from what is stored, so that it is right for every payment on
        record and can never differ from the status beside it. A refund does not lower it: that has its own sum.
        """
        return self.amount_charged if self.paid else 0

    @property
    def started(self) -> bool:
        """True once the payment provider knows of it and its answer is on record."""
        return self.reference is not None

    @property
    def debit_under_way(self) -> bool:
        """Whether a bank is carrying out a debit, which cannot be stopped."""
        return self.method_type == "sepa_debit" and self.started and self.status is PaymentStatus.PROCESSING

    @property
    def needs_void(self) -> bool:
        """True when the provider had refused it for good and our process died before it had tidied up: whoever
        starts the payment again finishes that."""
        return self.status is PaymentStatus.PROCESSING and self.error is not None


@dataclass(frozen=True, slots=True)
class OrderSnapshot:
    """What the cart knows of one of its orders: the status, and the order's version it was true at."""

    status: OrderStatus
    version: int


@dataclass(frozen=True, slots=True)
class Cart:
    """`fingerprint` is a hash of the request that made it; `payment_lease` the moment (epoch ms) until which one
    process alone may start its payment; `orders` is fed by the table's stream.

    `payment_method_id` is the saved method that is charged. With `checkout` there was none, and the customer pays on a
    page of the payment provider.
    """

    account_id: str
    token: str
    fingerprint: str
    payment: Payment
    created_at: int
    updated_at: int
    payment_method_id: str | None = None
    checkout: bool = False
    on_item_failure: OnItemFailure = OnItemFailure.KEEP
    payment_version: int = 0
    payment_lease: int = 0
    rollup_version: int = 0
    rollup_status: RollupStatus = RollupStatus.PENDING
    orders: Mapping[int, OrderSnapshot] = field(default_factory=dict)
    due_at: int | None = None

    @property
    def status(self) -> CartStatus:
        """Paid carts are checked out (also when the money was given back later), dead ones are active again."""
        if self.payment.paid:
            return CartStatus.CHECKED_OUT
        return CartStatus.ACTIVE if self.payment.settled else CartStatus.PROCESSING

    @property
    def renewal_method_id(self) -> str | None:
        """The payment method that further terms are charged to, or None."""
        return self.payment.method_id or self.payment_method_id

    def with_payment(self, payment: Payment, now: int) -> Cart:
        return replace(self, payment=payment, updated_at=max(now, self.updated_at))

    def with_snapshots(self, news: Mapping[int, OrderSnapshot]) -> Cart:
        """The cart after news of its orders. Old news (a lower version) changes nothing; strangers are ignored."""
        marks = dict(self.orders)
        for number, mark in news.items():
            known = marks.get(number)
            if known is not None and mark.version > known.version:
                marks[number] = mark
        return replace(self, orders=marks, rollup_status=roll_up(mark.status for mark in marks.values()))


_CANCELLED = frozenset({OrderStatus.CANCELED, OrderStatus.EXPIRED})


def roll_up(statuses: Iterable[OrderStatus]) -> RollupStatus:
    """The fold over all orders of a cart; it depends on nothing else, so it can always be computed anew."""
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
