"""The payment methods that Stripe publishes for testing: https://docs.stripe.com/testing and
https://docs.stripe.com/payments/sepa-debit/accept-a-payment#test-your-integration."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True)
class Decline:
    """Why a payment was refused, as the error says it."""

    code: str
    decline_code: str | None
    message: str = "Your card was declined."


class Authentication(Enum):
    """When a card wants its owner to authenticate."""

    NEVER = "never"
    ALWAYS = "always"
    UNLESS_SET_UP = "unless set up for payments in the owner's absence"
    ON_SESSION = "in the owner's presence only, as it is set up already"


@dataclass(frozen=True, slots=True)
class Card:
    number: str
    brand: str = "visa"
    country: str = "US"
    funding: str = "credit"
    decline: Decline | None = None
    attachable: bool = True
    """Saving a card is checked with the bank, so most of the cards that decline cannot be saved."""
    authentication: Authentication = Authentication.NEVER
    dispute: str | None = None
    """The reason of the dispute that follows each charge."""
    blocked: bool = False
    """Refused by Radar, before the bank was asked."""
    refund: str = "succeeds"
    """`succeeds`, `pending` (for a while) or `fails` (made, and failed later)."""


@dataclass(frozen=True, slots=True)
class BankAccount:
    """A SEPA account; payments are processing until they settle, or fail with `failure_code`."""

    iban: str
    failure_code: str | None = None
    delayed: bool = False
    disputed: bool = False


AUTHENTICATION_REQUIRED = Decline(
    "authentication_required",
    "authentication_required",
    "Your card was declined. This transaction requires authentication.",
)
INCORRECT_NUMBER = Decline("incorrect_number", "incorrect_number", "Your card number is incorrect.")
_DECLINED = "Your card was declined."
_GENERIC = Decline("card_declined", "generic_decline", _DECLINED)
_INSUFFICIENT_FUNDS = Decline("card_declined", "insufficient_funds", "Your card has insufficient funds.")
_VELOCITY = Decline(
    "card_declined",
    "card_velocity_exceeded",
    "Your card was declined for making repeated attempts too frequently or exceeding its amount limit.",
)
_PROCESSING_ERROR = Decline(
    "processing_error",
    "processing_error",
    "An error occurred while processing your card. Try again in a little bit.",
)

GENERIC_FAILURE = "generic_could_not_process"
"""Why a SEPA debit fails when nothing more is said."""

GOOD_CARD = "4242424242424242"
INCORRECT_CARD = "4242424242424241"


def _unsaveable(number: str, decline: Decline) -> Card:
    return Card(number, decline=decline, attachable=False)


CARDS = {
    card.number: card
    for card in (
        Card(GOOD_CARD),
        Card("4000056655665556", funding="debit"),
        Card("5555555555554444", brand="mastercard"),
        Card("378282246310005", brand="amex"),
        Card("4000002760000016", country="DE"),
        Card("4000002500000003", country="FR"),
        Card("4000000000000341", decline=_GENERIC),
        Card("4100000000000019", decline=Decline("card_declined", "fraudulent", _DECLINED), blocked=True),
        Card("4000000000000259", dispute="fraudulent"),
        Card("4000000000007726", refund="pending"),
        Card("4000000000005126", refund="fails"),
        Card("4000002760003184", authentication=Authentication.ALWAYS),
        Card("4000000000003220", authentication=Authentication.ALWAYS),
        Card("4000002500003155", authentication=Authentication.UNLESS_SET_UP),
        Card("4000003800000446", authentication=Authentication.ON_SESSION),
        Card("4000008260003178", authentication=Authentication.ALWAYS, decline=_INSUFFICIENT_FUNDS),
        _unsaveable("4000000000000002", _GENERIC),
        _unsaveable("4000000000009995", _INSUFFICIENT_FUNDS),
        _unsaveable("4000000000009987", Decline("card_declined", "lost_card", _DECLINED)),
        _unsaveable("4000000000009979", Decline("card_declined", "stolen_card", _DECLINED)),
        _unsaveable("4000000000006975", _VELOCITY),
        _unsaveable("4000000000000069", Decline("expired_card", "expired_card", "Your card has expired.")),
        _unsaveable(
            "4000000000000127",
            Decline("incorrect_cvc", "incorrect_cvc", "Your card's security code is incorrect."),
        ),
        _unsaveable("4000000000000119", _PROCESSING_ERROR),
    )
}

PAYMENT_METHODS = {
    "pm_card_visa": GOOD_CARD,
    "pm_card_visa_debit": "4000056655665556",
    "pm_card_mastercard": "5555555555554444",
    "pm_card_amex": "378282246310005",
    "pm_card_de": "4000002760000016",
    "pm_card_fr": "4000002500000003",
    "pm_card_chargeCustomerFail": "4000000000000341",
    "pm_card_radarBlock": "4100000000000019",
    "pm_card_createDispute": "4000000000000259",
    "pm_card_pendingRefund": "4000000000007726",
    "pm_card_refundFail": "4000000000005126",
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

TOKENS = {
    name.replace("pm_card_", "tok_", 1): number
    for name, number in PAYMENT_METHODS.items()
    if name
    in (
        "pm_card_visa",
        "pm_card_visa_debit",
        "pm_card_mastercard",
        "pm_card_amex",
        "pm_card_chargeCustomerFail",
        "pm_card_createDispute",
        "pm_card_chargeDeclined",
    )
}

BANK_ACCOUNTS = {
    account.iban: account
    for account in (
        BankAccount("DE89370400440532013000"),
        BankAccount("DE08370400440532013003", delayed=True),
        BankAccount("DE62370400440532013001", failure_code=GENERIC_FAILURE),
        BankAccount("DE78370400440532013004", failure_code=GENERIC_FAILURE, delayed=True),
        BankAccount("DE35370400440532013002", disputed=True),
        BankAccount("AT611904300234573201"),
        BankAccount("AT861904300235473202", failure_code=GENERIC_FAILURE),
        BankAccount("FR1420041010050500013M02606"),
        BankAccount("FR8420041010050500013M02607", failure_code=GENERIC_FAILURE),
    )
}

SEPA_PAYMENT_METHODS = {
    "pm_sepaDebit_success_de": BANK_ACCOUNTS["DE89370400440532013000"],
}

_IBAN = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}")


def valid_iban(iban: str) -> bool:
    """Whether the check digits (ISO 13616) are right."""
    if not _IBAN.fullmatch(iban):
        return False
    return int("".join(str(int(character, 36)) for character in iban[4:] + iban[:4])) % 97 == 1
