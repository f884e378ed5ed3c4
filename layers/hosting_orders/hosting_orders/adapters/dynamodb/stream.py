"""Read items from the table's stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from hosting_orders.domain.errors import ProviderUnavailableError
from hosting_orders.domain.listing import ChangedOrders, ChangedPublishers, Publisher
from hosting_orders.domain.order import Order

from . import keys
from .codec import decode
from .items import Item, cart_from_items, order_from_item, webhook_endpoint_from_item

T = TypeVar("T")

# The maximum number of pages that are read for one batch. A batch that Lambda has given up on has records on only a few
# pages, but there may be empty pages between them.
_PAGES = 100
_NO_LONGER_KEPT = frozenset({"TrimmedDataAccessException", "ResourceNotFoundException"})


def order_of_record(record: Mapping[str, Any]) -> Order | None:
    """The order after the change. None if the item is not an order, or was removed."""
    change = record["dynamodb"]
    if "NewImage" not in change or not keys.is_order(decode(change["Keys"])):
        return None
    return order_from_item(decode(change["NewImage"]))


def publisher_of_record(record: Mapping[str, Any]) -> Publisher | None:
    image = record["dynamodb"].get("NewImage")
    return publisher_of_item(decode(image)) if image else None


def publisher_of_item(item: Item) -> Publisher | None:
    """An order, cart or webhook endpoint. The cart has no order statuses."""
    if keys.is_order(item):
        return order_from_item(item)
    if keys.is_cart(item):
        return cart_from_items(item, None)
    return webhook_endpoint_from_item(item) if keys.is_webhook(item) else None


class DynamoOrderStream:
    def __init__(self, client: Any) -> None:
        self._client = client

    def changed(self, stream: str, shard: str, first: str, last: str) -> ChangedOrders | None:
        found = self._read(order_of_record, stream, shard, first, last)
        return ChangedOrders(*found) if found else None

    def changed_publishers(self, stream: str, shard: str, first: str, last: str) -> ChangedPublishers | None:
        read: Callable[[Mapping[str, Any]], Any] = publisher_of_record
        found = self._read(read, stream, shard, first, last)
        return ChangedPublishers(*found) if found else None

    def _read(
        self, read: Callable[[Mapping[str, Any]], T | None], stream: str, shard: str, first: str, last: str
    ) -> tuple[tuple[T, ...], tuple[str, ...]] | None:
        items: list[T] = []
        unreadable: list[str] = []
        try:
            for record in self._records(stream, shard, first, last):
                try:
                    item = read(record)
                except Exception:
                    unreadable.append(record["dynamodb"]["SequenceNumber"])
                    continue
                if item is not None:
                    items.append(item)
        except ClientError as error:
            if error.response["Error"]["Code"] in _NO_LONGER_KEPT:
                return None
            raise ProviderUnavailableError("the stream cannot be read") from error
        except BotoCoreError as error:
            raise ProviderUnavailableError("the stream cannot be read") from error
        return tuple(items), tuple(unreadable)

    def _records(self, stream: str, shard: str, first: str, last: str) -> Iterator[Mapping[str, Any]]:
        iterator = self._client.get_shard_iterator(
            StreamArn=stream,
            ShardId=shard,
            ShardIteratorType="AT_SEQUENCE_NUMBER",
            SequenceNumber=first,
        )["ShardIterator"]
        for _ in range(_PAGES):
            page = self._client.get_records(ShardIterator=iterator)
            for record in page["Records"]:
                # Sequence numbers are integers as text, and may differ in length.
                reached = int(record["dynamodb"]["SequenceNumber"])
                if reached <= int(last):
                    yield record
                if reached >= int(last):
                    return
            iterator = page.get("NextShardIterator")
            if iterator is None:
                return  # the shard is closed
        raise ProviderUnavailableError("the stream did not return the whole batch")
