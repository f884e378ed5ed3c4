"""GET /api/about."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from typing_extensions import TypedDict

from hosting_orders.domain.catalogue import Catalogue, Plan, PlatformName, VmPlan
from hosting_orders.domain.money import is_sold_in

if TYPE_CHECKING:
    from hosting_orders.usecases.show_about import AboutView


class Location(TypedDict):
    id: str
    short_name: str
    name: str


class Price(TypedDict):
    """Minor units."""

    term: str
    currency: str
    net_cents: int
    gross_cents: int | None  # null when tax depends on the customer's country


class ProductOnSale(TypedDict):
    id: str
    short_name: str
    name: str
    description: str
    prices: list[Price]  # the prices for the account; empty if the request names no account


class VariantOnSale(TypedDict):
    name: str
    available: bool


class ImageOnSale(TypedDict):
    short_name: str
    name: str


class VmPlanOnSale(ProductOnSale):
    """A plan without images or locations is left out."""

    memory_mb: int
    disk_gb: int
    cores: int
    transfer_gb: int
    images: list[ImageOnSale]
    locations: list[Location]


class About(TypedDict):
    version: str
    logged_in_as: str | None
    account_scoped: str | None
    locations: list[Location]  # for sites
    products: list[ProductOnSale]  # for sites
    variants: list[VariantOnSale]
    vm_plans: list[VmPlanOnSale]  # added by us
    features: dict[str, bool | None]  # null while unknown


def about_without(unknown_variants: frozenset[str]) -> Callable[[AboutView], About]:
    return lambda view: _about(view, unknown_variants)


def _about(view: AboutView, unknown_variants: frozenset[str]) -> About:
    account = view.account
    return {
        "version": view.version,
        "logged_in_as": view.user_id,
        "account_scoped": account.id if account else None,
        "locations": _locations(view.catalogue, PlatformName.HTTP),
        "products": [_product(view, plan) for plan in _by_name(view.catalogue.plans)],
        "variants": [
            {"name": variant.name, "available": variant.available}
            for variant in _by_name(view.catalogue.variants)
            if variant.name not in unknown_variants
        ],
        "vm_plans": [
            shown for plan in _by_name(view.catalogue.vm_plans) if (shown := _vm_plan(view, plan)) is not None
        ],
        "features": dict(view.features),
    }


def _locations(catalogue: Catalogue, platform: PlatformName) -> list[Location]:
    return [
        {"id": place.id, "short_name": place.short_name, "name": place.name}
        for place in _by_name(catalogue.locations_on(platform))
    ]


def _product(view: AboutView, plan: Plan) -> ProductOnSale:
    account = view.account
    return {
        "id": plan.id,
        "short_name": plan.short_name,
        "name": plan.name,
        "description": plan.description,
        "prices": [
            {
                "term": term.value,
                "currency": currency,
                "net_cents": amount,
                "gross_cents": None if view.tax_is_added else amount,
            }
            for (billing_plan, term, currency), amount in sorted(plan.prices.items())
            if account
            and (billing_plan, currency) == (account.billing_plan, account.currency)
            and is_sold_in(currency)
        ],
    }


def _vm_plan(view: AboutView, plan: VmPlan) -> VmPlanOnSale | None:
    images = _by_name(view.catalogue.images_on(plan.platform))
    shown: VmPlanOnSale = {
        **_product(view, plan),
        "memory_mb": plan.memory_mb,
        "disk_gb": plan.disk_gb,
        "cores": plan.cores,
        "transfer_gb": plan.transfer_gb,
        "images": [{"short_name": image.short_name, "name": image.name} for image in images],
        "locations": _locations(view.catalogue, plan.platform),
    }
    return shown if shown["images"] and shown["locations"] else None


def _by_name(entries: Mapping[str, Any]) -> Iterable[Any]:
    return [entries[name] for name in sorted(entries)]
