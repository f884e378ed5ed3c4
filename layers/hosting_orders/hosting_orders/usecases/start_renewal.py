"""Start the renewals of delivered orders.

Only the reconciler does so. Functions that deliver need no Stripe key.
"""

from __future__ import annotations

import datetime as dt

from hosting_orders.domain import deadlines
from hosting_orders.domain.cart import Cart
from hosting_orders.domain.errors import (
    PaymentNotStartedError,
    ProviderUnavailableError,
    TooManySubscriptionsError,
)
from hosting_orders.domain.invoiced_renewal import InvoicedRenewal
from hosting_orders.domain.months import months_later
from hosting_orders.domain.order import Order, Subscription
from hosting_orders.domain.providers import SavedMethod

from .changes import change_order, load_cart
from .left_domains import has_expired
from .log import log
from .ports import Services


def start_renewal(services: Services, order: Order) -> Order:
    """Start a subscription for the later terms, or plan our own invoices. A fault is retried soon, a refusal daily."""
    if has_expired(order, services.clock.now()):
        return _refused(services, order, "the domain has expired")
    try:
        subscription = _renewal(services, order)
    except ProviderUnavailableError:
        log.warning("renewal not started; the reconciler retries", extra={"order_id": order.uuid})
        return order
    except TooManySubscriptionsError:
        return _by_invoices(services, order)
    except PaymentNotStartedError as refusal:
        return _refused(services, order, str(refusal))
    now = services.clock.now()
    return change_order(
        services,
        order,
        when=lambda current: current.renewal_owed,
        # If the transfer added no year, the renewal is checked now. That check buys the year.
        to=lambda current: current.with_renewal(
            subscription, now if current.transfer_year_owed else _look_at(order)
        ),
    )


def find_started_renewal(services: Services, order: Order) -> Order:
    """Find a renewal that was started but not recorded before the domain left. Record it, so it can be ended.

    Raises ProviderUnavailableError.
    """
    account = services.directory.account(order.account_id)
    if account is None or account.stripe_customer_id is None:
        return order
    found = services.renewals.find_renewal(
        order_id=order.uuid,
        customer_id=account.stripe_customer_id,
        term=order.item.term,
        since=order.created_at,
    )
    if found is None:
        return order
    now = services.clock.now()
    return change_order(
        services,
        order,
        when=lambda current: current.renewal_status is None,
        to=lambda current: current.with_renewal(found, now),
    )


def _by_invoices(services: Services, order: Order) -> Order:
    now = services.clock.now()
    first = _renewed_at(order)
    if first < now and order.item.renewal_is_work():
        # The date of the charge has passed, so charge now.
        first = max(now, (order.expires_at or 0) - order.item.renews_before())
    renewal = InvoicedRenewal(first, order.item.term.months, _day_of_month(order))
    while renewal.starts_at < now:
        renewal = renewal.next_term()
    log.info("our own invoices charge the renewal", extra={"order_id": order.uuid})
    return change_order(
        services,
        order,
        when=lambda current: current.renewal_owed,
        to=lambda current: current.with_invoiced(renewal).check_renewal_at(
            now if current.transfer_year_owed else renewal.starts_at
        ),
    )


def _refused(services: Services, order: Order, reason: str) -> Order:
    """The product is delivered and further terms are not paid, so an operator must act."""
    services.metrics.count("RenewalNotStarted")
    log.error("the renewal was refused", extra={"order_id": order.uuid, "reason": reason})
    again = services.clock.now() + deadlines.RENEWAL_AGAIN
    return change_order(
        services,
        order,
        when=lambda current: current.renewal_owed,
        to=lambda current: current.check_renewal_at(again),
    )


def _renewal(services: Services, order: Order) -> Subscription:
    account = services.directory.account(order.account_id)
    cart: Cart = load_cart(services, order.account_id, order.cart_token)
    if account is None or account.stripe_customer_id is None:
        raise PaymentNotStartedError("The account has no customer at the payment provider.")
    if cart.renewal_method_id is not None:
        # If the customer has no default method, the method that paid for the order becomes the default and pays the
        # renewals.
        services.payments.keep_method(SavedMethod(account.stripe_customer_id, cart.renewal_method_id))
    return services.renewals.start_renewal(
        order_id=order.uuid,
        account_id=order.account_id,
        customer_id=account.stripe_customer_id,
        description=order.item.line_text(),
        price=order.renewal_price,
        term=order.item.term,
        # The anchor is computed from stored values, so a repeated call sends the same request.
        anchor=_renewed_at(order),
        day_of_month=_day_of_month(order),
        # If the charge date has passed, charge within a day, not a term later: a domain that is not paid is lost.
        charge_late=order.item.renewal_is_work(),
    )


def _day_of_month(order: Order) -> int | None:
    """None if the next term is charged before the paid term ends."""
    if order.item.renews_before() > 0:
        return None
    return dt.datetime.fromtimestamp(order.created_at / 1000, dt.UTC).day


def _look_at(order: Order) -> int | None:
    """When to check the renewal before its charge (epoch ms). None if the renewal needs no work."""
    return _renewed_at(order) - deadlines.DEPARTURE_CHECK if order.item.renewal_is_work() else None


def _renewed_at(order: Order) -> int:
    """When the next term is charged (epoch ms)."""
    ends = months_later(order.created_at, order.item.term.months)
    record = order.domain
    if record is not None and record.registered_until is not None:
        bought = order.item.term.months if record.transfer_year and record.year_waived_at is None else 0
        ends = min(ends, months_later(record.registered_until, bought))
    return ends - order.item.renews_before()
