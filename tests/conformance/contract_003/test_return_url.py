"""Contract 003, `return_url`: where the customer goes after the payment page."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from hosting_orders import bootstrap
from tests.conformance.contract_002.support import assert_error, state_of
from tests.conformance.contract_003.support import order, page_of, placed, stored, stranger
from tests.support.checkout import site
from tests.support.world import World, handler_of, matched

IN_SITE = "https://shop.example/in-site"
ON_TOP = "https://shop.example/on-top"


def ways_back(world: World, body: Any) -> tuple[str, str]:
    """The addresses after paying, and after leaving the payment page unpaid, without the query that we add."""
    account = stranger(world)
    order_id = placed(world, account, body)["order"]["id"]
    session = page_of(world, order_id, account)
    for url, outcome in ((session["success_url"], "success"), (session["cancel_url"], "cancel")):
        query = parse_qs(urlsplit(url).query)
        assert query["order_id"] == [order_id] and query["outcome"] == [outcome]
    return tuple(
        url.rpartition("order_id=")[0][:-1] for url in (session["success_url"], session["cancel_url"])
    )  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("body", "url"),
    [
        (site(return_url=IN_SITE), IN_SITE),
        ({**site(), "return_url": ON_TOP}, ON_TOP),
        ({**site(return_url=IN_SITE), "return_url": ON_TOP}, ON_TOP),
        ({**site(return_url=IN_SITE), "return_url": None}, IN_SITE),
        ({**site(return_url=None), "return_url": ON_TOP}, ON_TOP),
    ],
)
def test_O1_035_C17_a_return_url_at_the_top_level_overrides_one_in_site(
    world: World, body: Any, url: str
) -> None:
    assert ways_back(world, body) == (url, url)


@pytest.mark.parametrize(
    "url",
    [
        "https://shop.example",
        "https://shop.example/?basket=7&x=%C3%A9",
        "https://shop.example:9443/done",
        "https://localhost/done",
        "https://xn--bcher-kva.example/done",
        "https://192.168.0.7/done",
        "https://[::1]/done",
        "https://shop.example/" + "a" * 2027,
    ],
)
def test_O1_035_a_return_url_may_be_a_private_address(world: World, url: str) -> None:
    """Only the customer's browser opens the URL, so every port and address is allowed."""
    assert ways_back(world, {**site(), "return_url": url}) == (url, url)


@pytest.mark.parametrize("body", [site(), site(return_url=None), {**site(), "return_url": None}])
def test_O1_035_O1_052_the_default_return_url_is_the_orders_page(world: World, body: Any) -> None:
    account = stranger(world)
    order_id = placed(world, account, body)["order"]["id"]
    session = page_of(world, order_id, account)
    page, _, query = session["success_url"].partition("?")
    assert (query, session["cancel_url"]) == ("outcome=success", f"{page}?outcome=cancel")
    token = page.removeprefix("https://api.example.com/o/")
    assert token != page and order_id not in page
    found = stored(world, order_id, account)
    assert world.services.page_tokens.read(token) == (found.account_id, found.number)
    opened = opened_page(token)
    assert (opened["statusCode"], opened["headers"]["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert session["url"].replace("&", "&amp;") in opened["body"] and str(found.number) in opened["body"]


def opened_page(token: str) -> Any:
    folder, route, parameters = matched("GET", f"/o/{token}")
    event = {
        "routeKey": route,
        "headers": {},
        "pathParameters": parameters,
        "requestContext": {"http": {"method": "GET", "path": f"/o/{token}"}, "domainName": "api.example.com"},
    }
    return handler_of(folder)(event, None)


HOSTILE = (
    "http://shop.example/",
    "javascript:alert(1)",
    "JavaScript://shop.example/%0aalert(1)",
    "data:text/html,<script>alert(1)</script>",
    "file:///etc/passwd",
    "ftp://shop.example/",
    "//shop.example/",
    "/done",
    "shop.example",
    "https:shop.example",
    "https://",
    "https:///done",
    "https://user:pass@shop.example/",
    "https://user@shop.example/",
    "https://shop.example@evil.example/",
    "https://shop.example/#done",
    "https://shop.example/a b",
    " https://shop.example/",
    "https://shop.example/\n",
    "https://shop.example/a\r\nLocation: https://evil.example/",
    "https://shop.example/\x00",
    "https://shop.example/\t",
    "https://shop.example\\@evil.example/",
    "https://shop.example/é",
    "https://shop.example/\u2028",
    "https://shop.example:99999/",
    "https://shop.example:x/",
    "https://[::1/",
    "https://[shop.example]/",
    "https://./",
    "https://shop..example/",
    "https://-shop-.example/",
    "https://%00/",
    "https://shop%20.example/",
    "https://bücher.example/",
    "https://" + "a" * 64 + ".example/",
    "https://" + "a." * 124 + "example/",
    "https://256.1.1.1/",
    "https://1.2.3/",
    "https://0x7f.1/",
    "https://[fe80::1%25eth0]/",
    "https://shop.example/" + "a" * 2048,
    "http://localhost/",
    "http://127.0.0.1:8000/",
    "",
    "\ud800",
)


@pytest.mark.parametrize("url", HOSTILE, ids=lambda url: repr(url)[:40])
def test_O1_035_the_error_points_to_an_unusable_return_url(world: World, url: str) -> None:
    places = {"/site/return_url": site(return_url=url), "/return_url": {**site(), "return_url": url}}
    for account in ("ready", "no_method"):
        for pointer, body in places.items():
            before = state_of(world)
            reply = order(world, body, account)
            assert reply.status == 400
            assert reply.body["code"] in ("invalid_return_url", "invalid_field")
            assert_error(reply, 400, reply.body["code"], pointer)
            assert state_of(world) == before


@pytest.mark.parametrize("value", [1, 0, True, 1.5, [], [ON_TOP], {}, {"url": ON_TOP}], ids=repr)
def test_O1_035_a_return_url_must_be_text(world: World, value: Any) -> None:
    before = state_of(world)
    assert_error(order(world, site(return_url=value)), 400, "invalid_field", "/site/return_url")
    assert_error(order(world, {**site(), "return_url": value}), 400, "invalid_field", "/return_url")
    assert state_of(world) == before


def test_O1_035_C17_an_unused_return_url_is_not_checked_as_an_address(world: World) -> None:
    """With a return URL in both places, only the URL at the top level is used and checked as an address."""
    both = {**site(return_url="http://shop.example/"), "return_url": ON_TOP}
    assert ways_back(world, both) == (ON_TOP, ON_TOP)
    reply = order(world, {**site(return_url=IN_SITE), "return_url": "http://shop.example/"})
    assert_error(reply, 400, "invalid_return_url", "/return_url")


def test_O1_035_the_loopback_setting_allows_a_loopback_return_url(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "allow_loopback_callbacks", lambda: True)
    url = "http://127.0.0.1:8123/done"
    assert ways_back(world, site(return_url=url)) == (url, url)
    assert_error(order(world, site(return_url="http://shop.example/")), 400, "invalid_return_url")


def test_O1_035_a_return_url_is_not_used_with_a_saved_method(world: World) -> None:
    body = placed(world, body={**site(), "return_url": ON_TOP})
    assert "payment_url" not in body
    assert ON_TOP not in str(body)
