"""Counts how often each record of the table's stream arrives.

The function reports a failure for each record whose sort key ends in `poison`.
"""

from __future__ import annotations

import os
from typing import Any

import boto3


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    dynamodb = boto3.client("dynamodb")
    failures = []
    for record in event["Records"]:
        name = record["dynamodb"]["Keys"]["SK"]["S"]
        dynamodb.update_item(
            TableName=os.environ["TABLE_NAME"],
            Key={"PK": {"S": "SEEN"}, "SK": {"S": name}},
            UpdateExpression="ADD seen :one",
            ExpressionAttributeValues={":one": {"N": "1"}},
        )
        if name.endswith("poison"):
            failures.append({"itemIdentifier": record["dynamodb"]["SequenceNumber"]})
            break
    return {"batchItemFailures": failures}
