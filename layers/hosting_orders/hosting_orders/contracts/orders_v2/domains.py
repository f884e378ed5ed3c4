"""The `domain` block of an order (O2-055, C06)."""

from __future__ import annotations

from typing_extensions import TypedDict

from hosting_orders.contracts.shown import FOR_CUSTOMERS
from hosting_orders.contracts.vendor.times import date_time
from hosting_orders.domain import deadlines, durations
from hosting_orders.domain.ids import registration_id
from hosting_orders.domain.order import Order, OrderStatus
from hosting_orders.domain.products import DomainItem, DomainResource
from hosting_orders.domain.registration import DomainAction, RegistrarWaits
from hosting_orders.usecases.verify_registrant import VerificationMail


class SentVerification(TypedDict):
    status: str
    domain: str
    already_verified: bool


def sent_verification(mail: VerificationMail) -> SentVerification:
    return {"status": "accepted", "domain": mail.name, "already_verified": mail.already_verified}


class DnsZone(TypedDict):
    id: str
    nameservers: list[str]


class Transfer(TypedDict):
    state: str
    next_step: str | None
    deadline: str | None


class DomainBlock(TypedDict):
    name: str
    ascii_name: str
    action: str
    status: str
    registration_id: int | None
    expires_at: str | None
    nameservers: list[str]
    registry_state: str | None
    registry_status: list[str]  # ours: the registry's EPP status codes
    next_step: str | None  # ours
    dns_zone: DnsZone | None  # ours
    transfer: Transfer | None


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

# The values of `next_step` while the registrar waits for something.
_CONFIRM = (
    "The registrant has to confirm: open the message that was sent to the owner contact's e-mail address and follow "
    "its link."
)
_NEXT_STEPS = {
    RegistrarWaits.REGISTRANT: _CONFIRM,
    RegistrarWaits.AUTHORIZATION: _CONFIRM,
    RegistrarWaits.PAYMENT: "We have to settle something with our registrar. You do not need to do anything.",
    RegistrarWaits.SUPPORT: "We have to settle something with our registrar. You do not need to do anything.",
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
_VERIFY = (
    "The registrant has to confirm the e-mail address: follow the link in the message to the owner contact's address. "
    f"Without this step the registrar suspends the domain after {deadlines.VERIFICATION_ENDS // durations.DAY} days. "
    "`POST /api/orders/:id/resend-verification` sends the message again."
)
_TRANSFERRED = (
    "The transfer is complete. The domain keeps its nameservers. "
    "To use our DNS, change them to those of `dns_zone`."
)
_KEEPS_OWNER = (
    "The domain keeps its present owner contact, not the order's. You can change it after the transfer."
)
_NO_ZONE_YET = (
    "The transfer is complete. The domain keeps its nameservers. Its DNS zone will be created later."
)


def domain_block(order: Order) -> DomainBlock:
    item = order.item_as(DomainItem)
    resource = order.resource_as(DomainResource)
    flag = order.domain_record.flag
    waiting = order.status is OrderStatus.PROCESSING and order.provisioning_at is not None
    return {
        "name": item.name,
        "ascii_name": item.ascii_name,
        "action": item.action.value,
        "status": "action_required" if order.unverified else _domain_word(order, flag),
        "registration_id": registration_id(order.number) if resource else None,
        "expires_at": date_time(resource.expires_at) if resource else None,
        "nameservers": list(resource.nameservers) if resource else [],
        "registry_state": flag.value if flag else None,
        "registry_status": list(resource.registry_states) if resource else [],
        "next_step": _next_step(order, flag) if waiting else _VERIFY if order.unverified else None,
        "dns_zone": {"id": resource.zone_id, "nameservers": list(resource.zone_nameservers)}
        if resource and resource.zone_id
        else None,
        "transfer": _transfer(order, flag) if item.is_transfer else None,
    }


def _next_step(order: Order, flag: RegistrarWaits | None) -> str:
    if order.operation_id is None:
        return _NOT_TAKEN_ON
    usual = _WAITING[order.item_as(DomainItem).action]
    return _NEXT_STEPS.get(flag, usual) if flag else usual


def _domain_word(order: Order, flag: RegistrarWaits | None) -> str:
    if order.status is not OrderStatus.PROCESSING:
        return _STATES[order.status]
    if order.provisioning_at is None:
        return "pending"
    if flag in FOR_CUSTOMERS:
        return "action_required"
    return "transferring" if order.item_as(DomainItem).is_transfer else "registering"


def _transfer(order: Order, flag: RegistrarWaits | None) -> Transfer:
    word = _domain_word(order, flag)
    if word not in ("transferring", "action_required"):
        steps = []
        if word == "active" and not order.domain_has_left:
            steps.append(_NO_ZONE_YET if order.zone_owed else _TRANSFERRED)
        if word == "pending" or steps:
            steps += _owner(order)
        state = "completed" if word == "active" else word
        return {"state": state, "next_step": " ".join(steps) or None, "deadline": None}
    state = "submitting" if order.operation_id is None else "in_progress"
    if flag in FOR_CUSTOMERS:
        state = "waiting_for_customer"
    since = order.provisioning_at or order.updated_at
    return {
        "state": state,
        "next_step": " ".join([_next_step(order, flag), *_owner(order)]),
        "deadline": date_time(since + order.item.deadline()),
    }


def _owner(order: Order) -> list[str]:
    return [_KEEPS_OWNER] if order.item_as(DomainItem).keeps_owner else []
