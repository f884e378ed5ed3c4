"""GET /api/orders/:id (contract 002, "View an Order")."""

from __future__ import annotations

from hosting_orders.contracts import v2
from hosting_orders.domain.deadlines import outlook
from hosting_orders.entrypoints.http import Reply, Request, endpoint
from hosting_orders.usecases.authenticate import Caller
from hosting_orders.usecases.changes import find_order, load_cart
from hosting_orders.usecases.platform_delivery import password_context
from hosting_orders.usecases.ports import Services


@endpoint(oauth_scope="billing:read")
def handler(request: Request, caller: Caller, services: Services) -> Reply:
    account = caller.scope
    order = find_order(services, account.id, request.path_parameters["id"])
    cart = load_cart(services, account.id, order.cart_token)
    user = services.directory.user(order.user_id) if order.user_id else None
    delivery = services.deliveries.delivery(account.id, order.number) if order.callback else None
    password = None
    if order.resource and order.resource.sealed_password and caller.may_see_secrets:
        password = services.cipher.open(order.resource.sealed_password, password_context(order))
    ahead = outlook(order, cart)
    body = v2.order_details(order, cart, account, user, password=password, delivery=delivery, ahead=ahead)
    return Reply(200, body, {"Retry-After": str(ahead.poll_after)} if ahead else {})
