"""The secrets that CloudFormation creates empty. Commands of operate/ write them, and deployments never do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

API_KEY = "api_key"
WEBHOOK_SECRETS = "webhook_secrets"
WEBHOOK_ENDPOINT = "webhook_endpoint"


def read_secret(client: Any, arn: str) -> dict[str, str]:
    """The stored document, or {} if the secret is empty or is not a JSON object."""
    try:
        text = client.get_secret_value(SecretId=arn).get("SecretString") or "{}"
    except client.exceptions.ResourceNotFoundException:
        return {}
    try:
        return {str(name): str(value) for name, value in json.loads(text).items()}
    except (ValueError, AttributeError):
        return {}


def write_secret(client: Any, arn: str, document: Mapping[str, str]) -> None:
    """Functions read the new value within ten minutes."""
    client.put_secret_value(SecretId=arn, SecretString=json.dumps(dict(document)))
