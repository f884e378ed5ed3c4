"""Responses of contract 001 (HU-010 … HU-014, HU-070)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NotRequired

from typing_extensions import TypedDict

from hosting_orders.contracts.problem import Detail, Problem, title_of
from hosting_orders.contracts.vendor.times import date_time
from hosting_orders.domain.codes import Code


class Envelope(TypedDict):
    success: bool
    timestamp: str
    requestId: str
    data: Mapping[str, Any]


class ErrorDetail(TypedDict):
    field: NotRequired[str]  # the field's JSON pointer (RFC 6901)
    code: str
    message: str


class Error(TypedDict):
    error: str  # the title of the HTTP status
    message: str
    code: str
    timestamp: str
    requestId: str
    details: NotRequired[list[ErrorDetail]]
    reason: NotRequired[str]  # this field and the following ones are our additions to the contract
    decline_code: NotRequired[str]
    period: NotRequired[str]  # this field and the next two come with SPEND_CAP_EXCEEDED
    remaining: NotRequired[int]  # minor units
    currency: NotRequired[str]


_WORDS = {Code.TEMPORARILY_UNAVAILABLE: "SERVICE_UNAVAILABLE"}
SHOW = "GET /api/billing/order/{id}"
CANCEL = "POST /api/billing/order/{id}/cancel"
# The first text is the vendor's. The second text names `attemptKey`, a field of this contract.
_TEXTS = {
    Code.UNAUTHORIZED: "Authentication required",
    Code.IDEMPOTENCY_KEY_REUSED: "This `attemptKey` was used before with another body; use a new one for a new order.",
}
_NO_ORDER = "There is no such order."
_TEXTS_OF_ROUTE = {
    (CANCEL, Code.TEMPORARILY_UNAVAILABLE): "Failed to cancel order",
    # A malformed id gets the same response as an unknown id.
    (SHOW, Code.NOT_FOUND): _NO_ORDER,
    (CANCEL, Code.NOT_FOUND): _NO_ORDER,
}


def envelope(data: Mapping[str, Any], request_id: str, at: int) -> Mapping[str, Any]:
    """`at` is epoch milliseconds UTC."""
    enveloped: Envelope = {
        "success": True,
        "timestamp": date_time(at),
        "requestId": request_id,
        "data": data,
    }
    return enveloped


def error(problem: Problem) -> Mapping[str, Any]:
    body: Error = {
        "error": title_of(problem.status),
        "message": _text(problem),
        "code": code_word(problem.code),
        "timestamp": date_time(problem.at),
        "requestId": problem.request_id,
    }
    fields = [_member(detail) for detail in problem.details if detail.pointer is not None]
    if fields:
        body["details"] = fields
    if "reason" in problem.extra:
        body["reason"] = str(problem.extra["reason"])
    if "decline_code" in problem.extra:
        body["decline_code"] = str(problem.extra["decline_code"])
    if "remaining" in problem.extra:
        body["period"] = str(problem.extra["period"])
        body["remaining"] = int(problem.extra["remaining"])
        body["currency"] = str(problem.extra["currency"])
    return body


def code_word(code: Code) -> str:
    return _WORDS.get(code, code.upper())


def _text(problem: Problem) -> str:
    known = _TEXTS_OF_ROUTE.get((problem.route, problem.code)) or _TEXTS.get(problem.code)
    return known or " ".join(detail.message for detail in problem.details)


def _member(detail: Detail) -> ErrorDetail:
    return {"field": detail.pointer or "", "code": detail.code.upper(), "message": detail.message}
