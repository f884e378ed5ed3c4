"""Checkout Sessions in payment mode: https://docs.stripe.com/api/checkout/sessions.

An open session becomes complete when the customer has paid or a debit is processing. It expires at `expires_at`, or
earlier on request. The first attempt to pay creates the payment intent. Rules for an adapter are in
local/stripe_standin/CHECKOUT.md.
"""

from __future__ import annotations

import secrets
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from . import catalogue, charges, tax
from .customers import merge_metadata
from .errors import StripeError, bad_parameter, missing_parameter, not_built, refused
from .invoices import MINIMUM_CHARGE
from .money import money
from .sdk_types import Json, part
from .state import Checkout, CheckoutLine, State

CREATE_SUPPORTED = frozenset(
    ("mode", "ui_mode", "line_items", "customer", "customer_email", "customer_creation", "customer_update",
     "invoice_creation", "payment_intent_data", "payment_method_data", "allowed_payment_method_types",
     "excluded_payment_method_types", "automatic_tax", "adaptive_pricing", "billing_address_collection",
     "expires_at", "success_url", "cancel_url", "client_reference_id", "metadata", "locale", "submit_type")
)  # fmt: skip
_LINE_SUPPORTED = frozenset(("price", "price_data", "quantity", "metadata"))
_PRICE_SUPPORTED = frozenset(
    ("currency", "product", "product_data", "recurring", "tax_behavior", "unit_amount", "unit_amount_decimal")
)
_INVOICE_SUPPORTED = frozenset(("description", "footer", "metadata"))
_INTENT_SUPPORTED = frozenset(("description", "metadata", "setup_future_usage"))

MAX_LINES = 100
LEAST_SECONDS = 30 * 60
MOST_SECONDS = 24 * 3600
_MAX_REFERENCE = 200
_SYMBOLS = {"eur": "€", "usd": "$", "gbp": "£", "hkd": "$", "aud": "$", "cad": "$", "nzd": "$", "sgd": "$"}


# -- create --------------------------------------------------------------------------------------------------


def create(state: State, params: Json) -> Json:
    _check_mode(params)
    _check_customer(params)
    _check_addresses(params)
    lines = _checked_lines(state, params)
    _only(params.get("invoice_creation", {}).get("invoice_data", {}), _INVOICE_SUPPORTED,
          "invoice_creation[invoice_data]")  # fmt: skip
    _only(params.get("payment_intent_data", {}), _INTENT_SUPPORTED, "payment_intent_data")
    now = state.clock.now()
    expires_at = _expires_at(params, now)
    customer = state.get("customer", params["customer"], "customer") if "customer" in params else None
    update = params.get("customer_update", {})
    taxed = params.get("automatic_tax", {}).get("enabled", False)
    if taxed and customer and not tax.location_known(customer) and update.get("address") != "auto":
        message = (
            "Automatic tax calculation in Checkout requires a valid address on the Customer. Add a valid address "
            "to the Customer or set `customer_update[address]` to 'auto' to save the billing address entered in "
            "Checkout to the Customer."
        )
        raise refused(message, "customer_tax_location_invalid")
    currency = _currency(state, lines)
    methods = _payment_method_types(params, currency)
    session = state.draft(
        "checkout.session",
        adaptive_pricing={"enabled": False},
        allowed_payment_method_types=params.get("allowed_payment_method_types"),
        excluded_payment_method_types=params.get("excluded_payment_method_types"),
        automatic_tax=part("checkout.session", "AutomaticTax", enabled=taxed),
        billing_address_collection=params.get("billing_address_collection"),
        cancel_url=params.get("cancel_url"),
        client_reference_id=params.get("client_reference_id"),
        currency=currency,
        customer=customer["id"] if customer else None,
        customer_creation=None if customer else params.get("customer_creation", "if_required"),
        customer_details=_details(customer, params.get("customer_email")),
        customer_email=params.get("customer_email"),
        expires_at=expires_at,
        invoice_creation=_invoice_creation(params.get("invoice_creation", {"enabled": False})),
        locale=params.get("locale"),
        mode="payment",
        payment_method_collection="if_required",
        payment_method_configuration_details={"id": "pmc_standin", "parent": None},
        payment_method_options={
            "card": part(
                "checkout.session", "PaymentMethodOptions", "Card", request_three_d_secure="automatic"
            )
        },
        payment_method_types=methods,
        payment_status="unpaid",
        phone_number_collection={"enabled": False},
        status="open",
        submit_type=params.get("submit_type"),
        success_url=params["success_url"],
        tax_id_collection={"enabled": False, "required": "never"},
        ui_mode="hosted_page",
    )
    # Stripe's URL ends in a long fragment, without which the page does not work.
    session["url"] = f"{state.base_url}/c/pay/{session['id']}#fid{secrets.token_urlsafe(240)}"
    merge_metadata(session, params)
    checkout = Checkout(
        lines=[_line(state, currency, line) for line in lines],
        payment_intent_data=params.get("payment_intent_data", {}),
        allow_redisplay=params.get("payment_method_data", {}).get("allow_redisplay", "limited"),
        saves_address=update.get("address") == "auto",
        saves_name=update.get("name") == "auto",
    )
    add_up(state, session, checkout, customer)
    if session["amount_total"] == 0:
        raise not_built("a Checkout Session with nothing to pay")
    _check_amount(session)
    for line, given in zip(checkout.lines, lines, strict=True):
        line.item["price"] = _price(state, given)
    state.keep(session)
    state.checkouts[session["id"]] = checkout
    state.later(expires_at - state.clock.time(), lambda: _expire_silently(state, session))
    return session


def _only(given: Json, supported: frozenset[str], at: str) -> None:
    if left := given.keys() - supported:
        raise not_built(f"{at} with {', '.join(sorted(left))}")


def _check_mode(params: Json) -> None:
    mode = params.get("mode")
    if mode is None:
        raise missing_parameter("mode")
    if mode != "payment" and params.get("invoice_creation", {}).get("enabled"):
        message = (
            "You can only enable invoice creation when `mode` is set to `payment`. Invoices are created "
            "automatically when `mode` is set to `subscription`, and are unsupported when set to `setup`. To learn "
            "more visit https://stripe.com/docs/payments/checkout/post-payment-invoices."
        )
        raise refused(message, None, "invoice_creation")
    if mode == "subscription" and not any(
        "price" in line or "recurring" in line.get("price_data", {}) for line in params.get("line_items", [])
    ):
        message = "You must provide at least one recurring price in `subscription` mode when using prices."
        raise refused(message, None, "line_items")
    if mode == "setup" and "line_items" in params:
        raise refused("You can not pass `line_items` in `setup` mode.", None, "line_items")
    if mode != "payment":
        raise not_built(f"Checkout Sessions with mode={mode}")
    if params.get("ui_mode", "hosted_page") != "hosted_page":
        raise not_built(f"Checkout Sessions with ui_mode={params['ui_mode']}")
    if params.get("adaptive_pricing", {}).get("enabled"):
        raise not_built("Adaptive Pricing")


def _check_customer(params: Json) -> None:
    for other in ("customer_email", "customer_creation"):
        if "customer" in params and other in params:
            raise _exclusive("customer", other)
    if "customer_update" in params and "customer" not in params:
        raise refused("`customer_update` can only be used with `customer`.", None, "customer_update")


def _exclusive(first: str, second: str) -> StripeError:
    message = f"You may only specify one of these parameters: {first}, {second}."
    return bad_parameter(message, None, first)


def _check_addresses(params: Json) -> None:
    if "success_url" not in params:
        raise missing_parameter("success_url")
    for name in ("success_url", "cancel_url"):
        url = urlsplit(params.get(name, "https://example.com"))
        if url.scheme not in ("http", "https") or not url.hostname:
            raise bad_parameter("Not a valid URL", "url_invalid", name)
    if len(params.get("client_reference_id", "")) > _MAX_REFERENCE:
        message = f"Invalid string: client_reference_id; must be at most {_MAX_REFERENCE} characters"
        raise bad_parameter(message, None, "client_reference_id")


def _expires_at(params: Json, now: int) -> int:
    expires_at: int = params.get("expires_at", now + MOST_SECONDS)
    if expires_at - now < LEAST_SECONDS:
        raise refused(
            "The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation."
        )
    if "expires_at" in params and expires_at - now >= MOST_SECONDS:
        raise refused("The `expires_at` timestamp must be less than 24 hours from Checkout Session creation.")
    return expires_at


def _payment_method_types(params: Json, currency: str) -> list[str]:
    """The account's payment methods that the currency and the request allow."""
    offered = ["card", "sepa_debit"] if currency == "eur" else ["card"]
    allowed, excluded = (params.get(f"{kind}_payment_method_types") for kind in ("allowed", "excluded"))
    if allowed is not None and excluded is not None:
        raise _exclusive("allowed_payment_method_types", "excluded_payment_method_types")
    left = [one for one in offered if one in (allowed or offered) and one not in (excluded or ())]
    if not left:
        message = (
            "No valid payment method types for this Checkout Session. Please ensure that you have activated payment "
            "methods compatible with your chosen currency in your dashboard."
        )
        raise refused(message)
    return left


def _invoice_creation(given: Json) -> Json:
    data = given.get("invoice_data", {})
    known = {name: data.get(name) for name in ("description", "footer")}
    return {
        "enabled": given["enabled"],
        "invoice_data": part(
            "checkout.session",
            "InvoiceCreation",
            "InvoiceData",
            metadata=dict(data.get("metadata") or {}),
            **known,
        ),
    }


def _details(customer: Json | None, email: str | None) -> Json | None:
    if customer is None and email is None:
        return None
    return part(
        "checkout.session", "CustomerDetails",
        email=customer["email"] if customer else email,
        tax_exempt=customer["tax_exempt"] if customer else "none",
    )  # fmt: skip


def _check_amount(session: Json) -> None:
    currency = session["currency"]
    least = MINIMUM_CHARGE.get(currency, 1)
    if session["amount_total"] < least:
        shown = f"{_SYMBOLS.get(currency, '')}{money(least, currency).split()[0]} {currency}"
        message = f"The Checkout Session's total amount due must add up to at least {shown}"
        raise refused(message, "amount_too_small")


# -- lines ---------------------------------------------------------------------------------------------------


def _checked_lines(state: State, params: Json) -> list[Json]:
    """Raises the error of an invalid line before anything is created."""
    lines: list[Json] = params.get("line_items", [])
    if not lines:
        message = "The `line_items` parameter is required in payment mode."
        raise bad_parameter(message, "parameter_missing", "line_items")
    if len(lines) > MAX_LINES:
        raise bad_parameter(
            f"Array line_items exceeded maximum {MAX_LINES} allowed elements.", None, "line_items"
        )
    for place, line in enumerate(lines):
        _check_line(state, line, f"line_items[{place}]")
    return lines


def _check_line(state: State, line: Json, at: str) -> None:
    _only(line, _LINE_SUPPORTED, at)
    if ("price" in line) == ("price_data" in line):
        raise _one_of(at, "price", "price_data", both="price" in line)
    if "quantity" not in line:
        raise bad_parameter(f"Quantity is required. Add `quantity` to `{at}`", None, f"{at}[quantity]")
    if line["quantity"] < 1:
        message = "This value must be greater than or equal to 1."
        raise bad_parameter(message, "parameter_invalid_integer", f"{at}[quantity]")
    if "price" in line:
        recurring = state.get("price", line["price"], f"{at}[price]")["recurring"]
    else:
        recurring = _check_price_data(state, line["price_data"], f"{at}[price_data]")
    if recurring:
        message = (
            "You specified `payment` mode but passed a recurring price. Either switch to `subscription` mode or use "
            "only one-time prices."
        )
        raise refused(message, None, at)


def _check_price_data(state: State, data: Json, at: str) -> Any:
    _only(data, _PRICE_SUPPORTED, at)
    if ("product" in data) == ("product_data" in data):
        raise _one_of(at, "product", "product_data", both="product" in data)
    if ("unit_amount" in data) == ("unit_amount_decimal" in data):
        raise _one_of(at, "unit_amount", "unit_amount_decimal", both="unit_amount" in data)
    if Decimal(data.get("unit_amount_decimal") or data["unit_amount"]) < 0:
        raise bad_parameter("Invalid non-negative integer", "parameter_invalid_integer", f"{at}[unit_amount]")
    if "product" in data:
        state.get("product", data["product"], f"{at}[product]")
    else:
        _only(data["product_data"], catalogue.PRODUCT_SUPPORTED - {"id", "active"}, f"{at}[product_data]")
    return data.get("recurring")


def _one_of(at: str, first: str, second: str, *, both: bool) -> StripeError:
    if both:
        return _exclusive(f"{at}[{first}]", f"{at}[{second}]")
    return bad_parameter(f"Missing required param: {at}[{first}].", "parameter_missing", f"{at}[{first}]")


def _currency(state: State, lines: list[Json]) -> str:
    currencies = {
        str(line["price_data"]["currency"] if "price_data" in line else state.get("price", line["price"])["currency"])
        .lower()
        for line in lines
    }  # fmt: skip
    if len(currencies) > 1:
        message = "All line items of a Checkout Session must have prices in the same currency."
        raise refused(message, None, "line_items")
    return currencies.pop()


def _line(state: State, currency: str, given: Json) -> CheckoutLine:
    """A line without its price. `create` adds the prices last, so a refused request creates no price."""
    price = state.get("price", given["price"]) if "price" in given else given["price_data"]
    product = state.get("product", price["product"]) if "product" in price else price["product_data"]
    unit = Decimal(price.get("unit_amount_decimal") or price["unit_amount"])
    amount = tax.rounded(unit * given["quantity"])
    item = state.draft(
        "item",
        amount_subtotal=amount,
        currency=currency,
        description=product["name"],
        metadata=dict(given.get("metadata") or {}),
        quantity=given["quantity"],
    )
    behavior = "inclusive" if price.get("tax_behavior") == "inclusive" else "exclusive"
    return CheckoutLine(item, behavior, product.get("tax_code"))


def _price(state: State, given: Json) -> Json:
    if "price" in given:
        return state.get("price", given["price"])
    data = given["price_data"]
    product = data.get("product") or catalogue.create_product(state, data["product_data"])["id"]
    price = catalogue.new_price(state, product, data)
    state.emit("price.created", price)
    return price


def add_up(state: State, session: Json, checkout: Checkout, payer: Json | None) -> None:
    """Set the session's totals. The payer's address decides the tax."""
    automatic = session["automatic_tax"]
    known = payer is not None and tax.location_known(payer)
    if automatic["enabled"]:
        automatic.update(
            liability=part("checkout.session", "AutomaticTax", "Liability", type="self"),
            provider="stripe",
            status="complete" if known else "requires_location_inputs",
        )
    for line in checkout.lines:
        item = line.item
        amount = item["amount_subtotal"]
        line.taxes = []
        if automatic["enabled"] and known and payer is not None:
            line.taxes = tax.taxes_of_line(state, payer, amount, line.tax_behavior, line.tax_code)
        item["amount_tax"] = sum(one["amount"] for one in line.taxes)
        item["amount_total"] = amount + (item["amount_tax"] if line.tax_behavior == "exclusive" else 0)
    items = [line.item for line in checkout.lines]
    session.update(
        amount_subtotal=sum(item["amount_subtotal"] for item in items),
        amount_total=sum(item["amount_total"] for item in items),
        total_details={
            "amount_discount": 0,
            "amount_shipping": 0,
            "amount_tax": sum(item["amount_tax"] for item in items),
            "breakdown": None,
        },
    )


# -- read and update -----------------------------------------------------------------------------------------


def retrieve(state: State, params: Json, session_id: str) -> Json:
    return state.get("checkout.session", session_id)


def update(state: State, params: Json, session_id: str) -> Json:
    session = state.get("checkout.session", session_id)
    merge_metadata(session, params)
    return session


def list_all(state: State, params: Json) -> list[Json]:
    return [
        session
        for session in state.all("checkout.session")
        if all(params.get(name) in (None, session[name]) for name in ("customer", "payment_intent", "status"))
    ]


def list_lines(state: State, params: Json, session_id: str) -> list[Json]:
    state.get("checkout.session", session_id)
    return [line.item for line in state.checkouts[session_id].lines][::-1]  # page() reverses them again


# -- expire --------------------------------------------------------------------------------------------------


def expire(state: State, params: Json, session_id: str) -> Json:
    session = state.get("checkout.session", session_id)
    if session["status"] != "open":
        message = (
            'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout Session has a status of '
            f"`{session['status']}`."
        )
        raise refused(message)
    _expire(state, session)
    return session


def _expire_silently(state: State, session: Json) -> None:
    if session["status"] == "open":
        _expire(state, session)


def _expire(state: State, session: Json) -> None:
    session.update(status="expired", url=None)
    if session["payment_intent"]:
        intent = state.get("payment_intent", session["payment_intent"])
        charges.cancel(state, intent, "expired")
        state.emit("payment_intent.canceled", intent)
    state.emit("checkout.session.expired", session)
