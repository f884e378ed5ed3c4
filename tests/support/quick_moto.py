"""Shortcuts that skip unnecessary work of moto. This work took three quarters of the tests' time.

Without the shortcuts:

- A transaction copies the whole table for each write, and not only the items that it changes.
- Each attribute of a response is parsed and looked up under every Python alias, although moto stores the attribute in
  its wire form.
- A query compares and sorts the whole table, parses the keys at each comparison, and copies the items that it finds.
- An item is measured and copied again for each attribute.
- Each request is signed, is parsed as a web form, and is compared with the URL patterns of all of AWS and the method
  names of a class.
- boto3 builds its version string for each request.
- A KMS key gets an RSA key that nothing uses.

The behaviour and checks of moto do not change (tests/unit/test_quick_moto.py).
"""

from __future__ import annotations

import base64
import copy
import functools
import re
import threading
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

from botocore.auth import SigV4Auth
from botocore.useragent import UserAgentString
from moto.core import DEFAULT_ACCOUNT_ID, responses, serialize
from moto.core.botocore_stubber import BotocoreStubber
from moto.core.exceptions import HTTPException
from moto.dynamodb import models
from moto.dynamodb.exceptions import ItemSizeTooLarge
from moto.dynamodb.models import table as tables
from moto.dynamodb.models.dynamo_type import DynamoType, Item, LimitedSizeDict
from moto.dynamodb.models.table import Table
from moto.dynamodb.responses import DynamoHandler
from moto.kms import models as kms

_DYNAMODB = re.compile(r"https://dynamodb\.([a-z0-9-]+)\.amazonaws\.com/?")
_ACCESS_KEY = "AKIAEXAMPLE"  # as in moto for a request without a signature
_MOST_BYTES = 405_000  # moto's own limit


@functools.cache
def use_shortcuts() -> None:
    """Install the shortcuts in this process. A second call changes nothing."""
    _answer_attribute_values_as_they_are()
    _copy_only_what_a_transaction_touches()
    _go_straight_to_dynamodb()
    _sign_nothing_for_dynamodb()
    _compare_texts_as_they_are()
    _query_only_the_items_of_the_key()
    Table.all_items = _all_items  # type: ignore[method-assign]
    Item.__init__ = _make_item  # type: ignore[method-assign]
    _measure_without_copies()
    responses.method_names_from_class = functools.cache(responses.method_names_from_class)
    UserAgentString.to_string = lambda self: "Boto3/tests"
    kms.generate_private_key = functools.cache(kms.generate_private_key)


def _go_straight_to_dynamodb() -> None:
    by_patterns = BotocoreStubber.process_request

    def process_request(self: Any, request: Any) -> Any:
        dynamodb = _DYNAMODB.fullmatch(request.url)
        if not dynamodb:
            return by_patterns(self, request)
        try:
            return _handler(request, dynamodb[1]).call_action()
        except HTTPException as error:
            return error.code, error.get_headers(), error.get_body()

    BotocoreStubber.process_request = process_request  # type: ignore[method-assign]


def _handler(request: Any, region: str) -> DynamoHandler:
    """Return a handler for this request, with those attributes of moto's `setup_class` that DynamoDB's handler uses."""
    body = request.body if isinstance(request.body, bytes) else request.body.encode()
    headers = {
        name: value.decode() if isinstance(value, bytes) else value for name, value in request.headers.items()
    }
    handler = DynamoHandler()
    handler.headers, handler.raw_body, handler.body = headers, body, body.decode()
    handler.uri, handler.path, handler.method = request.url, "/", request.method
    handler.querystring, handler.uri_match = {}, {}
    handler.region, handler.partition = region, "aws"
    handler.response_headers = {"server": "amazon.com", "date": "Thu, 01 Jan 1970 00:00:00 GMT"}
    handler.parse_parameters(
        SimpleNamespace(  # type: ignore[arg-type]
            method=request.method,
            content_type=headers["Content-Type"],
            values={},
            headers=headers,
            data=body,
            path="/",
        )
    )
    handler.access_key, handler.current_account = _ACCESS_KEY, DEFAULT_ACCOUNT_ID
    return handler


def _sign_nothing_for_dynamodb() -> None:
    # moto does not check DynamoDB's signatures. The adapters of Lightsail and Route 53 call servers that check them.
    by_key = SigV4Auth.add_auth

    def add_auth(self: Any, request: Any) -> None:
        if self._service_name != "dynamodb":
            by_key(self, request)

    SigV4Auth.add_auth = add_auth  # type: ignore[method-assign]


def _compare_texts_as_they_are() -> None:
    """Compare texts without the conversion that numbers and sets need."""
    by_type = DynamoType.cast_value.fget  # type: ignore[attr-defined]

    def cast_value(self: DynamoType) -> Any:
        return self.value if self.type == "S" else by_type(self)

    DynamoType.cast_value = property(cast_value)  # type: ignore[method-assign,assignment]


class _Asked(threading.local):
    """The key attributes that the query of this thread asks for."""

    keys: tuple[tuple[str, DynamoType], ...] = ()


_asked = _Asked()


def _query_only_the_items_of_the_key() -> None:
    query = Table.query

    def query_few(self: Table, *args: Any, **kwargs: Any) -> Any:
        _asked.keys = tuple(kwargs["hash_key_conditions"])
        try:
            return query(self, *args, **kwargs)
        finally:
            _asked.keys = ()

    def deepcopy(value: Any, memo: Any = None) -> Any:
        # moto copies the items of a response. No copy is needed, because the response is written immediately.
        if isinstance(value, Item) or (isinstance(value, list) and value and isinstance(value[0], Item)):
            return value
        return copy.deepcopy(value, memo)

    Table.query = query_few  # type: ignore[method-assign]
    tables.copy = SimpleNamespace(deepcopy=deepcopy, copy=copy.copy)  # type: ignore[attr-defined]


def _make_item(self: Item, hash_key: DynamoType, range_key: DynamoType | None, attrs: dict[str, Any]) -> None:
    """Do what moto does, but measure the item once and not for each attribute."""
    self.hash_key, self.range_key = hash_key, range_key
    self.attrs = LimitedSizeDict.__new__(LimitedSizeDict)
    for name, value in attrs.items():
        dict.__setitem__(self.attrs, name, DynamoType(value))
    if self.size() > _MOST_BYTES:
        raise ItemSizeTooLarge


def _measure_without_copies() -> None:
    by_moto = DynamoType.size

    def size(self: DynamoType) -> int:
        value = self.value
        if isinstance(value, str):
            return len(value) if value.isascii() else len(value.encode())
        if isinstance(value, dict):
            parts = (
                (name, part if type(part) is DynamoType else DynamoType(part)) for name, part in value.items()
            )
            return sum(len(name.encode()) + part.size() for name, part in parts)
        return by_moto(self)

    DynamoType.size = size  # type: ignore[method-assign]
    LimitedSizeDict.__reduce__ = lambda self: (_unpickled, (dict(self),))  # type: ignore[method-assign]


def _unpickled(attributes: dict[str, DynamoType]) -> LimitedSizeDict:
    """Make the attributes of a pickled item. moto itself would measure the whole item again for each attribute."""
    made = LimitedSizeDict.__new__(LimitedSizeDict)
    dict.update(made, attributes)
    return made


def _answer_attribute_values_as_they_are() -> None:
    by_members = serialize.BaseJSONSerializer._serialize_type_structure

    def structure(self: Any, serialized: Any, value: Any, shape: Any, key: str) -> None:
        if shape.name == "AttributeValue" and key:
            serialized[key] = on_the_wire(value)
        else:
            by_members(self, serialized, value, shape, key)

    serialize.BaseJSONSerializer._serialize_type_structure = structure  # type: ignore[method-assign]


def on_the_wire(value: Any) -> Any:
    if isinstance(value, DynamoType):
        return {value.type: on_the_wire(value.value)}
    if isinstance(value, dict):
        return {name: on_the_wire(part) for name, part in value.items()}
    if isinstance(value, list):
        return [on_the_wire(part) for part in value]
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def _all_items(table: Table) -> list[Item]:
    """Return the items sorted by key, as moto does. During a query, return only the items with the query's key."""
    if not table.range_key_attr:
        found: Any = table.items
        return [found[key] for key in sorted(found, key=_sortable)]
    partitions: Iterable[tuple[DynamoType, Any]] = table.items.items()
    keys = _asked.keys
    if keys and keys[0][0] == table.hash_key_attr:
        partitions = [(keys[0][1], table.items.get(keys[0][1], {}))]
    elif keys:
        partitions = _with_key(partitions, keys)
    return [
        items[key]
        for _, items in sorted(partitions, key=lambda entry: _sortable(entry[0]))
        for key in sorted(items, key=_sortable)
    ]


def _with_key(
    partitions: Iterable[tuple[DynamoType, Any]], keys: tuple[tuple[str, DynamoType], ...]
) -> list[tuple[DynamoType, Any]]:
    found = []
    for partition, items in partitions:
        kept = {
            key: item
            for key, item in items.items()
            if all((value := item.attrs.get(name)) is not None and value == wanted for name, wanted in keys)
        }
        if kept:
            found.append((partition, kept))
    return found


def _sortable(key: DynamoType) -> Any:
    return key.value if key.type == "S" else key.cast_value


def _copy_only_what_a_transaction_touches() -> None:
    backend = models.DynamoDBBackend
    transact = backend.transact_write_items

    def transact_write_items(self: Any, transact_items: list[dict[str, Any]]) -> None:
        before = [_Before(self, next(iter(item.values()))) for item in transact_items]
        streams = {id(one.table): (one.table, _records(one.table)) for one in before if one.table is not None}
        try:
            transact(self, transact_items)
        except Exception:
            for one in before:
                one.restore()
            for table, records in streams.values():
                if table.stream_shard is not None:
                    del table.stream_shard.items[records:]
            raise

    def deepcopy(value: Any, memo: Any = None) -> Any:
        # moto copies the whole table for a rollback. No copy is needed here, because `restore` undoes the writes.
        return value if isinstance(value, Table) else copy.deepcopy(value, memo)

    models.copy = SimpleNamespace(deepcopy=deepcopy, copy=copy.copy)  # type: ignore[attr-defined]
    backend.transact_write_items = transact_write_items  # type: ignore[method-assign]


def _records(table: Table) -> int:
    return len(table.stream_shard.items) if table.stream_shard is not None else 0


class _Before:
    """The state of one item before a transaction writes it."""

    def __init__(self, backend: Any, write: dict[str, Any]) -> None:
        self.table: Table | None = backend.tables.get(write.get("TableName"))
        key = write.get("Key") or write.get("Item") or {}
        if self.table is None or self.table.hash_key_attr not in key:
            self.table = None  # moto refuses the write
            return
        self._hash = DynamoType(key[self.table.hash_key_attr])
        self._range = DynamoType(key[self.table.range_key_attr]) if self.table.range_key_attr in key else None
        found = self._items().get(self._last())
        self._item: Item | None = copy.deepcopy(found)

    def restore(self) -> None:
        if self.table is None:
            return
        if self._item is None:
            self._items().pop(self._last(), None)
        else:
            self._items()[self._last()] = self._item

    def _items(self) -> Any:
        """Return the dictionary that contains the item under the last part of its key."""
        assert self.table is not None
        return self.table.items if self._range is None else self.table.items[self._hash]

    def _last(self) -> DynamoType:
        return self._hash if self._range is None else self._range
