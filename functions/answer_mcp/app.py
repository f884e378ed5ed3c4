"""The MCP server for agents: one JSON-RPC message in each request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hosting_orders import bootstrap
from hosting_orders.contracts.mcp import operations, protocol, requests, tools
from hosting_orders.contracts.order_status.words import SCOPES
from hosting_orders.contracts.problem import Problem
from hosting_orders.domain.errors import MethodNotAllowedError, NotFoundError
from hosting_orders.entrypoints.attempt import attempt
from hosting_orders.entrypoints.http import Call, Reply, serves, together
from hosting_orders.usecases import agents
from hosting_orders.usecases.check_domains import check_domains
from hosting_orders.usecases.ports import Services
from hosting_orders.usecases.show_order_status import list_order_statuses, show_order_status

bootstrap.prepare("directory", "catalogue", "orders", "counts", "workflow", "payments", "cipher")
bootstrap.prepare("features", "registrar", "registry_rules", "known_offers", "page_tokens", "quotes")


def _order(work: Any, services: Services, call: Call[Any], given: Any) -> Any:
    order = requests.agent_order(given, call.read().facts)
    return work(
        services,
        call.caller,
        order.request,
        order.scopes,
        with_domain=order.with_domain,
        allow_loopback_callbacks=bootstrap.allow_loopback_callbacks(),
    )


HANDLES: dict[tools.Tool, Any] = {
    tools.GET_ORDER_STATUS: lambda services, call, given: show_order_status(
        services, call.caller, given.order, tools.scopes_to_read(call.caller)
    ),
    tools.LIST_ORDERS: lambda services, call, given: list_order_statuses(
        *(services, call.caller, tools.scopes_to_read(call.caller)),
        page=None,
        per_page=str(given.limit),
        cursor=given.cursor,
    ),
    tools.GET_CART_STATUS: lambda services, call, given: agents.show_cart_status(
        services, call.caller, given.cart, tools.scopes_to_read(call.caller)
    ),
    tools.LIST_CATALOGUE: lambda services, call, _: agents.catalogue_for_agent(
        services, call.caller, tax_is_added=bootstrap.tax_is_added()
    ),
    tools.CHECK_DOMAIN: lambda services, call, given: check_domains(services, call.account, given.domains),
    tools.QUOTE_ORDER: lambda *given: _order(agents.quote_for_agent, *given),
    tools.PLACE_ORDER: lambda *given: _order(agents.place_for_agent, *given),
    tools.CANCEL_ORDER: lambda services, call, given: agents.cancel_for_agent(
        services, call.caller, given.order, SCOPES
    ),
}


@serves(requests.EXCHANGE)
def messages(call: Call[Any], services: Services) -> Reply:
    def use(name: str, arguments: Mapping[str, Any]) -> protocol.ToolResult:
        tool = tools.TOOLS[name]
        given = attempt(lambda: requests.arguments_of(tool.takes, arguments))
        if isinstance(given, Problem):
            return tool.refused(given, wrong_arguments=True)
        view = attempt(lambda: HANDLES[tool](services, call, given))
        return tool.refused(view) if isinstance(view, Problem) else tool.succeeded(view)

    offered = protocol.Tools(tools.listed, frozenset(tools.TOOLS), use)
    answer = protocol.exchange(call.read().message, call.request.headers, offered)
    return Reply(answer.status, answer.body if answer.body is not None else "")


@serves(operations.OPEN_STREAM, operations.END_SESSION)
def not_here(call: Call[None], services: Services) -> Reply:
    raise MethodNotAllowedError("POST")


@serves(operations.DESCRIBE_API, operations.DESCRIBE_MCP)
def metadata(call: Call[tuple[str, str]], services: Services) -> Reply:
    issuer = bootstrap.oauth_issuer()
    if issuer is None:
        raise NotFoundError("This server accepts API keys only: no OAuth issuer is set.")
    path = "/mcp" if call.operation is operations.DESCRIBE_MCP else ""
    return call.answer((call.request.origin + path, issuer))


handler = together(messages, not_here, metadata)
