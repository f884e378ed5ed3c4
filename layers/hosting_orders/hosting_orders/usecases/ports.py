"""Ports: what the use cases need from storage and providers. Adapters implement them, without inheritance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from hosting_orders.domain.account import AccessToken, Account, Credential, SpendCap, User
from hosting_orders.domain.callback import CallbackDelivery
from hosting_orders.domain.cart import Cart, OrderSnapshot
from hosting_orders.domain.catalogue import Catalogue
from hosting_orders.domain.errors import HostingOrdersError
from hosting_orders.domain.listing import ChangedOrders, ChangedPublishers, DueItem, OrderPage
from hosting_orders.domain.order import Order
from hosting_orders.domain.providers import (
    CallbackAnswer,
    CallbackRequest,
    Operation,
    ServiceRequest,
)
from hosting_orders.domain.quote import Quote
from hosting_orders.domain.registration import (
    SealedContacts,
)
from hosting_orders.domain.spending import Spent
from hosting_orders.domain.workflow import Step

from .domain_ports import KnownOffers, Registrar, RegistryRules, Zones
from .key_ports import KeyStore, KeyUses
from .payment_ports import Collection, PaymentNews, Refunds, Renewals
from .webhook_ports import WebhookQueue, WebhookStore


class Clock(Protocol):
    def now(self) -> int:
        """Epoch milliseconds UTC."""
        ...


class Directory(Protocol):
    def credential(self, key_hash: str) -> Credential | None: ...
    def account(self, account_id: str) -> Account | None: ...
    def user(self, user_id: str) -> User | None: ...

    def note_customer(self, account_id: str, customer_id: str) -> str:
        """Store the customer id unless one is stored, and return the stored id. Raises NotFoundError."""
        ...


class AccessTokens(Protocol):
    def verify(self, token: str, now: int) -> AccessToken:
        """Check the signature, issuer, audience and times of an OAuth access token. `now` is in epoch ms.

        Raises AccessTokenRefusedError if a check fails or the issuer's keys cannot be read.
        """
        ...


class CatalogueStore(Protocol):
    def load(self) -> Catalogue:
        """The catalogue can be up to a minute old."""
        ...


class OrderStore(Protocol):
    """Carts and orders. Every write is conditional."""

    def place(
        self,
        cart: Cart,
        orders: Sequence[Order],
        contacts: Sequence[SealedContacts] = (),
        *,
        cap: SpendCap | None = None,
    ) -> None:
        """Write the cart, its orders, their contacts and claims in one transaction, or nothing.

        Order numbers are unique over all accounts. So are domains, until they are released (`save_order`).
        A quote can be used once. Orders with a `spend` need the `cap` of their key.
        Raises CartExistsError, QuoteUsedError, NumberTakenError, DomainTakenError, CapacityExhaustedError,
        SpendCapExceededError or ConcurrentUpdateError.
        """
        ...

    def quote_used(self, account_id: str, quote_id: str) -> bool: ...

    def spent(self, account_id: str, key: str, day: str) -> Spent:
        """Return what this API key has spent on `day` (`2026-11-27`) and in that month."""
        ...

    def domain_taken(self, name: str) -> bool:
        """Whether any account has ordered or owns this domain (ASCII form)."""
        ...

    def domain_holder(self, name: str) -> Order | None:
        """The order that has this domain (ASCII form), in any account."""
        ...

    def contacts(self, account_id: str, number: int) -> SealedContacts | None: ...

    def cart(self, account_id: str, token: str) -> Cart | None: ...

    def carts(self, account_id: str, tokens: Sequence[str]) -> dict[str, Cart]:
        """Return the existing carts by token, without their orders' statuses."""
        ...

    def order(self, account_id: str, number: int) -> Order | None: ...
    def orders(self, account_id: str, numbers: Sequence[int]) -> list[Order]: ...

    def newest(self, account_id: str, limit: int, *, skip: int = 0) -> OrderPage:
        """Orders, newest first, without the first `skip`. The cost does not grow with `skip`."""
        ...

    def mark_pages(self, account_id: str, before: int) -> None:
        """Store page marks for orders with numbers below `before`. Call it when no new order can get such a number."""
        ...

    def older_than(self, account_id: str, number: int, limit: int) -> OrderPage: ...
    def newer_than(self, account_id: str, number: int, limit: int) -> OrderPage: ...

    def since(self, account_id: str, number: int, limit: int) -> list[Order]:
        """Return orders with this number or a higher one, newest first."""
        ...

    def save_order(self, order: Order, owed: CallbackDelivery | None = None) -> Order:
        """Write a changed order and return it with its new version.

        The same transaction stores the callback `owed`. For an order that ends undelivered, it also releases the
        capacity, the domain and the `spend`, and deletes the contacts. It releases a delivered domain that has
        left the registrar. Raises ConcurrentUpdateError.
        """
        ...

    def save_payment(self, cart: Cart) -> Cart:
        """Write only the payment, lease and due time. Raises ConcurrentUpdateError."""
        ...

    def save_failed_payment(
        self, cart: Cart, orders: Sequence[Order], owed: Sequence[CallbackDelivery] = ()
    ) -> None:
        """Write a failed payment, its orders and their callbacks in one transaction.

        Raises ConcurrentUpdateError.
        """
        ...

    def save_roll_up(self, account_id: str, token: str, news: Mapping[int, OrderSnapshot]) -> Cart | None:
        """Copy newer order statuses into their cart. Returns None when the cart does not exist."""
        ...

    def due(self, now: int, limit: int) -> list[DueItem]: ...

    def postpone(self, item: DueItem, due_at: int) -> bool:
        """Returns False if the due time has changed since `item` was read."""
        ...


class OrderStream(Protocol):
    """The table's stream, which keeps changes for 24 hours."""

    def changed(self, stream: str, shard: str, first: str, last: str) -> ChangedOrders | None:
        """Return the orders changed between two sequence numbers, both included.

        None when the stream no longer has these changes.
        """
        ...

    def changed_publishers(self, stream: str, shard: str, first: str, last: str) -> ChangedPublishers | None:
        """Like `changed`, for all items that publish events."""
        ...


class EventStore(Protocol):
    def seen(self, provider: str, event_id: str) -> bool: ...
    def mark_seen(self, provider: str, event_id: str, now: int) -> None: ...


class RequestCounts(Protocol):
    def add(self, bucket: str, ends_at: int, number: int = 1) -> int:
        """Count requests in the window that ends at `ends_at` (Unix seconds), and return the count."""
        ...


class CallbackStore(Protocol):
    def delivery(self, account_id: str, number: int) -> CallbackDelivery | None: ...

    def save_delivery(self, delivery: CallbackDelivery) -> CallbackDelivery:
        """Raises ConcurrentUpdateError."""
        ...


class Workflow(Protocol):
    """The state machine that fulfils orders.

    A waiting step has a task token for each attempt. The step's own function can answer the token that it received.
    Other code knows no token, so it names the order and the step. Every call can be repeated. Raises
    ProviderUnavailableError when the outcome is unknown.
    """

    def start(self, order: Order) -> None:
        """Start the order's only execution."""
        ...

    def wait(self, order: Order, step: Step, token: str) -> None:
        """Store this attempt's token. Raises ConcurrentUpdateError when the stored token seems newer."""
        ...

    def answer(self, order: Order, step: Step, token: str) -> None:
        """Resume the attempt that has this token, because it has nothing to wait for."""
        ...

    def resume(self, order: Order, step: Step) -> bool:
        """Resume the order's step. Returns whether it was waiting."""
        ...

    def fail(self, order: Order, step: Step, error: type[HostingOrdersError], cause: str) -> bool:
        """Fail the order's step. Returns whether it was waiting. The name of `error` selects the next state."""
        ...

    def failed_step(self, execution_arn: str) -> str | None: ...


class Alerts(Protocol):
    def send(self, subject: str, text: str) -> None:
        """Email the operators, without secrets or personal data. Raises ProviderUnavailableError."""
        ...


class HostingPlatform(Protocol):
    """A hosting platform (docs/hosting-platform-contract.md).

    Raises ProvisioningFailedError for a final refusal and ProviderUnavailableError for a fault.
    """

    def provision(self, request: ServiceRequest) -> Operation:
        """A repetition builds nothing twice and returns the current outcome."""
        ...

    def operation(self, operation_id: str) -> Operation | None: ...
    def deprovision(self, request: ServiceRequest) -> None: ...

    def operation_of_webhook(self, raw_body: bytes, headers: Mapping[str, str]) -> str:
        """Verify a completion webhook and return the operation's id. Raises ForgedWebhookError."""
        ...


class Addresses(Protocol):
    def required(self, country: str) -> tuple[str, ...]:
        """Return which of `street`, `post_code` and `city` an address needs.

        `country` is ISO 3166-1 alpha-2. For an unknown country all are needed.
        """
        ...


class Features(Protocol):
    def enabled(self, feature: str, account_id: str | None) -> bool:
        """Whether the account has the feature. None stands for all accounts without a rule of their own.

        Raises ProviderUnavailableError.
        """
        ...


class Sender(Protocol):
    def send(self, request: CallbackRequest) -> CallbackAnswer:
        """Make one attempt. Failures of the receiver or the network are returned, never raised."""
        ...


class Callbacks(Sender, Protocol):
    def secret_for(self, account_id: str) -> str: ...


class PageTokens(Protocol):
    def token(self, account_id: str, number: int) -> str:
        """The token in the address of an order's page. It never changes."""
        ...

    def read(self, token: str) -> tuple[str, int] | None:
        """Return the account's id and the order's number, or None for a token that we did not sign."""
        ...


class Quotes(Protocol):
    def sign(self, quote: Quote) -> str: ...

    def read(self, token: str) -> Quote | None:
        """Return the quote, which may have expired. None for a token that we did not sign."""
        ...


class Cipher(Protocol):
    """Encryption of stored secrets. `context` names the owner; `open` needs the same context as `seal`."""

    def seal(self, clear: str, context: Mapping[str, str]) -> str: ...
    def open(self, sealed: str, context: Mapping[str, str]) -> str: ...


class Metrics(Protocol):
    def count(self, name: str, amount: int = 1) -> None: ...


class Services(Protocol):
    """Each port is built on first use."""

    @property
    def clock(self) -> Clock: ...
    @property
    def directory(self) -> Directory: ...
    @property
    def keys(self) -> KeyStore: ...
    @property
    def key_uses(self) -> KeyUses: ...
    @property
    def access_tokens(self) -> AccessTokens | None:
        """None when OAuth is off."""
        ...

    @property
    def catalogue(self) -> CatalogueStore: ...
    @property
    def orders(self) -> OrderStore: ...
    @property
    def stream(self) -> OrderStream: ...
    @property
    def events(self) -> EventStore: ...
    @property
    def counts(self) -> RequestCounts: ...
    @property
    def deliveries(self) -> CallbackStore: ...
    @property
    def webhooks(self) -> WebhookStore: ...
    @property
    def webhook_queue(self) -> WebhookQueue: ...
    @property
    def webhook_sender(self) -> Sender: ...
    @property
    def workflow(self) -> Workflow: ...
    @property
    def alerts(self) -> Alerts: ...
    @property
    def payments(self) -> Collection: ...
    @property
    def refunds(self) -> Refunds: ...
    @property
    def renewals(self) -> Renewals: ...
    @property
    def payment_news(self) -> PaymentNews: ...
    @property
    def platform(self) -> HostingPlatform: ...
    @property
    def addresses(self) -> Addresses: ...
    @property
    def registry_rules(self) -> RegistryRules: ...
    @property
    def registrar(self) -> Registrar: ...
    @property
    def known_offers(self) -> KnownOffers: ...
    @property
    def zones(self) -> Zones: ...
    @property
    def features(self) -> Features: ...
    @property
    def callbacks(self) -> Callbacks: ...
    @property
    def page_tokens(self) -> PageTokens: ...
    @property
    def quotes(self) -> Quotes: ...
    @property
    def cipher(self) -> Cipher: ...
    @property
    def metrics(self) -> Metrics: ...
