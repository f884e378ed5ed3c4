"""Read Route 53's operations and domains."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from hosting_orders.adapters.route53.texts import refusal_in, without
from hosting_orders.domain.errors import ProviderUnavailableError
from hosting_orders.domain.registration import (
    DomainAction,
    Expiry,
    RegisteredDomain,
    RegistrarOperation,
    RegistrarStatus,
    RegistrarWaits,
    Upkeep,
)

TYPES: Mapping[DomainAction | Upkeep, str] = {
    DomainAction.REGISTER: "REGISTER_DOMAIN",
    DomainAction.TRANSFER: "TRANSFER_IN_DOMAIN",
    Upkeep.RENEW: "RENEW_DOMAIN",
}
_ACTIONS = {word: action for action, word in TYPES.items()}

_STATUSES = {
    "SUBMITTED": RegistrarStatus.RUNNING,
    "IN_PROGRESS": RegistrarStatus.RUNNING,
    "SUCCESSFUL": RegistrarStatus.SUCCEEDED,
    "FAILED": RegistrarStatus.FAILED,
    "ERROR": RegistrarStatus.FAILED,
}

_WAITS = {
    "PENDING_ACCEPTANCE": RegistrarWaits.ACCEPTANCE,
    "PENDING_CUSTOMER_ACTION": RegistrarWaits.REGISTRANT,
    "PENDING_AUTHORIZATION": RegistrarWaits.AUTHORIZATION,
    "PENDING_PAYMENT_VERIFICATION": RegistrarWaits.PAYMENT,
    "PENDING_SUPPORT_CASE": RegistrarWaits.SUPPORT,
}


def read_operation(detail: Mapping[str, Any]) -> RegistrarOperation:
    said = without(str(detail.get("Message") or ""), ())
    try:
        return RegistrarOperation(
            id=str(detail["OperationId"]),
            name=str(detail["DomainName"]).lower(),
            action=_ACTIONS[detail["Type"]],
            status=_STATUSES[detail["Status"]],
            submitted_at=_epoch_ms(detail["SubmittedDate"]),
            flag=_waits_for(detail.get("StatusFlag")),
            message=said or None,
            refusal=refusal_in(said),
        )
    except (KeyError, TypeError, AttributeError) as fault:
        raise ProviderUnavailableError(f"registrar: malformed operation ({type(fault).__name__})") from None


def _waits_for(flag: str | None) -> RegistrarWaits | None:
    return _WAITS.get(flag, RegistrarWaits.OTHER) if flag else None


def read_domain(name: str, detail: Mapping[str, Any]) -> RegisteredDomain:
    try:
        return RegisteredDomain(
            name=name.lower(),
            nameservers=tuple(str(server["Name"]).lower() for server in detail.get("Nameservers", ())),
            created_at=_epoch_ms(detail["CreationDate"]) if "CreationDate" in detail else None,
            expires_at=_epoch_ms(detail["ExpirationDate"]) if "ExpirationDate" in detail else None,
            states=tuple(detail.get("StatusList", ())),
        )
    except (KeyError, TypeError, AttributeError) as fault:
        raise ProviderUnavailableError(f"registrar: malformed domain ({type(fault).__name__})") from None


def read_expiry(entry: Mapping[str, Any]) -> Expiry:
    try:
        return Expiry(str(entry["DomainName"]).lower(), _epoch_ms(entry["Expiry"]))
    except (KeyError, TypeError, AttributeError) as fault:
        raise ProviderUnavailableError(f"registrar: malformed list ({type(fault).__name__})") from None


def _epoch_ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
