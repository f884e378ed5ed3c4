"""The end of Stripe's attempts to charge a renewal is counted once."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from hosting_orders.domain.catalogue import Term
from hosting_orders.domain.errors import ConcurrentUpdateError
from hosting_orders.domain.money import Money
from hosting_orders.domain.order import Order, OrderStatus, Subscription
from hosting_orders.domain.products import SiteItem
from hosting_orders.usecases.renewal_status import renewal_became


def test_an_end_recorded_by_another_process_is_not_counted() -> None:
    """The write of this process fails with a conflict, and the stored order no longer satisfies `when`."""
    order = Order(
        account_id="acc_1",
        number=1,
        cart_token="cart",
        status=OrderStatus.COMPLETED,
        item=SiteItem("Shop", "vanilla", "ams", "basic", Term.MONTHLY),
        price=Money(1200, "EUR"),
        created_at=0,
        updated_at=0,
        subscription=Subscription("sub_1", "past_due", "monthly", 2027, 1),
    )
    stored = order.renewal_became("unpaid")
    counted: list[str] = []

    def save_order(order: Order, owed: Any = None) -> Order:
        raise ConcurrentUpdateError("old")

    services: Any = SimpleNamespace(
        orders=SimpleNamespace(save_order=save_order, order=lambda account_id, number: stored),
        clock=SimpleNamespace(now=lambda: 1),
        metrics=SimpleNamespace(count=counted.append),
    )
    renewal_became(
        services, order, "unpaid", given_up=True, then=lambda one: one, when=lambda current: current == order
    )
    assert counted == []
