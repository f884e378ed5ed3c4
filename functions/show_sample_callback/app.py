"""An example of what a callback brings, to try a receiver with."""

from __future__ import annotations

from hosting_orders.contracts.orders_v2 import operations as orders_v2
from hosting_orders.entrypoints.http import Call, Reply, serves
from hosting_orders.usecases.ports import Services


@serves(orders_v2.SHOW_SAMPLE_CALLBACK)
def handler(call: Call[int], services: Services) -> Reply:
    return call.answer(services.clock.now())
