"""A hosting platform to try things on: docs/hosting-platform-contract.md over HTTP, on loopback, in memory.

A service is "built" after a delay, and a signed webhook tells of it. How a site's name begins says what goes
wrong:

    fail-…     the operation fails for good
    refuse-…   the PUT is refused for good (422)
    retry-…    the first two PUTs answer 503
    flaky-…    the first operation fails for now (`retryable`); the next PUT starts another, which succeeds
    slow-…     takes ten times as long
    stuck-…    never completes until told to
    lost-…     the first PUT is applied and its answer lost (the connection drops)

More can be done while it runs, on its page at `/` or by POST (JSON or form fields; answers are JSON):

    /_standin/services/<item_id>/finish | fail | hold | release | webhook
        fail takes `code`, `message`, `retryable`; webhook sends the completion webhook again, `times` times
    /_standin/webhooks
        `mode`: on | off | duplicate
    /_standin/faults
        `answer`: 422 | 429 | 500 | 503 | drop | lose | garbage | html, for the next `times` requests of
        `method` (any, when left out); without fields nothing goes wrong any more
    /_standin/settings
        `webhook_url`, `delay` (seconds; "never" holds everything until told)
    /_standin/reset
        forget everything

`GET /_standin/state` returns all of it as JSON. In a test: `with PlatformStandIn(delay=None) as platform: …`, or
without a socket as in tests/support/platform_in_process.py.
"""

from __future__ import annotations

from .platform import Service
from .server import PlatformStandIn

__all__ = ["PlatformStandIn", "Service"]
