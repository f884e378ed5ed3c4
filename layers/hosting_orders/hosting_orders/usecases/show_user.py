"""Show one user."""

from __future__ import annotations

from hosting_orders.domain.account import User
from hosting_orders.domain.errors import NotFoundError

from .authenticate import Caller
from .ports import Services


def show_user(services: Services, caller: Caller, user_id: str) -> User:
    """A key sees its own user and the users of its accounts. Raises NotFoundError."""
    user = services.directory.user(user_id)
    if user is not None:
        own = user.id == caller.user_id
        if own or set(user.account_ids) & set(caller.credential.account_ids):
            return user
    raise NotFoundError("There is no such user.")
