"""The MCP server for agents: one JSON-RPC message in each request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hosting_orders import bootstrap
from hosting_orders.contracts.mcp import protocol, requests, tools
from hosting_orders.contracts.order_status.words import SCOPES
from hosting_orders.contracts.rate_limits import LIMITS
from hosting_orders.entrypoints.http import Call, Reply, serves
from hosting_orders.entrypoints.tools import use
from hosting_orders.usecases import agents
from hosting_orders.usecases.authenticate import check_token
from hosting_orders.usecases.limit_rate import Bucket
from hosting_orders.usecases.ports import Services
from hosting_orders.usecases.show_order_status import list_order_statuses, show_order_status

bootstrap.prepare("directory", "catalogue", "orders", "counts", "key_uses", "workflow", "payments", "cipher")
bootstrap.prepare("features", "registrar", "registry_rules", "known_offers", "page_tokens", "quotes")


def work_of(services: Services, call: Call[Any], received: requests.Received) -> dict[tools.Tool, Any]:
    caller, readable = call.caller, tools.scopes_to_read(call.caller)

    def order(work: Callable[..., Any], given: Any) -> Any:
        asked = requests.agent_order(given, received.facts)
        limit, loopback = LIMITS[Bucket.REGISTRAR], bootstrap.allow_loopback_callbacks()
        return work(services, caller, asked.request, asked.scopes, limit, loopback=loopback)

    return {
        tools.GET_ORDER_STATUS: lambda given: show_order_status(services, caller, given.order, readable),
        tools.LIST_ORDERS: lambda given: list_order_statuses(
            services, caller, readable, page=None, per_page=str(given.limit), cursor=given.cursor
        ),
        tools.GET_CART_STATUS: lambda given: agents.show_cart_status(services, caller, given.cart, readable),
        tools.LIST_CATALOGUE: lambda _: agents.show_catalogue(services, caller, bootstrap.tax_is_added()),
        tools.CHECK_DOMAIN: lambda given: agents.check(
            services, caller, given.domains, LIMITS[Bucket.REGISTRAR]
        ),
        tools.QUOTE_ORDER: lambda given: order(agents.quote, given),
        tools.PLACE_ORDER: lambda given: order(agents.place, given),
        tools.CANCEL_ORDER: lambda given: agents.cancel(services, caller, given.order, SCOPES),
    }


@serves(requests.EXCHANGE)
def handler(call: Call[Any], services: Services) -> Reply:
    received = call.read()
    works = work_of(services, call, received)
    offered = {tool.name: tool for tool in works}

    def call_tool(name: str, arguments: Mapping[str, Any]) -> protocol.ToolResult:
        tool = offered[name]

        def work(given: Any) -> Any:
            check_token(call.caller.credential, tool.oauth_scope, "This tool")
            return works[tool](given)

        return use(tool, arguments, work)

    listed = protocol.Tools(tools.listed, frozenset(offered), call_tool)
    answer = protocol.exchange(received.message, call.request.headers, listed)
    return Reply(answer.status, answer.body or "")
