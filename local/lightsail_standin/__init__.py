"""Amazon Lightsail to try things on: its own wire protocol, in this process or on loopback, in memory.

The real boto3 client works against it, in every region. Every request is held to the service model that botocore ships,
every answer too. It does what an order of a virtual machine needs: instances, static IPs, ports, tags, operations. How
a machine's host name begins says what happens to it:

    fail-…    building begins, and fails for good
    flaky-…   building fails once for want of capacity, and succeeds when it is asked for again
    slow-…    takes ten times as long
    stuck-…   stays pending until told

In a test:

    standin = LightsailStandIn(now=lambda: clock.now() / 1000, delay=60)
    platform = LightsailPlatform(standin.client, metrics)
    standin.lose_next_answer("CreateInstances")
    assert [machine.name for machine in standin.machines] == ["ho-…"]

As a server, with a page of buttons at `/`: `python -m local.lightsail_standin --port 8092`. Its controls by POST (JSON
or form fields; answers are JSON):

    /_standin/machines/<name>/finish | fail
        fail takes `code` and `details`
    /_standin/faults
        `answer`: lose, quota, or an error code such as ThrottlingException; `operation` (any, when left out), `times`;
        without fields nothing goes wrong any more
    /_standin/settings
        `delay` (seconds), `quota`, `address_quota`
    /_standin/reset
        forget everything

`GET /_standin/state` returns all of it as JSON.
"""

from __future__ import annotations

from .standin import LightsailStandIn

__all__ = ["LightsailStandIn"]
