"""Charge the later terms of an order that has no subscription (docs/decisions.md 81)."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto

from hosting_orders.domain import deadlines
from hosting_orders.domain.errors import ProviderUnavailableError
from hosting_orders.domain.invoiced_renewal import ENDED, InvoicedRenewal
from hosting_orders.domain.order import Actor, Order
from hosting_orders.domain.providers import (
    ChargeLine,
    PaidRenewal,
    RenewalState,
    TermRequest,
    TermState,
    TermStatus,
)

from .changes import change_order
from .log import log
from .ports import Services
from .renewal_status import renewal_became


class Chargeable(Enum):
    YES = auto()
    NOT_NOW = auto()
    NO_LONGER = auto()  # the renewal ends if the term is not paid


def renew_without_work(services: Services, order: Order) -> None:
    """Renew a product for which nothing must be bought at a provider. Raises ProviderUnavailableError."""
    order, state = invoiced_terms(services, order, _in_grace)
    now = services.clock.now()
    again = now + deadlines.RENEWAL_AGAIN

    def planned(current: Order) -> Order:
        if current.invoiced is None or state.ended:
            return current.noted("the renewal has ended", now, Actor.STRIPE).closed()
        return current.check_renewal_at(current.invoiced.next_check(now, again if state.waits else None))

    store_terms(services, order, state, planned)


def _in_grace(services: Services, order: Order) -> Chargeable:
    assert order.invoiced is not None
    refused_at = order.invoiced.refused_at
    over = refused_at is not None and services.clock.now() >= refused_at + deadlines.RENEWAL_GRACE
    return Chargeable.NO_LONGER if over else Chargeable.YES


def invoiced_terms(
    services: Services, order: Order, chargeable: Callable[[Services, Order], Chargeable]
) -> tuple[Order, RenewalState]:
    """Charge the current term of `order.invoiced` once it has begun. Raises ProviderUnavailableError."""
    renewal = order.invoiced
    assert renewal is not None
    now = services.clock.now()
    if renewal.ended or (now < renewal.starts_at and not order.domain_has_left):
        begins = renewal.starts_at
        return order, RenewalState(renewal.status, ended=renewal.ended, waits=False, next_at=begins)
    request = _request(services, order, renewal)
    ends = False
    match chargeable(services, order):
        case Chargeable.NO_LONGER:
            state, ends = services.renewals.close_term(request), True
        case Chargeable.YES if now >= renewal.next_try:
            state = services.renewals.charge_term(request)
            ends = state.stopped
            if state.status is TermStatus.UNPAID:
                return _refused(services, order, renewal, state, now)
        case _:
            state = services.renewals.term(request)
    known = renewal.known_as(state.reference, paid=state.status is TermStatus.PAID)
    return _record(services, order, renewal, known), _as_subscription(known, state, ends)


def _as_subscription(renewal: InvoicedRenewal, state: TermState, ends: bool) -> RenewalState:
    paid: tuple[PaidRenewal, ...] = ()
    if state.status is TermStatus.PAID and state.reference is not None:
        paid = (PaidRenewal(state.reference, renewal.starts_at, renewal.ends_at, live=state.live),)
    ended = ends and state.status is TermStatus.NOT_CHARGED
    return RenewalState(
        status=ENDED if ended else renewal.status,
        ended=ended,
        waits=state.status in (TermStatus.UNPAID, TermStatus.UNDER_WAY),
        next_at=renewal.ends_at,
        paid=paid,
    )


def _refused(
    services: Services, order: Order, renewal: InvoicedRenewal, state: TermState, now: int
) -> tuple[Order, RenewalState]:
    services.metrics.count("RenewalUnpaid")
    log.error("a renewal is not paid", extra={"order_id": order.uuid, "reason": state.reason})
    refused = renewal.known_as(state.reference).refused(now, now + deadlines.RENEWAL_AGAIN)
    return _record(services, order, renewal, refused), _as_subscription(refused, state, ends=False)


def _record(services: Services, order: Order, before: InvoicedRenewal, after: InvoicedRenewal) -> Order:
    return change_order(
        services,
        order,
        when=lambda current: current.invoiced == before,
        to=lambda current: current.with_invoiced(after),
    )


def _request(services: Services, order: Order, renewal: InvoicedRenewal) -> TermRequest:
    account = services.directory.account(order.account_id)
    if account is None or account.stripe_customer_id is None:
        raise ProviderUnavailableError("the account has no customer at the payment provider any more")
    price = order.renewal_price
    return TermRequest(
        account_id=order.account_id,
        order_id=order.uuid,
        customer_id=account.stripe_customer_id,
        currency=price.currency,
        line=ChargeLine(order.line_key, order.item.line_text(), price.amount),
        starts_at=renewal.starts_at,
        ends_at=renewal.ends_at,
        reference=renewal.reference,
        tried=renewal.tried,
    )


def store_terms(
    services: Services, order: Order, state: RenewalState, planned: Callable[[Order], Order]
) -> None:
    """Record the renewal's state. `planned` returns the order with its next check."""

    def later(current: Order) -> Order:
        renewal = current.invoiced
        if renewal is not None and state.ended:
            current = current.with_invoiced(renewal.over())
        elif renewal is not None and not state.waits and state.next_at > renewal.starts_at:
            # This term is paid, or cannot be paid any more.
            current = current.with_invoiced(renewal.next_term())
        return planned(current)

    def as_seen(current: Order) -> bool:
        # If another process has recorded a renewal meanwhile, it has also set the next check. So we store nothing.
        return current.domain_renewals == order.domain_renewals and current.invoiced == order.invoiced

    renewal_became(services, order, state.status, given_up=state.given_up, then=later, when=as_seen)
