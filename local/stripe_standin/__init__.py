"""A stand-in for Stripe: what Hosting Orders uses of the API, on loopback, in memory, true to Stripe's published
behaviour. Play money: it takes any key that begins with `sk_test_`.

    python -m local.stripe_standin --port 12111 --webhook-url http://127.0.0.1:8080/webhooks/stripe \
        --webhook-secret whsec_…

    with StripeStandIn() as standin:                      # in a test; standin.url is the API's base address
        client = stripe.StripeClient("sk_test_1", base_addresses={"api": standin.url})

What it keeps to: the types that the pinned `stripe` package generates from Stripe's specification, for every
request and answer; the published test cards and SEPA accounts; idempotency keys; signed webhooks; `expand`, pages
of lists, the search language. A documented parameter that it does nothing with is answered 501. What a real bank or
a customer would do happens by itself where Stripe publishes it, on the page of an invoice (`hosted_invoice_url`), or
by the controls below. A Checkout Session's `url` is a page that works in a browser, without a script.

Where it differs from Stripe's test mode: a SEPA payment settles after five days of `clock`, as it does live,
and not within seconds (setting `sepa_settles_after`); tax is a table of VAT rates; nothing is collected or
renewed by itself; failed webhooks are tried again for a minute, not for days.

Controls, by POST of JSON or form fields; each has a form on the page at `/`, and is a method of `standin.controls`:

    /_standin/clock                seconds: skip ahead. Idempotency keys are forgotten after 24 hours, SEPA
                                   payments settle, published pending refunds are decided
    /_standin/checkout/pay         session[, card, email, name, country, postal_code]: the customer pays a Checkout
                                   Session by card
    /_standin/checkout/debit       session[, iban, …]: by SEPA debit. The session is complete, and unpaid until the
                                   debit settles
    /_standin/checkout/authenticate
                                   session, succeeds: whether the customer passes the challenge of their bank
    /_standin/checkout/expire      session: it expires before its time
    /_standin/settle               payment (of the intent, its invoice or its Checkout Session) | customer: a SEPA
                                   payment arrives
    /_standin/fail                 the same and failure_code: it fails
    /_standin/decline              payment_method, decline_code[, code]: decline this card's charges, for the
                                   reasons that no published card has; without decline_code as published again
    /_standin/set_up               payment_method: authenticated for payments in the owner's absence
    /_standin/discount             customer, percent: a coupon of the customer lowers each further invoice
    /_standin/dispute              charge | invoice[, reason]: the bank takes a charge back
    /_standin/refund               refund, succeeds: what becomes of a refund that is pending, or succeeded
    /_standin/renew                subscription: its next period begins now, and its invoice is collected at once
    /_standin/settings             attach_decline_cards (Stripe refuses to attach them), sepa_settles,
                                   sepa_settles_after, search_lags, renewals_are_drafts_for (seconds),
                                   refunds: as published |
                                   succeed | pending | fail (made, then failed) | refuse (credit notes too),
                                   tax_rounding: line | invoice,
                                   previews_take_no_money (a credit note's preview needs no amounts).
                                   What Stripe leaves open about Checkout: checkout_line_metadata (reaches the lines
                                   of its invoice), checkout_debit_invoice (a debit's invoice appears): at settlement
                                   | at completion, checkout_invoice_lags (seconds), checkout_credit_notes (can be
                                   made for its invoice)
    /_standin/webhooks             on, copies, shuffle (a seed, or null), gather_seconds, delay_seconds, url
    /_standin/events/ID/send       times: deliver an event (again), whatever the settings
    /_standin/events/send          times: deliver all events again
    /_standin/events/make          type, object[, id, created, …]: deliver an event that never happened
    /_standin/faults               kind, path (a pattern of the whole path), method, times, after (how many
                                   fitting requests pass first). Kinds:
                                     error        nothing is done, 500; a repetition with the same key is done
                                     error_after  done, and 500; a repetition gets that 500
                                     lost         done, and the connection broken; a repetition gets the answer
                                     dropped      nothing is done, and the connection broken
                                     too_many     nothing is done, 429
                                     delay        done after `milliseconds`
                                     refuse       nothing is done; answers `error` with `status`
    /_standin/faults/clear         let nothing go wrong any more
    /i/INVOICE/pay                 card (a number): the customer pays, authenticating where asked; without a
                                   card with the one that waits for it, or else with a good one
    /i/INVOICE/fail                the customer fails to authenticate
    /c/pay/SESSION/card|debit|confirm|refuse
                                   the forms of a Checkout Session's page; a program gets the session as JSON

and by GET: /_standin/summary?customer=, /_standin/events?type=, /_standin/requests.
"""

from __future__ import annotations

from .server import LOCAL_WEBHOOK_SECRET, StripeStandIn

__all__ = ["LOCAL_WEBHOOK_SECRET", "StripeStandIn"]
