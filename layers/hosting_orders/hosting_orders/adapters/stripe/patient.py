"""Wait when Stripe limits the rate: https://docs.stripe.com/rate-limits.

Stripe neither executes a limited request nor stores anything under its idempotency key.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import requests

TOO_MANY = 429
# Seconds before each retry. The real wait is up to twice as long, so that processes do not all retry at once.
WAITS = (0.5, 1.0)
# Wait at most LONGEST seconds in any PERIOD seconds, because a function of the API must answer within 29 seconds.
LONGEST, PERIOD = 8.0, 30.0


class PatientSession:
    """The methods of `requests.Session` that Stripe's SDK uses."""

    def __init__(
        self, session: requests.Session, now: Callable[[], float], sleep: Callable[[float], None]
    ) -> None:
        self._session = session
        self._now = now
        self._sleep = sleep
        self._waits: list[tuple[float, float]] = []

    def request(self, method: str, url: str, **details: Any) -> requests.Response:
        response = self._session.request(method, url, **details)
        for least in WAITS:
            wait = least * (1 + random.random())  # noqa: S311  # spreads load only
            if not _is_limited(response) or not self._may_wait(wait):
                break
            self._sleep(wait)
            response = self._session.request(method, url, **details)
        return response

    def close(self) -> None:
        self._session.close()

    def _may_wait(self, seconds: float) -> bool:
        now = self._now()
        self._waits = [one for one in self._waits if one[0] > now - PERIOD]
        if sum(waited for _, waited in self._waits) + seconds > LONGEST:
            return False
        self._waits.append((now, seconds))
        return True


def _is_limited(response: requests.Response) -> bool:
    """If Stripe asks for a retry, the SDK itself retries."""
    return response.status_code == TOO_MANY and response.headers.get("Stripe-Should-Retry") != "true"
