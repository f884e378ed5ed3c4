"""Register a webhook endpoint before the demo places its sample order. Then verify a webhook that arrives."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hosting_orders.adapters.standard_webhooks import verify
from hosting_orders.domain.errors import ForgedWebhookError
from local.client import call
from local.stack import Stack
from local.terminal import Terminal

PATH = "/webhooks"
_ENDPOINTS = "/api/webhooks/endpoints"
_POLL_SECONDS = 0.5
_SECONDS = 90.0


class WebhooksFailedError(Exception):
    """The message gives the reason."""


@dataclass(frozen=True, slots=True)
class SampleWebhook:
    id: str
    secret: str


def register_webhook(stack: Stack, headers: Mapping[str, str]) -> SampleWebhook:
    """Raises WebhooksFailedError."""
    body = {"url": stack.callbacks + PATH, "events": ["order.*", "payment.*"], "description": "The demo"}
    answer = call("POST", stack.api + _ENDPOINTS, body, headers=headers)
    if answer.status != 201:
        text = answer.body.decode(errors="replace")
        raise WebhooksFailedError(f"POST {_ENDPOINTS} answered {answer.status}: {text}")
    endpoint = answer.json()["endpoint"]
    return SampleWebhook(endpoint["id"], endpoint["secret"])


def show_webhook(stack: Stack, webhook: SampleWebhook, order_id: str, terminal: Terminal) -> None:
    """Wait until the receiver has the webhook of the completed order. Raises WebhooksFailedError."""
    terminal.heading(f"The account's webhook {webhook.id}: every event of every order")
    deadline = time.monotonic() + _SECONDS
    while not (found := _completed(stack, order_id)):
        stack.check()
        if time.monotonic() > deadline:
            raise WebhooksFailedError("The order is completed, but the account's webhook did not arrive.")
        time.sleep(_POLL_SECONDS)
    body = json.dumps(found["body"], separators=(",", ":")).encode()
    try:
        verify([webhook.secret], found["headers"], body, found["at"] / 1000)
    except ForgedWebhookError as error:
        raise WebhooksFailedError(f"The webhook cannot be verified: {error}.") from error
    terminal.line(f"         {body.decode()}")
    terminal.good(f"The webhook `order.completed` has arrived at {PATH}, and its signature is valid.")


def _completed(stack: Stack, order_id: str) -> Any:
    received = call("GET", f"{stack.callbacks}/received").json()["received"]
    mine = [entry for entry in received if entry["path"] == PATH and _is_about(entry["body"], order_id)]
    return mine[0] if mine else None


def _is_about(body: Any, order_id: str) -> bool:
    return bool(body["type"] == "order.completed" and body["data"].get("order_id") == order_id)
