"""A hosting platform stand-in: docs/hosting-platform-contract.md over HTTP, on loopback and in memory.

It builds a service after a delay and then sends a signed webhook. The prefix of a site's name decides the outcome:

    fail-…     the operation fails permanently
    refuse-…   the PUT is refused permanently (422)
    retry-…    the first two PUTs get 503
    flaky-…    the first operation fails as `retryable`; the next PUT starts another, which succeeds
    slow-…     takes ten times as long
    stuck-…    runs until a control ends it
    lost-…     the first PUT is applied, but its response is lost

Controls, on the page at `/` or by POST of JSON or form fields:

    /_standin/services/<item_id>/finish | fail | hold | release | webhook
        fail takes `code`, `message`, `retryable`; webhook sends the completion webhook again, `times` times
    /_standin/webhooks
        `mode`: on | off | duplicate
    /_standin/faults
        `answer`: 422 | 429 | 500 | 503 | drop | lose | garbage | html, for the next `times` requests of
        `method` (default: any); without fields: clear all faults
    /_standin/settings
        `webhook_url`, `delay` (seconds; with "never" a build runs until a control ends it)
    /_standin/reset

By GET: /_standin/state. In a test: `with PlatformStandIn(delay=None) as platform: …`, or without a socket as in
tests/support/platform_in_process.py.
"""

from __future__ import annotations

from .platform import Service
from .server import PlatformStandIn

__all__ = ["PlatformStandIn", "Service"]
