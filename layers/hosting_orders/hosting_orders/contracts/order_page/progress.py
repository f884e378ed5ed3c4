"""The steps that the order's page shows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from markupsafe import Markup

from hosting_orders.domain.cart import Cart
from hosting_orders.domain.order import Order, OrderStatus

from .goods import Goods
from .languages import Language


class Mark(StrEnum):
    DONE = "done"
    NOW = "now"
    AHEAD = "ahead"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Step:
    title: Markup
    mark: Mark
    at: int | None = None  # epoch ms UTC
    current: bool = False


def steps_of(order: Order, cart: Cart, goods: Goods, _: Language) -> list[Step]:
    steps = [Step(_("Ordered"), Mark.DONE, order.created_at)]
    if was_paid(order, cart):
        steps.append(Step(_("Paid"), Mark.DONE, order.entered(OrderStatus.PROCESSING)))
    match order.status:
        case OrderStatus.PENDING if not cart.payment.paid:
            steps += [Step(_("Payment"), Mark.NOW), *_ahead(goods.work, _("Ready"))]
        case OrderStatus.PENDING | OrderStatus.PROCESSING:
            steps += [Step(goods.work, Mark.NOW, order.provisioning_at), *_ahead(_("Ready"))]
        case OrderStatus.COMPLETED:
            steps += [
                Step(goods.work, Mark.DONE, order.provisioning_at),
                Step(_("Ready"), Mark.DONE, order.ended_at),
            ]
        case OrderStatus.FAILED:
            steps.append(Step(_("Payment failed"), Mark.WRONG, order.ended_at))
        case OrderStatus.EXPIRED:
            steps.append(Step(_("Not paid in time"), Mark.WRONG, order.ended_at))
        case _:
            steps += _stopped(order, cart, _)
    if order.ended and order.refund:
        steps.append(Step(_("Refunded"), Mark.DONE, order.refund.at))
    return _with_current(steps)


def was_paid(order: Order, cart: Cart) -> bool:
    """Whether the order was paid before its deadline. A later refund does not change the answer."""
    late = order.status in (OrderStatus.FAILED, OrderStatus.EXPIRED)
    return not late and (cart.payment.paid or order.entered(OrderStatus.PROCESSING) is not None)


def _stopped(order: Order, cart: Cart, _: Language) -> list[Step]:
    if order.cancel_requested_at is not None:
        why = Step(_("Cancelled"), Mark.DONE, order.cancel_requested_at)
    else:
        why = Step(_("Could not be delivered"), Mark.WRONG, order.entered(OrderStatus.REFUNDING))
    if order.ended:
        return [why]
    if order.status is OrderStatus.REFUND_FAILED:
        return [why, Step(_("Our staff handles your refund"), Mark.WRONG, order.since)]
    if was_paid(order, cart) or cart.payment.debit_under_way:
        return [why, Step(_("Refund under way"), Mark.NOW)]
    return [why, Step(_("Order is being closed"), Mark.NOW)]


def _ahead(*titles: Markup) -> list[Step]:
    return [Step(title, Mark.AHEAD) for title in titles]


def _with_current(steps: list[Step]) -> list[Step]:
    here = max(place for place, step in enumerate(steps) if step.mark is not Mark.AHEAD)
    return [replace(step, current=place == here) for place, step in enumerate(steps)]
