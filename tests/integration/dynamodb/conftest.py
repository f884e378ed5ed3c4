"""Every test gets an empty table. The tests of a module share one client, because a client is slow to create."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from hosting_orders.adapters.dynamodb.orders import DynamoOrderStore
from tests.support.table import TABLE_NAME, create_table, dynamodb_in_memory


@pytest.fixture(scope="module")
def memory() -> Iterator[Any]:
    with dynamodb_in_memory() as client:
        yield client


@pytest.fixture
def client(memory: Any) -> Any:
    memory.delete_table(TableName=TABLE_NAME)
    create_table(memory)
    return memory


@pytest.fixture
def store(client: Any) -> DynamoOrderStore:
    return DynamoOrderStore(client, TABLE_NAME, sleep=no_sleep)


def no_sleep(_seconds: float) -> None:
    """Return immediately, so tests do not wait between attempts."""
