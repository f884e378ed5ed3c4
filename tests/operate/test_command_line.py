"""`python -m operate`: stages, options, and what an operator reads when something is missing."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import NoCredentialsError, NoRegionError, ProfileNotFound

import operate.__main__ as command_line
from operate.errors import OperateError
from operate.stacks import Stage, open_stage, read_stack, stage_of
from tests.structure.project import ROOT
from tests.support.deployed import FakeAccount, FakeCloudFormation


def test_the_stages_are_those_of_samconfig(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_REGION", raising=False)
    assert stage_of("default") == Stage("default", "hosting-orders")
    assert stage_of("staging") == Stage("staging", "hosting-orders-staging")
    assert stage_of("prod") == Stage("prod", "hosting-orders-prod")
    with pytest.raises(OperateError, match="It has: default, prod, staging"):
        stage_of("production")
    monkeypatch.setenv("AWS_REGION", "eu-north-1")
    assert stage_of("prod").region == "eu-north-1"


def account_with(*stacks: dict[str, Any]) -> FakeAccount:
    return FakeAccount(cloudformation=FakeCloudFormation(*stacks))


def test_a_stack_is_read_with_its_outputs_and_resources() -> None:
    account = account_with(
        {
            "StackName": "hosting-orders-staging",
            "StackStatus": "CREATE_COMPLETE",
            "Parameters": [{"ParameterKey": "PlatformUrl", "ParameterValue": "https://platform.example"}],
            "Outputs": [{"OutputKey": "A", "OutputValue": "b"}],
            "Resources": {"Topic": "arn:1", "Table": "table-1"},
        }
    )
    stack = read_stack(account, stage_of("staging"))
    assert (stack.status, stack.outputs) == ("CREATE_COMPLETE", {"A": "b"})
    assert stack.resources == {"Topic": "arn:1", "Table": "table-1"}
    assert stack.parameters == {"PlatformUrl": "https://platform.example"}
    with pytest.raises(OperateError, match="deploy this release first"):
        stack.output("StripeWebhookUrl")


@pytest.mark.parametrize("status", [None, "ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS"])
def test_the_error_about_an_undeployed_stack_names_a_command(status: str | None) -> None:
    stacks = [{"StackName": "hosting-orders-prod", "StackStatus": status}] if status else []
    with pytest.raises(OperateError, match="run `make deploy STAGE=prod` first"):
        read_stack(account_with(*stacks), stage_of("prod"))


def test_the_local_stage_needs_a_running_stack(tmp_path: Path) -> None:
    with pytest.raises(OperateError, match="make run"):
        open_stage("local", tmp_path)


def test_the_local_stage_is_refused_after_its_stack_stops(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        (tmp_path / "demo.json").write_text(json.dumps({"aws": address}))
        assert open_stage("local", tmp_path)[1].name == "local"
    with pytest.raises(OperateError, match="No local stack is running"):
        open_stage("local", tmp_path)


def test_deploy_has_no_local_stage(capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.main(["deploy", "--stage", "local"]) == 1
    assert "`make run` deploys the local stack" in capsys.readouterr().err


def test_a_misspelt_parameter_is_reported_before_aws_is_called(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setattr(command_line, "Account", None)
    assert command_line.main(["deploy", "--stage", "prod", "Platformurl=https://p.example"]) == 1
    assert "no parameter Platformurl" in capsys.readouterr().err


def test_only_the_command_is_required(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command_line.main([])
    assert capsys.readouterr().err.endswith("the following arguments are required: command\n")


@pytest.mark.parametrize("ended_by", [KeyboardInterrupt, EOFError])
def test_ctrl_c_and_ctrl_d_at_a_question_give_no_traceback(
    ended_by: type[BaseException], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def end(*_: Any) -> None:
        raise ended_by

    monkeypatch.setattr(command_line, "open_stage", end)
    assert command_line.main(["connect-stripe"]) == 130
    assert capsys.readouterr().err == "Stopped.\n"


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        (NoRegionError(), "AWS_REGION"),
        (NoCredentialsError(), "aws sso login"),
        (ProfileNotFound(profile="shop"), "AWS_PROFILE"),
    ],
)
def test_missing_aws_settings_give_no_traceback(
    problem: Exception, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: Any) -> None:
        raise problem

    monkeypatch.setattr(command_line, "open_stage", fail)
    assert command_line.main(["connect-stripe", "--stage", "prod"]) == 1
    assert said in capsys.readouterr().err


def test_a_missing_region_is_reported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    assert command_line.main(["connect-platform", "--stage", "prod"]) == 1
    assert "AWS has no region" in capsys.readouterr().err


def test_without_a_terminal_no_question_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("STRIPE_API_KEY", raising=False)
    monkeypatch.setattr("sys.stdin", (ROOT / "README.md").open())
    with pytest.raises(OperateError, match="Set STRIPE_API_KEY"):
        command_line._secret("STRIPE_API_KEY", "Key: ")
    monkeypatch.setenv("STRIPE_API_KEY", " sk_test_abcdefgh\n")
    assert command_line._secret("STRIPE_API_KEY", "Key: ") == "sk_test_abcdefgh"
    with pytest.raises(OperateError, match="--yes"):
        command_line._confirmed("The mode changes.")


def test_only_deploy_accepts_parameter_values(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command_line.main(["connect-stripe", "--stage", "prod", "sk_test_abcdefgh"])
    said = capsys.readouterr().err
    assert "takes no values" in said
    assert "sk_test" not in said


def test_deploy_reads_parameter_values_after_its_options(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    read: list[Any] = []
    monkeypatch.setattr(
        command_line, "deploy", lambda cloud, stage, given, **more: read.extend((stage.stack, given))
    )
    assert command_line.main(["deploy", "--stage", "prod", "--yes", "LogLevel=DEBUG", "AlarmEmail="]) == 0
    assert read == ["hosting-orders-prod", {"LogLevel": "DEBUG", "AlarmEmail": ""}]


def test_make_has_a_target_for_each_command() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for name in command_line._COMMANDS:
        assert f"\n{name}:" in makefile, name
        assert f"-m operate {name} --stage $(STAGE)" in makefile, name
