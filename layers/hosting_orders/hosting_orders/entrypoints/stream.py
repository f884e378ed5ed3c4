"""The table's stream: news of orders, and which records must come again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hosting_orders import bootstrap
from hosting_orders.usecases.roll_up_cart import OrderChange

from .logs import logger


def order_changes(event: Mapping[str, Any]) -> tuple[list[OrderChange], list[str]]:
    """The news in a batch, and the sequence numbers of records that can't be read.

    A record that can't be read is retried and then set aside (the queue RollUpDeadLetters), never dropped.
    """
    log = logger()  # also for the use case, whose log lines a new process would lose
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


def batch_answer(failed: list[str]) -> dict[str, Any]:
    """ReportBatchItemFailures: the stream goes on from the first of these."""
    return {"batchItemFailures": [{"itemIdentifier": sequence} for sequence in failed]}
