"""Send the callback of an ended order (docs/contracts.md, Callbacks and C24)."""

from __future__ import annotations

import random
from collections.abc import Callable

from hosting_orders.domain.callback import DeliveryStatus
from hosting_orders.domain.errors import ConcurrentUpdateError
from hosting_orders.domain.order import Actor, Order
from hosting_orders.domain.providers import CallbackRequest

from .changes import change_order, load_order, owed_callback
from .log import log
from .ports import Services

CallbackBody = Callable[[Order, str], bytes]


def send_callback(services: Services, account_id: str, number: int, body: CallbackBody) -> None:
    """If the order has ended and its callback is pending, make one attempt and schedule the next.

    If the process stops before it records the attempt, the message is sent again with the same id.
    """
    order = load_order(services, account_id, number)
    if order.callback is None or not order.ended:
        return  # no callback is due
    delivery = services.deliveries.delivery(account_id, number) or owed_callback(order, services.clock.now())
    if delivery is None or delivery.status is not DeliveryStatus.PENDING:
        return
    account = services.directory.account(account_id)
    authorization = None
    if order.callback.sealed_authorization is not None:
        authorization = services.cipher.open(
            order.callback.sealed_authorization, authorization_context(account_id)
        )
    now = services.clock.now()
    answer = services.callbacks.send(
        CallbackRequest(
            url=order.callback.url,
            message_id=delivery.message_id,
            timestamp=now // 1000,
            body=body(order, account.name if account else ""),
            secrets=(services.callbacks.secret_for(account_id),),
            authorization=authorization,
        )
    )
    delivery = delivery.after(answer, services.clock.now(), random.random())  # noqa: S311  # spreads load only
    log.info(
        "callback attempted",
        extra={
            "order_id": order.uuid,
            "attempt": delivery.made,
            "status_code": answer.status_code,
            "error": answer.error,
            "delivery": delivery.status.value,
        },
    )
    if delivery.status is DeliveryStatus.EXHAUSTED:
        change_order(
            services, order, to=lambda current: current.noted("callback exhausted", now, Actor.SYSTEM)
        )
        services.metrics.count("CallbackExhausted")
    try:
        services.deliveries.save_delivery(delivery)
    except ConcurrentUpdateError:
        log.info("another attempt was made at the same time", extra={"order_id": order.uuid})


def authorization_context(account_id: str) -> dict[str, str]:
    return {"account": account_id, "field": "callback_authorization"}
