"""Account webhooks are sent over a socket. The receiver verifies them with the package `standardwebhooks`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from hosting_orders.adapters.callbacks import HttpsSender
from hosting_orders.domain.webhook import ROTATION
from local.callback_receiver import CallbackReceiver, Received
from tests.support import webhook_endpoints
from tests.support.world import World, a_world


@pytest.fixture
def receiver() -> Iterator[CallbackReceiver]:
    with CallbackReceiver() as receiver:
        yield receiver


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with a_world() as world:
        monkeypatch.setenv("ALLOW_LOOPBACK_CALLBACKS", "true")
        world.services.__dict__["webhook_sender"] = HttpsSender(allow_loopback=True)
        yield world


def create(world: World, url: str) -> dict[str, Any]:
    return webhook_endpoints.create(world, "order.completed", url=f"{url}/webhooks")


def completed(world: World, key: str) -> str:
    placed = world.place(key=key)
    world.run()
    return str(placed.body["orders"][0]["id"])


def verified(secret: str, message: Received) -> str:
    """Verify the message and return the id of its order."""
    body = Webhook(secret).verify(message.raw_body, message.headers)
    assert body["type"] == "order.completed"
    return str(body["data"]["order_id"])


def test_the_package_verifies_our_webhooks(world: World, receiver: CallbackReceiver) -> None:
    endpoint = create(world, receiver.url)
    order_id = completed(world, "one")
    (message,) = receiver.received
    assert verified(endpoint["secret"], message) == order_id
    assert message.path == "/webhooks"
    with pytest.raises(WebhookVerificationError):
        Webhook(endpoint["secret"]).verify(message.raw_body + b" ", message.headers)
    other = create(world, receiver.url)
    with pytest.raises(WebhookVerificationError):
        Webhook(other["secret"]).verify(message.raw_body, message.headers)


def test_no_webhook_is_missed_during_a_rotation(world: World, receiver: CallbackReceiver) -> None:
    """The receiver changes to the new secret a few orders after the rotation."""
    endpoint = create(world, receiver.url)
    old = endpoint["secret"]
    orders = [completed(world, f"before-{number}") for number in range(2)]
    path = f"/api/webhooks/endpoints/{endpoint['id']}/rotate-secret"
    new = world.request("POST", path).body["endpoint"]["secret"]
    assert new != old
    orders += [completed(world, f"during-{number}") for number in range(3)]
    messages = list(receiver.received)
    assert [verified(old, message) for message in messages] == orders
    assert [verified(new, message) for message in messages[2:]] == orders[2:]
    for message in messages[2:]:
        assert len(message.headers["webhook-signature"].split()) == 2


def test_an_old_secret_signs_only_for_a_limited_time(world: World) -> None:
    endpoint = webhook_endpoints.create(world, "order.completed")
    del world.services.__dict__["webhook_sender"]  # record webhooks in memory again, instead of sending them
    path = f"/api/webhooks/endpoints/{endpoint['id']}/rotate-secret"
    rotated = world.request("POST", path).body["endpoint"]
    completed(world, "during")
    world.advance(ROTATION / 1000 + 1)
    completed(world, "after")
    during, after = world.webhooks.received
    assert during.secrets == (rotated["secret"], endpoint["secret"])
    assert after.secrets == (rotated["secret"],)
