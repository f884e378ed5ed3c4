"""Check whether registrants have confirmed their e-mail addresses.

The registrar suspends a domain whose registrant does not confirm within 15 days.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from hosting_orders.domain import deadlines
from hosting_orders.domain.causes import VERIFICATION
from hosting_orders.domain.errors import (
    NotFoundError,
    ProviderUnavailableError,
    ProvisioningFailedError,
    RateLimitedError,
)
from hosting_orders.domain.order import Actor, Order
from hosting_orders.domain.products import DomainItem, DomainResource
from hosting_orders.domain.registration import Verification

from .changes import change_order
from .left_domains import note_departure
from .log import log
from .ports import Services


@dataclass(frozen=True, slots=True)
class VerificationMail:
    name: str
    already_verified: bool


def check_verification(services: Services, order: Order) -> Order:
    """Record a changed verification. A fault of the registrar is only logged."""
    name, known = order.item_as(DomainItem).ascii_name, order.domain_record.verification
    try:
        found = services.registrar.verification(name)
        domain = services.registrar.domain(name) if found is not known and known is not None else None
        if found is not known and known is not None and domain is None:
            # `verification` also returns DONE for a domain that has left our account. So check whether it has left.
            return note_departure(services, order)
    except ProviderUnavailableError as fault:
        log.warning("the verification was not checked", extra={"order_id": order.uuid, "reason": str(fault)})
        return order
    if found is not Verification.DONE:
        services.metrics.count("RegistrantUnverified")
    if found is known:
        return order
    now = services.clock.now()

    def recorded(current: Order) -> Order:
        # Most registrants need not confirm their address, or confirmed it for an earlier domain. If the first check
        # finds nothing to confirm, the timeline gets no entry.
        told = known is not None or found is not Verification.DONE
        changed = current.noted(VERIFICATION[found], now, Actor.REGISTRAR) if told else current
        resource = changed.resource_as(DomainResource)
        if domain is not None and resource is not None:
            changed = replace(changed, resource=replace(resource, registry_states=domain.states))
        return changed.with_domain(replace(changed.domain_record, verification=found))

    return change_order(services, order, when=lambda current: current.verification_open, to=recorded)


def resend_verification(services: Services, order: Order) -> VerificationMail:
    """Send the verification mail again, at most once an hour.

    Raises NotFoundError if there is nothing to confirm. Raises RateLimitedError or ProviderUnavailableError.
    """
    waiting = order.domain is not None and (order.verification_open or order.domain.verification)
    if order.domain is None or order.domain_has_left or not waiting:
        raise NotFoundError("This order has no domain whose registrant can confirm.")
    name = order.item_as(DomainItem).ascii_name
    now = services.clock.now()
    before = order.domain.resent_at

    def take(current: Order) -> Order:
        nonlocal before
        before = current.domain_record.resent_at
        again_at = (before or 0) + deadlines.VERIFICATION_MAIL
        if now < again_at:
            raise RateLimitedError(
                "The mail was sent within the last hour.", math.ceil((again_at - now) / 1000)
            )
        return current.with_domain(replace(current.domain_record, resent_at=now))

    order = change_order(services, order, to=take)
    try:
        sent = services.registrar.resend_verification(name)
    except ProviderUnavailableError:
        change_order(
            services,
            order,
            when=lambda current: current.domain_record.resent_at == now,
            to=lambda current: current.with_domain(replace(current.domain_record, resent_at=before)),
        )
        raise
    except ProvisioningFailedError:
        raise NotFoundError("The registrar has no message to send for this domain.") from None
    if sent:
        change_order(
            services,
            order,
            to=lambda current: current.told("verification mail sent again", now, Actor.CUSTOMER),
        )
    return VerificationMail(name, already_verified=not sent)
