"""GET /api/carts/:token (contract 002, "Carts")."""

from __future__ import annotations

from hosting_orders.contracts import v2
from hosting_orders.domain.deadlines import poll_after
from hosting_orders.domain.errors import NotFoundError
from hosting_orders.domain.ids import parse_cart_token
from hosting_orders.entrypoints.http import Reply, Request, endpoint
from hosting_orders.usecases.authenticate import Caller
from hosting_orders.usecases.changes import load_cart
from hosting_orders.usecases.ports import Services


@endpoint(oauth_scope="billing:read")
def handler(request: Request, caller: Caller, services: Services) -> Reply:
    token = parse_cart_token(request.path_parameters["token"])
    if token is None:
        raise NotFoundError("There is no such cart.")
    cart = load_cart(services, caller.scope.id, token)
    wait = poll_after(cart, services.clock.now())
    return Reply(200, v2.cart_envelope(cart), {"Retry-After": str(wait)} if wait else {})
