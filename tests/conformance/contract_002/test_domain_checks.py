"""GET /api/domains/check. We added this endpoint: the published contract does not have it."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from tests.conformance.contract_002.support import assert_error, oauth, send
from tests.support.world import Reply, World

NAMES = ("free.com", "taken-name.com", "BÜCHER.de", "no spaces.com", "name.zzz", "name.info", "free.com")
NO_DOMAINS = (
    *("\ud800", "a" * 300, "\x00.com", "xn--a.com", "1.2.3.4", "http://a.com", quote("é.com")),
    "ı" * 90 + ".com",
)


def check(world: World, *names: str, account: str = "ready", **more: Any) -> Reply:
    query = {"names": ",".join(names)}
    return send(world, "GET", "/api/domains/check", query=query, account=account, **more)


def results(reply: Reply) -> list[tuple[str, str]]:
    assert reply.status == 200, reply.body
    return [(domain["name"], domain["status"]) for domain in reply.body["domains"]]


def test_domains_are_answered_in_the_order_of_the_request(world: World) -> None:
    reply = check(
        world, "free.com", "taken-name.com", "BÜCHER.de", "no spaces.com", "name.zzz", "name.info", "free.com"
    )
    assert results(reply) == [
        ("free.com", "available"),
        ("taken-name.com", "unavailable"),
        ("bücher.de", "available"),
        ("no spaces.com", "invalid"),
        ("name.zzz", "unsupported"),
        ("name.info", "unsupported"),
        ("free.com", "available"),
    ]
    domains = reply.body["domains"]
    assert domains[0] == domains[6]
    assert domains[0] == {
        "name": "free.com",
        "ascii_name": "free.com",
        "status": "available",
        "premium": False,
        "prices": {
            "currency": "EUR",
            "register_net_cents": 1200,
            "transfer_net_cents": 1200,
            "renew_net_cents": 1400,
        },
        "reason": None,
    }
    assert domains[2]["ascii_name"] == "xn--bcher-kva.de"
    for domain in domains[1:2] + domains[3:6]:
        assert domain["prices"] is None and len(domain["reason"]) > 8
    assert "retry-after" not in reply.headers


def test_an_available_domain_has_the_price_of_its_order(world: World) -> None:
    prices = check(world, "checked-name.nl").body["domains"][0]["prices"]
    body = {"items": [world.domain("checked-name.nl")]}
    (item,) = world.request("POST", "/api/orders/preview", body).body["preview"]["items"]
    assert (prices["register_net_cents"], prices["renew_net_cents"]) == (
        item["net_cents"],
        item["renewal_net_cents"],
    )


def test_a_premium_domain_has_its_own_price_or_is_not_sold(world: World) -> None:
    sold, not_sold = check(world, "premium-for-sale.com", "premium-name.com").body["domains"]
    assert (sold["status"], sold["premium"]) == ("available", True)
    assert sold["prices"]["register_net_cents"] > 1200
    assert (not_sold["status"], not_sold["premium"], not_sold["prices"]) == ("unavailable", True, None)


def test_a_domain_on_order_is_unavailable_for_all_accounts(world: World) -> None:
    assert world.order_domain("on-order.com").status == 202
    for account in ("ready", "credit"):
        assert results(check(world, "on-order.com", account=account)) == [("on-order.com", "unavailable")]


@pytest.mark.parametrize("count", [0, 51])
def test_a_check_must_name_1_to_50_domains(world: World, count: int) -> None:
    reply = check(world, *[f"name-{number}.com" for number in range(count)])
    assert_error(reply, 400, "invalid_field" if count else "missing_field", "/names")


def test_fifty_domains_are_answered(world: World) -> None:
    names = [f"fifty-{number}.com" for number in range(50)]
    assert results(check(world, *names)) == [(name, "available") for name in names]


def test_empty_names_are_skipped_and_white_space_is_removed(world: World) -> None:
    assert [name for name, _ in results(check(world, "", " one.com ", ""))] == ["one.com"]


@pytest.mark.parametrize("name", NO_DOMAINS)
def test_an_invalid_name_does_not_stop_the_check_of_the_next(world: World, name: str) -> None:
    reply = check(world, name, "fine.com")
    assert [domain["status"] for domain in reply.body["domains"]] == ["invalid", "available"]


def test_an_oauth_token_needs_the_scope_account_read(world: World) -> None:
    query = {"names": "one.com"}
    allowed = send(world, "GET", "/api/domains/check", query=query, headers=oauth(world, "account:read"))
    assert allowed.status == 200
    refused = send(world, "GET", "/api/domains/check", query=query, headers=oauth(world, "billing:read"))
    assert_error(refused, 403, "insufficient_scope")
