"""Errors of contract 000 (SQ-013 … SQ-016, SQ-060, SQ-061)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from typing_extensions import TypedDict

from hosting_orders.contracts.problem import Problem
from hosting_orders.domain.codes import Code


class Error(TypedDict):
    error: str
    code: str
    status: int


# Codes that this contract names differently. Every other code keeps its name, in capitals.
_WORDS = {
    Code.ACCOUNT_UNABLE_TO_CREATE_ORDERS: "account_suspended",
    Code.CART_PAY_FAILED: "PAYMENT_FAILED",
    Code.TEMPORARILY_UNAVAILABLE: "SERVICE_UNAVAILABLE",
}
# The usual text names an endpoint that keys of this contract may not call.
_TEXTS = {Code.UNSUPPORTED_TLD: "Domains with this ending are not sold here."}
_LACKS = {"billing_contact": "no_billing_address", "payment_method": "no_valid_mandate"}


def error(problem: Problem) -> Mapping[str, Any]:
    body: Error = {
        "error": " ".join(_TEXTS.get(detail.code, detail.message) for detail in problem.details),
        "code": _word(problem),
        "status": problem.status,
    }
    return body


def _word(problem: Problem) -> str:
    if problem.lacks:
        return _LACKS[problem.lacks]
    if problem.code is Code.MISSING_FIELD and any(each.pointer == "/domain" for each in problem.details):
        return "MISSING_DOMAIN"
    return _WORDS.get(problem.code, problem.code.upper())
