"""PATCH is reserved, and refused."""

from __future__ import annotations

from hosting_orders.contracts.orders_v2 import operations as orders_v2
from hosting_orders.domain.codes import Code
from hosting_orders.domain.errors import InvalidRequestError
from hosting_orders.entrypoints.http import Call, Reply, serves
from hosting_orders.usecases.ports import Services


@serves(orders_v2.UPDATE_ORDER)
def handler(call: Call[None], services: Services) -> Reply:
    raise InvalidRequestError(
        Code.RESERVED, "PATCH is reserved: an order cannot be changed once it is placed."
    )
