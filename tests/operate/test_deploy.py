"""`make deploy` with a fake `sam` on the PATH that records its arguments."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from operate.deploy import deploy, given_values
from operate.errors import OperateError
from operate.stacks import stage_of
from tests.support.deployed import FakeAccount, FakeCloudFormation, FakeSecrets

REGION = "eu-west-1"
STACK = "hosting-orders-prod"
DEPLOYED = {
    "StackName": STACK,
    "StackStatus": "CREATE_COMPLETE",
    "Parameters": [
        {"ParameterKey": "PlatformUrl", "ParameterValue": "https://platform.example"},
        {"ParameterKey": "Architecture", "ParameterValue": "arm64"},
    ],
    "Outputs": [{"OutputKey": "ApiUrl", "OutputValue": "https://api.example.com"}],
    "Resources": {"StripeSecret": "arn:stripe", "PlatformSecret": "arn:platform"},
}


class Machine:
    """The operator's computer. It records the arguments of `sam`, the questions to the operator and the messages."""

    def __init__(self, folder: Path) -> None:
        self.calls = folder / "calls"
        self.said: list[str] = []
        self.asked: list[str] = []
        self.built = 0

    def arguments(self) -> list[str]:
        return json.loads(self.calls.read_text()) if self.calls.exists() else []

    def deploy(self, *given: str, answers: tuple[str, ...] = (), stack: Any = None, **more: Any) -> None:
        cloudformation = FakeCloudFormation(*([stack] if stack else []))
        secrets = FakeSecrets(more.pop("secrets", {}))
        left = list(answers)

        def ask(question: str, optional: bool) -> str:
            self.asked.append(question)
            return left.pop(0)

        def build() -> None:
            self.built += 1
            cloudformation.stacks[STACK] = DEPLOYED

        account = FakeAccount(cloudformation=cloudformation, secretsmanager=secrets)
        deploy(
            account,
            stage_of("prod"),
            given_values(given),
            region=REGION,
            ask=ask,
            build=build,
            report=self.said.append,
            **more,
        )


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    sam = tmp_path / "sam"
    sam.write_text(
        "#!/usr/bin/env python3\nimport json, sys\n"
        f"json.dump(sys.argv[1:], open({str(tmp_path / 'calls')!r}, 'w'))\n"
        "sys.exit('AlarmEmail=fails@example.com' in sys.argv)\n"
    )
    sam.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.delenv("ARCHITECTURE", raising=False)
    return Machine(tmp_path)


def overrides(arguments: list[str]) -> list[str]:
    return (
        arguments[arguments.index("--parameter-overrides") + 1 :]
        if "--parameter-overrides" in arguments
        else []
    )


def test_a_first_deployment_asks_for_two_values(machine: Machine) -> None:
    machine.deploy(answers=("https://platform.example", ""))
    assert [question.splitlines()[-1] for question in machine.asked] == [
        "PlatformUrl for hosting-orders-prod: ",
        "AlarmEmail for hosting-orders-prod: ",
    ]
    assert machine.arguments()[:5] == ["deploy", "--config-env", "prod", "--region", REGION]
    assert "--guided" not in machine.arguments()
    assert overrides(machine.arguments()) == ["PlatformUrl=https://platform.example"]


def test_values_on_the_command_line_are_not_asked_for(machine: Machine) -> None:
    machine.deploy("PlatformUrl=https://platform.example", "AlarmEmail=ops@example.com")
    assert machine.asked == []
    assert overrides(machine.arguments()) == [
        "PlatformUrl=https://platform.example",
        "AlarmEmail=ops@example.com",
    ]


def test_a_later_deployment_asks_nothing_and_passes_no_values(machine: Machine) -> None:
    machine.deploy(stack=DEPLOYED)
    assert (machine.asked, overrides(machine.arguments())) == ([], [])


def test_a_later_deployment_passes_only_what_was_given(machine: Machine) -> None:
    machine.deploy("AlarmEmail=", stack=DEPLOYED, confirmed=True)
    assert overrides(machine.arguments()) == ['AlarmEmail=""']
    assert "--no-confirm-changeset" in machine.arguments()


def test_a_first_deployment_that_was_not_confirmed_asks_again(machine: Machine) -> None:
    machine.deploy(
        stack={"StackName": STACK, "StackStatus": "REVIEW_IN_PROGRESS"}, answers=("https://p.example", "")
    )
    assert overrides(machine.arguments()) == ["PlatformUrl=https://p.example"]


def test_next_commands_are_shown_until_the_secrets_are_filled(machine: Machine) -> None:
    machine.deploy(stack=DEPLOYED)
    assert machine.said == [
        "hosting-orders-prod is deployed: https://api.example.com",
        "Next (docs/go-live.md):",
        "  fill the catalogue, if it is empty: docs/go-live.md#the-catalogue",
        "  make connect-stripe STAGE=prod",
        "  make connect-platform STAGE=prod",
        "  make smoke STAGE=prod",
        "  make doctor STAGE=prod",
    ]
    machine.said.clear()
    filled = '{"api_key": "x"}'
    machine.deploy(stack=DEPLOYED, secrets={"arn:stripe": filled, "arn:platform": filled})
    assert machine.said == ["hosting-orders-prod is deployed: https://api.example.com"]


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("ROLLBACK_COMPLETE", "delete-stack --stack-name hosting-orders-prod --region eu-west-1"),
        ("ROLLBACK_FAILED", "delete-stack"),
        ("DELETE_FAILED", "delete-stack"),
        ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback"),
        ("UPDATE_IN_PROGRESS", "Wait"),
    ],
)
def test_an_undeployable_stack_is_refused_before_the_build(machine: Machine, status: str, said: str) -> None:
    with pytest.raises(OperateError) as refusal:
        machine.deploy(stack={**DEPLOYED, "StackStatus": status, "Events": EVENTS})
    assert said in str(refusal.value)
    assert (machine.built, machine.arguments(), machine.asked) == (0, [], [])
    if status == "ROLLBACK_COMPLETE":
        assert "  DataKey: no permission kms:CreateKey\n" in str(refusal.value)
        assert "older" not in str(refusal.value)


EVENTS = [
    {"LogicalResourceId": STACK, "ResourceStatus": "ROLLBACK_COMPLETE"},
    {
        "LogicalResourceId": "Api",
        "ResourceStatus": "CREATE_FAILED",
        "ResourceStatusReason": "Resource creation cancelled",
    },
    {
        "LogicalResourceId": "DataKey",
        "ResourceStatus": "CREATE_FAILED",
        "ResourceStatusReason": "no permission kms:CreateKey",
    },
    {
        "LogicalResourceId": STACK,
        "ResourceStatus": "CREATE_IN_PROGRESS",
        "ResourceStatusReason": "User Initiated",
    },
    {
        "LogicalResourceId": "Api",
        "ResourceStatus": "CREATE_FAILED",
        "ResourceStatusReason": "an older failure",
    },
]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("PlatformURL=https://p.example", "has no parameter PlatformURL"),
        ("PlatformUrl=platform.example", "PlatformUrl cannot be"),
        ("PlatformUrl=https://p.example/", "PlatformUrl cannot be"),
        ("PlatformUrl=https://p.example/a b", "PlatformUrl cannot be"),
        ("AlarmEmail=ops", "AlarmEmail cannot be"),
        ("LogLevel=LOUD", "LogLevel cannot be"),
        ("PlatformUrl", "Name=value"),
        ("OAuthIssuer=https://login.example.com/", "OAuthIssuer needs OAuthAudience"),
        ("OAuthAudience=a, b", "OAuthAudience cannot be"),
        ("StripeApiKey=sk_test_x", "has no parameter StripeApiKey"),
    ],
)
def test_a_wrong_value_is_refused_before_the_build(machine: Machine, given: str, said: str) -> None:
    with pytest.raises(OperateError, match=said):
        machine.deploy(given)
    assert (machine.built, machine.arguments()) == (0, [])


def test_several_audiences_of_oauth_can_be_deployed(machine: Machine) -> None:
    given = ["OAuthIssuer=https://login.example.com/", "OAuthAudience=client-1,client-2"]
    machine.deploy(*given, stack=DEPLOYED)
    assert overrides(machine.arguments()) == given


def test_an_issuer_can_use_the_audience_of_an_earlier_deployment(machine: Machine) -> None:
    audience = {"ParameterKey": "OAuthAudience", "ParameterValue": "client-1"}
    machine.deploy("OAuthIssuer=https://login.example.com/", stack={**DEPLOYED, "Parameters": [audience]})
    assert machine.built == 1
    issuer = {"ParameterKey": "OAuthIssuer", "ParameterValue": "https://login.example.com/"}
    with pytest.raises(OperateError, match="OAuthIssuer needs OAuthAudience"):
        machine.deploy("OAuthAudience=", stack={**DEPLOYED, "Parameters": [audience, issuer]})


def test_packages_for_another_processor_are_not_deployed(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    intel = {**DEPLOYED, "Parameters": [{"ParameterKey": "Architecture", "ParameterValue": "x86_64"}]}
    with pytest.raises(OperateError, match="ARCHITECTURE=x86_64"):
        machine.deploy(stack=intel)
    with pytest.raises(OperateError, match="ARCHITECTURE=x86_64"):
        machine.deploy("Architecture=x86_64", stack=DEPLOYED)
    assert machine.built == 0
    monkeypatch.setenv("ARCHITECTURE", "x86_64")
    machine.deploy(stack=intel)
    assert overrides(machine.arguments()) == ["Architecture=x86_64"]


def test_the_command_fails_when_sam_fails(machine: Machine) -> None:
    with pytest.raises(OperateError, match="sam deploy"):
        machine.deploy("AlarmEmail=fails@example.com", stack=DEPLOYED)
    assert machine.said == []


def test_without_sam_nothing_is_built(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only `make deploy` sets the PATH, so `python -m operate deploy` sometimes cannot find `sam`."""
    monkeypatch.setenv("PATH", "")
    with pytest.raises(OperateError, match="run `make deploy STAGE=prod`"):
        machine.deploy("PlatformUrl=https://platform.example", "AlarmEmail=")
    assert machine.built == 0


def test_the_real_sam_reads_the_values_as_they_are_written(
    tmp_path: Path, run_sam: Callable[..., Any]
) -> None:
    written = ["PlatformUrl=https://p.example/a=b?c", "AlarmEmail=a+b@c.example", 'PublicUrl=""']
    assert run_sam(written) == {
        "PlatformUrl": "https://p.example/a=b?c",
        "AlarmEmail": "a+b@c.example",
        "PublicUrl": "",
    }


@pytest.fixture
def run_sam() -> Callable[..., Any]:
    import subprocess

    from tests.support import sam_transform

    if not sam_transform.PYTHON.exists():
        pytest.skip("needs .venv/sam (`make .venv/sam`)")

    def run(written: list[str]) -> Any:
        code = (
            "import json, sys\nfrom samcli.cli.types import CfnParameterOverridesType as T\n"
            "print(json.dumps(T().convert(tuple(sys.argv[1:]), None, None)))"
        )
        ended = subprocess.run(
            [sam_transform.PYTHON, "-c", code, *written], capture_output=True, text=True, check=True
        )
        return json.loads(ended.stdout)

    return run
