"""The Alerts port on Amazon SNS."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from hosting_orders.domain.errors import ProviderUnavailableError

MAX_SUBJECT = 100
"""SNS accepts at most 100 printable ASCII characters."""


class SnsAlerts:
    def __init__(self, client: Any, topic_arn: str) -> None:
        self._client = client
        self._topic_arn = topic_arn

    def send(self, subject: str, text: str) -> None:
        fit = "".join(char if " " <= char <= "~" else "?" for char in subject)[:MAX_SUBJECT]
        try:
            self._client.publish(TopicArn=self._topic_arn, Subject=fit, Message=text)
        except (ClientError, BotoCoreError) as error:
            raise ProviderUnavailableError("the message to the operators could not be sent") from error
