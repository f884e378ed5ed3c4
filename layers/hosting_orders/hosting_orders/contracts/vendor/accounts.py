"""Accounts and users (docs/contracts.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import TypedDict

from hosting_orders.domain.account import Account, AccountRole, User

from .times import date_time

if TYPE_CHECKING:
    from hosting_orders.usecases.show_account import AccountView


class NamedId(TypedDict):
    id: str
    name: str


class ParentAccount(TypedDict):
    id: str
    name: str | None


class AccountDetails(TypedDict):
    id: str
    name: str
    reseller: bool
    is_trial: bool
    trial_start: str | None
    trial_end: str | None
    parent_account: ParentAccount | None
    reseller_billing_plan: NamedId
    nameservers: list[str]
    created_at: str
    updated_at: str


class Role(TypedDict):
    id: str
    name: str
    label: str
    is_admin: bool
    can_edit: bool
    can_create: bool
    can_destroy: bool
    billing: bool
    wp_login: bool


class Person(TypedDict):
    id: str
    fname: str
    lname: str
    email: str


class AccountRoleDetails(TypedDict):
    inherited_from: None
    role: Role
    user: Person
    created_at: str
    updated_at: str


class AccountWithPeople(AccountDetails):
    account_roles: list[AccountRoleDetails]
    callback_signing_secret: str  # our addition; clients verify callbacks with it (Standard Webhooks)


class UserDetails(TypedDict):
    id: str
    fname: str
    lname: str
    email: str
    account_brand_id: int
    locale: str
    created_at: str
    updated_at: str


def account_details(account: Account) -> AccountDetails:
    return {
        "id": account.id,
        "name": account.name,
        "reseller": account.reseller,
        "is_trial": account.is_trial,
        "trial_start": date_time(account.trial_start),
        "trial_end": date_time(account.trial_end),
        "parent_account": {"id": account.parent_id, "name": account.parent_name}
        if account.parent_id
        else None,
        "reseller_billing_plan": {"id": account.billing_plan, "name": account.billing_plan},
        "nameservers": list(account.nameservers),
        "created_at": date_time(account.created_at),
        "updated_at": date_time(account.updated_at),
    }


def account_with_people(view: AccountView) -> AccountWithPeople:
    return {
        **account_details(view.account),
        "account_roles": [
            _role_details(role, view.people[role.user_id])
            for role in view.account.roles
            if role.user_id in view.people
        ],
        "callback_signing_secret": view.callback_signing_secret,
    }


def _role_details(role: AccountRole, user: User) -> AccountRoleDetails:
    return {
        "inherited_from": None,
        "role": {
            "id": role.role_name,
            "name": role.role_name,
            "label": role.role_label,
            "is_admin": role.is_admin,
            "can_edit": role.is_admin,
            "can_create": role.is_admin,
            "can_destroy": role.is_admin,
            "billing": role.is_admin,
            "wp_login": True,
        },
        "user": {"id": role.user_id, "fname": user.first_name, "lname": user.last_name, "email": user.email},
        "created_at": date_time(role.created_at),
        "updated_at": date_time(role.updated_at),
    }


def user_details(user: User) -> UserDetails:
    return {
        "id": user.id,
        "fname": user.first_name,
        "lname": user.last_name,
        "email": user.email,
        "account_brand_id": user.account_brand_id,
        "locale": user.locale,
        "created_at": date_time(user.created_at),
        "updated_at": date_time(user.updated_at),
    }
