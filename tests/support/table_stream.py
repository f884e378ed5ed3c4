"""A client of DynamoDB Streams for the table in moto, and the message about a batch that Lambda discarded.

moto keeps a stream's records but does not answer at the address that botocore uses for streams. So tests use the client
of this module.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from botocore.exceptions import ClientError

STREAM_ARN = "arn:aws:dynamodb:eu-west-1:123456789012:table/orders/stream/2026-11-21T00:00:00.000"
SHARD = "shardId-00000001541626099285-f35f62ef"

Record = dict[str, Any]


class StreamsClient:
    """The part of boto3's client for `dynamodbstreams` that reads a range of records.

    `page` is the maximum number of records in a response. `trimmed` is the number of oldest
    records that no longer exist.
    """

    def __init__(self, records: Callable[[], Sequence[Record]], page: int = 3) -> None:
        self._records = records
        self.page = page
        self.trimmed = 0

    def get_shard_iterator(self, **given: str) -> dict[str, Any]:
        assert given.pop("ShardIteratorType") == "AT_SEQUENCE_NUMBER"
        first = given.pop("SequenceNumber")
        if given != {"StreamArn": STREAM_ARN, "ShardId": SHARD}:
            raise _error("ResourceNotFoundException", "GetShardIterator")
        for place, record in enumerate(self._records()):
            if record["dynamodb"]["SequenceNumber"] == first and place >= self.trimmed:
                return {"ShardIterator": str(place)}
        raise _error("TrimmedDataAccessException", "GetShardIterator")

    def get_records(self, **given: str) -> dict[str, Any]:
        (iterator,) = given.values()
        place = int(iterator.removesuffix("+"))
        if not iterator.endswith("+"):
            # DynamoDB may return an empty page although more records follow.
            return {"Records": [], "NextShardIterator": f"{place}+"}
        found = [dict(record) for record in self._records()[place : place + self.page]]
        return {"Records": found, "NextShardIterator": str(place + len(found))}


def _error(code: str, operation: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}}, operation)


def dead_letter(records: Sequence[Record], message_id: str = "1") -> Record:
    """The SQS message about this batch, as an event source mapping sends it.

    https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
    """
    body = {
        "requestContext": {
            "requestId": "316aa6d0-8154-xmpl-9af7-85d5f4a6bc81",
            "functionArn": "arn:aws:lambda:eu-west-1:123456789012:function:roll-up:live",
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 21,
        },
        "responseContext": {"statusCode": 200, "executedVersion": "1", "functionError": "Unhandled"},
        "version": "1.0",
        "timestamp": "2026-11-27T00:13:49.717Z",
        "DDBStreamBatchInfo": {
            "shardId": SHARD,
            "startSequenceNumber": records[0]["dynamodb"]["SequenceNumber"],
            "endSequenceNumber": records[-1]["dynamodb"]["SequenceNumber"],
            "approximateArrivalOfFirstRecord": "2026-11-27T00:13:19Z",
            "approximateArrivalOfLastRecord": "2026-11-27T00:13:19Z",
            "batchSize": len(records),
            "streamArn": STREAM_ARN,
        },
    }
    return {"messageId": message_id, "eventSource": "aws:sqs", "body": json.dumps(body)}
