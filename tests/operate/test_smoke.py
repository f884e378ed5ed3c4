"""`make smoke` refuses some stacks and checks the alarms. tests/e2e/test_smoke.py runs the whole command."""

from __future__ import annotations

from typing import Any

import pytest

from operate import smoke as command
from operate.errors import OperateError
from operate.smoke import smoke
from operate.smoke_account import SmokeAccount
from operate.stacks import Stack
from tests.support.deployed import FakeAccount, a_deployed_stack

PLATFORM = {"api_key": "key", "webhook_secrets": "whsec_bmV3LXNlY3JldA=="}


@pytest.mark.parametrize(
    ("stripe", "platform", "said"),
    [
        ({}, PLATFORM, "make connect-stripe"),
        ({"api_key": "sk_test_abcdefgh"}, {}, "make connect-platform"),
        ({"api_key": "sk_live_abcdefgh"}, PLATFORM, "live key"),
    ],
)
def test_an_unconnected_or_live_stack_is_refused(
    stripe: dict[str, str], platform: dict[str, str], said: str
) -> None:
    """The stack has no table here. The test passes only because the command refuses before it writes."""
    with a_deployed_stack() as deployed:
        if stripe:
            deployed.store(stripe)
        if platform:
            deployed.store(platform, "PlatformSecret")
        with pytest.raises(OperateError, match=said):
            smoke(deployed.account, deployed.stack, deployed.said.append)
        assert (deployed.said, deployed.stripe.objects("customer")) == ([], [])


class CloudWatch:
    """`ringing` lists the alarms that are in the state ALARM."""

    def __init__(self) -> None:
        self.ringing = ["shop-DomainsSwept", "of another stack"]

    def get_paginator(self, operation: str) -> CloudWatch:
        assert operation == "describe_alarms"
        return self

    def paginate(self, **_: str) -> list[Any]:
        return [{"MetricAlarms": [{"AlarmName": name} for name in self.ringing]}]


def test_only_a_new_alarm_fails_the_smoke_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a new stack, the alarm DomainsSwept may ring until the function `sweep_domains` has run once."""
    for check in ("_events_have_arrived", "_callbacks_were_attempted"):
        monkeypatch.setattr(command._Run, check, lambda _: True)
    monkeypatch.setattr(command._Run, "_errors", lambda _: [])
    names = {"A": "shop-DomainsSwept", "B": "shop-StepFault"}
    stack = Stack("shop", "CREATE_COMPLETE", {}, {"ApiUrl": "https://api.example.com"}, names)
    cloudwatch, said = CloudWatch(), list[str]()
    account = SmokeAccount("acc_smoke", "key", "cus_1", {}, 1200)
    run = command._Run(FakeAccount(cloudwatch=cloudwatch), stack, None, account, said.append)
    assert run.checks()
    assert said[-3:] == [
        "TO DO   alarms that rang before this test: shop-DomainsSwept",
        "OK      no errors in the log",
        "OK      no new alarms",
    ]
    cloudwatch.ringing.append("shop-StepFault")
    assert not run.checks()
    assert said[-1] == "FAILED  new alarms: shop-StepFault"
