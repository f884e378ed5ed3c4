"""A new contract (a published API) needs a folder, a line in `published.py`, and a line in each function serving it.

This file contains two contracts. The operations of the first contract share their routes with a published contract.
The second contract has no operations, only a path. Errors under this path have its format.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel
from typing_extensions import TypedDict

from functions.place_order import app as place_order
from functions.show_order import app as show_order
from hosting_orders.contracts import published
from hosting_orders.contracts.operation import Access, Body, Contract, Operation, RequestFacts
from hosting_orders.contracts.orders_v2 import operations as orders_v2
from hosting_orders.contracts.orders_v2 import requests as orders_v2_requests
from hosting_orders.contracts.problem import Problem
from hosting_orders.contracts.vendor.errors import error
from hosting_orders.domain.order import Order
from hosting_orders.entrypoints.http import Endpoint
from hosting_orders.usecases.place_cart import CartRequest, ItemRequest, Placed
from hosting_orders.usecases.products.site import SiteRequest
from hosting_orders.usecases.show_order import OrderView
from tests.support import world as world_module
from tests.support.world import World, a_world

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# -- what the folder contracts/toy/ would contain ----------------------------------------------------------------------


class ToyOrder(TypedDict):
    number: str
    happy: bool


class ToyBody(BaseModel):
    site: str


def toy_order(view: OrderView) -> ToyOrder:
    return {"number": view.order.uuid, "happy": view.order.status == "completed"}


def toy_placed(placed: Placed) -> dict[str, Any]:
    return {"numbers": sorted(placed.cart.orders)}


def toy_request(body: object, facts: RequestFacts) -> CartRequest:
    site = SiteRequest(ToyBody.model_validate(body).site, "vanilla", "ams", "basic", "monthly")
    items = (ItemRequest("", site),)
    hook = "https://client.example/toy"
    return CartRequest(items, facts.fingerprint, facts.placed, hook, idempotency_key=facts.key)


def toy_callback(order: Order, account_name: str) -> bytes:
    return json.dumps({"toy": order.uuid, "of": account_name}).encode()


def toy_error(problem: Problem) -> Mapping[str, Any]:
    return {"broken": problem.code.name}


TOY = Contract("toy", "Toys", "9", (), error, toy_callback)
SHOW = Operation(
    route="GET /api/orders/{id}",
    heading="View a toy's order",
    contract=TOY,
    access=Access(scope="billing:read"),
    answers=ToyOrder,
    render=toy_order,
)
PLACE = Operation(
    route="POST /api/orders",
    heading="Order a toy",
    contract=TOY,
    access=Access(),
    idempotent=True,
    status=202,
    answers=dict,
    render=toy_placed,
    takes=Body(ToyBody, toy_request),
)
ELSEWHERE = Contract("toy_elsewhere", "Toys elsewhere", None, ("/toys",), toy_error)


# -- in place of the lines in published.py and in the functions --------------------------------------------------------


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    toys = (SimpleNamespace(CONTRACT=TOY, OPERATIONS=(SHOW, PLACE)), SimpleNamespace(CONTRACT=ELSEWHERE))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(published, "PUBLISHED", (*published.PUBLISHED, *toys))
        patch.setattr(show_order, "handler", also(show_order.handler, orders_v2.SHOW_ORDER, SHOW))
        patch.setattr(
            place_order, "handler", also(place_order.handler, orders_v2_requests.PLACE_ORDER, PLACE)
        )
        patch.setattr(world_module, "handler_of", handler_of)
        with a_world() as world:
            yield world


def also(handler: Endpoint, known: Operation[Any], toy: Operation[Any]) -> Endpoint:
    """Return `handler` with the operation `toy` added. The code that handles `known` also handles `toy`."""
    return Endpoint({**handler.handles, toy: handler.handles[known]})


APPS = {"show_order": show_order, "place_order": place_order}


def handler_of(folder: str, others: Callable[[str], Any] = world_module.handler_of) -> Any:
    return APPS[folder].handler if folder in APPS else others(folder)


def test_the_new_contract_formats_its_order_and_callback(world: World) -> None:
    toy = {"X-Api-Version": "9"}
    placed = world.request("POST", "/api/orders", {"site": "Bear"}, headers=toy)
    assert (placed.status, placed.headers["x-api-version"]) == (202, "9")
    (number,) = placed.body["numbers"]
    order = world.services.orders.order(world.accounts["ready"]["id"], number)
    path = f"/api/orders/{order.uuid}"
    assert world.request("GET", path, headers=toy).body == {"number": order.uuid, "happy": False}
    world.run()
    assert world.request("GET", path, headers=toy).body == {"number": order.uuid, "happy": True}
    # An order can be read through every contract.
    assert world.request("GET", path).body["site"]["name"] == "Bear"
    (message,) = world.callbacks.received
    assert json.loads(message.body) == {"toy": order.uuid, "of": message_account(world)}


def message_account(world: World) -> str:
    account = world.services.directory.account(world.accounts["ready"]["id"])
    assert account is not None
    return account.name


def test_the_new_contract_shows_orders_of_another_contract(
    world: World,
) -> None:
    world.callbacks.received.clear()
    placed = world.place(callback=True)
    world.run()
    (message,) = world.callbacks.received
    assert json.loads(message.body)["type"] == "order.completed"
    order_id = placed.body["orders"][0]["id"]
    toy = world.request("GET", f"/api/orders/{order_id}", headers={"X-Api-Version": "9"})
    assert toy.body == {"number": order_id, "happy": True}


def test_the_path_decides_which_contract_formats_an_error(
    world: World,
) -> None:
    refused = world.request("GET", "/api/orders/1", headers={"X-Api-Version": "7"})
    assert refused.body["code"] == "unsupported_api_version"
    assert "`X-Api-Version: 2` or `X-Api-Version: 9`" in refused.body["errors"][0]
    assert world.request("GET", "/toys/bear", account=None).body == {"broken": "NOT_FOUND"}
    assert world.request("GET", "/other/bear", account=None).body["code"] == "not_found"
