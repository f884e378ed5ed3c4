"""The stand-in's completion webhooks. This module signs them as the Standard Webhooks specification requires."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from .agenda import Agenda
from .platform import Operation

MODES = ("on", "off", "duplicate")


@dataclass(frozen=True)
class Delivery:
    """A status of None means no response."""

    webhook_id: str
    operation_id: str
    at: float
    status: int | None


def sign(secrets: Sequence[str], webhook_id: str, timestamp: int, body: bytes) -> str:
    """Return the value of the header `webhook-signature`: one signature for each secret."""
    signatures = []
    for secret in secrets:
        key = base64.b64decode(secret.removeprefix("whsec_"))
        digest = hmac.new(key, f"{webhook_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
        signatures.append("v1," + base64.b64encode(digest).decode())
    return " ".join(signatures)


class Webhooks:
    """Sends each webhook again until the receiver answers 2xx.

    `retry_seconds` has the pauses between the attempts. The last pause repeats.
    """

    def __init__(
        self,
        agenda: Agenda,
        secrets: Sequence[str],
        url: str | None,
        retry_seconds: Sequence[float],
        *,
        log: Callable[[str], None],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._agenda = agenda
        self.secrets = tuple(secrets)
        self.url = url
        self._retry_seconds = tuple(retry_seconds)
        self._log = log
        self._now = now
        self.mode = "on"
        self.deliveries: list[Delivery] = []
        self._lock = threading.Lock()

    @cached_property
    def _opener(self) -> urllib.request.OpenerDirector:
        # Built at the first delivery, because building it reads this machine's certificates, which is slow.
        return urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def message(self, operation: Operation, timestamp: int | None = None) -> tuple[bytes, dict[str, str]]:
        """Return the body and the headers, signed at `timestamp` (Unix seconds) or now."""
        document = {
            "type": "operation.completed",
            "operation_id": operation.id,
            "item_id": operation.item_id,
            "reference": operation.reference,
        }
        body = json.dumps(document).encode()
        webhook_id = f"evt-{operation.id}"
        timestamp = int(self._now()) if timestamp is None else timestamp
        headers = {
            "content-type": "application/json",
            "webhook-id": webhook_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": sign(self.secrets, webhook_id, timestamp, body),
        }
        return body, headers

    def announce(self, operation: Operation) -> None:
        times = {"on": 1, "off": 0, "duplicate": 2}[self.mode]
        self.send(operation, times)

    def send(self, operation: Operation, times: int = 1) -> None:
        """Send the webhook even if the mode is `off`."""
        for _ in range(times if self.url else 0):
            self._agenda.after(0, lambda: self._attempt(operation, 0))

    def _attempt(self, operation: Operation, attempt: int) -> None:
        if self.url is None:
            return
        body, headers = self.message(operation)
        status: int | None = None
        try:
            request = urllib.request.Request(self.url, body, headers, method="POST")
            with self._opener.open(request, timeout=30) as response:
                status = response.status
        except urllib.error.HTTPError as refusal:
            status = refusal.code
            refusal.close()
        except (OSError, http.client.HTTPException, ValueError):
            status = None
        with self._lock:
            self.deliveries.append(Delivery(headers["webhook-id"], operation.id, self._now(), status))
        self._log(f"webhook {operation.id} -> {status or 'no answer'}")
        if status is None or not 200 <= status < 300:
            delay = self._retry_seconds[min(attempt, len(self._retry_seconds) - 1)]
            self._agenda.after(delay, lambda: self._attempt(operation, attempt + 1))
