"""`make publish-events`: send account webhooks for events whose records were lost from the table's stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, cast

from hosting_orders.adapters.dynamodb.codec import decode
from hosting_orders.adapters.dynamodb.stream import publisher_of_item
from hosting_orders.adapters.dynamodb.webhooks import DynamoWebhookStore
from hosting_orders.adapters.sqs_webhooks import SqsWebhookQueue
from hosting_orders.adapters.system_clock import SystemClock
from hosting_orders.usecases.ports import Services
from hosting_orders.usecases.publish_events import PublisherChange, publish_events
from operate.errors import OperateError
from operate.stacks import Cloud, Stack

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class _Ports:
    """The services that `publish_events` uses."""

    webhooks: DynamoWebhookStore
    webhook_queue: SqsWebhookQueue
    clock: SystemClock = field(default_factory=SystemClock)


def publish_lost_events(cloud: Cloud, stack: Stack, report: Report) -> None:
    """Derive the events of every item of the table again. Store and queue the deliveries that are missing.

    Raises OperateError if some items failed.
    """
    client, table = cloud.client("dynamodb"), stack.resources["OrdersTable"]
    queue = SqsWebhookQueue(cloud.client("sqs"), stack.resources["WebhookQueue"])
    services = cast(Services, _Ports(DynamoWebhookStore(client, table), queue))
    published = 0
    failed: list[str] = []
    for page in _pages(client, table):
        changes: list[PublisherChange] = []
        for item in page:
            key = f"{item['PK']['S']} {item['SK']['S']}"
            try:
                found = publisher_of_item(decode(item))
            except Exception as error:
                report(f"{key} cannot be read: {error!r}")
                failed.append(key)
                continue
            if found is not None:
                changes.append(PublisherChange(key, found))
        unpublished = publish_events(services, changes)
        published += len(changes) - len(unpublished)
        failed += unpublished
    report(f"The events of {published} orders, carts and webhook endpoints are stored and queued.")
    if failed:
        raise OperateError(f"{len(failed)} items failed. The first is {failed[0]}. Run this command again.")


def _pages(client: Any, table: str) -> Iterator[list[Any]]:
    request: dict[str, Any] = {"TableName": table, "ConsistentRead": True}
    while True:
        answer = client.scan(**request)
        yield answer["Items"]
        if "LastEvaluatedKey" not in answer:
            return
        request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
