"""A stand-in for a hosting platform. It implements docs/hosting-platform-contract.md over HTTP on loopback.

It keeps its data in memory. A PUT requests a service. The stand-in builds it after a delay and then sends a signed
webhook. The prefix of a site's name decides the outcome:

    fail-…     the operation fails permanently
    refuse-…   the PUT is refused permanently (422)
    retry-…    the first two PUTs get 503
    flaky-…    the first operation fails as `retryable`; the next PUT starts a second operation, which succeeds
    slow-…     the operation takes ten times as long
    stuck-…    the operation runs until a control ends it
    lost-…     the first PUT is applied, but its response is lost

The controls are on the page at `/`. A program uses them by POST, with JSON or form fields:

    /_standin/services/<item_id>/finish | fail | hold | release | webhook
        `fail` accepts `code`, `message` and `retryable`. `hold` keeps the operation running until `release`, `finish`
        or `fail`. `webhook` sends the completion webhook again, as often as its field `times` says.
    /_standin/webhooks
        `mode`: on | off | duplicate
    /_standin/faults
        `answer`: 422 | 429 | 500 | 503 | drop | lose | garbage | html, for the next `times` requests of
        `method` (default: any). `drop` breaks the connection and does nothing. `lose` applies the request and then
        breaks the connection. A POST without fields clears all faults.
    /_standin/settings
        `webhook_url`, `delay` (seconds; with "never" a build runs until a control ends it)
    /_standin/reset

GET /_standin/state returns the stand-in's data. Tests use `with PlatformStandIn(delay=None) as platform: …`, or call
the stand-in without a socket as in tests/support/platform_in_process.py.
"""

from __future__ import annotations

from .platform import Service
from .server import PlatformStandIn

__all__ = ["PlatformStandIn", "Service"]
