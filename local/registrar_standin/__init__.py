"""A registrar to try things on: Route 53 Domains' own wire protocol, in this process or on loopback, in memory.

The real boto3 client works against it. Every request is held to the service model that botocore ships, every answer
too. How a name begins says what happens to it:

    taken-…       unavailable                        slow-…        takes ten times as long
    reserved-…    kept by the registry               fail-…        available, but the operation fails
    premium-…     has a premium price                gone-…        available, but the order is refused
    slow-check-…  the first check is PENDING         lost-…        available, but the operation finds it taken
    unsure-…      checks answer DONT_KNOW            badcontact-…  the operation fails because of the contact
    public-…      refuses privacy                    action-…      PENDING_CUSTOMER_ACTION until approved
    locked-…, young-…, elsewhere-…                   not transferable, each for its own reason

Every other name is available, and can be transferred with any auth code but `wrong`. A transfer goes through
SUBMITTED, the check of the auth code, PENDING_AUTHORIZATION and the old registrar's release.

In a test:

    standin = RegistrarStandIn(now=lambda: clock.now() / 1000, delay=120, transfer_delay=10 * 86_400)
    registrar = Route53Registrar(*standin.clients())
    standin.lose_next_answer("RegisterDomain")
    assert standin.registrations("x.com") == 1

As a server, with a page of buttons at `/`: `python -m local.registrar_standin --port 8091`. Its controls by POST
(JSON or form fields; answers are JSON):

    /_standin/names/<name>/finish | fail | approve | reject | advance | take | verify | leave | lapse
        fail and reject take `message`
    /_standin/faults
        `answer`: lose, or an error code such as ThrottlingException; `operation` (any, when left out), `times`;
        without fields nothing goes wrong any more
    /_standin/take
        `name`: another owner registers this domain
    /_standin/settings
        `delay`, `transfer_delay` (seconds); `rate`: the most requests a second, 0 for no limit
    /_standin/reset
        forget everything

`GET /_standin/state` returns all of it as JSON.
"""

from __future__ import annotations

from .standin import RegistrarStandIn

__all__ = ["RegistrarStandIn"]
