"""Route 53's answers about availability and transfers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from hosting_orders.adapters.route53.texts import without
from hosting_orders.domain.errors import ProviderUnavailableError
from hosting_orders.domain.money import Money, decimals
from hosting_orders.domain.registration import Availability, DomainOffer

_NOT_AVAILABLE = {
    "UNAVAILABLE": "the domain is already registered",
    "UNAVAILABLE_RESTRICTED": "the registry does not register this domain",
    "RESERVED": "the registry has reserved this domain for another registrant",
    "AVAILABLE_RESERVED": "the registry has reserved this domain and registers it only on its own conditions",
    "AVAILABLE_PREORDER": "the domain can only be pre-ordered so far",
    "INVALID_NAME_FOR_TLD": "the registry does not allow this domain",
}
_PREMIUM = "the registry sells this domain at a premium price"

# Words in the registrar's texts about transfers, each with the reason that we show. The first match is used.
_TRANSFER_REASONS = (
    (
        re.compile(r"auth", re.IGNORECASE),
        "the authorization code does not belong to this domain; ask the current registrar for a new one",
    ),
    (
        re.compile(r"\b60\b|sixty|recently", re.IGNORECASE),
        "a domain that was registered or transferred less than 60 days ago cannot be transferred yet",
    ),
    (
        re.compile(r"lock|prohibit", re.IGNORECASE),
        "the domain is locked; unlock it at the current registrar first",
    ),
    (
        re.compile(r"not (been )?registered|not exist|is available", re.IGNORECASE),
        "the domain is not registered; register it instead of transferring it",
    ),
)


def available(answer: Mapping[str, Any]) -> DomainOffer:
    """Raises ProviderUnavailableError until the registry has answered."""
    word = str(answer.get("Availability"))
    cost = cost_in(answer.get("Price"))
    if word == "UNAVAILABLE_PREMIUM" or (word == "AVAILABLE" and _is_premium(answer)):
        return DomainOffer(Availability.PREMIUM, cost, _PREMIUM)
    if word == "AVAILABLE":
        return DomainOffer(Availability.AVAILABLE, cost)
    if word in _NOT_AVAILABLE:
        return DomainOffer(Availability.UNAVAILABLE, reason=_NOT_AVAILABLE[word])
    raise ProviderUnavailableError("registrar: it is not known yet whether this domain is available")


def transferable(answer: Mapping[str, Any], auth_code: str | None) -> DomainOffer:
    """Raises ProviderUnavailableError until the registry has answered."""
    word = transferable_word(answer)
    cost = cost_in(answer.get("Price"))
    if word == "PREMIUM_DOMAIN" or (word == "TRANSFERABLE" and _is_premium(answer)):
        return DomainOffer(Availability.PREMIUM, cost, _PREMIUM)
    if word == "TRANSFERABLE":
        return DomainOffer(Availability.AVAILABLE, cost)
    if word == "DOMAIN_IN_OWN_ACCOUNT":
        return DomainOffer(Availability.UNAVAILABLE, reason="the domain is already registered with us")
    if word == "DOMAIN_IN_ANOTHER_ACCOUNT":
        reason = (
            "the domain is in another account at our registrar; its owner must first move it to our account"
        )
        return DomainOffer(Availability.UNAVAILABLE, reason=reason)
    if word in ("UNTRANSFERABLE", "UNTRANSFERRABLE"):  # AWS uses both spellings
        said = without(str(answer.get("Message") or ""), [auth_code or ""])
        return DomainOffer(Availability.UNAVAILABLE, reason=_transfer_reason(said))
    raise ProviderUnavailableError("registrar: it is not known yet whether this domain can be transferred")


def transferable_word(answer: Mapping[str, Any]) -> str:
    return str((answer.get("Transferability") or {}).get("Transferable")).upper()


def _is_premium(answer: Mapping[str, Any]) -> bool:
    return (answer.get("Price") or {}).get("PriceType") == "REGISTRY_PREMIUM"


def cost_in(price: Mapping[str, Any] | None) -> Money | None:
    """In minor units. AWS sends major units as a float. The float's decimal text is exact."""
    if not price:
        return None
    try:
        currency = str(price["Currency"]).upper()
        amount = Decimal(str(price["Price"])).scaleb(decimals(currency)).quantize(Decimal(1), ROUND_HALF_UP)
    except (KeyError, TypeError, ArithmeticError) as fault:
        raise ProviderUnavailableError(f"registrar: malformed price ({type(fault).__name__})") from None
    return Money(int(amount), currency)


def _transfer_reason(said: str) -> str:
    for pattern, reason in _TRANSFER_REASONS:
        if pattern.search(said):
            return reason
    told = f": {said}" if said else ""
    return f"the registry does not let this domain be transferred now{told}"
