"""Read the account's webhook endpoints and their logs."""

from __future__ import annotations

from hosting_orders import bootstrap
from hosting_orders.contracts.orders_v2 import operations as orders_v2
from hosting_orders.domain.webhook import WebhookEndpoint
from hosting_orders.entrypoints.http import Call, Reply, serves, together
from hosting_orders.usecases.ports import Services
from hosting_orders.usecases.read_webhooks import DeliveryLog, find_webhook, list_deliveries

bootstrap.prepare("directory", "webhooks", "counts", "key_uses")


@serves(orders_v2.LIST_EVENT_TYPES)
def event_types(call: Call[None], services: Services) -> Reply:
    return call.answer(None)


@serves(orders_v2.LIST_WEBHOOKS)
def endpoints(call: Call[list[WebhookEndpoint]], services: Services) -> Reply:
    return call.answer(services.webhooks.endpoints(call.account.id))


@serves(orders_v2.SHOW_WEBHOOK)
def endpoint(call: Call[WebhookEndpoint], services: Services) -> Reply:
    return call.answer(find_webhook(services, call.caller, call.parameter("id")))


@serves(orders_v2.LIST_DELIVERIES)
def deliveries(call: Call[DeliveryLog], services: Services) -> Reply:
    query = call.request.query
    log = list_deliveries(
        services,
        call.caller,
        call.parameter("id"),
        per_page=query.get("per_page"),
        cursor=query.get("cursor"),
    )
    return call.answer(log)


handler = together(event_types, endpoints, endpoint, deliveries)
