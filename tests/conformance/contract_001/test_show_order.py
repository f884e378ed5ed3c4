"""One order in contract 001: every field, its type, and the source of its value."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from hosting_orders.contracts.billing_order.currencies import currency
from hosting_orders.domain.account import BillingContact
from hosting_orders.domain.order import Actor, OrderStatus
from hosting_orders.domain.products import DomainItem, SiteResource, VmResource
from tests.conformance.contract_001.support import (
    DATE,
    HOOK,
    MONEY,
    PUBLISHED,
    ask,
    assert_shape,
    created,
    delivered,
    domain,
    finish_domains,
    order_in,
    shown,
    site,
    stored,
    undeliverable,
    vps,
)
from tests.conformance.contract_002.support import change_account, oauth, send
from tests.support.world import World

ITEMS = ("site", "vps", "domain")


@pytest.fixture(scope="module")
def numbers(world: World) -> dict[str, str]:
    return {
        "site": delivered(world, site()),
        "vps": delivered(world, vps()),
        "domain": delivered(world, domain(world)),
    }


@pytest.fixture(params=ITEMS)
def number(numbers: dict[str, str], request: Any) -> str:
    return numbers[request.param]


# -- the envelope -----------------------------------------------------------------------------------------------------


def test_HU_010_HU_013_HU_014_HU_015_HU_059_an_order_has_exactly_the_published_fields_and_types(
    world: World, number: str
) -> None:
    reply = ask(world, "GET", f"/api/billing/order/{number}")
    assert_shape(reply.body, PUBLISHED)
    assert reply.body["success"] is True
    assert list(reply.body["data"]) == ["order", "status", "can_cancel"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"success": 1},
        {"success": "true"},
        {"more": ""},
        {"timestamp": None},
        {"data": {}},
        {"data": []},
    ],
)
def test_assert_shape_rejects_any_difference(
    world: World, numbers: dict[str, str], wrong: dict[str, Any]
) -> None:
    body = ask(world, "GET", f"/api/billing/order/{numbers['site']}").body
    with pytest.raises(AssertionError):
        assert_shape({**body, **wrong}, PUBLISHED)


def test_HU_011_HU_012_C28_a_response_has_a_timestamp_and_a_request_id(world: World, number: str) -> None:
    reply = ask(world, "GET", f"/api/billing/order/{number}", headers={"x-request-id": "req-1"})
    assert reply.body["requestId"] == reply.headers["x-request-id"] == "req-1"
    assert reply.body["timestamp"].endswith("Z")  # `ask` checks the rest of the format
    made = ask(world, "GET", f"/api/billing/order/{number}", headers={"x-request-id": "not one"})
    assert len(made.body["requestId"]) == 36


def test_HU_007_status_payment_and_services_are_present(world: World, numbers: dict[str, str]) -> None:
    order = order_in(world, numbers["site"])
    assert (order["status"], order["invstatus"], len(order["hosting"])) == ("Active", "Paid", 1)


# -- simple fields ----------------------------------------------------------------------------------------------------


def test_HU_020_HU_021_C02_id_and_number_are_the_orders_number(world: World, number: str) -> None:
    order = order_in(world, number)
    assert order["id"] == order["number"] == number == str(stored(world, number).number)


def test_HU_022_HU_025_HU_051_an_order_names_its_payment_provider_and_invoice(
    world: World, number: str
) -> None:
    order = order_in(world, number)
    reference = world.cart(stored(world, number).cart_token).payment.reference
    assert order["payment_module"] == order["metadata"]["gateway_id"] == "stripe"
    assert order["invoice_id"] == order["metadata"]["invoice_id"] == reference
    assert order["invoice_id"].startswith("in_")
    assert order["metadata"]["total"] == order["total"]


def test_HU_023_HU_051_the_client_id_is_the_accounts_number(world: World, number: str) -> None:
    order = order_in(world, number)
    assert order["client_id"] == str(order["metadata"]["client_id"])
    account = world.services.directory.account("acc_ready")
    assert account is not None and order["metadata"]["client_id"] == account.number > 0
    other = order_in(world, created(world, site(), account="credit")["orderId"], "credit")
    assert other["client_id"] != order["client_id"]
    # Accounts and orders share one set of numbers, so no order has the number of an account.
    assert ask(world, "GET", f"/api/billing/order/{account.number}").status == 404


def test_HU_024_HU_044_HU_045_an_order_has_no_staff_member(world: World, number: str) -> None:
    order = order_in(world, number)
    assert (order["staff_member_id"], order["admin_firstname"], order["admin_lastname"]) == ("0", "", "")


def test_HU_028_C28_the_creation_time_is_in_utc(world: World, number: str) -> None:
    order = order_in(world, number)
    assert DATE.fullmatch(order["date_created"])
    at = stored(world, number).created_at
    assert order["date_created"] == _utc(at)


def _utc(moment: int) -> str:
    import time

    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(moment // 1000))


def test_HU_030_the_clients_ip_address_is_shown_or_empty(world: World) -> None:
    number = created(world, site())["orderId"]
    assert order_in(world, number)["order_ip"] == "203.0.113.7"
    order = stored(world, number)
    world.services.orders.save_order(replace(order, placed=replace(order.placed, client_address=None)), None)
    assert order_in(world, number)["order_ip"] == ""


def test_HU_031_HU_032_HU_033_the_fields_about_accepted_contracts_are_empty(
    world: World, number: str
) -> None:
    order = order_in(world, number)
    assert [
        order[name] for name in ("contract_accepted_date", "contract_accepted_by", "commitment_date")
    ] == [""] * 3


@pytest.mark.parametrize("product", ITEMS)
def test_HU_034_C27_an_order_has_the_type_of_its_product(
    world: World, numbers: dict[str, str], product: str
) -> None:
    assert order_in(world, numbers[product])["type"] == product


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("Demo Customer", "Demo", "Customer"),
        ("Ada King Lovelace", "Ada", "King Lovelace"),
        ("  Plato  ", "Plato", ""),
        ("", "", ""),
    ],
)
def test_HU_035_HU_036_HU_037_an_order_has_the_names_of_the_billing_contact(
    world: World, number: str, name: str, first: str, last: str
) -> None:
    before = change_account(
        world, "ready", billing_contact=BillingContact(name=name, organization="Shop B.V.")
    )
    order = order_in(world, number)
    world.services.directory.put_account(before)
    assert (order["firstname"], order["lastname"], order["companyname"]) == (first, last, "Shop B.V.")


def test_HU_038_HU_039_the_fields_about_the_vendors_modules_are_empty(world: World, number: str) -> None:
    order = order_in(world, number)
    assert (order["module"], order["modusubtype"]) == ("", "")


# -- lists and objects ------------------------------------------------------------------------------------------------


def test_HU_050_notes_are_the_timeline(world: World, number: str) -> None:
    order = order_in(world, number)
    timeline = stored(world, number).timeline
    assert [note["date"] for note in order["notes"]] == [_utc(entry.at) for entry in timeline]
    assert [note["id"] for note in order["notes"]] == [str(place + 1) for place in range(len(timeline))]
    for note in order["notes"]:
        assert (note["type"], note["rel_id"], note["admin_id"]) == ("order", number, "0")
        assert (note["flags"], note["firstname"], note["lastname"]) == ("", "", "")
    first, *_, last = order["notes"]
    assert (first["note"], first["title"]) == ("order placed", "Pending")
    assert (last["note"], last["title"])[1] == "Active"


def test_HU_050_notes_have_no_internal_words(world: World) -> None:
    """Only operators see states, error names and registrar flags."""
    number = created(world, site())["orderId"]
    order = stored(world, number)
    now = world.clock.now()
    for cause in ("waiting: PENDING_SUPPORT_CASE", "The order could not be delivered (States.Timeout)."):
        order = order.told(cause, now, Actor.SYSTEM)
    world.services.orders.save_order(order, None)
    undeliverable(world, number)
    notes = order_in(world, number)["notes"]
    told = json.dumps(notes)
    for word in (*OrderStatus, "States.Timeout", "SUPPORT_CASE", "Error)"):
        assert f'"{word}"' not in told and f"({word})" not in told
    assert "SUPPORT_CASE" not in told and "States.Timeout" not in told
    assert "waiting for our registrar" in told
    assert {note["title"] for note in notes} == {"Pending", "Cancelled"}


def test_HU_052_a_delivered_site_is_shown_with_its_login_data(world: World) -> None:
    number = created(world, site(billingCycle="Annually", plan="business"))["orderId"]
    before = order_in(world, number)["hosting"][0]
    assert (before["domain"], before["server_id"], before["username"], before["password"]) == ("",) * 4
    assert (before["status"], before["billingcycle"]) == ("Pending", "Annually")
    world.run()
    (entry,) = order_in(world, number)["hosting"]
    order = stored(world, number)
    resource = order.resource_as(SiteResource)
    assert resource is not None
    assert entry == {
        "id": number,
        "domain": resource.domain,
        "product_id": "business",
        "total": order_in(world, number)["total"],
        "qty": "1",
        "billingcycle": "Annually",
        "status": "Active",
        "server_id": resource.id,
        "name": "My site",
        "autosetup": "1",
        "category_id": "0",
        "username": resource.username,
        "password": world.platform.password(order.uuid),
        "rootpassword": "",
        "catname": "WordPress",
        "module": "",
        "ptype": "site",
        "commitment_date": "",
        "item_type": "hosting",
    }


def test_HU_052_a_delivered_machine_is_shown_with_its_root_password(
    world: World, numbers: dict[str, str]
) -> None:
    number = numbers["vps"]
    (entry,) = order_in(world, number)["hosting"]
    order = stored(world, number)
    resource = order.resource_as(VmResource)
    assert resource is not None
    assert (entry["domain"], entry["name"]) == ("web-1.example.com", "web-1.example.com")
    assert (entry["product_id"], entry["ptype"], entry["catname"]) == ("vps-1", "vps", "VPS")
    assert (entry["server_id"], entry["username"]) == (resource.id, resource.username)
    assert entry["password"] == ""
    assert entry["rootpassword"] == world.platform.password(order.uuid)
    assert len(entry["rootpassword"]) > 8


def test_HU_052_C22_passwords_are_shown_to_keys_and_not_to_tokens(
    world: World, numbers: dict[str, str]
) -> None:
    for key in ("api_key_001", "system_key", "user_key"):
        assert order_in(world, numbers["site"], key=key)["hosting"][0]["password"]
    for scopes in ((), ("billing:read",), ("*",)):
        token = {"authorization": oauth(world, *scopes)["authorization"]}
        reply = send(world, "GET", f"/api/billing/order/{numbers['site']}", headers=token, account=None)
        assert (reply.status, reply.body["code"]) == (403, "OAUTH_NOT_ALLOWED")
    secret = order_in(world, numbers["site"])["hosting"][0]["password"]
    assert secret not in json.dumps(world.items("ORDER#"))


@pytest.mark.parametrize("item", [site(), vps()], ids=["site", "vps"])
def test_HU_052_a_refunded_order_has_no_login_data(world: World, item: dict[str, Any]) -> None:
    number = created(world, item)["orderId"]
    undeliverable(world, number)
    order = order_in(world, number)
    (entry,) = order["hosting"]
    assert (order["status"], order["invstatus"], entry["status"]) == ("Cancelled", "Refunded", "Cancelled")
    assert [entry[name] for name in ("server_id", "username", "password", "rootpassword")] == [""] * 4


def test_HU_053_HU_054_HU_055_HU_057_unused_lists_are_empty_arrays(world: World, number: str) -> None:
    order = order_in(world, number)
    assert [order[name] for name in ("addons", "upgrades", "fieldupgrades", "contracts")] == [[]] * 4


def test_HU_056_domains_are_listed_by_their_unicode_form(world: World, numbers: dict[str, str]) -> None:
    order = order_in(world, numbers["domain"])
    assert (order["hosting"], order["domains"]) == ([], ["billing-example.com"])
    number = created(world, domain(world, "bücher-example.com"))["orderId"]
    assert order_in(world, number)["domains"] == ["bücher-example.com"]
    assert order_in(world, numbers["site"])["domains"] == order_in(world, numbers["vps"])["domains"] == []
    world.run()
    finish_domains(world, stored(world, number).item_as(DomainItem).ascii_name)
    assert order_in(world, number)["domains"] == ["bücher-example.com"]


def test_HU_047_HU_060_every_order_has_one_item(world: World, number: str) -> None:
    order = order_in(world, number)
    lists = ("hosting", "domains", "addons", "upgrades", "fieldupgrades")
    assert order["item_count"] == sum(len(order[name]) for name in lists) == 1


def test_HU_027_HU_058_C09_the_currency_is_shown_with_its_iso_number_and_sign(
    world: World, number: str
) -> None:
    order = order_in(world, number)
    assert order["currency"] == {
        "code": "EUR",
        "iso": "EUR",
        "sign": "€",
        "format": "1,234.56",
        "decimal": "2",
        "rounding": "0",
        "rounding_mode": "half_up",
        "id": 978,
        "rate": 1.0,
    }
    assert order["currency_id"] == "978"


@pytest.mark.parametrize(
    ("code", "number", "sign", "decimal"),
    [("SEK", 752, "kr", "2"), ("JPY", 392, "¥", "0"), ("VND", 0, "VND", "0"), ("XYZ", 0, "XYZ", "2")],
)
def test_HU_058_other_currencies_have_a_sign_a_number_and_decimals(
    code: str, number: int, sign: str, decimal: str
) -> None:
    found = currency(code)
    assert (found["id"], found["sign"], found["decimal"]) == (number, sign, decimal)
    assert_shape(found, PUBLISHED["data"]["order"]["currency"])  # type: ignore[index]


def test_HU_026_amounts_in_euros_are_texts_with_two_decimals(world: World, number: str) -> None:
    order = order_in(world, number)
    for name in ("total", "invtotal", "invcredit", "invsubtotal2", "balance"):
        assert MONEY.fullmatch(order[name]), (name, order[name])


def test_a_callbacks_authorization_is_never_shown(world: World) -> None:
    client = {"callback": {"url": HOOK, "authorization": "Bearer secret-12345"}}
    number = created(world, site(), clientData=client)["orderId"]
    world.run()
    assert "secret-12345" not in json.dumps(shown(world, number))
    assert world.callbacks.received[-1].authorization == "Bearer secret-12345"
