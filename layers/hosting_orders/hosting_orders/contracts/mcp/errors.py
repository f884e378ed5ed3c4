"""Errors for agents. A refused tool call gives a tool error. A refused HTTP request gives a JSON-RPC error."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal, NotRequired

from typing_extensions import TypedDict

from hosting_orders.contracts.problem import Problem
from hosting_orders.domain.codes import Code

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
HEADER_MISMATCH = -32020
UNSUPPORTED_VERSION = -32022

_ONE_MESSAGE = (
    "Send one JSON-RPC 2.0 request or notification in each POST. Batches and responses are not accepted."
)
# Other refusals use their HTTP status as the code, because the protocol reserves the negative numbers.
_NUMBERS = {
    Code.MALFORMED_JSON: PARSE_ERROR,
    Code.MALFORMED_BODY: PARSE_ERROR,
    Code.INVALID_FIELD: INVALID_REQUEST,
    Code.MISSING_FIELD: INVALID_REQUEST,
    Code.BODY_TOO_LARGE: INVALID_REQUEST,
    Code.INTERNAL_ERROR: INTERNAL_ERROR,
}
# With these errors, the id of the request cannot be read reliably from the body. For this case, JSON-RPC requires that
# the answer's id is null.
_UNREADABLE = (Code.MALFORMED_JSON, Code.MALFORMED_BODY, Code.BODY_TOO_LARGE)

_QUOTE_AGAIN = "Call quote_order for a new quote, show its price to the person, then call place_order."
_OTHER_KEY = "Ask the account's owner for a key that may do this. You cannot change this key."
_STEPS = {
    Code.SPEND_CAP_REQUIRED: (
        "Ask the account's owner to make a key with a spend cap, and to connect you with it. One line makes it: "
        'POST /api/keys with {"name": "agent", "scopes": ["vps:provision"], '
        '"spend_cap": {"day": 5000, "month": 20000}}.'
    ),
    Code.SPEND_CAP_EXCEEDED: "Do not try again. Order for less, wait until the period is over, or ask the owner.",
    **dict.fromkeys(
        (Code.SPEND_CAP_CURRENCY, Code.INSUFFICIENT_SCOPE, Code.TEST_KEY, Code.LIVE_KEY, Code.USER_REQUIRED),
        _OTHER_KEY,
    ),
    **dict.fromkeys(
        (Code.TRIAL_ACCOUNT, Code.ACCOUNT_UNABLE_TO_CREATE_ORDERS),
        "Tell the person that this account may not order this. Do not try again.",
    ),
    Code.OAUTH_NOT_ALLOWED: "Connect with an API key that has a spend cap: OAuth tokens may only read.",
    Code.INVALID_QUOTE: "Copy `quote` from the answer of quote_order unchanged, or call quote_order again.",
    Code.QUOTE_EXPIRED: _QUOTE_AGAIN,
    Code.QUOTE_USED: (
        "An earlier order has used this quote, and may have been charged. Call list_orders to see it. "
        "For another order, call quote_order."
    ),
    Code.QUOTE_MISMATCH: "Send exactly the items that you sent to quote_order, or call quote_order for the new items.",
    Code.PRICE_CHANGED: _QUOTE_AGAIN,
    Code.NOT_FOUND: "Check the id. list_orders shows this account's orders, and place_order returns a cart's token.",
    Code.INVALID_CURSOR: "Call list_orders without `cursor`.",
    Code.INVALID_ID: "Send an order's id, token or number, as list_orders shows it.",
    Code.NO_DEFAULT_PAYMENT_METHOD: "Ask the account's owner to complete the billing contact and the payment method.",
    Code.CART_PAY_FAILED: (
        "If the payment method was declined, ask the person for another one. Then call quote_order for a new quote."
    ),
    Code.ORDER_NOT_CANCELLABLE: "Tell the person why it cannot be cancelled. Do not try again.",
    Code.FEATURE_DISABLED: "Tell the person that this is not sold at the moment.",
    Code.DOMAIN_UNAVAILABLE: "Call check_domain with other domains.",
    Code.DOMAIN_ADD_FAILED: "Call list_orders to see whether it is on order here, or check_domain with other domains.",
    Code.TOO_MANY_UNPAID_DOMAINS: (
        "Call list_orders for the domain orders that wait for payment. Ask the person to pay them or to cancel them."
    ),
    Code.AUTHCODE_REQUIRED: "Ask the person for the auth code: the domain's current registrar has it.",
    **dict.fromkeys(
        (
            *(Code.INCOMPLETE_CONTACT, Code.INVALID_CONTACT, Code.INVALID_CONTACT_SOURCE),
            *(Code.DOMAIN_CONTACT_INVALID, Code.DOMAIN_CONTACT_NEEDS_AUGMENTATION),
        ),
        "Ask the person for what the message names, and call the tool again. Do not invent contact data.",
    ),
    Code.UNSUPPORTED_TLD: "Call list_catalogue for the endings on sale.",
    Code.RATE_LIMITED: "Wait before the next call.",
    Code.TEMPORARILY_UNAVAILABLE: "Wait 5 seconds and send the same call again. No call orders or cancels twice.",
    Code.INTERNAL_ERROR: "Send the same call again. No call orders or cancels twice.",
}
# The usual texts name HTTP headers. Tools have no headers.
_MESSAGES = {
    Code.INTERNAL_ERROR: "Something went wrong on our side.",
    Code.INVALID_CURSOR: "`cursor` is not the `next_cursor` of an earlier answer.",
}
_HIGHER_MAXIMUM = "If the person agrees to `current_cents`, send it as `max_cost_cents` with the same quote."
_CATALOGUE = "Correct the argument. list_catalogue shows what can be ordered."
_ARGUMENTS = "Correct the arguments and call the tool again."


class ToolError(TypedDict):
    """With some codes, an error has more members."""

    code: str
    status: int
    message: str
    next_step: str
    money_moved: Literal[False, "unknown"]
    fields: NotRequired[list[str]]
    retry_after_seconds: NotRequired[int]


def error(problem: Problem) -> Mapping[str, Any]:
    number = _NUMBERS.get(problem.code, problem.status)
    text = _ONE_MESSAGE if number == INVALID_REQUEST and problem.status == 400 else _message(problem)
    return error_message(_id_of(problem), number, text, {"code": problem.code, "status": problem.status})


def _id_of(problem: Problem) -> str | int | None:
    if problem.code in _UNREADABLE:
        return None
    try:
        sent = json.loads(problem.sent)
    except (ValueError, RecursionError):
        return None
    return request_id_of(sent) if isinstance(sent, dict) and isinstance(sent.get("method"), str) else None


def request_id_of(message: Mapping[str, Any]) -> str | int | None:
    found = message.get("id")
    return found if isinstance(found, str | int) and not isinstance(found, bool) else None


def error_message(
    request_id: str | int | None, number: int, text: str, data: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    found: dict[str, Any] = {"code": number, "message": text, **({"data": dict(data)} if data else {})}
    return {"jsonrpc": "2.0", "id": request_id, "error": found}


def tool_error(problem: Problem, *, moves_money: bool) -> dict[str, Any]:
    """What an agent needs to act on a refusal.

    With a status below 500, this call has moved no money. With `quote_used`, an earlier call may have moved some.
    """
    unclear = problem.status >= 500 and problem.code is not Code.FEATURE_DISABLED
    unclear |= problem.code is Code.QUOTE_USED
    found: dict[str, Any] = {
        "code": problem.code.value,
        "status": problem.status,
        "message": _message(problem),
        "next_step": next_step(problem),
        "money_moved": "unknown" if moves_money and unclear else False,
    }
    fields = _fields(problem)
    wait = problem.headers.get("Retry-After")
    return {
        **found,
        **({"fields": fields} if fields else {}),
        **({"retry_after_seconds": int(wait)} if wait else {}),
        **problem.extra,
    }


def next_step(problem: Problem) -> str:
    if problem.code is Code.PRICE_CHANGED and "/max_cost_cents" in _fields(problem):
        return _HIGHER_MAXIMUM
    if problem.code in _STEPS:
        return _STEPS[problem.code]
    return _CATALOGUE if problem.code.value.startswith(("unknown_", "pricing_", "variant_")) else _ARGUMENTS


def _fields(problem: Problem) -> list[str]:
    return [detail.pointer for detail in problem.details if detail.pointer]


def _message(problem: Problem) -> str:
    return _MESSAGES.get(problem.code) or " ".join(detail.message for detail in problem.details)
