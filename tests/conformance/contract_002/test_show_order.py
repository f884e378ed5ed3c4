"""Contract 002, "View an Order"."""

from __future__ import annotations

from typing import Any

import pytest

from hosting_orders.domain.ids import object_id
from tests.conformance.contract_002.support import (
    UUID,
    assert_date_time,
    assert_error,
    completed,
    credentials,
    number_of,
    oauth,
    send,
    shown,
)
from tests.support.world import World

ACCOUNT_FIELDS = {
    "id",
    "name",
    "reseller",
    "is_trial",
    "trial_start",
    "trial_end",
    "parent_account",
    "reseller_billing_plan",
    "nameservers",
    "created_at",
    "updated_at",
}
USER_FIELDS = {"id", "fname", "lname", "email", "account_brand_id", "locale", "created_at", "updated_at"}


@pytest.fixture(scope="module")
def body(world: World) -> Any:
    return completed(world, name="Shown", variant="extendify", location="pdx")


@pytest.fixture(scope="module")
def waiting(world: World) -> Any:
    placed = world.place("authentication_required")
    return shown(world, placed.body["orders"][0]["id"], "authentication_required")


def test_O2_040_an_order_reaches_a_final_status_and_keeps_it(world: World) -> None:
    placed = world.place()
    order_id = placed.body["orders"][0]["id"]
    seen = [shown(world, order_id)["order"]["status"]]
    world.run(finish=False)
    seen.append(shown(world, order_id)["order"]["status"])
    world.run()
    seen.append(shown(world, order_id)["order"]["status"])
    assert seen == ["pending", "processing", "completed"]
    world.advance(86_400)
    world.run()
    assert shown(world, order_id)["order"]["status"] == "completed"


def test_O2_041_C28_the_order_block_has_its_published_fields(body: Any) -> None:
    order = body["order"]
    assert set(order) >= {"id", "status", "created_at", "updated_at", "location"}
    assert UUID.fullmatch(order["id"])
    assert (order["status"], order["location"]) == ("completed", "pdx")
    assert_date_time(order["created_at"])
    assert_date_time(order["updated_at"])
    assert order["created_at"] <= order["updated_at"]


def test_O2_042_C15_each_task_has_an_integer_id_and_a_status(body: Any, waiting: Any) -> None:
    for shows, status in ((body, "OK"), (waiting, "PAUSED")):
        (task,) = shows["tasks"]
        assert type(task["id"]) is int
        assert 0 < task["id"] < 2**53  # a number that every client can represent exactly
        assert task["status"] == status


def test_O2_043_the_site_block_is_absent_before_delivery(body: Any, waiting: Any) -> None:
    assert "site" in body
    assert "site" not in waiting


def test_O2_044_the_site_block_has_its_published_fields(body: Any) -> None:
    site = body["site"]
    assert all(isinstance(site[name], str) and site[name] for name in ("id", "domain"))
    assert (site["name"], site["variant"], site["location"]) == ("Shown", "extendify", "pdx")


def test_O2_045_C15_the_login_has_three_texts_and_a_port_number(body: Any) -> None:
    ssh = body["site"]["ssh_data"]
    assert set(ssh) == {"ipaddr", "username", "password", "port"}
    assert all(isinstance(ssh[name], str) and ssh[name] for name in ("ipaddr", "username", "password"))
    assert type(ssh["port"]) is int


def test_O2_046_no_subscription_is_shown_before_delivery(body: Any, waiting: Any) -> None:
    assert "subscription" in body
    assert "subscription" not in waiting


@pytest.mark.parametrize(("term", "months"), [("monthly", 1), ("annual", 12)])
def test_O2_047_the_subscription_is_the_renewal_at_stripe(world: World, term: str, months: int) -> None:
    given = completed(world, term=term)
    found = given["subscription"]
    assert set(found) >= {"id", "status", "bucket_type", "bucket_year", "bucket_month", "stripe_id"}
    assert all(isinstance(found[name], str) for name in ("id", "status", "bucket_type", "stripe_id"))
    assert found["stripe_id"].startswith("sub_")
    year, month = (int(part) for part in given["order"]["created_at"].split("-")[:2])
    assert found["bucket_year"] * 12 + found["bucket_month"] == year * 12 + month + months
    assert type(found["bucket_year"]) is type(found["bucket_month"]) is int
    assert 1 <= found["bucket_month"] <= 12
    subscription = world.stripe.get(found["stripe_id"])
    assert subscription["customer"] == world.accounts["ready"]["customer"]
    assert subscription["items"]["data"][0]["price"]["unit_amount"] == (1200 if term == "monthly" else 12000)


def test_O2_048_O2_049_O2_050_O2_051_O2_052_the_payment_is_shown(body: Any) -> None:
    payment = body["payment"]
    assert payment["status"] == "succeeded"
    assert payment["method_type"] == "card"
    assert payment["hosted_invoice_url"] is None or payment["hosted_invoice_url"].startswith("http")
    assert type(payment["amount_charged_cents"]) is type(payment["credit_applied_cents"]) is int
    assert (payment["amount_charged_cents"], payment["credit_applied_cents"]) == (1200, 0)


def test_O2_051_O2_052_credit_is_used_before_the_card(world: World) -> None:
    payment = completed(world, "credit")["payment"]
    assert (payment["amount_charged_cents"], payment["credit_applied_cents"]) == (700, 500)
    assert world.net_paid("credit") == 700


def test_C08_the_payment_block_names_its_currency(body: Any, waiting: Any) -> None:
    assert body["payment"]["currency"] == waiting["payment"]["currency"] == "EUR"


def test_O2_053_the_account_is_shown_without_its_roles(world: World, body: Any) -> None:
    account = body["account"]
    assert set(account) == ACCOUNT_FIELDS
    assert account["id"] == world.accounts["ready"]["id"]
    assert_date_time(account["created_at"])


def test_O2_054_the_user_is_the_person_who_placed_the_order(body: Any) -> None:
    assert set(body["user"]) == USER_FIELDS
    assert body["user"]["id"] == "usr_ready"


def test_O2_055_a_site_order_has_no_domain_block(body: Any, waiting: Any) -> None:
    assert "domain" not in body
    assert "domain" not in waiting


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_O2_056_another_accounts_order_gets_the_404_of_an_unknown_order(
    world: World, body: Any, method: str
) -> None:
    mine = number_of(body["order"]["id"])
    unknown = send(world, method, "/api/orders/00000000-0000-8000-8000-000000000000", account="credit")
    assert_error(unknown, 404, "not_found")
    for spelling in (body["order"]["id"], str(mine), object_id(mine)):
        foreign = send(world, method, f"/api/orders/{spelling}", account="credit")
        assert (foreign.status, foreign.body) == (404, unknown.body)
    never_minted = (
        str(mine + 2**40),
        str(2**49),
        "0",
        "-1",
        "1" * 16,
        "9" * 40,
        body["order"]["id"][:-1] + "x",
    )
    for spelling in never_minted:
        reply = send(world, method, f"/api/orders/{spelling}")
        assert (reply.status, reply.body) == (404, unknown.body)


def test_C02_each_of_the_three_spellings_of_an_id_finds_the_order(world: World, body: Any) -> None:
    number = number_of(body["order"]["id"])
    for spelling in (str(number), object_id(number), body["order"]["id"].upper()):
        assert shown(world, spelling) == body


def test_C22_only_api_keys_see_the_password(world: World, body: Any) -> None:
    path = f"/api/orders/{body['order']['id']}"
    secret = body["site"]["ssh_data"]["password"]
    for kind in ("user_key", "system_key"):
        reply = send(world, "GET", path, headers=credentials(world, "ready", kind))
        assert reply.body["site"]["ssh_data"]["password"] == secret
    reply = send(world, "GET", path, headers=oauth(world, "billing:read"))
    ssh = reply.body["site"]["ssh_data"]
    assert ssh == {**body["site"]["ssh_data"], "password": None}
    assert secret not in str(reply.body)
