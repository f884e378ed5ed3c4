"""An agent orders from the stack of `make run` with the MCP SDK's client, and the order is delivered."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from httpx2 import AsyncClient
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from local.demo import DemoAccounts
from local.stack import Stack

PATIENCE_SECONDS = 60.0
ITEMS = [{"site": {"name": "x", "variant": "vanilla", "plan": "basic", "location": "ams", "term": "monthly"}}]


async def use(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    result = await client.call_tool(tool, arguments)
    found = result.structured_content
    assert isinstance(found, dict) and not result.is_error, result
    return found


@pytest.mark.parametrize("mode", ["legacy", "auto"])
def test_an_agent_gets_a_quote_and_places_an_order(stack: Stack, accounts: DemoAccounts, mode: str) -> None:
    async def work() -> dict[str, Any]:
        key = accounts["ready"]["agent_key"]
        async with AsyncClient(headers={"Authorization": f"Bearer {key}"}, timeout=60) as http:
            transport = streamable_http_client(f"{stack.api}/mcp", http_client=http)
            async with Client(transport, mode=mode) as client:
                await client.list_tools()
                quote = await use(client, "quote_order", items=ITEMS)
                order = {"items": ITEMS, "quote": quote["quote"], "max_cost_cents": quote["gross_cents"]}
                cart = await use(client, "place_order", **order, confirm=True)
                assert cart["payment"]["status"] == "succeeded"
                assert await use(client, "place_order", **order, confirm=True)
                deadline = time.monotonic() + PATIENCE_SECONDS
                while True:
                    shown = await use(client, "get_order_status", order=cart["orders"][0]["id"])
                    if shown["status"] == "COMPLETED" or time.monotonic() > deadline:
                        return shown
                    await asyncio.sleep(0.3)

    shown = asyncio.run(work())
    assert (shown["status"], shown["channel"]) == ("COMPLETED", "mcp")
