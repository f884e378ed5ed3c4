"""The official SDK accepts our messages: its types validate them, and its client places orders over HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest
from httpx2 import AsyncClient
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp.types import (
    CallToolResult,
    DiscoverResult,
    InitializeResult,
    JSONRPCError,
    JSONRPCResponse,
    ListToolsResult,
)
from mcp.types.version import KNOWN_PROTOCOL_VERSIONS

from hosting_orders.contracts.mcp import protocol
from hosting_orders.domain.account import SpendCap
from tests.conformance.contract_002.support import state_of
from tests.conformance.mcp.support import (
    LATEST,
    SITE,
    VM,
    WITH_HANDSHAKE,
    agent_key,
    ask,
    message,
    order_of,
    post,
)
from tests.support.world import World

T = TypeVar("T")
PRICE = 600  # the price of VM, in cents


def with_client(address: str, key: str, mode: str, work: Callable[[Client], Awaitable[T]]) -> T:
    """Connect as an agent does, and validate each answer against the tool's schema."""

    async def connected() -> T:
        async with AsyncClient(headers={"Authorization": f"Bearer {key}"}, timeout=60) as http:
            transport = streamable_http_client(address, http_client=http)
            async with Client(transport, mode=mode, cache=None) as client:
                await client.list_tools()  # the client needs the schemas to validate answers
                return await work(client)

    return asyncio.run(connected())


async def call(client: Client, tool: str, **arguments: Any) -> CallToolResult:
    result = await client.call_tool(tool, arguments)
    assert isinstance(result, CallToolResult)
    return result


async def content(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    result = await call(client, tool, **arguments)
    assert not result.is_error, result
    assert isinstance(result.structured_content, dict)
    return result.structured_content


def test_the_sdk_knows_all_our_revisions_and_no_newer_one() -> None:
    assert set(protocol.SPOKEN) <= set(KNOWN_PROTOCOL_VERSIONS)
    assert protocol.SPOKEN[-1] == KNOWN_PROTOCOL_VERSIONS[-1], "a newer revision exists: read its changes"


@pytest.mark.parametrize("revision", [*WITH_HANDSHAKE, LATEST])
def test_answers_have_the_types_of_the_sdk(world: World, revision: str) -> None:
    def result(method: str, params: Any = None) -> Any:
        return JSONRPCResponse.model_validate(ask(world, method, params, revision).body).result

    listed = ListToolsResult.model_validate(result("tools/list"))
    assert len(listed.tools) == 8
    used = CallToolResult.model_validate(result("tools/call", {"name": "list_orders", "arguments": {}}))
    assert used.structured_content is not None and used.is_error is False
    refused = {"name": "get_order_status", "arguments": {"order": "x"}}
    assert CallToolResult.model_validate(result("tools/call", refused)).is_error is True
    JSONRPCError.model_validate(ask(world, "resources/list", None, revision).body)
    if revision == LATEST:
        found = DiscoverResult.model_validate(result("server/discover"))
        assert LATEST in found.supported_versions
    else:
        started = {
            "protocolVersion": revision,
            "capabilities": {},
            "clientInfo": {"name": "t", "version": "1"},
        }
        InitializeResult.model_validate(post(world, message("initialize", started)).body["result"])


@pytest.mark.parametrize("body", ["{", "[]", json.dumps({"jsonrpc": "2.0", "id": None, "method": "ping"})])
def test_refusals_have_the_types_of_the_sdk(world: World, body: str) -> None:
    JSONRPCError.model_validate(post(world, body).body)
    JSONRPCError.model_validate(post(world, body, headers={"authorization": ""}).body)


@pytest.mark.parametrize(("mode", "revision"), [("legacy", "2025-11-25"), ("auto", LATEST), (LATEST, LATEST)])
def test_the_client_of_the_sdk_connects(world: World, address: str, mode: str, revision: str) -> None:
    async def work(client: Client) -> None:
        assert client.protocol_version == revision
        assert len((await client.list_tools()).tools) == 8
        assert (await content(client, "list_catalogue"))["currency"] == "EUR"
        assert (await call(client, "get_order_status", order="x")).is_error
        with pytest.raises(MCPError) as unknown:
            await call(client, "nothing")
        assert unknown.value.code == -32602

    with_client(address, agent_key(world), mode, work)


@pytest.mark.parametrize("mode", ["legacy", "auto"])
def test_the_client_shows_the_error_for_a_wrong_key(address: str, mode: str) -> None:
    async def work(client: Client) -> None:
        raise AssertionError("connected without a key")

    with pytest.raises(BaseException) as failed:
        with_client(address, "sq_test_wrong", mode, work)
    assert "A valid API key is required" in everything(failed.value)


def everything(error: BaseException) -> str:
    inner = getattr(error, "exceptions", ())
    return " ".join([str(error), *(everything(each) for each in inner)])


@pytest.mark.parametrize("mode", ["legacy", "auto"])
def test_the_spend_cap_stops_an_agent_after_two_orders(world: World, address: str, mode: str) -> None:
    key = agent_key(world, spend_cap=SpendCap("EUR", day=2 * PRICE + 100))
    before = len(state_of(world)["stripe"]["charge"])

    async def work(client: Client) -> list[str]:
        ordered = []
        for _ in range(2):
            quote = await content(client, "quote_order", items=[VM])
            cart = await content(client, "place_order", **order_of(quote))
            ordered.append(cart["orders"][0]["id"])
        quote = await content(client, "quote_order", items=[VM])
        assert quote["spend_cap_left"]["day_cents"] == 100
        stopped = await call(client, "place_order", **order_of(quote))
        assert stopped.is_error and stopped.structured_content is not None
        assert stopped.structured_content["code"] == "spend_cap_exceeded"
        assert stopped.structured_content["remaining"] == 100
        assert stopped.structured_content["money_moved"] is False
        return ordered

    ordered = with_client(address, key, mode, work)
    world.run()
    assert len(state_of(world)["stripe"]["charge"]) == before + 2

    async def follow(client: Client) -> None:
        for order in ordered:
            assert (await content(client, "get_order_status", order=order))["status"] == "COMPLETED"

    with_client(address, key, mode, follow)


def test_concurrent_orders_cannot_exceed_the_spend_cap(world: World, address: str) -> None:
    key = agent_key(world, spend_cap=SpendCap("EUR", day=4_000, month=3 * 1_200))
    before = len(state_of(world)["stripe"]["charge"])

    async def work(client: Client) -> list[CallToolResult]:
        quotes = [await content(client, "quote_order", items=[SITE]) for _ in range(20)]
        return await asyncio.gather(
            *(call(client, "place_order", **order_of(quote, SITE)) for quote in quotes)
        )

    results = with_client(address, key, "auto", work)
    assert sum(not result.is_error for result in results) == 3
    codes = {result.structured_content["code"] for result in results if result.is_error}
    assert codes == {"spend_cap_exceeded"}
    world.run()
    assert len(state_of(world)["stripe"]["charge"]) == before + 3
