"""GET /api/v1/catalogue (not in the vendor's contract)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import TypedDict

from hosting_orders.domain.catalogue import Term

from .orders import major_units
from .words import INTERVALS

if TYPE_CHECKING:
    from hosting_orders.domain.catalogue import VmPlan
    from hosting_orders.usecases.show_catalogue import CatalogueView


class Price(TypedDict):
    interval: str
    net: float
    currency: str


class Named(TypedDict):
    id: str
    name: str


class Vps(TypedDict):
    plan: str
    name: str
    description: str
    memoryMb: int
    diskGb: int
    cores: int
    transferGb: int
    prices: list[Price]
    images: list[Named]
    locations: list[Named]


class Ending(TypedDict):
    """A top-level domain, with net prices for a year in major units."""

    ending: str
    register: float
    renew: float
    currency: str


class OnSale(TypedDict):
    vps: list[Vps]
    domains: list[Ending]


class CatalogueAnswer(TypedDict):
    """Leaves out products without a price for the account, and VPS plans without an image or a location."""

    data: OnSale


def catalogue(view: CatalogueView) -> CatalogueAnswer:
    plans = (_vps(view, plan) for _, plan in sorted(view.catalogue.vm_plans.items()))
    return {
        "data": {
            "vps": [plan for plan in plans if plan["prices"] and plan["images"] and plan["locations"]],
            "domains": _endings(view),
        }
    }


def _vps(view: CatalogueView, plan: VmPlan) -> Vps:
    account = view.account
    images = view.catalogue.images_on(plan.platform)
    locations = view.catalogue.locations_on(plan.platform)
    prices = {term: plan.price(account.billing_plan, term, account.currency) for term in Term}
    return {
        "plan": plan.short_name,
        "name": plan.name,
        "description": plan.description,
        "memoryMb": plan.memory_mb,
        "diskGb": plan.disk_gb,
        "cores": plan.cores,
        "transferGb": plan.transfer_gb,
        "prices": [
            {
                "interval": INTERVALS[term],
                "net": major_units(price.amount, price.currency),
                "currency": price.currency,
            }
            for term, price in prices.items()
            if price is not None
        ],
        "images": [{"id": name, "name": images[name].name} for name in sorted(images)],
        "locations": [{"id": name, "name": locations[name].name} for name in sorted(locations)],
    }


def _endings(view: CatalogueView) -> list[Ending]:
    account, found = view.account, []
    for name, tld in sorted(view.catalogue.tlds.items()):
        price = tld.price(account.billing_plan, account.currency)
        if price is not None:
            ending: Ending = {
                "ending": name,
                "register": major_units(price.register, account.currency),
                "renew": major_units(price.renew, account.currency),
                "currency": account.currency,
            }
            found.append(ending)
    return found
