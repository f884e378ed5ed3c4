"""HTTP: a handler declares who may call it; parsing, authentication, errors and headers are done here.

API Gateway's own router has matched the path before a function is called and every function serves one route,
so there is no router here (docs/decisions.md).
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

from hosting_orders import bootstrap
from hosting_orders.contracts import v2
from hosting_orders.contracts.problem import Detail, Problem, as_problem_json, as_v2, one
from hosting_orders.contracts.v2_words import shown_decline
from hosting_orders.domain import errors
from hosting_orders.usecases.authenticate import Caller, authenticate
from hosting_orders.usecases.ports import Services

from . import strict_json
from .logs import logger

LARGEST_BODY = 64 * 1024
MOST_PROBLEMS_TOLD = 50
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
_ID = re.compile(r"[\x21-\x7e]{1,200}")
_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,255}")
# Where the answer's body tells what is wrong with contacts (docs/contracts.md O2-151, O2-152).
_FINDINGS = {
    "domain_contact_invalid": "violations",
    "domain_contact_needs_augmentation": "needs_augmentation",
}

Event = Mapping[str, Any]
Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request. Header names are lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    path_parameters: Mapping[str, str]
    source_ip: str
    raw_body: bytes

    @classmethod
    def of(cls, event: Event) -> Request:
        """From API Gateway's HTTP API event, payload format 2.0. Raises BodyTooLargeError, InvalidRequestError."""
        http = event["requestContext"]["http"]
        body = event.get("body") or ""
        try:
            raw = base64.b64decode(body, validate=True) if event.get("isBase64Encoded") else body.encode()
        except ValueError as error:
            raise errors.InvalidRequestError("malformed_body", "The body cannot be read.") from error
        return cls(
            method=http["method"],
            path=http["path"],
            headers={name.lower(): value for name, value in (event.get("headers") or {}).items()},
            query=event.get("queryStringParameters") or {},
            path_parameters=event.get("pathParameters") or {},
            source_ip=http.get("sourceIp", ""),
            raw_body=raw,
        )

    def json(self) -> object:
        """The body as JSON. Raises InvalidRequestError, BodyTooLargeError."""
        if len(self.raw_body) > LARGEST_BODY:
            raise errors.BodyTooLargeError(f"The body is larger than {LARGEST_BODY} bytes.")
        if not self.raw_body.strip():
            raise errors.InvalidRequestError("malformed_json", "The body is empty; send a JSON object.", "")
        try:
            body = strict_json.parse(self.raw_body)
        except strict_json.UnfitJsonError as error:
            raise errors.InvalidRequestError("malformed_json", str(error), "") from None
        if not isinstance(body, dict):
            raise errors.InvalidRequestError("invalid_field", "The body must be a JSON object.", "")
        return body

    @property
    def idempotency_key(self) -> str | None:
        """The client's Idempotency-Key, if it sent one. Raises InvalidRequestError."""
        key = self.headers.get("idempotency-key")
        if key is not None and not _IDEMPOTENCY_KEY.fullmatch(key):
            raise errors.InvalidRequestError(
                "invalid_idempotency_key",
                "Idempotency-Key must be 1 to 255 visible ASCII characters without spaces.",
            )
        return key


@dataclass(frozen=True, slots=True)
class Reply:
    """What a handler answers with."""

    status: int
    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[[Request, Caller, Services], Reply]


def endpoint(
    *, oauth_scope: str | None, account_scope: bool = True, user_required: bool = False
) -> Callable[[Handler], Callable[[Event, Any], Answer]]:
    """Make a Lambda handler of a function that answers one authenticated route.

    `oauth_scope` is the scope an OAuth token needs; None closes the route to OAuth. `account_scope` says
    whether `X-Auth-Account` is required; `user_required` closes the route to keys without a person behind them.
    The handler gets the request, the verified caller and the services.
    """

    def decorate(handle: Handler) -> Callable[[Event, Any], Answer]:
        def answer(request: Request, services: Services) -> Reply:
            caller = authenticate(
                services,
                request.headers,
                request.source_ip,
                oauth_scope=oauth_scope,
                account_scope=account_scope,
                user_required=user_required,
            )
            if caller.account is not None:
                logger().append_keys(account_id=caller.account.id)
            _check_version(request, caller)
            _check_ids(request)
            return handle(request, caller, services)

        return _lambda_handler(answer, handle)

    return decorate


def public_endpoint(handle: Callable[[Request, Services], Reply]) -> Callable[[Event, Any], Answer]:
    """Make a Lambda handler of a function that proves its caller by itself (webhooks) or serves everybody."""
    return _lambda_handler(handle, handle)


def _lambda_handler(
    answer: Callable[[Request, Services], Reply], named: Callable[..., Any]
) -> Callable[[Event, Any], Answer]:
    @wraps(named)
    def handler(event: Event, context: Any) -> Answer:
        headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
        request_id = headers.get("x-request-id", "")
        if not _REQUEST_ID.fullmatch(request_id):
            request_id = str(uuid.uuid4())
        log = logger()
        log.append_keys(request_id=request_id, route=event.get("routeKey"))
        try:
            reply = answer(Request.of(event), bootstrap.services())
        except Exception as error:
            problem = _problem(error)
            # A switch that an operator has turned off is no fault of ours.
            if problem.status >= 500 and not isinstance(error, errors.FeatureDisabledError):
                log.exception("request failed")
            reply = _rendered(problem, headers.get("accept", ""))
        log.info("answered", extra={"status": reply.status, "code": reply.body.get("code")})
        log.remove_keys(["request_id", "route", "account_id"])
        # A condition is about reading: what was done is done, and says so.
        reading = str(event.get("routeKey", "")).startswith("GET ")
        return _answer(reply, request_id, headers.get("if-none-match", "") if reading else None)

    return handler


def _answer(reply: Reply, request_id: str, if_none_match: str | None) -> Answer:
    body = json.dumps(reply.body, ensure_ascii=False, separators=(",", ":"))
    if not _sendable(body):
        # Half a character, as a client's JSON may name a field: only its escape can be sent.
        body = json.dumps(reply.body, separators=(",", ":"))
    status = reply.status
    headers = {
        "Content-Type": "application/json",
        # Answers hold credentials: nothing between us and the client may keep them.
        "Cache-Control": "no-store",
        "X-Api-Version": v2.VERSION,
        "X-Request-Id": request_id,
        **reply.headers,
    }
    if status == 200 and if_none_match is not None:
        # A poll that finds nothing new costs the client no parsing and us no bytes.
        headers["ETag"] = f'"{hashlib.sha256(body.encode()).hexdigest()[:32]}"'
        known = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
        if headers["ETag"] in known or "*" in known:
            status, body = 304, ""
            del headers["Content-Type"]
    return {"statusCode": status, "headers": headers, "body": body, "isBase64Encoded": False}


def _sendable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _check_version(request: Request, caller: Caller) -> None:
    """An API version is pinned to the credential and overridden per request (docs/contracts.md C01)."""
    wanted = request.headers.get("x-api-version", str(caller.credential.api_version)).strip()
    if wanted != v2.VERSION:
        raise errors.InvalidRequestError(
            "unsupported_api_version",
            f"API version {wanted[:20]!r} is not supported; send `X-Api-Version: {v2.VERSION}`.",
        )


def _check_ids(request: Request) -> None:
    """What can't be an id of anything is not looked up: the table's keys have a limit of their own."""
    if not all(_ID.fullmatch(value) for value in request.path_parameters.values()):
        raise errors.NotFoundError("There is nothing with this id.")


def _rendered(problem: Problem, accept: str) -> Reply:
    if "application/problem+json" in accept.lower():
        headers = {**problem.headers, "Content-Type": "application/problem+json"}
        return Reply(problem.status, as_problem_json(problem), headers)
    return Reply(problem.status, as_v2(problem), problem.headers)


def _problem(error: Exception) -> Problem:
    """The one place where errors become HTTP."""
    match error:
        case errors.InvalidRequestError():
            return one(400, error.code, str(error), error.pointer)
        case errors.InvalidFieldsError():
            # Whoever sends thousands of wrong fields gets an answer, not an echo.
            shown = error.problems[:MOST_PROBLEMS_TOLD]
            details = tuple(Detail(p.code, str(p), p.pointer) for p in shown)
            return Problem(400, details[0].code, details)
        case errors.CredentialRefusedError() | errors.UserRequiredError() | errors.ForgedWebhookError():
            return _unauthorized(error)
        case errors.AccessDeniedError():
            return one(403, error.code, str(error))
        case errors.NotFoundError():
            return one(404, "not_found", str(error))
        case errors.OrderNotCancellableError():
            return one(409, "order_not_cancellable", str(error), reason=error.reason)
        case errors.BodyTooLargeError():
            return one(413, "body_too_large", str(error))
        case (
            errors.IdempotencyKeyReusedError()
            | errors.DomainRefusedError()
            | errors.ContactsRefusedError()
            | errors.PaymentNotStartedError()
        ):
            return _unprocessable(error)
        case errors.FeatureDisabledError():
            # No Retry-After: nobody knows when an operator turns it on.
            return one(503, "feature_disabled", str(error))
        case errors.ProviderUnavailableError() | errors.ConcurrentUpdateError():
            later = one(
                503, "temporarily_unavailable", "The service cannot answer this right now; try again soon."
            )
            return Problem(503, later.code, later.details, {"Retry-After": "5"})
        case _:
            return one(500, "internal_error", "Something went wrong on our side; nothing is lost. Try again.")


def _unauthorized(
    error: errors.CredentialRefusedError | errors.UserRequiredError | errors.ForgedWebhookError,
) -> Problem:
    if isinstance(error, errors.ForgedWebhookError):
        return one(401, "invalid_signature", "The signature is not valid.")
    code = "user_required" if isinstance(error, errors.UserRequiredError) else "unauthorized"
    return Problem(401, code, (Detail(code, str(error)),), {"WWW-Authenticate": "Bearer"})


def _unprocessable(
    error: errors.IdempotencyKeyReusedError
    | errors.DomainRefusedError
    | errors.ContactsRefusedError
    | errors.PaymentNotStartedError,
) -> Problem:
    """Contract 002's 422s, each with what its body tells besides."""
    match error:
        case errors.IdempotencyKeyReusedError():
            return one(422, "idempotency_key_reused", str(error))
        case errors.DomainRefusedError():
            return one(422, error.code, str(error), error.pointer)
        case errors.ContactsRefusedError():
            extra: dict[str, object] = {_FINDINGS[error.code]: error.findings}
            fields = [
                Detail(error.code, str(found["message"]), str(found["pointer"])) for found in error.findings
            ]
            return Problem(422, error.code, (Detail(error.code, str(error)), *fields), extra=extra)
        case errors.PaymentNotStartedError():
            decline = shown_decline(error.decline_code)
            extra = {"decline_code": decline} if decline else {}
            return Problem(422, "cart_pay_failed", (Detail("cart_pay_failed", str(error)),), extra=extra)
