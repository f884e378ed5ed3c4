"""Who orders: accounts, their users, and the credentials that speak for them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import ip_address, ip_network

from .placement import Channel


@dataclass(frozen=True, slots=True)
class BillingContact:
    """Whom an invoice is made out to. `country` is ISO 3166-1 alpha-2."""

    name: str = ""
    email: str = ""
    street: str = ""
    post_code: str = ""
    city: str = ""
    country: str = ""
    organization: str = ""
    vat_number: str = ""

    def missing(self, of_address: Collection[str]) -> tuple[str, ...]:
        """Names of the fields without which no invoice can be made out (docs/contracts.md O2-062 c).

        `of_address` names the fields that an address needs in this country.
        """
        required = ("name", "email", *of_address, "country")
        return tuple(name for name in required if not getattr(self, name).strip())


@dataclass(frozen=True, slots=True)
class AccountRole:
    """A person's role in an account, as accounts#show tells it."""

    user_id: str
    role_name: str
    role_label: str
    is_admin: bool
    created_at: int
    updated_at: int


@dataclass(frozen=True, slots=True)
class Account:
    """A customer of the hosting company. Times are epoch milliseconds UTC.

    `default_location` and `default_plan` (short names of the catalogue) are for orders that name none. `locale` is the
    language of the pages for its customers, `en` or `nl`; None follows the user who orders. `tax_basis_points` is the
    tax that its orders are expected to have, in hundredths of a percent: what is shown until the payment provider has
    computed it. `number` stands for the account where a contract wants a whole number: it is minted like an order's
    when the account is first written, and 0 until then.
    """

    id: str
    name: str
    currency: str
    billing_plan: str
    created_at: int
    updated_at: int
    stripe_customer_id: str | None = None
    billing_contact: BillingContact = field(default_factory=BillingContact)
    can_order: bool = True
    reseller: bool = False
    parent_id: str | None = None
    parent_name: str | None = None
    is_trial: bool = False
    trial_start: int | None = None
    trial_end: int | None = None
    trial_api_access: bool = True  # docs/contracts.md C14: the contract lets trial accounts use the API
    nameservers: tuple[str, ...] = ()
    default_location: str | None = None
    default_plan: str | None = None
    locale: str | None = None
    tax_basis_points: int = 0
    roles: tuple[AccountRole, ...] = ()
    number: int = 0


@dataclass(frozen=True, slots=True)
class User:
    """A person. `locale` is `en` or `nl` (users#show)."""

    id: str
    first_name: str
    last_name: str
    email: str
    locale: str
    account_brand_id: int
    created_at: int
    updated_at: int
    account_ids: tuple[str, ...] = ()


def language_of(account: Account, user: User | None) -> str:
    """The language of the pages for this account's customers: `en` or `nl`."""
    return account.locale or (user.locale if user else "en")


class AccountFrom(StrEnum):
    """How a request names the account that it is about."""

    HEADER = "header"  # `X-Auth-Account`
    OPTIONAL = "optional"  # the same, or all accounts of the key
    KEY = "key"  # the one account that the key belongs to


class CredentialKind(StrEnum):
    """Who speaks: a person's API key, an account's own key without a person, or an OAuth access token."""

    USER = "user"
    SYSTEM = "system"
    OAUTH = "oauth"


@dataclass(frozen=True, slots=True)
class Credential:
    """An API key or OAuth token, known only by its SHA-256. `expires_at` is epoch milliseconds, None = never.

    An API key with `scopes` may do only what they name; one without may do everything for its accounts. `channel` is
    where its orders come from.
    """

    key_hash: str
    prefix: str
    kind: CredentialKind
    account_ids: tuple[str, ...]
    user_id: str | None = None
    scopes: frozenset[str] = frozenset()
    api_version: int = 2
    ip_list: tuple[str, ...] = ()
    expires_at: int | None = None
    test: bool = False
    channel: Channel = Channel.API
    name: str = ""

    def allows(self, scope: str) -> bool:
        """Whether the scope is among its own; `vps:manage` includes `vps:provision`."""
        return scope in self.scopes or f"{scope.partition(':')[0]}:manage" in self.scopes

    def valid_at(self, now_ms: int) -> bool:
        """False once expired."""
        return self.expires_at is None or now_ms < self.expires_at

    def allows_ip(self, address: str) -> bool:
        """True when the key has no IP list, or the address is in it (single addresses or CIDR blocks)."""
        if not self.ip_list:
            return True
        try:
            source = ip_address(address)
        except ValueError:
            return False
        return any(source in ip_network(block, strict=False) for block in self.ip_list)
