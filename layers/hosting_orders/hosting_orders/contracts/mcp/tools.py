"""Each tool as data: its description for a model, its arguments and its result."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from hosting_orders.contracts.order_status.orders import OrderStatusData
from hosting_orders.contracts.order_status.words import SCOPES
from hosting_orders.contracts.orders_v2.carts import CartEnvelope
from hosting_orders.contracts.orders_v2.domain_checks import DomainChecks
from hosting_orders.contracts.problem import Problem

from . import answers, requests
from .errors import ToolError, tool_error
from .operations import READ_SCOPE
from .protocol import ToolResult
from .schemas import schema_of

if TYPE_CHECKING:
    from hosting_orders.usecases.authenticate import Caller
    from hosting_orders.usecases.show_order_status import Scopes


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Tool:
    name: str
    title: str
    description: str
    takes: type[Any]
    answers: type
    render: Callable[[Any], Any]
    notes: Callable[[Any], list[str]] = lambda _: []
    reads: bool = True  # changes nothing
    destructive: bool = False
    idempotent: bool = True
    oauth_scope: str | None = None  # the scope that a token needs; if None, tokens are refused
    asks_others: bool = False  # the answer comes from a provider: Stripe or the registrar
    moves_money: bool = False

    def read(self, arguments: Mapping[str, Any]) -> Any:
        return requests.arguments_of(self.takes, arguments)

    def succeeded(self, view: Any) -> ToolResult:
        structured = self.render(view)
        return ToolResult(structured, (_text(structured), *self.notes(view)))

    def refused(self, problem: Problem, *, wrong_arguments: bool = False) -> ToolResult:
        found = tool_error(problem, moves_money=self.moves_money)
        return ToolResult(
            found,
            (_text(found),),
            is_error=True,
            wrong_arguments=wrong_arguments,
            failed=problem.status == 500,
        )

    def published(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "title": self.title,
            "description": self.description,
            "inputSchema": schema_of(self.takes),
            # Clients check error results against this schema too, so it allows a result or an error.
            "outputSchema": {
                "type": "object",
                "anyOf": [
                    schema_of(self.answers, output=True),
                    {**schema_of(ToolError, output=True), "additionalProperties": True},
                ],
            },
            "annotations": {
                "title": self.title,
                "readOnlyHint": self.reads,
                "destructiveHint": self.destructive,
                "idempotentHint": self.idempotent,
                "openWorldHint": self.asks_others,
            },
        }


def _text(structured: Mapping[str, Any]) -> str:
    return json.dumps(structured, ensure_ascii=False)


def scopes_to_read(caller: Caller) -> Scopes:
    # A key with `billing:read` reads every order. Other keys read only orders of the products that their scopes name
    # (SQ-010, SQ-011).
    return dict.fromkeys(SCOPES, READ_SCOPE) if caller.may(READ_SCOPE) else SCOPES


GET_ORDER_STATUS = Tool(
    name="get_order_status",
    title="Get the status of an order",
    description="Returns the status, the price and, once delivered, the resource of one order.",
    takes=requests.GetOrderStatus,
    answers=OrderStatusData,
    render=answers.status,
    oauth_scope=READ_SCOPE,
    notes=answers.status_notes,
)
LIST_ORDERS = Tool(
    name="list_orders",
    title="List orders",
    description="Returns the account's orders, the newest first.",
    takes=requests.ListOrders,
    answers=answers.Orders,
    render=answers.listing,
    oauth_scope=READ_SCOPE,
)
GET_CART_STATUS = Tool(
    name="get_cart_status",
    title="Get the status of a cart",
    description="Returns the payment and the orders of one place_order call, and where a person pays.",
    takes=requests.GetCartStatus,
    answers=CartEnvelope,
    render=answers.cart,
    oauth_scope=READ_SCOPE,
    notes=answers.cart_notes,
)
LIST_CATALOGUE = Tool(
    name="list_catalogue",
    title="List what can be ordered",
    description="Returns plans, locations, images and domain endings, with this account's net prices.",
    takes=requests.ListCatalogue,
    answers=answers.OnSale,
    render=answers.catalogue,
    oauth_scope=READ_SCOPE,
)
CHECK_DOMAIN = Tool(
    name="check_domain",
    title="Check domains",
    description="Returns for each domain whether it can be registered, and its yearly prices without tax.",
    takes=requests.CheckDomain,
    answers=DomainChecks,
    render=answers.domains,
    oauth_scope=READ_SCOPE,
    notes=answers.domain_notes,
    asks_others=True,
)
QUOTE_ORDER = Tool(
    name="quote_order",
    title="Quote an order",
    description=(
        "Returns the price with tax, the terms, and a quote that holds this price for five minutes. "
        "Orders and charges nothing."
    ),
    takes=requests.QuoteOrder,
    answers=answers.Quoted,
    render=answers.quoted,
    notes=answers.quote_notes,
    idempotent=False,  # each call makes another quote
    asks_others=True,
)
PLACE_ORDER = Tool(
    name="place_order",
    title="Place an order and pay for it",
    description=(
        "Orders the items of a quote and charges the account's payment method. Call it only after a person has "
        "agreed to the price and the terms. Needs an API key with a spend cap. The same quote never orders twice, "
        "so after a lost answer send the same call again."
    ),
    takes=requests.PlaceOrder,
    answers=CartEnvelope,
    render=answers.placed,
    notes=answers.placed_notes,
    reads=False,
    destructive=True,
    asks_others=True,
    moves_money=True,
)
CANCEL_ORDER = Tool(
    name="cancel_order",
    title="Cancel an order",
    description="Cancels an order whose delivery has not begun. Money that was paid goes back.",
    takes=requests.CancelOrder,
    answers=OrderStatusData,
    render=answers.status,
    notes=answers.cancel_notes,
    reads=False,
    destructive=True,
    moves_money=True,
)

TOOLS = {
    tool.name: tool
    for tool in (
        *(GET_ORDER_STATUS, LIST_ORDERS, GET_CART_STATUS, LIST_CATALOGUE, CHECK_DOMAIN),
        *(QUOTE_ORDER, PLACE_ORDER, CANCEL_ORDER),
    )
}


@cache
def listed() -> list[Mapping[str, Any]]:
    return [tool.published() for tool in TOOLS.values()]
