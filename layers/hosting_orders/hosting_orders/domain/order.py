"""An order's life: the states, the one table of moves, and the facts an order collects on its way.

Orders are immutable; every method returns the order as it is afterwards and writes one line of its timeline.
`version` is what the store last knew: only the repository counts it up, and it refuses a write whose version is
not the stored one. So two writers who both saw the same order can not both win: that is the fence between
cancelling and provisioning.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import ClassVar

from .catalogue import Term
from .errors import IllegalMoveError, OrderNotCancellableError
from .ids import order_uuid
from .money import Money
from .placement import Placement
from .registration import DomainAction, RegistrarWaits


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


# To people who know only the words of their contract.
_ENDED = {
    OrderStatus.COMPLETED: "The order is already completed.",
    OrderStatus.FAILED: "The order has already failed.",
    OrderStatus.EXPIRED: "The order was not paid in time and is already cancelled.",
    OrderStatus.PROVISION_FAILED: "The order has already failed.",
}


class OrderType(StrEnum):
    SITE = "site"
    VM = "vm"
    DOMAIN = "domain"


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
class SiteItem:
    """What a site order asks for; the names are the short names of the catalogue."""

    KIND: ClassVar[str] = "site"  # tells the kinds of item apart where they are stored

    name: str
    variant: str
    location: str
    plan: str
    term: Term


@dataclass(frozen=True, slots=True)
class DomainItem:
    """What a domain order asks for: one year of a name. Its contacts are stored apart.

    `name` is the Unicode spelling, `ascii_name` the registry's. `renewal_amount` is the net price of a further year
    in minor units of the order's currency; `max_cost` the most the registrar may take for this year.
    `sealed_auth_code` is the transfer's auth code, encrypted.
    """

    KIND: ClassVar[str] = "domain"

    name: str
    ascii_name: str
    tld: str
    action: DomainAction
    renewal_amount: int
    max_cost: Money | None = None
    sealed_auth_code: str | None = None
    years: int = 1
    term: Term = Term.ANNUAL


@dataclass(frozen=True, slots=True)
class SiteResource:
    """The delivered site. `sealed_password` is encrypted, and opened only to answer its owner (C22)."""

    KIND: ClassVar[str] = "site"

    id: str
    domain: str
    ip_address: str
    username: str
    sealed_password: str
    port: int


@dataclass(frozen=True, slots=True)
class DomainResource:
    """The delivered name. `nameservers` are those the registry knows, `zone_nameservers` those of our own DNS zone:
    after a transfer they differ, for whatever runs under the name must go on running. `expires_at` is epoch ms."""

    KIND: ClassVar[str] = "domain"

    nameservers: tuple[str, ...]
    zone_id: str
    zone_nameservers: tuple[str, ...]
    expires_at: int | None = None
    registry_states: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Submission:
    """A domain order's way to the registrar. It is written down before the registrar is asked, so that whoever comes
    after a crash looks there before asking again.

    `first_at` is when it was first asked, `asked_at` when it was last asked and did not clearly refuse, `lease_until`
    until when one process alone may ask (epoch ms). `flag` is what its work waits for; the registrar's
    texts may repeat a contact, so they are not kept.
    """

    first_at: int
    lease_until: int
    asked_at: int = 0
    flag: RegistrarWaits | None = None


@dataclass(frozen=True, slots=True)
class Subscription:
    """The renewal at the payment provider. `bucket_*` say in which month the next renewal falls."""

    id: str
    status: str
    bucket_type: str
    bucket_year: int
    bucket_month: int


@dataclass(frozen=True, slots=True)
class NameRenewal:
    """A further year at the registrar for a further term that was paid: one for each invoice, and never two.

    It is written down before the registrar is asked. `expires_before` is when the name ran out without it,
    `first_at` when it was first asked for, `lease_until` until when one process alone may ask. `done_at` is when the
    registrar was seen to have renewed it (all epoch ms).
    """

    reference: str
    expires_before: int
    first_at: int
    lease_until: int
    operation_id: str | None = None
    done_at: int | None = None


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
    type: OrderType
    status: OrderStatus
    item: SiteItem | DomainItem
    price: Money
    created_at: int
    updated_at: int
    version: int = 0
    user_id: str | None = None
    placed: Placement = field(default_factory=Placement)
    capacity: str | None = None  # the counter this order holds a place of, until it ends undelivered
    name_claim: str | None = None  # the domain name (ASCII) this order holds, until it ends undelivered
    due_at: int | None = None  # when the reconciler should look, if nothing happens before
    provisioning_at: int | None = None  # the fence: from here on it can not be cancelled
    cancel_requested_at: int | None = None
    operation_id: str | None = None
    submission: Submission | None = None
    resource: SiteResource | DomainResource | None = None
    subscription: Subscription | None = None
    name_renewals: tuple[NameRenewal, ...] = ()
    refund: Refund | None = None
    failure: Failure | None = None
    callback: CallbackTarget | None = None
    timeline: tuple[TimelineEntry, ...] = ()

    @property
    def uuid(self) -> str:
        return order_uuid(self.number)

    @property
    def site_item(self) -> SiteItem:
        """What a site order asks for; raises TypeError for orders of another type."""
        if not isinstance(self.item, SiteItem):
            raise TypeError(f"order {self.number} is not a site order")
        return self.item

    @property
    def domain_item(self) -> DomainItem:
        """What a domain order asks for; raises TypeError for orders of another type."""
        if not isinstance(self.item, DomainItem):
            raise TypeError(f"order {self.number} is not a domain order")
        return self.item

    @property
    def renewal_price(self) -> Money:
        """What a further term costs, net."""
        if isinstance(self.item, DomainItem):
            return Money(self.item.renewal_amount, self.price.currency)
        return self.price

    @property
    def ended(self) -> bool:
        """True in a state that is never left."""
        return self.status in ENDS

    @property
    def ended_at(self) -> int | None:
        """When it ended, or None while it lives. What is noted after the end does not move it."""
        if not self.ended:
            return None
        return next((entry.at for entry in self.timeline if entry.status is self.status), None)

    @property
    def line_key(self) -> str:
        """Names this order's line on the cart's invoice."""
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

    def look_again_at(self, due_at: int) -> Order:
        """When the reconciler should ask what became of it (epoch milliseconds)."""
        return replace(self, due_at=due_at)

    def paid(self, now: int, due_at: int) -> Order:
        """The cart's payment succeeded: delivery may begin."""
        return self._move(OrderStatus.PROCESSING, now, Actor.STRIPE, "payment succeeded").look_again_at(
            due_at
        )

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

    def submitting(self, now: int, lease_until: int) -> Order:
        """This process, and no other until `lease_until`, is about to ask the registrar."""
        first_at = self.submission.first_at if self.submission else now
        flag = self.submission.flag if self.submission else None
        return replace(self, submission=Submission(first_at, lease_until, now, flag))

    def registrar_said(self, flag: RegistrarWaits | None, now: int) -> Order:
        """What the registrar's work waits for; a new flag is a line of the timeline."""
        known = self.submission or Submission(now, 0)
        if known.flag == flag:
            return self
        at = max(now, self.updated_at)
        told = replace(self, submission=replace(known, flag=flag), updated_at=at)
        if flag is None:
            return told
        entry = TimelineEntry(at, self.status, Actor.REGISTRAR, f"waiting: {flag}")
        return replace(told, timeline=(*self.timeline, entry))

    def delivered(
        self,
        resource: SiteResource | DomainResource,
        subscription: Subscription | None,
        now: int,
        actor: Actor = Actor.PLATFORM,
    ) -> Order:
        """The end everybody wants. The renewal usually begins after it (`renewed_by`)."""
        moved = self._move(OrderStatus.COMPLETED, now, actor, "delivered")
        return replace(moved, resource=resource, subscription=subscription)

    def renewed_by(self, subscription: Subscription | None, due_at: int | None = None) -> Order:
        """What is delivered renews itself; None when the provider refuses to. `due_at` is when somebody should look
        whether its money has come: a name has to be renewed at its registry then."""
        return replace(self, subscription=subscription, due_at=due_at if subscription else None)

    @property
    def renewal_owed(self) -> bool:
        """True from delivery until the renewal was started or refused."""
        return self.status is OrderStatus.COMPLETED and self.subscription is None and self.due_at is not None

    @property
    def renews_a_name(self) -> bool:
        """True for a delivered name whose renewal was started."""
        delivered = self.status is OrderStatus.COMPLETED and isinstance(self.resource, DomainResource)
        return delivered and self.subscription is not None

    def look_at_renewal(self, now: int) -> Order:
        """There are news of the renewal's money: the reconciler should ask at once whether a name is to be renewed.

        What it is at already it looks at in its own time, and afterwards for further money anyway.
        """
        under_way = any(one.done_at is None for one in self.name_renewals)
        due = self.due_at is not None and self.due_at <= now
        return self if due or under_way or not self.renews_a_name else self.look_again_at(now)

    def name_renewal(self, reference: str) -> NameRenewal | None:
        """What the registrar was asked for with this invoice's money."""
        return next((one for one in self.name_renewals if one.reference == reference), None)

    def name_renewing(self, renewal: NameRenewal, due_at: int) -> Order:
        """Add this renewal, or put it in the place of what was known of it."""
        others = tuple(one for one in self.name_renewals if one.reference != renewal.reference)
        return replace(self, name_renewals=(*others, renewal), due_at=due_at)

    def name_renewed(self, renewal: NameRenewal, expires_at: int, now: int) -> Order:
        """The name runs out later now. Whether another term was paid is looked up at once."""
        if not isinstance(self.resource, DomainResource):
            raise TypeError(f"order {self.number} has no name")
        day = dt.datetime.fromtimestamp(expires_at / 1000, dt.UTC).date()
        told = self.noted(f"renewed until {day}", now, Actor.REGISTRAR)
        done = told.name_renewing(replace(renewal, done_at=now), now)
        return replace(done, resource=replace(self.resource, expires_at=expires_at))

    def next_renewal_at(self, moment: int) -> Order:
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
        now = max(now, self.updated_at)
        entry = TimelineEntry(now, self.status, Actor.SYSTEM, "late payment given back")
        return replace(self, refund=refund, updated_at=now, timeline=(*self.timeline, entry))

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
        if any(entry.cause == cause for entry in self.timeline):
            return self
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
