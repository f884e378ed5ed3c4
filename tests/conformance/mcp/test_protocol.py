"""The Model Context Protocol in each revision (docs/agents.md, Protocol)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hosting_orders.contracts.mcp import protocol
from tests.conformance.contract_002.support import new_key, oauth, send, state_of
from tests.conformance.mcp.support import (
    LATEST,
    META,
    WITH_HANDSHAKE,
    agent_key,
    ask,
    message,
    order_of,
    post,
    quoted,
    use,
)
from tests.support.world import World

INITIALIZE = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "t", "version": "1"},
}
METADATA = "/.well-known/oauth-protected-resource"


def error_of(reply: Any, status: int, number: int, id: Any = 1) -> dict[str, Any]:
    assert (reply.status, reply.body["error"]["code"]) == (status, number), reply.body
    assert reply.body["jsonrpc"] == "2.0" and reply.body["id"] == id and reply.body["error"]["message"]
    return dict(reply.body["error"])


@pytest.mark.parametrize("wanted", WITH_HANDSHAKE)
def test_initialize_echoes_a_known_revision(world: World, wanted: str) -> None:
    reply = post(world, message("initialize", {**INITIALIZE, "protocolVersion": wanted}))
    assert reply.status == 200
    assert reply.body["result"]["protocolVersion"] == wanted
    assert reply.body["result"]["capabilities"]["tools"] == {"listChanged": False}
    assert "mcp-session-id" not in reply.headers


@pytest.mark.parametrize("wanted", ["2024-11-05", "2099-01-01", LATEST])
def test_initialize_offers_the_newest_revision_with_a_handshake(world: World, wanted: str) -> None:
    reply = post(world, message("initialize", {**INITIALIZE, "protocolVersion": wanted}))
    assert reply.body["result"]["protocolVersion"] == "2025-11-25"


@pytest.mark.parametrize("revision", WITH_HANDSHAKE)
def test_ping_and_the_list_of_tools_need_no_session(world: World, revision: str) -> None:
    assert ask(world, "ping", revision=revision).body["result"] == {}
    names = [tool["name"] for tool in ask(world, "tools/list", revision=revision).body["result"]["tools"]]
    assert "place_order" in names


def test_a_stateless_client_discovers_the_server(world: World) -> None:
    result = ask(world, "server/discover").body["result"]
    assert result["resultType"] == "complete"
    assert result["supportedVersions"] == list(protocol.SPOKEN)
    assert result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"] == "hosting-orders"
    assert result["ttlMs"] > 0 and result["cacheScope"] == "public"
    listed = ask(world, "tools/list").body["result"]
    assert listed["resultType"] == "complete" and listed["cacheScope"] == "public"


@pytest.mark.parametrize("method", ["initialize", "ping", "logging/setLevel", "subscriptions/listen", "x"])
def test_a_stateless_client_gets_a_404_for_an_unknown_method(world: World, method: str) -> None:
    error = error_of(ask(world, method), 404, -32601)
    if method == "initialize":
        assert error["data"]["supported"] == list(protocol.SPOKEN)


@pytest.mark.parametrize("revision", WITH_HANDSHAKE)
def test_a_client_with_a_handshake_gets_a_200_with_the_error(world: World, revision: str) -> None:
    """In these revisions, the error for an unknown method is in the body, and the HTTP status is 200."""
    for method in ("server/discover", "resources/list", "tools/Call"):
        error_of(ask(world, method, revision=revision), 200, -32601)


@pytest.mark.parametrize("method", ["notifications/initialized", "notifications/cancelled", "anything"])
@pytest.mark.parametrize("revision", [None, "2025-11-25", LATEST])
def test_a_notification_is_accepted_without_a_body(world: World, method: str, revision: str | None) -> None:
    headers = {"mcp-protocol-version": revision} if revision else {}
    reply = post(world, {"jsonrpc": "2.0", "method": method}, headers=headers)
    assert (reply.status, reply.body) == (202, None)
    assert "content-type" not in reply.headers


@pytest.mark.parametrize("revision", ["1900-01-01", "2024-11-05", "x", "2025-11-25,2025-11-25"])
def test_the_error_for_an_unknown_revision_lists_the_known_ones(world: World, revision: str) -> None:
    reply = post(world, message("tools/list"), headers={"mcp-protocol-version": revision})
    error = error_of(reply, 400, -32022)
    assert error["data"] == {"supported": list(protocol.SPOKEN), "requested": revision}
    for spoken in protocol.SPOKEN:
        assert spoken in error["message"]
    notification = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    refused = post(world, notification, headers={"mcp-protocol-version": revision})
    error_of(refused, 400, -32022, id=None)


STATELESS = {"mcp-protocol-version": LATEST, "mcp-method": "tools/call", "mcp-name": "list_orders"}


@pytest.mark.parametrize(
    ("headers", "meta", "number"),
    [
        ({"mcp-method": ""}, META, -32020),
        ({"mcp-method": "tools/list"}, META, -32020),
        ({"mcp-method": "Tools/Call"}, META, -32020),
        ({"mcp-name": ""}, META, -32020),
        ({"mcp-name": "place_order"}, META, -32020),
        ({"mcp-name": "=?base64?bGlzdF9vcmRlcnM!?="}, META, -32020),
        ({"mcp-protocol-version": ""}, META, -32020),
        ({"mcp-protocol-version": "2025-11-25"}, META, -32020),
        ({}, {**META, "io.modelcontextprotocol/protocolVersion": "2025-11-25"}, -32020),
        ({}, {}, -32602),
        ({}, [], -32602),
        ({}, {**META, "io.modelcontextprotocol/clientCapabilities": []}, -32602),
    ],
)
def test_headers_and_body_must_agree(world: World, headers: Any, meta: Any, number: int) -> None:
    body = message("tools/call", {"name": "list_orders", "arguments": {}, "_meta": meta})
    error_of(post(world, body, headers={**STATELESS, **headers}), 400, number)


def test_the_name_of_a_tool_may_be_encoded(world: World) -> None:
    body = message("tools/call", {"name": "list_orders", "arguments": {}, "_meta": META})
    reply = post(world, body, headers={**STATELESS, "mcp-name": "=?base64?bGlzdF9vcmRlcnM=?="})
    assert reply.body["result"]["isError"] is False


@pytest.mark.parametrize(
    ("body", "number"),
    [
        ("{", -32700),
        ("", -32700),
        ('{"jsonrpc": "2.0", "jsonrpc": "2.0"}', -32700),
        ("[" * 40 + "]" * 40, -32700),
        ('{"jsonrpc": "2.0", "id": 1, "id": 2, "method": "ping"}', -32700),
        ("[]", -32600),
        ('"ping"', -32600),
        ("null", -32600),
        (json.dumps([message("ping")]), -32600),  # a batch
        ({"jsonrpc": "2.0", "id": None, "method": "ping"}, -32600),
        ({"jsonrpc": "2.0", "id": True, "method": "ping"}, -32600),
        ({"jsonrpc": "2.0", "id": 1.5, "method": "ping"}, -32600),
        ({"jsonrpc": "2.0", "id": {}, "method": "ping"}, -32600),
        ({"jsonrpc": "2.0", "id": 1, "method": 7}, -32600),
        ({"jsonrpc": "2.0", "id": 1, "result": {}}, -32600),  # a response: the server sends no requests
    ],
)
def test_an_invalid_message_gets_the_error_of_json_rpc(world: World, body: Any, number: int) -> None:
    before = state_of(world)
    error_of(post(world, body, key=agent_key(world)), 400, number, id=None)
    # The key that the test made is the only write.
    assert state_of(world)["writes"] == before["writes"] + 1


@pytest.mark.parametrize("id", ["a", 0, 2**60])
def test_a_refusal_has_the_id_of_its_request(world: World, id: Any) -> None:
    for wrong in ({"jsonrpc": "1.0"}, {"params": []}):
        error_of(post(world, {**message("ping", id=id), **wrong}), 400, -32600, id=id)
    asked = message("ping", id=id)
    error_of(post(world, asked, headers={"authorization": ""}), 401, 401, id=id)
    error_of(post(world, asked, headers={"origin": "https://evil.example"}), 403, 403, id=id)
    error_of(post(world, asked, headers={"accept": "text/html"}), 406, 406, id=id)


@pytest.mark.parametrize(
    "body",
    ["[" * 60_000, '{"id":' * 10_000, '{"method": "x", "id": ' + "9" * 60_000 + "}", "\0", "", '{"id": 1}'],
)
def test_a_refusal_has_no_id_if_the_body_is_no_request(world: World, body: str) -> None:
    error_of(post(world, body, headers={"authorization": ""}), 401, 401, id=None)


def test_an_oversized_body_is_refused(world: World) -> None:
    error_of(post(world, message("ping", {"x": "y" * 70_000})), 413, -32600, id=None)


@pytest.mark.parametrize("id", ["a", "", 0, -1, 2**60])
def test_the_id_comes_back_unchanged(world: World, id: Any) -> None:
    reply = post(world, message("ping", id=id))
    assert reply.body == {"jsonrpc": "2.0", "id": id, "result": {}}


@pytest.mark.parametrize(
    "params", [{}, {"name": 7}, {"name": "nothing"}, {"name": "list_orders", "arguments": []}]
)
def test_an_unknown_tool_is_an_error_of_the_protocol(world: World, params: Any) -> None:
    reply = post(world, message("tools/call", params), headers={"mcp-protocol-version": "2025-11-25"})
    error_of(reply, 200, -32602)


@pytest.mark.parametrize("revision", [*WITH_HANDSHAKE, LATEST])
def test_invalid_arguments_are_reported_as_the_revision_says(world: World, revision: str) -> None:
    reply = ask(world, "tools/call", {"name": "get_order_status", "arguments": {"id": "1"}}, revision)
    if revision in ("2025-03-26", "2025-06-18"):
        assert error_of(reply, 200, -32602)["data"]["fields"] == ["/order", "/id"]
    else:
        result = reply.body["result"]
        assert result["isError"] and result["structuredContent"]["fields"] == ["/order", "/id"]


def test_a_cursor_of_the_list_of_tools_is_refused(world: World) -> None:
    error_of(ask(world, "tools/list", {"cursor": "2"}), 400, -32602)


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_there_is_no_stream_and_no_session(world: World, method: str) -> None:
    reply = send(world, method, "/mcp", account=None, headers={"accept": "text/event-stream"})
    error_of(reply, 405, 405, id=None)
    assert reply.headers["allow"] == "POST"


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "http://api.example.com",
        "https://api.example.com.evil",
        "null",
        "[",
        "https://[",
    ],
)
def test_a_foreign_origin_is_refused_with_or_without_a_key(world: World, origin: str) -> None:
    error_of(post(world, message("ping"), headers={"origin": origin}), 403, 403)
    error_of(post(world, message("ping"), headers={"origin": origin, "authorization": ""}), 403, 403)
    error_of(send(world, "GET", "/mcp", account=None, headers={"origin": origin}), 403, 403, id=None)


def test_our_own_origin_is_accepted(world: World) -> None:
    assert post(world, message("ping"), headers={"origin": "https://api.example.com"}).status == 200


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("application/json, text/event-stream", 200),
        ("text/event-stream;q=0.5, APPLICATION/JSON;q=0.9", 200),
        ("*/*", 200),
        ("application/*", 200),
        ("text/event-stream", 406),
        ("text/html", 406),
    ],
)
def test_the_answer_is_json_or_a_406(world: World, accept: str, status: int) -> None:
    assert post(world, message("ping"), headers={"accept": accept}).status == status


@pytest.mark.parametrize("authorization", ["", "Bearer nothing", "Basic eDp5"])
def test_a_request_without_a_valid_key_gets_a_401(world: World, authorization: str) -> None:
    reply = post(world, message("ping"), headers={"authorization": authorization})
    error = error_of(reply, 401, 401)
    assert error["data"]["code"] == "unauthorized"
    assert reply.headers["www-authenticate"].split(" ")[0] == "Bearer"
    assert "resource_metadata" not in reply.headers["www-authenticate"]


def test_without_an_issuer_the_oauth_metadata_is_not_found(world: World) -> None:
    for path in (METADATA, f"{METADATA}/mcp"):
        error_of(send(world, "GET", path, account=None), 404, 404, id=None)


def test_an_oauth_client_is_sent_to_the_issuer(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OAUTH_ISSUER", "https://login.example.com")
    reply = post(world, message("ping"), headers={"authorization": ""})
    address = f"https://api.example.com{METADATA}/mcp"
    where = f'resource_metadata="{address}", scope="billing:read"'
    assert reply.headers["www-authenticate"] == f"Bearer {where}"
    wrong = post(world, message("ping"), headers={"authorization": "Bearer x"})
    assert wrong.headers["www-authenticate"] == f'Bearer error="invalid_token", {where}'
    shown = send(world, "GET", f"{METADATA}/mcp", account=None)
    assert shown.status == 200
    assert shown.body == {
        "resource": "https://api.example.com/mcp",
        "resource_name": "Hosting Orders",
        "authorization_servers": ["https://login.example.com"],
        "scopes_supported": ["billing:read"],
        "bearer_methods_supported": ["header"],
    }
    assert send(world, "GET", METADATA, account=None).body["resource"] == "https://api.example.com"


def test_an_oauth_token_needs_its_scope_for_every_message(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scope is `billing:read`."""
    monkeypatch.setenv("OAUTH_ISSUER", "https://login.example.com")
    without = oauth(world, "account:read")["authorization"].removeprefix("Bearer ")
    reply = ask(world, "tools/list", key=without)
    error_of(reply, 403, 403)
    # The client then asks the issuer for a token with the scope (RFC 6750, section 3.1).
    challenge = reply.headers["www-authenticate"]
    assert challenge.startswith('Bearer error="insufficient_scope", resource_metadata="')
    assert challenge.endswith('scope="billing:read"')
    token = oauth(world, "billing:read")["authorization"].removeprefix("Bearer ")
    assert ask(world, "tools/list", key=token).status == 200


def test_a_key_of_several_accounts_is_refused(world: World) -> None:
    error_of(ask(world, "ping", key=new_key(world, "ready", "sepa")), 401, 401)


def test_each_key_has_its_own_rate_limit(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world, "limited", True)
    key = agent_key(world)
    first = post(world, message("ping"), key=key)
    assert first.headers["x-ratelimit-limit"] == "120"
    for _ in range(119):
        assert post(world, message("ping"), key=key).status == 200
    last = post(world, message("ping"), key=key)
    error_of(last, 429, 429)
    assert int(last.headers["retry-after"]) > 0
    assert post(world, message("ping")).status == 200


def test_an_internal_error_says_whether_money_may_have_moved(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("secret detail")

    key = agent_key(world)
    arguments = order_of(quoted(world, key))
    monkeypatch.setattr("hosting_orders.usecases.agents.place_cart", broken)
    reply = ask(world, "tools/call", {"name": "place_order", "arguments": arguments}, key=key)
    error = error_of(reply, 500, -32603)
    assert (error["data"]["code"], error["data"]["money_moved"]) == ("internal_error", "unknown")
    assert "secret" not in json.dumps(reply.body)
    monkeypatch.setattr("hosting_orders.usecases.agents.show_cart", broken)
    reply = ask(world, "tools/call", {"name": "get_cart_status", "arguments": {"cart": "x"}})
    assert error_of(reply, 500, -32603)["data"]["money_moved"] is False


def test_a_read_only_tool_writes_nothing(world: World) -> None:
    key = agent_key(world)
    before = state_of(world)
    for tool in ("list_orders", "list_catalogue"):
        use(world, tool, key=key)
    assert state_of(world) == before
