"""Read Lambda events: records of the table's stream, queued webhooks, and stream batches that Lambda gave up on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from hosting_orders import bootstrap
from hosting_orders.domain.webhook import QueuedWebhook
from hosting_orders.usecases.publish_events import PublisherChange
from hosting_orders.usecases.repair_roll_ups import GivenUpBatch
from hosting_orders.usecases.roll_up_cart import OrderChange
from hosting_orders.usecases.send_webhooks import QueuedBatch

from .logs import logger


def order_changes(event: Mapping[str, Any]) -> tuple[list[OrderChange], list[str]]:
    """Return the order changes, and the sequence numbers of unreadable records.

    Lambda retries the unreadable records, and then sends their position to the queue RollUpDeadLetters.
    """
    # `logger()` configures logging. Call it before the use case runs: otherwise the use case's log lines are lost in a
    # Lambda process that has just started.
    log = logger()
    news: list[OrderChange] = []
    unreadable: list[str] = []
    for record in event["Records"]:
        sequence = record["dynamodb"]["SequenceNumber"]
        try:
            order = bootstrap.order_of_record(record)
        except Exception:
            log.exception("unreadable stream record", extra={"sequence": sequence})
            unreadable.append(sequence)
            continue
        if order is not None:
            news.append(
                OrderChange(
                    sequence, order.account_id, order.cart_token, order.number, order.status, order.version
                )
            )
    return news, unreadable


def publisher_changes(event: Mapping[str, Any]) -> tuple[list[PublisherChange], list[str]]:
    """Like `order_changes`, for all items from which events are derived."""
    log = logger()
    news: list[PublisherChange] = []
    unreadable: list[str] = []
    for record in event["Records"]:
        sequence = record["dynamodb"]["SequenceNumber"]
        try:
            item = bootstrap.publisher_of_record(record)
        except Exception:
            log.exception("unreadable stream record", extra={"sequence": sequence})
            unreadable.append(sequence)
            continue
        if item is not None:
            news.append(PublisherChange(sequence, item))
    return news, unreadable


def queued_webhooks(event: Mapping[str, Any]) -> list[QueuedBatch]:
    """Only our own code writes to the webhook queue, so its messages are always readable."""
    logger()
    batches: list[QueuedBatch] = []
    for message in event["Records"]:
        body = json.loads(message["body"])
        deliveries = tuple(QueuedWebhook(message_id, due_at) for message_id, due_at in body["deliveries"])
        batches.append(QueuedBatch(message["messageId"], body["account_id"], body["endpoint_id"], deliveries))
    return batches


def given_up_batches(event: Mapping[str, Any]) -> tuple[list[GivenUpBatch], list[str]]:
    """Return the batches that Lambda gave up on, and the ids of unreadable messages, which stay in the queue.

    https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
    """
    log = logger()
    batches: list[GivenUpBatch] = []
    unreadable: list[str] = []
    for message in event["Records"]:
        message_id = message["messageId"]
        try:
            place = json.loads(message["body"])["DDBStreamBatchInfo"]
            first, last = place["startSequenceNumber"], place["endSequenceNumber"]
            batches.append(GivenUpBatch(message_id, place["streamArn"], place["shardId"], first, last))
        except (ValueError, KeyError, TypeError):
            log.exception("unreadable message", extra={"message_id": message_id})
            unreadable.append(message_id)
    return batches, unreadable


def batch_answer(failed: list[str]) -> dict[str, Any]:
    # Lambda reads a stream again from the first failed record, and keeps failed messages in their queue.
    return {"batchItemFailures": [{"itemIdentifier": sequence} for sequence in failed]}
