"""The API keys of an account (not in the vendor's contract)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from typing_extensions import TypedDict

from hosting_orders.contracts.vendor.times import date_time
from hosting_orders.domain.account import SpendCap
from hosting_orders.domain.api_key import MAX_KEYS, FormerSecret
from hosting_orders.domain.scopes import Scope

if TYPE_CHECKING:
    from hosting_orders.usecases.manage_keys import KeyView


class Cap(TypedDict):
    currency: str
    day: int | None  # minor units
    month: int | None


class PreviousSecret(TypedDict):
    prefix: str
    valid_until: str


class KeyDetails(TypedDict):
    id: str
    name: str
    prefix: str  # of the newest secret
    kind: str
    user_id: str | None
    status: str
    scopes: list[str] | None  # null: the key may do everything
    api_version: int
    ip_list: list[str]
    test: bool
    spend_cap: Cap | None
    expires_at: str | None
    created_at: str | None
    last_used_at: str | None
    revoked_at: str | None
    made_by: str | None  # the id of the key that made this one
    previous_secret: PreviousSecret | None


class KeyList(TypedDict):
    keys: list[KeyDetails]
    max_keys: int


class KeyAnswer(TypedDict):
    key: KeyDetails


class KeyWithSecret(KeyAnswer):
    secret: str | None  # null in the answer to a repeated request


class ScopeDetails(TypedDict):
    scope: str
    about: str


class ScopeList(TypedDict):
    scopes: list[ScopeDetails]


def key_list(views: list[KeyView]) -> KeyList:
    return {"keys": [_details(view) for view in views], "max_keys": MAX_KEYS}


def key_answer(view: KeyView) -> KeyAnswer:
    return {"key": _details(view)}


def key_with_secret(view: KeyView) -> KeyWithSecret:
    return {"key": _details(view), "secret": view.secret}


def replayed(view: KeyView) -> Mapping[str, str]:
    return {"Idempotent-Replayed": "true"} if view.replayed else {}


def scope_list(_: None) -> ScopeList:
    return {"scopes": [{"scope": scope.value, "about": scope.about} for scope in Scope]}


def _details(view: KeyView) -> KeyDetails:
    key, credential = view.key, view.key.credential
    return {
        "id": key.id,
        "name": credential.name,
        "prefix": credential.prefix,
        "kind": credential.kind.value,
        "user_id": credential.user_id,
        "status": key.status(view.now).value,
        "scopes": sorted(credential.scopes) or None,
        "api_version": credential.api_version,
        "ip_list": list(credential.ip_list),
        "test": credential.test,
        "spend_cap": _cap(credential.spend_cap),
        "expires_at": date_time(credential.expires_at),
        # Keys that earlier releases made have no creation time.
        "created_at": date_time(credential.created_at or None),
        "last_used_at": date_time(credential.last_used_at),
        "revoked_at": date_time(key.revoked_at),
        "made_by": key.made_by,
        "previous_secret": _previous(key.previous_secret(view.now)),
    }


def _cap(cap: SpendCap | None) -> Cap | None:
    return None if cap is None else {"currency": cap.currency, "day": cap.day, "month": cap.month}


def _previous(secret: FormerSecret | None) -> PreviousSecret | None:
    return {"prefix": secret.prefix, "valid_until": date_time(secret.valid_until)} if secret else None
