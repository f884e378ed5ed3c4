"""Show the catalogue and the caller's identity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hosting_orders.domain.account import Account
from hosting_orders.domain.catalogue import Catalogue
from hosting_orders.domain.errors import ProviderUnavailableError
from hosting_orders.domain.features import DOMAIN_REGISTRATION
from hosting_orders.domain.release import VERSION

from .authenticate import Caller
from .log import log
from .ports import Services


@dataclass(frozen=True, slots=True)
class AboutView:
    version: str
    user_id: str | None
    account: Account | None
    catalogue: Catalogue
    features: Mapping[str, bool | None]  # None if the feature switch cannot be read
    tax_is_added: bool  # the provider adds tax to the net price


def show_about(services: Services, caller: Caller, *, tax_is_added: bool) -> AboutView:
    return AboutView(
        version=VERSION,
        user_id=caller.user_id,
        account=caller.account,
        catalogue=services.catalogue.load(),
        features={DOMAIN_REGISTRATION: _switched_on(DOMAIN_REGISTRATION, caller, services)},
        tax_is_added=tax_is_added,
    )


def _switched_on(feature: str, caller: Caller, services: Services) -> bool | None:
    try:
        return services.features.enabled(feature, caller.account.id if caller.account else None)
    except ProviderUnavailableError:
        log.warning("the feature switch cannot be read", exc_info=True)
        return None
