"""An order, its statuses and the moves between them.

The store increments `version` and refuses a write with an old version, so only one of two concurrent writers succeeds.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TypeVar

from . import causes
from .domain_record import DomainRecord, DomainRenewal
from .errors import IllegalMoveError, OrderNotCancellableError
from .ids import order_uuid
from .invoiced_renewal import InvoicedRenewal
from .money import Money
from .placement import Placement
from .products import DomainResource, Item, ProductKind, Resource
from .registration import Verification
from .spending import Spend

T = TypeVar("T")


class OrderStatus(StrEnum):
    PENDING = "pending"  # placed, not paid
    PROCESSING = "processing"  # paid, being delivered
    COMPLETED = "completed"  # delivered
    FAILED = "failed"  # not paid; money that still arrives is refunded
    CANCELING = "canceling"  # cancelled by the customer; compensation in progress
    CANCELED = "canceled"
    EXPIRED = "expired"  # not paid in time
    REFUNDING = "refunding"  # cannot be delivered; refund in progress
    REFUND_FAILED = "refund_failed"  # the refund was refused; an operator must act
    PROVISION_FAILED = "provision_failed"  # could not be delivered; money that was taken is refunded


MOVES: dict[OrderStatus, frozenset[OrderStatus]] = {
    OrderStatus.PENDING: frozenset(
        {
            OrderStatus.PROCESSING,
            OrderStatus.FAILED,
            OrderStatus.CANCELING,
            OrderStatus.EXPIRED,
            OrderStatus.REFUNDING,  # cannot be delivered any more; the payment came or may still come
        }
    ),
    OrderStatus.PROCESSING: frozenset({OrderStatus.COMPLETED, OrderStatus.CANCELING, OrderStatus.REFUNDING}),
    OrderStatus.CANCELING: frozenset({OrderStatus.CANCELED, OrderStatus.REFUND_FAILED}),
    OrderStatus.REFUNDING: frozenset({OrderStatus.PROVISION_FAILED, OrderStatus.REFUND_FAILED}),
    OrderStatus.REFUND_FAILED: frozenset({OrderStatus.PROVISION_FAILED, OrderStatus.CANCELED}),
    OrderStatus.COMPLETED: frozenset(),
    OrderStatus.FAILED: frozenset(),
    OrderStatus.CANCELED: frozenset(),
    OrderStatus.EXPIRED: frozenset(),
    OrderStatus.PROVISION_FAILED: frozenset(),
}

ENDS = frozenset(status for status, onward in MOVES.items() if not onward)
GIVING_BACK = frozenset({OrderStatus.CANCELING, OrderStatus.REFUNDING, OrderStatus.REFUND_FAILED})
"""The statuses of an order during compensation."""


# These texts avoid our status words, because clients know only the words of their contract.
_ENDED = {
    OrderStatus.COMPLETED: "The order is already completed.",
    OrderStatus.FAILED: "The order has already failed.",
    OrderStatus.EXPIRED: "The order was not paid in time and is already cancelled.",
    OrderStatus.PROVISION_FAILED: "The order has already failed.",
}


class Actor(StrEnum):
    CUSTOMER = "customer"
    STRIPE = "stripe"
    PLATFORM = "platform"
    REGISTRAR = "registrar"
    OPERATOR = "operator"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    at: int  # epoch ms UTC
    status: OrderStatus
    actor: Actor
    cause: str


@dataclass(frozen=True, slots=True)
class Subscription:
    id: str
    status: str
    bucket_type: str
    bucket_year: int  # the year of the next renewal
    bucket_month: int


@dataclass(frozen=True, slots=True)
class Refund:
    id: str
    amount: int  # minor units to the payment method
    to_credit: int  # minor units to the account's credit
    at: int  # epoch ms UTC


@dataclass(frozen=True, slots=True)
class Refusals:
    count: int
    at: int  # epoch ms UTC of the last refusal


@dataclass(frozen=True, slots=True)
class Failure:
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class CallbackTarget:
    url: str
    sealed_authorization: str | None = None


@dataclass(frozen=True, slots=True)
class Order:
    account_id: str
    number: int
    cart_token: str
    status: OrderStatus
    item: Item
    price: Money  # net
    created_at: int  # all times are epoch ms UTC
    updated_at: int
    version: int = 0
    user_id: str | None = None
    placed: Placement = field(default_factory=Placement)
    capacity: str | None = None  # the capacity counter; the order's place is freed if it ends undelivered
    spend: Spend | None = None  # counts against the key's spend cap; released if the order ends undelivered
    due_at: int | None = None  # the reconciler's next check
    renewal_due_at: int | None = None  # the renewal's next check; `due_at` is never later than this
    provisioning_at: int | None = None  # the fence: from then on the order cannot be cancelled
    cancel_requested_at: int | None = None
    operation_id: str | None = None
    resource: Resource | None = None
    subscription: Subscription | None = None
    invoiced: InvoicedRenewal | None = None  # instead of a subscription
    domain: DomainRecord | None = None  # domain orders only
    refund: Refund | None = None
    refund_refusals: Refusals | None = None
    failure: Failure | None = None
    callback: CallbackTarget | None = None
    timeline: tuple[TimelineEntry, ...] = ()

    @property
    def uuid(self) -> str:
        return order_uuid(self.number)

    @property
    def kind(self) -> ProductKind:
        return self.item.KIND

    def item_as(self, product: type[T]) -> T:
        """Raises TypeError for an order of another product."""
        return _as(product, self.item, self.number)

    def resource_as(self, delivered: type[T]) -> T | None:
        """None before delivery. Raises TypeError like `item_as`."""
        return None if self.resource is None else _as(delivered, self.resource, self.number)

    @property
    def domain_record(self) -> DomainRecord:
        return _as(DomainRecord, self.domain, self.number)

    @property
    def domain_renewals(self) -> tuple[DomainRenewal, ...]:
        return self.domain.renewals if self.domain else ()

    @property
    def domain_claim(self) -> str | None:
        return self.domain.claim if self.domain else None

    @property
    def verification_open(self) -> bool:
        """Whether the registrant still has to confirm the e-mail address."""
        if self.status is not OrderStatus.COMPLETED or self.domain is None or self.domain_has_left:
            return False
        return self.domain.verification is not Verification.DONE

    @property
    def unverified(self) -> bool:
        """Whether a check found the registrant's e-mail address unconfirmed."""
        return self.verification_open and self.domain_record.verification is not None

    @property
    def zone_owed(self) -> bool:
        """Whether a delivered domain that is still ours has no DNS zone."""
        if self.status is not OrderStatus.COMPLETED or self.domain is None or self.domain_has_left:
            return False
        resource = self.resource_as(DomainResource)
        return resource is not None and resource.zone_id is None

    @property
    def zone_remains(self) -> bool:
        """Whether a domain that has left still has its DNS zone."""
        resource = self.resource_as(DomainResource) if self.domain_has_left else None
        return resource is not None and resource.zone_id is not None

    @property
    def renewal_price(self) -> Money:
        return self.item.renewal_price(self.price)

    def entered(self, status: OrderStatus) -> int | None:
        return next((entry.at for entry in self.timeline if entry.status is status), None)

    @property
    def since(self) -> int:
        entered = self.entered(self.status)
        return self.updated_at if entered is None else entered

    @property
    def ended(self) -> bool:
        return self.status in ENDS

    @property
    def ended_at(self) -> int | None:
        return self.entered(self.status) if self.ended else None

    @property
    def line_key(self) -> str:
        return str(self.number)

    # -- the moves --------------------------------------------------------------------------------------------

    def _move(self, to: OrderStatus, now: int, actor: Actor, cause: str) -> Order:
        if to not in MOVES[self.status]:
            raise IllegalMoveError(f"order {self.number} cannot go from {self.status} to {to}")
        # Clocks differ between machines, but the times of an order must never decrease (docs/contracts.md SQ-038).
        now = max(now, self.updated_at)
        return replace(
            self,
            status=to,
            updated_at=now,
            due_at=None if to in ENDS else self.due_at,
            timeline=(*self.timeline, TimelineEntry(now, to, actor, cause)),
        )

    def check_at(self, due_at: int) -> Order:
        return replace(self, due_at=due_at)

    def paid(self, now: int, due_at: int) -> Order:
        return self._move(OrderStatus.PROCESSING, now, Actor.STRIPE, "payment succeeded").check_at(due_at)

    def payment_failed(self, failure: Failure, now: int, actor: Actor = Actor.STRIPE) -> Order:
        return replace(self._move(OrderStatus.FAILED, now, actor, failure.message), failure=failure)

    def expired(self, now: int) -> Order:
        return self._move(OrderStatus.EXPIRED, now, Actor.SYSTEM, "not paid in time")

    def begin_provisioning(self, now: int, due_at: int) -> Order:
        """Set the fence, unless it is set. Raises IllegalMoveError if the order is not PROCESSING."""
        if self.status is not OrderStatus.PROCESSING:
            raise IllegalMoveError(f"order {self.number} is {self.status}, not processing")
        if self.provisioning_at is not None:
            return self
        return replace(self, provisioning_at=now, updated_at=max(now, self.updated_at), due_at=due_at)

    def submitted(self, operation_id: str) -> Order:
        return replace(self, operation_id=operation_id)

    def with_domain(self, record: DomainRecord) -> Order:
        return replace(self, domain=record)

    def domain_left(self, now: int) -> Order:
        """Record that the domain has left the registrar. Saving the order releases the domain's claim.

        The order becomes due at once, so that the reconciler ends its renewal.
        """
        if self.status is not OrderStatus.COMPLETED or self.domain is None or self.domain_has_left:
            return self
        left = self.told(causes.DOMAIN_LEFT, now, Actor.REGISTRAR)
        return left.with_domain(replace(self.domain, left_at=left.updated_at)).check_renewal_at(now)

    @property
    def domain_has_left(self) -> bool:
        return self.domain is not None and self.domain.left_at is not None

    @property
    def releases_claims(self) -> bool:
        """Whether saving the order must release its place in a capacity, its domain or its `spend`."""
        if self.status is OrderStatus.COMPLETED:
            return self.domain_claim is not None and self.domain_has_left
        return self.ended and any((self.capacity, self.domain_claim, self.spend))

    def without_claims(self) -> Order:
        record = replace(self.domain, claim=None) if self.domain else None
        # A delivered order still counts against the spend cap.
        spend = self.spend if self.status is OrderStatus.COMPLETED else None
        return replace(self, capacity=None, domain=record, spend=spend)

    def delivered(
        self,
        resource: Resource,
        subscription: Subscription | None,
        now: int,
        actor: Actor = Actor.PLATFORM,
    ) -> Order:
        moved = self._move(OrderStatus.COMPLETED, now, actor, "delivered")
        return replace(moved, resource=resource, subscription=subscription)

    def with_renewal(self, subscription: Subscription, due_at: int | None = None) -> Order:
        """`due_at` is the time of the first check of the renewal's payment."""
        return replace(self, subscription=subscription).check_renewal_at(due_at)

    def with_invoiced(self, renewal: InvoicedRenewal) -> Order:
        return self if renewal == self.invoiced else replace(self, invoiced=renewal)

    @property
    def renewal_status(self) -> str | None:
        renewal = self.subscription or self.invoiced
        return renewal.status if renewal else None

    @property
    def expires_at(self) -> int | None:
        resource = self.resource_as(DomainResource) if self.domain else None
        return resource.expires_at if resource else None

    @property
    def has_upkeep(self) -> bool:
        # Upkeep is what a delivered domain may still need: its DNS zone, and its registrant's confirmation.
        return self.zone_owed or self.verification_open

    def check_renewal_at(self, due_at: int | None) -> Order:
        upkeep = self.due_at if self.has_upkeep else None
        return replace(self, renewal_due_at=due_at, due_at=_earlier(due_at, upkeep))

    def check_upkeep_at(self, check: int | None, now: int) -> Order:
        # While the renewal is due, do not change the order's `due_at` to a later time.
        renewal = self.due_at if self.renewal_is_due(now) else self.renewal_due_at
        due_at = _earlier(renewal, check)
        return self if due_at == self.due_at else replace(self, due_at=due_at)

    def renewal_is_due(self, now: int) -> bool:
        # Orders that an older release stored have no `renewal_due_at`.
        return self.renewal_due_at is None or self.renewal_due_at <= now

    @property
    def renewal_check(self) -> int | None:
        return self.due_at if self.renewal_due_at is None else self.renewal_due_at

    @property
    def renewal_owed(self) -> bool:
        """Whether a delivered order's renewal must still start. False if its domain has left."""
        delivered = self.status is OrderStatus.COMPLETED and not self.domain_has_left
        return delivered and self.renewal_status is None and self.due_at is not None

    @property
    def transfer_year_owed(self) -> bool:
        """Whether we must still buy the year that a transfer did not add."""
        year = self.domain.transfer_year if self.domain and not self.domain_has_left else None
        if year is None or year.done_at is not None or self.domain_record.year_waived_at is not None:
            return False
        return self.status is OrderStatus.COMPLETED

    @property
    def renewal_is_watched(self) -> bool:
        """Whether we must charge each further term, or order it at the provider."""
        if self.status is not OrderStatus.COMPLETED or self.renewal_status is None:
            return False
        charged_here = self.invoiced is not None and not self.invoiced.ended
        return charged_here or self.item.renewal_is_work()

    def check_renewal_now(self, now: int) -> Order:
        """Make the order due now, unless its renewal is already in progress."""
        under_way = self.domain is not None and self.domain.is_renewing
        due = self.due_at is not None and self.due_at <= now and self.renewal_is_due(now)
        return self if due or under_way or not self.renewal_is_watched else self.check_renewal_at(now)

    def with_next_renewal(self, moment: int) -> Order:
        """`moment` is the next charge (epoch ms)."""
        if self.subscription is None:
            return self
        at = dt.datetime.fromtimestamp(moment / 1000, dt.UTC)
        bucket = replace(self.subscription, bucket_year=at.year, bucket_month=at.month)
        return self if bucket == self.subscription else replace(self, subscription=bucket)

    def closed(self) -> Order:
        return replace(self, due_at=None, renewal_due_at=None) if self.ended else self

    def undeliverable(self, failure: Failure, now: int, actor: Actor) -> Order:
        return replace(self._move(OrderStatus.REFUNDING, now, actor, failure.message), failure=failure)

    def refunded(self, refund: Refund | None, now: int) -> Order:
        """`refund` is None if no money was taken."""
        end = OrderStatus.CANCELED if self.cancel_requested_at is not None else OrderStatus.PROVISION_FAILED
        cause = causes.MONEY_BACK if refund else "no money had been taken"
        return replace(self._move(end, now, Actor.SYSTEM, cause), refund=refund)

    def late_money_returned(self, refund: Refund, now: int) -> Order:
        """Record the refund of money that came after the end."""
        return replace(self.told(causes.LATE_MONEY_BACK, now, Actor.SYSTEM), refund=refund)

    def refund_refused(self, reason: str, now: int) -> Order:
        before = self.refund_refusals.count if self.refund_refusals else 0
        counted = replace(self, refund_refusals=Refusals(before + 1, now))
        if self.ended or self.status is OrderStatus.REFUND_FAILED:
            return counted
        return counted._move(OrderStatus.REFUND_FAILED, now, Actor.STRIPE, reason)

    def renewal_became(self, status: str) -> Order:
        """Change the subscription's status, not the order's."""
        if self.subscription is None or self.subscription.status == status:
            return self
        return replace(self, subscription=replace(self.subscription, status=status))

    def noted(self, cause: str, now: int, actor: Actor) -> Order:
        """Add a timeline entry, unless an entry has the same cause."""
        known = any(entry.cause == cause for entry in self.timeline)
        return self if known else self.told(cause, now, actor)

    def told(self, cause: str, now: int, actor: Actor) -> Order:
        now = max(now, self.updated_at)
        entry = TimelineEntry(now, self.status, actor, cause)
        return replace(self, updated_at=now, timeline=(*self.timeline, entry))

    # -- cancel -----------------------------------------------------------------------------------------------

    def why_not_cancellable(self) -> tuple[str, str] | None:
        """A reason and its text, or None when a cancel would succeed."""
        cancelled = self.status in (OrderStatus.CANCELING, OrderStatus.CANCELED)
        if cancelled or self.cancel_requested_at is not None:
            return ("already_cancelled", "The order is already cancelled.")
        if self.ended:
            return ("already_ended", _ENDED[self.status])
        if self.status in (OrderStatus.REFUNDING, OrderStatus.REFUND_FAILED):
            return ("refund_in_progress", "The order cannot be delivered and is being refunded.")
        if self.provisioning_at is not None:
            return ("provisioning_started", "Delivery has begun; the order can no longer be cancelled.")
        return None

    def cancel_requested(self, now: int, actor: Actor = Actor.CUSTOMER) -> Order:
        """Raises OrderNotCancellableError."""
        refusal = self.why_not_cancellable()
        if refusal:
            raise OrderNotCancellableError(*refusal)
        moved = self._move(OrderStatus.CANCELING, now, actor, "cancel requested")
        return replace(moved, cancel_requested_at=moved.updated_at)


def _earlier(one: int | None, other: int | None) -> int | None:
    return min((moment for moment in (one, other) if moment is not None), default=None)


def _as(wanted: type[T], found: object, number: int) -> T:
    if not isinstance(found, wanted):
        raise TypeError(f"order {number} has no {wanted.__name__}")
    return found
