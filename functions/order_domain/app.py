"""POST /api/orders/domain: register or transfer a domain (contract 002, "Register or Transfer a Domain")."""

from __future__ import annotations

from hosting_orders.contracts.v2_domain import parse_order_domain
from hosting_orders.entrypoints.http import Reply, Request, endpoint
from hosting_orders.entrypoints.orders import place
from hosting_orders.usecases.authenticate import Caller
from hosting_orders.usecases.domain_item import admit_domain_orders
from hosting_orders.usecases.ports import Services


@endpoint(oauth_scope=None, user_required=True)
def handler(request: Request, caller: Caller, services: Services) -> Reply:
    admit_domain_orders(services, caller)
    _ = request.idempotency_key  # a bad header is told before a bad body
    raw = request.json()
    body = parse_order_domain(raw)
    return place(request, caller, services, [("/domain", body.domain)], raw=raw, callback=body.callback)
