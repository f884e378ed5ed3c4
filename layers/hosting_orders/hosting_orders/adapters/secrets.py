"""Secrets of the stack, kept in Secrets Manager."""

from __future__ import annotations

import json
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from hosting_orders.domain.errors import ProviderUnavailableError


class SecretsManager:
    """`client` is a boto3 Secrets Manager client. Reads are not cached here: whoever builds adapters decides."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def text(self, arn: str) -> str:
        """The secret's text. Raises ProviderUnavailableError."""
        try:
            return str(self._client.get_secret_value(SecretId=arn)["SecretString"])
        except (ClientError, BotoCoreError) as error:
            raise ProviderUnavailableError("the secret cannot be read now") from error

    def document(self, arn: str) -> dict[str, str]:
        """The secret's JSON object."""
        return {str(name): str(value) for name, value in json.loads(self.text(arn)).items()}
