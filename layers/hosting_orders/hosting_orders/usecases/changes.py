"""Read an item, change it, write it. After a concurrent write, start again."""

from __future__ import annotations

from collections.abc import Callable

from hosting_orders.domain import deadlines
from hosting_orders.domain.callback import CallbackDelivery
from hosting_orders.domain.cart import Cart
from hosting_orders.domain.errors import ConcurrentUpdateError, NotFoundError
from hosting_orders.domain.ids import callback_message_id, parse_order_id
from hosting_orders.domain.order import Order, OrderStatus

from .log import log
from .ports import Services

_TRIES = 6


def load_order(services: Services, account_id: str, number: int) -> Order:
    """Raises NotFoundError."""
    order = services.orders.order(account_id, number)
    if order is None:
        raise NotFoundError("There is no such order.")
    return order


def find_order(services: Services, account_id: str, order_id: str) -> Order:
    """Accepts any spelling of the id. Raises NotFoundError."""
    number = parse_order_id(order_id)
    if number is None:
        raise NotFoundError("There is no such order.")
    return load_order(services, account_id, number)


def find_order_by_number(services: Services, account_id: str, text: str) -> Order:
    """Accepts only the integer. Raises NotFoundError."""
    if not (text.isascii() and text.isdigit()):
        raise NotFoundError("There is no such order.")
    return find_order(services, account_id, text)


def load_cart(services: Services, account_id: str, token: str) -> Cart:
    """Raises NotFoundError."""
    cart = services.orders.cart(account_id, token)
    if cart is None:
        raise NotFoundError("There is no such cart.")
    return cart


When = OrderStatus | frozenset[OrderStatus] | Callable[[Order], bool]
"""Which orders to change: those with one status, with one of several statuses, or those that fulfil a condition."""


def change_order(
    services: Services, order: Order, *, to: Callable[[Order], Order], when: When | None = None
) -> Order:
    """Save the result of `to` if the order matches `when`, and return the current order.

    After a concurrent write, `when` and `to` run again on the new order, so they must depend only on their argument.
    If `to` returns its argument, nothing is written. Raises ConcurrentUpdateError after several tries.
    """
    for _ in range(_TRIES):
        changed = to(order) if _applies(when, order) else order
        if changed is order:
            return order
        owed = owed_callback(changed, services.clock.now()) if changed.ended and not order.ended else None
        try:
            saved = services.orders.save_order(changed, owed)
        except ConcurrentUpdateError:
            order = load_order(services, order.account_id, order.number)
            continue
        if saved.status is not order.status:
            entry = saved.timeline[-1]
            log.info(
                f"order {saved.status}",
                extra={
                    "order_id": saved.uuid,
                    "was": order.status,
                    "actor": entry.actor,
                    "cause": entry.cause,
                },
            )
        return saved
    raise ConcurrentUpdateError(f"order {order.uuid} was changed by other processes in every try")


def _applies(when: When | None, order: Order) -> bool:
    if when is None:
        return True
    if isinstance(when, OrderStatus):
        return order.status is when
    return order.status in when if isinstance(when, frozenset) else when(order)


def owed_callback(order: Order, now: int) -> CallbackDelivery | None:
    """The callback about the order's end. None without a callback URL."""
    if order.callback is None:
        return None
    message = callback_message_id(order.number)
    return CallbackDelivery(order.account_id, order.number, message, due_at=now + deadlines.CALLBACK_GRACE)


def change_cart(
    services: Services, cart: Cart, *, to: Callable[[Cart], Cart], when: Callable[[Cart], bool] | None = None
) -> Cart:
    """Like `change_order`, for a cart's payment."""
    for _ in range(_TRIES):
        changed = to(cart) if when is None or when(cart) else cart
        if changed is cart:
            return cart
        try:
            return services.orders.save_payment(changed)
        except ConcurrentUpdateError:
            cart = load_cart(services, cart.account_id, cart.token)
    raise ConcurrentUpdateError(f"cart {cart.token} was changed by other processes in every try")
