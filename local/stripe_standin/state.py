"""Everything the stand-in remembers: the objects, what is due later, the events, and the lock around it all.

Objects are kept as the API shows them (hashes of JSON). What the API never shows, such as a card's number, is
in an `Instrument` beside them.
"""

from __future__ import annotations

import heapq
import itertools
import secrets
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol

from .clock import Clock
from .errors import no_such
from .published import BankAccount, Card, Decline
from .sdk_types import Json, api_version, copied, fields, resource, skeleton

EMBEDDED_LINES = 10
SEPA_SETTLES_AFTER = 5 * 24 * 3600.0

_PREFIXES = {
    "charge": "ch", "checkout.session": "cs_test", "credit_note": "cn", "credit_note_line_item": "cnli",
    "customer": "cus", "customer_balance_transaction": "cbtxn", "dispute": "du", "event": "evt", "invoice": "in",
    "invoice_payment": "inpay", "item": "li", "line_item": "il", "payment_intent": "pi", "payment_method": "pm",
    "plan": "price", "price": "price", "product": "prod", "refund": "re", "subscription": "sub",
    "subscription_item": "si", "tax_id": "txi", "tax_rate": "txr",
}  # fmt: skip


_FOUND_BY = {
    # By which fields objects are looked for again and again. They never change.
    "charge": ("payment_intent", "customer"), "credit_note": ("invoice",), "invoice": ("customer",),
    "customer_balance_transaction": ("customer",), "invoice_payment": ("invoice",), "refund": ("charge",),
}  # fmt: skip


@dataclass
class Settings:
    """What the controls can change. The rest is Stripe's behaviour."""

    attach_decline_cards: bool = False
    """Let a card that the bank declines be attached, so that a charge on a saved card can be declined for
    each reason. Stripe's test mode refuses to attach these."""
    sepa_settles_after: float = SEPA_SETTLES_AFTER
    """Seconds until a SEPA payment settles or fails. Live it takes days, hence the default; in Stripe's test
    mode seconds. The accounts published as delayed take three minutes more."""
    sepa_settles: bool = True
    """False: a SEPA payment stays `processing` until a control settles or fails it."""
    renewals_are_drafts_for: float = 3600.0
    """Seconds between the invoice of a subscription's next period and the attempt to collect it. Stripe: about an
    hour."""
    refunds: str = "as published"
    """`as published` (as the card says), or for every refund: `succeed`, `pending` (until a control settles
    it), `fail` (made, and failed at once), `refuse` (the request is answered with an error)."""
    checkout_line_metadata: bool = False
    """Whether the metadata of a Checkout Session's line reaches the line of the invoice that Checkout makes. Stripe
    does not say."""
    checkout_debit_invoice: str = "at settlement"
    """When the invoice of a debit made at Checkout appears: `at settlement` or `at completion`. Stripe does not say."""
    checkout_invoice_lags: float = 0.0
    """Seconds from a payment at Checkout until its invoice appears."""
    checkout_credit_notes: bool = False
    """Whether a credit note can be made for an invoice that Checkout made; otherwise only its payment can be
    refunded. Stripe does not say."""
    tax_rounding: str = "line"
    """Where tax is rounded, a setting of the Stripe account: each `line`, or the whole `invoice`."""
    previews_take_no_money: bool = True
    """Whether a credit note's preview needs no refund, credit or out of band amount. Stripe does not say."""
    search_lags: float = 0.0
    """Seconds until the search finds an object. Stripe says: normally less than a minute."""


@dataclass
class Instrument:
    """What is behind a payment method."""

    card: Card | None = None
    account: BankAccount | None = None
    set_up: bool = False
    """The customer has authenticated it for payments in their absence."""
    decline: Decline | None = None
    """Set by a control: charges are declined with this from now on."""


@dataclass
class CheckoutLine:
    """A line of a Checkout Session: the item that the API shows, and how it is taxed."""

    item: Json
    tax_behavior: str
    tax_code: str | None
    taxes: list[Json] = field(default_factory=list)


@dataclass
class Checkout:
    """What is behind a Checkout Session."""

    lines: list[CheckoutLine]
    payment_intent_data: Json
    allow_redisplay: str
    """What the payment method is marked with when it is saved."""
    saves_address: bool
    """The address typed on the page becomes the customer's; the same for the name."""
    saves_name: bool
    payer: Json = field(default_factory=dict)
    """What the customer typed on the page: email, name, address."""


class Payee(Protocol):
    """What a payment intent pays for. It is told what becomes of the payment after the events of that."""

    @property
    def page(self) -> str:
        """Where the customer pays in person."""

    def asked(self) -> None:
        """The bank wants its customer to authenticate."""

    def processing(self) -> None:
        """A debit is on its way."""

    def paid(self) -> None: ...

    def failed(self, decline: Decline, *, late: bool = False) -> None:
        """`late`: a debit that was processing."""


@dataclass(frozen=True)
class Origin:
    """The API request that is being served, named by the events it causes."""

    request_id: str
    idempotency_key: str | None


@dataclass(order=True)
class _Due:
    at: float
    number: int
    action: Callable[[], None] = field(compare=False)


class State:
    """Hold `lock` while reading or changing anything."""

    def __init__(self, clock: Clock, settings: Settings) -> None:
        self.lock = threading.RLock()
        self.clock = clock
        self.settings = settings
        self.base_url = ""
        self.instruments: dict[str, Instrument] = {}
        self.checkouts: dict[str, Checkout] = {}
        """By the id of the Checkout Session."""
        self.checkout_invoices: set[str] = set()
        """The ids of the invoices that Checkout made."""
        self.coupons: dict[str, Decimal] = {}
        """The percent off that a customer's coupon gives, by the customer's id."""
        self.payees: dict[str, Payee] = {}
        """By the id of the payment intent."""
        self.origin: Origin | None = None
        self.announce: Callable[[Json], None] = lambda event: None
        self._objects: dict[str, dict[str, Json]] = defaultdict(dict)
        self._found_by: dict[tuple[str, str, Any], dict[str, Json]] = defaultdict(dict)
        self._agenda: list[_Due] = []
        self._numbers = itertools.count(1)
        clock.when_advanced(self.run_due)

    # -- objects ---------------------------------------------------------------------------------------------

    def new(self, object_name: str, **values: Any) -> Json:
        """A new object with every documented field, kept. AttributeError for a field that is none."""
        return self.keep(self.draft(object_name, **values))

    def draft(self, object_name: str, **values: Any) -> Json:
        """The same, not kept: a preview, or a part of another object."""
        unknown = values.keys() - fields(resource(object_name)).keys()
        if unknown:
            raise AttributeError(f"{object_name} has no {', '.join(sorted(unknown))}")
        made = skeleton(object_name)
        made["id"] = new_id(object_name)
        if "created" in made:
            made["created"] = self.clock.now()
        if "metadata" in made:
            made["metadata"] = {}
        made.update(values)
        return made

    def keep(self, made: Json) -> Json:
        name, made_id = made["object"], made["id"]
        self._objects[name][made_id] = made
        for field_name in _FOUND_BY.get(name, ()):
            self._found_by[name, field_name, made[field_name]][made_id] = made
        return made

    def get(self, object_name: str, object_id: str, param: str = "id") -> Json:
        """Raises the error Stripe answers for an id that does not exist; `param` is where it was said."""
        found = self._objects[object_name].get(object_id)
        if found is None:
            raise no_such(object_name, object_id, param)
        return found

    def find(self, object_id: str) -> Json | None:
        """Any object by its id."""
        for kept in self._objects.values():
            if object_id in kept:
                return kept[object_id]
        return None

    def all(self, object_name: str, **wanted: Any) -> list[Json]:
        """The objects whose fields have these values, oldest first."""
        candidates = self._objects[object_name]
        for name in _FOUND_BY.get(object_name, ()):
            if name in wanted:
                candidates = self._found_by.get((object_name, name, wanted[name]), {})
                break
        return [
            kept for kept in candidates.values() if all(kept[name] == value for name, value in wanted.items())
        ]

    def forget(self, kept: Json) -> None:
        name, kept_id = kept["object"], kept["id"]
        del self._objects[name][kept_id]
        for field_name in _FOUND_BY.get(name, ()):
            del self._found_by[name, field_name, kept[field_name]][kept_id]

    # -- later -----------------------------------------------------------------------------------------------

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, _Due(self.clock.time() + seconds, next(self._numbers), action))

    def run_due(self) -> None:
        """Does what has fallen due: on every request, every advance of the clock and every half second."""
        with self.lock:
            while self._agenda and self._agenda[0].at <= self.clock.time():
                heapq.heappop(self._agenda).action()

    # -- events ----------------------------------------------------------------------------------------------

    def emit(self, event_type: str, subject: Json, before: Json | None = None) -> None:
        """Records an event with the subject as it is now, and announces it.

        `before` is the subject as it was: an `….updated` event says what has changed.
        """
        data: Json = {"object": as_answered(subject)}
        if before is not None:
            data["previous_attributes"] = dict(_changed(before, subject))
        origin = self.origin
        event = self.new(
            "event",
            type=event_type,
            api_version=api_version(),
            data=data,
            pending_webhooks=0,
            request={
                "id": origin.request_id if origin else None,
                "idempotency_key": origin.idempotency_key if origin else None,
            },
        )
        self.announce(event)


def as_answered(document: Json) -> Json:
    """A copy as it is answered: of the lines of an invoice or a credit note, the first ten."""
    answer = copied(document)
    lines = answer.get("lines")
    if isinstance(lines, dict) and len(lines["data"]) > EMBEDDED_LINES:
        lines.update(data=lines["data"][:EMBEDDED_LINES], has_more=True)
    return answer


def new_id(object_name: str) -> str:
    length = 29 if object_name == "checkout.session" else 12
    return f"{_PREFIXES[object_name]}_{secrets.token_hex(length)}"


def _changed(before: Json, after: Json) -> Iterator[tuple[str, Any]]:
    for name, value in before.items():
        if after.get(name) != value:
            yield name, copied(value)
