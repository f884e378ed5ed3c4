"""An operator changes a switch in AppConfig, and clients see it without a deployment."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from local.client import call
from local.demo import DemoAccounts
from local.stack import Stack

PATIENCE_SECONDS = 30.0


class Operator:
    """Runs the commands of docs/runbooks.md with the ids from the stack's outputs."""

    def __init__(self, stack: Stack) -> None:
        outputs = stack.deployment.outputs
        self._app_config = stack.aws.client("appconfig")
        self._application = {"ApplicationId": outputs["FeaturesApplicationId"]}
        self._profile = {**self._application, "ConfigurationProfileId": outputs["FeaturesProfileId"]}
        self._environment = {**self._application, "EnvironmentId": outputs["FeaturesEnvironmentId"]}
        self._strategy = outputs["FeaturesStrategyId"]

    def newest_version(self) -> str:
        deployments = self._app_config.list_deployments(**self._environment)["Items"]
        return str(max(deployments, key=lambda one: one["DeploymentNumber"])["ConfigurationVersion"])

    def sets(self, document: object) -> None:
        created = self._app_config.create_hosted_configuration_version(
            **self._profile, Content=json.dumps(document).encode(), ContentType="application/json"
        )
        self.deploys(str(created["VersionNumber"]))

    def deploys(self, version: str) -> None:
        self._app_config.start_deployment(
            **{**self._environment, **self._profile},
            DeploymentStrategyId=self._strategy,
            ConfigurationVersion=version,
        )


@pytest.fixture
def operator(stack: Stack) -> Iterator[Operator]:
    """An operator. The switches are restored afterwards, for the other tests on the stack."""
    operator = Operator(stack)
    before = operator.newest_version()
    yield operator
    operator.deploys(before)


def domain_registration(stack: Stack, account: Any) -> object:
    headers = {"Authorization": f"Bearer {account['user_key']}", "X-Auth-Account": account["id"]}
    answer = call("GET", f"{stack.api}/api/about", headers=headers)
    assert answer.status == 200, answer.body
    return answer.json()["features"]["domain_registration"]


def test_an_operator_can_switch_a_feature_for_one_account(
    stack: Stack, accounts: DemoAccounts, operator: Operator
) -> None:
    ready, credit = accounts["ready"], accounts["credit"]

    def wait_until(for_ready: bool, for_credit: bool) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            told = (domain_registration(stack, ready), domain_registration(stack, credit))
            if told == (for_ready, for_credit):
                return
            assert time.monotonic() < deadline, told
            time.sleep(0.1)

    wait_until(for_ready=True, for_credit=True)  # the value with which the local stack starts

    operator.sets({"domain_registration": {"default": False}})
    wait_until(for_ready=False, for_credit=False)

    pilot = {"action": "EQUALS", "key": "account_id", "value": ready["id"]}
    rules = {"pilot": {"when_match": True, "conditions": [pilot]}}
    operator.sets({"domain_registration": {"default": False, "rules": rules}})
    wait_until(for_ready=True, for_credit=False)
