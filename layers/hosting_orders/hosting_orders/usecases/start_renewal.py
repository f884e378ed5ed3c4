"""Start the renewal of a delivered order. Only the reconciler does it, so functions that deliver need no Stripe key."""

from __future__ import annotations

import datetime as dt

from hosting_orders.domain import deadlines
from hosting_orders.domain.cart import Cart
from hosting_orders.domain.errors import PaymentNotStartedError, ProviderUnavailableError
from hosting_orders.domain.order import Order, Subscription
from hosting_orders.domain.providers import SavedMethod

from .changes import change_order, load_cart
from .log import log
from .ports import Services


def start_renewal(services: Services, order: Order) -> Order:
    """Start the renewal at the end of the paid period.

    Delivery comes first, so an undelivered order never renews. A failure is retried.
    """
    try:
        subscription = _renewal(services, order)
    except ProviderUnavailableError:
        log.warning("renewal not started; the reconciler retries", extra={"order_id": order.uuid})
        return order
    return change_order(
        services,
        order,
        when=lambda current: current.renewal_owed,
        to=lambda current: current.with_renewal(subscription, _money_at(order)),
    )


def _renewal(services: Services, order: Order) -> Subscription | None:
    account = services.directory.account(order.account_id)
    cart: Cart = load_cart(services, order.account_id, order.cart_token)
    if account is None or account.stripe_customer_id is None or cart.renewal_method_id is None:
        return None
    if cart.payment.method_id is not None:
        # Usually done already, when the payment was recorded.
        services.payments.keep_method(SavedMethod(account.stripe_customer_id, cart.payment.method_id))
    try:
        return services.renewals.start_renewal(
            order_id=order.uuid,
            account_id=order.account_id,
            customer_id=account.stripe_customer_id,
            payment_method_id=cart.renewal_method_id,
            description=order.item.line_text(),
            price=order.renewal_price,
            term=order.item.term,
            # Computed from the order's own time, so a repeated call sends the same request.
            anchor=_renewed_at(order),
        )
    except PaymentNotStartedError as refusal:
        services.metrics.count("RenewalNotStarted")
        log.error(
            "the renewal subscription was refused",
            extra={"order_id": order.uuid, "reason": str(refusal)},
        )
        return None


def _money_at(order: Order) -> int | None:
    """Epoch milliseconds. None for products that renew without work."""
    return _renewed_at(order) + deadlines.RENEWAL_MONEY if order.item.renewal_is_work() else None


def _renewed_at(order: Order) -> int:
    return months_later(order.created_at, order.item.term.months) - order.item.renews_before()


def months_later(moment: int, months: int) -> int:
    """The 31st becomes the last day of a shorter month. Times are in epoch milliseconds."""
    start = dt.datetime.fromtimestamp(moment / 1000, dt.UTC)
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    for day in range(start.day, 27, -1):
        try:
            return int(start.replace(year=year, month=month + 1, day=day).timestamp() * 1000)
        except ValueError:
            continue
    return int(start.replace(year=year, month=month + 1).timestamp() * 1000)
