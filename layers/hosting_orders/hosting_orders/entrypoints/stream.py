"""The DynamoDB stream: changes of orders, and the queue of batches that Lambda gave up on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from hosting_orders import bootstrap
from hosting_orders.usecases.repair_roll_ups import GivenUpBatch
from hosting_orders.usecases.roll_up_cart import OrderChange

from .logs import logger


def order_changes(event: Mapping[str, Any]) -> tuple[list[OrderChange], list[str]]:
    """Return the order changes, and the sequence numbers of unreadable records.

    Lambda retries the unreadable records and then moves them to the queue RollUpDeadLetters.
    """
    log = logger()  # before the use case, or a new process would lose its log lines
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


def given_up_batches(event: Mapping[str, Any]) -> tuple[list[GivenUpBatch], list[str]]:
    """Return the batches, and the ids of unreadable messages, which stay in the queue.

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
    """A stream continues from the first failed record. A queue keeps the failed messages."""
    return {"batchItemFailures": [{"itemIdentifier": sequence} for sequence in failed]}
