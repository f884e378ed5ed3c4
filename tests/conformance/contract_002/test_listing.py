"""Contract 002, "List all orders for an account"."""

from __future__ import annotations

import dataclasses
import re
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from hosting_orders.domain.cart import OrderSnapshot
from hosting_orders.domain.ids import mint_number
from hosting_orders.usecases import list_orders as limits
from tests.conformance.contract_002.support import (
    UUID,
    assert_date_time,
    assert_error,
    new_account,
    number_of,
    oauth,
    send,
)
from tests.support.world import World, a_world

ORDERS = 107


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """In this world, the account `many` has three pages of orders. Two orders were created in each second."""
    with a_world() as world:
        new_account(world, "ready", "many")
        placed = [world.place("many").body["orders"][0]["id"]]
        # The other orders are copies of the first order, because only their numbers matter here.
        model = world.order(placed[0], "many")
        cart = world.cart(model.cart_token, "many")
        for place in range(1, ORDERS):
            at = model.created_at + place * 500
            order = dataclasses.replace(
                model,
                number=mint_number(at),
                cart_token=str(uuid.uuid4()),
                created_at=at,
                updated_at=at,
                version=0,
            )
            marks = {order.number: OrderSnapshot(order.status, 0)}
            own = dataclasses.replace(
                cart, token=order.cart_token, orders=marks, rollup_version=0, payment_version=0, created_at=at
            )
            world.services.orders.place(own, [order])
        yield world


def listed(world: World, **query: str) -> list[dict[str, Any]]:
    reply = send(world, "GET", "/api/orders", account="many", query=query or None)
    assert reply.status == 200, reply.body
    assert list(reply.body) == ["orders"]
    orders: list[dict[str, Any]] = reply.body["orders"]
    return orders


def links(world: World, **query: str) -> tuple[list[str], dict[str, dict[str, str]]]:
    """The ids of the page's orders, and the queries in the Link header by relation (RFC 8288)."""
    reply = send(world, "GET", "/api/orders", account="many", query=query or None)
    assert reply.status == 200, reply.body
    found = {}
    for target, relation in re.findall(r'<([^>]*)>; rel="(\w+)"', reply.headers.get("link", "")):
        path, _, text = target.partition("?")
        assert path == "/api/orders"
        found[relation] = dict(part.split("=", 1) for part in text.split("&"))
    return [order["id"] for order in reply.body["orders"]], found


def test_O2_020_O2_021_O2_022_O2_023_a_page_has_fifty_orders_by_default(world: World) -> None:
    first = listed(world)
    assert len(first) == 50
    assert listed(world, page="1") == first
    assert listed(world, page="1", per_page="50") == first
    assert len(listed(world, page="3")) == ORDERS - 100
    assert listed(world, page="4") == []


def test_O2_020_all_pages_together_list_each_order_once(world: World) -> None:
    world.place("ready")
    ids = [order["id"] for page in ("1", "2", "3") for order in listed(world, page=page)]
    assert len(ids) == len(set(ids)) == ORDERS
    assert {order["account"]["id"] for order in listed(world, per_page="100")} == {"acc_many"}


def test_O2_022_O2_030_per_page_is_at_most_a_hundred(world: World) -> None:
    assert len(listed(world, per_page="100")) == 100
    assert listed(world, per_page="101") == listed(world, per_page="100")
    assert listed(world, per_page="1000000000") == listed(world, per_page="100")
    assert len(listed(world, per_page="7")) == 7


@pytest.mark.parametrize("name", ["page", "per_page"])
@pytest.mark.parametrize("text", ["0", "-1", "1.5", "1e3", "", " ", "x", "１", "٣", "1,2", "0x1", "+1", "1 "])
def test_O2_030_an_invalid_page_parameter_is_an_error(world: World, name: str, text: str) -> None:
    reply = send(world, "GET", "/api/orders", account="many", query={name: text})
    assert_error(reply, 400, f"invalid_{name}", f"/{name}")
    assert "1 or more" in reply.body["errors"][0]


def test_O2_024_O2_025_O2_026_O2_027_O2_028_O2_029_a_listed_order_has_its_published_fields(
    world: World,
) -> None:
    for order in listed(world):
        assert set(order) >= {"id", "status", "created_at", "updated_at", "location", "account"}
        assert UUID.fullmatch(order["id"])
        assert order["status"] in ("pending", "processing", "completed", "failed", "cancelled")
        assert_date_time(order["created_at"])
        assert_date_time(order["updated_at"])
        assert order["location"] == "ams"
        assert order["account"] == {"id": "acc_many", "name": "Account many"}


def test_O2_031_C23_orders_are_newest_first_in_a_stable_sequence(world: World) -> None:
    orders = listed(world, per_page="100")
    assert listed(world, per_page="100") == orders
    numbers = [number_of(order["id"]) for order in orders]
    assert numbers == sorted(numbers, reverse=True)
    seconds = [order["created_at"][:19] for order in orders]
    assert seconds == sorted(seconds, reverse=True)


def test_O2_031_orders_of_one_second_are_sorted_by_millisecond(world: World) -> None:
    new_account(world, "ready", "quick")
    world.advance(1 - world.clock.now() % 1000 / 1000)  # to the first millisecond of a second
    placed = []
    for _ in range(12):
        placed.append(world.place("quick").body["orders"][0]["id"])
        world.advance(0.001)
    reply = send(world, "GET", "/api/orders", account="quick", query={"per_page": "5"})
    ids = [order["id"] for order in reply.body["orders"]]
    assert ids == list(reversed(placed))[:5]
    second = send(world, "GET", "/api/orders", account="quick", query={"per_page": "5", "page": "2"})
    assert [order["id"] for order in second.body["orders"]] == list(reversed(placed))[5:10]
    times = [order["created_at"] for order in reply.body["orders"]]
    assert times == sorted(times, reverse=True)


def test_O2_031_a_millisecond_can_have_more_orders_than_numbers(world: World) -> None:
    """A millisecond has only 128 order numbers, so some of the 160 orders get numbers of later milliseconds."""
    new_account(world, "ready", "crowd")
    ids = []
    for _ in range(8):
        reply = world.place_cart(*[world.site(name=f"site {place}") for place in range(20)], account="crowd")
        assert reply.status == 202, reply.body
        ids += [order["id"] for order in reply.body["orders"]]
    assert len(set(ids)) == 160
    reply = send(world, "GET", "/api/orders", account="crowd", query={"per_page": "100"})
    rest = send(world, "GET", "/api/orders", account="crowd", query={"per_page": "100", "page": "2"})
    assert {order["id"] for answer in (reply, rest) for order in answer.body["orders"]} == set(ids)


def test_O2_031_C23_cursors_lead_through_all_orders_and_back(world: World) -> None:
    pages, query = [], {"per_page": "20"}
    while True:
        ids, found = links(world, **query)
        pages.append(ids)
        if "next" not in found:
            break
        query = found["next"]
        assert query["per_page"] == "20"
    whole = [order["id"] for page in ("1", "2") for order in listed(world, page=page, per_page="100")]
    assert [order for page in pages for order in page] == whole
    assert "prev" not in links(world, per_page="20")[1]
    back = []
    while "prev" in found:
        ids, found = links(world, **found["prev"])
        back.append(ids)
    assert list(reversed(back)) == pages[:-1]


def test_O2_031_C23_a_cursor_shows_the_same_page_after_a_new_order(world: World) -> None:
    _, found = links(world, per_page="10")
    expected, _ = links(world, **found["next"])
    world.advance(3600)
    newcomer = world.place("many").body["orders"][0]["id"]
    assert links(world, per_page="10")[0][0] == newcomer
    assert links(world, **found["next"])[0] == expected


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "%00",
        "AAAA",
        "b2xkZXI6MQ.",  # older:1 and a dot
        "b2xkZXI6LTE",  # older:-1
        "c2lkZXdheXM6MQ",  # sideways:1
        "b2xkZXI6MTExMTExMTExMTExMTExMTE",  # a number of 17 digits
        "b2xkZXI6",  # older:
        "b2xkZXI62aM",  # older:٣
        "é",
        "\x00",
        "A" * 5000,
    ],
)
def test_C23_an_invalid_cursor_is_an_error(world: World, cursor: str) -> None:
    reply = send(world, "GET", "/api/orders", account="many", query={"cursor": cursor})
    assert_error(reply, 400, "invalid_cursor", "/cursor")


@pytest.mark.parametrize("number", [0, 1, 10**16 - 1])
@pytest.mark.parametrize("direction", ["older", "newer"])
def test_C23_a_cursor_beyond_the_list_gives_an_empty_or_full_page(
    world: World, direction: str, number: int
) -> None:
    cursor = limits._encode(direction, number)
    ids, _ = links(world, cursor=cursor, per_page="5")
    assert len(ids) in (0, 5)


def test_C23_a_cursor_of_another_account_shows_nothing(world: World) -> None:
    _, found = links(world, per_page="5")
    reply = send(world, "GET", "/api/orders", account="credit", query=found["next"])
    assert (reply.status, reply.body) == (200, {"orders": []})


@pytest.mark.parametrize("page", ["4", "300", "1000000000", "9" * 12, "000000000000000300"])
@pytest.mark.parametrize("per_page", ["50", "100", "1000000000"])
def test_O2_021_a_page_beyond_the_last_is_empty(world: World, page: str, per_page: str) -> None:
    reply = send(world, "GET", "/api/orders", account="many", query={"page": page, "per_page": per_page})
    assert (reply.status, reply.body) == (200, {"orders": []})


@pytest.mark.parametrize("page", ["9" * 13, "9" * 400])
def test_O2_030_a_page_number_has_at_most_12_digits(world: World, page: str) -> None:
    reply = send(world, "GET", "/api/orders", account="many", query={"page": page})
    assert_error(reply, 400, "invalid_page", "/page")
    assert reply.body["errors"] == ["`page` must have at most 12 digits."]


def test_C23_deep_numbered_pages_do_not_overlap(world: World) -> None:
    """A deep page is read from the nearest page mark, which stores the position of an order in its account's list.

    The function `roll_up_cart` stores a mark at every 50th order.
    """
    new_account(world, "ready", "deep")
    model = world.order(world.place("deep").body["orders"][0]["id"], "deep")
    cart = world.cart(model.cart_token, "deep")
    for _ in range(40):
        world.advance(60)
        at = world.clock.now()
        orders = [
            dataclasses.replace(model, number=mint_number(at + place * 1000), created_at=at, version=0)
            for place in range(10)
        ]
        marks = {order.number: OrderSnapshot(order.status, 0) for order in orders}
        token = str(uuid.uuid4())
        orders = [dataclasses.replace(order, cart_token=token) for order in orders]
        world.services.orders.place(
            dataclasses.replace(cart, token=token, orders=marks, rollup_version=0, payment_version=0), orders
        )
        world.pump_stream()
    marks_made = [item for item in world.items("PAGE#") if item["PK"]["S"] == "ACCOUNT#acc_deep"]
    assert len(marks_made) >= 4
    pages = [
        [
            order["id"]
            for order in send(
                world, "GET", "/api/orders", account="deep", query={"page": str(number), "per_page": "30"}
            ).body["orders"]
        ]
        for number in range(1, 16)
    ]
    assert [len(page) for page in pages] == [30] * 13 + [11, 0]
    numbers = [number_of(order_id) for page in pages for order_id in page]
    assert numbers == sorted(set(numbers), reverse=True)
    assert len(numbers) == 401


def test_O2_020_an_account_without_orders_has_an_empty_list(world: World) -> None:
    reply = send(world, "GET", "/api/orders", account="sepa")
    assert (reply.status, reply.body) == (200, {"orders": []})
    assert "link" not in reply.headers


def test_O2_002_a_token_with_the_scope_billing_read_lists_orders(world: World) -> None:
    reply = send(world, "GET", "/api/orders", headers=oauth(world, "billing:read", account="many"))
    assert len(reply.body["orders"]) == 50
