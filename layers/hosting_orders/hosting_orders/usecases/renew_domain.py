"""A name whose further year was paid is renewed at the registrar, once (docs/decisions.md 25).

The reconciler calls this when the money should have come, and a webhook of Stripe lets it come sooner. What was paid
Stripe's invoices say; whether the name was renewed, the day it runs out. Renewing has no idempotency key, so it goes
the way of a registration: the order says that it is about to ask before it asks, one process alone asks at a time, and
whoever comes after a lost answer looks first. Behind all this stands the registrar's own guard: it is told in which
year the name runs out now, and refuses when that has changed.

The order has ended, and nothing here moves its end.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from hosting_orders.domain import deadlines, durations
from hosting_orders.domain.domain_record import DomainRenewal
from hosting_orders.domain.errors import ProviderUnavailableError, ProvisioningFailedError
from hosting_orders.domain.order import Actor, Order
from hosting_orders.domain.products import DomainItem, DomainResource
from hosting_orders.domain.providers import RenewalState
from hosting_orders.domain.registration import RegistrarStatus, Upkeep

from .changes import change_order
from .log import log
from .ports import Services

_CLOCKS_DIFFER = 5 * durations.MINUTE
# A year more is more than this; what a registry only corrects is less.
_MOVED = 180 * durations.DAY


def renew_domain(services: Services, order: Order) -> None:
    """Carry on with the oldest further term that was paid and is not renewed; without one, look when it can be paid.

    Raises ProviderUnavailableError when nothing certain is known: calling again looks first.
    """
    assert order.subscription is not None
    state = services.renewals.renewal(order.subscription.id)
    if state is None:
        raise ProviderUnavailableError("Stripe does not know the renewal that it has begun")
    for term in state.paid:
        known = order.domain_record.renewal(term.reference)
        if known is None or known.done_at is None:
            _renew(services, order, term.reference)
            return
    _schedule_next_check(services, order, state)


def _schedule_next_check(services: Services, order: Order, state: RenewalState) -> None:
    """Nothing is owed now. Look again when the next money should be there, or not at all."""
    now = services.clock.now()

    def later(current: Order) -> Order:
        told = current.renewal_became(state.status)
        if state.waits:
            return told.check_at(now + deadlines.RENEWAL_AGAIN)
        if state.ended:
            ending = "the renewal has ended; the domain expires at its registry"
            return told.noted(ending, now, Actor.STRIPE).closed()
        # In its first year `next_at` is the anchor. What has passed is looked at daily until it moves.
        next_check = max(state.next_at + deadlines.RENEWAL_MONEY, now + deadlines.RENEWAL_AGAIN)
        return told.with_next_renewal(state.next_at).check_at(next_check)

    def as_seen(current: Order) -> bool:
        # Otherwise another process has gone on meanwhile, and knows better when to look.
        return current.domain_record.renewals == order.domain_record.renewals

    change_order(services, order, when=as_seen, to=later)


def _renew(services: Services, order: Order, reference: str) -> None:
    renewal = order.domain_record.renewal(reference)
    if renewal is not None and renewal.operation_id is not None:
        _follow(services, order, renewal, renewal.operation_id)
        return
    expires_before = _expiry(services, order) if renewal is None else renewal.expires_before
    if expires_before is None:
        # A customer may take the name elsewhere while the subscription goes on.
        _report(services, order, "the domain is not with the registrar any more")
        return
    taken = _take(services, order, reference, expires_before)
    if taken is None:
        return  # another process is asking this moment, or has asked: the reconciler comes back
    order, renewal, asked_before = taken
    if asked_before:
        if _is_done(services, order, renewal):
            return
        operation_id = _earlier_operation(services, order, renewal)
        if operation_id is not None:
            log.warning("found the renewal whose answer was lost", extra={"order_id": order.uuid})
            _record_operation(services, order, renewal, operation_id)
            return
    _ask(services, order, renewal)


def _take(
    services: Services, order: Order, reference: str, expires_before: int
) -> tuple[Order, DomainRenewal, bool] | None:
    """Write down that this process, and no other for a while, is about to ask; None when it must not. The last value
    tells whether somebody has asked before."""
    now = services.clock.now()
    mine: DomainRenewal | None = None
    asked_before = False

    def take(current: Order) -> Order:
        nonlocal mine, asked_before
        mine, known = None, current.domain_record.renewal(reference)
        asked_before = known is not None
        if known is None and current.domain_record.renewals != order.domain_record.renewals:
            return current  # renewed meanwhile for another term: what we saw of the expiry is old
        if known is not None and (known.operation_id or known.done_at or now < known.lease_until):
            return current
        lease_until = now + deadlines.SUBMISSION_LEASE
        mine = replace(known or DomainRenewal(reference, expires_before, now, now), lease_until=lease_until)
        return _renewing(current, mine, deadlines.domain_renewal_check(mine.first_at, now))

    order = change_order(services, order, to=take)
    return None if mine is None else (order, mine, asked_before)


def _ask(services: Services, order: Order, renewal: DomainRenewal) -> None:
    item = order.item_as(DomainItem)
    year = datetime.fromtimestamp(renewal.expires_before / 1000, UTC).year
    try:
        operation_id = services.registrar.renew(item.ascii_name, year, item.max_cost)
    except ProvisioningFailedError:
        # Its text may repeat a contact, so it is not kept; the Route 53 console has it.
        if not _is_done(services, order, renewal):  # else it is refused because it is renewed
            _refused(services, order, renewal, "the registrar refuses the order")
        return
    except ProviderUnavailableError:
        # This process is done with it: whoever comes next may look at once.
        now = services.clock.now()
        check = deadlines.domain_renewal_check(renewal.first_at, now)
        _update(services, order, renewal, replace(renewal, lease_until=now), check)
        raise
    _record_operation(services, order, renewal, operation_id)


def _follow(services: Services, order: Order, renewal: DomainRenewal, operation_id: str) -> None:
    """Ask what became of the registrar's work, and of the day the name runs out: that alone is the proof."""
    operation = services.registrar.operation(operation_id)
    if operation is None:
        raise ProviderUnavailableError("the registrar does not know its own operation")
    if operation.status is not RegistrarStatus.RUNNING and _is_done(services, order, renewal):
        return
    now = services.clock.now()
    if operation.status is RegistrarStatus.FAILED:
        _refused(services, order, renewal, "the registry has not renewed the domain")
    elif now - operation.submitted_at > deadlines.DOMAIN_RENEWAL_DEADLINE:
        _report(services, order, "the registrar does not come to an end with it")
    else:
        check = deadlines.domain_renewal_check(operation.submitted_at, now)
        change_order(services, order, to=lambda current: current.check_at(check))


def _refused(services: Services, order: Order, renewal: DomainRenewal, reason: str) -> None:
    """Ask again tomorrow: an operator may have mended the cause, or renewed the name by hand, which is seen first."""
    now = services.clock.now()
    again = replace(renewal, operation_id=None, lease_until=now)
    _report(services, _update(services, order, renewal, again, now + deadlines.RENEWAL_AGAIN), reason)


def _report(services: Services, order: Order, reason: str) -> None:
    """Money was taken for what is not done: an operator's case, told again each day until it is settled."""
    now = services.clock.now()
    services.metrics.count("DomainRenewalFailed")
    log.error("a paid name is not renewed", extra={"order_id": order.uuid, "reason": reason})
    change_order(
        services,
        order,
        to=lambda current: current.noted(f"not renewed: {reason}", now, Actor.REGISTRAR).check_at(
            now + deadlines.RENEWAL_AGAIN
        ),
    )


def _is_done(services: Services, order: Order, renewal: DomainRenewal) -> bool:
    """Whether the name runs out a year later by now; if so it is written down."""
    expires_at = _expiry(services, order)
    if expires_at is None or expires_at < renewal.expires_before + _MOVED:
        return False
    now = services.clock.now()

    def renewed(current: Order) -> Order:
        known = current.domain_record.renewal(renewal.reference)
        if known is None or known.done_at is not None:
            return current
        return _renewed(current, known, expires_at, now)

    change_order(services, order, to=renewed)
    log.info("name renewed", extra={"order_id": order.uuid})
    return True


def _renewing(order: Order, renewal: DomainRenewal, due_at: int) -> Order:
    """With this renewal, to be looked at again then."""
    return order.with_domain(order.domain_record.renewing(renewal)).check_at(due_at)


def _renewed(order: Order, renewal: DomainRenewal, expires_at: int, now: int) -> Order:
    """The domain expires later now. Whether another term was paid is looked up at once."""
    resource = order.resource_as(DomainResource)
    assert resource is not None
    day = datetime.fromtimestamp(expires_at / 1000, UTC).date()
    done = _renewing(
        order.noted(f"renewed until {day}", now, Actor.REGISTRAR), replace(renewal, done_at=now), now
    )
    return replace(done, resource=replace(resource, expires_at=expires_at))


def _record_operation(services: Services, order: Order, renewal: DomainRenewal, operation_id: str) -> None:
    now = services.clock.now()
    noted = replace(renewal, operation_id=operation_id)
    _update(services, order, renewal, noted, deadlines.domain_renewal_check(now, now))


def _update(
    services: Services, order: Order, before: DomainRenewal, after: DomainRenewal, due_at: int
) -> Order:
    """Save what is known of the renewal now, unless another process knows better."""
    return change_order(
        services,
        order,
        when=lambda current: current.domain_record.renewal(before.reference) == before,
        to=lambda current: _renewing(current, after, due_at),
    )


def _earlier_operation(services: Services, order: Order, renewal: DomainRenewal) -> str | None:
    """The registrar's work of an earlier try for this very term."""
    others = {one.operation_id for one in order.domain_record.renewals}
    name = order.item_as(DomainItem).ascii_name
    for operation in services.registrar.find(name, Upkeep.RENEW, renewal.first_at - _CLOCKS_DIFFER):
        if operation.status is not RegistrarStatus.FAILED and operation.id not in others:
            return operation.id
    return None


def _expiry(services: Services, order: Order) -> int | None:
    """When the name runs out (epoch ms), by all that we have seen; None when it is not ours any more."""
    domain = services.registrar.domain(order.item_as(DomainItem).ascii_name)
    if domain is None:
        return None
    if domain.expires_at is None:
        raise ProviderUnavailableError("the registrar does not say when the domain expires")
    resource = order.resource_as(DomainResource)
    seen = resource.expires_at if resource else None
    return max(domain.expires_at, seen or 0)  # an answer that is older than our last one must not count
