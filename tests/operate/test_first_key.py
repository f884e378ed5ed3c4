"""`make first-key` makes a key for an existing account and user. It is a live key if payments are live."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from hosting_orders.usecases.authenticate import hash_key
from operate.errors import OperateError
from operate.first_key import first_key
from operate.stacks import Stack
from tests.support.deployed import FakeAccount, FakeSecrets
from tests.support.table import TABLE_NAME
from tests.support.world import World, a_world

STACK = Stack(
    name="shop-prod",
    status="CREATE_COMPLETE",
    parameters={},
    outputs={},
    resources={"OrdersTable": TABLE_NAME, "StripeSecret": "stripe"},
)


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as world:
        yield world


def cloud(world: World, stripe_key: str | None = "sk_test_12345678") -> Any:
    stored = {"stripe": f'{{"api_key": "{stripe_key}"}}'} if stripe_key else {}
    return FakeAccount(dynamodb=world.dynamodb, secretsmanager=FakeSecrets(stored))


def test_the_key_works_and_makes_further_keys(world: World) -> None:
    said: list[str] = []
    secret = first_key(cloud(world), STACK, {"Account": "acc_ready", "User": "usr_ready"}, said.append)
    assert said == [f"A test key of acc_ready, shown only now: {secret}"]
    world.accounts["ready"]["first"] = secret
    assert world.request("POST", "/api/orders", world.site(), key="first").status == 202
    made = world.request("POST", "/api/keys", {"name": "x", "scopes": None}, key="first")
    assert (made.status, made.body["key"]["user_id"]) == (201, "usr_ready")
    listed = world.request("GET", "/api/keys", key="first").body["keys"]
    assert made.body["key"]["made_by"] in {key["id"] for key in listed if key["name"] == "First key"}


@pytest.mark.parametrize("stripe_key", ["sk_live_12345678", "rk_live_12345678"])
def test_a_stack_with_live_payments_gets_a_live_key(world: World, stripe_key: str) -> None:
    secret = first_key(cloud(world, stripe_key), STACK, {"Account": "acc_ready"}, print)
    credential = world.services.directory.credential(hash_key(secret))
    assert credential is not None and secret.startswith("sq_live_")
    assert (credential.test, credential.user_id, credential.kind) == (False, None, "system")


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({}, "account is missing. Give .*Account=acc_"),
        ({"Account": ""}, "account is missing"),
        ({"Account": "acc_ready", "Scope": "x"}, "Not known: Scope"),
        ({"Account": "acc_none"}, "has no account acc_none"),
        ({"Account": "acc_ready", "User": "usr_none"}, "has no user usr_none"),
        ({"Account": "acc_ready", "User": "usr_credit"}, "has no user usr_credit"),
    ],
)
def test_a_wrong_value_is_reported_and_nothing_is_stored(
    world: World, values: dict[str, str], complaint: str
) -> None:
    before = len(world.items(""))
    with pytest.raises(OperateError, match=complaint):
        first_key(cloud(world), STACK, values, print)
    assert len(world.items("")) == before


def test_an_unconnected_stack_gets_no_key(world: World) -> None:
    with pytest.raises(OperateError, match="make connect-stripe"):
        first_key(cloud(world, None), STACK, {"Account": "acc_ready"}, print)
    other = replace(STACK, resources={**STACK.resources, "StripeSecret": "elsewhere"})
    with pytest.raises(OperateError, match="make connect-stripe"):
        first_key(cloud(world), other, {"Account": "acc_ready"}, print)
