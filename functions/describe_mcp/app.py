"""The MCP server's routes that need no key or token. The function has no AWS permissions."""

from __future__ import annotations

from hosting_orders import bootstrap
from hosting_orders.contracts.mcp import operations
from hosting_orders.domain.account import OAUTH_SCOPES
from hosting_orders.domain.errors import MethodNotAllowedError, NotFoundError
from hosting_orders.entrypoints.http import Call, Reply, serves, together
from hosting_orders.usecases.ports import Services


@serves(operations.OPEN_STREAM, operations.END_SESSION)
def not_here(call: Call[None], services: Services) -> Reply:
    raise MethodNotAllowedError("POST")


@serves(operations.DESCRIBE_API, operations.DESCRIBE_MCP)
def metadata(call: Call[tuple[str, str, list[str]]], services: Services) -> Reply:
    issuer = bootstrap.oauth_issuer()
    if issuer is None:
        raise NotFoundError("This server accepts API keys only: no OAuth issuer is set.")
    of_mcp = call.operation is operations.DESCRIBE_MCP
    path, scopes = ("/mcp", {operations.READ_SCOPE}) if of_mcp else ("", OAUTH_SCOPES)
    named = [bootstrap.oauth_scope(scope) for scope in sorted(scopes)]
    return call.answer((call.request.origin + path, issuer, named))


handler = together(not_here, metadata)
