"""POST /api/orders: order a site (contract 002, "Order a new Site")."""

from __future__ import annotations

from hosting_orders.contracts.v2_bodies import parse_place_order
from hosting_orders.entrypoints.http import Reply, Request, endpoint
from hosting_orders.entrypoints.orders import place
from hosting_orders.usecases.authenticate import Caller
from hosting_orders.usecases.ports import Services


@endpoint(oauth_scope=None)
def handler(request: Request, caller: Caller, services: Services) -> Reply:
    _ = request.idempotency_key  # a bad header is told before a bad body
    raw = request.json()
    body = parse_place_order(raw)
    return place(request, caller, services, [("/site", body.site)], raw=raw, callback=body.callback)
