"""A registrar stand-in, in memory: in this process or on loopback, with Route 53 Domains' own wire protocol.

The real boto3 client works with it. It checks each request and response against the service model that botocore ships.
The prefix of a domain decides the outcome:

    taken-…       unavailable                        slow-…        takes ten times as long
    reserved-…    kept by the registry               fail-…        available, but the operation fails
    premium-…     has a premium price                gone-…        available, but the order is refused
    slow-check-…  the first check is PENDING         lost-…        available, but the operation finds it taken
    unsure-…      checks answer DONT_KNOW            badcontact-…  the operation fails because of the contact
    public-…      refuses privacy                    action-…      PENDING_CUSTOMER_ACTION until approved
    locked-…, young-…, elsewhere-…                   not transferable, each for its own reason

Every other domain is available, and can be transferred with any auth code except `wrong`. A transfer goes through
SUBMITTED, the check of the auth code, PENDING_AUTHORIZATION and the old registrar's release.

In a test:

    standin = RegistrarStandIn(now=lambda: clock.now() / 1000, delay=120, transfer_delay=10 * 86_400)
    registrar = Route53Registrar(*standin.clients())
    standin.lose_next_answer("RegisterDomain")
    assert standin.registrations("x.com") == 1

As a server, with a page of buttons at `/`: `python -m local.registrar_standin --port 8091`. Its controls take POST
requests with JSON or form fields and return JSON:

    /_standin/names/<name>/finish | fail | approve | reject | advance | take
        fail and reject take `message`
    /_standin/faults
        `answer`: lose, or an error code such as ThrottlingException; `operation` (default: any), `times`;
        without fields: clear all faults
    /_standin/take
        `name`: another owner registers this domain
    /_standin/settings
        `delay`, `transfer_delay` (seconds)
    /_standin/reset
        clear everything

`GET /_standin/state` returns everything as JSON.
"""

from __future__ import annotations

from .standin import RegistrarStandIn

__all__ = ["RegistrarStandIn"]
