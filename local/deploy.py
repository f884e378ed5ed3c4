"""Deploy a SAM template to the embedded AWS through CloudFormation, without `sam build`."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.aws import Aws
from local.errors import StackError
from local.template import localize
from local.wiring import wire

BUCKET = "local-deployment"
_TEMPLATE_KEY = "template.json"
_CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
_TIMEOUT_SECONDS = 120.0
_POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployed stack. `resources` are physical ids by logical id."""

    name: str
    outputs: Mapping[str, str]
    resources: Mapping[str, str]


def deploy(aws: Aws, template: Path, name: str, parameters: Mapping[str, str]) -> Deployment:
    """Create or update the stack `name`. Raises StackError with CloudFormation's reasons."""
    local = localize(template, BUCKET)
    s3 = aws.client("s3")
    if BUCKET not in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]:
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": s3.meta.region_name})
    for key, package in local.packages.items():
        s3.put_object(Bucket=BUCKET, Key=key, Body=package)
    # As with `sam deploy`, the template goes to S3: it may have 1 MB there, but only 51,200 bytes in a request.
    s3.put_object(Bucket=BUCKET, Key=_TEMPLATE_KEY, Body=json.dumps(local.template).encode())

    cloudformation = aws.client("cloudformation")
    known = local.template.get("Parameters", {})
    unknown = sorted(set(parameters) - set(known))
    if unknown:
        raise StackError(f"{template.name} has no parameter {', '.join(unknown)}.")
    request = {
        "StackName": name,
        "TemplateURL": f"{aws.endpoint}/{BUCKET}/{_TEMPLATE_KEY}",
        "Capabilities": _CAPABILITIES,
        "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
    }
    _create_or_update(cloudformation, request)
    stack = _wait(cloudformation, name)
    resources = {
        resource["LogicalResourceId"]: resource["PhysicalResourceId"]
        for resource in cloudformation.describe_stack_resources(StackName=name)["StackResources"]
        if "PhysicalResourceId" in resource
    }
    wire(aws, name, resources)
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
    return Deployment(name, outputs, resources)


def _create_or_update(cloudformation: Any, request: Mapping[str, Any]) -> None:
    from botocore.exceptions import ClientError

    try:
        cloudformation.create_stack(**request, DisableRollback=True)
    except cloudformation.exceptions.AlreadyExistsException:
        try:
            cloudformation.update_stack(**request)
        except ClientError as error:
            if "No updates are to be performed" not in str(error):
                raise StackError(f"Updating {request['StackName']} was refused: {error}") from error
    except ClientError as error:
        raise StackError(f"Creating {request['StackName']} was refused: {error}") from error


def _wait(cloudformation: Any, name: str) -> dict[str, Any]:
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    while True:
        stack: dict[str, Any] = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        status = stack["StackStatus"]
        if status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            return stack
        if not status.endswith("_IN_PROGRESS") or time.monotonic() > deadline:
            raise StackError(
                f"Deploying failed: the stack {name} is {status}.\n{_reasons(cloudformation, name)}"
            )
        time.sleep(_POLL_SECONDS)


def _reasons(cloudformation: Any, name: str) -> str:
    events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    return "\n".join(
        f"  {event['LogicalResourceId']} ({event['ResourceType']}): {event.get('ResourceStatusReason', '')}"
        for event in reversed(events)
        if event["ResourceStatus"].endswith("FAILED")
    )
