"""GET /api/v1/orders/:id, compared with the vendor's documentation."""

from __future__ import annotations

import re
from typing import Any

import pytest

from hosting_orders.contracts.order_status import operations
from hosting_orders.contracts.order_status import orders as shown
from hosting_orders.contracts.order_status.words import iso_time
from hosting_orders.domain.order import OrderStatus
from hosting_orders.usecases.show_order_status import OrderStatusView
from tests.conformance.contract_000.support import (
    BOTH,
    ISO,
    OBJECT_ID,
    UNKNOWN,
    UUID,
    ask,
    assert_error,
    assert_thirteen,
    data,
    fresh_key,
    order_vps,
)
from tests.conformance.contract_002.support import change_account, new_key, send
from tests.support.checkout import order_site, session_of
from tests.support.lives import ACCOUNT, BEGAN, PRODUCTS, Life, lives
from tests.support.world import World

LIVES = [(product, life) for product in PRODUCTS for life in lives(product)]
EACH = pytest.mark.parametrize(
    ("product", "life"), LIVES, ids=[f"{product}, {life.state}" for product, life in LIVES]
)
WORDS = {
    OrderStatus.PENDING: "PENDING",
    OrderStatus.PROCESSING: "PROCESSING",
    OrderStatus.COMPLETED: "COMPLETED",
    OrderStatus.FAILED: "FAILED",
    OrderStatus.CANCELED: "CANCELED",
    OrderStatus.EXPIRED: "EXPIRED",
    OrderStatus.REFUNDING: "PROCESSING",
    OrderStatus.REFUND_FAILED: "PROCESSING",
}


def data_of(life: Life) -> dict[str, Any]:
    view = OrderStatusView(life.order, life.cart, ACCOUNT)
    return dict(shown.order_status_answer(view)["data"])


def test_SQ_001_SQ_002_SQ_003_SQ_004_every_spelling_of_the_id_gives_the_same_response(
    world: World,
) -> None:
    ordered = order_vps(world)
    number = world.order(ordered["token"]).number
    spellings = [ordered["id"], ordered["token"], str(number), ordered["token"].upper()]
    answers = [data(ask(world, "GET", f"/api/v1/orders/{spelling}")) for spelling in spellings]
    assert OBJECT_ID.fullmatch(ordered["id"]) and UUID.fullmatch(ordered["token"])
    assert all(answer == answers[0] for answer in answers)
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert_error(ask(world, method, f"/api/v1/orders/{ordered['id']}"), 404, "NOT_FOUND")


def test_SQ_008_every_path_begins_with_api_v1(world: World) -> None:
    assert all(operation.path.startswith("/api/v1/") for operation in operations.OPERATIONS)
    assert_error(ask(world, "GET", "/api/v1"), 404, "NOT_FOUND")


@EACH
def test_SQ_020_SQ_035_an_order_has_exactly_thirteen_fields_in_every_state(product: str, life: Life) -> None:
    assert_thirteen(data_of(life))


@EACH
def test_SQ_023_SQ_040_SQ_041_SQ_042_SQ_043_SQ_044_SQ_046_SQ_048_SQ_049_C03_each_state_is_shown_as_documented(
    product: str, life: Life
) -> None:
    order, word = life.order, data_of(life)["status"]
    if order.status is OrderStatus.CANCELING:
        expected = "PROCESSING" if order.entered(OrderStatus.PROCESSING) is not None else "PENDING"
    elif order.status is OrderStatus.PROVISION_FAILED:
        expected = "PROVISION_FAILED" if order.refund is not None else "FAILED"
    else:
        expected = WORDS[order.status]
    assert word == expected


@EACH
def test_SQ_045_SQ_047_C10_provision_failed_is_shown_only_after_the_refund(product: str, life: Life) -> None:
    if data_of(life)["status"] == "PROVISION_FAILED":
        assert life.order.refund is not None
    if life.order.status in (OrderStatus.REFUNDING, OrderStatus.REFUND_FAILED):
        assert data_of(life)["status"] == "PROCESSING"


@EACH
def test_SQ_030_SQ_031_SQ_037_only_completed_orders_show_a_resource(product: str, life: Life) -> None:
    found = data_of(life)
    completed = found["status"] == "COMPLETED"
    assert (found["provisionedResourceId"] is not None) is completed
    assert (found["provisionedAt"] is not None) is completed
    if completed:
        assert OBJECT_ID.fullmatch(found["provisionedResourceId"])
        assert found["provisionedResourceId"] != found["id"]
        assert found["provisionedAt"] == iso_time(life.order.ended_at or 0)


@EACH
def test_SQ_024_C27_the_type_of_sites_and_machines_is_vm(product: str, life: Life) -> None:
    assert data_of(life)["type"] == ("DOMAIN" if product == "domain" else "VM")


@EACH
def test_SQ_029_the_interval_is_the_term_in_months(product: str, life: Life) -> None:
    assert data_of(life)["interval"] == {"site": "1 month", "vm": "12 months", "domain": "12 months"}[product]


@EACH
def test_SQ_026_SQ_027_SQ_028_C08_C09_amounts_are_numbers_in_major_units(product: str, life: Life) -> None:
    found = data_of(life)
    assert (found["totalNet"], found["totalGross"], found["currency"]) == (12.0, 12.0, "EUR")


@EACH
def test_SQ_032_SQ_033_SQ_034_C28_timestamps_are_iso_8601_in_utc(product: str, life: Life) -> None:
    found = data_of(life)
    assert ISO.fullmatch(found["createdAt"]) and ISO.fullmatch(found["updatedAt"])
    assert found["createdAt"] == "2026-11-26T13:33:20.000Z"
    moved = max(life.order.timeline[-1].at, life.order.provisioning_at or 0)
    assert found["updatedAt"] == f"2026-11-26T13:{33 + (moved - BEGAN) // 60_000}:20.000Z"


def test_SQ_021_SQ_022_C02_the_id_begins_with_the_time_and_the_token_is_the_uuid(world: World) -> None:
    found = order_vps(world)
    assert int(found["id"][:8], 16) * 1000 <= world.clock.now() < (int(found["id"][:8], 16) + 2) * 1000
    assert world.order(found["id"]).uuid == found["token"]


def test_SQ_038_updated_at_changes_with_the_status_and_never_goes_back(world: World) -> None:
    order_id = order_site(world, "dutch").body["order"]["id"]
    seen = []
    for step in ("placed", "paid", "delivered"):
        world.advance(5)
        if step == "paid":
            session = session_of(world, world.order(order_id, "dutch"))
            world.stripe.controls.pay_checkout(session["id"])
        world.run(finish=step == "delivered")
        seen.append(data(ask(world, "GET", f"/api/v1/orders/{order_id}", account="dutch")))
    assert [one["status"] for one in seen] == ["PENDING", "PROCESSING", "COMPLETED"]
    times = [one["updatedAt"] for one in seen]
    assert times[0] < times[1] < times[2]
    assert {one["createdAt"] for one in seen} == {seen[0]["createdAt"]} != {times[1]}


def test_SQ_027_the_gross_total_is_estimated_until_tax_is_known(world: World) -> None:
    before = change_account(world, "no_method", tax_basis_points=2100)
    try:
        reply = world.request(
            "POST",
            "/api/orders",
            {"site": {"name": "Mine", "variant": "vanilla"}},
            account="no_method",
            key="user_key_v1",
        )
        found = data(ask(world, "GET", f"/api/v1/orders/{reply.body['order']['id']}", account="no_method"))
        assert (found["totalNet"], found["totalGross"]) == (12.0, 14.52)
    finally:
        world.services.directory.put_account(before)


def test_SQ_025_the_channel_comes_from_the_credential(world: World) -> None:
    from hosting_orders.domain.placement import Channel

    for channel in (Channel.API, Channel.SHOP):
        key = fresh_key(world, channel=channel)
        ordered = data(
            ask(world, "POST", "/api/v1/orders", {**_vps(), "hostname": f"{channel}-1"}, key=key), 202
        )
        assert ordered["channel"] == channel.value


def _vps() -> dict[str, Any]:
    from tests.conformance.contract_000.support import VPS

    return dict(VPS)


# -- who may see an order --------------------------------------------------------------------------------------------


def test_SQ_010_SQ_011_SQ_012_SQ_013_the_product_of_the_order_decides_the_required_scope(
    world: World,
) -> None:
    vps = order_vps(world)["id"]
    site = world.place("ready").body["orders"][0]["id"]
    domain = world.order_domain("scoped-example.com").body["orders"][0]["id"]
    allowed = {
        "vps:provision": (vps, site),
        "vps:manage": (vps, site),
        "domains:provision": (domain,),
        "domains:manage": (domain,),
        "billing:read": (),
    }
    for scope, seen in allowed.items():
        key = fresh_key(world, scopes=frozenset({scope}))
        for order in (vps, site, domain):
            reply = ask(world, "GET", f"/api/v1/orders/{order}", key=key)
            if order in seen:
                data(reply)
            else:
                assert_error(reply, 403, "INSUFFICIENT_SCOPE")
    assert_error(
        ask(world, "GET", f"/api/v1/orders/{vps}", key=fresh_key(world, scopes=frozenset())),
        403,
        "INSUFFICIENT_SCOPE",
    )


def test_SQ_014_SQ_015_SQ_016_another_accounts_order_gets_the_404_of_an_unknown_order(world: World) -> None:
    foreign = order_vps(world, "credit")["id"]
    without_scope = fresh_key(world, scopes=frozenset({"domains:provision"}))
    answers = [
        ask(world, "GET", f"/api/v1/orders/{order}", key=key)
        for order in (foreign, UNKNOWN.rpartition("/")[2])
        for key in (fresh_key(world), without_scope)
    ]
    for answer in answers:
        assert_error(answer, 404, "NOT_FOUND")
        assert answer.body == answers[0].body


def test_SQ_007_a_key_has_the_vendors_form(world: World) -> None:
    key = world.accounts["ready"]["api_key_000"]
    assert re.fullmatch(r"sq_(live|test)_[0-9a-f]{64}", key)
    assert ask(world, "GET", "/api/v1/ping", key=key).body["key"]["prefix"] == key[:14]


def test_SQ_006_SQ_061_C12_requests_without_a_valid_key_get_a_401(world: World) -> None:
    good = fresh_key(world)
    other = fresh_key(world)
    expired = fresh_key(world, expires_at=world.clock.now() - 1)
    elsewhere = fresh_key(world, ip_list=("198.51.100.1",))
    two_accounts = new_key(world, "ready", "credit", scopes=BOTH)
    for headers in (
        {},
        {"authorization": ""},
        {"authorization": "Bearer"},
        {"authorization": "Bearer sq_live_" + "0" * 64},
        {"authorization": f"Basic {good}"},
        {"authorization": f"Bearer {expired}"},
        {"authorization": f"Bearer {elsewhere}"},
        {"authorization": f"Bearer {two_accounts}"},
        {"authorization": f"Bearer {good}", "x-api-key": other},
        {"authorization": "Basic abc", "x-api-key": good},
    ):
        reply = send(world, "GET", UNKNOWN, headers=headers, account=None, source_ip="192.0.2.44")
        assert_error(reply, 401, "UNAUTHORIZED")
    for headers in ({"x-api-key": good}, {"authorization": f"Bearer {good}", "x-api-key": good}):
        assert_error(send(world, "GET", UNKNOWN, headers=headers, account=None), 404, "NOT_FOUND")


def test_an_oauth_token_cannot_read_an_order(world: World) -> None:
    from hosting_orders.domain.account import CredentialKind

    token = new_key(world, kind=CredentialKind.OAUTH, scopes=frozenset({"billing:read", *BOTH}))
    assert_error(ask(world, "GET", UNKNOWN, key=token), 403, "OAUTH_NOT_ALLOWED")


def test_a_key_with_scopes_is_refused_by_the_other_contracts(world: World) -> None:
    key = fresh_key(world)
    account = {"x-auth-account": world.accounts["ready"]["id"]}
    for method, path in (("GET", "/api/orders"), ("POST", "/api/orders"), ("GET", "/api/accounts/acc_ready")):
        reply = ask(world, method, path, {} if method == "POST" else None, key=key, headers=account)
        assert (reply.status, reply.body["code"]) == (403, "insufficient_scope")
    number = world.order(order_vps(world)["id"]).number
    reply = ask(world, "GET", f"/api/billing/order/{number}", key=key)
    assert reply.status == 403
