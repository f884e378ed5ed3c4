"""The shell blocks of docs/runbooks.md, run by bash against moto."""

from __future__ import annotations

import io
import json
import re
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from hosting_orders.domain.ids import order_uuid
from tests.support.aws_command import run_shell
from tests.support.world import ROOT

REGION = "eu-west-1"
OLD, NEW = "0123456789abcdef", "fedcba9876543210"
NUMBER = 235_312_579_112_093


class Stack:
    """CloudFormation's answers about a stack."""

    def __init__(self, **resources: str) -> None:
        self.resources = resources
        self.functions: list[str] = []

    def describe_stack_resource(self, **given: str) -> dict[str, Any]:
        physical = self.resources[given["LogicalResourceId"]]
        return {"StackResourceDetail": {"PhysicalResourceId": physical}}

    def list_stack_resources(self, **_: str) -> dict[str, Any]:
        others = [{"ResourceType": "AWS::SQS::Queue", "PhysicalResourceId": "a-queue"}]
        own = [
            {"ResourceType": "AWS::Lambda::Function", "PhysicalResourceId": name} for name in self.functions
        ]
        return {"StackResourceSummaries": others + own}


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        yield


def client(service: str) -> Any:
    return boto3.client(service, region_name=REGION)


def blocks_of(section: str) -> list[str]:
    text = (ROOT / "docs" / "runbooks.md").read_text(encoding="utf-8")
    (body,) = re.findall(rf"^## {section}[^\n]*\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    return re.findall(r"^ *```sh\n(.*?)^ *```$", body, re.MULTILINE | re.DOTALL)


def test_the_log_lines_of_an_order_are_found(tmp_path: Path) -> None:
    logs = client("logs")
    logs.create_log_group(logGroupName="functions")
    logs.create_log_stream(logGroupName="functions", logStreamName="one")
    wanted, other = order_uuid(NUMBER), order_uuid(NUMBER + 1)
    events = [{"timestamp": 1, "message": json.dumps({"order_id": uuid})} for uuid in (wanted, other)]
    now = 1_795_291_200_000
    logs.put_log_events(
        logGroupName="functions",
        logStreamName="one",
        logEvents=[{**event, "timestamp": now} for event in events],
    )

    class Filtering:
        """Finds the log lines of one order. moto ignores filter patterns for JSON fields."""

        def filter_log_events(self, **given: str) -> dict[str, Any]:
            (uuid,) = re.fullmatch(r'\{ \$\.order_id = "(.+)" \}', given.pop("filterPattern")).groups()  # type: ignore[union-attr]
            found = logs.filter_log_events(**given)["events"]
            return {"events": [event for event in found if json.loads(event["message"])["order_id"] == uuid]}

    find, number = blocks_of("Find an order")
    clients = {"cloudformation": Stack(FunctionsLogGroup="functions"), "logs": Filtering()}
    shown = run_shell(find.replace("<uuid>", wanted), clients, tmp_path)
    assert json.loads(shown) == {"order_id": wanted}

    (tmp_path / "python3").symlink_to(sys.executable)
    shown = run_shell(f"cd {ROOT}\n{number}".replace("<uuid>", wanted), {}, tmp_path)
    assert shown == f"{NUMBER:016d}\n"


def test_log_lines_about_zones_of_departed_domains_are_found(tmp_path: Path) -> None:
    zones_log = blocks_of("A domain has left, but its zone still exists")[0]
    lines = [
        {"message": text, "zone_id": text[:3]}
        for text in ("other", "a domain has left, but its zone still exists")
    ]

    class Filtering:
        """Finds the log lines with one message. moto ignores filter patterns for JSON fields."""

        def filter_log_events(self, **given: str) -> dict[str, Any]:
            assert given.pop("logGroupName") == "functions"
            (text,) = re.fullmatch(r'\{ \$\.message = "(.+)" \}', given.pop("filterPattern")).groups()  # type: ignore[union-attr]
            assert given == {}
            return {"events": [{"message": json.dumps(line)} for line in lines if line["message"] == text]}

    clients = {"cloudformation": Stack(FunctionsLogGroup="functions"), "logs": Filtering()}
    assert json.loads(run_shell(zones_log, clients, tmp_path)) == lines[1]


def test_the_command_of_the_runbook_runs_the_domain_sweep(tmp_path: Path) -> None:
    class Invoking:
        def invoke(self, **given: str) -> dict[str, Any]:
            assert given == {"FunctionName": "shop-sweep:live"}
            return {"StatusCode": 200, "Payload": io.BytesIO(b'{"unpaid": 1}')}

    (sweep,) = blocks_of("Alarm DomainsSwept")
    clients = {"cloudformation": Stack(SweepDomainsFunction="shop-sweep"), "lambda": Invoking()}
    assert run_shell(sweep, clients, tmp_path).startswith('{"unpaid": 1}')


def test_the_messages_about_discarded_records_are_counted(tmp_path: Path) -> None:
    sqs = client("sqs")
    url = sqs.create_queue(QueueName="dead-letters")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="{}")
    (count,) = blocks_of("Alarm RollUpDeadLetters")

    clients = {"cloudformation": Stack(RollUpDeadLetters=url), "sqs": sqs}
    attributes = json.loads(run_shell(count, clients, tmp_path))["Attributes"]
    assert attributes == {"ApproximateNumberOfMessages": "1", "ApproximateNumberOfMessagesNotVisible": "0"}


def test_replacing_a_secret_leaves_no_file(tmp_path: Path) -> None:
    secrets = client("secretsmanager")
    arn = secrets.create_secret(Name="stripe", SecretString='{"api_key": "old"}')["ARN"]
    (rotate,) = blocks_of("Rotating secrets")
    edited = rotate.replace("# Edit secret.txt, then:", "sed -i s/old/new/ secret.txt")
    assert edited != rotate
    file = tmp_path / "secret.txt"
    edited = edited.replace("secret.txt", str(file))

    run_shell(edited, {"cloudformation": Stack(StripeSecret=arn), "secretsmanager": secrets}, tmp_path)
    assert json.loads(secrets.get_secret_value(SecretId=arn)["SecretString"]) == {"api_key": "new"}
    assert not file.exists()


def test_going_back_to_a_release_moves_the_aliases(tmp_path: Path) -> None:
    role = client("iam").create_role(RoleName="role", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    functions = client("lambda")
    stack = Stack()
    for name, releases in (("place-order", [OLD, NEW]), ("charge-order", [OLD, NEW]), ("added-later", [NEW])):
        stack.functions.append(name)
        for release in releases:
            publish(functions, name, release, role)
        functions.create_alias(FunctionName=name, Name="live", FunctionVersion=str(len(releases)))
    (back,) = blocks_of("Going back to the release before")
    assert OLD in back

    shown = run_shell(back, {"cloudformation": stack, "lambda": functions}, tmp_path)
    assert f"added-later: not in {OLD}, left alone" in shown
    versions = [functions.get_alias(FunctionName=n, Name="live")["FunctionVersion"] for n in stack.functions]
    assert versions == ["1", "1", "1"]
    assert [line.split("\t")[2] for line in shown.splitlines()[:2]] == [OLD, NEW]


def publish(functions: Any, name: str, release: str, role: str) -> None:
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as package:
        package.writestr("app.py", f"# {release}")
    settings = {"Environment": {"Variables": {"RELEASE": release}}}
    known = [function["FunctionName"] for function in functions.list_functions()["Functions"]]
    if name in known:
        functions.update_function_configuration(FunctionName=name, **settings)
        functions.update_function_code(FunctionName=name, ZipFile=code.getvalue())
        functions.publish_version(FunctionName=name)
    else:
        functions.create_function(
            FunctionName=name,
            Runtime="python3.13",
            Role=role,
            Handler="app.handler",
            Code={"ZipFile": code.getvalue()},
            Publish=True,
            **settings,
        )
