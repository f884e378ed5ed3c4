"""Which top-level domains an account can order names under: those on sale whose registry's rules are known."""

from __future__ import annotations

from dataclasses import dataclass

from hosting_orders.domain.account import Account
from hosting_orders.domain.catalogue import DomainPrice, Tld
from hosting_orders.domain.errors import NotFoundError
from hosting_orders.domain.registration import TldRules

from .ports import Services


@dataclass(frozen=True, slots=True)
class TldOffer:
    """One TLD as this account sees it; `price` is None without an account, or when its billing plan has none.
    `currency` is the account's."""

    rules: TldRules
    price: DomainPrice | None
    currency: str | None


def list_tlds(services: Services, account: Account | None) -> list[TldOffer]:
    """Every TLD on sale, by name."""
    tlds = services.catalogue.load().tlds
    offers = [_offer(services, account, tlds[name]) for name in sorted(tlds)]
    return [offer for offer in offers if offer is not None]


def find_tld(services: Services, account: Account | None, name: str) -> TldOffer:
    """One TLD by its ASCII or Unicode spelling. Raises NotFoundError."""
    rules = services.registry_rules.rules(name.strip().strip(".").lower())
    tld = services.catalogue.load().tlds.get(rules.tld) if rules else None
    offer = _offer(services, account, tld) if tld else None
    if offer is None:
        raise NotFoundError("This top-level domain is not on sale; GET /api/tlds lists those that are.")
    return offer


def _offer(services: Services, account: Account | None, tld: Tld) -> TldOffer | None:
    rules = services.registry_rules.rules(tld.name)
    if rules is None:
        return None
    if account is None:
        return TldOffer(rules, None, None)
    return TldOffer(rules, tld.price(account.billing_plan, account.currency), account.currency)
