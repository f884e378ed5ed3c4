"""The state of the Stripe stand-in: objects, scheduled work, events, and the lock around them.

Objects have the form that the API returns. An `Instrument` contains the data of a payment method that the API never
returns, such as a card's number.
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
from .keys import Rights
from .published import BankAccount, Card, Decline
from .sdk_types import Json, api_version, copied, fields, resource, skeleton

EMBEDDED_LINES = 10
SEPA_SETTLES_AFTER = 5 * 24 * 3600.0

_PREFIXES = {
    "charge": "ch", "checkout.session": "cs_test", "credit_note": "cn", "credit_note_line_item": "cnli",
    "customer": "cus", "customer_balance_transaction": "cbtxn", "dispute": "du", "event": "evt", "invoice": "in",
    "invoice_payment": "inpay", "item": "li", "line_item": "il", "payment_intent": "pi", "payment_method": "pm",
    "plan": "price", "price": "price", "product": "prod", "refund": "re", "setup_intent": "seti", "subscription": "sub",
    "subscription_item": "si", "test_helpers.test_clock": "clock",
    "tax_id": "txi", "tax_rate": "txr", "webhook_endpoint": "we",
}  # fmt: skip


_FOUND_BY = {
    # Indexed fields. Objects are often looked up by these fields, whose values never change.
    "charge": ("payment_intent", "customer"), "credit_note": ("invoice",), "invoice": ("customer",),
    "customer_balance_transaction": ("customer",), "invoice_payment": ("invoice",), "refund": ("charge",),
}  # fmt: skip


@dataclass
class Settings:
    attach_decline_cards: bool = False
    """If True, a card that the bank declines can be saved, so that every decline of a saved card can be tested.

    Stripe's test mode refuses to attach such a card.
    """
    sepa_settles_after: float = SEPA_SETTLES_AFTER
    """Seconds until a SEPA payment settles or fails. It takes days in live mode and seconds in Stripe's test mode.
    Test accounts that Stripe documents as delayed take three minutes longer."""
    sepa_settles: bool = True
    """False keeps a SEPA payment `processing` until a request under /_standin settles or fails it."""
    renewals_are_drafts_for: float = 3600.0
    """Seconds from the creation of a later period's invoice to its collection. At Stripe, it is about an hour.

    A later period is any period of a subscription after the first.
    """
    refused_drafts_wait_for: float = 72 * 3600.0
    """Seconds after which the invoice is collected, although an endpoint still refuses its `invoice.created` event."""
    retry_days: str = "1 1 2 2 2 2 2 2"
    """Days between the attempts to collect a later period. Stripe recommends 8 retries in 2 weeks. An empty text means
    no retries."""
    after_retries: str = "cancel"
    """What happens to the subscription after the last retry: `cancel` it, mark it `unpaid`, or leave it `past_due`."""
    refunds: str = "as published"
    """With `as published`, the outcome is the one that Stripe documents for the test card. The other values apply to
    every refund: `succeed`, `pending` (until a request under /_standin settles it), `fail` (created, then failed
    immediately), `refuse` (the request gets an error)."""
    checkout_line_metadata: bool = False
    """Whether the metadata of a session's line is copied to its invoice line. Not documented by Stripe."""
    checkout_debit_invoice: str = "at settlement"
    """When the invoice of a debit appears: `at settlement` of the debit, or `at completion` of the session. Not
    documented by Stripe."""
    checkout_invoice_lags: float = 0.0
    """Seconds from a payment at Checkout until its invoice appears."""
    checkout_credit_notes: bool = False
    """Whether the invoices of Checkout allow credit notes. If not, only the payments of these invoices can be refunded.
    Not documented by Stripe."""
    tax_rounding: str = "line"
    """Where tax is rounded: each `line`, or the whole `invoice`. A setting of the Stripe account."""
    previews_take_no_money: bool = True
    """Whether a request for the preview of a credit note may omit where the money goes. Not documented by Stripe."""
    test_clocks_advance_for: float = 0.0
    """Seconds for which a test clock stays `advancing` after its work is done."""
    search_lags: float = 0.0
    """Seconds until the search finds a new object. According to Stripe, it is normally less than a minute."""
    requests_per_second: int = 0
    """The account's rate limit. Stripe's is 100 in live mode and 25 in a sandbox. 0 means no limit."""
    endpoint_requests_per_second: int = 0
    """The rate limit of each endpoint. Stripe's is normally 25. 0 means no limit."""


@dataclass
class Instrument:
    card: Card | None = None
    account: BankAccount | None = None
    set_up: bool = False
    """The customer has authenticated the card for off-session payments."""
    mandate: bool = False
    """The customer has accepted a mandate. Without a mandate, nothing can be debited."""
    decline: Decline | None = None
    """Set by `Controls.decline`. All later charges are declined with this error."""


@dataclass
class CheckoutLine:
    """A line: the item that the API returns, and its tax."""

    item: Json
    tax_behavior: str
    tax_code: str | None
    taxes: list[Json] = field(default_factory=list)


@dataclass
class Checkout:
    """A Checkout Session's lines, and the data that the API never returns."""

    lines: list[CheckoutLine]
    payment_intent_data: Json
    allow_redisplay: str
    """The `allow_redisplay` of the saved payment method."""
    saves_address: bool
    """Whether the address entered on the page replaces the customer's. `saves_name` does the same for the name."""
    saves_name: bool
    payer: Json = field(default_factory=dict)
    """The values entered on the page: email, name, address."""


class Payee(Protocol):
    """What a payment intent pays: an invoice or a Checkout Session.

    The payee is notified after the payment's own events.
    """

    @property
    def page(self) -> str:
        """The URL where the customer pays."""

    def asked(self) -> None:
        """The bank requires authentication."""

    def processing(self) -> None:
        """A debit is processing."""

    def paid(self) -> None: ...

    def failed(self, decline: Decline, *, late: bool = False) -> None:
        """`late` means that a processing debit failed."""


@dataclass(frozen=True)
class Origin:
    request_id: str
    idempotency_key: str | None


@dataclass(order=True)
class _Due:
    at: float
    number: int
    action: Callable[[], None] = field(compare=False)


class State:
    """Hold `lock` to read or change anything."""

    def __init__(self, clock: Clock, settings: Settings) -> None:
        self.lock = threading.RLock()
        self.clock = clock
        self.settings = settings
        self.base_url = ""
        self.instruments: dict[str, Instrument] = {}
        self.checkouts: dict[str, Checkout] = {}
        """By Checkout Session id."""
        self.checkout_invoices: set[str] = set()
        """Ids of the invoices that Checkout created."""
        self.deleted_customers: set[str] = set()
        self.previews: dict[str, Json] = {}
        """Invoices that were only previewed, by id. Only their lines can be read."""
        self.endpoint_secrets: dict[str, str] = {}
        """By webhook endpoint id."""
        self.rights: dict[str, Rights] = {}
        """By restricted key (rk_test_…)."""
        self.coupons: dict[str, Decimal] = {}
        """Percent off, by customer id."""
        self.payees: dict[str, Payee] = {}
        """By payment intent id."""
        self.origin: Origin | None = None
        self.announce: Callable[[Json], None] = lambda event: None
        self.was_refused: Callable[[str], bool] = lambda event_id: False
        """Whether an endpoint has refused this event, and not accepted it since."""
        self.period_unpaid: Callable[[Json], None] = lambda invoice: None
        """Called after an invoice of a later period could not be paid."""
        self._objects: dict[str, dict[str, Json]] = defaultdict(dict)
        self._found_by: dict[tuple[str, str, Any], dict[str, Json]] = defaultdict(dict)
        self._agenda: list[_Due] = []
        self._clock_agendas: dict[str, list[_Due]] = defaultdict(list)
        """By test clock id. Each agenda uses its clock's time."""
        self._numbers = itertools.count(1)
        clock.when_advanced(self.run_due)

    # -- objects ---------------------------------------------------------------------------------------------

    def new(self, object_name: str, **values: Any) -> Json:
        """Store an object with every documented field. Raises AttributeError for another field."""
        return self.keep(self.draft(object_name, **values))

    def draft(self, object_name: str, **values: Any) -> Json:
        """Make an object as `new` does, but do not store it. Previews and parts of other objects are not stored."""
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
        """Raises Stripe's error for an unknown id. `param` is the request parameter that has the id."""
        found = self._objects[object_name].get(object_id)
        if found is None:
            raise no_such(object_name, object_id, param)
        return found

    def find(self, object_id: str) -> Json | None:
        for kept in self._objects.values():
            if object_id in kept:
                return kept[object_id]
        return None

    def all(self, object_name: str, **wanted: Any) -> list[Json]:
        """All objects of this type that have the `wanted` values, oldest first."""
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

    def contents(self) -> tuple[Any, ...]:
        """The objects, for `restore`. Scheduled work and settings are not included."""
        return self._objects, self._found_by, self.instruments

    def restore(self, contents: tuple[Any, ...]) -> None:
        """Put the objects of another state into this new state."""
        self._objects, self._found_by, self.instruments = contents

    # -- scheduled work --------------------------------------------------------------------------------------

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, _Due(self.clock.time() + seconds, next(self._numbers), action))

    def now_of(self, subject: Json) -> int:
        """The time for this object in Unix seconds. If the object has a test clock, it is that clock's time."""
        clock = self._objects["test_helpers.test_clock"].get(subject["test_clock"])
        frozen: int = self.clock.now() if clock is None else clock["frozen_time"]
        return frozen

    def at(self, subject: Json, moment: float, action: Callable[[], None]) -> None:
        """Run `action` when the subject's time reaches `moment`."""
        if subject["test_clock"] is None:
            self.later(moment - self.clock.time(), action)
        else:
            agenda = self._clock_agendas[subject["test_clock"]]
            heapq.heappush(agenda, _Due(moment, next(self._numbers), action))

    def run_clock(self, clock: Json, until: int) -> None:
        """Move a test clock to `until`. On the way, run each due action at its own time."""
        agenda = self._clock_agendas[clock["id"]]
        while agenda and agenda[0].at <= until:
            due = heapq.heappop(agenda)
            clock["frozen_time"] = max(clock["frozen_time"], int(due.at))
            due.action()
        clock["frozen_time"] = until

    def run_due(self) -> None:
        """Run due work.

        Every request and every advance of the clock calls this. The server also calls it between requests.
        """
        with self.lock:
            while self._agenda and self._agenda[0].at <= self.clock.time():
                heapq.heappop(self._agenda).action()

    # -- events ----------------------------------------------------------------------------------------------

    def emit(self, event_type: str, subject: Json, before: Json | None = None) -> Json:
        """Record, announce and return an event. `before` is the subject's previous state, for an `….updated` event."""
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
        return event


def as_answered(document: Json) -> Json:
    """The object as the API returns it: with only the first ten lines of an invoice or credit note."""
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
