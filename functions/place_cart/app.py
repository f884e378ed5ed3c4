"""POST /api/carts: order several products with one charge, in the words of contract 002."""

from __future__ import annotations

from hosting_orders.contracts.v2_bodies import orders_a_domain, parse_place_cart
from hosting_orders.domain.errors import UserRequiredError
from hosting_orders.entrypoints.http import Reply, Request, endpoint
from hosting_orders.entrypoints.orders import place
from hosting_orders.usecases.authenticate import Caller
from hosting_orders.usecases.domain_item import admit_domain_orders
from hosting_orders.usecases.ports import Services


@endpoint(oauth_scope=None)
def handler(request: Request, caller: Caller, services: Services) -> Reply:
    raw = request.json()
    if orders_a_domain(raw):
        if caller.user_id is None:
            raise UserRequiredError("Only a person may order domains: use a user's API key.")
        admit_domain_orders(services, caller)
    _ = request.idempotency_key  # a bad header is told before a bad field
    body = parse_place_cart(raw)
    products = [item.product for item in body.items]
    return place(
        request,
        caller,
        services,
        [(f"/items/{number}/{field}", product) for number, (field, product) in enumerate(products)],
        raw=raw,
        callback=body.callback,
        on_item_failure=body.on_item_failure,
    )
