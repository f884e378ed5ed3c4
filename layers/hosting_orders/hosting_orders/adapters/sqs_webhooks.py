"""Account webhooks on Amazon SQS."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from hosting_orders.domain.errors import ProviderUnavailableError
from hosting_orders.domain.webhook import QueuedWebhook


class SqsWebhookQueue:
    def __init__(self, client: Any, url: str) -> None:
        self._client = client
        self._url = url

    def send(self, account_id: str, endpoint_id: str, deliveries: Sequence[QueuedWebhook]) -> None:
        body = {
            "account_id": account_id,
            "endpoint_id": endpoint_id,
            "deliveries": [[each.message_id, each.due_at] for each in deliveries],
        }
        try:
            # With message groups, a standard queue serves endpoints with few messages first (SQS fair queues).
            self._client.send_message(
                QueueUrl=self._url, MessageBody=json.dumps(body), MessageGroupId=endpoint_id
            )
        except (ClientError, BotoCoreError) as error:
            raise ProviderUnavailableError("the queue of webhooks cannot be reached") from error
