"""GET /api/orders: an account's orders, newest first (contract 002, "List all orders for an account")."""

from __future__ import annotations

from hosting_orders.contracts import v2
from hosting_orders.entrypoints.http import Reply, Request, endpoint
from hosting_orders.usecases.authenticate import Caller
from hosting_orders.usecases.list_orders import list_orders
from hosting_orders.usecases.ports import Services


@endpoint(oauth_scope="billing:read")
def handler(request: Request, caller: Caller, services: Services) -> Reply:
    account = caller.scope
    query = request.query
    listing = list_orders(
        services,
        account.id,
        page=query.get("page"),
        per_page=query.get("per_page"),
        cursor=query.get("cursor"),
    )
    neighbours = {"next": listing.next_cursor, "prev": listing.previous_cursor}
    links = [
        f'</api/orders?per_page={listing.per_page}&cursor={cursor}>; rel="{relation}"'
        for relation, cursor in neighbours.items()
        if cursor
    ]
    body = {"orders": [v2.order_in_list(order, account) for order in listing.orders]}
    return Reply(200, body, {"Link": ", ".join(links)} if links else {})
