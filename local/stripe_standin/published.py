"""Stripe's published test payment methods: https://docs.stripe.com/testing and
https://docs.stripe.com/payments/sepa-debit/accept-a-payment#test-your-integration."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True)
class Decline:
    """`code` and `decline_code` as the error says them. A blocked charge never reached the bank."""

    code: str
    decline_code: str | None
    message: str
    blocked: bool = False


class Authentication(Enum):
    """When a card wants its owner to authenticate."""

    NEVER = "never"
    ALWAYS = "always"
    ON_SESSION = "on session"  # set up for use without its owner


@dataclass(frozen=True, slots=True)
class Card:
    number: str
    brand: str = "visa"
    funding: str = "credit"
    declines_attach: Decline | None = None
    declines_charge: Decline | None = None
    authentication: Authentication = Authentication.NEVER
    is_disputed: bool = False


@dataclass(frozen=True, slots=True)
class Iban:
    number: str
    settles: bool = True


AUTHENTICATION_REQUIRED = Decline(
    "authentication_required",
    "authentication_required",
    "Your card was declined. This transaction requires authentication.",
)
_GENERIC = Decline("card_declined", "generic_decline", "Your card was declined.")
_INSUFFICIENT_FUNDS = Decline("card_declined", "insufficient_funds", "Your card has insufficient funds.")
_LOST = Decline("card_declined", "lost_card", "Your card was declined.")
_STOLEN = Decline("card_declined", "stolen_card", "Your card was declined.")
_VELOCITY = Decline(
    "card_declined",
    "card_velocity_exceeded",
    "Your card was declined for making repeated attempts too frequently or exceeding its amount limit.",
)
_EXPIRED = Decline("expired_card", None, "Your card has expired.")
_INCORRECT_CVC = Decline("incorrect_cvc", None, "Your card's security code is incorrect.")
_PROCESSING_ERROR = Decline(
    "processing_error", None, "An error occurred while processing your card. Try again in a little bit."
)
_FRAUDULENT = Decline("card_declined", "fraudulent", "Your card was declined.", blocked=True)
INCORRECT_NUMBER = Decline("incorrect_number", None, "Your card number is incorrect.")


def _declining(number: str, decline: Decline) -> Card:
    """Stripe tries a card when it is attached to a customer, so such a card cannot be."""
    return Card(number, declines_attach=decline, declines_charge=decline)


GOOD_CARD = Card("4242424242424242")

_CARDS = (
    GOOD_CARD,
    Card("4000056655665556", funding="debit"),
    Card("5555555555554444", brand="mastercard"),
    Card("378282246310005", brand="amex"),
    Card("4000000000000341", declines_charge=_GENERIC),
    Card("4100000000000019", declines_charge=_FRAUDULENT),
    Card("4000000000000259", is_disputed=True),
    Card("4000002760003184", authentication=Authentication.ALWAYS),
    Card("4000002500003155", authentication=Authentication.ALWAYS),
    Card("4000000000003220", authentication=Authentication.ALWAYS),
    Card("4000003800000446", authentication=Authentication.ON_SESSION),
    Card("4000008260003178", authentication=Authentication.ALWAYS, declines_charge=_INSUFFICIENT_FUNDS),
    _declining("4000000000000002", _GENERIC),
    _declining("4000000000009995", _INSUFFICIENT_FUNDS),
    _declining("4000000000009987", _LOST),
    _declining("4000000000009979", _STOLEN),
    _declining("4000000000006975", _VELOCITY),
    _declining("4000000000000069", _EXPIRED),
    _declining("4000000000000127", _INCORRECT_CVC),
    _declining("4000000000000119", _PROCESSING_ERROR),
)

CARDS = {card.number: card for card in _CARDS}

# Ready-made payment methods: attaching one makes a new payment method of the customer.
READY_MADE = {
    "pm_card_visa": "4242424242424242",
    "pm_card_visa_debit": "4000056655665556",
    "pm_card_mastercard": "5555555555554444",
    "pm_card_amex": "378282246310005",
    "pm_card_chargeCustomerFail": "4000000000000341",
    "pm_card_radarBlock": "4100000000000019",
    "pm_card_createDispute": "4000000000000259",
    "pm_card_authenticationRequired": "4000002760003184",
    "pm_card_authenticationRequiredOnSetup": "4000002500003155",
    "pm_card_threeDSecure2Required": "4000000000003220",
    "pm_card_authenticationRequiredSetupForOffSession": "4000003800000446",
    "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds": "4000008260003178",
    "pm_card_visa_chargeDeclined": "4000000000000002",
    "pm_card_visa_chargeDeclinedInsufficientFunds": "4000000000009995",
    "pm_card_visa_chargeDeclinedLostCard": "4000000000009987",
    "pm_card_visa_chargeDeclinedStolenCard": "4000000000009979",
    "pm_card_visa_chargeDeclinedVelocityLimitExceeded": "4000000000006975",
    "pm_card_chargeDeclined": "4000000000000002",
    "pm_card_chargeDeclinedInsufficientFunds": "4000000000009995",
    "pm_card_chargeDeclinedLostCard": "4000000000009987",
    "pm_card_chargeDeclinedStolenCard": "4000000000009979",
    "pm_card_chargeDeclinedExpiredCard": "4000000000000069",
    "pm_card_chargeDeclinedIncorrectCvc": "4000000000000127",
    "pm_card_chargeDeclinedProcessingError": "4000000000000119",
}

# Germany's test IBANs. Here each payment waits until a control settles it, or until its outcome is due.
IBANS = {
    iban.number: iban
    for iban in (
        Iban("DE89370400440532013000"),
        Iban("DE08370400440532013003"),
        Iban("AT611904300234573201"),
        Iban("FR1420041010050500013M02606"),
        Iban("DE62370400440532013001", settles=False),
        Iban("DE78370400440532013004", settles=False),
        Iban("AT861904300235473202", settles=False),
    )
}
