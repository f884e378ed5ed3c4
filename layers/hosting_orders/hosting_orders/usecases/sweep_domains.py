"""Report every domain that expires soon and is not paid.

The domains come from the registrar's list, not from our orders' due times (docs/decisions.md 65).
"""

from __future__ import annotations

from datetime import UTC, datetime

from hosting_orders.domain import deadlines
from hosting_orders.domain.order import Order, OrderStatus

from .changes import change_order
from .log import log
from .ports import Services

_RUNNING = ("active", "trialing")


def sweep_domains(services: Services) -> int:
    """Return how many domains were reported. Raises ProviderUnavailableError."""
    now = services.clock.now()
    reported = 0
    for domain in services.registrar.expiring(now + deadlines.EXPIRY_WATCH):
        order = services.orders.domain_holder(domain.name)
        if order is not None:
            _wake_if_expired(services, order, domain.expires_at, now)
        reason = why_unpaid(order, domain.expires_at, now) if order else None
        if order is None or reason is None:
            continue  # another stack's domain, or a domain that is being paid
        reported += 1
        services.metrics.count("DomainExpiresUnpaid")
        day = datetime.fromtimestamp(domain.expires_at / 1000, UTC).date().isoformat()
        log.error(
            "a domain expires soon and is not paid",
            extra={"order_id": order.uuid, "expires_on": day, "reason": reason},
        )
    # An alarm rings when this count is missing.
    services.metrics.count("DomainsSwept")
    return reported


def _wake_if_expired(services: Services, order: Order, expires_at: int, now: int) -> None:
    # The function that runs this sweep has no right to end a renewal. So only make the order due. The reconciler then
    # asks the registrar whether the domain has left. If it has, the reconciler ends the renewal.
    change_order(
        services,
        order,
        when=lambda current: (
            current.status is OrderStatus.COMPLETED and current.due_at is None and expires_at <= now
        ),
        to=lambda current: current.check_at(now),
    )


def why_unpaid(order: Order, expires_at: int, now: int) -> str | None:
    """None if the renewal is charged in time, or if the order is not delivered."""
    if order.status is not OrderStatus.COMPLETED:
        return None
    if order.renewal_status is None:
        return "its renewal has not started"
    if order.renewal_status not in _RUNNING:
        return f"its renewal is {order.renewal_status}"
    latest = expires_at - deadlines.EXPIRY_MONEY
    if now >= latest:
        return "the money for its renewal has not come"
    # A renewal is checked some days before its charge, or later. These days are DEPARTURE_CHECK. So the charge comes
    # at most that many days after the check.
    if order.renewal_check is None or order.renewal_check + deadlines.DEPARTURE_CHECK > latest:
        return "its renewal is charged too late"
    return None
