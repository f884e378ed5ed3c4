"""The HTTP side of the MCP server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NotRequired
from urllib.parse import urlsplit

from typing_extensions import TypedDict

from hosting_orders.contracts.operation import Access, Contract, Operation
from hosting_orders.contracts.order_status.callbacks import callback_body
from hosting_orders.contracts.rate_limits import LIMITS, x_headers
from hosting_orders.domain.account import AccountFrom
from hosting_orders.domain.codes import Code
from hosting_orders.domain.errors import AccessDeniedError

from .errors import error

READ_SCOPE = "billing:read"
_METADATA = "/.well-known/oauth-protected-resource"


def _gate(headers: Mapping[str, str], origin: str) -> None:
    """Raises AccessDeniedError for a request from another site's web page."""
    sender, ours = headers.get("origin", "").strip().lower(), urlsplit(origin.lower())
    if sender and sender != f"{ours.scheme}://{ours.netloc}":
        raise AccessDeniedError(
            Code.FOREIGN_ORIGIN, "Web pages of other sites cannot use this server: send no `Origin` header."
        )


def _challenge(origin: str) -> str:
    # entrypoints/http.py adds the scope, as it does for every contract.
    return f'resource_metadata="{origin}{_METADATA}/mcp"'


CONTRACT = Contract(
    "mcp",
    "MCP server",
    version=None,
    paths=("/mcp", "/.well-known"),
    error=error,
    callback=callback_body,
    limits=LIMITS,
    limit_headers=x_headers,
    gate=_gate,
    challenge=_challenge,
)


class ErrorObject(TypedDict):
    code: int
    message: str
    data: NotRequired[dict[str, Any]]


class MessageAnswer(TypedDict):
    """A JSON-RPC response. The id is null if the request had no readable id."""

    jsonrpc: str
    id: str | int | None
    result: NotRequired[dict[str, Any]]
    error: NotRequired[ErrorObject]


def exchanged(answer: MessageAnswer) -> MessageAnswer:
    return answer


EXCHANGE = Operation(
    route="POST /mcp",
    heading="One JSON-RPC message of the Model Context Protocol",
    contract=CONTRACT,
    access=Access(scope=READ_SCOPE, account=AccountFrom.KEY, scoped=True),
    answers=MessageAnswer,
    render=exchanged,
    body=True,
    refuses=(Code.FOREIGN_ORIGIN, Code.NOT_ACCEPTABLE, Code.SPEND_CAP_REQUIRED),
    ours=True,
)
_NOT_HERE: dict[str, Any] = {
    "heading": "The server has no stream and no session",
    "contract": CONTRACT,
    "access": None,
    "refuses": (Code.METHOD_NOT_ALLOWED, Code.FOREIGN_ORIGIN),
    "ours": True,
}
OPEN_STREAM: Operation[None] = Operation(route="GET /mcp", **_NOT_HERE)
END_SESSION: Operation[None] = Operation(route="DELETE /mcp", **_NOT_HERE)


class ProtectedResource(TypedDict):
    """RFC 9728."""

    resource: str
    resource_name: str
    authorization_servers: list[str]
    scopes_supported: list[str]
    bearer_methods_supported: list[str]


def protected_resource(found: tuple[str, str, list[str]]) -> ProtectedResource:
    resource, issuer, scopes = found
    return {
        "resource": resource,
        "resource_name": "Hosting Orders",
        "authorization_servers": [issuer],
        "scopes_supported": scopes,
        "bearer_methods_supported": ["header"],
    }


_DESCRIBED: dict[str, Any] = {
    "heading": "Where an OAuth client gets a token (RFC 9728)",
    "contract": CONTRACT,
    "access": None,
    "answers": ProtectedResource,
    "render": protected_resource,
    "refuses": (Code.NOT_FOUND, Code.FOREIGN_ORIGIN),
    "ours": True,
}
DESCRIBE_API: Operation[tuple[str, str, list[str]]] = Operation(route=f"GET {_METADATA}", **_DESCRIBED)
DESCRIBE_MCP: Operation[tuple[str, str, list[str]]] = Operation(route=f"GET {_METADATA}/mcp", **_DESCRIBED)

OPERATIONS: tuple[Operation[Any], ...] = (EXCHANGE, OPEN_STREAM, END_SESSION, DESCRIBE_API, DESCRIBE_MCP)
