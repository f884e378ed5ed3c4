"""A stand-in for Route 53 Domains, in memory. The real boto3 client calls it in this process or on loopback.

The prefix of a domain decides the outcome:

    taken-…       unavailable                        slow-…        takes ten times as long
    reserved-…    kept by the registry               fail-…        available, but the operation fails
    premium-…     has a premium price                gone-…        available, but the request is refused: taken
    slow-check-…  the first check is PENDING         lost-…        available, but the operation fails: taken
    unsure-…      checks answer DONT_KNOW            badcontact-…  the operation fails because of the contact
    public-…      a request with privacy is refused  action-…      PENDING_CUSTOMER_ACTION until approved
    unverified-…  the e-mail address is unconfirmed  norenewal-…   every renewal is refused
    badrenewal-…  every renewal fails at the registry
    locked-…, young-…, elsewhere-…                   not transferable, each for its own reason

Every other domain is available, and can be transferred with any auth code except `wrong`.

In a test:

    standin = RegistrarStandIn(now=lambda: clock.now() / 1000, delay=120, transfer_delay=10 * 86_400)
    registrar = Route53Registrar(*standin.clients())
    standin.lose_next_answer("RegisterDomain")
    assert standin.registrations("x.com") == 1

As a server with a page at `/`: `python -m local.registrar_standin --port 8091`. Controls (POST JSON or form fields):

    /_standin/names/<name>/finish | fail | approve | reject | advance | take | verify | leave | lapse
        fail, reject: with an optional `message`; advance: end the current step; take: another owner registers the
        domain; verify: the e-mail address is confirmed; leave: the domain moves to another registrar; lapse: the
        registry deletes the domain
    /_standin/faults
        `answer`: `lose` (the answer is lost), or an error code such as ThrottlingException; `operation` (default:
        any), `times`; without fields: clear all faults
    /_standin/take
        `name`: another owner registers this domain
    /_standin/settings
        `delay`, `transfer_delay` (seconds); `rate`: the maximum number of requests a second, 0 for no limit
    /_standin/reset

By GET: /_standin/state.
"""

from __future__ import annotations

from .standin import RegistrarStandIn

__all__ = ["RegistrarStandIn"]
