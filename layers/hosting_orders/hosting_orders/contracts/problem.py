"""One error model, which each contract renders in its own format (docs/contracts.md C26)."""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from hosting_orders.domain import errors
from hosting_orders.domain.codes import Code

from .shown import shown_decline

MAX_DETAILS = 50
# The field of the error response that lists the contact errors (docs/contracts.md O2-151, O2-152).
_FINDINGS = {
    Code.DOMAIN_CONTACT_INVALID: "violations",
    Code.DOMAIN_CONTACT_NEEDS_AUGMENTATION: "needs_augmentation",
}


@dataclass(frozen=True, slots=True)
class Detail:
    code: Code
    message: str
    pointer: str | None = None  # the field's JSON pointer (RFC 6901)


@dataclass(frozen=True, slots=True)
class Problem:
    code: Code
    details: tuple[Detail, ...]
    headers: dict[str, str] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)  # body members that only this code has
    request_id: str = ""
    at: int = 0  # epoch ms UTC
    lacks: str = ""  # what the account needs before it can be charged (NotReadyToChargeError)
    accepts: str = ""  # the request's `Accept-Language`
    route: str = ""
    sent: bytes = b""  # the start of the request's body

    @property
    def status(self) -> int:
        return self.code.status


def problem_of(error: Exception) -> Problem:
    match error:
        case errors.InvalidFieldsError():
            # A request can have thousands of wrong fields, so the length of the response is limited.
            shown = error.problems[:MAX_DETAILS]
            details = tuple(Detail(found.code, str(found), found.pointer) for found in shown)
            return Problem(details[0].code, details)
        case errors.ContactsRefusedError():
            code = error.code
            fields = [Detail(code, str(each["message"]), str(each["pointer"])) for each in error.findings]
            found = {_FINDINGS[code]: error.findings}
            return Problem(code, (Detail(code, str(error)), *fields), extra=found)
        case errors.OrderNotCancellableError():
            return _one(error.code, str(error), reason=error.reason)
        case errors.PaymentNotStartedError():
            decline = shown_decline(error.decline_code)
            return _one(error.code, str(error), **({"decline_code": decline} if decline else {}))
        case errors.PriceChangedError():
            detail = Detail(error.code, str(error), error.pointer)
            prices = {
                "agreed_cents": error.agreed,
                "current_cents": error.current,
                "currency": error.currency,
            }
            return Problem(error.code, (detail,), extra=prices)
        case errors.SpendCapExceededError():
            left = {"remaining": error.remaining.amount, "currency": error.remaining.currency}
            return _one(error.code, str(error), period=error.period, **left)
        case errors.NotReadyToChargeError():
            return Problem(error.code, (Detail(error.code, str(error)),), lacks=error.lacks)
        case errors.RateLimitedError():
            headers = {"Retry-After": str(error.retry_after)}
            return Problem(error.code, (Detail(error.code, str(error)),), headers)
        case errors.RequestRefusedError():
            return Problem(error.code, (Detail(error.code, str(error), error.pointer),), _required(error))
        case errors.ForgedWebhookError():
            return _one(Code.INVALID_SIGNATURE, "The signature is not valid.")
        case errors.ProviderUnavailableError() | errors.ConcurrentUpdateError():
            message = "The service cannot answer this right now; try again soon."
            detail = Detail(Code.TEMPORARILY_UNAVAILABLE, message)
            return Problem(detail.code, (detail,), {"Retry-After": "5"})
        case _:
            message = "Something went wrong on our side. Send the same request again, with the same Idempotency-Key."
            return _one(Code.INTERNAL_ERROR, message)


def _required(error: errors.RequestRefusedError) -> dict[str, str]:
    """The headers that HTTP requires with the error's status."""
    if isinstance(error, errors.MethodNotAllowedError):
        return {"Allow": error.allowed}
    if error.code is Code.INSUFFICIENT_SCOPE:
        return {"WWW-Authenticate": 'Bearer error="insufficient_scope"'}
    if error.code.status != 401:
        return {}
    # Name the error only if a key or token was sent (RFC 6750, section 3.1).
    refused = isinstance(error, errors.CredentialRefusedError)
    missing = isinstance(error, errors.CredentialMissingError)
    return {"WWW-Authenticate": 'Bearer error="invalid_token"' if refused and not missing else "Bearer"}


# RFC 9110 renamed these statuses. Python versions still differ in the names that they use.
_TITLES = {413: "Content Too Large", 422: "Unprocessable Content"}


def title_of(status: int) -> str:
    return _TITLES.get(status) or HTTPStatus(status).phrase


def as_problem_json(problem: Problem) -> dict[str, Any]:
    # The format of RFC 9457.
    return {
        "type": "about:blank",
        "title": title_of(problem.status),
        "status": problem.status,
        "detail": "; ".join(detail.message for detail in problem.details),
        "code": problem.code,
        "errors": [member_of(detail) for detail in problem.details],
        **problem.extra,
    }


def member_of(detail: Detail) -> dict[str, Any]:
    member: dict[str, Any] = {"code": detail.code, "message": detail.message}
    if detail.pointer is not None:
        member["pointer"] = detail.pointer
    return member


def _one(code: Code, message: str, **extra: Any) -> Problem:
    return Problem(code, (Detail(code, message),), extra=extra)
