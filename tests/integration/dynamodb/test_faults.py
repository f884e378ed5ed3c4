"""The adapter translates every error of DynamoDB and of boto3 into ProviderUnavailableError or TableRefusedError."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import (
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)

from hosting_orders.adapters.dynamodb.orders import DynamoOrderStore
from hosting_orders.adapters.dynamodb.table import TableRefusedError, put, update
from hosting_orders.domain.errors import ProviderUnavailableError
from tests.integration.dynamodb.conftest import no_sleep
from tests.integration.dynamodb.examples import ACCOUNT, NOW, NUMBER, TOKEN, a_cart, an_order, place_one
from tests.support.table import REGION, TABLE_NAME, InterruptedClient, fault

CALLS: list[tuple[str, Callable[[DynamoOrderStore], object]]] = [
    ("get_item", lambda store: store.order(ACCOUNT, NUMBER)),
    ("query", lambda store: store.cart(ACCOUNT, TOKEN)),
    ("query", lambda store: store.newest(ACCOUNT, 5, skip=5)),
    ("query", lambda store: store.due(NOW, 5)),
    ("batch_get_item", lambda store: store.orders(ACCOUNT, [NUMBER])),
    ("put_item", lambda store: store.save_order(an_order().paid(NOW, NOW))),
    ("update_item", lambda store: store.save_payment(a_cart(an_order()))),
    (
        "transact_write_items",
        lambda store: store.place(a_cart(an_order(NUMBER + 1), token="new"), [an_order(NUMBER + 1)]),
    ),
]


def raising(error: Exception) -> Callable[[], object]:
    def happening() -> object:
        raise error

    return happening


UNAVAILABLE = [
    fault("ThrottlingException"),
    fault("ProvisionedThroughputExceededException"),
    fault("RequestLimitExceeded"),
    fault("TransactionInProgressException"),
    fault("InternalServerError", status=500),
    fault("SomethingNew", status=503),
    raising(EndpointConnectionError(endpoint_url="http://table")),
    raising(ConnectTimeoutError(endpoint_url="http://table")),
    raising(ReadTimeoutError(endpoint_url="http://table")),
]

REFUSED = [
    fault("ValidationException"),
    fault("AccessDeniedException"),
    fault("ResourceNotFoundException"),
    fault("TransactionCanceledException", "None", "ValidationError"),
    raising(NoCredentialsError()),
]


@pytest.mark.parametrize(("operation", "call"), CALLS)
def test_a_busy_or_unreachable_table_raises_provider_unavailable(
    client: Any, store: DynamoOrderStore, operation: str, call: Callable[[DynamoOrderStore], object]
) -> None:
    place_one(store)
    for happening in UNAVAILABLE:
        troubled = DynamoOrderStore(InterruptedClient(client, operation, happening), TABLE_NAME, no_sleep)
        with pytest.raises(ProviderUnavailableError):
            call(troubled)
    call(store)


@pytest.mark.parametrize(("operation", "call"), CALLS)
def test_a_refused_request_raises_table_refused(
    client: Any, operation: str, call: Callable[[DynamoOrderStore], object]
) -> None:
    for happening in REFUSED:
        troubled = DynamoOrderStore(InterruptedClient(client, operation, happening), TABLE_NAME, no_sleep)
        with pytest.raises(TableRefusedError):
            call(troubled)


def test_a_failed_connection_raises_provider_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    config = Config(retries={"total_max_attempts": 1}, connect_timeout=1)
    unreachable = boto3.client(
        "dynamodb", region_name=REGION, endpoint_url="http://127.0.0.1:9", config=config
    )
    with pytest.raises(ProviderUnavailableError):
        DynamoOrderStore(unreachable, TABLE_NAME).order(ACCOUNT, NUMBER)


def test_a_missing_table_raises_table_refused(memory: Any) -> None:
    with pytest.raises(TableRefusedError):
        DynamoOrderStore(memory, "no-such-table").order(ACCOUNT, NUMBER)


def test_a_request_has_no_unused_names_or_values() -> None:
    """DynamoDB refuses unused names and values. moto accepts them."""
    write = update(
        {"PK": "a", "SK": "b"}, "SET #used = #used + :count", "#used < #capacity", count=1, unused=5
    )
    assert write.request["ExpressionAttributeNames"] == {"#used": "used", "#capacity": "capacity"}
    assert write.request["ExpressionAttributeValues"] == {":count": {"N": "1"}}
    assert put({"PK": "a", "SK": "b"}).request.keys() == {"Item"}


def test_a_missing_value_raises_key_error() -> None:
    with pytest.raises(KeyError):
        put({"PK": "a", "SK": "b"}, "#version = :version")
