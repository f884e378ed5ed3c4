"""The field `domain` of a request in contract 002. The numbers O2-… refer to docs/contracts.md."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from hosting_orders.contracts.vendor.requests import AuthCode, Strict, field_problem
from hosting_orders.domain.codes import Code
from hosting_orders.domain.errors import InvalidRequestError
from hosting_orders.domain.registration import ContactRole, DomainAction
from hosting_orders.usecases import domain_item as usecase
from hosting_orders.usecases.domain_item import SAME_AS_OWNER, DomainRequest, RoleContactRequest

_RegistrationId = Annotated[int, Field(ge=1, le=2**53)]


class ContactSource(Strict):
    """O2-131. Our addition: the optional fields fill gaps of the stored contact."""

    registration_id: _RegistrationId
    organization: str | None = None
    state: str | None = None
    extra_properties: dict[str, Any] | None = None


class RoleContact(BaseModel):
    """O2-132 … O2-134. The contact's fields are next to `source`."""

    model_config = ConfigDict(strict=True, frozen=True, extra="allow")

    source: str | None = None
    source_registration_id: _RegistrationId | None = None

    @property
    def contact(self) -> dict[str, Any]:
        return dict(self.model_extra or {})


class RoleContacts(Strict):
    admin: RoleContact | None = None
    billing: RoleContact | None = None
    tech: RoleContact | None = None


class Domain(Strict):
    """O2-120 … O2-135."""

    name: Annotated[str, StringConstraints(max_length=1024)]
    action: str | None = None
    authcode: AuthCode | None = None
    contact: dict[str, Any] | None = None
    contact_source: ContactSource | None = None
    role_contacts: RoleContacts | None = None


# The contract's error code for a wrong field at or below each path.
_CODES: dict[tuple[str, ...], Code] = {
    ("domain", "name"): Code.INVALID_DOMAIN,
    ("domain", "action"): Code.INVALID_ACTION,
    ("domain", "contact"): Code.INVALID_CONTACT,
    ("domain", "contact_source"): Code.INVALID_CONTACT_SOURCE,
    ("domain", "role_contacts"): Code.INVALID_CONTACT,
}


def domain_problem(found: Mapping[str, Any]) -> InvalidRequestError:
    problem = field_problem(found)
    location = tuple(str(part) for part in found["loc"])
    if "domain" in location:
        location = location[location.index("domain") :]
    code = _CODES.get(location[:2], problem.code)
    if location[-1:] == ("source_registration_id",):
        code = Code.INVALID_CONTACT_SOURCE
    return InvalidRequestError(code, str(problem), problem.pointer)


def domain_request(item: Domain) -> DomainRequest:
    source = item.contact_source
    roles = item.role_contacts
    given = {role: getattr(roles, role.value, None) for role in ContactRole} if roles else {}
    return DomainRequest(
        name=item.name,
        action=DomainAction.REGISTER.value if item.action is None else item.action,
        auth_code=item.authcode,
        contact=item.contact,
        contact_source=usecase.ContactSource(source.registration_id, _additions(source)) if source else None,
        role_contacts={
            role: RoleContactRequest(
                SAME_AS_OWNER if found.source is None else found.source,
                found.source_registration_id,
                found.contact,
            )
            for role, found in given.items()
            if found is not None
        },
    )


def _additions(source: ContactSource) -> dict[str, object]:
    return {
        name: value
        for name, value in (
            ("organization", source.organization),
            ("state", source.state),
            ("extra_properties", source.extra_properties),
        )
        if value is not None
    }
