"""Which provider texts a client may see."""

from __future__ import annotations

import re

from hosting_orders.domain.registration import RegistrarWaits

# Stripe's decline codes that clients may see (docs.stripe.com/declines/codes).
_DECLINES = frozenset(
    {
        "approve_with_id",
        "authentication_required",
        "call_issuer",
        "card_not_supported",
        "card_velocity_exceeded",
        "currency_not_supported",
        "do_not_honor",
        "do_not_try_again",
        "duplicate_transaction",
        "expired_card",
        "generic_decline",
        "incorrect_cvc",
        "incorrect_number",
        "incorrect_zip",
        "insufficient_funds",
        "invalid_account",
        "invalid_amount",
        "invalid_cvc",
        "invalid_expiry_month",
        "invalid_expiry_year",
        "invalid_number",
        "issuer_not_available",
        "new_account_information_available",
        "no_action_taken",
        "not_permitted",
        "processing_error",
        "reenter_transaction",
        "revocation_of_all_authorizations",
        "revocation_of_authorization",
        "service_not_allowed",
        "stop_payment_order",
        "testmode_decline",
        "transaction_not_allowed",
        "try_again_later",
        "withdrawal_count_limit_exceeded",
    }
)
# Stripe asks merchants to show a generic decline for these: the person with the card may not be its owner.
_GENERIC_DECLINES = frozenset(
    {
        "fraudulent",
        "lost_card",
        "merchant_blacklist",
        "pickup_card",
        "restricted_card",
        "security_violation",
        "stolen_card",
    }
)
# An error's name in parentheses at the end of a text: CamelCase words (`ProvisioningFailedError`), or dotted
# (`States.Timeout`). Empty parentheses also match.
_ERROR_NAME = re.compile(r" \((?:[A-Z][a-z]+(?:[A-Z][A-Za-z]*|\.[A-Za-z.]+))?\)(\.?)$")
_WAITING = "waiting: "
FOR_CUSTOMERS = frozenset({RegistrarWaits.REGISTRANT, RegistrarWaits.AUTHORIZATION})
"""Flags that only the registrant can resolve."""


def shown_decline(code: str | None) -> str | None:
    if code in _GENERIC_DECLINES:
        return "generic_decline"
    return code if code in _DECLINES else None


def shown_text(text: str) -> str:
    """Remove error names and registrar flags."""
    if text.startswith(_WAITING):
        customer = text.removeprefix(_WAITING) in FOR_CUSTOMERS
        return "waiting for the registrant to confirm" if customer else "waiting for our registrar"
    return _ERROR_NAME.sub(r"\1", text)
