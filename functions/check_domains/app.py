"""GET /api/domains/check: which domains can be registered, and at which price."""

from __future__ import annotations

from collections.abc import Sequence

from hosting_orders import bootstrap
from hosting_orders.contracts.orders_v2 import operations as orders_v2
from hosting_orders.contracts.rate_limits import LIMITS
from hosting_orders.entrypoints.http import Call, Reply, serves
from hosting_orders.usecases.check_domains import DomainCheck, check_domains
from hosting_orders.usecases.limit_rate import Bucket
from hosting_orders.usecases.ports import Services

bootstrap.prepare(
    "directory", "catalogue", "orders", "registry_rules", "registrar", "features", "known_offers"
)
bootstrap.prepare("counts", "key_uses")


@serves(orders_v2.CHECK_DOMAINS)
def handler(call: Call[Sequence[DomainCheck]], services: Services) -> Reply:
    given = call.request.query.get("names", "")
    names = [name.strip() for name in given.split(",") if name.strip()]
    return call.answer(check_domains(services, call.caller, names, LIMITS[Bucket.REGISTRAR]))
