"""A deployed stack: where it is, what it was deployed with, and what it has created."""

from __future__ import annotations

import json
import os
import socket
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from operate.errors import OperateError

ROOT = Path(__file__).resolve().parents[1]
SAMCONFIG = ROOT / "samconfig.toml"
LOCAL = "local"
"""The stage of a running `make run`."""


class Cloud(Protocol):
    """Creates boto3 clients."""

    def client(self, service: str) -> Any: ...


@dataclass(frozen=True, slots=True)
class Stage:
    """A section of samconfig.toml. If `region` is None, the AWS profile or the environment decides the region."""

    name: str
    stack: str
    region: str | None = None


@dataclass(frozen=True, slots=True)
class Stack:
    name: str
    status: str
    parameters: Mapping[str, str]
    outputs: Mapping[str, str]
    resources: Mapping[str, str]
    """Logical id → physical id."""

    def output(self, name: str) -> str:
        """Raises OperateError when the stack was deployed by an older release."""
        if name not in self.outputs:
            raise OperateError(f"The stack {self.name} has no output {name}: deploy this release first.")
        return self.outputs[name]

    @property
    def stand_ins(self) -> list[str]:
        """The parameters that make this stack use stand-ins. A stack without stand-ins does not set them."""
        names = ("StripeApiBase", "RegistrarEndpoint", "LightsailEndpoint")
        found = [name for name in names if self.parameters.get(name)]
        return found + [
            name for name in ("AllowLoopbackCallbacks",) if self.parameters.get(name, "false") == "true"
        ]


class Account:
    """The operator's AWS account. boto3 finds the credentials as the AWS CLI does."""

    def __init__(self, region: str | None = None) -> None:
        import boto3

        self._session = boto3.Session(region_name=region)

    def client(self, service: str) -> Any:
        return self._session.client(service)


def stage_of(name: str, samconfig: Path = SAMCONFIG) -> Stage:
    """Raises OperateError for a stage that samconfig.toml does not have."""
    config = tomllib.loads(samconfig.read_text(encoding="utf-8"))
    stages = {
        each: section for each, section in config.items() if isinstance(section, dict) and "deploy" in section
    }
    if name not in stages:
        known = ", ".join(sorted(stages))
        raise OperateError(f"samconfig.toml has no stage {name}. It has: {known}.")
    section = stages[name]
    parameters = {
        **section.get("global", {}).get("parameters", {}),
        **section["deploy"].get("parameters", {}),
    }
    # boto3 reads only AWS_DEFAULT_REGION, so AWS_REGION is read here.
    return Stage(
        name, str(parameters["stack_name"]), parameters.get("region") or os.environ.get("AWS_REGION")
    )


def open_stage(name: str, state: Path = ROOT / ".local") -> tuple[Cloud, Stage]:
    """The account and the stage. STAGE=local is the stack of a running `make run`."""
    if name != LOCAL:
        stage = stage_of(name)
        return Account(stage.region), stage
    from local.aws import Aws
    from local.stack import STACK_NAME

    demo = state / "demo.json"
    # The file remains after `make run` ends, so its existence does not show that a stack is running.
    address = json.loads(demo.read_text())["aws"] if demo.exists() else None
    if address is None or not _answers(address):
        raise OperateError("No local stack is running: start one with `make run`.")
    return Aws(address), Stage(LOCAL, STACK_NAME)


def _answers(address: str) -> bool:
    parts = urlsplit(address)
    try:
        socket.create_connection((parts.hostname or "", parts.port or 80), timeout=5).close()
    except OSError:
        return False
    return True


def find_stack(cloud: Cloud, name: str) -> dict[str, Any] | None:
    """CloudFormation's description of the stack, or None."""
    from botocore.exceptions import ClientError

    cloudformation = cloud.client("cloudformation")
    try:
        found: dict[str, Any] = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise
    return found


def read_stack(cloud: Cloud, stage: Stage) -> Stack:
    """Raises OperateError when the stack is not deployed."""
    found = find_stack(cloud, stage.stack)
    if found is None or found["StackStatus"] in ("REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE"):
        raise OperateError(
            f"The stack {stage.stack} is not deployed: run `make deploy STAGE={stage.name}` first."
        )
    pages = (
        cloud.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stage.stack)
    )
    return Stack(
        name=stage.stack,
        status=found["StackStatus"],
        parameters={each["ParameterKey"]: each["ParameterValue"] for each in found.get("Parameters", [])},
        outputs={each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", [])},
        resources={
            each["LogicalResourceId"]: each["PhysicalResourceId"]
            for page in pages
            for each in page["StackResourceSummaries"]
            if "PhysicalResourceId" in each
        },
    )


def ringing_alarms(cloud: Cloud, stack: Stack) -> list[str]:
    """The names of the stack's alarms that are in the state ALARM."""
    ours = set(stack.resources.values())
    pages = cloud.client("cloudwatch").get_paginator("describe_alarms").paginate(StateValue="ALARM")
    return [each["AlarmName"] for page in pages for each in page["MetricAlarms"] if each["AlarmName"] in ours]
