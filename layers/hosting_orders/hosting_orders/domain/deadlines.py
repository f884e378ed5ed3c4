"""How long each wait may last. All values are milliseconds.

Webhooks make things fast; these decide when somebody looks although no webhook came, and when waiting ends.
"""

from __future__ import annotations

from dataclasses import dataclass

from .cart import Cart, PaymentStatus
from .durations import DAY, HOUR, MINUTE, SECOND
from .order import ENDS, Order, OrderStatus

# One process alone starts a cart's payment; if it dies, another may after this. Longer than any Lambda of ours runs.
PAYMENT_LEASE = 2 * MINUTE
# A cart or order that nobody has touched this long after it was placed has lost its process.
LOST_START = 2 * MINUTE + 30 * SECOND
# An order is in the table this long after it was given its number, or never: longer than any Lambda of ours that places
# orders runs.
ORDER_WRITTEN = 2 * MINUTE
# How often an unsettled payment is looked up, in case its webhook was lost.
PAYMENT_CHECK = HOUR
# How often a paid order is looked at whose provider has not reported anything.
PROVISIONING_CHECK = 15 * MINUTE
# How soon what the platform does not report is looked at again.
DELIVERY_CHECK = 30 * SECOND
# Delivery begins seconds after the payment. When it has not by now, the workflow does not carry the order.
DELIVERY_NOT_BEGUN = 30 * MINUTE
# One process alone asks the registrar for a name; if it dies, another looks there after this and asks then.
SUBMISSION_LEASE = 2 * MINUTE
# An answer of the registrar that got lost: its list of operations may lag, so "nothing there" is believed only after.
SUBMISSION_DOUBT = 15 * MINUTE
# A paid name that no registrar has taken on by then is an operator's case: a limit, a permission, an outage.
SUBMISSION_STUCK = 15 * MINUTE
# After the renewal's anchor its invoice stays a draft for about an hour; then the money should be there.
RENEWAL_MONEY = 2 * HOUR
# How often a renewal that is not paid yet, or that the registrar will not do, is looked at.
RENEWAL_AGAIN = DAY
# Domains that expire within this time and are not paid are reported daily.
EXPIRY_WATCH = 40 * DAY
# The money for a renewal should have come this long before the domain expires. The charge is 30 days before, and a
# SEPA debit may take 14 days.
EXPIRY_MONEY = 14 * DAY
# A registrar takes minutes to renew a name. What takes longer than this needs an operator.
DOMAIN_RENEWAL_DEADLINE = 3 * DAY
# How often a compensation that could not be finished is tried again.
COMPENSATION_CHECK = 5 * MINUTE
# An order that ended otherwise than delivered is looked at once more: is there a step that still waits for it, and did
# a slow process build something after all? Longer than any Lambda of ours runs, so that none can do so any more.
CLOSING_CHECK = 5 * MINUTE
# A callback that the workflow has not sent by then is sent by the schedule.
CALLBACK_GRACE = 2 * MINUTE
# What could not be reconciled is tried again after this.
RECONCILE_AGAIN = 5 * MINUTE

# Unpaid orders expire: a card can be authenticated or replaced within a day; a SEPA debit settles in 1 to 5
# business days (contract 002) and may be returned a few days later, and must never expire in between.
CARD_EXPIRY = DAY
SEPA_EXPIRY = 14 * DAY
# A payment page ends by itself: the provider takes 30 minutes to 24 hours, counted by its own clock.
CHECKOUT_EXPIRY = 23 * HOUR
# The provider's clock may be ahead of ours when it ends a page.
EXPIRY_SLACK = 5 * MINUTE


def pay_until(created_at: int, method_type: str | None) -> int:
    """How long a cart of that moment can be paid, when this method was tried last (epoch milliseconds)."""
    # Also once the bank has returned the debit: a customer who learns of that after days needs time to pay otherwise.
    return created_at + (SEPA_EXPIRY if method_type == "sepa_debit" else CARD_EXPIRY)


def payment_check(cart: Cart, now: int) -> int:
    """When to look up an unsettled payment in case its webhook was lost (epoch ms). A customer who has just paid on a
    page waits for that, so soon after the page was opened, and later hourly. When the time to pay is over it is looked
    up at once: what has expired must not be offered any longer."""
    check = now + PAYMENT_CHECK
    if cart.checkout and cart.payment.pay_url is not None:
        check = _soon_at_first(cart.created_at, now, least=MINUTE)
    deadline = payment_deadline(cart)
    return min(check, deadline) if deadline > now else check


def payment_deadline(cart: Cart) -> int:
    """When an unpaid cart expires (epoch milliseconds): what the customer was told, if that was necessary."""
    payment = cart.payment
    if payment.pay_until is not None:
        return payment.pay_until
    return pay_until(cart.created_at, payment.method_type)


# What a customer is told; a product says how long its delivery takes (domain/products.py).
CARD_EXPECTED = MINUTE
SEPA_EXPECTED = 7 * DAY  # five business days
COMPENSATION_EXPECTED = 10 * MINUTE


def delivery_ends_at(order: Order) -> int:
    """When the reconciler gives up a paid order's delivery and its money goes back (epoch ms)."""
    return (order.provisioning_at or order.since) + order.item.given_up()


def registrar_check(order: Order, now: int) -> int:
    """When to ask the registrar again (epoch ms): after a quarter of the time since it was asked for the name, so soon
    at first and hourly when it takes days. On AWS the schedule runs once a minute; what is due earlier waits for it."""
    asked = order.domain_record.submission
    return _soon_at_first(asked.asked_at if asked else now, now)


def domain_renewal_check(since: int, now: int) -> int:
    """The same for a name's renewal that the registrar was first asked for at `since` (epoch ms)."""
    return _soon_at_first(since, now)


def delivery_check(order: Order, now: int) -> int:
    """The same for a delivery that its platform does not report: after 30 seconds at first, every 15 minutes when it
    takes hours, and when its time is over."""
    check = _soon_at_first(order.provisioning_at or now, now, DELIVERY_CHECK, PROVISIONING_CHECK)
    return min(check, max(delivery_ends_at(order), now + DELIVERY_CHECK))


def _soon_at_first(since: int, now: int, least: int = 5 * SECOND, most: int = HOUR) -> int:
    return now + min(max((now - since) // 4, least), most)


@dataclass(frozen=True, slots=True)
class Outlook:
    """When an order that has not ended should move on, and when it will at the latest (epoch ms).

    `deadline_at` is None where a person must act: nobody can promise it. `poll_after` is in seconds.
    """

    expected_by: int
    deadline_at: int | None
    poll_after: int


def outlook(order: Order, cart: Cart) -> Outlook | None:
    """What to tell a customer who waits; None once the order has ended."""
    if order.ended:
        return None
    since = order.since
    match order.status:
        case OrderStatus.PENDING:
            return _payment_outlook(cart)
        case OrderStatus.PROCESSING:
            begun, item = order.provisioning_at or since, order.item
            return Outlook(begun + item.expected(), begun + item.deadline(), item.poll_after())
        case OrderStatus.REFUND_FAILED:
            return Outlook(since + DAY, None, poll_after=300)
        case _ if cart.payment.debit_under_way:
            # It can't be called back: first it settles, then the money can go back.
            return Outlook(cart.created_at + SEPA_EXPECTED, None, poll_after=3600)
        case _:
            return Outlook(since + COMPENSATION_EXPECTED, None, poll_after=5)


def poll_after(cart: Cart, now: int) -> int | None:
    """In how many seconds asking for this cart again makes sense; None once all its orders have ended."""
    if all(mark.status in ENDS for mark in cart.orders.values()):
        return None
    if not cart.payment.settled:
        return _payment_outlook(cart).poll_after
    # What is not delivered by now takes longer: a transfer takes days.
    return min(max(2, (now - cart.created_at) // (60 * SECOND)), 300)


def _payment_outlook(cart: Cart) -> Outlook:
    deadline = payment_deadline(cart)
    if cart.payment.status is PaymentStatus.AWAITING_AUTHENTICATION:
        return Outlook(deadline, deadline, poll_after=15)
    if cart.payment.debit_under_way:
        return Outlook(cart.created_at + SEPA_EXPECTED, deadline, poll_after=3600)
    return Outlook(cart.created_at + CARD_EXPECTED, deadline, poll_after=2)
