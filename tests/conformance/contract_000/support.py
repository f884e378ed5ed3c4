"""Shared by the tests of contract 000: requests with an API key, and the documented fields of an order."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from tests.conformance.contract_002.support import new_key, send
from tests.support.world import Reply, World

KEY = "api_key_000"
BOTH = frozenset({"vps:provision", "domains:provision"})
UNKNOWN = "/api/v1/orders/507f1f77bcf86cd799439011"
ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
OBJECT_ID = re.compile(r"[0-9a-f]{24}")
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
FIELDS: dict[str, type | tuple[type, ...]] = {
    "id": str,
    "token": str,
    "status": str,
    "type": str,
    "channel": str,
    "totalNet": (int, float),
    "totalGross": (int, float),
    "currency": str,
    "interval": str,
    "provisionedResourceId": (str, type(None)),
    "provisionedAt": (str, type(None)),
    "createdAt": str,
    "updatedAt": str,
}
# Every route of contract 000. No order has the id in UNKNOWN.
ROUTES = (
    ("GET", UNKNOWN),
    ("GET", "/api/v1/orders"),
    ("POST", "/api/v1/orders"),
    ("POST", "/api/v1/domains/register"),
    ("GET", "/api/v1/ping"),
    ("GET", "/api/v1/catalogue"),
)
VPS = {
    "plan": "vps-1",
    "image": "debian-13",
    "location": "ams",
    "hostname": "web-1.example.com",
    "interval": "1 month",
}


def fresh_key(world: World, account: str = "ready", scopes: frozenset[str] = BOTH, **changes: Any) -> str:
    """Return a new key. Each key has its own limit of requests, so tests do not use up each other's limit."""
    return new_key(world, account, scopes=scopes, **changes)


def ask(
    world: World,
    method: str,
    path: str,
    body: Any = None,
    *,
    key: str | None = None,
    headers: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
    account: str = "ready",
) -> Reply:
    """Send a request with `key`. If it is None, a new key is used, which may order machines and domains."""
    secret = fresh_key(world, account) if key is None else key
    sent = {"authorization": f"Bearer {secret}", "content-type": "application/json", **(headers or {})}
    text = body if isinstance(body, str) or body is None else json.dumps(body)
    return send(world, method, path, headers=sent, query=query, body=text, account=None)


def data(reply: Reply, status: int = 200) -> dict[str, Any]:
    """Return `data` of a successful reply. Check that it has exactly the thirteen `FIELDS` (SQ-020, SQ-035)."""
    assert reply.status == status, reply.body
    assert set(reply.body) == {"data"}
    assert_thirteen(reply.body["data"])
    return dict(reply.body["data"])


def assert_thirteen(found: Mapping[str, Any]) -> None:
    assert list(found) == list(FIELDS)
    for name, kind in FIELDS.items():
        assert isinstance(found[name], kind) and not isinstance(found[name], bool), name


def assert_error(reply: Reply, status: int, code: str) -> None:
    """Check the three members of an error (SQ-060)."""
    assert (reply.status, reply.body.get("code")) == (status, code), reply.body
    assert set(reply.body) == {"error", "code", "status"}
    assert reply.body["status"] == status and reply.body["error"]


def order_vps(world: World, account: str = "ready", **changes: Any) -> dict[str, Any]:
    return data(ask(world, "POST", "/api/v1/orders", {**VPS, **changes}, account=account), 202)
