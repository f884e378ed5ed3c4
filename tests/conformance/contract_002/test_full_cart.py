"""A cart with the maximum number of items.

An account may have only a limited number of unpaid domains. So the test has a file of its own, and its world has no
unpaid domains of other tests.
"""

from __future__ import annotations

from hosting_orders.domain.cart import MAX_ITEMS
from tests.support.world import World


def test_a_cart_with_the_maximum_number_of_items_is_accepted(world: World) -> None:
    items = [world.domain(f"full-{number}.com") for number in range(MAX_ITEMS)]
    quote = world.request("POST", "/api/orders/preview", {"items": items}).body["quote"]
    placed = world.place_cart(*items, quote=quote, max_cost_cents=MAX_ITEMS * 1200)
    assert placed.status == 202
    assert len({order["id"] for order in placed.body["orders"]}) == MAX_ITEMS
    assert world.cart(placed.body["cart"]["token"]).payment.amount_charged == MAX_ITEMS * 1200
