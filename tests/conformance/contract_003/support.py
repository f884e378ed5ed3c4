"""Shared by the tests of contract 003: requests in API version 1, and a check of every response against its schema."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import jsonschema_rs
from pydantic import TypeAdapter

from hosting_orders.contracts.operation import Operation
from hosting_orders.contracts.orders_v1 import operations
from hosting_orders.domain.order import Order
from tests.conformance.contract_002.support import UNKNOWN, credentials, new_account, new_key, send
from tests.support.checkout import HOOK, KEY, session_of, site
from tests.support.world import Reply, World, matched

CALLBACK = {"url": HOOK, "authorization": "Bearer 12345"}

# Every route of API version 1. No order has the id UNKNOWN. `True` means X-Auth-Account is required.
ROUTES = (
    ("GET", "/api/orders", True),
    ("POST", "/api/orders", True),
    ("POST", "/api/orders/preview", True),
    ("GET", f"/api/orders/{UNKNOWN}", True),
    ("DELETE", f"/api/orders/{UNKNOWN}", True),
    ("GET", "/api/about", False),
    ("GET", "/api/tasks", False),
    ("GET", "/api/tasks/11", False),
    ("GET", "/api/webhooks/task", False),
    ("GET", "/api/accounts/acc_ready", False),
    ("GET", "/api/users/usr_ready", False),
)
# Every key has an API version. The API returns these errors before it reads that version. The response's X-Api-Version
# is then the version that the request names, or 2. The error body is the same in both versions.
BEFORE_THE_VERSION = (
    *("unauthorized", "oauth_not_allowed", "insufficient_scope", "missing_account", "trial_account"),
    *("malformed_body", "unsupported_api_version"),
)
_OPERATIONS = {operation.route: operation for operation in operations.OPERATIONS}


def headers_of(world: World, account: str, key: str = KEY) -> dict[str, str]:
    return credentials(world, account, key)


def ask(world: World, method: str, path: str, account: str = "ready", key: str = KEY, **more: Any) -> Reply:
    """Send a request with the account's key for API version 1, and check the response against the schema."""
    headers = headers_of(world, account, key) | dict(more.pop("headers", {}))
    return in_shape(send(world, method, path, headers=headers, account=None, **more), method, path)


def ask_in(world: World, version: str, method: str, path: str, account: str = "ready", **more: Any) -> Reply:
    """Send a request with the account's key, which has version 2. The header X-Api-Version names `version`."""
    headers = credentials(world, account) | {"x-api-version": version} | dict(more.pop("headers", {}))
    return send(world, method, path, headers=headers, account=None, **more)


def order(
    world: World, body: Mapping[str, Any] | None = None, account: str = "ready", **headers: str
) -> Reply:
    """Call POST /api/orders with this body or the smallest valid body. In `headers`, write underscores for hyphens."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    text = json.dumps(site() if body is None else body)
    return ask(world, "POST", "/api/orders", account, headers=sent, body=text)


def placed(world: World, account: str = "ready", body: Mapping[str, Any] | None = None) -> Any:
    reply = order(world, body, account)
    assert reply.status == 201, reply.body
    return reply.body


def shown(world: World, order_id: str, account: str = "ready", **more: Any) -> Any:
    reply = ask(world, "GET", f"/api/orders/{order_id}", account, **more)
    assert reply.status == 200, reply.body
    return reply.body


def delivered(world: World, account: str = "ready", body: Mapping[str, Any] | None = None) -> Any:
    """Order a site, pay if the response has a `payment_url`, wait for delivery and return GET /api/orders/:id."""
    answer = placed(world, account, body)
    world.run()
    if "payment_url" in answer:
        pay(world, answer["order"]["id"], account)
    found = shown(world, answer["order"]["id"], account)
    assert found["order"]["status"] == "completed", found
    return found


def stranger(world: World, **changes: Any) -> str:
    """A new account without a Stripe customer. It pays its first order on a payment page."""
    name = new_account(
        world, "no_customer", f"stranger_{len(world.accounts)}", stripe_customer_id=None, **changes
    )
    world.accounts[name][KEY] = new_key(world, name, api_version=1)
    return name


def page_of(world: World, order_id: str, account: str = "no_method") -> dict[str, Any]:
    return session_of(world, stored(world, order_id, account))


def pay(world: World, order_id: str, account: str = "no_method") -> None:
    """Pay on the payment page of the order's cart, and run the world until nothing is left to do."""
    world.stripe.controls.pay_checkout(page_of(world, order_id, account)["id"])
    world.run()


def stored(world: World, order_id: str, account: str) -> Order:
    return world.order(order_id, account)


def in_shape(reply: Reply, method: str, path: str) -> Reply:
    """Return the response after checking its version, and its body against the JSON Schema."""
    operation = _OPERATIONS.get(matched(method, path.partition("?")[0])[1])
    if operation is not None and (reply.status < 400 or reply.body["code"] not in BEFORE_THE_VERSION):
        assert reply.headers["x-api-version"] == "1", reply.headers
    if operation is not None and reply.status < 300:
        assert reply.status == operation.status
        _validator(operation).validate(reply.body)
    return reply


@cache
def _validator(operation: Operation[Any]) -> Any:
    schema = TypeAdapter(operation.answers).json_schema(mode="serialization")
    return jsonschema_rs.validator_for(_closed(schema))


def _closed(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _closed(each) for name, each in schema.items()}
    return closed | {"additionalProperties": False} if "properties" in schema else closed
