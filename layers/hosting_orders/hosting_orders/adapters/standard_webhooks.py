"""Signed webhooks after the Standard Webhooks specification: the platform's to us, our callbacks to clients.

A message carries three headers: `webhook-id` (the same on every repeat), `webhook-timestamp` (Unix seconds of
this attempt) and `webhook-signature` (one or more `v1,<base64>` separated by spaces; several while a secret
is being exchanged). Signed is `id.timestamp.body` with HMAC-SHA256. A secret is written `whsec_<base64 of
the key>`.

Our own forty lines, because the `standardwebhooks` package (1.1.0) lets ValueError and UnicodeDecodeError
out on a hostile header or body, reads its own clock, and knows one secret only.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence

from hosting_orders.domain.errors import ForgedWebhookError

SECRET_PREFIX = "whsec_"  # noqa: S105 - how a secret begins is no secret
TOLERANCE_SECONDS = 5 * 60

_TIMESTAMP = re.compile(r"[0-9]{1,12}")


def secret_of(key: bytes) -> str:
    """A key in the spelling in which secrets are handed around."""
    return SECRET_PREFIX + base64.b64encode(key).decode("ascii")


def key_of(secret: str) -> bytes:
    """The key behind `whsec_…`. Raises ValueError, not repeating the secret, when it is not spelled so."""
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
    """The three headers of a message; `timestamp` is in Unix seconds. One signature for each secret."""
    signatures = [_signature(key_of(secret), message_id, str(timestamp), body) for secret in secrets]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }


def verify(secrets: Sequence[str], headers: Mapping[str, str], body: bytes, now: float) -> str:
    """The message's id, when any of `secrets` signed it within five minutes of `now` (Unix seconds).

    Raises ForgedWebhookError for everything else, however odd the headers are.
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
    # Every pair is compared: how long it takes must not tell which secret or signature came close.
    matches = [hmac.compare_digest(ours, theirs) for ours in expected for theirs in claimed]
    if not any(matches):
        raise ForgedWebhookError("no signature of the webhook holds")
    return message_id
