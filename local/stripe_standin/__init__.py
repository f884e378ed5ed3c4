"""A Stripe stand-in, in memory and on loopback: the part of the API that Hosting Orders uses.

    python -m local.stripe_standin --port 12111 --webhook-url http://127.0.0.1:8080/webhooks/stripe \
        --webhook-secret whsec_…

    with StripeStandIn() as standin:                      # in a test; standin.url is the API's base URL
        client = stripe.StripeClient("sk_test_1", base_addresses={"api": standin.url})

It accepts any key that starts with `sk_test_`, and validates requests and responses against the types of the pinned
`stripe` package. A request with a documented parameter that the stand-in does not support gets a 501. Differences from
Stripe's test mode:

- A SEPA payment settles after five days of `clock`, as in live mode (`sepa_settles_after`).
- Tax comes from a table of VAT rates.
- Only invoices of subscriptions are collected automatically. The setting `retry_days` decides on
  which days a declined charge is repeated.
- Failed webhooks are retried for a minute, not for days.
- Rate limits are off until they are set.
- A test clock does its work at once. An existing customer cannot join a test clock.

Controls: POST JSON or form fields. Each has a form on the page at `/` and a method on `standin.controls`.

    /_standin/clock                seconds: move the clock forward
    /_standin/checkout/pay         session[, card, email, name, country, postal_code]: pay by card
    /_standin/checkout/debit       session[, iban, …]: pay by SEPA debit
    /_standin/checkout/authenticate
                                   session, succeeds (true, false): whether the customer passes authentication
    /_standin/checkout/expire      session: expire the session now
    /_standin/settle               payment (id of the intent, invoice or session) | customer: a SEPA payment arrives
    /_standin/fail                 payment | customer[, failure_code]: a SEPA payment fails
    /_standin/decline              payment_method, decline_code[, code]: decline this card's charges; without
                                   decline_code, accept them again
    /_standin/set_up               payment_method: the customer authenticates it for off-session payments
    /_standin/discount             customer, percent: a coupon lowers the customer's later invoices
    /_standin/dispute              charge | invoice[, reason]: the bank disputes a charge
    /_standin/refund               refund, succeeds (true, false): the outcome of a pending refund; a succeeded
                                   refund can still fail
    /_standin/renew                subscription: start its next period now
    /_standin/settings             the fields of `state.Settings`
    /_standin/webhooks             on, copies, shuffle (a seed, or null), gather_seconds, delay_seconds, url
    /_standin/events/ID/send       times: deliver an event again, even when webhooks are off
    /_standin/events/send          times: deliver all events again
    /_standin/events/make          type, object[, id, created, …]: deliver an invented event
    /_standin/faults               kind, path (a regular expression for the whole path), method, times, after (how
                                   many matching requests to skip). Kinds
                                   (a retry has the same Idempotency-Key):
                                     error        do nothing, answer 500; a retry succeeds
                                     error_after  do what was requested, answer 500; a retry gets the same 500
                                     lost         do what was requested, break the connection; a retry gets the response
                                     dropped      do nothing, break the connection
                                     too_many     do nothing, answer 429
                                     locked       do nothing, answer 429: another request has locked the object
                                     delay        do what was requested, but only after `milliseconds`
                                     refuse       do nothing, answer `error` with `status`
    /_standin/faults/clear         clear all faults
    /i/INVOICE/pay                 card (a number): the customer pays, and authenticates if required
    /i/INVOICE/fail                the customer fails to authenticate
    /c/pay/SESSION/card|debit|confirm|refuse
                                   the forms of a Checkout Session's page; a program gets the session as JSON

By GET: /_standin/summary?customer=, /_standin/events?type=, /_standin/requests.
"""

from __future__ import annotations

from .server import LOCAL_WEBHOOK_SECRET, StripeStandIn

__all__ = ["LOCAL_WEBHOOK_SECRET", "StripeStandIn"]
