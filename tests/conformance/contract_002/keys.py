"""Requests about API keys, for tests."""

from __future__ import annotations

import json
from typing import Any

from tests.conformance.contract_002.support import assert_error, send, state_of
from tests.support.world import Reply, World

KEY = {"name": "Reports", "scopes": ["billing:read"]}
DAY = 86_400


def by(secret: str, account: str = "acc_ready") -> dict[str, str]:
    return {"authorization": f"Bearer {secret}", "x-auth-account": account}


def call(
    world: World, method: str, path: str, secret: str | None = None, body: Any = None, **more: Any
) -> Reply:
    """Send a request that authenticates with `secret`, or by default with the user key of the account `ready`."""
    headers = by(secret or world.accounts["ready"]["user_key"]) | more.pop("headers", {})
    text = None if body is None else json.dumps(body)
    return send(world, method, path, headers=headers, account=None, body=text, **more)


def make(
    world: World, secret: str | None = None, idempotency_key: str | None = None, **changes: Any
) -> Reply:
    headers = {"idempotency-key": idempotency_key} if idempotency_key else {}
    return call(world, "POST", "/api/keys", secret, {**KEY, **changes}, headers=headers)


def made(world: World, secret: str | None = None, **changes: Any) -> tuple[str, Any]:
    reply = make(world, secret, **changes)
    assert reply.status == 201, reply.body
    return reply.body["secret"], reply.body["key"]


def rotate(world: World, key_id: str, secret: str | None = None, body: Any = None, **more: Any) -> Reply:
    return call(world, "POST", f"/api/keys/{key_id}/rotate", secret, body, **more)


def works(world: World, secret: str, **more: Any) -> bool:
    reply = call(world, "GET", "/api/keys/scopes", secret, **more)
    assert reply.status in (200, 401), reply.body
    return reply.status == 200


def listed(world: World, secret: str | None = None) -> dict[str, Any]:
    reply = call(world, "GET", "/api/keys", secret)
    assert reply.status == 200, reply.body
    return {key["id"]: key for key in reply.body["keys"]}


def refused(world: World, reply_to: Any, status: int, code: str, *pointers: str) -> Reply:
    before = state_of(world)
    reply = reply_to()
    assert_error(reply, status, code, *pointers)
    assert state_of(world) == before
    return reply


def secrets_of_the_table(world: World) -> set[str]:
    return {item["key_hash"]["S"] for item in world.items("KEY") if item["PK"]["S"].startswith("KEY#")}
