"""The body of POST /api/v1/domains/register."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from hosting_orders.contracts.operation import Body, RequestFacts
from hosting_orders.contracts.vendor.requests import Agreed, Callback, checked, field_problem
from hosting_orders.domain.codes import Code
from hosting_orders.domain.errors import InvalidRequestError
from hosting_orders.domain.registration import DomainAction
from hosting_orders.usecases.domain_item import ContactSource, DomainRequest
from hosting_orders.usecases.place_cart import CartRequest

from . import operations
from .requests import request_of


class RegisterDomain(Agreed):
    domain: Annotated[str, StringConstraints(min_length=1, max_length=1024)]
    contact: dict[str, Any] | None = None  # the fields of contract 002
    # An earlier registration of the account. The new domain gets its contacts, in the same roles.
    registrationId: Annotated[int, Field(ge=1, le=2**53)] | None = None  # noqa: N815 - the contract's spelling
    callback: Callback | None = None


def _domain(body: object, facts: RequestFacts) -> CartRequest:
    order = checked(RegisterDomain, body, _problem)
    source = ContactSource(order.registrationId, {}) if order.registrationId is not None else None
    domain = DomainRequest(
        name=order.domain,
        action=DomainAction.REGISTER.value,
        auth_code=None,
        contact=order.contact,
        contact_source=source,
        role_contacts={},
        source_field="registrationId",
        source_pointer="/registrationId",
    )
    return request_of(domain, order.callback, facts, order)


def _problem(found: Mapping[str, Any]) -> InvalidRequestError:
    problem = field_problem(found)
    wrong_domain = found["loc"][:1] == ("domain",) and found["type"] != "missing"
    code = Code.INVALID_DOMAIN if wrong_domain else problem.code
    return InvalidRequestError(code, str(problem), problem.pointer)


REGISTER_DOMAIN = operations.REGISTER_DOMAIN.taking(Body(RegisterDomain, _domain))
