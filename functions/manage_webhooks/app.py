"""Create, change, test and delete webhook endpoints, and send their deliveries again."""

from __future__ import annotations

from hosting_orders import bootstrap
from hosting_orders.contracts.orders_v2 import operations as orders_v2
from hosting_orders.contracts.orders_v2 import webhook_requests as requests
from hosting_orders.contracts.vendor.webhook_events import event_body
from hosting_orders.domain.webhook import WebhookDelivery, WebhookEndpoint
from hosting_orders.entrypoints.http import Call, Reply, serves, together
from hosting_orders.usecases import manage_webhooks as webhooks
from hosting_orders.usecases.manage_webhooks import Replay, WebhookSecret
from hosting_orders.usecases.ports import Services

bootstrap.prepare("directory", "webhooks", "cipher", "webhook_sender", "counts", "key_uses")


@serves(requests.CREATE_WEBHOOK)
def create(call: Call[WebhookSecret], services: Services) -> Reply:
    loopback = bootstrap.allow_loopback_callbacks()
    return call.answer(webhooks.create_webhook(services, call.caller, call.read(), allow_loopback=loopback))


@serves(requests.CHANGE_WEBHOOK)
def change(call: Call[WebhookEndpoint], services: Services) -> Reply:
    loopback = bootstrap.allow_loopback_callbacks()
    endpoint_id, request = call.parameter("id"), call.read()
    return call.answer(
        webhooks.change_webhook(services, call.caller, endpoint_id, request, allow_loopback=loopback)
    )


@serves(orders_v2.REMOVE_WEBHOOK)
def remove(call: Call[WebhookEndpoint], services: Services) -> Reply:
    return call.answer(webhooks.remove_webhook(services, call.caller, call.parameter("id")))


@serves(requests.TEST_WEBHOOK)
def test(call: Call[WebhookDelivery], services: Services) -> Reply:
    kind = call.read() if call.request.raw_body.strip() else None
    return call.answer(webhooks.try_webhook(services, call.caller, call.parameter("id"), kind, event_body))


@serves(orders_v2.ROTATE_WEBHOOK_SECRET)
def rotate(call: Call[WebhookSecret], services: Services) -> Reply:
    return call.answer(webhooks.rotate_secret(services, call.caller, call.parameter("id")))


@serves(orders_v2.REDELIVER_WEBHOOK)
def redeliver(call: Call[WebhookDelivery], services: Services) -> Reply:
    endpoint_id, message_id = call.parameter("id"), call.parameter("delivery_id")
    return call.answer(webhooks.redeliver_webhook(services, call.caller, endpoint_id, message_id))


@serves(requests.REPLAY_WEBHOOKS)
def replay(call: Call[Replay], services: Services) -> Reply:
    return call.answer(webhooks.replay_webhooks(services, call.caller, call.parameter("id"), call.read()))


handler = together(create, change, remove, test, rotate, redeliver, replay)
