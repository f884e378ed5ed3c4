"""Sign our callbacks and verify the platform's webhooks, as Standard Webhooks describes."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence

from hosting_orders.domain.errors import ForgedWebhookError

# The `standardwebhooks` package (1.1.0) is not used. It raises ValueError on hostile input, reads its own clock and
# supports only one secret.
SECRET_PREFIX = "whsec_"  # noqa: S105 - a prefix, not a secret
TOLERANCE_SECONDS = 5 * 60

_TIMESTAMP = re.compile(r"[0-9]{1,12}")


def secret_of(key: bytes) -> str:
    return SECRET_PREFIX + base64.b64encode(key).decode("ascii")


def key_of(secret: str) -> bytes:
    """Raises ValueError, whose text does not contain the secret."""
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key or not secret.startswith(SECRET_PREFIX):
        raise ValueError("a webhook secret is written whsec_<base64>")
    return key


def _signature(key: bytes, message_id: str, timestamp: str, body: bytes) -> str:
    signed = message_id.encode("utf-8") + b"." + timestamp.encode("ascii") + b"." + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode("ascii")


def signed_headers(secrets: Sequence[str], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """`timestamp` is Unix seconds."""
    signatures = [_signature(key_of(secret), message_id, str(timestamp), body) for secret in secrets]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }


def verify(secrets: Sequence[str], headers: Mapping[str, str], body: bytes, now: float) -> str:
    """Return the message's id. `now` is Unix seconds.

    Raises ForgedWebhookError if no secret signed the message, or if its time differs from `now` by over five minutes.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    message_id = lower.get("webhook-id", "")
    timestamp = lower.get("webhook-timestamp", "")
    if not message_id or not _TIMESTAMP.fullmatch(timestamp):
        raise ForgedWebhookError("the webhook has no id or no timestamp")
    if abs(now - int(timestamp)) > TOLERANCE_SECONDS:
        raise ForgedWebhookError("the webhook's timestamp is too far from now")
    claimed = [signature.encode("utf-8") for signature in lower.get("webhook-signature", "").split()]
    expected = [_signature(key_of(secret), message_id, timestamp, body).encode("ascii") for secret in secrets]
    # Compare every pair: the duration must not reveal which secret or signature came close.
    matches = [hmac.compare_digest(ours, theirs) for ours in expected for theirs in claimed]
    if not any(matches):
        raise ForgedWebhookError("no signature of the webhook is valid")
    return message_id
