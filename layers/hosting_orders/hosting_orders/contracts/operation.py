"""A published operation as data.

The dispatcher serves it, a structure test holds it against the template's events, and a generator of OpenAPI can read
the rest: who may call it, what it answers and what it refuses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from hosting_orders.domain.account import AccountFrom
from hosting_orders.domain.codes import Code

if TYPE_CHECKING:
    from hosting_orders.domain.order import Order
    from hosting_orders.domain.placement import Placement
    from hosting_orders.usecases.limit_rate import RateLimit, Standing
    from hosting_orders.usecases.place_cart import CartRequest, Placed

    from .problem import Problem

View = TypeVar("View")
"""What a use case returns and an operation renders."""

Rendered = Mapping[str, Any] | str
"""The body of an answer: an object of JSON, or a page of HTML."""

_EVERY_CALL = (Code.MALFORMED_BODY, Code.INTERNAL_ERROR, Code.TEMPORARILY_UNAVAILABLE)
_EVERY_BODY = (Code.BODY_TOO_LARGE, Code.MALFORMED_JSON, Code.MISSING_FIELD, Code.INVALID_FIELD)
_EVERY_KEY = (Code.INVALID_IDEMPOTENCY_KEY, Code.IDEMPOTENCY_KEY_REUSED)


@dataclass(frozen=True, slots=True)
class Access:
    """Who may call an operation.

    `scope` is the scope that an OAuth token needs, and a key that has scopes; None closes the operation to both.
    `account` says how the request names its account, `user` whether an account's own key is not enough. `key_scope` is
    the scope that a key needs which names its account by itself (AccountFrom.KEY). `scoped` is for keys whose scope
    depends on the order: the use case checks it.
    """

    scope: str | None = None
    account: AccountFrom = AccountFrom.HEADER
    user: bool = False
    key_scope: str | None = None
    scoped: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Contract:
    """A published contract. `name` is its folder's.

    `version` is what `X-Api-Version` says; None for a contract whose paths are its own. Requests for unknown paths
    below `paths` are answered in its shape. `error` renders a problem as the body of an answer, `callback` the message
    about an order's end from the order and its account's name; None if it has no callbacks.

    A body is JSON, or HTML where a text is rendered. `headers` are those of all its answers.

    `limit` is how many requests a client may make, and `limit_headers` say where it stands. `envelope` is put round the
    body of every success; it gets the request's id and the time (epoch ms).
    """

    name: str
    title: str
    version: str | None
    paths: tuple[str, ...]
    error: Callable[[Problem], Rendered]
    callback: Callable[[Order, str], bytes] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    limit: RateLimit | None = None
    limit_headers: Callable[[Standing], Mapping[str, str]] | None = None
    envelope: Callable[[Mapping[str, Any], str, int], Mapping[str, Any]] | None = None


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """What is known of a request that orders something, without its body.

    `key` is its `Idempotency-Key`, `fingerprint` a hash of its meaning, `placed` what each order remembers of it, and
    `origin` where customers reach us (scheme and host).
    """

    key: str | None
    fingerprint: str
    placed: Placement
    origin: str


@dataclass(frozen=True, slots=True)
class Body:
    """The body that an ordering operation takes: its pydantic model, and how it becomes the use case's request.

    `read` gets the JSON and the other facts. Raises InvalidFieldsError and InvalidRequestError.
    """

    model: type
    read: Callable[[object, RequestFacts], CartRequest]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Operation(Generic[View]):
    """One endpoint as its contract publishes it.

    `route` is API Gateway's route key, such as `GET /api/orders/{id}`; `heading` is the heading in the published
    contract. `access` is None where no key is asked for. `answers` is the TypedDict that `render` makes of a view,
    None where every call is refused; `headers` are the answer's own. `refuses` are the codes that only this
    operation has: those that every operation of its kind has are in `codes`. An `idempotent` operation takes an
    `Idempotency-Key`. `ours` marks an endpoint that the published contract does not have.
    """

    route: str
    heading: str
    contract: Contract
    access: Access | None
    answers: type | None = None
    render: Callable[[View], Rendered] | None = None
    status: int = 200
    headers: Callable[[View], Mapping[str, str]] | None = None
    refuses: tuple[Code, ...] = ()
    idempotent: bool = False
    takes: Body | None = None
    ours: bool = False

    @property
    def method(self) -> str:
        return self.route.partition(" ")[0]

    @property
    def path(self) -> str:
        return self.route.partition(" ")[2]

    def taking(self, body: Body) -> Operation[View]:
        """The same operation with its body. Only functions that read a body pay for its model."""
        return replace(self, takes=body)

    @property
    def codes(self) -> tuple[Code, ...]:
        """Every code that the operation may answer with."""
        found = {*_EVERY_CALL, *self.refuses}
        if self.access is not None:
            found |= {Code.UNAUTHORIZED, Code.TRIAL_ACCOUNT}
            if self.contract.limit is not None:
                found.add(Code.RATE_LIMITED)
            found |= {Code.OAUTH_NOT_ALLOWED if self.access.scope is None else Code.INSUFFICIENT_SCOPE}
            if self.contract.version is not None:
                found.add(Code.UNSUPPORTED_API_VERSION)
            if self.access.account is AccountFrom.HEADER:
                found.add(Code.MISSING_ACCOUNT)
            if self.access.user:
                found.add(Code.USER_REQUIRED)
        if "{" in self.path:
            found.add(Code.NOT_FOUND)
        if self.idempotent:
            found |= {*_EVERY_BODY, *_EVERY_KEY}
        return tuple(sorted(found))


def replayed(placed: Placed) -> Mapping[str, str]:
    """The header that says that the same request was there before."""
    return {"Idempotent-Replayed": "true"} if placed.replayed else {}
