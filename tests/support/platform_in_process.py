"""The adapter of the hosting platform, connected to a stand-in in this process without a socket.

Only the connection is replaced. The adapter and `requests` are real. Tests over loopback cover the connection
(tests/integration/test_hosting_platform.py, tests/conformance/test_hosting_platform_contract.py).
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import BaseAdapter
from urllib3 import HTTPResponse

from hosting_orders.adapters.hosting_platform import HttpHostingPlatform
from local.platform_standin import PlatformStandIn
from local.platform_standin.api import ConnectionDropped, Reply
from tests.support.mishaps import Mishaps

ADDRESS = "https://platform.example"

# In tests, side effects are named after the methods of the port.
_NAMES = {"PUT": "platform.provision", "GET": "platform.operation", "DELETE": "platform.deprovision"}


class _Transport(BaseAdapter):
    def __init__(self, standin: PlatformStandIn, mishaps: Mishaps) -> None:
        super().__init__()
        self._standin = standin
        self._mishaps = mishaps

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        reply = self._mishaps.around(
            _NAMES[request.method], lambda: self._exchange(request), lambda: requests.ReadTimeout("made up")
        )
        return _response(request, reply)

    def _exchange(self, request: requests.PreparedRequest) -> Reply:
        path = urlsplit(request.url).path
        authorization = request.headers.get("Authorization", "")
        try:
            return self._standin.answer(request.method, path, authorization, request.body or b"")
        except ConnectionDropped:
            # Do not raise ConnectionError. The adapter would think that the server had closed a connection from an
            # earlier request, and would send the request again. Here, each request is sent without a connection.
            raise requests.ReadTimeout("the stand-in does not answer") from None

    def close(self) -> None:
        """Nothing to close."""


def _response(request: requests.PreparedRequest, reply: Reply) -> requests.Response:
    headers = {"Content-Type": reply.content_type, "Content-Length": str(len(reply.body))}
    response = requests.Response()
    response.status_code = reply.status
    response.headers.update(headers)
    response.raw = HTTPResponse(io.BytesIO(reply.body), headers, reply.status, preload_content=False)
    response.url, response.request = request.url, request
    return response


def in_process(
    standin: PlatformStandIn, mishaps: Mishaps | None = None, *, now: Callable[[], float] = time.time
) -> HttpHostingPlatform:
    """Return the real adapter. Its requests go to the stand-in."""
    session = requests.Session()
    session.mount(ADDRESS, _Transport(standin, mishaps or Mishaps()))
    return HttpHostingPlatform(ADDRESS, standin.api_key, standin.webhook_secrets, session=session, now=now)
