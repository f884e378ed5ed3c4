"""Secrets of the stack in AWS Secrets Manager."""

from __future__ import annotations

import json
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from hosting_orders.domain.errors import ProviderUnavailableError


class SecretsManager:
    """Reads are not cached."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def text(self, arn: str) -> str:
        """Raises ProviderUnavailableError."""
        try:
            return str(self._client.get_secret_value(SecretId=arn)["SecretString"])
        except (ClientError, BotoCoreError) as error:
            raise ProviderUnavailableError("the secret cannot be read now") from error

    def document(self, arn: str) -> dict[str, str]:
        return {str(name): str(value) for name, value in json.loads(self.text(arn)).items()}
