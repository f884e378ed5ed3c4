"""Customers and their credit balance: https://docs.stripe.com/api/customers, /customer_balance_transactions.

Finalizing an invoice uses a negative balance as credit, and adds a positive balance to the amount due.
"""

from __future__ import annotations

import re
import secrets
from typing import Any

from . import payment_methods
from .errors import StripeError, bad_parameter, refused
from .sdk_types import Json, copied, part
from .state import State

SUPPORTED = frozenset(
    ("name", "email", "phone", "description", "address", "metadata", "balance", "preferred_locales",
     "tax_exempt", "payment_method", "invoice_settings", "test_clock")
)  # fmt: skip

MOST_OF_A_TEST_CLOCK = 3

_PLAIN = ("name", "email", "phone", "description", "preferred_locales", "tax_exempt")
_COUNTRY = re.compile(r"[A-Z]{2}")


def merge_metadata(target: Json, params: Json) -> None:
    """An empty value deletes its key. If `metadata` itself is an empty string, all keys are deleted."""
    change = params.get("metadata")
    if change == "":
        target["metadata"] = {}
    elif change:
        merged = {**target["metadata"], **change}
        target["metadata"] = {key: value for key, value in merged.items() if value != ""}


def create(state: State, params: Json) -> Json:
    clock = params.get("test_clock")
    customer = state.draft(
        "customer",
        balance=0,
        delinquent=False,
        invoice_prefix=secrets.token_hex(4).upper(),
        invoice_settings=part("customer", "InvoiceSettings"),
        next_invoice_sequence=1,
        preferred_locales=[],
        tax_exempt="none",
        test_clock=clock,
    )
    if clock is not None:
        _join_clock(state, customer, clock)
    state.keep(customer)
    try:
        if "payment_method" in params:
            payment_methods.attach_to(state, params["payment_method"], customer)
        _change(state, customer, params)
    except StripeError:
        state.forget(customer)
        raise
    state.emit("customer.created", customer)
    return customer


def _join_clock(state: State, customer: Json, clock: str) -> None:
    state.get("test_helpers.test_clock", clock, "test_clock")
    if len(state.all("customer", test_clock=clock)) >= MOST_OF_A_TEST_CLOCK:
        message = f"A test clock can have at most {MOST_OF_A_TEST_CLOCK} customers."
        raise refused(message, None, "test_clock")
    customer["created"] = state.now_of(customer)


def list_all(state: State, params: Json) -> list[Json]:
    """Without the parameter `test_clock`, return only customers without a test clock."""
    return [
        customer
        for customer in state.all("customer", test_clock=params.get("test_clock"))
        if params.get("email") in (None, customer["email"])
    ]


def retrieve(state: State, params: Json, customer_id: str) -> Json:
    if customer_id in state.deleted_customers:
        return _deleted(customer_id)
    return state.get("customer", customer_id)


def update(state: State, params: Json, customer_id: str) -> Json:
    customer = state.get("customer", customer_id)
    before = copied(customer)
    _change(state, customer, params)
    state.emit("customer.updated", customer, before)
    return customer


def delete(state: State, params: Json, customer_id: str) -> Json:
    """Delete the customer, and cancel its subscriptions. Later reads of the id return an object with `deleted`."""
    customer = state.get("customer", customer_id)
    for subscription in state.all("subscription", customer=customer_id):
        if subscription["status"] != "canceled":
            now = state.now_of(subscription)
            subscription.update(status="canceled", canceled_at=now, ended_at=now)
            state.emit("customer.subscription.deleted", subscription)
    state.forget(customer)
    state.emit("customer.deleted", customer)
    state.deleted_customers.add(customer_id)
    return _deleted(customer_id)


def _deleted(customer_id: str) -> Json:
    return {"id": customer_id, "object": "customer", "deleted": True}


def check_country(address: Json | None) -> None:
    if address and address.get("country") and not _COUNTRY.fullmatch(address["country"]):
        message = (
            f"Country '{address['country']}' is unknown. Try using a 2-character alphanumeric country code."
        )
        raise bad_parameter(message, "country_code_invalid", "address[country]")


def _change(state: State, customer: Json, params: Json) -> None:
    # Everything that can be refused comes first, so a refused request changes nothing.
    settings = dict(params.get("invoice_settings", {}))
    if settings.get("default_payment_method"):
        at = "invoice_settings[default_payment_method]"
        method = payment_methods.resolve(state, settings["default_payment_method"], at)
        if method["customer"] != customer["id"]:
            message = (
                f"The customer does not have a payment method with the ID {method['id']}. "
                "The payment method must be attached to the customer."
            )
            raise refused(message, "resource_missing", at)
    address = params.get("address")
    check_country(address)
    for name in ("default_payment_method", "footer"):
        if name in settings:
            customer["invoice_settings"][name] = settings[name] or None
    if address is not None:
        customer["address"] = address and part(
            "customer", "Address", **{name: value or None for name, value in address.items()}
        )
        customer["address"] = customer["address"] or None
    for name in _PLAIN:
        if name in params:
            customer[name] = params[name] or None
    customer["tax_exempt"] = customer["tax_exempt"] or "none"
    merge_metadata(customer, params)
    moved = params.get("balance", customer["balance"]) - customer["balance"]
    if moved:
        first = not state.all("customer_balance_transaction", customer=customer["id"])
        change_balance(state, customer, moved, type="initial" if first else "adjustment")


# -- the balance ---------------------------------------------------------------------------------------------


def change_balance(
    state: State, customer: Json, amount: int, *, type: str, currency: str | None = None, **links: Any
) -> Json:
    """Add `amount` (minor units), which is negative for credit. `links` has an id as `invoice` or `credit_note`."""
    customer["balance"] += amount
    customer["currency"] = customer["currency"] or (currency or "eur").lower()
    for draft in state.all("invoice", customer=customer["id"], status="draft"):
        draft["starting_balance"] = customer["balance"]  # a draft shows the current balance
    return state.new(
        "customer_balance_transaction",
        amount=amount,
        currency=(currency or customer["currency"]).lower(),
        customer=customer["id"],
        ending_balance=customer["balance"],
        type=type,
        **links,
    )


def create_balance_transaction(state: State, params: Json, customer_id: str) -> Json:
    customer = state.get("customer", customer_id)
    currency = params["currency"].lower()
    if customer["currency"] not in (None, currency):
        message = (
            "You cannot combine currencies on a single customer. This customer's balance is in "
            f"{customer['currency']}."
        )
        raise refused(message, None, "currency")
    transaction = change_balance(state, customer, params["amount"], type="adjustment", currency=currency)
    transaction["description"] = params.get("description")
    merge_metadata(transaction, params)
    return transaction


def retrieve_balance_transaction(state: State, params: Json, customer_id: str, transaction_id: str) -> Json:
    state.get("customer", customer_id)
    return state.get("customer_balance_transaction", transaction_id)


def list_balance_transactions(state: State, params: Json, customer_id: str) -> list[Json]:
    state.get("customer", customer_id)
    return state.all("customer_balance_transaction", customer=customer_id)
