"""GET /api/users/:id (docs/contracts.md)."""

from __future__ import annotations

from hosting_orders.contracts import v2
from hosting_orders.domain.errors import NotFoundError
from hosting_orders.entrypoints.http import Reply, Request, endpoint
from hosting_orders.usecases.authenticate import Caller
from hosting_orders.usecases.ports import Services


@endpoint(oauth_scope=None, account_scope=False)
def handler(request: Request, caller: Caller, services: Services) -> Reply:
    user = services.directory.user(request.path_parameters["id"])
    # A person sees themselves; an account's key sees the people of its accounts. Nobody else exists.
    visible = user is not None and (
        user.id == caller.user_id or bool(set(user.account_ids) & set(caller.credential.account_ids))
    )
    if user is None or not visible:
        raise NotFoundError("There is no such user.")
    return Reply(200, v2.user_details(user))
