"""Products, prices and tax rates: https://docs.stripe.com/api/products, /prices, /tax_rates."""

from __future__ import annotations

from decimal import Decimal

from .customers import merge_metadata
from .errors import bad_parameter, missing_parameter, refused
from .sdk_types import Json, copied, part
from .state import State

PRODUCT_SUPPORTED = frozenset(("id", "name", "active", "description", "metadata", "tax_code", "unit_label"))
PRODUCT_UPDATE_SUPPORTED = PRODUCT_SUPPORTED - {"id"}
PRICE_SUPPORTED = frozenset(
    ("currency", "unit_amount", "unit_amount_decimal", "product", "product_data", "recurring", "nickname",
     "lookup_key", "tax_behavior", "metadata", "active")
)  # fmt: skip


def create_product(state: State, params: Json) -> Json:
    if "id" in params and any(kept["id"] == params["id"] for kept in state.all("product")):
        raise bad_parameter("Product already exists.", "resource_already_exists", "id")
    product = state.draft("product", type="service", active=True, updated=state.clock.now())
    for name in ("id", "name", "active", "description", "tax_code", "unit_label"):
        if name in params:
            product[name] = params[name]
    merge_metadata(product, params)
    state.keep(product)
    state.emit("product.created", product)
    return product


def retrieve_product(state: State, params: Json, product_id: str) -> Json:
    return state.get("product", product_id)


def update_product(state: State, params: Json, product_id: str) -> Json:
    product = state.get("product", product_id)
    before = copied(product)
    for name in PRODUCT_UPDATE_SUPPORTED - {"metadata"}:
        if name in params:
            product[name] = params[name] if name in ("active", "name") else params[name] or None
    product["updated"] = state.clock.now()
    merge_metadata(product, params)
    state.emit("product.updated", product, before)
    return product


def delete_product(state: State, params: Json, product_id: str) -> Json:
    """Stripe refuses to delete a product that has a price."""
    product = state.get("product", product_id)
    if state.all("price", product=product_id):
        raise refused("This product cannot be deleted because it has one or more user-created prices.")
    state.forget(product)
    state.emit("product.deleted", product)
    return {"id": product_id, "object": "product", "deleted": True}


def create_price(state: State, params: Json) -> Json:
    if "product_data" in params:
        product = create_product(state, params["product_data"])
    elif "product" in params:
        product = state.get("product", params["product"], "product")
    else:
        raise missing_parameter("product")
    price = new_price(state, product["id"], params)
    for name in ("nickname", "lookup_key", "active"):
        if name in params:
            price[name] = params[name]
    merge_metadata(price, params)
    state.emit("price.created", price)
    return price


def retrieve_price(state: State, params: Json, price_id: str) -> Json:
    return state.get("price", price_id)


def retrieve_tax_rate(state: State, params: Json, rate_id: str) -> Json:
    return state.get("tax_rate", rate_id)


def new_price(state: State, product_id: str, params: Json) -> Json:
    amount = params.get("unit_amount_decimal", params.get("unit_amount"))
    if amount is None:
        raise missing_parameter("unit_amount")
    amount = Decimal(amount)
    if amount < 0:
        raise bad_parameter("Invalid non-negative integer", "parameter_invalid_integer", "unit_amount")
    recurring = params.get("recurring")
    return state.new(
        "price",
        active=True,
        billing_scheme="per_unit",
        currency=params["currency"].lower(),
        product=product_id,
        recurring=recurring and part(
            "price", "Recurring",
            interval=recurring["interval"], interval_count=recurring.get("interval_count", 1),
            usage_type="licensed",
        ),
        tax_behavior=params.get("tax_behavior", "unspecified"),
        type="recurring" if recurring else "one_time",
        unit_amount=int(amount) if amount == int(amount) else None,
        unit_amount_decimal=format(amount.normalize(), "f"),
    )  # fmt: skip
