"""Manage the API keys of an account. No other function can write keys."""

from __future__ import annotations

from hosting_orders import bootstrap
from hosting_orders.contracts.orders_v2 import key_requests
from hosting_orders.contracts.orders_v2 import operations as orders_v2
from hosting_orders.entrypoints.http import Call, Reply, serves, together
from hosting_orders.usecases.manage_keys import KeyView, list_keys, make_key, revoke_key, rotate_key
from hosting_orders.usecases.ports import Services

bootstrap.prepare("directory", "keys", "key_uses", "counts")


@serves(orders_v2.LIST_KEYS)
def listing(call: Call[list[KeyView]], services: Services) -> Reply:
    return call.answer(list_keys(services, call.caller))


@serves(key_requests.MAKE_KEY)
def make(call: Call[KeyView], services: Services) -> Reply:
    return call.answer(make_key(services, call.caller, call.read()))


@serves(orders_v2.REVOKE_KEY)
def revoke(call: Call[KeyView], services: Services) -> Reply:
    return call.answer(revoke_key(services, call.caller, call.parameter("id")))


@serves(key_requests.ROTATE_KEY)
def rotate(call: Call[KeyView], services: Services) -> Reply:
    return call.answer(rotate_key(services, call.caller, call.parameter("id"), call.read()))


@serves(orders_v2.LIST_SCOPES)
def scopes(call: Call[None], services: Services) -> Reply:
    return call.answer(None)


handler = together(listing, make, revoke, rotate, scopes)
