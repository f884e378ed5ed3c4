"""Requests with access tokens."""

from __future__ import annotations

import json
from typing import Any

from tests.conformance.contract_002.support import send
from tests.support.oauth import bearer
from tests.support.world import Reply, World


def ask(world: World, token: str, path: str = "/api/orders", **more: Any) -> Reply:
    return send(world, "GET", path, headers=bearer(world, token), account=None, **more)


def call_tool(world: World, token: str, tool: str, **arguments: Any) -> Reply:
    message = {"name": tool, "arguments": arguments}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": message}
    sent = {"authorization": f"Bearer {token}", "accept": "application/json, text/event-stream"}
    sent |= {"content-type": "application/json", "mcp-protocol-version": "2025-11-25"}
    return send(world, "POST", "/mcp", headers=sent, account=None, body=json.dumps(body))
