"""One account and its users."""

from __future__ import annotations

from hosting_orders import bootstrap
from hosting_orders.contracts.orders_v1 import operations as orders_v1
from hosting_orders.contracts.orders_v2 import operations as orders_v2
from hosting_orders.entrypoints.http import Call, Reply, serves
from hosting_orders.usecases.ports import Services
from hosting_orders.usecases.show_account import AccountView, show_account

bootstrap.prepare("directory", "callbacks", "counts", "key_uses")


@serves(orders_v2.SHOW_ACCOUNT, orders_v1.SHOW_ACCOUNT)
def handler(call: Call[AccountView], services: Services) -> Reply:
    return call.answer(show_account(services, call.caller, call.parameter("id")))
