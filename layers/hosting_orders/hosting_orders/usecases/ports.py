"""What the use cases need of the world. Adapters satisfy these by shape; nothing here knows AWS, Stripe or HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from hosting_orders.domain.account import Account, Credential, User
from hosting_orders.domain.callback import CallbackDelivery
from hosting_orders.domain.cart import Cart, OrderSnapshot
from hosting_orders.domain.catalogue import Catalogue, Term
from hosting_orders.domain.errors import HostingOrdersError
from hosting_orders.domain.listing import DueItem, OrderPage
from hosting_orders.domain.money import Money
from hosting_orders.domain.order import Order, Subscription
from hosting_orders.domain.providers import (
    CallbackAnswer,
    CallbackRequest,
    ChargeRequest,
    CheckoutRequest,
    Operation,
    PaymentEvent,
    PaymentMethod,
    PaymentState,
    RefundState,
    RenewalState,
    SavedMethod,
    ServiceRequest,
    SubscriptionState,
)
from hosting_orders.domain.registration import (
    Augmentation,
    Contact,
    ContactRole,
    DomainAction,
    DomainName,
    DomainOffer,
    RegisteredDomain,
    RegistrarOperation,
    RegistrationRequest,
    SealedContacts,
    TldRules,
    Upkeep,
    Violation,
    Zone,
)
from hosting_orders.domain.workflow import Step


class Clock(Protocol):
    def now(self) -> int:
        """Epoch milliseconds UTC."""
        ...


class Directory(Protocol):
    """Accounts, users and credentials: read by the API, written by the operator's tools."""

    def credential(self, key_hash: str) -> Credential | None: ...
    def account(self, account_id: str) -> Account | None: ...
    def user(self, user_id: str) -> User | None: ...

    def note_customer(self, account_id: str, customer_id: str) -> str:
        """Remember the account's customer at the payment provider; returns the one on record, if there is one already.

        Raises NotFoundError when the account is gone.
        """
        ...


class CatalogueStore(Protocol):
    def load(self) -> Catalogue:
        """The catalogue; it may be up to a minute old."""
        ...


class OrderStore(Protocol):
    """Carts and orders. Every write states its condition and raises when it does not hold."""

    def place(self, cart: Cart, orders: Sequence[Order], contacts: Sequence[SealedContacts] = ()) -> None:
        """Write the cart, its orders, their contacts and the places they take in one transaction, or nothing.

        Order numbers are claimed for good, over all accounts: ids at providers are made of them. A domain name is
        claimed over all accounts too, until its order ends undelivered.
        Raises CartExistsError, NumberTakenError, DomainTakenError, CapacityExhaustedError, ConcurrentUpdateError.
        """
        ...

    def domain_taken(self, name: str) -> bool:
        """Whether an order of whichever account has this domain name (ASCII) or is getting it."""
        ...

    def contacts(self, account_id: str, number: int) -> SealedContacts | None:
        """The contacts of a domain order; None when it has none, or they were torn down."""
        ...

    def cart(self, account_id: str, token: str) -> Cart | None: ...

    def carts(self, account_id: str, tokens: Sequence[str]) -> dict[str, Cart]:
        """Those that exist, by their tokens, without what became of their orders."""
        ...

    def order(self, account_id: str, number: int) -> Order | None: ...
    def orders(self, account_id: str, numbers: Sequence[int]) -> list[Order]: ...

    def newest(self, account_id: str, limit: int, *, skip: int = 0) -> OrderPage:
        """Orders newest first, after skipping `skip` of them, which costs the same however many they are."""
        ...

    def mark_pages(self, account_id: str, before: int) -> None:
        """Remember where pages lie, among the orders below this number: no order may come there any more."""
        ...

    def older_than(self, account_id: str, number: int, limit: int) -> OrderPage: ...
    def newer_than(self, account_id: str, number: int, limit: int) -> OrderPage: ...

    def since(self, account_id: str, number: int, limit: int) -> list[Order]:
        """Orders with this number or a later one, newest first."""
        ...

    def save_order(self, order: Order, owed: CallbackDelivery | None = None) -> Order:
        """Write a changed order and return it with its new version; raises ConcurrentUpdateError.

        An order that ends undelivered gives back its place of the capacity counter and its domain name, and its
        contacts are deleted, in the same transaction; a callback that is `owed` from now on is put on record in it.
        """
        ...

    def save_payment(self, cart: Cart) -> Cart:
        """Write the cart's payment, lease and due time only; raises ConcurrentUpdateError."""
        ...

    def save_failed_payment(
        self, cart: Cart, orders: Sequence[Order], owed: Sequence[CallbackDelivery] = ()
    ) -> None:
        """Write a payment that failed, the orders that fail with it and the callbacks that are owed for them in
        one transaction."""
        ...

    def save_roll_up(self, account_id: str, token: str, news: Mapping[int, OrderSnapshot]) -> Cart | None:
        """Roll news of orders up into their cart under a version guard; None when there is no such cart."""
        ...

    def due(self, now: int, limit: int) -> list[DueItem]: ...

    def postpone(self, item: DueItem, due_at: int) -> bool:
        """Let an item be due later; False when it has moved on since it was found, or was taken by another."""
        ...


class EventStore(Protocol):
    """Which events of a provider were dealt with, so that a repeated webhook costs nothing."""

    def seen(self, provider: str, event_id: str) -> bool: ...
    def mark_seen(self, provider: str, event_id: str, now: int) -> None: ...


class RequestCounts(Protocol):
    """How many requests each client has made, over all processes."""

    def add(self, bucket: str, ends_at: int) -> int:
        """Count one more in the window that ends then (Unix seconds); how many there are now."""
        ...


class CallbackStore(Protocol):
    def delivery(self, account_id: str, number: int) -> CallbackDelivery | None: ...

    def save_delivery(self, delivery: CallbackDelivery) -> CallbackDelivery:
        """Raises ConcurrentUpdateError."""
        ...


class Workflow(Protocol):
    """The state machine that fulfils orders.

    A waiting step has a task token, which belongs to one attempt at the step. A step that knows the answer itself
    answers the token it was given. All other code names the step, and the token is found. Every method raises
    ProviderUnavailableError when it is unknown whether it acted; calling again is harmless.
    """

    def start(self, order: Order) -> None:
        """Start the order's one execution; starting it again is harmless."""
        ...

    def wait(self, order: Order, step: Step, token: str) -> None:
        """Keep the token of this attempt until something answers it.

        Raises ConcurrentUpdateError when a token that seems newer is there; the step's retry keeps its own.
        """
        ...

    def answer(self, order: Order, step: Step, token: str) -> None:
        """Let this attempt go on: the step has found out by itself that there is nothing to wait for."""
        ...

    def resume(self, order: Order, step: Step) -> bool:
        """Let the order's step go on if it waits; True when it did."""
        ...

    def fail(self, order: Order, step: Step, error: type[HostingOrdersError], cause: str) -> bool:
        """Fail the order's step if it waits; True when it did. The workflow decides by the name of `error`."""
        ...

    def failed_step(self, execution_arn: str) -> str | None:
        """The state in which a failed execution stands."""
        ...


class Alerts(Protocol):
    """Messages to the operators."""

    def send(self, subject: str, text: str) -> None:
        """Raises ProviderUnavailableError. No secret and nothing personal may be in it: it leaves by mail."""
        ...


class Collection(Protocol):
    """Taking a cart's money at the payment provider. Refusals are states or named errors; of this port and of the three
    below, faults are ProviderUnavailableError."""

    def default_method(self, customer_id: str) -> PaymentMethod | None:
        """The saved method that the customer's carts are paid with; None without one, or without a customer."""
        ...

    def charge(self, request: ChargeRequest) -> PaymentState:
        """Collect a cart's money once, however often it is called.

        Raises PaymentNotStartedError after a final decline (it can no longer be paid by then).
        """
        ...

    def customer_for(self, account: Account) -> str:
        """The id of a customer for an account that has none, made once. Raises PaymentNotStartedError."""
        ...

    def open_checkout(self, request: CheckoutRequest) -> PaymentState:
        """Open the page on which a cart is paid, once, however often it is called; what is true of it then.

        Raises PaymentNotStartedError when it is refused (nothing can be paid by then).
        """
        ...

    def keep_method(self, method: SavedMethod) -> None:
        """Let the customer's next charges take this method, unless they have a default already."""
        ...

    def state(self, reference: str, /) -> PaymentState | None:
        """What is true of a payment now; None when there is none of that reference, or it is not ours."""
        ...

    def find(self, customer_id: str, cart_token: str, created_at: int) -> PaymentState | None:
        """The payment of a cart made at `created_at` (epoch ms), for when our own record of it was lost."""
        ...

    def void(self, reference: str, /) -> PaymentState:
        """Make sure that it can no longer be paid; returns what is true then (it may have been paid just before)."""
        ...


class Refunds(Protocol):
    """Giving money back at the payment provider."""

    def refund(self, reference: str, /, line_key: str, order_id: str) -> RefundState:
        """Give back one order's part of what was paid, once. Raises RefundRefusedError."""
        ...


class Renewals(Protocol):
    """Further terms of an order, which the payment provider charges by itself."""

    def start_renewal(
        self,
        *,
        order_id: str,
        account_id: str,
        customer_id: str,
        payment_method_id: str,
        description: str,
        price: Money,
        term: Term,
        anchor: int,
    ) -> Subscription:
        """Renew at this price from `anchor` (epoch ms) on, once per order. Raises PaymentNotStartedError."""
        ...

    def renewal(self, subscription_id: str) -> RenewalState | None:
        """A renewal with the further terms that were paid; None when there is no such subscription."""
        ...


class PaymentNews(Protocol):
    """The payment provider's webhooks, and where they lead. What is true then is read from the other ports."""

    def read_event(self, raw_body: bytes, signature: str) -> PaymentEvent:
        """Verify a webhook and say what it is about; raises ForgedWebhookError."""
        ...

    def reference_of(self, payment_id: str) -> str | None:
        """The reference of the payment that the provider's own part of it, `payment_id`, belongs to."""
        ...

    def subscription(self, subscription_id: str) -> SubscriptionState | None:
        """Whose renewal it is and how it stands; None when it is unknown or not ours."""
        ...

    def refund_failed(self, refund_id: str) -> bool:
        """Whether the bank sent a refund back, so that the customer does not have the money."""
        ...


class HostingPlatform(Protocol):
    """docs/hosting-platform-contract.md. Faults are ProviderUnavailableError, a final no is ProvisioningFailedError."""

    def provision(self, request: ServiceRequest) -> Operation: ...
    def operation(self, operation_id: str) -> Operation | None: ...
    def deprovision(self, request: ServiceRequest) -> None:
        """Take down the service that was asked for so; a service that does not exist is fine."""
        ...

    def operation_of_webhook(self, raw_body: bytes, headers: Mapping[str, str]) -> str:
        """Verify a completion webhook and return the operation's id; raises ForgedWebhookError."""
        ...


class RegistryRules(Protocol):
    """What the registries demand of names and contacts: tables and rules, nothing is asked of anybody."""

    def known(self) -> Sequence[str]:
        """Every TLD there are rules for, in ASCII."""
        ...

    def parse_name(self, text: str) -> DomainName:
        """The name in its normal form. Raises InvalidRequestError `invalid_domain` or `unsupported_tld`, with a
        text that says what is wrong, and the pointer "/name"."""
        ...

    def rules(self, tld: str) -> TldRules | None:
        """A TLD's rules by its ASCII or Unicode spelling; None when we know of none."""
        ...

    def read_contact(self, given: Mapping[str, object]) -> Contact:
        """A contact that any registry could take. Raises InvalidFieldsError with one InvalidRequestError a field,
        `incomplete_contact` or `invalid_contact`, whose pointers begin below the contact ("/email")."""
        ...

    def check_contact(
        self, tld: str, contact: Contact, role: ContactRole
    ) -> tuple[list[Violation], list[Augmentation]]:
        """What this TLD has against the contact, and what it needs besides; both empty when it takes it."""
        ...


class Registrar(Protocol):
    """Where names are registered. A final no is ProvisioningFailedError, anything unclear ProviderUnavailableError.

    Nothing here makes a second registration by itself: `submit` is not repeated unless it is called again.
    """

    def availability(self, name: str) -> DomainOffer: ...

    def transferability(self, name: str, auth_code: str | None) -> DomainOffer: ...

    def submit(self, request: RegistrationRequest) -> str:
        """Ask for the name and return the operation's id. Raises RegistrationRefusedError when the registrar
        refuses, ProviderUnavailableError when it is unknown whether it took the order: look before asking again.
        """
        ...

    def renew(self, name: str, current_expiry_year: int, max_cost: Money | None = None) -> str:
        """Ask for one more year and return the operation's id; raises as `submit` does.

        `current_expiry_year` is the year (UTC) the name runs out in now: it is refused when that has changed, so the
        same call never renews twice. `max_cost` is agreed to only where the registry asks for consent to its price.
        """
        ...

    def find(self, name: str, action: DomainAction | Upkeep, since: int) -> list[RegistrarOperation]:
        """Operations for this name submitted at or after `since` (epoch ms), newest first."""
        ...

    def operation(self, operation_id: str) -> RegistrarOperation | None: ...

    def domain(self, name: str) -> RegisteredDomain | None:
        """The name as it is in our account at the registrar; None when it is not there."""
        ...


class Zones(Protocol):
    """Hosted DNS zones."""

    def ensure(self, name: str, reference: str, nameservers: Sequence[str]) -> Zone:
        """The public zone that answers for the name at its `nameservers`, or was made under `reference`; made if there
        is none. The same `reference` never makes a second. A zone of an earlier owner is never taken over."""
        ...


class Features(Protocol):
    """Switches that operators turn without a deployment."""

    def enabled(self, feature: str, account_id: str | None) -> bool:
        """Whether the feature (domain/features.py) is on for the account; None asks what holds for accounts that no
        rule names. Raises ProviderUnavailableError when the switch can't be read."""
        ...


class Callbacks(Protocol):
    def send(self, request: CallbackRequest) -> CallbackAnswer:
        """One attempt. Never raises for what the receiver or the network does."""
        ...

    def secret_for(self, account_id: str) -> str:
        """The account's signing secret (`whsec_…`)."""
        ...


class PageTokens(Protocol):
    """Signed, unguessable names of the orders' pages."""

    def token(self, account_id: str, number: int) -> str:
        """The token of this order's page: the same each time."""
        ...

    def read(self, token: str) -> tuple[str, int] | None:
        """The account's id and the order's number; None for what we have not signed."""
        ...


class Cipher(Protocol):
    """Encrypts what must not lie in clear. `context` names the owner; opening needs the same context."""

    def seal(self, clear: str, context: Mapping[str, str]) -> str: ...
    def open(self, sealed: str, context: Mapping[str, str]) -> str: ...


class Metrics(Protocol):
    """Counts that operators watch."""

    def count(self, name: str, amount: int = 1) -> None: ...


class Services(Protocol):
    """Everything at once; each is built when it is first asked for, so a function pays only for what it uses."""

    @property
    def clock(self) -> Clock: ...
    @property
    def directory(self) -> Directory: ...
    @property
    def catalogue(self) -> CatalogueStore: ...
    @property
    def orders(self) -> OrderStore: ...
    @property
    def events(self) -> EventStore: ...
    @property
    def counts(self) -> RequestCounts: ...
    @property
    def deliveries(self) -> CallbackStore: ...
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
    def registry_rules(self) -> RegistryRules: ...
    @property
    def registrar(self) -> Registrar: ...
    @property
    def zones(self) -> Zones: ...
    @property
    def features(self) -> Features: ...
    @property
    def callbacks(self) -> Callbacks: ...
    @property
    def page_tokens(self) -> PageTokens: ...
    @property
    def cipher(self) -> Cipher: ...
    @property
    def metrics(self) -> Metrics: ...
