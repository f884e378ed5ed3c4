"""One model of what went wrong, rendered in each contract's shape (docs/contracts.md C26)."""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from hosting_orders.domain import errors
from hosting_orders.domain.codes import Code

from .shown import shown_decline

MAX_DETAILS = 50
# The member of the body that says what is wrong with contacts (docs/contracts.md O2-151, O2-152).
_FINDINGS = {
    Code.DOMAIN_CONTACT_INVALID: "violations",
    Code.DOMAIN_CONTACT_NEEDS_AUGMENTATION: "needs_augmentation",
}


@dataclass(frozen=True, slots=True)
class Detail:
    """One thing that is wrong. `pointer` is the JSON pointer (RFC 6901) of the field, None if it is no field."""

    code: Code
    message: str
    pointer: str | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """An answer that is no success. `extra` are members of the body that only this code has.

    `request_id` and `at` (epoch ms) are the answer's, for contracts that write them into the body. `lacks` says what an
    account needs to be charged (NotReadyToChargeError), for contracts that have a code for each. `accepts` is the
    request's `Accept-Language`, for contracts that are read by people, and `route` its route key, for those that have a
    text for one endpoint.
    """

    code: Code
    details: tuple[Detail, ...]
    headers: dict[str, str] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)
    request_id: str = ""
    at: int = 0
    lacks: str = ""
    accepts: str = ""
    route: str = ""

    @property
    def status(self) -> int:
        return self.code.status


def problem_of(error: Exception) -> Problem:
    """The one place where an error becomes an answer. What is not an error of ours is an `internal_error`."""
    match error:
        case errors.InvalidFieldsError():
            # A client that sends thousands of wrong fields gets an answer, not an echo.
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
        case errors.NotReadyToChargeError():
            return Problem(error.code, (Detail(error.code, str(error)),), lacks=error.lacks)
        case errors.RateLimitedError():
            headers = {"Retry-After": str(error.retry_after)}
            return Problem(error.code, (Detail(error.code, str(error)),), headers)
        case errors.RequestRefusedError():
            # The word of HTTP for "say who you are", which every 401 about a key has.
            headers = {"WWW-Authenticate": "Bearer"} if error.code.status == 401 else {}
            return Problem(error.code, (Detail(error.code, str(error), error.pointer),), headers)
        case errors.ForgedWebhookError():
            return _one(Code.INVALID_SIGNATURE, "The signature is not valid.")
        case errors.ProviderUnavailableError() | errors.ConcurrentUpdateError():
            message = "The service cannot answer this right now; try again soon."
            detail = Detail(Code.TEMPORARILY_UNAVAILABLE, message)
            return Problem(detail.code, (detail,), {"Retry-After": "5"})
        case _:
            message = "Something went wrong on our side; nothing is lost. Try again."
            return _one(Code.INTERNAL_ERROR, message)


# Python's own phrases for these have changed with its versions (RFC 9110 renamed them).
_TITLES = {413: "Content Too Large", 422: "Unprocessable Content"}


def title_of(status: int) -> str:
    """The title of an HTTP status."""
    return _TITLES.get(status) or HTTPStatus(status).phrase


def as_problem_json(problem: Problem) -> dict[str, Any]:
    """RFC 9457, for clients that ask for `application/problem+json`."""
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
    """A detail as an object of the body; without `pointer` if it is about no field."""
    member: dict[str, Any] = {"code": detail.code, "message": detail.message}
    if detail.pointer is not None:
        member["pointer"] = detail.pointer
    return member


def _one(code: Code, message: str, **extra: Any) -> Problem:
    return Problem(code, (Detail(code, message),), extra=extra)
