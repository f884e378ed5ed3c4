"""Reads the stack's secrets from AWS Secrets Manager."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from hosting_orders.domain.errors import NotConnectedError, ProviderUnavailableError


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

    def document(self, arn: str, names: Sequence[str], filled_by: str) -> dict[str, str]:
        """Read a secret's JSON. `filled_by` is the command that stores the secret.

        Raises ProviderUnavailableError, or NotConnectedError if the secret is empty or lacks one of `names`.
        """
        name = arn.rpartition(":")[2]
        try:
            text = self._client.get_secret_value(SecretId=arn).get("SecretString", "")
        except self._client.exceptions.ResourceNotFoundException:
            # AWS's answer for a secret without a value.
            text = ""
        except (ClientError, BotoCoreError) as error:
            raise ProviderUnavailableError(f"the secret {name} cannot be read now") from error
        if not text:
            raise NotConnectedError(f"the secret {name} is empty: run `{filled_by}`")
        try:
            document = {str(key): str(value) for key, value in json.loads(text).items()}
        except (ValueError, AttributeError):
            document = {}
        missing = [wanted for wanted in names if not document.get(wanted)]
        if missing:
            raise NotConnectedError(f"the secret {name} has no {' and '.join(missing)}: run `{filled_by}`")
        return document
