"""How contract 002 spells what every part of it has."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, StringConstraints

from hosting_orders.domain.errors import InvalidRequestError
from hosting_orders.domain.json_pointer import pointer_to


class Strict(BaseModel):
    """What a client sends. A field that is misspelled must not be lost: it would be paid for otherwise than it was
    meant."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


class Callback(Strict):
    """`callback` of every order (O2-070 … O2-072, O2-136)."""

    url: Annotated[str, StringConstraints(max_length=2048)]
    authorization: Annotated[str, StringConstraints(max_length=1024)] | None = None


# Stripe's decline codes that may be shown (its page "Decline codes"). An error that is not a bank's answer has none.
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
# Stripe asks to show a generic decline instead: whoever holds the card may not be its owner.
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
# The name of an error at the end of a text: two words or more written together, or parts joined by a dot.
_ERROR_NAME = re.compile(r" \((?:[A-Z][a-z]+(?:[A-Z][A-Za-z]*|\.[A-Za-z.]+))?\)(\.?)$")
_WAITING = "waiting: "
FOR_CUSTOMERS = frozenset({"PENDING_CUSTOMER_ACTION", "PENDING_AUTHORIZATION"})
"""The registrar's flags (Route 53 Domains' `StatusFlag`) that the registrant can do something about."""


def shown_decline(code: str | None) -> str | None:
    """The `decline_code` that a client may see, or None. What is stored stays as precise as the bank was."""
    if code in _GENERIC_DECLINES:
        return "generic_decline"
    return code if code in _DECLINES else None


def shown_text(text: str) -> str:
    """A failure's or a change's text as a client may see it: without the names of errors and of a registrar's flags,
    which stay on record for operators."""
    if text.startswith(_WAITING):
        customer = text.removeprefix(_WAITING) in FOR_CUSTOMERS
        return "waiting for the registrant to confirm" if customer else "waiting for our registrar"
    return _ERROR_NAME.sub(r"\1", text)


def date_time(moment: int | None) -> str | None:
    """Epoch milliseconds as ISO 8601 UTC with three decimals."""
    if moment is None:
        return None
    text = dt.datetime.fromtimestamp(moment / 1000, dt.UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


# What pydantic finds, in our words; the validators of these modules have texts of their own.
_FINDINGS = {
    "dict_type": "must be a JSON object",
    "extra_forbidden": "is not a field of this request",
    "greater_than_equal": "must be at least {ge}",
    "int_type": "must be a whole number",
    "less_than_equal": "must be at most {le}",
    "list_type": "must be a JSON array",
    "model_attributes_type": "must be a JSON object",
    "model_type": "must be a JSON object",
    "string_too_long": "must have at most {max_length} characters",
    "string_too_short": "must have at least {min_length} characters",
    "string_type": "must be text",
    "string_unicode": "must be text that can be written as UTF-8",
}


def field_problem(found: Mapping[str, Any]) -> InvalidRequestError:
    """One of pydantic's findings in this contract's words: `missing_field` or `invalid_field`, with the field."""
    location = found["loc"]
    pointer = pointer_to(*location)
    name = ".".join(str(part) for part in location) or "the body"
    if found["type"] == "missing":
        return InvalidRequestError("missing_field", f"`{name}` is required.", pointer)
    known = _FINDINGS.get(found["type"])
    text = known.format(**found.get("ctx", {})) if known else str(found["msg"])
    if text.endswith(" 1 characters"):
        text = text.removesuffix("s")
    return InvalidRequestError("invalid_field", f"`{name}` {text}.", pointer)
