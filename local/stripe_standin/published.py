"""Stripe's published test payment methods and their outcomes: https://docs.stripe.com/testing.

SEPA accounts: https://docs.stripe.com/payments/sepa-debit/accept-a-payment (“Test your integration”).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum


class Authentication(Enum):
    """When the bank requires authentication (3D Secure)."""

    NEVER = "never"
    ALWAYS = "always"
    UNLESS_SET_UP = "unless set up"
    """On-session payments always need authentication. Off-session payments need it until the card is set up."""
    ON_SESSION = "on session"
    """The card is set up for off-session payments. Only on-session payments need authentication."""


@dataclass(frozen=True, slots=True)
class Decline:
    """The `code`, `decline_code` and message of the error."""

    code: str
    decline_code: str | None = None
    message: str = "Your card was declined."


@dataclass(frozen=True, slots=True)
class Card:
    number: str
    brand: str = "visa"
    country: str = "US"
    funding: str = "credit"
    authentication: Authentication = Authentication.NEVER
    decline: Decline | None = None
    """Every charge is declined with this error. If the card needs authentication, the decline comes after it."""
    attachable: bool = True
    """False if the card cannot be attached to a customer, because the bank declines the check of the card."""
    blocked: bool = False
    """Radar, Stripe's fraud protection, blocks the charge before it reaches the bank."""
    dispute: str | None = None
    """The charge succeeds and is immediately disputed for this reason."""
    refund: str = "succeeds"
    """`succeeds`, `pending` (succeeds later) or `fails` (succeeds first and fails later)."""


@dataclass(frozen=True, slots=True)
class BankAccount:
    """A SEPA direct debit account. Its payments are `processing` at first. In live mode they settle after days."""

    iban: str
    failure_code: str | None = None
    """The payment fails with this code on its charge."""
    delayed: bool = False
    """Payments settle at least three minutes later than those of other accounts."""
    disputed: bool = False
    """The payment succeeds and is immediately disputed."""


GENERIC_DECLINE = Decline("card_declined", "generic_decline")
INSUFFICIENT_FUNDS = Decline("card_declined", "insufficient_funds", "Your card has insufficient funds.")
LOST_CARD = Decline("card_declined", "lost_card")
STOLEN_CARD = Decline("card_declined", "stolen_card")
# For expired_card, incorrect_cvc and processing_error, the published table has the error's `code` but no decline code.
EXPIRED_CARD = Decline("expired_card", None, "Your card has expired.")
INCORRECT_CVC = Decline("incorrect_cvc", None, "Your card's security code is incorrect.")
PROCESSING_ERROR = Decline(
    "processing_error", None, "An error occurred while processing your card. Try again in a little bit."
)
VELOCITY_EXCEEDED = Decline(
    "card_declined",
    "card_velocity_exceeded",
    "Your card was declined for making repeated attempts too frequently or exceeding its amount limit.",
)
BLOCKED_BY_RADAR = Decline("card_declined", "fraudulent")
AUTHENTICATION_REQUIRED = Decline(
    "authentication_required",
    "authentication_required",
    "Your card was declined. This transaction requires authentication.",
)
INCORRECT_NUMBER = Decline("incorrect_number", None, "Your card number is incorrect.")

GENERIC_FAILURE = "generic_could_not_process"
"""The failure code of a SEPA debit from a test account for which Stripe publishes no other code."""

GOOD_CARD = "4242424242424242"
INCORRECT_CARD = "4242424242424241"


def _declined(number: str, decline: Decline) -> Card:
    return Card(number, decline=decline, attachable=False)


CARDS: dict[str, Card] = {
    card.number: card
    for card in (
        Card(GOOD_CARD),
        Card("4000056655665556", funding="debit"),
        Card("5555555555554444", "mastercard"),
        Card("2223003122003222", "mastercard"),
        Card("5200828282828210", "mastercard", funding="debit"),
        Card("378282246310005", "amex"),
        Card("6011111111111117", "discover"),
        Card("3566002020360505", "jcb"),
        Card("6200000000000005", "unionpay"),
        Card("4000002760000016", country="DE"),
        Card("4000002500000003", country="FR"),
        # Declined by the bank.
        _declined("4000000000000002", GENERIC_DECLINE),
        _declined("4000000000009995", INSUFFICIENT_FUNDS),
        _declined("4000000000009987", LOST_CARD),
        _declined("4000000000009979", STOLEN_CARD),
        _declined("4000000000000069", EXPIRED_CARD),
        _declined("4000000000000127", INCORRECT_CVC),
        _declined("4000000000000119", PROCESSING_ERROR),
        _declined("4000000000006975", VELOCITY_EXCEEDED),
        Card("4000000000000341", decline=GENERIC_DECLINE),  # can be attached, but every charge is declined
        Card("4100000000000019", decline=BLOCKED_BY_RADAR, blocked=True),
        # 3D Secure.
        Card("4000002500003155", country="FR", authentication=Authentication.UNLESS_SET_UP),
        Card("4000002760003184", country="DE", authentication=Authentication.ALWAYS),
        Card("4000003800000446", country="IE", authentication=Authentication.ON_SESSION),
        Card("4000008260003178", authentication=Authentication.ALWAYS, decline=INSUFFICIENT_FUNDS),
        Card("4000000000003220", authentication=Authentication.ALWAYS),
        Card("4000000000003063", authentication=Authentication.ALWAYS),
        Card("4000008400001629", authentication=Authentication.ALWAYS, decline=GENERIC_DECLINE),
        Card("4000000000003055"),  # supports 3D Secure without requiring it
        # Disputes and refunds.
        Card("4000000000000259", dispute="fraudulent"),
        Card("4000000000002685", dispute="product_not_received"),
        Card("4000000000007726", refund="pending"),
        Card("4000000000005126", refund="fails"),
    )
}

PAYMENT_METHODS: dict[str, str] = {
    "pm_card_visa": GOOD_CARD,
    "pm_card_visa_debit": "4000056655665556",
    "pm_card_mastercard": "5555555555554444",
    "pm_card_mastercard_debit": "5200828282828210",
    "pm_card_amex": "378282246310005",
    "pm_card_discover": "6011111111111117",
    "pm_card_jcb": "3566002020360505",
    "pm_card_unionpay": "6200000000000005",
    "pm_card_de": "4000002760000016",
    "pm_card_fr": "4000002500000003",
    "pm_card_visa_chargeDeclined": "4000000000000002",
    "pm_card_visa_chargeDeclinedInsufficientFunds": "4000000000009995",
    "pm_card_visa_chargeDeclinedLostCard": "4000000000009987",
    "pm_card_visa_chargeDeclinedStolenCard": "4000000000009979",
    "pm_card_visa_chargeDeclinedVelocityLimitExceeded": "4000000000006975",
    "pm_card_chargeDeclined": "4000000000000002",
    "pm_card_chargeDeclinedInsufficientFunds": "4000000000009995",
    "pm_card_chargeDeclinedExpiredCard": "4000000000000069",
    "pm_card_chargeDeclinedIncorrectCvc": "4000000000000127",
    "pm_card_chargeDeclinedProcessingError": "4000000000000119",
    "pm_card_chargeCustomerFail": "4000000000000341",
    "pm_card_radarBlock": "4100000000000019",
    "pm_card_authenticationRequired": "4000002760003184",
    "pm_card_authenticationRequiredOnSetup": "4000002500003155",
    "pm_card_authenticationRequiredSetupForOffSession": "4000003800000446",
    "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds": "4000008260003178",
    "pm_card_threeDSecure2Required": "4000000000003220",
    "pm_card_threeDSecureRequired": "4000000000003063",
    "pm_card_threeDSecureRequiredChargeDeclined": "4000008400001629",
    "pm_card_threeDSecureOptional": "4000000000003055",
    "pm_card_createDispute": "4000000000000259",
    "pm_card_createDisputeProductNotReceived": "4000000000002685",
    "pm_card_pendingRefund": "4000000000007726",
    "pm_card_refundFail": "4000000000005126",
}
"""Stripe's test ids, each with the number of its card. A request can use a test id as the id of a payment method.
Stripe then creates a new payment method with this card."""

TOKENS: dict[str, str] = {
    name.replace("pm_card_", "tok_"): number for name, number in PAYMENT_METHODS.items()
}
"""The tokens of the same cards, for the parameter `card[token]`."""


def _accounts(country: str, rows: Iterable[str]) -> dict[str, BankAccount]:
    """The eight published accounts of a country, in the order of Stripe's table."""
    success, success_delayed, failed, failed_delayed, disputed, volume, transaction, funds = rows
    suffix = country.lower()
    return {
        f"pm_success_{suffix}": BankAccount(success),
        f"pm_successDelayed_{suffix}": BankAccount(success_delayed, delayed=True),
        f"pm_failed_{suffix}": BankAccount(failed, GENERIC_FAILURE),
        f"pm_failedDelayed_{suffix}": BankAccount(failed_delayed, GENERIC_FAILURE, delayed=True),
        f"pm_disputed_{suffix}": BankAccount(disputed, disputed=True),
        f"pm_exceedsWeeklyVolumeLimit_{suffix}": BankAccount(volume, "charge_exceeds_source_limit"),
        f"pm_exceedsWeeklyTransactionLimit_{suffix}": BankAccount(transaction, "charge_exceeds_weekly_limit"),
        f"pm_insufficientFunds_{suffix}": BankAccount(funds, "insufficient_funds"),
    }


SEPA_PAYMENT_METHODS: dict[str, BankAccount] = {
    **_accounts("AT", (
        "AT611904300234573201", "AT321904300235473204", "AT861904300235473202", "AT051904300235473205",
        "AT591904300235473203", "AT981904300000343434", "AT601904300000121212", "AT981904300002222227",
    )),
    **_accounts("BE", (
        "BE62510007547061", "BE78510007547064", "BE68539007547034", "BE51510007547065",
        "BE08510007547063", "BE90510000343434", "BE52510000121212", "BE90510002222227",
    )),
    **_accounts("DE", (
        "DE89370400440532013000", "DE08370400440532013003", "DE62370400440532013001",
        "DE78370400440532013004", "DE35370400440532013002", "DE65370400440000343434",
        "DE27370400440000121212", "DE65370400440002222227",
    )),
    **_accounts("FR", (
        "FR1420041010050500013M02606", "FR3020041010050500013M02609", "FR8420041010050500013M02607",
        "FR7920041010050500013M02600", "FR5720041010050500013M02608", "FR9720041010050000000343434",
        "FR5920041010050000000121212", "FR9720041010050000002222227",
    )),
}  # fmt: skip

BANK_ACCOUNTS: dict[str, BankAccount] = {account.iban: account for account in SEPA_PAYMENT_METHODS.values()}


def valid_iban(iban: str) -> bool:
    """ISO 7064 check digits, mod 97-10."""
    if not (15 <= len(iban) <= 34 and iban.isascii() and iban.isalnum()):
        return False
    return int("".join(str(int(letter, 36)) for letter in iban[4:] + iban[:4])) % 97 == 1
