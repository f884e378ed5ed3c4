"""Error responses: https://docs.stripe.com/api/errors and /error-codes."""

from __future__ import annotations

from typing import Any


class StripeError(Exception):
    """An error response: its HTTP status and the object under `error`.

    `began` is False when Stripe refuses the request before it executes the endpoint. Such a response is not stored
    under the idempotency key.
    """

    def __init__(
        self, status: int, error: dict[str, Any], *, began: bool = True, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(error.get("message"))
        self.status = status
        self.error = error
        self.began = began
        self.headers = headers or {}

    @property
    def body(self) -> dict[str, Any]:
        return {"error": self.error}


def _error(type_: str, message: str, code: str | None, param: str | None) -> dict[str, Any]:
    error: dict[str, Any] = {"message": message, "type": type_}
    if code:
        error["code"] = code
        error["doc_url"] = f"https://stripe.com/docs/error-codes/{code.replace('_', '-')}"
    if param:
        error["param"] = param
    return error


def refused(message: str, code: str | None = None, param: str | None = None) -> StripeError:
    """400: the request is valid, but the current state does not allow it."""
    return StripeError(400, _error("invalid_request_error", message, code, param))


def bad_parameter(message: str, code: str | None = None, param: str | None = None) -> StripeError:
    """400: the request is invalid, and nothing was executed."""
    return StripeError(400, _error("invalid_request_error", message, code, param), began=False)


def missing_parameter(param: str) -> StripeError:
    return bad_parameter(f"Missing required param: {param}.", "parameter_missing", param)


def not_built(what: str) -> StripeError:
    """501: Stripe supports the request, but the stand-in does not."""
    return StripeError(
        501,
        _error("invalid_request_error", f"The stand-in for Stripe does not do this: {what}", None, None),
        began=False,
        headers={"Stripe-Should-Retry": "false"},
    )


def no_such(object_name: str, object_id: str, param: str = "id") -> StripeError:
    """404 if the unknown id is in the path, 400 if it is in a parameter."""
    label = {
        "payment_method": "PaymentMethod",
        "customer_balance_transaction": "balance transaction",
        "test_helpers.test_clock": "test clock",
    }.get(object_name, object_name)
    error = _error("invalid_request_error", f"No such {label}: '{object_id}'", "resource_missing", param)
    return StripeError(404 if param == "id" else 400, error)


def unknown_address(method: str, path: str) -> StripeError:
    message = (
        f"Unrecognized request URL ({method}: {path}). Please see https://stripe.com/docs or we can help."
    )
    return StripeError(404, _error("invalid_request_error", message, None, None), began=False)


def not_authorized(message: str) -> StripeError:
    return StripeError(401, _error("invalid_request_error", message, None, None), began=False)


def not_permitted(resource: str, right: str) -> StripeError:
    """403: a restricted key lacks a right."""
    message = (
        "The provided key 'rk_test_****' does not have the required permissions for this endpoint. "
        f"Having the 'rak_{resource.replace('/', '_')}_{right}' permission would allow this request to continue."
    )
    return StripeError(403, _error("invalid_request_error", message, None, None), began=False)


def card_refused(code: str, message: str, **facts: Any) -> StripeError:
    """402: the bank or Stripe's fraud protection declined the payment, or the payment needs authentication."""
    error = _error("card_error", message, code, None)
    error.update({name: fact for name, fact in facts.items() if fact is not None})
    return StripeError(402, error)


def idempotency_mismatch(key: str) -> StripeError:
    message = (
        "Keys for idempotent requests can only be used with the same parameters they were first used with. "
        f"Try using a key other than '{key}' if you meant to execute a different request."
    )
    return StripeError(400, _error("idempotency_error", message, None, None), began=False)


def idempotency_key_in_use(key: str) -> StripeError:
    message = (
        "There is currently another in-progress request using this Stripe-Idempotency-Key (that probably "
        f"means you submitted twice, and the other request is still going through): {key}."
    )
    error = _error("idempotency_error", message, "idempotency_key_in_use", None)
    return StripeError(409, error, began=False)


def too_many_requests(reason: str = "global-rate") -> StripeError:
    """429 without `Stripe-Should-Retry`, so the SDK does not retry.

    Stripe checks its rate limits before it looks up the idempotency key.
    """
    error = _error("invalid_request_error", "Request rate limit exceeded.", "rate_limit", None)
    return StripeError(429, error, began=False, headers={"Stripe-Rate-Limited-Reason": reason})


def locked() -> StripeError:
    """429: another request has locked the object. The SDK retries."""
    message = (
        "This object cannot be accessed right now because another API request or Stripe process is currently "
        "accessing it."
    )
    error = _error("invalid_request_error", message, "lock_timeout", None)
    return StripeError(429, error, began=False, headers={"Stripe-Should-Retry": "true"})


def clock_advances() -> StripeError:
    """429: the object is on a test clock that advances."""
    message = "Test clock advancement underway - cannot perform modifications."
    return StripeError(429, _error("invalid_request_error", message, None, None), began=False)


def internal_error(*, began: bool) -> StripeError:
    """500. If the endpoint had begun, the response is stored under the idempotency key, and the SDK must not retry."""
    error = _error("api_error", "A fault made this request fail in the stand-in.", None, None)
    headers = {"Stripe-Should-Retry": "false"} if began else {}
    return StripeError(500, error, began=began, headers=headers)
