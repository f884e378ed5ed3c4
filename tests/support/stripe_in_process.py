"""Connects Stripe's SDK to a stand-in in the same process, without a socket.

Only the connection is replaced. Tests over loopback cover the connection
(tests/conformance/stripe_adapter, tests/conformance/stripe_standin).
"""

from __future__ import annotations

from typing import Any, cast
from urllib.parse import urlsplit

import stripe
from requests.structures import CaseInsensitiveDict

from local.stripe_standin import StripeStandIn
from local.stripe_standin.api import ConnectionDropped


def connect(client: stripe.StripeClient, standin: StripeStandIn) -> stripe.StripeClient:
    """Send this client's requests to the stand-in, and return the client."""

    def request(method: str, url: str, headers: Any, post_data: Any = None) -> tuple[bytes, int, Any]:
        parts = urlsplit(url)
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        body = post_data.encode() if isinstance(post_data, str) else post_data or b""
        try:
            answer = standin.answer(method.upper(), target, cast(Any, dict(headers)), body)
        except ConnectionDropped:
            raise stripe.APIConnectionError("the connection was dropped", should_retry=False) from None
        told = {"Content-Type": "application/json", **answer.headers}
        return answer.body, answer.status, CaseInsensitiveDict(told)

    http = cast(Any, client._requestor._get_http_client())
    http.request = request
    return client
