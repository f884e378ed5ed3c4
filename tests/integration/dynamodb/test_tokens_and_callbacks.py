"""The stores of task tokens and of callback deliveries.

Step Functions issues the task tokens. A callback delivery records the attempts to send one callback.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hosting_orders.adapters.dynamodb.callbacks import DynamoCallbackStore
from hosting_orders.adapters.dynamodb.table import put
from hosting_orders.adapters.dynamodb.tokens import DynamoTokenStore
from hosting_orders.domain.callback import Attempt, CallbackDelivery, DeliveryStatus
from hosting_orders.domain.errors import ConcurrentUpdateError
from hosting_orders.domain.ids import callback_message_id
from hosting_orders.domain.providers import CallbackAnswer
from tests.integration.dynamodb.examples import ACCOUNT, NOW, NUMBER
from tests.support.table import TABLE_NAME, everything_in, table_properties

DELIVERY = CallbackDelivery(ACCOUNT, NUMBER, callback_message_id(NUMBER), due_at=NOW)


@pytest.fixture
def tokens(client: Any) -> DynamoTokenStore:
    return DynamoTokenStore(client, TABLE_NAME)


@pytest.fixture
def callbacks(client: Any) -> DynamoCallbackStore:
    return DynamoCallbackStore(client, TABLE_NAME)


def test_each_step_of_an_order_has_its_own_token(tokens: DynamoTokenStore, client: Any) -> None:
    tokens.put_token(ACCOUNT, NUMBER, "charge", "AAAA", NOW)
    tokens.put_token(ACCOUNT, NUMBER, "provision", "BBBB", NOW)
    assert tokens.token(ACCOUNT, NUMBER, "charge") == "AAAA"
    assert tokens.token(ACCOUNT, NUMBER, "provision") == "BBBB"
    assert tokens.token(ACCOUNT, NUMBER + 1, "charge") is None
    assert tokens.token("another", NUMBER, "charge") is None
    tokens.drop_token(ACCOUNT, NUMBER, "charge", "AAAA")
    assert tokens.token(ACCOUNT, NUMBER, "charge") is None
    assert tokens.token(ACCOUNT, NUMBER, "provision") == "BBBB"
    tokens.drop_token(ACCOUNT, NUMBER, "charge", "AAAA")
    assert len(everything_in(client)) == 1


def test_dropping_an_older_token_keeps_the_newer_token(tokens: DynamoTokenStore) -> None:
    tokens.put_token(ACCOUNT, NUMBER, "charge", "first", NOW)
    tokens.put_token(ACCOUNT, NUMBER, "charge", "second", NOW + 1)
    tokens.drop_token(ACCOUNT, NUMBER, "charge", "first")
    assert tokens.token(ACCOUNT, NUMBER, "charge") == "second"


def test_only_the_newest_token_of_a_step_is_stored(tokens: DynamoTokenStore) -> None:
    tokens.put_token(ACCOUNT, NUMBER, "charge", "first", NOW)
    tokens.put_token(ACCOUNT, NUMBER, "charge", "second", NOW + 1)
    assert tokens.token(ACCOUNT, NUMBER, "charge") == "second"
    with pytest.raises(ConcurrentUpdateError):
        tokens.put_token(ACCOUNT, NUMBER, "charge", "first", NOW)
    assert tokens.token(ACCOUNT, NUMBER, "charge") == "second", "a late write of an older attempt is refused"


def test_the_table_deletes_a_token_after_400_days(tokens: DynamoTokenStore, client: Any) -> None:
    tokens.put_token(ACCOUNT, NUMBER, "charge", "AAAA", NOW)
    (item,) = everything_in(client)
    ttl = table_properties()["TimeToLiveSpecification"]["AttributeName"]
    assert item[ttl] == {"N": str(NOW // 1000 + 400 * 86_400)}


def test_the_repr_of_a_store_or_a_write_shows_no_token(tokens: DynamoTokenStore) -> None:
    tokens.put_token(ACCOUNT, NUMBER, "charge", "very-secret", NOW)
    write = put({"PK": "a", "SK": "b", "token": "very-secret"}, "#token = :token", token="very-secret")
    assert "very-secret" not in repr(tokens) + repr(vars(tokens)) + repr(write)
    assert "very-secret" in str(write.request), "the request has the token, but no repr shows it"


def test_a_delivery_is_stored(callbacks: DynamoCallbackStore) -> None:
    assert callbacks.delivery(ACCOUNT, NUMBER) is None
    first = callbacks.save_delivery(DELIVERY)
    assert first == replace(DELIVERY, version=1)
    assert callbacks.delivery(ACCOUNT, NUMBER) == first
    failed = first.after(CallbackAnswer(None, "timed out"), NOW, 0.5).after(CallbackAnswer(500), NOW + 9, 0.5)
    second = callbacks.save_delivery(failed)
    assert callbacks.delivery(ACCOUNT, NUMBER) == second == replace(failed, version=2)
    assert second.attempts == (Attempt(NOW, None, "timed out"), Attempt(NOW + 9, 500, None))


def test_a_delivery_is_created_once(callbacks: DynamoCallbackStore) -> None:
    callbacks.save_delivery(DELIVERY)
    with pytest.raises(ConcurrentUpdateError):
        callbacks.save_delivery(DELIVERY)


def test_only_one_of_two_concurrent_attempts_is_recorded(callbacks: DynamoCallbackStore) -> None:
    seen = callbacks.save_delivery(DELIVERY)
    won = callbacks.save_delivery(seen.after(CallbackAnswer(200), NOW, 0))
    with pytest.raises(ConcurrentUpdateError):
        callbacks.save_delivery(seen.after(CallbackAnswer(500), NOW, 0))
    assert callbacks.delivery(ACCOUNT, NUMBER) == won
    assert won.status is DeliveryStatus.DELIVERED


def test_a_delivery_cannot_be_changed_before_it_is_stored(
    callbacks: DynamoCallbackStore, client: Any
) -> None:
    with pytest.raises(ConcurrentUpdateError):
        callbacks.save_delivery(replace(DELIVERY, version=3))
    assert everything_in(client) == []


def test_a_delivered_callback_leaves_the_index(callbacks: DynamoCallbackStore, client: Any) -> None:
    seen = callbacks.save_delivery(DELIVERY)
    assert client.scan(TableName=TABLE_NAME, IndexName="due")["Count"] == 1
    callbacks.save_delivery(seen.after(CallbackAnswer(204), NOW, 0))
    assert client.scan(TableName=TABLE_NAME, IndexName="due")["Count"] == 0
