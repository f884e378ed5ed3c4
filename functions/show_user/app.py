"""One person."""

from __future__ import annotations

from hosting_orders.contracts.orders_v2 import operations as orders_v2
from hosting_orders.domain.account import User
from hosting_orders.entrypoints.http import Call, Reply, serves
from hosting_orders.usecases.ports import Services
from hosting_orders.usecases.show_user import show_user


@serves(orders_v2.SHOW_USER)
def handler(call: Call[User], services: Services) -> Reply:
    return call.answer(show_user(services, call.caller, call.parameter("id")))
