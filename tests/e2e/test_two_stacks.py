"""Two stacks in one AWS account and region, as staging and production may be."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace

import pytest

from local.client import call
from local.deploy import deploy
from local.gateway import running_gateway
from local.paths import TEMPLATE
from local.schedule import quick_schedule
from local.seed import seed
from local.stack import STACK_NAME, Stack
from operate.connect_stripe import connect_stripe
from operate.secrets import read_secret, write_secret
from operate.stacks import Stage, read_stack

SECOND = "hosting-orders-second"
PATIENCE_SECONDS = 60.0
NAMED_WITHIN_A_PARENT = {"ApiApiGatewayDefaultStage", "FeaturesAtFirst", "FeaturesDeployment"}
"""Resources whose ids can be equal in two stacks: the API stage `$default`, and two version numbers in AppConfig."""


@pytest.fixture
def second(stack: Stack) -> Iterator[Stack]:
    """A second stack from the same template. It uses the first stack's emulator and stand-ins."""
    parameters = dict(read_stack(stack.aws, Stage("first", STACK_NAME)).parameters)
    with running_gateway() as gateway:
        deployment = deploy(stack.aws, TEMPLATE, SECOND, {**parameters, "PublicUrl": gateway.address})
        try:
            gateway.open_to(deployment.resources["Api"], int(stack.aws.endpoint.rpartition(":")[2]))
            deployed = read_stack(stack.aws, Stage("second", SECOND))
            connect_stripe(
                stack.aws, deployed, stack.stripe_api_key, lambda question: True, lambda line: None
            )
            manager = stack.aws.client("secretsmanager")
            platform = read_secret(manager, stack.deployment.resources["PlatformSecret"])
            write_secret(manager, deployment.resources["PlatformSecret"], platform)
            with quick_schedule(stack.aws, deployment.resources["ReconcileFunctionAliaslive"], 1.0):
                yield replace(stack, api=gateway.address, deployment=deployment)
        finally:
            stack.aws.client("cloudformation").delete_stack(StackName=SECOND)


def test_an_order_of_one_stack_is_not_in_the_other(stack: Stack, second: Stack) -> None:
    account = seed(second)["ready"]
    headers = {"Authorization": f"Bearer {account['user_key']}", "X-Auth-Account": account["id"]}
    site = {"name": "second", "variant": "vanilla", "location": "ams", "plan": "basic", "term": "monthly"}
    key = {"Idempotency-Key": str(uuid.uuid4())}
    placed = call("POST", f"{second.api}/api/orders", {"site": site}, headers={**headers, **key})
    assert placed.status == 202, placed.body
    order_id = placed.json()["orders"][0]["id"]
    address = f"{second.api}/api/orders/{order_id}"
    deadline = time.monotonic() + PATIENCE_SECONDS
    # The order is not delivered here, because the platform's stand-in sends webhooks only to the first stack.
    while (status := call("GET", address, headers=headers).json()["order"]["status"]) != "processing":
        assert time.monotonic() < deadline, status
        time.sleep(0.5)
    assert call("GET", f"{stack.api}/api/orders/{order_id}", headers=headers).status in (401, 404)
    assert order_id not in everything_in(stack)
    assert stack.table != second.table
    assert endpoint_of(stack) != endpoint_of(second)


def test_two_stacks_have_different_ids_for_their_resources(stack: Stack, second: Stack) -> None:
    first, other = stack.deployment.resources, second.deployment.resources
    assert first.keys() == other.keys()
    assert {name for name in first if first[name] == other[name]} == NAMED_WITHIN_A_PARENT
    schedules = stack.aws.client("scheduler").list_schedules()["Schedules"]
    assert {f"{name}-reconcile" for name in (STACK_NAME, SECOND)} <= {each["Name"] for each in schedules}


def everything_in(stack: Stack) -> str:
    pages = stack.aws.client("dynamodb").get_paginator("scan").paginate(TableName=stack.table)
    return json.dumps([page["Items"] for page in pages], default=str)


def endpoint_of(stack: Stack) -> str:
    manager = stack.aws.client("secretsmanager")
    return read_secret(manager, stack.deployment.resources["StripeSecret"])["webhook_endpoint"]
