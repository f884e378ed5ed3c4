"""HTTP for all contracts: routing, authentication, rate limits, errors and headers.

Where several contracts share a route, the client's API version selects the operation (docs/contracts.md C01).
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Generic

from hosting_orders import bootstrap
from hosting_orders.contracts.operation import Contract, Operation, Rendered, RequestFacts, View, bucket_of
from hosting_orders.contracts.problem import Problem, as_problem_json, problem_of
from hosting_orders.domain import errors
from hosting_orders.domain.account import Account, Credential
from hosting_orders.domain.codes import Code
from hosting_orders.domain.placement import Channel, Placement
from hosting_orders.usecases.authenticate import Caller, admit, identify
from hosting_orders.usecases.limit_rate import Bucket, count_request, refuse_excess
from hosting_orders.usecases.note_key_use import note_key_use
from hosting_orders.usecases.ports import Services

from . import strict_json
from .logs import logger

MAX_BODY = 64 * 1024
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:;=/+@,~-]{1,128}")
_ID = re.compile(r"[\x21-\x7e]{1,200}")
_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,255}")

Event = Mapping[str, Any]
Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    headers: Mapping[str, str]  # names in lower case
    query: Mapping[str, str]
    path_parameters: Mapping[str, str]
    source_ip: str
    raw_body: bytes
    host: str = ""
    received_at: int = 0  # epoch ms

    @classmethod
    def of(cls, event: Event) -> Request:
        """Read an HTTP API event (payload format 2.0). Raises InvalidRequestError."""
        http = event["requestContext"]["http"]
        body = event.get("body") or ""
        try:
            raw = base64.b64decode(body, validate=True) if event.get("isBase64Encoded") else body.encode()
        except ValueError as error:
            raise errors.InvalidRequestError(Code.MALFORMED_BODY, "The body cannot be read.") from error
        return cls(
            method=http["method"],
            path=http["path"],
            headers=_headers(event),
            query=event.get("queryStringParameters") or {},
            path_parameters=event.get("pathParameters") or {},
            source_ip=http.get("sourceIp", ""),
            raw_body=raw,
            host=event["requestContext"].get("domainName", ""),
            received_at=int(event["requestContext"].get("timeEpoch", 0)),
        )

    @property
    def origin(self) -> str:
        """Our public scheme and host."""
        return bootstrap.public_url() or f"https://{self.host}"

    def json(self) -> object:
        """Raises InvalidRequestError or BodyTooLargeError."""
        if len(self.raw_body) > MAX_BODY:
            raise errors.BodyTooLargeError(f"The body is larger than {MAX_BODY} bytes.")
        if not self.raw_body.strip():
            raise errors.InvalidRequestError(
                Code.MALFORMED_JSON, "The body is empty; send a JSON object.", ""
            )
        try:
            body = strict_json.parse(self.raw_body)
        except strict_json.UnfitJsonError as error:
            raise errors.InvalidRequestError(Code.MALFORMED_JSON, str(error), "") from None
        if not isinstance(body, dict):
            raise errors.InvalidRequestError(Code.INVALID_FIELD, "The body must be a JSON object.", "")
        return body

    @property
    def idempotency_key(self) -> str | None:
        """Raises InvalidRequestError for a malformed key."""
        key = self.headers.get("idempotency-key")
        if key is not None and not _IDEMPOTENCY_KEY.fullmatch(key):
            raise errors.InvalidRequestError(
                Code.INVALID_IDEMPOTENCY_KEY,
                "Idempotency-Key must be 1 to 255 visible ASCII characters without spaces.",
            )
        return key


def _headers(event: Event) -> dict[str, str]:
    return {name.lower(): value for name, value in (event.get("headers") or {}).items()}


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: Rendered
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Call(Generic[View]):
    request: Request
    operation: Operation[View]
    verified: Caller | None  # None where the operation needs no key

    @property
    def contract(self) -> Contract:
        return self.operation.contract

    @property
    def caller(self) -> Caller:
        assert self.verified is not None, f"{self.operation.route} asks for no key"
        return self.verified

    @property
    def account(self) -> Account:
        """Raises InvalidRequestError if the request names no account."""
        return self.caller.scope

    def parameter(self, name: str) -> str:
        return self.request.path_parameters[name]

    def read(self) -> Any:
        """The use case's request. Raises InvalidRequestError, InvalidFieldsError or BodyTooLargeError."""
        body = self.operation.takes
        assert body is not None, f"{self.operation.route} takes no body"
        # Report header errors before body errors.
        key = self.request.idempotency_key if self.operation.idempotent else None
        raw = {} if body.optional and not self.request.raw_body.strip() else self.request.json()
        channel = self.verified.credential.channel if self.verified else Channel.API
        placed = Placement(channel, contract=self.contract.name, client_address=self.request.source_ip)
        facts = RequestFacts(key, _fingerprint(self.request.path, raw), placed, self.request.origin)
        return body.read(raw, facts)

    def answer(self, view: View) -> Reply:
        operation = self.operation
        assert operation.render is not None, f"{operation.route} has no answer"
        headers = operation.headers(view) if operation.headers else {}
        return Reply(operation.status, operation.render(view), headers)


Handle = Callable[[Call[View], Services], Reply]


class Endpoint:
    def __init__(self, handles: Mapping[Operation[Any], Handle[Any]]) -> None:
        self.handles = handles
        self._by_route: dict[str, list[Operation[Any]]] = {}
        for operation in handles:
            self._by_route.setdefault(operation.route, []).append(operation)
        for route, sharing in self._by_route.items():
            _check_sharing(route, sharing)

    def __call__(self, event: Event, context: Any) -> Answer:
        sharing = self._by_route.get(str(event.get("routeKey")), [])
        exchange = _Exchange(event, _likely(sharing or list(self.handles), event).contract)

        def reply(request: Request, services: Services) -> Reply:
            if not sharing:
                raise LookupError(f"this function does not serve {event.get('routeKey')!r}")
            if exchange.contract.gate is not None:
                exchange.contract.gate(request.headers, request.origin)
            operation, caller = _admitted(sharing, request, services, exchange)
            exchange.contract = operation.contract
            if caller is not None:
                _check_ids(request, operation)
            return self.handles[operation](Call(request, operation, caller), services)

        return _answered(exchange, reply)


def serves(*operations: Operation[View]) -> Callable[[Handle[View]], Endpoint]:
    """Decorate a function as the Lambda handler of these operations. It returns `call.answer(view)`."""

    def decorate(handle: Handle[View]) -> Endpoint:
        return Endpoint(dict.fromkeys(operations, handle))

    return decorate


def together(*endpoints: Endpoint) -> Endpoint:
    return Endpoint({operation: handle for one in endpoints for operation, handle in one.handles.items()})


def unknown_routes(contract_of_path: Callable[[str], Contract]) -> Callable[[Event, Any], Answer]:
    """Return a handler that answers 404 in the error format of the path's contract. This contract's limits apply."""

    def handler(event: Event, context: Any) -> Answer:
        exchange = _Exchange(event, contract_of_path(event["requestContext"]["http"]["path"]))

        def refuse(request: Request, services: Services) -> Reply:
            if exchange.contract.limits:
                with contextlib.suppress(errors.CredentialRefusedError):
                    _identified(request, services, exchange, bucket_of(request.method))
            raise errors.NotFoundError(f"There is no {request.method} {request.path[:100]!a} here.")

        return _answered(exchange, refuse)

    return handler


def _check_sharing(route: str, sharing: list[Operation[Any]]) -> None:
    # Operations of one route need the same access, limit and error format. These are used before the API version is
    # known, and only the version selects the operation.
    versions = {operation.contract.version for operation in sharing}
    if len(sharing) > 1 and (None in versions or len(versions) < len(sharing)):
        raise ValueError(f"{route} has several operations of one version, or one without a version")
    if len(sharing) > 1 and sharing[0].access is None:
        raise ValueError(f"the operations of {route} need no key, so no key can select a version")
    if any(operation.access != sharing[0].access for operation in sharing):
        raise ValueError(f"the operations of {route} differ in who may call them")
    if any(operation.bucket is not sharing[0].bucket for operation in sharing):
        raise ValueError(f"the operations of {route} count against different limits")
    if any(operation.contract.error is not sharing[0].contract.error for operation in sharing):
        raise ValueError(f"the contracts of {route} differ in the shape of errors")


def _likely(sharing: list[Operation[Any]], event: Event) -> Operation[Any]:
    # The key is not verified yet, so its API version is not known. Guess the operation by the version in the header, or
    # else take the first operation.
    wanted = _headers(event).get("x-api-version", "").strip()
    return next((each for each in sharing if each.contract.version == wanted), sharing[0])


def _admitted(
    sharing: list[Operation[Any]], request: Request, services: Services, exchange: _Exchange
) -> tuple[Operation[Any], Caller | None]:
    access = sharing[0].access
    if access is None:
        return sharing[0], None
    exchange.oauth_scope = access.scope
    credential = _identified(request, services, exchange, sharing[0].bucket)
    caller = admit(
        services,
        credential,
        request.headers,
        oauth_scope=access.scope,
        account=access.account,
        user_required=access.user,
        key_scope=access.key_scope,
        scoped=access.scoped,
    )
    if caller.account is not None:
        logger().append_keys(account_id=caller.account.id)
    return _spoken(sharing, request, caller), caller


def _identified(request: Request, services: Services, exchange: _Exchange, bucket: Bucket) -> Credential:
    # Count the request before the account and the ids are checked. A client above its limit learns nothing about them.
    try:
        credential = identify(services, request.headers, request.source_ip)
    except errors.CredentialRefusedError:
        # Requests without a valid key are counted by IP address. The limit also slows down guessing of keys.
        _count(services, bucket, f"address#{request.source_ip}", exchange)
        raise
    _count(services, bucket, f"key#{credential.counter}", exchange)
    note_key_use(services, credential)
    return credential


def _count(services: Services, bucket: Bucket, client: str, exchange: _Exchange) -> None:
    contract = exchange.contract
    counted = contract.counted_as(bucket)
    if counted is None:
        return
    standing = count_request(services, counted, client, contract.limits[counted])
    if standing is None:
        return
    if contract.limit_headers is not None:
        exchange.headers |= contract.limit_headers(standing)
    refuse_excess(standing, "requests" if counted is Bucket.ALL else f"{counted} requests")


def _spoken(sharing: list[Operation[Any]], request: Request, caller: Caller) -> Operation[Any]:
    """Without `X-Api-Version`, the API version of the credential selects the operation (docs/contracts.md C01)."""
    versions = {operation.contract.version: operation for operation in sharing}
    if None in versions:
        return sharing[0]
    wanted = request.headers.get("x-api-version", str(caller.credential.api_version)).strip()
    if wanted in versions:
        return versions[wanted]
    spoken = " or ".join(f"`X-Api-Version: {version}`" for version in sorted(filter(None, versions)))
    raise errors.InvalidRequestError(
        Code.UNSUPPORTED_API_VERSION, f"API version {wanted[:20]!r} is not supported; send {spoken}."
    )


def _check_ids(request: Request, operation: Operation[Any]) -> None:
    # Ids become parts of DynamoDB keys, and DynamoDB limits the size of a key.
    if all(_ID.fullmatch(value) for value in request.path_parameters.values()):
        return
    if Code.INVALID_ID in operation.refuses:
        raise errors.InvalidRequestError(Code.INVALID_ID, "This cannot be the id of an order.")
    raise errors.NotFoundError("There is nothing with this id.")


def _fingerprint(path: str, body: object) -> str:
    # Requests that differ only in spacing or in the order of keys get the same fingerprint.
    return hashlib.sha256(f"{path}\0{json.dumps(body, sort_keys=True)}".encode()).hexdigest()


# -- the answer ---------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Exchange:
    event: Event
    contract: Contract  # shapes the response; replaced once the API version is known
    headers: dict[str, str] = field(default_factory=dict)  # added to the reply's own headers
    oauth_scope: str | None = None  # the scope that the operation needs


def _answered(exchange: _Exchange, reply_to: Callable[[Request, Services], Reply]) -> Answer:
    event = exchange.event
    headers = _headers(event)
    request_id = headers.get("x-request-id", "")
    if not _REQUEST_ID.fullmatch(request_id):
        request_id = str(uuid.uuid4())
    log = logger()
    log.append_keys(request_id=request_id, route=event.get("routeKey"))
    services = bootstrap.services()
    code = None
    request = None
    try:
        request = Request.of(event)
        reply = reply_to(request, services)
        envelope = exchange.contract.envelope
        sent = (
            reply.body
            if envelope is None or isinstance(reply.body, str)
            else envelope(reply.body, request_id, services.clock.now())
        )
    except Exception as error:
        problem = replace(
            logged_problem(error),
            request_id=request_id,
            at=services.clock.now(),
            accepts=headers.get("accept-language", ""),
            route=str(event.get("routeKey", "")),
            sent=request.raw_body[:MAX_BODY] if request else b"",
        )
        code = problem.code
        if request and "WWW-Authenticate" in problem.headers and bootstrap.oauth_issuer():
            told = problem.headers["WWW-Authenticate"]
            problem.headers["WWW-Authenticate"] = _challenge(exchange, told, request.origin)
        reply = _refusal(problem, exchange.contract, headers.get("accept", ""))
        sent = reply.body
    log.info("answered", extra={"status": reply.status, "code": code})
    log.remove_keys(["request_id", "route", "account_id"])
    # Conditional requests apply to reads only.
    reading = str(event.get("routeKey", "")).startswith("GET ")
    return _as_event(exchange, reply, sent, request_id, headers.get("if-none-match", "") if reading else None)


def _challenge(exchange: _Exchange, told: str, origin: str) -> str:
    """Add what an OAuth client needs to get a token (RFC 6750, section 3; RFC 9728, section 5.1)."""
    scheme, *parameters = told.split(" ", 1)
    if exchange.contract.challenge is not None:
        parameters.append(exchange.contract.challenge(origin))
    if exchange.oauth_scope is not None:
        parameters.append(f'scope="{bootstrap.oauth_scope(exchange.oauth_scope)}"')
    return f"{scheme} {', '.join(parameters)}".strip()


def logged_problem(error: Exception) -> Problem:
    """Log the error if it is a fault. Call this in the `except` block."""
    problem = problem_of(error)
    if isinstance(error, errors.NotConnectedError):
        logger().error("request failed", extra={"reason": str(error)})
    # A feature that an operator has switched off is not a fault.
    elif problem.status >= 500 and not isinstance(error, errors.FeatureDisabledError):
        logger().exception("request failed")
    return problem


def _refusal(problem: Problem, contract: Contract, accept: str) -> Reply:
    if "application/problem+json" in accept.lower():
        headers = {**problem.headers, "Content-Type": "application/problem+json"}
        return Reply(problem.status, as_problem_json(problem), headers)
    return Reply(problem.status, contract.error(problem), problem.headers)


def _as_event(
    exchange: _Exchange, reply: Reply, sent: Rendered, request_id: str, if_none_match: str | None
) -> Answer:
    """The ETag excludes the envelope, which differs in every response."""
    contract = exchange.contract
    body = sent if isinstance(sent, str) else _json(sent)
    status = reply.status
    headers = {
        "Content-Type": "text/html; charset=utf-8" if isinstance(sent, str) else "application/json",
        # Responses can contain credentials, so no proxy may store them.
        "Cache-Control": "no-store",
        **({"X-Api-Version": contract.version} if contract.version is not None else {}),
        "X-Request-Id": request_id,
        **contract.headers,
        **exchange.headers,
        **reply.headers,
    }
    if status == 200 and if_none_match is not None:
        # If the client already has this answer, the response needs no body.
        tagged = reply.body if isinstance(reply.body, str) else _json(reply.body)
        headers["ETag"] = f'"{hashlib.sha256(tagged.encode()).hexdigest()[:32]}"'
        known = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
        if headers["ETag"] in known or "*" in known:
            status, body = 304, ""
    if not body:
        headers.pop("Content-Type", None)
    return {"statusCode": status, "headers": headers, "body": body, "isBase64Encoded": False}


def _json(body: Mapping[str, Any]) -> str:
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    # A lone surrogate from the client's JSON cannot be encoded as UTF-8. Send it as a JSON escape (`\udXXX`).
    return text if _sendable(text) else json.dumps(body, separators=(",", ":"))


def _sendable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
