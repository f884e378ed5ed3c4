"""A cart with the maximum number of items, in a world without the unpaid domains that other tests leave."""

from __future__ import annotations

from hosting_orders.domain.cart import MAX_ITEMS
from tests.support.world import World


def test_a_cart_with_the_maximum_number_of_items_is_accepted(world: World) -> None:
    placed = world.place_cart(*[world.domain(f"full-{number}.com") for number in range(MAX_ITEMS)])
    assert placed.status == 202
    assert len({order["id"] for order in placed.body["orders"]}) == MAX_ITEMS
    assert world.cart(placed.body["cart"]["token"]).payment.amount_charged == MAX_ITEMS * 1200
