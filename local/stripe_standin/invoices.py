"""Invoices: https://docs.stripe.com/api/invoices.

Finalizing a draft applies the customer's balance and creates a payment intent for the rest. If nothing is left to
pay, the invoice is marked as paid immediately, without a payment.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from . import catalogue, customers, discounts, payment_methods, payments, search, tax
from .errors import StripeError, bad_parameter, not_built, refused
from .sdk_types import Json, copied, part
from .state import State, new_id

CREATE_SUPPORTED = frozenset(
    ("customer", "currency", "collection_method", "auto_advance", "automatic_tax", "days_until_due",
     "default_payment_method", "description", "footer", "metadata", "payment_settings",
     "pending_invoice_items_behavior",
     "statement_descriptor")
)  # fmt: skip
UPDATE_SUPPORTED = frozenset(
    ("auto_advance", "automatic_tax", "default_payment_method", "description", "footer", "metadata",
     "statement_descriptor")
)  # fmt: skip
ADD_LINES_SUPPORTED = frozenset(("lines", "invoice_metadata"))
LINE_SUPPORTED = frozenset(
    ("amount", "description", "discountable", "metadata", "period", "price_data", "pricing", "quantity")
)
PAY_SUPPORTED = frozenset(("payment_method", "off_session"))

MAX_LINES_AT_ONCE = 250

MINIMUM_CHARGE = {
    # https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts, in minor units.
    "usd": 50, "aed": 200, "aud": 50, "bgn": 100, "brl": 50, "cad": 50, "chf": 50, "czk": 1500, "dkk": 250,
    "eur": 50, "gbp": 30, "hkd": 400, "huf": 17500, "inr": 50, "jpy": 50, "mxn": 1000, "myr": 200,
    "nok": 300, "nzd": 50, "pln": 200, "ron": 200, "sek": 300, "sgd": 50, "thb": 1000,
}  # fmt: skip


# -- create, change, delete ----------------------------------------------------------------------------------


def create(state: State, params: Json) -> Json:
    if "customer" not in params:
        raise bad_parameter("You must specify a customer.", "parameter_missing", "customer")
    _no_automatic_collection(params)
    customer = state.get("customer", params["customer"], "customer")
    method = params.get("default_payment_method")
    if method:
        method = _of_customer(state, method, customer, "default_payment_method")["id"]
    currency = str(params.get("currency") or customer["currency"] or "eur").lower()
    invoice = new_invoice(
        state,
        customer,
        currency=currency,
        payment_settings=payments.payment_settings(params, currency, "invoice"),
        billing_reason="manual",
        auto_advance=params.get("auto_advance", False),
        collection_method=params.get("collection_method", "charge_automatically"),
        default_payment_method=method,
        description=params.get("description"),
        footer=params.get("footer"),
        statement_descriptor=params.get("statement_descriptor"),
        automatic_tax=params.get("automatic_tax", {}).get("enabled", False),
    )
    if invoice["collection_method"] == "send_invoice":
        if "days_until_due" not in params:
            message = "If invoices are sent for payment, you must specify days_until_due or due_date."
            raise bad_parameter(message, None, "days_until_due")
        invoice["due_date"] = state.now_of(invoice) + params["days_until_due"] * 86_400
    customers.merge_metadata(invoice, params)
    state.keep(invoice)
    state.emit("invoice.created", invoice)
    return invoice


def new_invoice(state: State, customer: Json, *, automatic_tax: bool, **values: Any) -> Json:
    now = state.now_of(customer)
    invoice = state.draft(
        "invoice",
        created=now,
        test_clock=customer["test_clock"],
        account_country="DE",
        account_name="Hosting Orders (stand-in)",
        customer=customer["id"],
        customer_address=copied(customer["address"]),
        customer_email=customer["email"],
        customer_name=customer["name"],
        customer_phone=customer["phone"],
        customer_tax_exempt=customer["tax_exempt"],
        customer_tax_ids=[],
        automatic_tax=part("invoice", "AutomaticTax", enabled=automatic_tax),
        issuer=part("invoice", "Issuer", type="self"),
        period_start=now,
        period_end=now,
        starting_balance=customer["balance"],
        status="draft",
        total_discount_amounts=[],
        total_pretax_credit_amounts=[],
        total_taxes=[],
        webhooks_delivered_at=now,
        **values,
    )
    invoice["lines"]["url"] = f"/v1/invoices/{invoice['id']}/lines"
    add_up(state, invoice)
    return invoice


def retrieve(state: State, params: Json, invoice_id: str) -> Json:
    return state.get("invoice", invoice_id)


def update(state: State, params: Json, invoice_id: str) -> Json:
    _no_automatic_collection(params)
    invoice = state.get("invoice", invoice_id)
    before = copied(invoice)
    if invoice["status"] != "draft" and params.keys() - {
        "metadata",
        "auto_advance",
        "default_payment_method",
    }:
        raise _not_editable(invoice)
    if params.get("default_payment_method"):
        customer = state.get("customer", invoice["customer"])
        method = _of_customer(state, params["default_payment_method"], customer, "default_payment_method")
        invoice["default_payment_method"] = method["id"]
    if "automatic_tax" in params:
        invoice["automatic_tax"]["enabled"] = params["automatic_tax"]["enabled"]
        add_up(state, invoice)
    for name in ("auto_advance", "description", "footer", "statement_descriptor"):
        if name in params:
            invoice[name] = params[name]
    customers.merge_metadata(invoice, params)
    state.emit("invoice.updated", invoice, before)
    return invoice


def delete(state: State, params: Json, invoice_id: str) -> Json:
    invoice = state.get("invoice", invoice_id)
    if invoice["status"] != "draft":
        message = f"You can only delete draft invoices. This invoice is {invoice['status']}."
        raise refused(message, "invoice_not_editable")
    state.forget(invoice)
    state.emit("invoice.deleted", invoice)
    return {"id": invoice_id, "object": "invoice", "deleted": True}


def search_all(state: State, params: Json) -> list[Json]:
    """Leave out invoices of the last `search_lags` seconds, because Stripe's search also misses new invoices."""
    fits = search.parse(params["query"])
    newest = state.clock.time() - state.settings.search_lags
    return [invoice for invoice in state.all("invoice") if invoice["created"] <= newest and fits(invoice)]


def list_all(state: State, params: Json) -> list[Json]:
    if "customer" in params:
        state.get("customer", params["customer"], "customer")
    return [
        invoice
        for invoice in state.all("invoice")
        if all(
            params.get(name) in (None, invoice[name]) for name in ("customer", "status", "collection_method")
        )
        and params.get("subscription") in (None, _subscription_of(invoice))
    ]


def _subscription_of(invoice: Json) -> str | None:
    details = (invoice["parent"] or {}).get("subscription_details")
    return details["subscription"] if details else None


def _no_automatic_collection(params: Json) -> None:
    """Refuse `auto_advance`. The stand-in finalizes and collects only a subscription's invoice by itself."""
    if params.get("auto_advance"):
        raise not_built("auto_advance=true (collecting by itself)")


def _not_editable(invoice: Json) -> StripeError:
    message = f"This invoice is no longer editable: its status is {invoice['status']}."
    return refused(message, "invoice_not_editable")


def _of_customer(state: State, method_id: str, customer: Json, param: str) -> Json:
    method = payment_methods.resolve(state, method_id, param)
    if method["customer"] != customer["id"]:
        message = (
            f"The customer does not have a payment method with the ID {method_id}. "
            "The payment method must be attached to the customer."
        )
        raise refused(message, "resource_missing", param)
    return method


# -- lines ---------------------------------------------------------------------------------------------------


def add_lines(state: State, params: Json, invoice_id: str) -> Json:
    invoice = state.get("invoice", invoice_id)
    if invoice["status"] != "draft":
        raise _not_editable(invoice)
    given = params["lines"]
    if not 1 <= len(given) <= MAX_LINES_AT_ONCE:
        raise bad_parameter(f"You can add 1 to {MAX_LINES_AT_ONCE} lines at once.", None, "lines")
    before = copied(invoice)
    lines = [_line(state, invoice, line, f"lines[{place}]") for place, line in enumerate(given)]
    invoice["lines"]["data"] += lines
    if "invoice_metadata" in params:
        customers.merge_metadata(invoice, {"metadata": params["invoice_metadata"]})
    add_up(state, invoice)
    state.emit("invoice.updated", invoice, before)
    return invoice


def list_lines(state: State, params: Json, invoice_id: str) -> list[Json]:
    invoice = state.previews.get(invoice_id) or state.get("invoice", invoice_id)
    lines: list[Json] = invoice["lines"]["data"]
    return lines[::-1]  # page() reverses every list; reverse the lines here to keep their order


def _line(state: State, invoice: Json, given: Json, at: str) -> Json:
    if left := given.keys() - LINE_SUPPORTED:
        raise not_built(f"lines with {', '.join(sorted(left))}")
    ways = [way for way in ("amount", "price_data", "pricing") if way in given]
    if len(ways) != 1:
        message = f"Give exactly one of amount, price_data and pricing for {at}."
        raise bad_parameter(message, "parameters_exclusive" if ways else "parameter_missing", at)
    price = _price(state, invoice, given, at)
    quantity = given.get("quantity", 1)
    unit = Decimal(price["unit_amount_decimal"])
    return new_line(
        state,
        invoice,
        price,
        quantity=quantity,
        amount=given.get("amount", tax.rounded(unit * quantity)),
        description=given.get("description") or state.get("product", price["product"])["name"],
        discountable=given.get("discountable", True),
        metadata=given.get("metadata") or {},
        period=given.get("period"),
        parent=item_parent(),
    )


def item_parent() -> Json:
    details = part("line_item", "Parent", "InvoiceItemDetails", invoice_item=f"ii_{new_id('line_item')[3:]}")
    return part("line_item", "Parent", type="invoice_item_details", invoice_item_details=details)


def new_line(state: State, invoice: Json, price: Json, *, period: Json | None, **values: Any) -> Json:
    now = state.now_of(invoice)
    return state.draft(
        "line_item",
        currency=invoice["currency"],
        discount_amounts=[],
        invoice=invoice["id"],
        period=period or {"start": now, "end": now},
        pretax_credit_amounts=[],
        pricing=part(
            "line_item", "Pricing",
            type="price_details",
            price_details={"price": price["id"], "product": price["product"]},
            unit_amount_decimal=price["unit_amount_decimal"],
        ),
        subtotal=values["amount"],
        taxes=[],
        **values,
    )  # fmt: skip


def _price(state: State, invoice: Json, given: Json, at: str) -> Json:
    if "pricing" in given:
        price = state.get("price", given["pricing"].get("price", ""), f"{at}[pricing][price]")
    elif "price_data" in given:
        data = given["price_data"]
        if "product_data" in data:
            product = catalogue.create_product(state, data["product_data"])
        else:
            product = state.get("product", data.get("product", ""), f"{at}[price_data][product]")
        price = catalogue.new_price(state, product["id"], data)
    else:
        name = given.get("description") or "Invoice item"
        product = catalogue.create_product(state, {"name": name, "active": False})
        data = {"currency": invoice["currency"], "unit_amount_decimal": Decimal(given["amount"])}
        data["unit_amount_decimal"] = max(Decimal(0), data["unit_amount_decimal"] / given.get("quantity", 1))
        price = catalogue.new_price(state, product["id"], data)
    if price["currency"] != invoice["currency"]:
        message = (
            f"The price specified only supports `{price['currency']}`. "
            f"This doesn't match the expected currency: `{invoice['currency']}`."
        )
        raise bad_parameter(message, None, at)
    return price


def add_up(state: State, invoice: Json) -> None:
    lines = invoice["lines"]["data"]
    discounts.apply(state, invoice)
    automatic = invoice["automatic_tax"]
    if automatic["enabled"]:
        customer = state.get("customer", invoice["customer"])
        known = tax.location_known(customer)
        automatic["provider"] = "stripe"
        automatic["liability"] = part("invoice", "AutomaticTax", "Liability", type="self")
        automatic["status"] = "complete" if known else "requires_location_inputs"
        for line in lines:
            line["taxes"] = _line_taxes(state, customer, line) if known else []
    sum_up(invoice, tax.beside_lines(state, lines))


def sum_up(invoice: Json, tax_beside_lines: int = 0) -> None:
    """`tax_beside_lines` is the rounding difference that `tax.beside_lines` returns."""
    lines = invoice["lines"]["data"]
    taxes = tax.total([one for line in lines for one in line["taxes"]])
    if tax_beside_lines:
        taxes[0]["amount"] += tax_beside_lines
    exclusive = sum(one["amount"] for one in taxes if one["tax_behavior"] == "exclusive")
    inclusive = sum(one["amount"] for one in taxes if one["tax_behavior"] == "inclusive")
    subtotal = sum(line["amount"] for line in lines)
    discount = sum(discounts.of_line(line) for line in lines)
    total = subtotal - discount + exclusive
    invoice.update(
        total_taxes=taxes,
        total_discount_amounts=discounts.shown(invoice, discount),
        subtotal=subtotal,
        subtotal_excluding_tax=subtotal - inclusive,
        total=total,
        total_excluding_tax=total - exclusive - inclusive,
        amount_due=max(total, 0),
        amount_remaining=max(total, 0),
    )


def _line_taxes(state: State, customer: Json, line: Json) -> list[Json]:
    price = state.get("price", line["pricing"]["price_details"]["price"])
    product = state.get("product", price["product"])
    behavior = "inclusive" if price["tax_behavior"] == "inclusive" else "exclusive"
    net = line["amount"] - discounts.of_line(line)
    return tax.taxes_of_line(state, customer, net, behavior, product["tax_code"])


# -- finalize ------------------------------------------------------------------------------------------------


def finalize(state: State, params: Json, invoice_id: str) -> Json:
    _no_automatic_collection(params)
    invoice = state.get("invoice", invoice_id)
    if invoice["status"] != "draft":
        message = "This invoice is already finalized, you can't re-finalize a non-draft invoice."
        raise refused(message, "invoice_not_editable")
    if not invoice["lines"]["data"]:
        raise refused("You can't finalize an invoice with no line items.", "invoice_no_customer_line_items")
    customer = state.get("customer", invoice["customer"])
    invoice["customer_address"] = copied(customer["address"])
    add_up(state, invoice)
    if invoice["automatic_tax"]["status"] == "requires_location_inputs":
        raise _finalization_failed(state, invoice)
    issue(state, invoice, customer)
    _apply_balance(state, invoice, customer)
    payments.open_payment(state, invoice)
    state.emit("invoice.finalized", invoice)
    if invoice["amount_due"] == 0:
        payments.mark_paid(state, invoice)
    return invoice


def issue(state: State, invoice: Json, customer: Json) -> None:
    number = customer["next_invoice_sequence"]
    customer["next_invoice_sequence"] = number + 1
    invoice.update(
        status="open",
        number=f"{customer['invoice_prefix']}-{number:04d}",
        effective_at=state.now_of(invoice),
        hosted_invoice_url=f"{state.base_url}/i/{invoice['id']}",
        invoice_pdf=f"{state.base_url}/i/{invoice['id']}?pdf",
    )
    invoice["status_transitions"]["finalized_at"] = state.now_of(invoice)


def location_unknown() -> StripeError:
    """Automatic tax needs the customer's country."""
    return refused(
        "The customer's location isn't recognized. Set a valid customer address in order to automatically "
        "calculate tax.",
        "customer_tax_location_invalid",
    )


def _finalization_failed(state: State, invoice: Json) -> StripeError:
    failure = location_unknown()
    invoice["last_finalization_error"] = part(
        "invoice",
        "LastFinalizationError",
        **{name: failure.error[name] for name in ("code", "message", "type")},
    )
    state.emit("invoice.finalization_failed", invoice)
    return failure


def _apply_balance(state: State, invoice: Json, customer: Json) -> None:
    """Apply the customer's credit or debt. The rest is `amount_due`.

    An amount below the currency's minimum becomes a debt on the balance, and the invoice counts as paid.
    """
    invoice["starting_balance"] = customer["balance"]
    applicable = customer["balance"] if customer["currency"] in (None, invoice["currency"]) else 0
    after = applicable + invoice["total"]
    due = max(after, 0)
    used = min(after, 0) - applicable
    if used:
        customers.change_balance(
            state, customer, used,
            currency=invoice["currency"], type="applied_to_invoice", invoice=invoice["id"],
        )  # fmt: skip
    if 0 < due < MINIMUM_CHARGE.get(invoice["currency"], 1):
        customers.change_balance(
            state,
            customer,
            due,
            currency=invoice["currency"],
            type="invoice_too_small",
            invoice=invoice["id"],
        )
        due = 0
    customer["currency"] = customer["currency"] or invoice["currency"]
    invoice.update(ending_balance=customer["balance"], amount_due=due, amount_remaining=due)


# -- pay, void -----------------------------------------------------------------------------------------------


def pay(state: State, params: Json, invoice_id: str) -> Json:
    invoice = state.get("invoice", invoice_id)
    if invoice["status"] == "draft":
        finalize(state, {}, invoice_id)
        if invoice["status"] == "paid":
            return invoice
    if invoice["status"] == "paid":
        raise refused("Invoice is already paid")
    if invoice["status"] != "open":
        raise refused(f"You cannot pay an invoice that is {invoice['status']}.")
    customer = state.get("customer", invoice["customer"])
    chosen = (
        params.get("payment_method")
        or invoice["default_payment_method"]
        or customer["invoice_settings"]["default_payment_method"]
    )
    if not chosen:
        message = (
            "There is no `default_payment_method` set on this Customer or Invoice. Please attach a payment "
            "method to the Customer or Invoice to pay the invoice."
        )
        raise refused(message, "resource_missing", "payment_method")
    method = _of_customer(state, chosen, customer, "payment_method")
    payments.collect(state, invoice, method, off_session=params.get("off_session", True))
    return invoice


def void(state: State, params: Json, invoice_id: str) -> Json:
    invoice = state.get("invoice", invoice_id)
    if invoice["status"] not in ("open", "uncollectible"):
        message = f"You can only void an open or uncollectible invoice; this one is {invoice['status']}."
        raise refused(message, "invoice_not_editable" if invoice["status"] == "draft" else None)
    payments.cancel(state, invoice, "void_invoice")
    invoice.update(status="void", auto_advance=False)
    invoice["status_transitions"]["voided_at"] = state.now_of(invoice)
    _give_balance_back(state, invoice)
    state.emit("invoice.voided", invoice)
    return invoice


def _give_balance_back(state: State, invoice: Json) -> None:
    used = invoice["ending_balance"] - invoice["starting_balance"]
    if used:
        customers.change_balance(
            state, state.get("customer", invoice["customer"]), -used,
            currency=invoice["currency"], type="unapplied_from_invoice", invoice=invoice["id"],
        )  # fmt: skip
