"""The catalogue in DynamoDB, and the writes of the seeder and operators."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol

from hosting_orders.domain.catalogue import Catalogue, Image, Location, Plan, Tld, Variant
from hosting_orders.domain.money import check_price

from . import keys
from .items import (
    Item,
    image_from_item,
    image_to_item,
    location_from_item,
    location_to_item,
    plan_from_item,
    plan_to_item,
    tld_from_item,
    tld_to_item,
    variant_from_items,
    variant_to_item,
    vm_plan_from_item,
)
from .table import IS_THERE, ConditionFailedError, Table, put, update

_FRESH_FOR = 60_000  # milliseconds


class _Clock(Protocol):
    def now(self) -> int: ...


class DynamoCatalogueStore:
    def __init__(
        self, client: Any, table_name: str, clock: _Clock, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._table = Table(client, table_name, sleep)
        self._clock = clock
        self._known: Catalogue | None = None
        self._read_at = 0

    def load(self) -> Catalogue:
        now = self._clock.now()
        if self._known is None or now - self._read_at >= _FRESH_FOR:
            self._known = self._read()
            self._read_at = now
        return self._known

    def _read(self) -> Catalogue:
        items = self._table.query("#PK = :catalogue", consistent=False, catalogue=keys.catalogue_partition())
        found: dict[str, dict[str, Item]] = {
            kind: {} for kind in ("plan", "vmplan", "image", "location", "variant", "tld", "capacity")
        }
        for item in items:
            kind = keys.catalogue_kind(item)
            if kind is not None:
                found[kind[0]][kind[1]] = item
        counters = found["capacity"]
        return Catalogue(
            plans={name: plan_from_item(item) for name, item in found["plan"].items()},
            locations={name: location_from_item(item) for name, item in found["location"].items()},
            variants={
                name: variant_from_items(item, counters.get(name)) for name, item in found["variant"].items()
            },
            tlds={name: tld_from_item(item) for name, item in found["tld"].items()},
            vm_plans={name: vm_plan_from_item(item) for name, item in found["vmplan"].items()},
            images={name: image_from_item(item) for name, item in found["image"].items()},
        )

    # -- for the seeder and operators: the last write wins, so seeding twice is harmless -------------------

    def put_plan(self, plan: Plan) -> None:
        """Raises CurrencyRefusedError."""
        for (_, _, currency), amount in plan.prices.items():
            check_price(amount, currency)
        self._table.write(put(plan_to_item(plan)))

    def put_image(self, image: Image) -> None:
        self._table.write(put(image_to_item(image)))

    def put_location(self, location: Location) -> None:
        self._table.write(put(location_to_item(location)))

    def put_tld(self, tld: Tld) -> None:
        """Raises CurrencyRefusedError."""
        for (*_, currency), price in (*tld.prices.items(), *tld.premium.items()):
            for amount in (price.register, price.transfer, price.renew):
                check_price(amount, currency)
        self._table.write(put(tld_to_item(tld)))

    def put_variant(self, variant: Variant) -> None:
        # Do not write `used`, the counter of the places in use. Only orders change it.
        counter = keys.capacity(variant.name)
        self._table.write(put(variant_to_item(variant)))
        if variant.capacity is not None:
            setting = "SET #capacity = :capacity, #used = if_not_exists(#used, :none)"
            self._table.write(update(counter, setting, capacity=variant.capacity, none=0))
            return
        try:
            self._table.write(update(counter, "REMOVE #capacity", IS_THERE))
        except ConditionFailedError:
            return  # there was no limit
