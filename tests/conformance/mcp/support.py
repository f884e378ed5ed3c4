"""Messages to `POST /mcp`, keys of agents, and the server over HTTP."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from hosting_orders.domain.account import SpendCap
from tests.conformance.contract_002.support import new_key, send
from tests.support.world import Reply, World

BOTH = frozenset({"vps:provision", "domains:provision"})
CAP = SpendCap("EUR", day=5_000, month=20_000)
LATEST = "2026-07-28"
WITH_HANDSHAKE = ("2025-03-26", "2025-06-18", "2025-11-25")
VM = {
    "vm": {
        "hostname": "web-1.example.com",
        "plan": "vps-1",
        "image": "debian-13",
        "location": "ams",
        "term": "monthly",
    }
}
SITE = {"site": {"name": "Shop", "variant": "vanilla", "plan": "basic", "location": "ams", "term": "monthly"}}
META = {
    "io.modelcontextprotocol/protocolVersion": LATEST,
    "io.modelcontextprotocol/clientCapabilities": {},
}


def agent_key(world: World, account: str = "ready", **changes: Any) -> str:
    """A new key that may order for 50 euros a day."""
    return new_key(world, account, **{"scopes": BOTH, "spend_cap": CAP, **changes})


def post(
    world: World,
    body: object,
    *,
    key: str | None = None,
    headers: Mapping[str, str] | None = None,
    account: str = "ready",
) -> Reply:
    """Post a body. A string is sent as it is, and any other value as JSON."""
    secret = agent_key(world, account) if key is None else key
    text = body if isinstance(body, str) else json.dumps(body)
    sent = {"authorization": f"Bearer {secret}", "content-type": "application/json", **(headers or {})}
    return send(world, "POST", "/mcp", account=None, headers={k: v for k, v in sent.items() if v}, body=text)


def message(method: str, params: Mapping[str, Any] | None = None, id: Any = 1) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": id, "method": method, "params": dict(params or {})}


def ask(
    world: World, method: str, params: Mapping[str, Any] | None = None, revision: str = LATEST, **more: Any
) -> Reply:
    """Send a request as a client of this protocol revision does."""
    given, headers = dict(params or {}), {"mcp-protocol-version": revision}
    if revision == LATEST:
        given["_meta"] = META
        headers |= {"mcp-method": method, **({"mcp-name": given["name"]} if "name" in given else {})}
    if revision == "2025-03-26":
        headers = {}
    return post(world, message(method, given), headers=headers, **more)


def use(world: World, tool: str, revision: str = LATEST, *, key: str | None = None, **arguments: Any) -> Any:
    """Call a tool and return its result."""
    reply = ask(world, "tools/call", {"name": tool, "arguments": arguments}, revision, key=key)
    assert reply.status == 200, reply.body
    return reply.body["result"]


def worked(result: Any) -> dict[str, Any]:
    assert result["isError"] is False, result
    assert json.loads(result["content"][0]["text"]) == result["structuredContent"]
    return dict(result["structuredContent"])


def refused(result: Any, code: str, money_moved: Any = False) -> dict[str, Any]:
    """Check an error. A model needs to know what happened, what to do next, and whether money moved."""
    assert result["isError"] is True, result
    error = result["structuredContent"]
    assert json.loads(result["content"][0]["text"]) == error
    assert (error["code"], error["money_moved"]) == (code, money_moved), error
    assert error["message"] and error["next_step"] and error["status"] >= 400
    return dict(error)


def quoted(world: World, key: str, *items: Any) -> dict[str, Any]:
    return worked(use(world, "quote_order", key=key, items=list(items or (VM,))))


def order_of(quote: Mapping[str, Any], *items: Any, **changes: Any) -> dict[str, Any]:
    """The arguments of place_order."""
    given = {"items": list(items or (VM,)), "quote": quote["quote"], "max_cost_cents": quote["gross_cents"]}
    return {**given, "confirm": True, **changes}


@contextmanager
def served(world: World) -> Iterator[str]:
    """Serve the world's API on this machine. Requests run concurrently."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            reply = send(
                world,
                self.command,
                self.path,
                account=None,
                headers=dict(self.headers.items()),
                body=raw.decode() or None,
            )
            body = b"" if reply.body is None else json.dumps(reply.body).encode()
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_DELETE = answer  # noqa: N815 - the base class's names

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/mcp"
        finally:
            server.shutdown()
