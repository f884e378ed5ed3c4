"""How long each wait may last. All values are milliseconds.

Webhooks make things fast; these decide when somebody looks although no webhook came, and when waiting ends.
"""

from __future__ import annotations

from .cart import Cart, PaymentStatus

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

# One process alone starts a cart's payment; if it dies, another may after this. Longer than any Lambda of ours runs.
PAYMENT_LEASE = 2 * MINUTE
# A cart or order that nobody has touched this long after it was placed has lost its process.
LOST_START = 2 * MINUTE + 30 * SECOND
# How often an unsettled payment is looked up, in case its webhook was lost.
PAYMENT_CHECK = HOUR
# How often the platform is asked about work it has not reported.
PROVISIONING_CHECK = 15 * MINUTE
# How often a compensation that could not be finished is tried again.
COMPENSATION_CHECK = 5 * MINUTE

# Unpaid orders expire: a card can be authenticated or replaced within a day; a SEPA debit settles in 1 to 5
# business days (contract 002) and may be returned a few days later, and must never expire in between.
CARD_EXPIRY = DAY
SEPA_EXPIRY = 14 * DAY


def payment_deadline(cart: Cart) -> int:
    """When an unpaid cart expires, in epoch milliseconds."""
    debit_under_way = (
        cart.payment.status is PaymentStatus.PROCESSING and cart.payment.method_type == "sepa_debit"
    )
    return cart.created_at + (SEPA_EXPIRY if debit_under_way else CARD_EXPIRY)
