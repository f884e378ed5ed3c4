"""GET /api/about: the names an order may use (docs/contracts.md)."""

from __future__ import annotations

from hosting_orders import bootstrap
from hosting_orders.contracts import v2
from hosting_orders.domain.errors import ProviderUnavailableError
from hosting_orders.domain.features import DOMAIN_REGISTRATION
from hosting_orders.domain.release import VERSION
from hosting_orders.entrypoints.http import Reply, Request, endpoint
from hosting_orders.entrypoints.logs import logger
from hosting_orders.usecases.authenticate import Caller
from hosting_orders.usecases.ports import Services


@endpoint(oauth_scope="account:read", account_scope=False)
def handler(request: Request, caller: Caller, services: Services) -> Reply:
    about = v2.about(
        VERSION,
        caller.credential,
        caller.account,
        services.catalogue.load(),
        {DOMAIN_REGISTRATION: _switched_on(DOMAIN_REGISTRATION, caller, services)},
        tax_is_added=bootstrap.tax_is_added(),
    )
    return Reply(200, about)


def _switched_on(feature: str, caller: Caller, services: Services) -> bool | None:
    """None when it can't be told now: that is no reason to keep the rest from those who order sites."""
    try:
        return services.features.enabled(feature, caller.account.id if caller.account else None)
    except ProviderUnavailableError:
        logger().warning("a switch can not be read", exc_info=True)
        return None
