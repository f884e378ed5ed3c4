"""Show one of the caller's accounts with its people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hosting_orders.domain.account import Account, User
from hosting_orders.domain.errors import NotFoundError

from .authenticate import Caller, trial_blocks_api
from .ports import Services


@dataclass(frozen=True, slots=True)
class AccountView:
    account: Account
    people: Mapping[str, User]
    callback_signing_secret: str

    def __repr__(self) -> str:
        return f"AccountView({self.account.id})"  # the view contains a secret


def show_account(services: Services, caller: Caller, account_id: str) -> AccountView:
    """Raises NotFoundError if the caller has no access to the account."""
    account = services.directory.account(account_id) if account_id in caller.credential.account_ids else None
    if account is None or trial_blocks_api(account):
        raise NotFoundError("There is no such account.")
    people = {role.user_id: services.directory.user(role.user_id) for role in account.roles}
    return AccountView(
        account,
        {user_id: user for user_id, user in people.items() if user is not None},
        services.callbacks.secret_for(account.id),
    )
