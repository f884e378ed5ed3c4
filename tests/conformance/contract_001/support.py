"""Shared by the tests of contract 001: requests with an API key, and the fields that the vendor documents."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any

from hosting_orders.domain.order import Order
from tests.conformance.contract_002.support import new_key, send
from tests.support.checkout import session_of
from tests.support.world import Reply, World

KEY = "api_key_001"
HOOK = "https://client.example/hook"
UNKNOWN = "/api/billing/order/32019"
DATE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
MONEY = re.compile(r"\d+\.\d\d")

# Every route of contract 001. No order has the id in UNKNOWN.
ROUTES = (
    ("GET", UNKNOWN),
    ("POST", f"{UNKNOWN}/cancel"),
    ("GET", "/api/account/pending-orders"),
    ("POST", "/api/create-order"),
)

_S = "string"


def _texts(names: str) -> dict[str, Any]:
    return dict.fromkeys(names.split(), _S)


# An order as the vendor documents it. Each field has a value of the documented type.
ORDER: dict[str, Any] = {
    **_texts(
        "id number payment_module client_id staff_member_id invoice_id total currency_id date_created status "
        "order_ip contract_accepted_date contract_accepted_by commitment_date type firstname lastname companyname "
        "module modusubtype invtotal invstatus invcredit invsubtotal2 admin_firstname admin_lastname balance"
    ),
    "notes": [_texts("id type rel_id admin_id date note title flags firstname lastname")],
    "metadata": {"invoice_id": _S, "total": _S, "gateway_id": _S, "client_id": 0},
    "hosting": [
        _texts(
            "id domain product_id total qty billingcycle status server_id name autosetup category_id username "
            "password rootpassword catname module ptype commitment_date item_type"
        )
    ],
    "addons": [_S],
    "upgrades": [_S],
    "fieldupgrades": [_S],
    "domains": [_S],
    "contracts": [_S],
    "currency": {
        **_texts("code iso sign format decimal rounding rounding_mode"),
        "id": 0,
        "rate": 0.0,
    },
    "item_count": 0,
}
PUBLISHED = {
    "success": True,
    "timestamp": _S,
    "requestId": _S,
    "data": {"order": ORDER, "status": _S, "can_cancel": True},
}


def assert_shape(given: Any, published: Any, at: str = "") -> None:
    """Check that `given` has exactly the fields and types of `published`. 0.0 in `published` allows any number."""
    match published:
        case dict():
            assert isinstance(given, dict), at
            assert set(given) == set(published), (at, set(given) ^ set(published))
            for name, inner in published.items():
                assert_shape(given[name], inner, f"{at}/{name}")
        case [inner]:
            assert isinstance(given, list), at
            for place, each in enumerate(given):
                assert_shape(each, inner, f"{at}/{place}")
        case float():
            assert type(given) in (int, float), (at, given)
        case _:
            assert type(given) is type(published), (at, given)


# -- requests ---------------------------------------------------------------------------------------------------------


def key_of(world: World, account: str = "ready", key: str = KEY) -> dict[str, str]:
    return {"x-api-key": world.accounts[account][key]}


def ask(world: World, method: str, path: str, account: str = "ready", **more: Any) -> Reply:
    """Send a request with the account's API key, and check the response's envelope or error shape."""
    headers = key_of(world, account, more.pop("key", KEY)) | dict(more.pop("headers", {}))
    path, _, query = path.partition("?")
    given = dict(part.split("=", 1) for part in query.split("&")) if query else None
    reply = send(world, method, path, headers=headers, account=None, query=given, **more)
    return in_shape(reply)


def in_shape(reply: Reply) -> Reply:
    if reply.status == 304:
        return reply
    assert reply.headers["content-type"] == "application/json"
    assert reply.body["requestId"] == reply.headers["x-request-id"]
    assert_timestamp(reply.body["timestamp"])
    if reply.status >= 400:
        assert_error_shape(reply)
        return reply
    assert reply.status == 200
    assert set(reply.body) == {"success", "timestamp", "requestId", "data"}
    assert reply.body["success"] is True
    return reply


def assert_timestamp(text: Any) -> None:
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", text), text
    datetime.fromisoformat(text)


def assert_error_shape(reply: Reply) -> None:
    """Check an error's five required members and its optional members (HU-070)."""
    body = reply.body
    more = {"details", "reason", "decline_code"}
    assert {"error", "message", "code", "timestamp", "requestId"} <= set(body)
    assert set(body) - {"error", "message", "code", "timestamp", "requestId"} <= more
    assert body["error"] == HTTPStatus(reply.status).phrase
    assert re.fullmatch(r"[A-Z][A-Z_]+", body["code"])
    assert len(body["message"]) > 8
    for detail in body.get("details", [{"field": "", "code": "OK", "message": "is not there"}]):
        assert set(detail) == {"field", "code", "message"}
        assert detail["field"] == "" or detail["field"].startswith("/")
        assert re.fullmatch(r"[A-Z][A-Z_]+", detail["code"])
        assert len(detail["message"]) > 8


def assert_error(reply: Reply, status: int, code: str, *fields: str) -> None:
    """Check an error. If `fields` are given, `details` names exactly these fields."""
    assert (reply.status, reply.body.get("code")) == (status, code), (reply.status, reply.body)
    assert_error_shape(reply)
    if fields:
        assert [detail["field"] for detail in reply.body["details"]] == list(fields), reply.body


# -- orders -----------------------------------------------------------------------------------------------------------


def site(**fields: Any) -> dict[str, Any]:
    """A site for `cartItems`. A field that is None is omitted."""
    item = {
        "type": "site",
        "name": "My site",
        "variant": "vanilla",
        "location": "ams",
        "plan": "basic",
        **fields,
    }
    return {name: value for name, value in item.items() if value is not None}


def vps(**fields: Any) -> dict[str, Any]:
    item = {
        "type": "vps",
        "hostname": "web-1.example.com",
        "plan": "vps-1",
        "image": "debian-13",
        "location": "ams",
        **fields,
    }
    return {name: value for name, value in item.items() if value is not None}


def domain(world: World, name: str = "billing-example.com", **fields: Any) -> dict[str, Any]:
    item = {"type": "domain", "name": name, "contact": world.contact(), **fields}
    return {name: value for name, value in item.items() if value is not None}


_attempts = iter(range(1, 1_000_000))


def body_of(*items: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    """The body of POST /api/create-order, with a new `attemptKey`."""
    return {"attemptKey": f"attempt-{next(_attempts)}", "cartItems": list(items), **fields}


def create(world: World, *items: Mapping[str, Any], account: str = "ready", **fields: Any) -> Reply:
    return post(world, body_of(*items, **fields), account)


def post(world: World, body: Any, account: str = "ready", **more: Any) -> Reply:
    return ask(world, "POST", "/api/create-order", account, body=json.dumps(body), **more)


def created(world: World, *items: Mapping[str, Any], account: str = "ready", **fields: Any) -> Any:
    reply = create(world, *items, account=account, **fields)
    assert reply.status == 200, reply.body
    return reply.body["data"]


def shown(world: World, number: str | int, account: str = "ready", **more: Any) -> Any:
    """Return `data` of GET /api/billing/order/{id}, after checking the response against `PUBLISHED`."""
    reply = ask(world, "GET", f"/api/billing/order/{number}", account, **more)
    assert reply.status == 200, reply.body
    assert_shape(reply.body, PUBLISHED)
    return reply.body["data"]


def order_in(world: World, number: str | int, account: str = "ready", **more: Any) -> Any:
    """`data.order` of GET /api/billing/order/{id}."""
    return shown(world, number, account, **more)["order"]


def stored(world: World, number: str | int, account: str = "ready") -> Order:
    return world.order(str(number), account)


def delivered(world: World, item: Mapping[str, Any], account: str = "ready") -> str:
    """Order one item, wait for its delivery and return the order's number."""
    number: str = created(world, item, account=account)["orderId"]
    world.run()
    if item["type"] == "domain":
        finish_domains(world, item["name"])
    assert order_in(world, number, account)["status"] == "Active"
    return number


def finish_domains(world: World, *names: str) -> None:
    for name in names:
        world.registrar.finish(name)
    for _ in range(3):
        world.advance(60)
        world.reconcile()
        world.run()


def undeliverable(world: World, number: str, account: str = "ready") -> None:
    """Make the delivery fail permanently, and run the world until the order is refunded."""
    world.run(finish=False)
    uuid = stored(world, number, account).uuid
    world.platform.fail(uuid)
    world.platform_webhook(uuid)
    world.run()


def pay_page(world: World, number: str, account: str = "no_method") -> None:
    """Pay on the cart's payment page, and run the world until nothing is left to do."""
    world.stripe.controls.pay_checkout(session_of(world, stored(world, number, account))["id"])
    world.run()


def key_for(world: World, *accounts: str, **changes: Any) -> dict[str, str]:
    return {"x-api-key": new_key(world, *accounts, **changes)}
