"""Contract 002, "Register or Transfer a Domain": what comes in, and the `domain` block that goes out."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic_core import PydanticCustomError

from hosting_orders.domain.catalogue import DomainPrice
from hosting_orders.domain.errors import InvalidFieldsError, InvalidRequestError
from hosting_orders.domain.ids import registration_id
from hosting_orders.domain.order import Order, OrderStatus
from hosting_orders.domain.products import DomainItem, DomainResource
from hosting_orders.domain.registration import DomainAction, TldRules

from .v2_words import FOR_CUSTOMERS, Callback, Strict, date_time, field_problem

# -- what comes in ------------------------------------------------------------------------------------------------


def _one_line(text: str) -> str:
    if any(unicodedata.category(sign) == "Cc" for sign in text):
        raise PydanticCustomError("unreadable", "must not have control characters or line breaks")
    return text


# Copied out of e-mails, so white space around it is usual; a line break inside is never part of it.
_AuthCode = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=255), AfterValidator(_one_line)
]
_RegistrationId = Annotated[int, Field(ge=1, le=2**53)]


class ContactSource(Strict):
    """`domain.contact_source` (O2-131). The other fields are ours: what the registration's contact may lack for
    another TLD."""

    registration_id: _RegistrationId
    organization: str | None = None
    state: str | None = None
    extra_properties: dict[str, Any] | None = None


class RoleContact(BaseModel):
    """One of `domain.role_contacts` (O2-132 … O2-134); its contact fields stand beside `source`."""

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
    """`domain` of POST /api/orders/domain (O2-120 … O2-135)."""

    name: Annotated[str, StringConstraints(max_length=1024)]
    action: str | None = None
    authcode: _AuthCode | None = None
    contact: dict[str, Any] | None = None
    contact_source: ContactSource | None = None
    role_contacts: RoleContacts | None = None


class OrderDomain(Strict):
    """Body of POST /api/orders/domain."""

    domain: Domain
    callback: Callback | None = None


def parse_order_domain(body: object) -> OrderDomain:
    """Raises InvalidFieldsError naming every wrong field, with the contract's code for it."""
    try:
        return OrderDomain.model_validate(body)
    except ValidationError as error:
        raise InvalidFieldsError([domain_problem(found) for found in error.errors()]) from None


# Which of the contract's codes a field's problem has; the longest match decides.
_CODES: dict[tuple[str, ...], str] = {
    ("domain", "name"): "invalid_domain",
    ("domain", "action"): "invalid_action",
    ("domain", "contact"): "invalid_contact",
    ("domain", "contact_source"): "invalid_contact_source",
    ("domain", "role_contacts"): "invalid_contact",
}


def domain_problem(found: Mapping[str, Any]) -> InvalidRequestError:
    """One of pydantic's findings in a body with a `domain`, wherever it stands."""
    problem = field_problem(found)
    location = tuple(str(part) for part in found["loc"])
    if "domain" in location:
        location = location[location.index("domain") :]
    code = _CODES.get(location[:2], problem.code)
    if location[-1:] == ("source_registration_id",):
        code = "invalid_contact_source"
    return InvalidRequestError(code, str(problem), problem.pointer)


# -- what goes out ------------------------------------------------------------------------------------------------

_STATES = {
    OrderStatus.PENDING: "pending",
    OrderStatus.COMPLETED: "active",
    OrderStatus.FAILED: "failed",
    OrderStatus.CANCELING: "cancelling",
    OrderStatus.CANCELED: "cancelled",
    OrderStatus.EXPIRED: "cancelled",
    OrderStatus.REFUNDING: "failed",
    OrderStatus.REFUND_FAILED: "failed",
    OrderStatus.PROVISION_FAILED: "failed",
}

# What the registrar waits for (Route 53 Domains' `StatusFlag`), and what the customer can do about it.
_CONFIRM = (
    "The registrant has to confirm: open the message that was sent to the owner contact's e-mail address and follow "
    "its link."
)
_NEXT_STEPS = {
    "PENDING_CUSTOMER_ACTION": _CONFIRM,
    "PENDING_AUTHORIZATION": _CONFIRM,
    "PENDING_PAYMENT_VERIFICATION": "We have to settle something with our registrar. You do not need to do anything.",
    "PENDING_SUPPORT_CASE": "We have to settle something with our registrar. You do not need to do anything.",
}
_NOT_TAKEN_ON = (
    "The registrar has not accepted the order yet, and we keep asking. You do not need to do anything."
)
_WAITING = {
    DomainAction.REGISTER: "The registrar is working on it. You do not need to do anything.",
    DomainAction.TRANSFER: (
        "The current registrar has to release the domain, which takes about five days. It is faster if you approve "
        "the transfer there."
    ),
}


def domain_block(order: Order) -> dict[str, Any]:
    """`domain` of GET /api/orders/:id (O2-055, C06).

    Ours besides: `next_step` also for registrations, `dns_zone` with the servers of our own zone, and
    `registry_status`, the registry's EPP words.
    """
    item = order.item_as(DomainItem)
    resource = order.resource_as(DomainResource)
    flag = order.domain_record.flag
    waiting = order.status is OrderStatus.PROCESSING and order.provisioning_at is not None
    return {
        "name": item.name,
        "ascii_name": item.ascii_name,
        "action": item.action.value,
        "status": _domain_word(order, flag),
        "registration_id": registration_id(order.number) if resource else None,
        "expires_at": date_time(resource.expires_at) if resource else None,
        "nameservers": list(resource.nameservers) if resource else [],
        "registry_state": flag,
        "registry_status": list(resource.registry_states) if resource else [],
        "next_step": _next_step(order, flag) if waiting else None,
        "dns_zone": {"id": resource.zone_id, "nameservers": list(resource.zone_nameservers)}
        if resource
        else None,
        "transfer": _transfer(order, flag) if item.action is DomainAction.TRANSFER else None,
    }


def _next_step(order: Order, flag: str | None) -> str:
    if order.operation_id is None:
        return _NOT_TAKEN_ON
    return _NEXT_STEPS.get(flag or "", _WAITING[order.item_as(DomainItem).action])


def waits_for_others(order: Order) -> bool:
    """Whether a name is on its way and somebody else has to act: the losing registrar, or the registrant (C03)."""
    if order.domain is None or order.status is not OrderStatus.PROCESSING:
        return False
    if order.domain.flag in FOR_CUSTOMERS:
        return True
    return order.item_as(DomainItem).is_transfer and order.operation_id is not None


def _domain_word(order: Order, flag: str | None) -> str:
    if order.status is not OrderStatus.PROCESSING:
        return _STATES[order.status]
    if order.provisioning_at is None:
        return "pending"
    if flag in FOR_CUSTOMERS:
        return "action_required"
    return "transferring" if order.item_as(DomainItem).action is DomainAction.TRANSFER else "registering"


def _transfer(order: Order, flag: str | None) -> dict[str, Any]:
    """`transfer{state,next_step,deadline}`: where it stands, what the customer can do, until when it is waited for."""
    word = _domain_word(order, flag)
    if word not in ("transferring", "action_required"):
        done = (
            "The transfer is complete. The domain keeps the nameservers it had; `dns_zone` is ready to take over."
            if word == "active"
            else None
        )
        return {"state": "completed" if word == "active" else word, "next_step": done, "deadline": None}
    state = "submitting" if order.operation_id is None else "in_progress"
    if flag in FOR_CUSTOMERS:
        state = "waiting_for_customer"
    since = order.provisioning_at or order.updated_at
    return {
        "state": state,
        "next_step": _next_step(order, flag),
        "deadline": date_time(since + order.item.deadline()),
    }


def tld_summary(rules: TldRules, price: DomainPrice | None, currency: str | None) -> dict[str, Any]:
    """One TLD of GET /api/tlds. `prices` are net, the account's own, and empty without an account."""
    return {
        "tld": rules.tld,
        "actions": ["register", "transfer"] if rules.transferable else ["register"],
        "authcode_required": rules.authcode_required,
        "prices": [
            {"action": action, "years": 1, "currency": currency, "net_cents": amount}
            for action, amount in (
                ("register", price.register),
                ("transfer", price.transfer),
                ("renew", price.renew),
            )
        ]
        if price
        else [],
        "url": f"/api/tlds/{rules.tld}",
    }


def tld_details(rules: TldRules, price: DomainPrice | None, currency: str | None) -> dict[str, Any]:
    """GET /api/tlds/:tld: the same, and the JSON Schema that `domain.contact` is checked with."""
    return {**tld_summary(rules, price, currency), "contact_schema": dict(rules.contact_schema)}
