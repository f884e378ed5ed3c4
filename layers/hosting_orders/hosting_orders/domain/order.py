"""An order's life: the states, the one table of moves, and the facts an order collects on its way.

Orders are immutable; every method returns the order as it is afterwards and writes one line of its timeline.
`version` is what the store last knew: only the repository counts it up, and it refuses a write whose version is
not the stored one. So two writers who both saw the same order cannot both win: that is the fence between
cancelling and provisioning.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TypeVar

from .domain_record import DomainRecord
from .errors import IllegalMoveError, OrderNotCancellableError
from .ids import order_uuid
from .money import Money
from .placement import Placement
from .products import Item, ProductKind, Resource

T = TypeVar("T")


class OrderStatus(StrEnum):
    """The canonical states. Each contract's words are a pure mapping of these (contracts/)."""

    PENDING = "pending"  # placed; its cart is not paid yet
    PROCESSING = "processing"  # paid; being delivered
    COMPLETED = "completed"  # delivered
    FAILED = "failed"  # not paid, and it never will be
    CANCELING = "canceling"  # the customer's cancel won; compensation is under way
    CANCELED = "canceled"
    EXPIRED = "expired"  # nobody paid in time
    REFUNDING = "refunding"  # paid, can't be delivered; the money is on its way back
    REFUND_FAILED = "refund_failed"  # the money could not be given back: an operator's case, with an alarm
    PROVISION_FAILED = "provision_failed"  # can't be delivered, and the money is back


MOVES: dict[OrderStatus, frozenset[OrderStatus]] = {
    OrderStatus.PENDING: frozenset(
        {
            OrderStatus.PROCESSING,
            OrderStatus.FAILED,
            OrderStatus.CANCELING,
            OrderStatus.EXPIRED,
            OrderStatus.REFUNDING,  # the money came, but the flow broke before it was noted
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
"""It will not be delivered and has not ended: compensation is under way."""


# To people who know only the words of their contract.
_ENDED = {
    OrderStatus.COMPLETED: "The order is already completed.",
    OrderStatus.FAILED: "The order has already failed.",
    OrderStatus.EXPIRED: "The order was not paid in time and is already cancelled.",
    OrderStatus.PROVISION_FAILED: "The order has already failed.",
}


class Actor(StrEnum):
    """Who caused a change, as the timeline tells it."""

    CUSTOMER = "customer"
    STRIPE = "stripe"
    PLATFORM = "platform"
    REGISTRAR = "registrar"
    OPERATOR = "operator"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One change: the state it led to, who and why, and when (epoch milliseconds UTC)."""

    at: int
    status: OrderStatus
    actor: Actor
    cause: str


@dataclass(frozen=True, slots=True)
class Subscription:
    """The renewal at the payment provider. `bucket_*` say in which month the next renewal falls."""

    id: str
    status: str
    bucket_type: str
    bucket_year: int
    bucket_month: int


@dataclass(frozen=True, slots=True)
class Refund:
    """Money given back for this order, in minor units: `amount` to the payment method and `to_credit` to the
    account's credit; together they are the order's gross price."""

    id: str
    amount: int
    to_credit: int
    at: int


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an order could not be delivered or paid, in a word for programs and a text for people."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class CallbackTarget:
    """Where the client wants to hear of the end. `sealed_authorization` is its Authorization header, encrypted."""

    url: str
    sealed_authorization: str | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """One product bought once. Times are epoch milliseconds UTC, `price` is net."""

    account_id: str
    number: int
    cart_token: str
    status: OrderStatus
    item: Item
    price: Money
    created_at: int
    updated_at: int
    version: int = 0
    user_id: str | None = None
    placed: Placement = field(default_factory=Placement)
    capacity: str | None = None  # the counter this order holds a place of, until it ends undelivered
    due_at: int | None = None  # when the reconciler should look, if nothing happens before
    provisioning_at: int | None = None  # the fence: from here on it cannot be cancelled
    cancel_requested_at: int | None = None
    operation_id: str | None = None
    resource: Resource | None = None
    subscription: Subscription | None = None
    domain: DomainRecord | None = None  # what only a domain order has
    refund: Refund | None = None
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
        """What it asks for. Raises TypeError for an order of another product."""
        return _as(product, self.item, self.number)

    def resource_as(self, delivered: type[T]) -> T | None:
        """What was delivered, or None until then. Raises TypeError for an order of another product."""
        return None if self.resource is None else _as(delivered, self.resource, self.number)

    @property
    def domain_record(self) -> DomainRecord:
        """What is remembered of a domain order; raises TypeError for an order of another product."""
        return _as(DomainRecord, self.domain, self.number)

    @property
    def domain_claim(self) -> str | None:
        """The domain (ASCII) that it keeps from all other orders."""
        return self.domain.claim if self.domain else None

    @property
    def renewal_price(self) -> Money:
        """What a further term costs, net."""
        return self.item.renewal_price(self.price)

    def entered(self, status: OrderStatus) -> int | None:
        """When it came into this state (epoch ms); None when it never did. What is noted in a state does not move
        that, and no state is entered twice."""
        return next((entry.at for entry in self.timeline if entry.status is status), None)

    @property
    def since(self) -> int:
        """When it came into its present state (epoch ms)."""
        entered = self.entered(self.status)
        return self.updated_at if entered is None else entered

    @property
    def ended(self) -> bool:
        """True in a state that is never left."""
        return self.status in ENDS

    @property
    def ended_at(self) -> int | None:
        """When it ended (epoch ms), or None while it lives."""
        return self.entered(self.status) if self.ended else None

    @property
    def line_key(self) -> str:
        """Names this order's line of the cart's charge."""
        return str(self.number)

    # -- the moves --------------------------------------------------------------------------------------------

    def _move(self, to: OrderStatus, now: int, actor: Actor, cause: str) -> Order:
        if to not in MOVES[self.status]:
            raise IllegalMoveError(f"order {self.number} cannot go from {self.status} to {to}")
        # Clocks of two machines differ: an order's own time never runs backwards (docs/contracts.md SQ-038).
        now = max(now, self.updated_at)
        return replace(
            self,
            status=to,
            updated_at=now,
            due_at=None if to in ENDS else self.due_at,
            timeline=(*self.timeline, TimelineEntry(now, to, actor, cause)),
        )

    def check_at(self, due_at: int) -> Order:
        """When the reconciler should ask what became of it (epoch milliseconds)."""
        return replace(self, due_at=due_at)

    def paid(self, now: int, due_at: int) -> Order:
        """The cart's payment succeeded: delivery may begin."""
        return self._move(OrderStatus.PROCESSING, now, Actor.STRIPE, "payment succeeded").check_at(due_at)

    def payment_failed(self, failure: Failure, now: int, actor: Actor = Actor.STRIPE) -> Order:
        """No money was taken and none will be."""
        return replace(self._move(OrderStatus.FAILED, now, actor, failure.message), failure=failure)

    def expired(self, now: int) -> Order:
        """Nobody paid in time."""
        return self._move(OrderStatus.EXPIRED, now, Actor.SYSTEM, "not paid in time")

    def begin_provisioning(self, now: int, due_at: int) -> Order:
        """Take the fence. Taking it again is harmless: a step may run twice.

        Raises IllegalMoveError unless the order is paid and not being cancelled.
        """
        if self.status is not OrderStatus.PROCESSING:
            raise IllegalMoveError(f"order {self.number} is {self.status}, not processing")
        if self.provisioning_at is not None:
            return self
        return replace(self, provisioning_at=now, updated_at=max(now, self.updated_at), due_at=due_at)

    def submitted(self, operation_id: str) -> Order:
        """The platform or registrar took the work on under this id."""
        return replace(self, operation_id=operation_id)

    def with_domain(self, record: DomainRecord) -> Order:
        """What is remembered of a domain order now."""
        return replace(self, domain=record)

    def without_claims(self) -> Order:
        """It ended undelivered: what it kept from other orders is theirs."""
        record = replace(self.domain, claim=None) if self.domain else None
        return replace(self, capacity=None, domain=record)

    def delivered(
        self,
        resource: Resource,
        subscription: Subscription | None,
        now: int,
        actor: Actor = Actor.PLATFORM,
    ) -> Order:
        """The end everybody wants. The renewal usually begins after it (`with_renewal`)."""
        moved = self._move(OrderStatus.COMPLETED, now, actor, "delivered")
        return replace(moved, resource=resource, subscription=subscription)

    def with_renewal(self, subscription: Subscription, due_at: int | None = None) -> Order:
        """What is delivered renews itself. `due_at` is when somebody should look whether its money has come: a name has
        to be renewed at its registry then."""
        return replace(self, subscription=subscription, due_at=due_at)

    @property
    def renewal_owed(self) -> bool:
        """True from delivery until the renewal was started. A refused one is tried again."""
        return self.status is OrderStatus.COMPLETED and self.subscription is None and self.due_at is not None

    @property
    def transfer_year_owed(self) -> bool:
        """True for a delivered domain that came without its year, until the year is bought."""
        year = self.domain.transfer_year if self.domain else None
        return self.status is OrderStatus.COMPLETED and year is not None and year.done_at is None

    @property
    def renewal_is_watched(self) -> bool:
        """True for what is delivered and renews itself, if each further term is work at its provider."""
        renews = self.status is OrderStatus.COMPLETED and self.subscription is not None
        return renews and self.item.renewal_is_work()

    def check_renewal_now(self, now: int) -> Order:
        """There are news of the renewal's money: the reconciler should see at once whether there is work.

        A renewal already in progress has its own schedule and looks for new payments when done.
        """
        under_way = self.domain is not None and self.domain.is_renewing
        due = self.due_at is not None and self.due_at <= now
        return self if due or under_way or not self.renewal_is_watched else self.check_at(now)

    def with_next_renewal(self, moment: int) -> Order:
        """When the next term is charged (epoch ms), in the words of the subscription's bucket."""
        if self.subscription is None:
            return self
        at = dt.datetime.fromtimestamp(moment / 1000, dt.UTC)
        bucket = replace(self.subscription, bucket_year=at.year, bucket_month=at.month)
        return self if bucket == self.subscription else replace(self, subscription=bucket)

    def closed(self) -> Order:
        """An end after which nothing is left to look at."""
        return replace(self, due_at=None) if self.ended else self

    def undeliverable(self, failure: Failure, now: int, actor: Actor) -> Order:
        """It can't be delivered; the money goes back next."""
        return replace(self._move(OrderStatus.REFUNDING, now, actor, failure.message), failure=failure)

    def refunded(self, refund: Refund | None, now: int) -> Order:
        """Compensation is complete. `refund` is None when no money had been taken."""
        end = OrderStatus.CANCELED if self.cancel_requested_at is not None else OrderStatus.PROVISION_FAILED
        cause = "money given back" if refund else "no money had been taken"
        return replace(self._move(end, now, Actor.SYSTEM, cause), refund=refund)

    def late_money_returned(self, refund: Refund, now: int) -> Order:
        """Money that arrived after the order had ended undelivered went back; the end stays what it was."""
        return replace(self.told("late payment given back", now, Actor.SYSTEM), refund=refund)

    def refund_refused(self, reason: str, now: int) -> Order:
        """The provider will not give the money back. Saying so twice is harmless."""
        if self.status is OrderStatus.REFUND_FAILED:
            return self
        return self._move(OrderStatus.REFUND_FAILED, now, Actor.STRIPE, reason)

    def renewal_became(self, status: str) -> Order:
        """The renewal's state at the provider changed; the order itself stays as it is."""
        if self.subscription is None or self.subscription.status == status:
            return self
        return replace(self, subscription=replace(self.subscription, status=status))

    def noted(self, cause: str, now: int, actor: Actor) -> Order:
        """Something happened that changes no state but belongs on record; once is enough."""
        known = any(entry.cause == cause for entry in self.timeline)
        return self if known else self.told(cause, now, actor)

    def told(self, cause: str, now: int, actor: Actor) -> Order:
        """One more line of the timeline, in the state it is in."""
        now = max(now, self.updated_at)
        entry = TimelineEntry(now, self.status, actor, cause)
        return replace(self, updated_at=now, timeline=(*self.timeline, entry))

    # -- cancel -----------------------------------------------------------------------------------------------

    def why_not_cancellable(self) -> tuple[str, str] | None:
        """(reason, text) when a cancel would be refused now, None when it would succeed."""
        if self.status is OrderStatus.CANCELING or self.status is OrderStatus.CANCELED:
            return ("already_cancelled", "The order is already cancelled.")
        if self.ended:
            return ("already_ended", _ENDED[self.status])
        if self.status in (OrderStatus.REFUNDING, OrderStatus.REFUND_FAILED):
            return ("refund_in_progress", "The order cannot be delivered and is being refunded.")
        if self.provisioning_at is not None:
            return ("provisioning_started", "Delivery has begun; the order can no longer be cancelled.")
        return None

    def cancel_requested(self, now: int, actor: Actor = Actor.CUSTOMER) -> Order:
        """The customer's cancel. Raises OrderNotCancellableError with the reason."""
        refusal = self.why_not_cancellable()
        if refusal:
            raise OrderNotCancellableError(*refusal)
        moved = self._move(OrderStatus.CANCELING, now, actor, "cancel requested")
        return replace(moved, cancel_requested_at=moved.updated_at)


def _as(wanted: type[T], found: object, number: int) -> T:
    if not isinstance(found, wanted):
        raise TypeError(f"order {number} has no {wanted.__name__}")
    return found
