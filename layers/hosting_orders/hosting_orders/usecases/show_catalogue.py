"""Show what an account can order."""

from __future__ import annotations

from dataclasses import dataclass

from hosting_orders.domain.account import Account
from hosting_orders.domain.catalogue import Catalogue

from .authenticate import Caller
from .ports import Services


@dataclass(frozen=True, slots=True)
class CatalogueView:
    account: Account
    catalogue: Catalogue


def show_catalogue(services: Services, caller: Caller) -> CatalogueView:
    return CatalogueView(caller.scope, services.catalogue.load())
