"""The DynamoDB stream: changes of orders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hosting_orders import bootstrap
from hosting_orders.usecases.roll_up_cart import OrderChange

from .logs import logger


def order_changes(event: Mapping[str, Any]) -> tuple[list[OrderChange], list[str]]:
    """The order changes in a batch, and the sequence numbers of unreadable records.

    Lambda retries these records and then moves them to the queue RollUpDeadLetters.
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


def batch_answer(failed: list[str]) -> dict[str, Any]:
    """The ReportBatchItemFailures response. Lambda continues from the first failed record."""
    return {"batchItemFailures": [{"itemIdentifier": sequence} for sequence in failed]}
