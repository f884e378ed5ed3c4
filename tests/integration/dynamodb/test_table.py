"""The tests' table is created from template.yaml and has what the stores need."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.table import TABLE_NAME, table_properties

TEMPLATE = """
Resources:
  OrdersTable:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: !Sub "${AWS::StackName}-orders"
      BillingMode: PAY_PER_REQUEST
      SSESpecification: {SSEEnabled: true, KMSMasterKeyId: !GetAtt [Key, Arn]}
      DeletionProtectionEnabled: {"Fn::Equals": [{Ref: Stage}, prod]}
      GlobalSecondaryIndexes:
        - IndexName: due
          WarmThroughput: !If [Prod, {ReadUnitsPerSecond: 1}, !Ref AWS::NoValue]
          Projection: {ProjectionType: KEYS_ONLY}
"""


def test_values_computed_by_cloudformation_are_left_out(tmp_path: Path) -> None:
    template = tmp_path / "template.yaml"
    template.write_text(TEMPLATE)
    assert table_properties(template) == {
        "BillingMode": "PAY_PER_REQUEST",
        "SSESpecification": {"SSEEnabled": True},
        "GlobalSecondaryIndexes": [{"IndexName": "due", "Projection": {"ProjectionType": "KEYS_ONLY"}}],
    }


def test_the_table_has_keys_an_index_a_stream_and_a_ttl(client: Any) -> None:
    table = client.describe_table(TableName=TABLE_NAME)["Table"]
    assert keys_of(table) == {"PK": "HASH", "SK": "RANGE"}
    (index,) = table["GlobalSecondaryIndexes"]
    assert (index["IndexName"], keys_of(index)) == ("due", {"due_shard": "HASH", "due_at": "RANGE"})
    assert index["Projection"]["ProjectionType"] == "KEYS_ONLY"
    types = {entry["AttributeName"]: entry["AttributeType"] for entry in table["AttributeDefinitions"]}
    assert types == {"PK": "S", "SK": "S", "due_shard": "S", "due_at": "N"}
    assert table["StreamSpecification"]["StreamViewType"] in ("NEW_IMAGE", "NEW_AND_OLD_IMAGES")
    ttl = client.describe_time_to_live(TableName=TABLE_NAME)["TimeToLiveDescription"]
    assert (ttl["AttributeName"], ttl["TimeToLiveStatus"]) == ("expires_at", "ENABLED")


def keys_of(part: dict[str, Any]) -> dict[str, str]:
    return {entry["AttributeName"]: entry["KeyType"] for entry in part["KeySchema"]}
