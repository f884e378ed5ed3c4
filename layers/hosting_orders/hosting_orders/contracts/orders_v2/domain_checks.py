"""GET /api/domains/check."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import TypedDict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hosting_orders.usecases.check_domains import DomainCheck


class CheckedPrices(TypedDict):
    """Net prices for a year, in minor units."""

    currency: str
    register_net_cents: int
    transfer_net_cents: int
    renew_net_cents: int


class CheckedDomain(TypedDict):
    name: str
    ascii_name: str | None  # null if the text is not a domain
    status: str
    premium: bool | None  # null: not known
    prices: CheckedPrices | None  # null if the domain is not available
    reason: str | None


class DomainChecks(TypedDict):
    domains: list[CheckedDomain]


def domain_checks(checks: Sequence[DomainCheck]) -> DomainChecks:
    return {"domains": [_domain(check) for check in checks]}


def retry_after(checks: Sequence[DomainCheck]) -> Mapping[str, str]:
    return {"Retry-After": "5"} if any(check.is_unknown for check in checks) else {}


def _domain(check: DomainCheck) -> CheckedDomain:
    price = check.price
    return {
        "name": check.name.unicode if check.name else check.given,
        "ascii_name": check.name.ascii if check.name else None,
        "status": check.result.value,
        "premium": check.premium,
        "prices": {
            "currency": check.currency,
            "register_net_cents": price.register,
            "transfer_net_cents": price.transfer,
            "renew_net_cents": price.renew,
        }
        if price
        else None,
        "reason": check.reason or None,
    }
