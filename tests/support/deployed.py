"""A stack in moto, with Stripe's stand-in, for tests of the operators' commands."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.exceptions import ClientError
from moto import mock_aws

from local.stripe_standin import StripeStandIn
from operate.secrets import read_secret
from operate.stacks import Stack
from tests.support.table import REGION

WEBHOOK_URL = "https://api.example.com/webhooks/stripe"
TEST_KEY = "sk_test_of_the_operator"


class MotoAccount:
    def client(self, service: str) -> Any:
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        return boto3.client(service, region_name=REGION, **keys)


class FakeCloudFormation:
    """Answers in CloudFormation's format, with its error for a stack that does not exist."""

    def __init__(self, *stacks: Mapping[str, Any]) -> None:
        self.stacks = {stack["StackName"]: dict(stack) for stack in stacks}

    def describe_stacks(self, StackName: str) -> dict[str, Any]:  # noqa: N803
        if StackName not in self.stacks:
            message = f"Stack with id {StackName} does not exist"
            raise ClientError({"Error": {"Code": "ValidationError", "Message": message}}, "DescribeStacks")
        return {"Stacks": [self.stacks[StackName]]}

    def get_paginator(self, operation: str) -> FakeCloudFormation:
        assert operation == "list_stack_resources"
        return self

    def paginate(self, StackName: str) -> list[dict[str, Any]]:  # noqa: N803
        resources = self.stacks[StackName].get("Resources", {})
        made = [{"LogicalResourceId": name, "PhysicalResourceId": given} for name, given in resources.items()]
        return [{"StackResourceSummaries": made[:1]}, {"StackResourceSummaries": made[1:]}]

    def describe_stack_events(self, StackName: str) -> dict[str, Any]:  # noqa: N803
        return {"StackEvents": self.stacks[StackName].get("Events", [])}


class FakeSecrets:
    """Secrets Manager with the given values. Every other secret has no value."""

    class exceptions:  # noqa: N801
        class ResourceNotFoundException(Exception):  # noqa: N818
            pass

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def get_secret_value(self, SecretId: str) -> dict[str, Any]:  # noqa: N803
        if SecretId not in self._values:
            raise self.exceptions.ResourceNotFoundException
        return {"SecretString": self._values[SecretId]}


class FakeAccount:
    """An account with the given clients."""

    def __init__(self, **clients: Any) -> None:
        self._clients = clients

    def client(self, service: str) -> Any:
        return self._clients[service]


@dataclass
class Deployed:
    """A stack whose secrets are empty, as after its first deployment."""

    account: MotoAccount
    stack: Stack
    stripe: StripeStandIn
    said: list[str] = field(default_factory=list)

    def stored(self, secret: str = "StripeSecret") -> dict[str, str]:
        return read_secret(self.account.client("secretsmanager"), self.stack.resources[secret])

    def store(self, document: Mapping[str, str], secret: str = "StripeSecret") -> None:
        manager = self.account.client("secretsmanager")
        manager.put_secret_value(SecretId=self.stack.resources[secret], SecretString=json.dumps(document))

    def endpoints(self) -> list[dict[str, Any]]:
        return self.stripe.objects("webhook_endpoint")


@contextmanager
def a_deployed_stack(**parameters: str) -> Iterator[Deployed]:
    elsewhere: Any = {"core": {"passthrough": {"urls": ["127.0.0.1"]}}}
    with mock_aws(config=elsewhere), StripeStandIn(manual_delivery=True) as stripe:
        account = MotoAccount()
        manager = account.client("secretsmanager")
        names = ("StripeSecret", "PlatformSecret")
        yield Deployed(
            account,
            Stack(
                name="shop-prod",
                status="CREATE_COMPLETE",
                parameters={
                    "StripeApiBase": stripe.url,
                    "PlatformUrl": "https://platform.example",
                    "AllowLoopbackCallbacks": "false",
                    **parameters,
                },
                outputs={
                    "ApiUrl": "https://api.example.com",
                    "StripeWebhookUrl": WEBHOOK_URL,
                    "PlatformWebhookUrl": "https://api.example.com/webhooks/platform",
                },
                resources={name: manager.create_secret(Name=f"{name}-x")["ARN"] for name in names},
            ),
            stripe,
        )
