"""Process a Stripe webhook (docs/design.md)."""

from __future__ import annotations

from hosting_orders.domain.ids import parse_order_id
from hosting_orders.domain.order import Actor, Order
from hosting_orders.domain.providers import PaymentEvent, SubscriptionState

from .changes import change_order
from .log import log
from .ports import Services
from .renewal_status import renewal_became
from .settle_payment import settle_payment

STRIPE = "stripe"


def receive_stripe_webhook(services: Services, raw_body: bytes, signature: str) -> None:
    """Process the event, then mark it as seen. If processing fails, Stripe's next attempt is processed again.

    Raises ForgedWebhookError or ProviderUnavailableError.
    """
    event = services.payment_news.read_event(raw_body, signature)
    if not (event.reference or event.payment_id or event.subscription_id):
        return
    if services.events.seen(STRIPE, event.id):
        return
    if event.subscription_id is not None:
        _renewal_changed(services, event.subscription_id)
    else:
        _payment_changed(services, event)
    services.events.mark_seen(STRIPE, event.id, services.clock.now())


def _payment_changed(services: Services, event: PaymentEvent) -> None:
    reference = event.reference
    if reference is None and event.payment_id is not None:
        reference = services.payment_news.reference_of(event.payment_id)
    if reference is None:
        return
    if event.renews:
        _term_changed(services, reference)
        return
    settle_payment(services, reference)
    if event.disputed:
        _note(services, reference, "the customer disputes the charge", "DisputeOpened")
    elif event.refund_id is not None and services.payment_news.refund_failed(event.refund_id):
        # The bank returned a refund that Stripe had accepted. An operator must act.
        _note(services, reference, f"refund {event.refund_id} failed at the bank", "RefundFailed")


def _note(services: Services, reference: str, cause: str, metric: str) -> None:
    orders = _orders_of(services, reference)
    if not orders:
        return
    now = services.clock.now()
    for order in orders:
        change_order(services, order, to=lambda current: current.noted(cause, now, Actor.STRIPE))
    services.metrics.count(metric)
    log.error(cause, extra={"orders": [order.uuid for order in orders], "payment": reference})


def _orders_of(services: Services, reference: str) -> list[Order]:
    """The orders of the payment's cart, or the order that the payment renews."""
    state = services.payments.state(reference)
    if state is not None:
        cart = services.orders.cart(state.account_id, state.cart_token)
        return services.orders.orders(cart.account_id, sorted(cart.orders)) if cart else []
    renewal = services.payment_news.renewal_of(reference)
    order = _renewed(services, renewal) if renewal else None
    return [order] if order else []


def _renewed(services: Services, renewal: SubscriptionState) -> Order | None:
    number = parse_order_id(renewal.order_id)
    return services.orders.order(renewal.account_id, number) if number is not None else None


def _term_changed(services: Services, reference: str) -> None:
    renewal = services.payment_news.renewal_of(reference)
    order = _renewed(services, renewal) if renewal else None
    if order is None:
        return
    now = services.clock.now()
    change_order(
        services,
        order,
        when=lambda current: current.invoiced is not None,
        to=lambda current: current.check_renewal_now(now),
    )


def _renewal_changed(services: Services, subscription_id: str) -> None:
    state = services.payment_news.subscription(subscription_id)
    order = _renewed(services, state) if state else None
    if state is None or order is None:
        return
    now = services.clock.now()

    def is_its_renewal(current: Order) -> bool:
        return current.subscription is not None and current.subscription.id == subscription_id

    renewal_became(
        services,
        order,
        state.status,
        given_up=state.given_up,
        then=lambda current: current.check_renewal_now(now),
        when=is_its_renewal,  # ignore any other subscription that names this order
    )
