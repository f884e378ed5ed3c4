"""The table for tests. It is created in moto with its properties from template.yaml."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import yaml
from botocore.exceptions import ClientError
from moto import mock_aws

from tests.support.quick_moto import use_shortcuts

TEMPLATE = Path(__file__).parents[2] / "template.yaml"
LOGICAL_ID = "OrdersTable"
TABLE_NAME = "hosting-orders-test"
REGION = "eu-west-1"

# The properties of AWS::DynamoDB::Table that CreateTable accepts. The rest does not matter in moto.
_CREATE = ("KeySchema", "AttributeDefinitions", "GlobalSecondaryIndexes", "BillingMode")


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Reads CloudFormation's short tags (`!Ref`, `!Sub`, …) as null."""


_Loader.add_multi_constructor("!", lambda _loader, _suffix, _node: None)


@functools.cache
def table_properties(template: Path = TEMPLATE) -> dict[str, Any]:
    """The table's properties in template.yaml, without the values that CloudFormation computes."""
    resources = yaml.load(template.read_text(), _Loader)["Resources"]
    properties: dict[str, Any] = _without_computed(resources[LOGICAL_ID]["Properties"])
    return properties


def _without_computed(value: Any) -> Any:
    if isinstance(value, dict):
        parts = {name: _without_computed(part) for name, part in value.items()}
        computed = any(name == "Ref" or name.startswith("Fn::") for name in value)
        return None if computed else {name: part for name, part in parts.items() if part is not None}
    if isinstance(value, list):
        return [part for part in map(_without_computed, value) if part is not None]
    return value


def create_table(client: Any, name: str = TABLE_NAME) -> str:
    use_shortcuts()
    properties = table_properties()
    stream = properties.get("StreamSpecification")
    client.create_table(
        TableName=name,
        **{option: properties[option] for option in _CREATE if option in properties},
        **({"StreamSpecification": {"StreamEnabled": True, **stream}} if stream else {}),
    )
    client.update_time_to_live(TableName=name, TimeToLiveSpecification=properties["TimeToLiveSpecification"])
    return name


class AtomicClient:
    """A DynamoDB client for several threads. It makes one call at a time.

    In DynamoDB every single call is atomic. In moto, the calls of two threads can interleave.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self._lock = threading.Lock()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        operation: Callable[..., Any] = getattr(self._client, name)
        if not callable(operation):  # `meta`, `exceptions`
            return operation

        def atomic(*args: Any, **kwargs: Any) -> Any:
            with self._lock:
                return operation(*args, **kwargs)

        return atomic


class BatchingClient:
    """A DynamoDB client that holds PutItem requests back and writes them in batches (`flush`)."""

    _MOST = 25

    def __init__(self, client: Any) -> None:
        self._client = client
        self._puts: list[dict[str, Any]] = []

    def put_item(self, *, TableName: str, Item: dict[str, Any]) -> None:  # noqa: N803 - boto3's own names
        self._puts.append({TableName: {"PutRequest": {"Item": Item}}})

    def flush(self) -> None:
        while self._puts:
            batch, self._puts = self._puts[: self._MOST], self._puts[self._MOST :]
            requests: dict[str, list[Any]] = {}
            for put in batch:
                for table, request in put.items():
                    requests.setdefault(table, []).append(request)
            left = self._client.batch_write_item(RequestItems=requests)["UnprocessedItems"]
            assert not left, left

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


class InterruptedClient:
    """A client that calls the next function of `happenings` before each call of `operation`.

    If the function raises an error, the operation is not called. `fault` makes such functions.
    """

    def __init__(self, client: Any, operation: str, *happenings: Callable[[], object]) -> None:
        self._client = client
        self._operation = operation
        self._happenings = list(happenings)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        operation = getattr(self._client, name)
        if name != self._operation:
            return operation

        def interrupted(*args: Any, **kwargs: Any) -> Any:
            if self._happenings:
                self._happenings.pop(0)()
            return operation(*args, **kwargs)

        return interrupted


def fault(code: str, *reasons: str, status: int = 400) -> Callable[[], object]:
    """A function that raises this DynamoDB error. `reasons` say why a transaction was cancelled."""

    def happening() -> object:
        answer: Any = {
            "Error": {"Code": code, "Message": "made up by a test"},
            "ResponseMetadata": {"HTTPStatusCode": status},
            **({"CancellationReasons": [{"Code": reason} for reason in reasons]} if reasons else {}),
        }
        raise ClientError(answer, "Anything")

    return happening


@contextmanager
def dynamodb_in_memory() -> Iterator[Any]:
    """Yield a client of an empty table named TABLE_NAME. It needs no network and no credentials."""
    with mock_aws():
        client = boto3.client("dynamodb", region_name=REGION)
        create_table(client)
        yield AtomicClient(client)


def everything_in(client: Any, name: str = TABLE_NAME) -> list[dict[str, Any]]:
    pages = client.get_paginator("scan").paginate(TableName=name)
    return [item for page in pages for item in page["Items"]]
