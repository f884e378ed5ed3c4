"""The web page where a customer pays for an order and follows it."""

from __future__ import annotations

from dataclasses import replace

from hosting_orders import bootstrap

# Importing `pages` loads the templates while Lambda loads the function.
from hosting_orders.contracts.order_page import operations, pages  # noqa: F401
from hosting_orders.entrypoints.http import Call, Reply, serves
from hosting_orders.usecases.ports import Services
from hosting_orders.usecases.show_order_page import OrderPageView, show_order_page

bootstrap.prepare("directory", "orders", "catalogue", "page_tokens")


@serves(operations.SHOW_ORDER_PAGE)
def handler(call: Call[OrderPageView], services: Services) -> Reply:
    view = show_order_page(
        services,
        call.parameter("page_token"),
        outcome=call.request.query.get("outcome"),
        accepts=call.request.headers.get("accept-language", ""),
    )
    reply = call.answer(view)
    return reply if view.known else replace(reply, status=503)
