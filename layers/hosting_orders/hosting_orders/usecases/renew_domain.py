"""Renew a domain at the registrar, once for each paid year (docs/decisions.md 25).

- Stripe's invoices show what was paid. The expiry date shows what was renewed.
- The registrar's API has no idempotency key. So we record an attempt in the order before we call the registrar. A
  retry first checks whether the recorded attempt succeeded.
- The call names the current expiry year. The registrar refuses if the domain expires in another year.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from hosting_orders.domain import causes, deadlines, durations
from hosting_orders.domain.domain_record import TRANSFER_YEAR, DomainRenewal
from hosting_orders.domain.errors import ProviderUnavailableError, ProvisioningFailedError
from hosting_orders.domain.months import months_after
from hosting_orders.domain.order import Actor, Order
from hosting_orders.domain.products import DomainItem, DomainResource
from hosting_orders.domain.providers import RenewalState
from hosting_orders.domain.registration import RegistrarStatus, TransferYear, Upkeep

from .changes import change_order, load_cart, load_order
from .domain_zones import rested
from .invoiced_terms import Chargeable, invoiced_terms, store_terms
from .left_domains import next_departure_check
from .log import log
from .ports import Services
from .registrar_operations import CLOCKS_DIFFER, known_operation

# A renewal moves the expiry date by more than this. A registry's correction moves it by less.
_MOVED = 180 * durations.DAY


def renew_domain(services: Services, order: Order) -> None:
    """Renew the domain for the oldest paid term that has no renewal yet. If there is none, schedule the next check.

    Raises ProviderUnavailableError.
    """
    # A transfer's price includes a year. If the transfer did not add that year, we buy it at the registrar before we
    # renew the domain for paid terms. If the registry refuses to sell the year, we try again daily. Meanwhile, we renew
    # the domain for the paid terms.
    now = services.clock.now()
    if order.transfer_year_owed and not _term_is_open(order):
        if not _the_date_is_awaited(services, order):
            cart = load_cart(services, order.account_id, order.cart_token)
            _renew(services, order, TRANSFER_YEAR, live=cart.payment.live)
        order = load_order(services, order.account_id, order.number)
        if order.renewal_status is None or _blocks_terms(order, now):
            return
    order, state = _terms(services, order)
    for term in state.paid:
        known = order.domain_record.renewal(term.reference)
        if known is None or known.done_at is None:
            _renew(services, order, term.reference, live=term.live)
            if order.subscription is not None and not state.ended:
                _check_before_next_charge(services, order, state)
            return
    store_terms(services, order, state, lambda current: _planned(current, state, now))


def _terms(services: Services, order: Order) -> tuple[Order, RenewalState]:
    if order.subscription is None:
        return invoiced_terms(services, order, _chargeable)
    if order.domain_has_left:
        services.renewals.end_renewal(order.subscription.id)
    state = services.renewals.renewal(order.subscription.id)
    if state is None:
        raise ProviderUnavailableError("Stripe does not know the order's subscription")
    return order, state


def _term_is_open(order: Order) -> bool:
    return any(one.is_open and one.reference != TRANSFER_YEAR for one in order.domain_record.renewals)


def _blocks_terms(order: Order, now: int) -> bool:
    # Renewals for paid terms wait for the year of a transfer, unless the registry refused it or does not sell it yet.
    year = order.domain_record.transfer_year
    return order.transfer_year_owed and year is not None and (year.is_open or now < year.lease_until)


def _the_date_is_awaited(services: Services, order: Order) -> bool:
    # The transfer may have added the year although AWS still shows the former expiry date. So we may have to read the
    # date again later, before we buy the year.
    year, item = order.domain_record.transfer_year, order.item_as(DomainItem)
    assert year is not None
    if item.transfer_year is TransferYear.NONE or year.lease_until > 0:
        return False
    expires_at = _expiry(services, order)
    if expires_at is None:
        raise ProviderUnavailableError("the registrar does not show the domain yet")
    now = services.clock.now()
    if not item.year_missing(expires_at, now):
        change_order(
            services,
            order,
            when=lambda current: current.transfer_year_owed,
            to=lambda current: _renewed(current, year, expires_at, now, "the transfer brought a year, until"),
        )
        return True
    read_again_at = year.first_at + deadlines.STALE_EXPIRY
    if now < read_again_at and expires_at > now + deadlines.EXPIRES_TOO_SOON:
        change_order(services, order, to=lambda current: current.check_renewal_at(read_again_at))
        return True
    corrected = replace(year, expires_before=expires_at)
    _update(services, order, year, corrected, now)
    return False


def _check_before_next_charge(services: Services, order: Order, state: RenewalState) -> None:
    # A registry may accept the renewal for a paid year only much later. Stripe may charge the next year before that. So
    # check the order before this charge, because the domain may have left by then.
    check = _check_of_next_charge(state, services.clock.now())
    change_order(
        services,
        load_order(services, order.account_id, order.number),
        when=lambda current: current.renewal_due_at is not None and current.renewal_due_at > check,
        to=lambda current: current.check_renewal_at(check),
    )


def _check_of_next_charge(state: RenewalState, now: int) -> int:
    next_check = state.next_at - deadlines.DEPARTURE_CHECK
    if now >= next_check:
        next_check = state.next_at + deadlines.RENEWAL_MONEY
    # In the first year `next_at` is the date of the subscription's first charge. If that date is in the past, check the
    # order daily.
    return now + deadlines.RENEWAL_AGAIN if now >= next_check else next_check


def _planned(order: Order, state: RenewalState, now: int) -> Order:
    planned = _planned_by_terms(order, state, now)
    year_at, terms_at = order.renewal_due_at, planned.renewal_due_at
    if not order.transfer_year_owed or year_at is None or terms_at is None or not now < year_at < terms_at:
        return planned
    return planned.check_renewal_at(year_at)


def _planned_by_terms(order: Order, state: RenewalState, now: int) -> Order:
    again = now + deadlines.RENEWAL_AGAIN
    if state.ended and not state.waits:
        if order.domain_has_left:
            return rested(order, now)
        ending = "the renewal has ended; the domain expires at its registry"
        noted = order.noted(ending, now, Actor.STRIPE)
        return noted.check_renewal_at(next_departure_check(order, now))
    if order.invoiced is not None and not order.domain_has_left:
        return order.check_renewal_at(order.invoiced.next_check(now, again if state.waits else None))
    if state.waits or order.domain_has_left:
        return order.check_renewal_at(again)
    return order.with_next_renewal(state.next_at).check_renewal_at(_check_of_next_charge(state, now))


def _chargeable(services: Services, order: Order) -> Chargeable:
    if order.domain_has_left:
        return Chargeable.NO_LONGER
    expires_at = _expiry(services, order)
    if expires_at is not None:
        return Chargeable.YES if services.clock.now() < expires_at else Chargeable.NO_LONGER
    # The customer may have moved the domain to another registrar, and may move it back before it expires. So we end its
    # renewal only after its expiry date. Until then, we do not charge the term.
    over = (order.expires_at or 0) <= services.clock.now()
    return Chargeable.NO_LONGER if over else Chargeable.NOT_NOW


def _renew(services: Services, order: Order, reference: str, *, live: bool) -> None:
    renewal = order.domain_record.renewal(reference)
    if renewal is not None and renewal.operation_id is not None:
        _follow(services, order, renewal, renewal.operation_id)
        return
    if order.domain_has_left:
        # Another order may have the domain by now. Renewing it here would renew that order's domain.
        _report(services, order, "the domain has left the registrar")
        return
    expires_before = _expiry(services, order) if renewal is None else renewal.expires_before
    if expires_before is None:
        # A customer may move the domain elsewhere while the subscription continues.
        _report(services, order, "the domain is no longer in our account at the registrar")
        return
    opens_at = _window_opens_at(services, order, expires_before)
    now = services.clock.now()
    if now < opens_at:
        # `renewal_owed` means that we could not yet make Stripe charge the later terms. The order's next check tries
        # to start these charges again. So that check must come by tomorrow, even if the registry accepts the renewal
        # only later.
        tomorrow = now + deadlines.RENEWAL_AGAIN
        change_order(
            services,
            order,
            to=lambda current: current.check_renewal_at(
                min(opens_at, tomorrow) if current.renewal_owed else opens_at
            ),
        )
        return
    taken = _take(services, order, reference, expires_before)
    if taken is None:
        return  # another process is calling the registrar; the reconciler checks again
    in_doubt = renewal is not None and renewal.is_open
    order, renewal, asked_before = taken
    if asked_before:
        if _is_done(services, order, renewal):
            return
        operation_id = _earlier_operation(services, order, renewal)
        if operation_id is not None:
            log.warning("found the renewal whose answer was lost", extra={"order_id": order.uuid})
            _record_operation(services, order, renewal, operation_id)
            return
    if _costs_too_much(services, order):
        reason = "the registrar's price is unknown or above the TLD's maximum"
        _refused(services, order, renewal, reason, certain=not in_doubt)
        return
    _ask(services, order, renewal, live=live)


def _window_opens_at(services: Services, order: Order, expires_before: int) -> int:
    """Some registries renew only in the last months before the expiry date."""
    rules = services.registry_rules.rules(order.item_as(DomainItem).tld)
    window = rules.renewable_before if rules else None
    return 0 if window is None else expires_before - window


def _take(
    services: Services, order: Order, reference: str, expires_before: int
) -> tuple[Order, DomainRenewal, bool] | None:
    """Take the lease, or return None if another process came first.

    The bool says whether an attempt was recorded before.
    """
    now = services.clock.now()
    mine: DomainRenewal | None = None
    asked_before = False

    def take(current: Order) -> Order:
        nonlocal mine, asked_before
        mine, known = None, current.domain_record.renewal(reference)
        asked_before = known is not None
        if known is None and current.domain_record.renewals != order.domain_record.renewals:
            return current  # another renewal was recorded meanwhile, so the expiry date that we read is out of date
        if known is not None and (known.operation_id or known.done_at or now < known.lease_until):
            return current
        lease_until = now + deadlines.SUBMISSION_LEASE
        begun = known or DomainRenewal(reference, expires_before, now, now)
        mine = replace(begun, lease_until=lease_until, refused=False)
        return _renewing(current, mine, deadlines.domain_renewal_check(mine.first_at, now))

    order = change_order(services, order, to=take)
    return None if mine is None else (order, mine, asked_before)


def _costs_too_much(services: Services, order: Order) -> bool:
    item = order.item_as(DomainItem)
    tld = services.catalogue.load().tlds.get(item.tld)
    if tld is None or tld.max_cost is None:
        return False
    if not tld.costs_too_much(item.ascii_name, services.registrar.renewal_cost(item.tld)):
        return False
    services.metrics.count("DomainCostAboveMaximum")
    return True


def _ask(services: Services, order: Order, renewal: DomainRenewal, *, live: bool) -> None:
    item = order.item_as(DomainItem)
    # If this is a retry, the registry may have corrected the expiry date by some days since the first attempt. The
    # corrected date can be in another year, and the call must name the year of the corrected date. A date that our own
    # renewal has moved is not used here: if the first attempt had succeeded, `_is_done` would have noticed it.
    expires_at = max(renewal.expires_before, order.expires_at or 0)
    year = datetime.fromtimestamp(expires_at / 1000, UTC).year
    try:
        operation_id = services.registrar.renew(item.ascii_name, year, item.max_cost, live=live)
    except ProvisioningFailedError:
        # The refusal may contain a contact's data, so it is not stored. The Route 53 console shows it.
        # The registrar also refuses if the domain is already renewed.
        if not _is_done(services, order, renewal):
            _refused(services, order, renewal, "the registrar refuses the renewal")
        return
    except ProviderUnavailableError:
        # Release the lease, so that the next process can check immediately.
        now = services.clock.now()
        check = deadlines.domain_renewal_check(renewal.first_at, now)
        _update(services, order, renewal, replace(renewal, lease_until=now), check)
        raise
    _record_operation(services, order, renewal, operation_id)


def _follow(services: Services, order: Order, renewal: DomainRenewal, operation_id: str) -> None:
    # Only the expiry date is proof of a renewal.
    name = order.item_as(DomainItem).ascii_name
    operation = known_operation(services, operation_id, name, Upkeep.RENEW, renewal.first_at)
    ended = operation is None or operation.status is not RegistrarStatus.RUNNING
    if ended and _is_done(services, order, renewal):
        return
    if operation is None:
        raise ProviderUnavailableError("the registrar does not find the operation whose id it returned")
    now = services.clock.now()
    if operation.status is RegistrarStatus.FAILED:
        _refused(services, order, renewal, "the registry has not renewed the domain")
    elif now - operation.submitted_at > deadlines.DOMAIN_RENEWAL_DEADLINE:
        _report(services, order, "the registrar has not finished the renewal")
    else:
        check = deadlines.domain_renewal_check(operation.submitted_at, now)
        change_order(services, order, to=lambda current: current.check_renewal_at(check))


def _refused(
    services: Services, order: Order, renewal: DomainRenewal, reason: str, *, certain: bool = True
) -> None:
    # An operator may fix the cause or renew by hand, so try again tomorrow.
    now = services.clock.now()
    again = replace(renewal, operation_id=None, lease_until=now, refused=certain)
    _report(services, _update(services, order, renewal, again, now + deadlines.RENEWAL_AGAIN), reason)


def _report(services: Services, order: Order, reason: str) -> None:
    now = services.clock.now()
    services.metrics.count("DomainRenewalFailed")
    log.error("a paid domain is not renewed", extra={"order_id": order.uuid, "reason": reason})
    change_order(
        services,
        order,
        to=lambda current: current.noted(causes.not_renewed(reason), now, Actor.REGISTRAR).check_renewal_at(
            now + deadlines.RENEWAL_AGAIN
        ),
    )


def _is_done(services: Services, order: Order, renewal: DomainRenewal) -> bool:
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
    log.info("domain renewed", extra={"order_id": order.uuid})
    return True


def _renewing(order: Order, renewal: DomainRenewal, due_at: int) -> Order:
    return order.with_domain(order.domain_record.renewing(renewal)).check_renewal_at(due_at)


def _renewed(
    order: Order, renewal: DomainRenewal, expires_at: int, now: int, told: str = "renewed until"
) -> Order:
    resource = order.resource_as(DomainResource)
    assert resource is not None
    day = datetime.fromtimestamp(expires_at / 1000, UTC).date()
    before = datetime.fromtimestamp(renewal.expires_before / 1000, UTC)
    expires_next = int(months_after(before, order.item.term.months).timestamp() * 1000)
    record = order.domain_record.renewed(renewal, expires_next, now)
    done = order.noted(f"{told} {day}", now, Actor.REGISTRAR).with_domain(record).check_at(now)
    return replace(done, resource=replace(resource, expires_at=expires_at))


def _record_operation(services: Services, order: Order, renewal: DomainRenewal, operation_id: str) -> None:
    now = services.clock.now()
    noted = replace(renewal, operation_id=operation_id)
    _update(services, order, renewal, noted, deadlines.domain_renewal_check(now, now))


def _update(
    services: Services, order: Order, before: DomainRenewal, after: DomainRenewal, due_at: int
) -> Order:
    return change_order(
        services,
        order,
        when=lambda current: current.domain_record.renewal(before.reference) == before,
        to=lambda current: _renewing(current, after, due_at),
    )


def _earlier_operation(services: Services, order: Order, renewal: DomainRenewal) -> str | None:
    others = {one.operation_id for one in order.domain_record.renewals}
    name = order.item_as(DomainItem).ascii_name
    for operation in services.registrar.find(name, Upkeep.RENEW, renewal.first_at - CLOCKS_DIFFER):
        if operation.status is not RegistrarStatus.FAILED and operation.id not in others:
            return operation.id
    return None


def _expiry(services: Services, order: Order) -> int | None:
    """The latest known expiry (epoch ms). None if the registrar does not have the domain."""
    domain = services.registrar.domain(order.item_as(DomainItem).ascii_name)
    if domain is None:
        return None
    if domain.expires_at is None:
        raise ProviderUnavailableError("the registrar does not say when the domain expires")
    return max(domain.expires_at, order.expires_at or 0)  # an earlier date comes from an old response
