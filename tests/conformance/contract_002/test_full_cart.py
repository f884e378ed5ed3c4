"""A cart of as many items as one may hold. It has a world of its own (its file's): tests leave domains unpaid, and an
account may hold only so many."""

from __future__ import annotations

from hosting_orders.domain.cart import MAX_ITEMS
from tests.support.world import World


def test_as_many_items_as_a_cart_can_hold(world: World) -> None:
    placed = world.place_cart(*[world.domain(f"full-{number}.com") for number in range(MAX_ITEMS)])
    assert placed.status == 202
    assert len({order["id"] for order in placed.body["orders"]}) == MAX_ITEMS
    assert world.cart(placed.body["cart"]["token"]).payment.amount_charged == MAX_ITEMS * 1200
