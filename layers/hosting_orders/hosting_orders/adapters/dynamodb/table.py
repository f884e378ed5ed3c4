"""Calls to the table. They take plain values, and raise our own errors.

In expressions, `#name` is an attribute and `:name` is a value.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError

from hosting_orders.domain.errors import ConcurrentUpdateError, ProviderUnavailableError

from .codec import decode, encode
from .items import Item
from .keys import Key

T = TypeVar("T")

IS_NEW = "attribute_not_exists(#PK)"
"""The condition of every write that creates an item."""

IS_THERE = "attribute_exists(#PK)"

# DynamoDB cancels one of two conflicting transactions, and the other ends within milliseconds. Retry soon, with jitter.
# Eight attempts wait 0.5 s in total on average. This is enough when a few orders update the same counter.
_ATTEMPTS = 8
_FIRST_DELAY, _MAX_DELAY = 0.02, 0.2  # seconds

_BATCH = 100  # keys in one BatchGetItem
_MAX_COUNTED = 100_000  # more items than one query reads; DynamoDB rejects much larger limits

_UNAVAILABLE = frozenset(
    {
        "InternalServerError",
        "ItemCollectionSizeLimitExceededException",
        "LimitExceededException",
        "ProvisionedThroughputExceeded",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestTimeout",
        "ServiceUnavailable",
        "ThrottlingError",
        "ThrottlingException",
        "TransactionInProgressException",
    }
)


class TableRefusedError(Exception):
    """DynamoDB refused because of a bug or a missing permission."""


class ConditionFailedError(Exception):
    """Nothing was written."""


class TransactionRefusedError(Exception):
    """Nothing was written. `failed` says for each write whether its condition failed."""

    def __init__(self, failed: tuple[bool, ...]) -> None:
        super().__init__("a condition of the transaction did not hold")
        self.failed = failed


class _ConflictError(Exception):
    """Another transaction is using an item."""


@dataclass(frozen=True, slots=True)
class Write:
    """The request may contain a secret, so `repr` hides it."""

    action: str  # "Put" | "Update" | "Delete"
    request: dict[str, Any] = field(repr=False)


def put(item: Item, condition: str | None = None, **values: Any) -> Write:
    """Omit the condition only where the last write may win."""
    texts = {"ConditionExpression": condition} if condition else {}
    return Write("Put", {"Item": encode(item), **_expressions(texts, values)})


def update(key: Key, change: str, condition: str | None = None, **values: Any) -> Write:
    """Without a condition, a missing item is created."""
    texts = {"UpdateExpression": change, **({"ConditionExpression": condition} if condition else {})}
    return Write("Update", {"Key": encode(key), **_expressions(texts, values)})


def delete(key: Key, condition: str | None = None, **values: Any) -> Write:
    """Without a condition, a missing item is no error."""
    texts = {"ConditionExpression": condition} if condition else {}
    return Write("Delete", {"Key": encode(key), **_expressions(texts, values)})


def _expressions(texts: Mapping[str, str], values: Mapping[str, Any]) -> dict[str, Any]:
    request: dict[str, Any] = dict(texts)
    every_text = " ".join(texts.values())
    names = {f"#{name}": name for name in re.findall(r"#(\w+)", every_text)}
    used = {f":{name}": values[name] for name in re.findall(r":(\w+)", every_text)}
    if names:
        request["ExpressionAttributeNames"] = names
    if used:
        request["ExpressionAttributeValues"] = encode(used)
    return request


class Table:
    def __init__(self, client: Any, name: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self._client = client
        self._name = name
        self._sleep = sleep

    # -- reading -------------------------------------------------------------------------------------------

    def get(self, key: Key, *, consistent: bool = True) -> Item | None:
        with _our_errors():
            answer = self._client.get_item(TableName=self._name, Key=encode(key), ConsistentRead=consistent)
        return decode(answer["Item"]) if "Item" in answer else None

    def get_many(self, keys: Sequence[Key]) -> list[Item]:
        """Unordered. Missing items are left out."""
        found: list[Item] = []
        for start in range(0, len(keys), _BATCH):
            found += self._get_batch(keys[start : start + _BATCH])
        return found

    def _get_batch(self, keys: Sequence[Key]) -> list[Item]:
        found: list[Item] = []
        wanted: dict[str, Any] = {self._name: {"Keys": [encode(key) for key in keys], "ConsistentRead": True}}
        for delay in delays():
            with _our_errors():
                answer = self._client.batch_get_item(RequestItems=wanted)
            found += [decode(item) for item in answer["Responses"].get(self._name, [])]
            wanted = answer.get("UnprocessedKeys") or {}
            if not wanted:
                return found
            self._sleep(delay)
        raise ProviderUnavailableError("the table did not return all items in time")

    def query(
        self,
        condition: str,
        *,
        limit: int | None = None,
        skip: int = 0,
        descending: bool = False,
        consistent: bool = True,
        index: str | None = None,
        only: str | None = None,
        **values: Any,
    ) -> list[Item]:
        """`only` selects the returned attributes. DynamoDB charges for the whole items, and for skipped items."""
        request = {
            "TableName": self._name,
            "ScanIndexForward": not descending,
            "ConsistentRead": consistent,
            **({"IndexName": index} if index else {}),
            **_expressions(
                {
                    "KeyConditionExpression": condition,
                    **({"ProjectionExpression": only} if only else {}),
                },
                values,
            ),
        }
        if skip:
            start = self._position_after(skip, request)
            if start is None:
                return []
            request["ExclusiveStartKey"] = start
        found: list[Item] = []
        while limit is None or len(found) < limit:
            if limit is not None:
                request["Limit"] = limit - len(found)
            with _our_errors():
                answer = self._client.query(**request)
            found += [decode(item) for item in answer["Items"]]
            if "LastEvaluatedKey" not in answer:
                break
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
        return found

    def _position_after(self, skip: int, request: Mapping[str, Any]) -> dict[str, Any] | None:
        counting = {**request, "Select": "COUNT"}
        while skip > 0:
            with _our_errors():
                answer = self._client.query(**counting, Limit=min(skip, _MAX_COUNTED))
            skip -= answer["Count"]
            if "LastEvaluatedKey" not in answer:
                return None
            counting["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
        position: dict[str, Any] = counting["ExclusiveStartKey"]
        return position

    def count(self, condition: str, **values: Any) -> int:
        # DynamoDB reads every counted item and charges for it.
        request = {
            "TableName": self._name,
            "ConsistentRead": True,
            "Select": "COUNT",
            **_expressions({"KeyConditionExpression": condition}, values),
        }
        found: int = 0
        while True:
            with _our_errors():
                answer = self._client.query(**request)
            found += int(answer["Count"])
            if "LastEvaluatedKey" not in answer:
                return found
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    # -- writing -------------------------------------------------------------------------------------------

    def write(self, write: Write) -> None:
        """Raises ConditionFailedError or ConcurrentUpdateError."""
        call = getattr(self._client, f"{write.action.lower()}_item")
        self._despite_conflicts(lambda: call(TableName=self._name, **write.request))

    def updated(self, write: Write) -> Item:
        return decode(
            self._despite_conflicts(
                lambda: self._client.update_item(
                    TableName=self._name, ReturnValues="UPDATED_NEW", **write.request
                )
            )["Attributes"]
        )

    def transact(self, writes: Sequence[Write]) -> None:
        """Raises TransactionRefusedError or ConcurrentUpdateError."""
        # We send no ClientRequestToken. Two processes that handle the same request may write different items. If both
        # sent the same token, DynamoDB would refuse the second write.
        actions = [{write.action: {"TableName": self._name, **write.request}} for write in writes]
        self._despite_conflicts(lambda: self._client.transact_write_items(TransactItems=actions))

    def _despite_conflicts(self, call: Callable[[], T]) -> T:
        for delay in delays():
            try:
                with _our_errors():
                    return call()
            except _ConflictError:
                self._sleep(delay)
        raise ConcurrentUpdateError("other writers keep changing the same items")


def delays(attempts: int = _ATTEMPTS) -> Iterator[float]:
    for attempt in range(attempts):
        yield random.uniform(0, min(_MAX_DELAY, _FIRST_DELAY * 2**attempt))  # noqa: S311 - not a secret


@contextmanager
def _our_errors() -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        raise _translated(error) from error
    except (ConnectionError, HTTPClientError) as error:
        raise ProviderUnavailableError("the table cannot be reached") from error
    except BotoCoreError as error:
        raise TableRefusedError(str(error)) from error


def _translated(error: ClientError) -> Exception:
    code = error.response["Error"]["Code"]
    if code == "ConditionalCheckFailedException":
        return ConditionFailedError()
    if code == "TransactionConflictException":
        return _ConflictError()
    if code == "TransactionCanceledException":
        return _cancelled(error)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in _UNAVAILABLE or status >= 500:
        return ProviderUnavailableError("the table is busy")
    return TableRefusedError(str(error))


def _cancelled(error: ClientError) -> Exception:
    codes = [reason.get("Code") for reason in error.response.get("CancellationReasons", [])]
    # Check conflicts first: while another transaction uses an item, a failed condition is not final.
    if "TransactionConflict" in codes:
        return _ConflictError()
    if "ConditionalCheckFailed" in codes:
        return TransactionRefusedError(tuple(code == "ConditionalCheckFailed" for code in codes))
    if any(code in _UNAVAILABLE for code in codes):
        return ProviderUnavailableError("the table is busy")
    return TableRefusedError(str(error))
