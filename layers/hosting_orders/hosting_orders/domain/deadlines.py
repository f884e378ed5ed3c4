"""Time limits in milliseconds, and moments in epoch milliseconds. Most limits matter only when no webhook arrives."""

from __future__ import annotations

from dataclasses import dataclass

from .cart import Cart, PaymentStatus
from .durations import DAY, HOUR, MINUTE, SECOND
from .order import ENDS, Order, OrderStatus

# Only one process at a time may start a cart's payment. After this time another process may start it. The time is
# longer than any Lambda function runs.
PAYMENT_LEASE = 2 * MINUTE
# If a cart or order is unchanged this long after it was placed, the process that placed it has stopped.
LOST_START = 2 * MINUTE + 30 * SECOND
# An order that is not stored within this time after it got its number is never stored. No function that places orders
# runs longer.
ORDER_WRITTEN = 2 * MINUTE
# How often an unsettled payment is checked in case its webhook was lost.
PAYMENT_CHECK = HOUR
# How often a paid order is checked until its provider has reported the outcome.
PROVISIONING_CHECK = 15 * MINUTE
# The shortest time between checks of a platform that sends no reports.
DELIVERY_CHECK = 30 * SECOND
# Delivery begins seconds after the payment. If it has not begun after this time, no workflow is delivering the order.
DELIVERY_NOT_BEGUN = 30 * MINUTE
# Only one process at a time submits a domain. After this time another process checks with the registrar, and then may
# submit it.
SUBMISSION_LEASE = 2 * MINUTE
# A new operation may appear late in the registrar's list. After a lost response, a list without the operation is
# trusted only after this time.
SUBMISSION_DOUBT = 15 * MINUTE
# If the registrar does not answer at a domain's deadline, we query it for this much longer, because it may have
# registered the domain.
REGISTRAR_SILENT = DAY
# Work that no provider has accepted after this time needs an operator. The cause may be a limit, a permission or an
# outage.
SUBMISSION_STUCK = 15 * MINUTE
# A renewal's invoice is checked this long after the charge date. The invoice is a draft for about the first hour.
RENEWAL_MONEY = 2 * HOUR
# How often an unpaid or refused renewal is checked.
RENEWAL_AGAIN = DAY
# How long a refused renewal is retried for products that do not expire by themselves. By default, Stripe retries a
# failed charge for two weeks, and we do the same.
RENEWAL_GRACE = 14 * DAY
# How often we try again to create a missing DNS zone.
ZONE_AGAIN = HOUR
# The registrar suspends a domain if its registrant does not confirm the e-mail address within this time.
VERIFICATION_ENDS = 15 * DAY
# How often a delivered domain is checked until its registrant has confirmed the e-mail address.
VERIFICATION_CHECK = 6 * HOUR
# The registrant's verification mail is sent again at most this often.
VERIFICATION_MAIL = HOUR
# Domains that expire within this time and are not paid are reported daily.
EXPIRY_WATCH = 40 * DAY
# The money for a renewal should arrive this long before the domain expires. The charge is 30 days before the expiry
# date, and a SEPA debit may take 14 days.
EXPIRY_MONEY = 14 * DAY
# The registrar is asked whether a domain is still ours this long before its next term is charged.
DEPARTURE_CHECK = 2 * DAY
# At first, not every response of the registrar shows a new domain. A domain that is missing after this time has left
# the registrar.
DEPARTURE_POSSIBLE = DAY
# The registrar deletes an expired domain from our account 45 days after the expiry date at the latest. A domain that is
# not renewed is checked EXPIRED_CHECK after the expiry date, then every EXPIRED_AGAIN.
EXPIRED_CHECK = 50 * DAY
EXPIRED_AGAIN = 30 * DAY
# No registry restores a domain that expired this long ago.
REDEMPTION_OVER = 100 * DAY
# The DNS zone of a domain that has left is removed after this time. Before that, the domain may come back, or resolvers
# may not know the new registrar's nameservers yet.
ZONE_GRACE = 90 * DAY
# How often a zone that could not be removed is checked again.
ZONE_STAYS = 30 * DAY
# A transfer adds a year at most registries, but the registrar may show the former expiry date for some hours. The date
# is read again after this time, before we buy the missing year.
STALE_EXPIRY = DAY
# If a domain expires within this time, its missing year is bought without waiting for STALE_EXPIRY.
EXPIRES_TOO_SOON = 7 * DAY
# A domain is renewed within minutes. A renewal that takes longer than this needs an operator.
DOMAIN_RENEWAL_DEADLINE = 3 * DAY
# How often an unfinished compensation is retried.
COMPENSATION_CHECK = 5 * MINUTE
# An undelivered order is checked once more this long after its end, because a step may still wait, or a slow process
# may have built something. By then every such process has ended.
CLOSING_CHECK = 5 * MINUTE
# After this time the reconciler sends a callback that the workflow has not sent.
CALLBACK_GRACE = 2 * MINUTE
# Delay before a failed reconciliation is retried.
RECONCILE_AGAIN = 5 * MINUTE

# A card can be authenticated or replaced within a day. A SEPA debit settles in 1 to 5 business days (contract 002) and
# may be returned days later. The order must not expire before the debit has settled or been returned.
CARD_EXPIRY = DAY
SEPA_EXPIRY = 14 * DAY
# The provider lets a payment page stay open for 30 minutes to 24 hours, by the provider's clock.
CHECKOUT_EXPIRY = 23 * HOUR
# How long the registrar's answer about a domain is reused for other checks of the domain.
OFFER_IS_NEWS = MINUTE
# Domains are checked while a client waits. The registrar must have answered within this time.
DOMAIN_CHECKS = 15 * SECOND
# How long a quoted price is valid.
QUOTE = 5 * MINUTE
# How far the provider's clock may be ahead of ours.
EXPIRY_SLACK = 5 * MINUTE


def pay_until(created_at: int, method_type: str | None) -> int:
    """When the time to pay ends, for the payment method tried last."""
    # The longer time also applies after a returned debit, because the customer learns of the return late.
    return created_at + (SEPA_EXPIRY if method_type == "sepa_debit" else CARD_EXPIRY)


def payment_check(cart: Cart, now: int) -> int:
    """When to check an unsettled payment, at its deadline at the latest."""
    check = now + PAYMENT_CHECK
    if cart.checkout and cart.payment.pay_url is not None:
        check = _soon_at_first(cart.created_at, now, least=MINUTE)
    deadline = payment_deadline(cart)
    return min(check, deadline) if deadline > now else check


def payment_deadline(cart: Cart) -> int:
    """When an unpaid cart expires. A `pay_until` from the provider takes precedence."""
    payment = cart.payment
    if payment.pay_until is not None:
        return payment.pay_until
    return pay_until(cart.created_at, payment.method_type)


# Estimates for customers. Each product has its own delivery time (domain/products.py).
CARD_EXPECTED = MINUTE
SEPA_EXPECTED = 7 * DAY  # five business days
COMPENSATION_EXPECTED = 10 * MINUTE


def delivery_ends_at(order: Order) -> int:
    """When a paid, undelivered order is abandoned and refunded."""
    return (order.provisioning_at or order.since) + order.item.given_up()


def registrar_check(order: Order, now: int) -> int:
    asked = order.domain_record.submission
    return _soon_at_first(asked.asked_at if asked else now, now)


def domain_renewal_check(since: int, now: int) -> int:
    return _soon_at_first(since, now)


def delivery_check(order: Order, now: int) -> int:
    # For platforms that send no reports.
    check = _soon_at_first(order.provisioning_at or now, now, DELIVERY_CHECK, PROVISIONING_CHECK)
    return min(check, max(delivery_ends_at(order), now + DELIVERY_CHECK))


def _soon_at_first(since: int, now: int, least: int = 5 * SECOND, most: int = HOUR) -> int:
    return now + min(max((now - since) // 4, least), most)


@dataclass(frozen=True, slots=True)
class Outlook:
    expected_by: int  # epoch ms
    deadline_at: int | None  # epoch ms; None while the order's money is being returned
    poll_after: int  # seconds


def outlook(order: Order, cart: Cart) -> Outlook | None:
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
            # A debit cannot be cancelled. It must settle before its money can go back.
            return Outlook(cart.created_at + SEPA_EXPECTED, None, poll_after=3600)
        case _:
            return Outlook(since + COMPENSATION_EXPECTED, None, poll_after=5)


def poll_after(cart: Cart, now: int) -> int | None:
    """Seconds until the client's next poll. None once all orders have ended."""
    if all(mark.status in ENDS for mark in cart.orders.values()):
        return None
    if not cart.payment.settled:
        return _payment_outlook(cart).poll_after
    # A paid cart needs fewer polls as it gets older. A domain transfer, for example, takes days.
    return min(max(2, (now - cart.created_at) // (60 * SECOND)), 300)


def _payment_outlook(cart: Cart) -> Outlook:
    deadline = payment_deadline(cart)
    if cart.payment.status is PaymentStatus.AWAITING_AUTHENTICATION:
        return Outlook(deadline, deadline, poll_after=15)
    if cart.payment.debit_under_way:
        return Outlook(cart.created_at + SEPA_EXPECTED, deadline, poll_after=3600)
    return Outlook(cart.created_at + CARD_EXPECTED, deadline, poll_after=2)
