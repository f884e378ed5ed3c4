"""Published operations as data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from hosting_orders.domain.account import AccountFrom
from hosting_orders.domain.codes import Code
from hosting_orders.usecases.limit_rate import Bucket

if TYPE_CHECKING:
    from hosting_orders.domain.order import Order
    from hosting_orders.domain.placement import Placement
    from hosting_orders.usecases.limit_rate import RateLimit, Standing
    from hosting_orders.usecases.place_cart import Placed

    from .problem import Problem

View = TypeVar("View")
"""The result of a use case, which an operation renders."""

Rendered = Mapping[str, Any] | str
"""A response body: a JSON object or an HTML page."""

_EVERY_CALL = (Code.MALFORMED_BODY, Code.INTERNAL_ERROR, Code.TEMPORARILY_UNAVAILABLE)
BODY = (Code.BODY_TOO_LARGE, Code.MALFORMED_JSON, Code.MISSING_FIELD, Code.INVALID_FIELD)
_EVERY_KEY = (Code.INVALID_IDEMPOTENCY_KEY, Code.IDEMPOTENCY_KEY_REUSED)


@dataclass(frozen=True, slots=True)
class Access:
    """Who may call an operation."""

    # The scope that OAuth tokens and keys with scopes need. If it is None, OAuth tokens are refused. Keys with scopes
    # are then refused too, unless `key_scope` or `scoped` is set.
    scope: str | None = None
    account: AccountFrom = AccountFrom.HEADER
    user: bool = False  # a person's key is needed
    key_scope: str | None = None  # the scope that a key needs, if `account` is AccountFrom.KEY
    scoped: bool = False  # the use case checks the scope


@dataclass(frozen=True, slots=True, eq=False)
class Contract:
    """A published contract, named after its folder."""

    name: str
    title: str
    version: str | None  # the `X-Api-Version` value; None for a contract with its own paths
    paths: tuple[str, ...]  # path prefixes; unknown paths below them get this contract's errors
    error: Callable[[Problem], Rendered]
    callback: Callable[[Order, str], bytes] | None = None  # from the order and its account's name
    headers: Mapping[str, str] = field(default_factory=dict)
    limits: Mapping[Bucket, RateLimit] = field(default_factory=dict)
    limit_headers: Callable[[Standing], Mapping[str, str]] | None = None
    # Wraps every success body, given the request id and the time (epoch ms UTC).
    envelope: Callable[[Mapping[str, Any], str, int], Mapping[str, Any]] | None = None
    # Called before the key is read, with the headers (names in lower case) and our origin. May refuse the request.
    gate: Callable[[Mapping[str, str], str], None] | None = None
    # Returns parameters of the header `WWW-Authenticate`, given our origin. Used only if an OAuth issuer is configured.
    challenge: Callable[[str], str] | None = None

    def counted_as(self, bucket: Bucket) -> Bucket | None:
        # None means no limit.
        return next((each for each in (bucket, Bucket.ALL) if each in self.limits), None)


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """A request without its body."""

    key: str | None  # the `Idempotency-Key`
    fingerprint: str  # a hash of the request, to detect a reused key
    placed: Placement  # stored with each order
    origin: str  # our public scheme and host


@dataclass(frozen=True, slots=True)
class Body:
    model: type  # a pydantic model
    # Returns the use case's request. Raises InvalidFieldsError or InvalidRequestError.
    read: Callable[[object, RequestFacts], Any]
    optional: bool = False  # a missing body is read as {}


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Operation(Generic[View]):
    route: str  # API Gateway's route key, such as `GET /api/orders/{id}`
    heading: str
    contract: Contract
    access: Access | None  # None when no key is needed
    answers: type | None = None  # the TypedDict of `render`; None for HTML, or when every call is refused
    render: Callable[[View], Rendered] | None = None
    status: int = 200
    headers: Callable[[View], Mapping[str, str]] | None = None
    refuses: tuple[Code, ...] = ()  # only this operation's own error codes; `codes` adds the common ones
    idempotent: bool = False
    body: bool = False  # takes a body, without an `Idempotency-Key`
    takes: Body | None = None
    ours: bool = False  # the published contract lacks it
    asks_registrar: bool = False  # whether some requests may ask the registrar, such as a cart with a domain

    @property
    def method(self) -> str:
        return self.route.partition(" ")[0]

    @property
    def path(self) -> str:
        return self.route.partition(" ")[2]

    @property
    def bucket(self) -> Bucket:
        return Bucket.REGISTRAR if self.asks_registrar else bucket_of(self.method)

    def taking(self, body: Body) -> Operation[View]:
        """Only functions that read the body call this, so only they import its model."""
        return replace(self, takes=body)

    @property
    def codes(self) -> tuple[Code, ...]:
        found = {*_EVERY_CALL, *self.refuses}
        if self.access is not None:
            found |= {Code.UNAUTHORIZED, Code.TRIAL_ACCOUNT}
            if self.contract.counted_as(self.bucket) is not None:
                found.add(Code.RATE_LIMITED)
            found |= {Code.OAUTH_NOT_ALLOWED if self.access.scope is None else Code.INSUFFICIENT_SCOPE}
            if self.contract.version is not None:
                found.add(Code.UNSUPPORTED_API_VERSION)
            if self.access.account is AccountFrom.HEADER:
                found.add(Code.MISSING_ACCOUNT)
            if self.access.user:
                found.add(Code.USER_REQUIRED)
        if Code.CART_PAY_FAILED in self.refuses:
            # The operation charges, or previews a charge.
            found |= {Code.TEST_KEY, Code.LIVE_KEY, Code.INVALID_QUOTE, Code.QUOTE_EXPIRED}
            found |= {Code.QUOTE_MISMATCH, Code.QUOTE_USED, Code.PRICE_CHANGED}
            found |= {Code.SPEND_CAP_EXCEEDED, Code.SPEND_CAP_CURRENCY}
        if "{" in self.path:
            found.add(Code.NOT_FOUND)
        if self.idempotent:
            found |= {*BODY, *_EVERY_KEY}
        if self.body:
            found |= set(BODY)
        return tuple(sorted(found))


def bucket_of(method: str) -> Bucket:
    return Bucket.READ if method in ("GET", "HEAD") else Bucket.WRITE


def replayed(placed: Placed) -> Mapping[str, str]:
    return {"Idempotent-Replayed": "true"} if placed.replayed else {}
