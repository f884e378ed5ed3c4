"""Answer an unknown path with a 404 in the error format of the path's contract."""

from __future__ import annotations

from hosting_orders import bootstrap
from hosting_orders.contracts.published import contract_of_path
from hosting_orders.entrypoints.http import unknown_routes

bootstrap.prepare("directory", "counts", "key_uses")

handler = unknown_routes(contract_of_path)
