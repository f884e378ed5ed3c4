"""`make doctor`: each check in its good and its bad state, and the page docs/go-live.md, which lists the checks.

The result of a check begins with OK, TO DO (the operator must act) or CANNOT TELL.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.issuer_standin import IssuerStandIn
from local.seed import seed_table
from operate.connect_stripe import connect_stripe
from operate.doctor import CHECKS, ONLY_ON_AWS, Patient, State, examine
from operate.smoke import PASSED_TAG
from operate.stacks import LOCAL, Stage
from tests.structure.project import ROOT
from tests.support.deployed import TEST_KEY, Deployed, FakeAccount, a_deployed_stack
from tests.support.table import TABLE_NAME, create_table

PLATFORM = {"api_key": "key", "webhook_secrets": "whsec_bmV3LXNlY3JldA=="}


class Pages:
    """A client whose operations return the given documents."""

    def __init__(self, **answers: Any) -> None:
        self._answers = answers
        self._asked = ""

    def __getattr__(self, name: str) -> Any:
        answer = self._answers[name]
        if isinstance(answer, Exception):
            raise answer
        return lambda **_: answer

    def get_paginator(self, operation: str) -> Pages:
        self._asked = operation
        return self

    def paginate(self, **_: Any) -> list[Any]:
        return [self._answers[self._asked]]


GOOD: dict[str, dict[str, Any]] = {
    "sns": {"list_subscriptions_by_topic": {"Subscriptions": [{"SubscriptionArn": "arn:aws:sns:x"}]}},
    "cloudwatch": {"describe_alarms": {"MetricAlarms": [{"AlarmName": "of another stack"}]}},
    "scheduler": {"get_schedule": {"State": "ENABLED"}},
    "lambda": {"get_account_settings": {"AccountLimit": {"ConcurrentExecutions": 1000}}},
    "route53": {"get_account_limit": {"Count": 3, "Limit": {"Value": 500}}},
}


class Clinic:
    """A stack for `make doctor` to examine, with prepared answers from AWS."""

    def __init__(self, deployed: Deployed) -> None:
        self.deployed = deployed
        self.answers = {service: dict(answers) for service, answers in GOOD.items()}
        names = {
            "ReconcileFunctionSchedule": "shop-reconcile",
            "DisputeAlarm": "shop-Dispute",
            "OrdersTable": TABLE_NAME,
        }
        self.dynamodb = deployed.account.client("dynamodb")
        create_table(self.dynamodb)
        # The operators may use an SNS topic of their own for alarms. Then the stack has no resource AlarmTopic.
        outputs = {**deployed.stack.outputs, "AlarmTopicArn": "arn:topic"}
        self.stack = replace(deployed.stack, resources={**deployed.stack.resources, **names}, outputs=outputs)
        self.stage = Stage("staging", "shop-prod")

    def connect(self) -> None:
        seed_table(self.dynamodb, TABLE_NAME, {})
        account = self.deployed.account
        connect_stripe(account, self.stack, TEST_KEY, lambda question: True, lambda line: None)
        self.deployed.store(PLATFORM, "PlatformSecret")
        manager = account.client("secretsmanager")
        tag = {"Key": PASSED_TAG, "Value": "2026-11-27"}
        manager.tag_resource(SecretId=self.stack.resources["StripeSecret"], Tags=[tag])

    def examine(self) -> tuple[bool, dict[str, str]]:
        clients = {service: Pages(**answers) for service, answers in self.answers.items()}
        secrets = self.deployed.account.client("secretsmanager")
        account = FakeAccount(secretsmanager=secrets, dynamodb=self.dynamodb, **clients)
        said: list[str] = []
        healthy = examine(Patient(account, self.stage, self.stack), said.append)
        states = dict(zip(CHECKS, said, strict=True))
        return healthy, states


@pytest.fixture
def clinic() -> Iterator[Clinic]:
    with a_deployed_stack() as deployed:
        yield Clinic(deployed)


def test_a_connected_stack_is_healthy(clinic: Clinic) -> None:
    clinic.connect()
    healthy, said = clinic.examine()
    assert healthy
    other = {name: line for name, line in said.items() if not line.startswith("OK ")}
    assert list(other) == ["domains"]
    assert "without a maximum cost: ca, co.uk" in said["catalogue"]
    assert other["domains"].startswith("CANNOT TELL")


def test_doctor_names_a_command_for_each_missing_step(clinic: Clinic) -> None:
    healthy, said = clinic.examine()
    assert not healthy
    assert "→ make connect-stripe STAGE=staging" in said["stripe secret"]
    assert "→ make connect-platform STAGE=staging" in said["platform secret"]
    assert "a variant of unlimited capacity\n" in said["catalogue"]
    assert "→ docs/go-live.md#the-catalogue" in said["catalogue"]
    assert "→ make smoke STAGE=staging" in said["smoke test"]
    assert said["webhook endpoint"].startswith("CANNOT TELL")


@pytest.mark.parametrize(
    ("service", "answer", "check"),
    [
        ("sns", {"list_subscriptions_by_topic": {"Subscriptions": []}}, "alarm subscription"),
        (
            "sns",
            {"list_subscriptions_by_topic": {"Subscriptions": [{"SubscriptionArn": "PendingConfirmation"}]}},
            "alarm subscription",
        ),
        ("cloudwatch", {"describe_alarms": {"MetricAlarms": [{"AlarmName": "shop-Dispute"}]}}, "alarms"),
        ("scheduler", {"get_schedule": {"State": "DISABLED"}}, "schedule"),
        (
            "lambda",
            {"get_account_settings": {"AccountLimit": {"ConcurrentExecutions": 10}}},
            "lambda concurrency",
        ),
        ("route53", {"get_account_limit": {"Count": 450, "Limit": {"Value": 500}}}, "hosted zones"),
    ],
)
def test_a_problem_in_the_aws_account_is_reported_as_to_do(
    clinic: Clinic, service: str, answer: Any, check: str
) -> None:
    clinic.connect()
    clinic.answers[service] = answer
    healthy, said = clinic.examine()
    assert not healthy
    assert [name for name, line in said.items() if line.startswith("TO DO")] == [check]
    assert "→ " in said[check]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"enabled_events": ["invoice.paid"]}, "its events"),
        ({"url": "https://old.example/hook"}, "its address"),
        ({"api_version": "2025-01-27.acacia"}, "its API version"),
        ({"status": "disabled"}, "it is disabled"),
    ],
)
def test_a_wrong_webhook_endpoint_is_reported_as_to_do(
    clinic: Clinic, change: dict[str, Any], said: str
) -> None:
    clinic.connect()
    state = clinic.deployed.stripe.state
    with state.lock:
        state.get("webhook_endpoint", clinic.deployed.stored()["webhook_endpoint"]).update(change)
    healthy, lines = clinic.examine()
    assert not healthy
    assert f"wrong: {said}" in lines["webhook endpoint"]


def test_production_needs_a_live_key_and_no_stand_ins(clinic: Clinic) -> None:
    clinic.connect()
    clinic.stage = Stage("prod", "shop-prod")
    assert clinic.examine()[1]["stripe mode"].startswith("TO DO")
    clinic.deployed.store({**clinic.deployed.stored(), "api_key": "sk_live_abcdefgh"})
    assert "uses stand-ins" in clinic.examine()[1]["stripe mode"]


def test_a_failed_deployment_is_reported_as_to_do(clinic: Clinic) -> None:
    clinic.connect()
    clinic.stack = replace(clinic.stack, status="UPDATE_ROLLBACK_COMPLETE")
    assert clinic.examine()[1]["stack"].startswith("TO DO")


def test_a_forbidden_check_is_reported_as_cannot_tell(clinic: Clinic) -> None:
    clinic.connect()
    denied = ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetSchedule")
    clinic.answers["scheduler"] = {"get_schedule": denied}
    healthy, said = clinic.examine()
    assert healthy
    assert said["schedule"].startswith("CANNOT TELL")
    assert "AccessDenied" in said["schedule"]


def test_an_unreadable_tax_setting_is_reported_as_cannot_tell(clinic: Clinic) -> None:
    clinic.connect()
    parameters = {**clinic.stack.parameters, "StripeAutomaticTax": "true"}
    clinic.stack = replace(clinic.stack, parameters=parameters)
    assert clinic.examine()[1]["stripe tax"].startswith("CANNOT TELL")


@pytest.fixture
def issuer() -> Iterator[IssuerStandIn]:
    with IssuerStandIn("https://api.example.com") as issuer:
        yield issuer


def oauth_line(clinic: Clinic, issuer: IssuerStandIn, **changes: str) -> tuple[bool, str]:
    clinic.connect()
    given = {"OAuthIssuer": issuer.url, "OAuthAudience": issuer.audience, "AllowLoopbackCallbacks": "true"}
    clinic.stack = replace(clinic.stack, parameters={**clinic.stack.parameters, **given, **changes})
    healthy, said = clinic.examine()
    return healthy, said["oauth issuer"]


def test_the_keys_of_the_oauth_issuer_are_read(clinic: Clinic, issuer: IssuerStandIn) -> None:
    healthy, line = oauth_line(clinic, issuer)
    assert (healthy, line.startswith("OK ")) == (True, True)
    assert f"2 keys of {issuer.url}" in line
    assert issuer.audience in line


def test_a_stack_without_an_issuer_does_not_use_oauth(clinic: Clinic, issuer: IssuerStandIn) -> None:
    healthy, line = oauth_line(clinic, issuer, OAuthIssuer="")
    assert (healthy, "not used" in line) == (True, True)
    assert issuer.requests == []


@pytest.mark.parametrize("audience", ["", " , "])
def test_an_issuer_without_an_audience_is_reported_as_to_do(
    clinic: Clinic, issuer: IssuerStandIn, audience: str
) -> None:
    healthy, line = oauth_line(clinic, issuer, OAuthAudience=audience)
    assert (healthy, line.startswith("TO DO")) == (False, True)
    assert "every token gets a 401" in line
    assert 'ARGS="OAuthAudience=…"' in line


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"OAuthIssuer": "{url}/"}, "the metadata names another issuer"),
        ({"OAuthIssuer": "http://issuer.example"}, "is not an https address"),
        ({"AllowLoopbackCallbacks": "false"}, "is not an https address"),
        ({"OAuthIssuer": "{url}/realms/x"}, "answered 404"),
    ],
)
def test_unreadable_keys_of_an_issuer_are_reported_as_to_do(
    clinic: Clinic, issuer: IssuerStandIn, fault: dict[str, str], said: str
) -> None:
    changes = {name: value.format(url=issuer.url) for name, value in fault.items()}
    healthy, line = oauth_line(clinic, issuer, **changes)
    assert (healthy, line.startswith("TO DO")) == (False, True)
    assert said in line
    assert "→ docs/oauth.md#set-up-an-issuer" in line


def test_an_issuer_without_a_usable_key_is_reported_as_to_do(
    clinic: Clinic, issuer: IssuerStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issuer, "jwks", lambda: {"keys": []})
    healthy, line = oauth_line(clinic, issuer)
    assert (healthy, line.startswith("TO DO")) == (False, True)
    assert "no key that can verify a token" in line


def test_the_local_stack_has_no_aws_account_to_check(clinic: Clinic) -> None:
    """An emulator does not know an account's quotas, and `make deploy` has no stage `local`."""
    clinic.connect()
    clinic.stage = Stage(LOCAL, "hosting-orders")
    clinic.answers = {name: clinic.answers[name] for name in ("cloudwatch", "scheduler")}
    healthy, said = clinic.examine()
    assert healthy
    assert {name for name, line in said.items() if not line.startswith("OK ")} == set(ONLY_ON_AWS)
    assert said["lambda concurrency"].split(maxsplit=2) == [
        "CANNOT",
        "TELL",
        "lambda concurrency   needs an AWS account",
    ]


def test_the_go_live_page_lists_the_checks_in_sequence() -> None:
    page = (ROOT / "docs" / "go-live.md").read_text(encoding="utf-8")
    assert re.findall(r"^\d+\. \*\*(.+?)\*\*", page, re.MULTILINE) == list(CHECKS)
    assert set(State) == set(re.findall(r"`(OK|TO DO|CANNOT TELL)`", page))
