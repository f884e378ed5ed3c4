"""Contract 003, "List all orders for an account". Its pages work as in contract 002 (docs/contracts.md C23)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conformance.contract_002.support import (
    UUID,
    assert_date_time,
    assert_error,
    number_of,
    oauth,
    send,
)
from tests.conformance.contract_003.support import ask, ask_in, placed
from tests.support.checkout import site
from tests.support.world import World, a_world

FIELDS = {"id", "status", "created_at", "updated_at", "variant", "product", "location", "account"}


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """The account `ready` has 53 sites ordered in version 1 and one ordered in version 2. `credit` has a domain."""
    with a_world() as world:
        for number in range(53):
            placed(world, body=site(name=f"Site {number}", variant="migration"))
            world.advance(0.01)
        assert world.place(plan="business", location="pdx").status == 202
        assert world.order_domain("listed-example.com", "credit").status == 202
        yield world


def listed(world: World, query: str = "", account: str = "ready", **more: Any) -> list[dict[str, Any]]:
    path, _, text = query.partition("?")
    found = dict(part.split("=", 1) for part in text.split("&") if part)
    reply = ask(world, "GET", f"/api/orders{path}", account, query=found, **more)
    assert reply.status == 200, reply.body
    assert set(reply.body) == {"orders"}
    orders: list[dict[str, Any]] = reply.body["orders"]
    return orders


def test_O1_010_O1_011_O1_012_O1_013_O1_014_an_item_has_the_documented_fields(world: World) -> None:
    two, one, *_ = listed(world)
    for item in (two, one):
        assert set(item) == FIELDS
        assert UUID.fullmatch(item["id"])
        assert item["status"] in ("pending", "processing")
        assert_date_time(item["created_at"])
        assert_date_time(item["updated_at"])
        assert item["account"] == {"id": "acc_ready", "name": "Card succeeds"}
    assert (one["variant"], one["product"], one["location"]) == ("migration", "basic", "ams")
    assert (two["variant"], two["product"], two["location"]) == ("vanilla", "business", "pdx")


def test_O1_011_O1_012_O1_013_a_domain_has_no_variant_product_or_location(world: World) -> None:
    (item,) = listed(world, account="credit")
    assert set(item) == FIELDS
    assert (item["variant"], item["product"], item["location"]) == (None, None, None)


def test_O1_010_the_list_has_only_the_accounts_own_orders_newest_first(world: World) -> None:
    numbers = [number_of(item["id"]) for item in listed(world, "?per_page=100")]
    assert len(numbers) == 54 and numbers == sorted(numbers, reverse=True)
    assert listed(world, account="no_method") == []


def test_O1_010_C23_a_version_1_key_gets_pages_of_fifty_with_links(world: World) -> None:
    first = ask(world, "GET", "/api/orders")
    assert len(first.body["orders"]) == 50
    ((target, relation),) = re.findall(r'</api/orders\?([^>]*)>; rel="(\w+)"', first.headers["link"])
    assert relation == "next"
    rest = ask(world, "GET", "/api/orders", query=dict(part.split("=", 1) for part in target.split("&")))
    assert len(rest.body["orders"]) == 4
    ((target, relation),) = re.findall(r'</api/orders\?([^>]*)>; rel="(\w+)"', rest.headers["link"])
    assert relation == "prev"
    back = ask(world, "GET", "/api/orders", query=dict(part.split("=", 1) for part in target.split("&")))
    assert back.body == first.body
    whole = [item["id"] for item in [*first.body["orders"], *rest.body["orders"]]]
    assert whole == [item["id"] for item in listed(world, "?per_page=1000")]
    assert "link" not in ask(world, "GET", "/api/orders", query={"per_page": "100"}).headers


def test_O1_010_C23_a_page_can_be_requested_by_its_number(world: World) -> None:
    assert len(listed(world, "?per_page=20&page=3")) == 14
    assert listed(world, "?per_page=20&page=4") == []
    assert [len(listed(world, f"?per_page={size}")) for size in (1, 53, 54, 100, 101)] == [1, 53, 54, 54, 54]


@pytest.mark.parametrize("name", ["page", "per_page"])
@pytest.mark.parametrize("text", ["0", "-1", "1.5", "", "x", "１", "1 "])
def test_O1_010_an_invalid_page_parameter_is_an_error(world: World, name: str, text: str) -> None:
    assert_error(ask(world, "GET", "/api/orders", query={name: text}), 400, f"invalid_{name}", f"/{name}")


@pytest.mark.parametrize("cursor", ["", "x", "b2xkZXI6LTE", "A" * 5000])
def test_O1_010_C23_an_invalid_cursor_is_an_error(world: World, cursor: str) -> None:
    assert_error(ask(world, "GET", "/api/orders", query={"cursor": cursor}), 400, "invalid_cursor", "/cursor")


def test_O1_010_an_oauth_token_with_billing_read_lists_orders(world: World) -> None:
    token = oauth(world, "billing:read") | {"x-api-version": "1"}
    reply = send(world, "GET", "/api/orders", headers=token, account=None)
    assert reply.body["orders"] == listed(world)


def test_O1_010_both_versions_list_the_same_orders(world: World) -> None:
    two = ask_in(world, "2", "GET", "/api/orders", query={"per_page": "100"}).body["orders"]
    one = listed(world, "?per_page=100")
    for item in one:
        del item["variant"], item["product"]
    assert one == two
