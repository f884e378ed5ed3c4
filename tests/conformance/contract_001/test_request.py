"""The requests of contract 001: path, id, headers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from hosting_orders.domain.ids import object_id, order_uuid
from tests.conformance.contract_001.support import (
    KEY,
    UNKNOWN,
    ask,
    assert_error,
    create,
    created,
    in_shape,
    key_for,
    key_of,
    shown,
    site,
    stored,
)
from tests.conformance.contract_002.support import change_account, send, state_of
from tests.support.world import Reply, World


@pytest.fixture(scope="module")
def number(world: World) -> str:
    found: str = created(world, site())["orderId"]
    world.run()
    return found


def path_of(number: str | int) -> str:
    return f"/api/billing/order/{number}"


# -- the id -----------------------------------------------------------------------------------------------------------


def test_HU_001_HU_004_HU_005_HU_006_the_vendors_example_request_succeeds(world: World, number: str) -> None:
    headers = {**key_of(world), "accept": "application/json", "content-type": "application/json"}
    reply = in_shape(send(world, "GET", path_of(number), headers=headers, account=None))
    assert reply.status == 200
    assert reply.body["data"]["order"]["id"] == number


@pytest.mark.parametrize("accept", ["*/*", "", "text/html", "application/json;q=0.9"])
def test_HU_005_HU_006_other_header_values_change_nothing(world: World, number: str, accept: str) -> None:
    more = {"accept": accept, "content-type": "text/plain"}
    assert ask(world, "GET", path_of(number), headers=more).body["data"] == shown(world, number)


def test_HU_002_C21_the_id_is_a_number_in_the_path_and_a_text_in_the_body(world: World, number: str) -> None:
    order = shown(world, number)["order"]
    assert order["id"] == order["number"] == number
    assert int(number) >= 1


@pytest.fixture
def reads(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """The order numbers that were looked up in the table."""
    asked: list[Any] = []
    orders = world.services.orders
    original = orders.order

    def order(account_id: str, wanted: int) -> Any:
        asked.append(wanted)
        return original(account_id, wanted)

    monkeypatch.setattr(orders, "order", order)
    yield asked


def not_integers(number: str) -> list[str]:
    known = int(number)
    return [
        object_id(known),
        object_id(known).upper(),
        order_uuid(known),
        order_uuid(known).upper(),
        hex(known),
        *("0", "-1", "+1", f"+{number}", f"-{number}", "1.0", f"{number}.0", "01", f"0{number}", "1e3"),
        *("9" * 40, "9" * 16, str(2**49), f"{number} ", f" {number}", f"{number}\n", f"%20{number}", "%31"),
        *(number.translate({48 + digit: 0xFF10 + digit for digit in range(10)}), "٣", "²", "1_000", "1,000"),
        *("null", "NaN", "Infinity", "true", "x", f"{number}x", "*", "\x00", "\ud800"),
    ]


def test_HU_003_C02_an_invalid_id_gets_a_404_without_a_table_read(
    world: World, number: str, reads: list[Any]
) -> None:
    for wrong in not_integers(number):
        for method, path in (("GET", path_of("x")), ("POST", f"{path_of('x')}/cancel")):
            reply = in_shape(
                send(world, method, path, headers=key_of(world), account=None, parameters={"id": wrong})
            )
            assert_error(reply, 404, "NOT_FOUND")
    assert reads == []
    shown(world, number)
    assert reads == [int(number)]


def without_stamps(reply: Reply) -> tuple[int, str]:
    """The response without the request id and timestamp, which differ each time."""
    body = {name: value for name, value in reply.body.items() if name not in ("requestId", "timestamp")}
    return reply.status, json.dumps(body)


@pytest.mark.parametrize(("method", "below"), [("GET", ""), ("POST", "/cancel")])
def test_HU_061_another_accounts_order_gets_the_404_of_an_unknown_order(
    world: World, method: str, below: str
) -> None:
    foreign = created(world, site(), account="credit")["orderId"]
    before = state_of(world)
    unknown = ask(world, method, f"{UNKNOWN}{below}")
    assert_error(unknown, 404, "NOT_FOUND")
    answers = {without_stamps(ask(world, method, path_of(foreign) + below)), without_stamps(unknown)}
    for wrong in ("x", "0", "9" * 201, "１", f"{foreign} "):
        reply = send(
            world, method, path_of("1") + below, headers=key_of(world), account=None, parameters={"id": wrong}
        )
        answers.add(without_stamps(reply))
    assert len(answers) == 1
    assert state_of(world) == before
    assert shown(world, foreign, "credit")["order"]["id"] == foreign


def test_HU_008_the_id_works_in_later_requests(world: World) -> None:
    number = created(world, site(), account="sepa")["orderId"]
    reply = ask(world, "POST", f"{path_of(number)}/cancel", "sepa")
    assert reply.body["data"]["order_id"] == number
    assert stored(world, number, "sepa").cancel_requested_at is not None


# -- credentials ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "Token"])
def test_HU_072_C12_the_key_is_accepted_in_either_header(world: World, number: str, scheme: str) -> None:
    key = world.accounts["ready"][KEY]
    for headers in (
        {"authorization": f"{scheme} {key}"},
        {"x-api-key": key},
        {"authorization": f"{scheme} {key}", "x-api-key": key},
    ):
        reply = in_shape(send(world, "GET", path_of(number), headers=headers, account=None))
        assert (reply.status, reply.body["data"]["order"]["id"]) == (200, number)


def refused_headers(world: World) -> dict[str, dict[str, str]]:
    key, other = world.accounts["ready"][KEY], world.accounts["credit"][KEY]
    return {
        "nothing": {},
        "two keys": {"authorization": f"Bearer {key}", "x-api-key": other},
        "two keys the other way": {"authorization": f"Bearer {other}", "x-api-key": key},
        "Bearer with a wrong key, X-API-Key with the right one": {
            "authorization": "Bearer nonsense",
            "x-api-key": key,
        },
        "Bearer with the right key, X-API-Key with a wrong one": {
            "authorization": f"Bearer {key}",
            "x-api-key": "nonsense",
        },
        "another scheme": {"authorization": f"Basic {key}"},
        "the right key in both, with the scheme Basic": {"authorization": f"Basic {key}", "x-api-key": key},
        "Bearer without a key, X-API-Key with the right one": {"authorization": "Bearer", "x-api-key": key},
        "unknown": {"x-api-key": "sq_test_" + "0" * 64},
        "empty": {"x-api-key": ""},
        "with a scheme": {"x-api-key": f"Bearer {key}"},
        "twice": {"x-api-key": f"{key},{key}"},
        "of two accounts": key_for(world, "ready", "credit"),
        "expired": key_for(world, "ready", expires_at=world.clock.now()),
        "a key for another IP address": key_for(world, "ready", ip_list=("198.51.100.1",)),
    }


def test_HU_061_HU_072_C12_every_invalid_credential_gets_the_same_401(world: World, number: str) -> None:
    answers = set()
    for name, headers in refused_headers(world).items():
        for method, path in (("GET", path_of(number)), ("POST", f"{path_of(number)}/cancel")):
            before = state_of(world)
            reply = in_shape(send(world, method, path, headers=headers, account=None))
            assert reply.status == 401, name
            assert reply.headers["www-authenticate"]
            answers.add(without_stamps(reply))
            assert state_of(world) == before
    assert len(answers) == 1


def test_HU_061_the_account_comes_from_the_key_and_not_the_header(world: World, number: str) -> None:
    headers = {"x-auth-account": world.accounts["credit"]["id"]}
    assert ask(world, "GET", path_of(number), headers=headers).status == 200
    assert ask(world, "GET", path_of(number), "credit", headers={"x-auth-account": "acc_ready"}).status == 404


def test_HU_061_a_key_with_scopes_is_refused(world: World, number: str) -> None:
    """A key for domains must not read the password of a site."""
    for key in ("api_key_000", "api_key_000_domains"):
        for method, path in (("GET", path_of(number)), ("POST", f"{path_of(number)}/cancel")):
            assert_error(ask(world, method, path, key=key), 403, "INSUFFICIENT_SCOPE")


@pytest.mark.parametrize("key", ["system_key", "user_key", "user_key_v1"])
def test_HU_061_keys_of_other_contracts_work_if_they_have_no_scopes(
    world: World, number: str, key: str
) -> None:
    assert shown(world, number, key=key)["order"]["id"] == number


def test_HU_061_an_operator_can_shut_out_a_trial_account(world: World) -> None:
    number = created(world, site(), account="trial")["orderId"]
    before = change_account(world, "trial", trial_api_access=False)
    for method, path in (("GET", path_of(number)), ("GET", UNKNOWN), ("GET", "/api/account/pending-orders")):
        assert_error(ask(world, method, path, "trial"), 403, "TRIAL_ACCOUNT")
    world.services.directory.put_account(before)
    assert shown(world, number, "trial")["order"]["id"] == number
    assert create(world, site(), account="trial").status == 200


# -- polling ----------------------------------------------------------------------------------------------------------


def test_HU_011_HU_012_the_etag_depends_only_on_the_order(world: World) -> None:
    number = created(world, site(), account="authentication_required")["orderId"]
    world.run()
    path, account = path_of(number), "authentication_required"
    first = ask(world, "GET", path, account)
    world.advance(5)
    again = ask(world, "GET", path, account, headers={"x-request-id": "another"})
    assert again.body["timestamp"] != first.body["timestamp"]
    assert again.body["requestId"] == "another"
    tag = first.headers["etag"]
    assert again.headers["etag"] == tag
    known = {"if-none-match": tag}
    assert ask(world, "GET", path, account, headers=known).status == 304
    assert ask(world, "POST", f"{path}/cancel", account).status == 200
    changed = ask(world, "GET", path, account, headers=known)
    assert changed.status == 200
    assert changed.headers["etag"] != tag
