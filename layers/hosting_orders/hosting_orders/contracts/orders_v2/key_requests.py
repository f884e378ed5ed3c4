"""The bodies of requests about API keys."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from hosting_orders.contracts.operation import Body, RequestFacts
from hosting_orders.contracts.vendor.requests import Name, Strict, checked, field_problem
from hosting_orders.domain.account import CredentialKind, SpendCap
from hosting_orders.domain.api_key import MAX_LIFE, MAX_OVERLAP, OVERLAP
from hosting_orders.domain.codes import Code
from hosting_orders.domain.durations import DAY, SECOND
from hosting_orders.domain.errors import InvalidFieldsError, InvalidRequestError
from hosting_orders.domain.scopes import Scope
from hosting_orders.usecases.manage_keys import KeyRequest, RotationRequest

from . import operations

MAX_BLOCKS = 50
_MAX_CAP = 10**12  # minor units


def _block(text: str) -> str:
    """Return the standard spelling of an address or a CIDR block."""
    try:
        network = ip_network(text, strict=False)
        address = ip_address(text.partition("/")[0])
    except ValueError:
        raise PydanticCustomError(
            "block", "must be an IP address or a CIDR block, such as 203.0.113.0/24"
        ) from None
    if address != network.network_address:
        # A typing error could allow a much larger block than the client intended.
        raise PydanticCustomError(
            "block", "has bits set after the prefix: write {network}", {"network": str(network)}
        )
    if network.version == 6 and (network.network_address.scope_id or network.network_address.ipv4_mapped):
        raise PydanticCustomError("block", "must be a plain IPv4 or IPv6 address, without a zone or mapping")
    return str(network)


def _moment(text: str) -> str:
    if _epoch_ms(text) is None:
        raise PydanticCustomError("moment", "must be a time with a time zone, such as 2027-01-31T00:00:00Z")
    return text


def _epoch_ms(text: str) -> int | None:
    try:
        moment = dt.datetime.fromisoformat(text)
        return int(moment.timestamp() * 1000) if moment.tzinfo else None
    except (OverflowError, ValueError):
        return None


class Cap(Strict):
    day: Annotated[int, Field(ge=0, le=_MAX_CAP)] | None = None
    month: Annotated[int, Field(ge=0, le=_MAX_CAP)] | None = None
    currency: str | None = None

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.day is None and self.month is None:
            raise PydanticCustomError("cap", "must have `day` or `month`, in minor units")
        return self


class MakeKey(Strict):
    name: Name
    # Null means every permission. The field is required, so no key gets every permission by mistake.
    scopes: Annotated[list[str], Field(min_length=1, max_length=len(Scope))] | None
    kind: Literal["user", "system"] | None = None
    api_version: Annotated[int, Field(ge=1, le=2)] = 2
    ip_list: Annotated[list[Annotated[str, AfterValidator(_block)]], Field(max_length=MAX_BLOCKS)] | None = (
        None
    )
    expires_at: Annotated[str, AfterValidator(_moment)] | None = None
    expires_in_days: Annotated[int, Field(ge=1, le=MAX_LIFE // DAY)] | None = None
    test: bool | None = None
    spend_cap: Cap | None = None


class RotateKey(Strict):
    overlap_seconds: Annotated[int, Field(ge=0, le=MAX_OVERLAP // SECOND)] = OVERLAP // SECOND


_FINDINGS = {
    "literal_error": "must be {expected}",
    "too_short": "must have at least {min_length} entry, or be null for a key that may do everything",
}


def _problem(found: Mapping[str, Any]) -> InvalidRequestError:
    text = _FINDINGS.get(found["type"])
    return field_problem(found, text.format(**found["ctx"]) if text else None)


def _key(body: object, facts: RequestFacts) -> KeyRequest:
    given = checked(MakeKey, body, _problem)
    if given.expires_at is not None and given.expires_in_days is not None:
        text = "`expires_in_days` cannot be used together with `expires_at`."
        raise InvalidRequestError(Code.INVALID_FIELD, text, "/expires_in_days")
    unknown = [
        InvalidRequestError(
            Code.UNKNOWN_SCOPE,
            f"The scope {scope[:100]!r} does not exist: see `GET /api/keys/scopes`.",
            f"/scopes/{at}",
        )
        for at, scope in enumerate(given.scopes or ())
        if scope not in set(Scope)
    ]
    if unknown:
        raise InvalidFieldsError(unknown)
    cap = given.spend_cap
    return KeyRequest(
        name=given.name,
        scopes=frozenset(given.scopes or ()),
        idempotency_key=facts.key,
        fingerprint=facts.fingerprint,
        kind=CredentialKind(given.kind) if given.kind else None,
        api_version=given.api_version,
        ip_list=tuple(dict.fromkeys(given.ip_list or ())),
        expires_at=_epoch_ms(given.expires_at) if given.expires_at else None,
        expires_in=given.expires_in_days * DAY if given.expires_in_days else None,
        test=given.test,
        spend_cap=SpendCap(cap.currency or "", cap.day, cap.month) if cap else None,
    )


def _rotation(body: object, facts: RequestFacts) -> RotationRequest:
    given = checked(RotateKey, body)
    return RotationRequest(given.overlap_seconds * SECOND, facts.key, facts.fingerprint)


MAKE_KEY = operations.MAKE_KEY.taking(Body(MakeKey, _key))
ROTATE_KEY = operations.ROTATE_KEY.taking(Body(RotateKey, _rotation, optional=True))
