"""Previews of invoices: https://docs.stripe.com/api/invoices/create_preview.

A preview for a customer also includes the next term of the customer's subscription. The preview itself cannot be read
later, but its lines can be read with the preview's id.
"""

from __future__ import annotations

import secrets

from . import catalogue, customers, invoices, subscriptions
from .errors import bad_parameter, missing_parameter, not_built
from .sdk_types import Json, copied, part
from .state import State

SUPPORTED = frozenset(("automatic_tax", "currency", "customer", "customer_details", "invoice_items"))
ITEM_SUPPORTED = frozenset(("amount", "currency", "description", "metadata", "tax_behavior"))
DETAILS_SUPPORTED = frozenset(("address", "tax_exempt"))

MOST_ITEMS = 250


def create(state: State, params: Json) -> Json:
    automatic_tax = params.get("automatic_tax", {}).get("enabled", False)
    if automatic_tax and not params.keys() & {"customer", "customer_details"}:
        message = "If `automatic_tax` is enabled then one of `customer` or `customer_details` must be set."
        raise bad_parameter(message, "parameter_missing", "customer")
    given = params.get("invoice_items", [])
    if len(given) > MOST_ITEMS:
        raise bad_parameter(f"You can preview up to {MOST_ITEMS} invoice items.", None, "invoice_items")
    kept: list[Json] = []  # stored only during the computation
    customer = state.get("customer", params["customer"], "customer") if "customer" in params else None
    if customer is None:
        customer = _someone(state, params.get("customer_details", {}))
        kept.append(state.keep(customer))
    elif "customer_details" in params:
        raise not_built("customer_details that change a customer")
    try:
        currency = str(params.get("currency") or customer["currency"] or "eur").lower()
        invoice = invoices.new_invoice(
            state,
            customer,
            currency=currency,
            automatic_tax=automatic_tax,
            billing_reason="upcoming",
            collection_method="charge_automatically",
        )
        invoice["id"] = f"upcoming_in_{secrets.token_hex(12)}"
        invoice["lines"]["url"] = f"/v1/invoices/{invoice['id']}/lines"
        lines = invoice["lines"]["data"]
        lines += subscriptions.upcoming_lines(state, invoice, customer)
        for place, item in enumerate(given):
            lines.append(_line(state, invoice, item, f"invoice_items[{place}]", kept))
        invoices.add_up(state, invoice)
    finally:
        for one in kept:
            state.forget(one)
    balance = customer["balance"] if customer["currency"] in (None, currency) else 0
    due = max(0, invoice["total"] + balance)
    invoice.update(starting_balance=balance, amount_due=due, amount_remaining=due)
    if "customer" not in params:
        invoice["customer"] = None
    state.previews[invoice["id"]] = copied(invoice)
    return invoice


def _someone(state: State, details: Json) -> Json:
    if left := details.keys() - DETAILS_SUPPORTED:
        raise not_built(f"customer_details with {', '.join(sorted(left))}")
    customer = state.draft(
        "customer",
        balance=0,
        invoice_settings=part("customer", "InvoiceSettings"),
        tax_exempt=details.get("tax_exempt") or "none",
    )
    address = {name: value for name, value in (details.get("address") or {}).items() if value}
    customers.check_country(address)
    customer["address"] = part("customer", "Address", **address) if address else None
    return customer


def _line(state: State, invoice: Json, item: Json, at: str, kept: list[Json]) -> Json:
    if left := item.keys() - ITEM_SUPPORTED:
        raise not_built(f"invoice_items with {', '.join(sorted(left))}")
    if "amount" not in item:
        raise missing_parameter(f"{at}[amount]")
    if str(item.get("currency", invoice["currency"])).lower() != invoice["currency"]:
        raise bad_parameter("The currency of an invoice item must be the invoice's.", None, f"{at}[currency]")
    name = item.get("description") or "Invoice item"
    product = state.keep(state.draft("product", type="service", name=name, updated=state.clock.now()))
    data = {"currency": invoice["currency"], "unit_amount": item["amount"]}
    price = catalogue.new_price(state, product["id"], data | _only(item, "tax_behavior"))
    kept += [product, price]
    return invoices.new_line(
        state,
        invoice,
        price,
        quantity=1,
        amount=item["amount"],
        description=name,
        discountable=True,
        metadata=item.get("metadata") or {},
        period=None,
        parent=invoices.item_parent(),
    )


def _only(params: Json, *names: str) -> Json:
    return {name: params[name] for name in names if name in params}
