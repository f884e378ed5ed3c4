"""A stand-in for Amazon Lightsail. The real boto3 client calls it in this process or on loopback.

It implements what a virtual machine order needs. The prefix of a machine's host name decides the outcome:

    fail-…    the build starts and fails permanently
    flaky-…   the first build fails for lack of capacity, and the next build succeeds
    slow-…    the build takes ten times as long
    stuck-…   the build runs until a control ends it

In a test:

    standin = LightsailStandIn(now=lambda: clock.now() / 1000, delay=60)
    platform = LightsailPlatform(standin.client, metrics)
    standin.lose_next_answer("CreateInstances")
    assert [machine.name for machine in standin.machines] == ["ho-…"]

As a server with a page at `/`: `python -m local.lightsail_standin --port 8092`. Controls (POST JSON or form fields):

    /_standin/machines/<name>/finish | fail
        `fail` accepts `code` and `details`
    /_standin/faults
        `answer`: lose (the response is lost), quota, or an error code such as ThrottlingException;
        `operation` (default: any); `times`. A POST without fields clears all faults.
    /_standin/settings
        `delay` (seconds), `quota`, `address_quota`
    /_standin/reset

GET /_standin/state returns the stand-in's data.
"""

from __future__ import annotations

from .standin import LightsailStandIn

__all__ = ["LightsailStandIn"]
