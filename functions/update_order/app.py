"""PATCH /api/orders/:id is reserved and answers 400 (contract 002, "PATCH is a no-op")."""

from __future__ import annotations

from hosting_orders.domain.errors import InvalidRequestError
from hosting_orders.entrypoints.http import Reply, Request, endpoint
from hosting_orders.usecases.authenticate import Caller
from hosting_orders.usecases.ports import Services


@endpoint(oauth_scope=None)
def handler(request: Request, caller: Caller, services: Services) -> Reply:
    raise InvalidRequestError("reserved", "PATCH is reserved: an order cannot be changed once it is placed.")
