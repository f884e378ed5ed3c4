"""A workflow step that counts its calls. Its input chooses the result."""

from __future__ import annotations

import json
import os
from typing import Any

import boto3
from emulator_stack_errors import BusyError, RefusedError


def handler(event: dict[str, Any], context: Any) -> None:
    boto3.client("dynamodb").update_item(
        TableName=os.environ["TABLE_NAME"],
        Key={"PK": {"S": "RUN"}, "SK": {"S": event["run"]}},
        UpdateExpression="ADD asked :one SET task_token = :token",
        ExpressionAttributeValues={":one": {"N": "1"}, ":token": {"S": event["token"]}},
    )
    if event["ask"] == "refuse":
        raise RefusedError("not this one")
    if event["ask"] == "be busy":
        raise BusyError("later")
    if event["ask"] == "answer":
        answer = json.dumps({"answer": "done"})
        boto3.client("stepfunctions").send_task_success(taskToken=event["token"], output=answer)
