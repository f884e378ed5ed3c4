"""Check which domains can be registered, and at which price."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from hosting_orders.domain import deadlines
from hosting_orders.domain.account import Account
from hosting_orders.domain.catalogue import Catalogue, DomainPrice
from hosting_orders.domain.codes import Code
from hosting_orders.domain.errors import (
    ConcurrentUpdateError,
    FeatureDisabledError,
    InvalidRequestError,
    ProviderUnavailableError,
)
from hosting_orders.domain.features import DOMAIN_REGISTRATION
from hosting_orders.domain.registration import Availability, DomainName, DomainOffer

from .authenticate import Caller
from .domain_item import AT_ONCE
from .left_domains import domain_held
from .limit_rate import RateLimit, count_questions
from .log import log
from .ports import Services

T = TypeVar("T")

MAX_NAMES = 50

_HELD = "The domain is already owned or on order here."
_NO_PREMIUM = "It is a premium domain, and premium domains are not sold here."
_NO_PRICE = "This domain has no price at the moment, so it cannot be ordered."
_NO_ANSWER = "The registrar has not answered. Check the domain again in a few seconds."


class CheckResult(StrEnum):
    """The values are published, so they never change."""

    AVAILABLE = "available"
    UNAVAILABLE = "unavailable"
    UNSUPPORTED = "unsupported"  # domains under this TLD are not sold here
    INVALID = "invalid"
    UNKNOWN = "unknown"  # no answer in time


@dataclass(frozen=True, slots=True)
class DomainCheck:
    given: str
    result: CheckResult
    name: DomainName | None = None  # None if the text is not a domain
    premium: bool | None = None  # None: not known
    price: DomainPrice | None = None  # None unless the domain is available
    currency: str = ""
    reason: str = ""  # empty for an available domain

    @property
    def is_unknown(self) -> bool:
        return self.result is CheckResult.UNKNOWN


def check_domains(
    services: Services, caller: Caller, names: Sequence[str], limit: RateLimit
) -> list[DomainCheck]:
    """Check up to MAX_NAMES domains, in the given sequence. The registrar's answers may be a minute old.

    The rate limit has already counted this request as one question to the registrar. Raises InvalidRequestError
    (400), RateLimitedError (429), FeatureDisabledError or ProviderUnavailableError (503).
    """
    account = caller.scope
    if not names:
        raise InvalidRequestError(
            Code.MISSING_FIELD, "`names` is required: one or more domains, separated by commas.", "/names"
        )
    if len(names) > MAX_NAMES:
        raise InvalidRequestError(
            Code.INVALID_FIELD, f"`names` must have at most {MAX_NAMES} domains.", "/names"
        )
    if not services.features.enabled(DOMAIN_REGISTRATION, account.id):
        raise FeatureDisabledError("Domain registration is not enabled for this account.")
    catalogue = services.catalogue.load()
    read = [_read(services, catalogue, account, name) for name in names]
    wanted = {check.name.ascii for check in read if check.name and check.result is CheckResult.UNKNOWN}
    offers = _offers(
        services, sorted(wanted), lambda further: count_questions(services, caller, limit, further)
    )
    return [_judged(catalogue, account, check, offers) for check in read]


def _read(services: Services, catalogue: Catalogue, account: Account, given: str) -> DomainCheck:
    """The result is UNKNOWN if the registrar must be asked."""
    try:
        name = services.registry_rules.parse_name(given)
    except InvalidRequestError as problem:
        unsupported = problem.code is Code.UNSUPPORTED_TLD
        result = CheckResult.UNSUPPORTED if unsupported else CheckResult.INVALID
        return DomainCheck(given, result, reason=str(problem))
    tld = catalogue.tlds.get(name.tld)
    if tld is None or services.registry_rules.rules(name.tld) is None:
        return DomainCheck(
            given, CheckResult.UNSUPPORTED, name, reason=f"Domains under .{name.tld} are not sold here."
        )
    if tld.price(account.billing_plan, account.currency) is None:
        reason = f"There is no price for .{name.tld} domains in {account.currency} for this account."
        return DomainCheck(given, CheckResult.UNSUPPORTED, name, reason=reason)
    return DomainCheck(given, CheckResult.UNKNOWN, name, reason=_NO_ANSWER)


def _judged(
    catalogue: Catalogue, account: Account, check: DomainCheck, offers: Mapping[str, DomainOffer | None]
) -> DomainCheck:
    name = check.name
    if check.result is not CheckResult.UNKNOWN or name is None or name.ascii not in offers:
        return check
    offer = offers[name.ascii]
    if offer is None:
        return DomainCheck(check.given, CheckResult.UNAVAILABLE, name, reason=_HELD)
    reason, price, premium = offer.reason, None, None
    if offer.availability is not Availability.UNAVAILABLE:
        premium = offer.availability is Availability.PREMIUM
        tld, whose = catalogue.tlds[name.tld], (account.billing_plan, account.currency)
        price = tld.premium_price(name.ascii, *whose) if premium else tld.price(*whose)
        reason = "" if price else _NO_PREMIUM
        if tld.costs_too_much(name.ascii, offer.cost):
            price, reason = None, _NO_PRICE
    result = CheckResult.AVAILABLE if price else CheckResult.UNAVAILABLE
    return DomainCheck(check.given, result, name, premium, price, account.currency, _sentence(reason))


def _sentence(reason: str) -> str:
    return f"{reason[:1].upper()}{reason[1:].rstrip('.')}." if reason else ""


def _offers(
    services: Services, names: Sequence[str], count: Callable[[int], None]
) -> dict[str, DomainOffer | None]:
    """Map each answered domain to its offer, or to None if one of our orders holds it."""
    if not names:
        return {}
    known = services.known_offers.recent(names, services.clock.now() - deadlines.OFFER_IS_NEWS)
    further = len(set(names) - known.keys()) - 1
    if further > 0:
        count(further)

    def ask(name: str) -> tuple[str, DomainOffer | None] | None:
        try:
            # Check our own orders first. A domain on order here may still be free at the registry.
            if domain_held(services, name):
                return name, None
            if name in known:
                return name, known[name]
            offer = services.registrar.availability(name)
        except ProviderUnavailableError:
            return None
        _keep(services, name, offer)
        return name, offer

    answers = [ask(names[0])] if len(names) == 1 else _in_time(ask, names)
    return dict(answer for answer in answers if answer is not None)


def _in_time(ask: Callable[[str], T], names: Sequence[str]) -> list[T]:
    from concurrent.futures import ThreadPoolExecutor, wait

    several = ThreadPoolExecutor(max_workers=AT_ONCE)
    asked = [several.submit(ask, name) for name in names]
    done, _ = wait(asked, timeout=deadlines.DOMAIN_CHECKS / 1000)
    # The client does not wait for the remaining answers. A late answer is kept for the next check.
    several.shutdown(wait=False, cancel_futures=True)
    return [one.result() for one in done]


def _keep(services: Services, name: str, offer: DomainOffer) -> None:
    try:
        services.known_offers.keep(name, offer, services.clock.now())
    except (ProviderUnavailableError, ConcurrentUpdateError):
        log.warning("a registrar's answer was not kept", exc_info=True)
