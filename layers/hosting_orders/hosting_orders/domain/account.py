"""Accounts, users and credentials."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import ip_address, ip_network

from .placement import Channel


@dataclass(frozen=True, slots=True)
class BillingContact:
    name: str = ""
    email: str = ""
    street: str = ""
    post_code: str = ""
    city: str = ""
    country: str = ""  # ISO 3166-1 alpha-2
    organization: str = ""
    vat_number: str = ""

    def missing(self, of_address: Collection[str]) -> tuple[str, ...]:
        """The empty fields that an invoice requires (docs/contracts.md O2-062 c).

        `of_address` names the address fields that the country requires.
        """
        required = ("name", "email", *of_address, "country")
        return tuple(name for name in required if not getattr(self, name).strip())


@dataclass(frozen=True, slots=True)
class AccountRole:
    user_id: str
    role_name: str
    role_label: str
    is_admin: bool
    created_at: int
    updated_at: int


@dataclass(frozen=True, slots=True)
class Account:
    id: str
    name: str
    currency: str
    billing_plan: str
    created_at: int  # all times are epoch ms UTC
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
    trial_api_access: bool = True  # the contract lets trial accounts use the API (docs/contracts.md C14)
    nameservers: tuple[str, ...] = ()
    default_location: str | None = None
    default_plan: str | None = None
    locale: str | None = None  # None means the locale of the user who orders
    tax_basis_points: int = 0  # the expected tax, shown until the provider computes it
    roles: tuple[AccountRole, ...] = ()
    number: int = 0  # the integer id in some contracts; 0 until first stored


@dataclass(frozen=True, slots=True)
class User:
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
    """The language of customer pages: `en` or `nl`."""
    return account.locale or (user.locale if user else "en")


class AccountFrom(StrEnum):
    HEADER = "header"  # `X-Auth-Account`
    OPTIONAL = "optional"  # `X-Auth-Account`, or all accounts of the key
    KEY = "key"  # the only account of the key


class CredentialKind(StrEnum):
    USER = "user"
    SYSTEM = "system"  # belongs to an account, without a person
    OAUTH = "oauth"


# All scopes that an OAuth token can grant. None of them allows ordering (docs/contracts.md O2-004).
OAUTH_SCOPES = frozenset({"billing:read", "account:read", "tasks:read"})


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A verified OAuth access token. The user or account that it names might not exist."""

    issuer: str
    user_id: str
    account_id: str
    scopes: frozenset[str]
    expires_at: int  # epoch ms


@dataclass(frozen=True, slots=True)
class SpendCap:
    """The maximum cost of one key's orders, in minor units. None means no limit."""

    currency: str
    day: int | None = None  # per calendar day in UTC
    month: int | None = None  # per calendar month in UTC


@dataclass(frozen=True, slots=True)
class Credential:
    """An API key or OAuth token."""

    key_hash: str  # SHA-256 of the key, which is not stored; for OAuth, SHA-256 of issuer, user and account
    prefix: str
    kind: CredentialKind
    account_ids: tuple[str, ...]
    user_id: str | None = None
    # An API key without scopes may do everything for its accounts, except in contract 000, which requires scopes.
    scopes: frozenset[str] = frozenset()
    api_version: int = 2
    ip_list: tuple[str, ...] = ()
    expires_at: int | None = None  # epoch ms
    test: bool = False
    channel: Channel = Channel.API
    name: str = ""
    id: str = ""  # names the key in the API
    created_at: int = 0  # epoch ms
    last_used_at: int | None = None  # epoch ms; updated at most once an hour
    spend_cap: SpendCap | None = None

    @property
    def counter(self) -> str:
        """The key's name in counters. Both secrets of a rotated key share it."""
        return self.id or self.key_hash

    def allows(self, scope: str) -> bool:
        """`vps:manage` includes `vps:provision`."""
        return scope in self.scopes or f"{scope.partition(':')[0]}:manage" in self.scopes

    def valid_at(self, now_ms: int) -> bool:
        return self.expires_at is None or now_ms < self.expires_at

    def allows_ip(self, address: str) -> bool:
        if not self.ip_list:
            return True
        try:
            source = ip_address(address)
        except ValueError:
            return False
        return any(source in ip_network(block, strict=False) for block in self.ip_list)
