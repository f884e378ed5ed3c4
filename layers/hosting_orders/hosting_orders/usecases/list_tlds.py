"""List the top-level domains on sale."""

from __future__ import annotations

from dataclasses import dataclass

from hosting_orders.domain.account import Account
from hosting_orders.domain.catalogue import DomainPrice, Tld
from hosting_orders.domain.errors import NotFoundError
from hosting_orders.domain.registration import TldRules

from .ports import Services


@dataclass(frozen=True, slots=True)
class TldOffer:
    rules: TldRules
    price: DomainPrice | None  # None if no account is given, or its billing plan has no price
    currency: str | None


def list_tlds(services: Services, account: Account | None) -> list[TldOffer]:
    tlds = services.catalogue.load().tlds
    offers = [_offer(services, account, tlds[name]) for name in sorted(tlds)]
    return [offer for offer in offers if offer is not None]


def find_tld(services: Services, account: Account | None, name: str) -> TldOffer:
    """Accepts the ASCII or Unicode spelling. Raises NotFoundError."""
    rules = services.registry_rules.rules(name.strip().strip(".").lower())
    tld = services.catalogue.load().tlds.get(rules.tld) if rules else None
    offer = _offer(services, account, tld) if tld else None
    if offer is None:
        raise NotFoundError(
            "This top-level domain is not on sale. GET /api/tlds lists the top-level domains on sale."
        )
    return offer


def _offer(services: Services, account: Account | None, tld: Tld) -> TldOffer | None:
    rules = services.registry_rules.rules(tld.name)
    if rules is None:
        return None
    if account is None:
        return TldOffer(rules, None, None)
    return TldOffer(rules, tld.price(account.billing_plan, account.currency), account.currency)
