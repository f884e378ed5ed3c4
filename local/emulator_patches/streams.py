"""Make the emulator ministack retry and drop failed records of a table's stream as AWS does.

ministack itself repeats a batch without end if the function raises. If the function does not raise, ministack treats
the whole batch as processed, even if the function has reported failed records.

With ReportBatchItemFailures, AWS continues from the earliest failed record. After MaximumRetryAttempts, AWS drops this
record and the rest of the batch, or only this record with BisectBatchOnFunctionError. In both cases, AWS then notifies
the on-failure destination.
https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
"""

from __future__ import annotations

import contextvars
from typing import Any

from ministack.services import dynamodb, lambda_svc

_FOR_EVER = -1
_polling: contextvars.ContextVar[bool] = contextvars.ContextVar("polling", default=False)
# How many attempts failed, by event source mapping and by the sequence number of the earliest failed record.
_failures: dict[tuple[str, str], int] = {}


def apply() -> None:
    poll, execute = lambda_svc._poll_dynamodb_streams, lambda_svc._execute_function

    def poll_marked() -> Any:
        mark = _polling.set(True)
        try:
            return poll()
        finally:
            _polling.reset(mark)

    def execute_and_judge(function: Any, event: Any) -> Any:
        result = execute(function, event)
        if not _polling.get():
            return result
        return _judge(function, event["Records"], result)

    lambda_svc._poll_dynamodb_streams = poll_marked
    lambda_svc._execute_function = execute_and_judge


def _judge(function: Any, batch: list[Any], result: dict[str, Any]) -> dict[str, Any]:
    """Return the result for ministack's poller.

    Every failure becomes an `error`, because the poller then keeps the position that this function has set.
    """
    mapping = _mapping(function, batch[0]["eventSourceARN"])
    failed_at = 0 if result.get("error") else _first_failure(mapping, batch, result.get("body"))
    if failed_at is None:
        return result
    left = batch[failed_at:]
    counted = (mapping["UUID"], _sequence_number(left[0]))
    _failures[counted] = _failures.get(counted, 0) + 1
    most = int(mapping.get("MaximumRetryAttempts", _FOR_EVER))
    if most != _FOR_EVER and _failures[counted] > most:
        del _failures[counted]
        given_up = left[:1] if mapping.get("BisectBatchOnFunctionError") else left
        lambda_svc._send_ddb_stream_failure_record(
            mapping, function, given_up, batch[0]["eventSourceARN"], result, "RetryAttemptsExhausted"
        )
        _continue_at(mapping, _sequence_number(given_up[-1]), past=True)
    else:
        _continue_at(mapping, _sequence_number(left[0]), past=False)
    return {"error": True, "body": result.get("body"), "log": result.get("log", "")}


def _mapping(function: Any, stream_arn: str) -> dict[str, Any]:
    name = (function.get("config") or function)["FunctionName"]
    for _, _, mapping in lambda_svc._iter_all_esms():
        if mapping["EventSourceArn"] == stream_arn and mapping["FunctionName"] == name:
            return dict(mapping)
    raise LookupError(f"no event source mapping of {name} reads {stream_arn}")


def _first_failure(mapping: dict[str, Any], batch: list[Any], answer: Any) -> int | None:
    if "ReportBatchItemFailures" not in mapping.get("FunctionResponseTypes", []) or not isinstance(
        answer, dict
    ):
        return None
    failed = [failure.get("itemIdentifier") for failure in answer.get("batchItemFailures") or []]
    if not failed:
        return None
    places = [place for place, record in enumerate(batch) if _sequence_number(record) in failed]
    # AWS treats an unknown identifier as a failure of the whole batch.
    return min(places) if len(places) == len(set(failed)) else 0


def _continue_at(mapping: dict[str, Any], sequence_number: str, *, past: bool) -> None:
    table = mapping["EventSourceArn"].split("/stream/")[0].rpartition("/")[2]
    position = lambda_svc._dynamodb_stream_positions[mapping["UUID"]]
    # The position counts all records of the stream. The batch has only those that passed the mapping's filter.
    for record in dynamodb.stream_records_since(table, position, int(mapping.get("BatchSize", 100))):
        if _sequence_number(record) == sequence_number:
            break
        position += 1
    with lambda_svc._dynamodb_stream_positions_lock:
        lambda_svc._dynamodb_stream_positions[mapping["UUID"]] = position + (1 if past else 0)


def _sequence_number(record: Any) -> str:
    return str(record["dynamodb"]["SequenceNumber"])
