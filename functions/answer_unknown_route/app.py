"""Every path that is not there: a 404 in the contract's error shape instead of API Gateway's own."""

from __future__ import annotations

from hosting_orders.domain.errors import NotFoundError
from hosting_orders.entrypoints.http import Reply, Request, public_endpoint
from hosting_orders.usecases.ports import Services


@public_endpoint
def handler(request: Request, services: Services) -> Reply:
    raise NotFoundError(f"There is no {request.method} {request.path[:100]!a} here.")
