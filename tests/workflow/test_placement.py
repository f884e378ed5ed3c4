"""What an order stores about the request that placed it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hosting_orders.domain.placement import Channel, Placement
from tests.support.world import World, a_world


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as world:
        yield world


@pytest.mark.parametrize("route", ["site", "domain", "cart"])
def test_an_order_stores_its_channel_contract_and_client_address(world: World, route: str) -> None:
    if route == "site":
        reply = world.place(key="k")
    elif route == "domain":
        reply = world.order_domain("where-from.com")
    else:
        reply = world.place_cart(world.site(), world.domain("where-from.com"), key="k")
    assert reply.status == 202, reply.body
    for placed in reply.body["orders"]:
        assert world.order(placed["id"]).placed == Placement(Channel.API, "orders_v2", "203.0.113.7")


def test_a_replay_may_come_from_another_client_address(world: World) -> None:
    first = world.place(key="k")
    world.client_address = "198.51.100.9"
    again = world.place(key="k")
    assert again.body == first.body and again.headers["idempotent-replayed"] == "true"
    assert world.order(first.body["orders"][0]["id"]).placed.client_address == "203.0.113.7"
