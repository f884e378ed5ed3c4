"""tests/support/quick_moto.py makes moto faster. The results stay the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.core import DEFAULT_ACCOUNT_ID
from moto.dynamodb import dynamodb_backends
from moto.dynamodb.models.dynamo_type import DynamoType

from tests.support.table import REGION, TABLE_NAME, dynamodb_in_memory, everything_in


@pytest.fixture
def client() -> Iterator[Any]:
    with dynamodb_in_memory() as client:
        yield client


def key(name: str) -> dict[str, Any]:
    return {"PK": {"S": "P"}, "SK": {"S": name}}


def put(name: str, **attributes: Any) -> dict[str, Any]:
    return {"Put": {"TableName": TABLE_NAME, "Item": {**key(name), **attributes}}}


def count_up(name: str) -> dict[str, Any]:
    return {
        "Update": {
            "TableName": TABLE_NAME,
            "Key": key(name),
            "UpdateExpression": "SET n = n + :one",
            "ExpressionAttributeValues": {":one": {"N": "1"}},
        }
    }


def delete(name: str, condition: str | None = None) -> dict[str, Any]:
    conditions = {"ConditionExpression": condition} if condition else {}
    return {"Delete": {"TableName": TABLE_NAME, "Key": key(name), **conditions}}


def records() -> int:
    return len(dynamodb_backends[DEFAULT_ACCOUNT_ID][REGION].tables[TABLE_NAME].stream_shard.items)


def test_a_refused_transaction_changes_nothing(client: Any) -> None:
    client.transact_write_items(TransactItems=[put("counted", n={"N": "1"}), put("kept", a={"S": "x"})])
    before, told = everything_in(client), records()
    with pytest.raises(ClientError) as refused:
        client.transact_write_items(
            TransactItems=[
                count_up("counted"),
                put("kept", a={"S": "y"}),
                put("new"),
                delete("missing", "attribute_exists(PK)"),
            ]
        )
    assert [reason["Code"] for reason in refused.value.response["CancellationReasons"]] == [
        *["None"] * 3,
        "ConditionalCheckFailed",
    ]
    assert (everything_in(client), records()) == (before, told)


def test_a_refused_transaction_undoes_its_delete_too(client: Any) -> None:
    client.put_item(TableName=TABLE_NAME, Item={**key("there"), "a": {"S": "x"}})
    before, told = everything_in(client), records()
    with pytest.raises(ClientError):
        client.transact_write_items(
            TransactItems=[delete("there"), delete("missing", "attribute_exists(PK)")]
        )
    assert (everything_in(client), records()) == (before, told)


def test_a_transaction_cannot_write_an_item_twice(client: Any) -> None:
    client.put_item(TableName=TABLE_NAME, Item={**key("counted"), "n": {"N": "1"}})
    before, told = everything_in(client), records()
    with pytest.raises(ClientError, match="multiple operations"):
        client.transact_write_items(TransactItems=[count_up("counted"), count_up("counted")])
    assert (everything_in(client), records()) == (before, told)


def test_an_accepted_transaction_is_written_and_streamed(client: Any) -> None:
    client.put_item(TableName=TABLE_NAME, Item={**key("counted"), "n": {"N": "1"}})
    told = records()
    client.transact_write_items(TransactItems=[count_up("counted"), put("new")])
    found = {item["SK"]["S"]: item for item in everything_in(client)}
    assert found["counted"]["n"] == {"N": "2"} and "new" in found
    assert records() == told + 2


def test_every_kind_of_value_is_returned_unchanged(client: Any) -> None:
    item = {
        **key("values"),
        "text": {"S": "süß"},
        "empty": {"S": ""},
        "number": {"N": "-1.5"},
        "yes": {"BOOL": True},
        "no": {"BOOL": False},
        "nothing": {"NULL": True},
        "bytes": {"B": b"\x00\xff"},
        "set": {"SS": ["a", "b"]},
        "numbers": {"NS": ["1", "2"]},
        "list": {"L": [{"S": "x"}, {"L": []}, {"M": {}}, {"NULL": True}]},
        "map": {"M": {"S": {"N": "1"}, "inner": {"M": {"L": {"L": [{"BOOL": False}]}}}}},
    }
    client.put_item(TableName=TABLE_NAME, Item=item)
    assert client.get_item(TableName=TABLE_NAME, Key=key("values"))["Item"] == item
    assert everything_in(client) == [item]
    reply = client.batch_get_item(RequestItems={TABLE_NAME: {"Keys": [key("values")]}})
    assert reply["Responses"][TABLE_NAME] == [item]


def test_a_query_returns_items_in_key_order(client: Any) -> None:
    for name in ("b", "c", "a", "ä", "B"):
        client.put_item(TableName=TABLE_NAME, Item=key(name))
    client.put_item(TableName=TABLE_NAME, Item={"PK": {"S": "A"}, "SK": {"S": "z"}})

    def found(**more: Any) -> list[str]:
        reply = client.query(
            TableName=TABLE_NAME,
            KeyConditionExpression="PK = :p",
            ExpressionAttributeValues={":p": {"S": "P"}},
            **more,
        )
        return [item["SK"]["S"] for item in reply["Items"]]

    assert found() == ["B", "a", "b", "c", "ä"]
    assert found(ScanIndexForward=False, Limit=2) == ["ä", "c"]
    assert [item["SK"]["S"] for item in everything_in(client)] == ["z", "B", "a", "b", "c", "ä"]


@pytest.mark.parametrize(
    ("value", "size"),
    [
        ({"S": "a" * 10}, 10),
        ({"S": "bücher"}, 7),
        ({"N": "1200"}, 4),
        ({"BOOL": True}, 1),
        ({"M": {"ü": {"S": "abc"}, "n": {"L": [{"S": "de"}, {"N": "1"}]}}}, 9),
        ({"SS": ["ab", "c"]}, 3),
    ],
)
def test_a_value_has_the_size_that_moto_computes(client: Any, value: dict[str, Any], size: int) -> None:
    assert DynamoType(value).size() == size


def test_an_oversized_item_is_refused(client: Any) -> None:
    part = {"S": "x" * 100_000}
    client.transact_write_items(TransactItems=[put("fits", a=part, b=part, c=part, d=part)])
    with pytest.raises(ClientError, match="Item size has exceeded"):
        client.put_item(
            TableName=TABLE_NAME, Item={**key("large"), "a": part, "b": part, "c": part, "d": part, "e": part}
        )


def test_errors_of_moto_keep_their_codes(client: Any) -> None:
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_item(TableName="another", Key=key("one"))
    with pytest.raises(ClientError) as refused:
        client.get_item(TableName=TABLE_NAME, Key={"PK": {"S": "P"}})
    assert refused.value.response["Error"]["Code"] == "ValidationException"
