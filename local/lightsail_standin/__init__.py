"""An Amazon Lightsail stand-in, in memory: in this process or on loopback, with Lightsail's own wire protocol.

The real boto3 client works with it in every region. It checks each request and response against the service model that
botocore ships. It implements what a virtual machine order needs: instances, static IPs, ports, tags and operations.
The prefix of a machine's host name decides the outcome:

    fail-…    the build starts and fails permanently
    flaky-…   the first build fails for lack of capacity, the next succeeds
    slow-…    the build takes ten times as long
    stuck-…   stays pending until a control ends it

In a test:

    standin = LightsailStandIn(now=lambda: clock.now() / 1000, delay=60)
    platform = LightsailPlatform(standin.client, metrics)
    standin.lose_next_answer("CreateInstances")
    assert [machine.name for machine in standin.machines] == ["ho-…"]

As a server, with a page of buttons at `/`: `python -m local.lightsail_standin --port 8092`. Its controls take POST
requests with JSON or form fields and return JSON:

    /_standin/machines/<name>/finish | fail
        fail takes `code` and `details`
    /_standin/faults
        `answer`: lose, quota, or an error code such as ThrottlingException; `operation` (default: any), `times`;
        without fields: clear all faults
    /_standin/settings
        `delay` (seconds), `quota`, `address_quota`
    /_standin/reset
        clear everything

`GET /_standin/state` returns everything as JSON.
"""

from __future__ import annotations

from .standin import LightsailStandIn

__all__ = ["LightsailStandIn"]
