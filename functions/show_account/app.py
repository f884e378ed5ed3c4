"""GET /api/accounts/:id (docs/contracts.md)."""

from __future__ import annotations

from hosting_orders.contracts import v2
from hosting_orders.domain.errors import NotFoundError
from hosting_orders.entrypoints.http import Reply, Request, endpoint
from hosting_orders.usecases.authenticate import Caller, shut_out
from hosting_orders.usecases.ports import Services


@endpoint(oauth_scope=None, account_scope=False)
def handler(request: Request, caller: Caller, services: Services) -> Reply:
    wanted = request.path_parameters["id"]
    account = services.directory.account(wanted) if wanted in caller.credential.account_ids else None
    if account is None or shut_out(account):
        raise NotFoundError("There is no such account.")
    people = {role.user_id: services.directory.user(role.user_id) for role in account.roles}
    known = {user_id: user for user_id, user in people.items() if user is not None}
    body = {
        **v2.account_details(account),
        "account_roles": v2.account_roles(account, known),
        # Ours: with this the client verifies that a callback came from us (Standard Webhooks).
        "callback_signing_secret": services.callbacks.secret_for(account.id),
    }
    return Reply(200, body)
