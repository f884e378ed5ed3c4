"""A shop that uses the Stripe adapter with Stripe or the stand-in, over a connection that can disturb the requests."""

from __future__ import annotations

import itertools
import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

import requests
import stripe

from hosting_orders.adapters.stripe.client import StripeApi
from hosting_orders.adapters.stripe.collection import StripeCollection
from hosting_orders.adapters.stripe.refunds import StripeRefunds
from hosting_orders.adapters.stripe.renewals import StripeRenewals
from hosting_orders.adapters.stripe.webhooks import StripeWebhooks
from hosting_orders.domain.cart import PaymentStatus
from hosting_orders.domain.catalogue import Term
from hosting_orders.domain.errors import (
    PaymentNotStartedError,
    ProviderUnavailableError,
)
from hosting_orders.domain.money import Money
from hosting_orders.domain.months import months_later
from hosting_orders.domain.order import Subscription
from hosting_orders.domain.providers import (
    ChargeLine,
    ChargeRequest,
    CheckoutRequest,
    PaymentState,
)
from local.seed import save_debit
from local.stripe_standin import StripeStandIn
from tests.support.stripe_place import Clock, Place

API_KEY = "sk_test_adapter"
OLD_SECRET, NEW_SECRET = "whsec_before_the_rotation", "whsec_after_the_rotation"
HOUR = 3600
DEBIT_INVOICES = ("at settlement", "at completion")
GOOD_IBAN, BAD_IBAN = "DE89370400440532013000", "DE62370400440532013001"
TWO_LINES = (ChargeLine("101", "Site one", 1200), ChargeLine("102", "Site two", 900))
_carts = itertools.count(1)
T = TypeVar("T")


@dataclass
class Wire:
    """The adapter's connection. It counts the requests and disturbs the request with the index `spoil_at`.

    `kind` is what happens to this request:
    - `lost`: it is executed, but its response is lost
    - `dropped`: it is lost and not executed
    - `error`: it gets a 500 and is not executed
    - `kept_error`: it is executed and gets a 500
    - `kept_refusal_to_work`: it gets a 500 and is not executed

    After the two `kept_…` kinds, the same idempotency key gets the 500 again, as at Stripe.
    """

    send: Callable[..., requests.Response]
    spoil_at: int | None = None
    kind: str = "lost"
    count: int = 0
    kept: set[str] = field(default_factory=set)
    posted: list[tuple[str, str | None]] = field(
        default_factory=list
    )  # the last part of the path and the idempotency key
    meanwhile: dict[str, Callable[[], object]] = field(
        default_factory=dict
    )  # "POST expire" → a function that runs once, right before the next POST to a path that ends in `expire`

    def request(self, session: requests.Session, method: str, url: str, **how: Any) -> requests.Response:
        act = self.meanwhile.pop(f"{method.upper()} {url.partition('?')[0].rpartition('/')[2]}", None)
        if act is not None:
            act()
        place, self.count = self.count, self.count + 1
        key = (how.get("headers") or {}).get("Idempotency-Key")
        if method.upper() == "POST":
            self.posted.append((url.rpartition("/")[2], key))
        if key in self.kept:
            return _internal_error({"Idempotent-Replayed": "true", "Stripe-Should-Retry": "false"})
        if place != self.spoil_at:
            return self.send(session, method, url, **how)
        if self.kind in ("lost", "kept_error"):
            self.send(session, method, url, **how)
        if self.kind in ("lost", "dropped"):
            raise requests.ConnectionError("spoiled by the test")
        if self.kind.startswith("kept_") and key is not None:
            self.kept.add(key)
            return _internal_error({"Stripe-Should-Retry": "false"})
        return _internal_error({})

    def spoil(self, place: int | None, kind: str = "lost") -> None:
        self.spoil_at, self.kind, self.count = place, kind, 0
        self.kept.clear()
        self.posted.clear()


FAULTS = ("lost", "dropped", "error", "kept_error", "kept_refusal_to_work")


def _internal_error(headers: dict[str, str]) -> requests.Response:
    response = requests.Response()
    response.status_code = 500
    response._content = json.dumps(
        {"error": {"type": "api_error", "message": "spoiled by the test"}}
    ).encode()
    response.headers.update(headers)
    return response


@dataclass
class Shop:
    place: Place
    client: stripe.StripeClient
    wire: Wire
    clock: Clock | None = None
    run: str = field(default_factory=lambda: secrets.token_hex(6))
    stripe: StripeApi = field(init=False)

    def __post_init__(self) -> None:
        self.stripe = self.adapter()

    @property
    def standin(self) -> StripeStandIn:
        return self.place.standin

    def once(self, name: str) -> str:
        """Return `name` with a suffix, for an idempotency key that no earlier run has used."""
        return f"{name}-{self.run}"

    def start_clock(self, frozen_time: float | None = None) -> Clock:
        """Start a test clock. The adapter and all customers created from now on use the time of this clock."""
        self.clock = Clock(self.client, int(frozen_time or self.place.now()))
        return self.clock

    def pass_time(self, seconds: float) -> None:
        """Advance the test clock. The stand-in's own clock advances too, so the stand-in forgets idempotency keys."""
        assert self.clock is not None
        self.clock.advance(seconds)
        if self.place.server is not None:
            self.place.server.clock.advance(seconds)

    def now(self) -> float:
        """Unix seconds."""
        return self.clock.now() if self.clock else self.place.now()

    def adapter(self, **how: Any) -> StripeApi:
        return StripeApi(
            how.pop("api_key", self.place.key),
            api_base=self.place.url,
            retries=how.pop("retries", 0),
            now=self.now,
            **how,
        )

    @property
    def api(self) -> Any:
        return self.client.v1

    @property
    def payments(self) -> StripeCollection:
        return StripeCollection(self.stripe)

    @property
    def refunds(self) -> StripeRefunds:
        return StripeRefunds(self.stripe)

    @property
    def renewals(self) -> StripeRenewals:
        return StripeRenewals(self.stripe)

    @property
    def news(self) -> StripeWebhooks:
        return StripeWebhooks(self.stripe, (OLD_SECRET, NEW_SECRET))

    def customer(
        self, method: Any = "pm_card_visa", credit: int = 0, currency: str = "EUR"
    ) -> tuple[str, str]:
        customer = self.api.customers.create(
            {
                "name": "Jenny Rosen",
                "email": "jenny@example.com",
                "address": {"country": "DE", "line1": "Street 1"},
                **({"test_clock": self.clock.id} if self.clock else {}),
            }
        )
        if credit:
            self.api.customers.balance_transactions.create(
                customer.id, {"amount": -credit, "currency": currency.lower()}
            )
        attached = self.api.payment_methods.attach(method, {"customer": customer.id})
        self.api.customers.update(customer.id, {"invoice_settings": {"default_payment_method": attached.id}})
        return customer.id, attached.id

    def debtor(self, iban: str) -> tuple[str, str]:
        method = self.api.payment_methods.create(
            {
                "type": "sepa_debit",
                "sepa_debit": {"iban": iban},
                "billing_details": {"name": "Jenny Rosen", "email": "jenny@example.com"},
            }
        )
        whose = self.customer(method.id)
        save_debit(self.client, whose[0], whose[1])
        return whose

    def cart(
        self,
        whose: tuple[str, str],
        lines: tuple[ChargeLine, ...] = TWO_LINES,
        currency: str = "EUR",
    ) -> ChargeRequest:
        return ChargeRequest(
            account_id="acc_1",
            cart_token=self.once(f"cart{next(_carts)}"),
            customer_id=whose[0],
            payment_method_id=whose[1],
            currency=currency,
            lines=lines,
            created_at=int(self.now() * 1000),
        )

    def stranger(self, **other: Any) -> str:
        customer = self.api.customers.create({"name": "Jenny Rosen", "email": "jenny@example.com", **other})
        return str(customer.id)

    def page(
        self, customer_id: str, lines: tuple[ChargeLine, ...] = TWO_LINES, currency: str = "EUR"
    ) -> CheckoutRequest:
        now = int(self.now() * 1000)
        return CheckoutRequest(
            account_id="acc_1",
            cart_token=self.once(f"cart{next(_carts)}"),
            customer_id=customer_id,
            currency=currency,
            lines=lines,
            created_at=now,
            expires_at=now + 23 * HOUR * 1000,
            success_url="https://shop.example/orders/1/success",
            cancel_url="https://shop.example/orders/1/cancel",
            locale="nl",
        )

    def opened(
        self, lines: tuple[ChargeLine, ...] = TWO_LINES, currency: str = "EUR"
    ) -> tuple[str, CheckoutRequest, PaymentState]:
        """Open a payment page for a new customer. Return the customer's id, the request and the payment's state."""
        customer = self.stranger(address={"country": "DE", "line1": "Street 1"})
        cart = self.page(customer, lines, currency)
        return customer, cart, self.payments.open_checkout(cart)

    def now_of(self, reference: str) -> PaymentState:
        state = self.payments.state(reference)
        assert state is not None
        return state

    def sessions(self, customer_id: str) -> list[Any]:
        found = self.api.checkout.sessions.list({"customer": customer_id, "limit": 100}).data
        return [session.to_dict() for session in found][::-1]

    def pages(self, customer_id: str) -> list[tuple[str, str]]:
        """The status of each session and of its payment."""
        return [(session["status"], session["payment_status"]) for session in self.sessions(customer_id)]

    def asked_page(self) -> Any:
        asked = [one for one in self.standin.requests if one.path == "/v1/checkout/sessions"]
        return [one.params for one in asked if one.method == "POST"][-1]

    def paid(
        self, lines: tuple[ChargeLine, ...] = TWO_LINES, credit: int = 0, currency: str = "EUR"
    ) -> tuple[str, str]:
        """The ids of a customer and of a paid invoice of that customer."""
        whose = self.customer(credit=credit, currency=currency)
        state = self.payments.charge(self.cart(whose, lines, currency))
        assert state.status is PaymentStatus.SUCCEEDED
        return whose[0], state.reference

    def invoices(self, customer_id: str) -> list[Any]:
        return [
            invoice.to_dict()
            for invoice in self.api.invoices.list({"customer": customer_id, "limit": 100}).data
        ]

    def statuses(self, customer_id: str) -> list[str]:
        return [invoice["status"] for invoice in self.invoices(customer_id)]

    def taken(self, customer_id: str) -> list[int]:
        """The amounts of the successful charges."""
        charges = self.api.charges.list({"customer": customer_id, "limit": 100}).data
        return [charge.amount for charge in charges if charge.status == "succeeded"]

    def given_back(self, customer_id: str) -> int:
        charges = self.api.charges.list({"customer": customer_id, "limit": 100}).data
        return sum(charge.amount_refunded for charge in charges)

    def balance(self, customer_id: str) -> int:
        return -int(self.api.customers.retrieve(customer_id).balance)

    def notes(self, customer_id: str) -> list[Any]:
        return list(self.api.credit_notes.list({"customer": customer_id, "limit": 100}).data)


def insist(act: Callable[[], T]) -> T:
    """Retry after each fault, as the workflow and the reconciler do."""
    for _ in range(4):
        try:
            return act()
        except ProviderUnavailableError:
            continue
    raise AssertionError("still unavailable after four attempts")


def spoilt_runs(shop: Shop, prepare: Callable[[], Callable[[], Any]]) -> Iterator[tuple[str, Any]]:
    """Repeat an action with each kind of fault at each of its requests. Yield the fault and the outcome.

    `prepare` creates new objects at Stripe and returns the action.
    """
    shop.wire.spoil(None)
    act = prepare()
    shop.wire.spoil(None)
    with suppress(PaymentNotStartedError):
        act()
    requests_unspoilt = shop.wire.count
    for kind in FAULTS:
        for place in itertools.count():
            shop.wire.spoil(None)
            act = prepare()
            shop.wire.spoil(place, kind)
            try:
                outcome: Any = insist(act)
            except PaymentNotStartedError as refusal:
                outcome = refusal
            hit = shop.wire.count > place
            shop.wire.spoil(None)
            yield f"{kind} at request {place}", outcome
            if not hit:
                assert place >= requests_unspoilt > 0  # every request was disturbed once
                break


def renewal(shop: Shop, whose: tuple[str, str], anchor: float, **other: Any) -> Callable[[], Subscription]:
    how: dict[str, Any] = {
        "order_id": f"0000-{whose[0]}",
        "account_id": "acc_1",
        "customer_id": whose[0],
        "description": "Site one: small plan, monthly",
        "price": Money(1200, "EUR"),
        "term": Term.MONTHLY,
        "anchor": int(anchor * 1000),
        "day_of_month": None,
        "charge_late": False,
        **other,
    }
    return lambda: shop.renewals.start_renewal(**how)


def next_month(shop: Shop) -> float:
    """The Unix seconds at which the renewal begins, for a monthly order that is placed now."""
    return months_later(int(shop.now() * 1000), 1) / 1000


def invoice_of(news: StripeWebhooks, body: bytes, signature: str) -> str | None:
    event = news.read_event(body, signature)
    if event.payment_id is not None:
        return news.reference_of(event.payment_id)
    return event.reference


def event(kind: str, subject: Any) -> bytes:
    whole = {"id": "evt_1", "object": "event", "type": kind, "data": {"object": subject}}
    return json.dumps(whole, default=str).encode()  # json cannot write the SDK's Decimal values


def signed(shop: Shop, body: bytes, secret: str = NEW_SECRET, age: float = 0) -> str:
    moment = int(shop.now() - age)
    header: str = stripe.WebhookSignature.generate_signature_header(body.decode(), secret, moment)
    return header
