"""Messages to the operators through an SNS topic: the port Alerts."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from hosting_orders.domain.errors import ProviderUnavailableError

MAX_SUBJECT = 100
"""SNS takes 100 printable ASCII characters at most."""


class SnsAlerts:
    """`client` is a boto3 SNS client, `topic_arn` the topic that the alarms go to as well."""

    def __init__(self, client: Any, topic_arn: str) -> None:
        self._client = client
        self._topic_arn = topic_arn

    def send(self, subject: str, text: str) -> None:
        fit = "".join(char if " " <= char <= "~" else "?" for char in subject)[:MAX_SUBJECT]
        try:
            self._client.publish(TopicArn=self._topic_arn, Subject=fit, Message=text)
        except (ClientError, BotoCoreError) as error:
            raise ProviderUnavailableError("the message to the operators could not be sent") from error
