"""Read the status of orders, without secrets (contracts 000 and 001)."""

from __future__ import annotations

from hosting_orders import bootstrap
from hosting_orders.contracts.billing_order import operations as billing_order
from hosting_orders.contracts.order_status import operations as order_status
from hosting_orders.contracts.order_status.ping import Ping
from hosting_orders.contracts.order_status.words import SCOPES
from hosting_orders.entrypoints.http import Call, Reply, serves, together
from hosting_orders.usecases.ports import Services
from hosting_orders.usecases.show_catalogue import CatalogueView, show_catalogue
from hosting_orders.usecases.show_order_status import (
    OrderStatusView,
    StatusListing,
    list_order_statuses,
    show_order_status,
)
from hosting_orders.usecases.show_pending_order import PendingView, show_pending_order

bootstrap.prepare("directory", "orders", "counts", "catalogue", "key_uses")


@serves(order_status.SHOW_ORDER)
def status(call: Call[OrderStatusView], services: Services) -> Reply:
    return call.answer(show_order_status(services, call.caller, call.parameter("id"), SCOPES))


@serves(order_status.LIST_ORDERS)
def statuses(call: Call[StatusListing], services: Services) -> Reply:
    query = call.request.query
    listing = list_order_statuses(
        services,
        call.caller,
        SCOPES,
        page=query.get("page"),
        per_page=query.get("per_page"),
        cursor=query.get("cursor"),
    )
    return call.answer(listing)


@serves(order_status.PING)
def ping(call: Call[Ping], services: Services) -> Reply:
    now = services.clock.now()
    return call.answer(Ping(call.caller.credential, call.request.received_at or now, now))


@serves(billing_order.LIST_PENDING_ORDERS)
def pending(call: Call[PendingView | None], services: Services) -> Reply:
    return call.answer(show_pending_order(services, call.caller))


@serves(order_status.SHOW_CATALOGUE)
def catalogue(call: Call[CatalogueView], services: Services) -> Reply:
    return call.answer(show_catalogue(services, call.caller))


handler = together(status, statuses, ping, pending, catalogue)
