"""Payments on a Checkout Session's page.

The first attempt creates the payment intent, and later attempts use it. The session is complete when a card has been
charged or a debit is processing. Checkout then creates the invoice, if `invoice_creation` is enabled. For a debit, the
setting `checkout_debit_invoice` decides when the invoice is created. Checkout neither uses the customer's balance nor
changes the default payment method. https://docs.stripe.com/payments/checkout/how-checkout-works,
/payments/checkout/fulfillment
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from . import charges, checkout, customers, invoices, payment_methods, payments
from .errors import refused
from .published import BANK_ACCOUNTS, CARDS, Decline
from .sdk_types import Json, copied, part
from .state import Checkout, State


@dataclass(frozen=True)
class Payer:
    """The values entered on the page. Checkout does not ask for an e-mail address that it already has."""

    email: str | None = None
    name: str = "Jenny Rosen"
    country: str | None = None
    postal_code: str | None = None


def pay_by_card(state: State, session: Json, number: str, payer: Payer) -> None:
    """Charge a card, or start its authentication. Raises the card error that the page shows."""
    if number not in CARDS:
        raise refused("Your card number is invalid.", "incorrect_number", "card[number]")
    intent, details = _begin(state, session, "card", payer)
    method = payment_methods.new_card(state, CARDS[number], details)
    charges.take(state, intent, method, off_session=False)


def pay_by_debit(state: State, session: Json, iban: str, payer: Payer) -> None:
    if iban not in BANK_ACCOUNTS:
        raise refused("The IBAN you provided is invalid.", "account_number_invalid", "sepa_debit[iban]")
    intent, details = _begin(state, session, "sepa_debit", payer)
    method = payment_methods.new_sepa_debit(state, BANK_ACCOUNTS[iban], details)
    state.instruments[method["id"]].mandate = True  # the page asks for the mandate
    charges.take(state, intent, method, off_session=False)


def authenticate(state: State, session: Json, *, succeeds: bool) -> None:
    """The customer's answer to the bank's challenge."""
    _must_be_open(session)
    intent = intent_of(state, session)
    if intent is None or intent["status"] != "requires_action":
        raise refused("This payment is not waiting for authentication.")
    if not succeeds:
        charges.fail_authentication(state, intent)
        return
    method = state.get("payment_method", intent["payment_method"])
    charges.take(state, intent, method, off_session=False, authenticated=True)


def intent_of(state: State, session: Json) -> Json | None:
    return state.get("payment_intent", session["payment_intent"]) if session["payment_intent"] else None


def known_email(state: State, session: Json) -> str | None:
    """The customer's e-mail address, if it is known. The page shows it, and the customer cannot change it there."""
    if session["customer"]:
        found: str | None = state.get("customer", session["customer"])["email"]
        return found
    given: str | None = session["customer_email"]
    return given


def asks_for_address(session: Json, behind: Checkout) -> bool:
    """Whether the address on the page decides the tax. Otherwise the customer's stored address decides it."""
    return session["customer"] is None or behind.saves_address


def success_address(session: Json) -> str:
    """The success URL with the session's id. Stripe does not insert the id into the cancel URL."""
    return str(session["success_url"]).replace("{CHECKOUT_SESSION_ID}", session["id"])


# -- attempts ------------------------------------------------------------------------------------------------


def _must_be_open(session: Json) -> None:
    if session["status"] == "complete":
        raise refused("This Checkout Session has been completed already.")
    if session["status"] == "expired":
        raise refused("This Checkout Session has expired.")


def _begin(state: State, session: Json, method_type: str, payer: Payer) -> tuple[Json, Json]:
    """Return the payment intent, and the parameters of the payment method to create."""
    _must_be_open(session)
    if method_type not in session["payment_method_types"]:
        raise refused(f"This Checkout Session cannot be paid with {method_type}.")
    behind = state.checkouts[session["id"]]
    email = known_email(state, session) or payer.email
    if not email:
        raise refused("Your e-mail address is required.", "parameter_missing", "email")
    address = {"country": payer.country, "postal_code": payer.postal_code}
    behind.payer = {"email": email, "name": payer.name, "address": address}
    _locate(state, session, behind)
    intent = _intent(state, session, behind)
    details = {
        "allow_redisplay": behind.allow_redisplay if _is_saved(intent) else "unspecified",
        "billing_details": {"email": email, "name": payer.name, "address": address},
    }
    return intent, details


def _is_saved(intent: Json) -> bool:
    return bool(intent["customer"] and intent["setup_future_usage"])


def _locate(state: State, session: Json, behind: Checkout) -> None:
    if not session["automatic_tax"]["enabled"]:
        return
    customer = state.get("customer", session["customer"]) if session["customer"] else None
    if asks_for_address(session, behind):
        exempt = customer["tax_exempt"] if customer else "none"
        checkout.add_up(state, session, behind, {"address": behind.payer["address"], "tax_exempt": exempt})
    else:
        checkout.add_up(state, session, behind, customer)
    if session["automatic_tax"]["status"] != "complete":
        raise refused("Your country is required.", "customer_tax_location_invalid", "country")


def _intent(state: State, session: Json, behind: Checkout) -> Json:
    intent = intent_of(state, session)
    if intent is not None:
        intent["amount"] = session["amount_total"]
        return intent
    if session["customer"] is None and (
        session["customer_creation"] == "always" or session["invoice_creation"]["enabled"]
    ):
        made = {"email": behind.payer["email"], "name": behind.payer["name"], "address": _filled(behind)}
        session["customer"] = customers.create(state, made)["id"]
        behind.saves_address = True  # the new customer has no other address
    data = behind.payment_intent_data
    intent = charges.new_intent(
        state,
        _SessionPayee(state, session),
        amount=session["amount_total"],
        currency=session["currency"],
        customer=session["customer"],
        description=data.get("description"),
        metadata=dict(data.get("metadata") or {}),
        payment_method_types=list(session["payment_method_types"]),
        setup_future_usage=data.get("setup_future_usage"),
    )
    session["payment_intent"] = intent["id"]
    state.emit("payment_intent.created", intent)
    return intent


def _filled(behind: Checkout) -> Json:
    return {name: value for name, value in behind.payer["address"].items() if value}


# -- the outcome ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _SessionPayee:
    state: State
    session: Json

    @property
    def page(self) -> str:
        return f"{self.state.base_url}/c/pay/{self.session['id']}"

    def asked(self) -> None:
        pass  # the page shows the challenge

    def processing(self) -> None:
        _complete(self.state, self.session, paid=False)

    def paid(self) -> None:
        if self.session["status"] == "open":
            _complete(self.state, self.session, paid=True)
            return
        self.session["payment_status"] = "paid"
        _invoice_soon(self.state, self.session)
        self.state.emit("checkout.session.async_payment_succeeded", self.session)

    def failed(self, decline: Decline, *, late: bool = False) -> None:
        if not late:
            return  # the session stays open, and the page shows the reason
        if self.session["invoice"]:
            self.state.emit("invoice.payment_failed", self.state.get("invoice", self.session["invoice"]))
        self.state.emit("checkout.session.async_payment_failed", self.session)


def _complete(state: State, session: Json, *, paid: bool) -> None:
    behind = state.checkouts[session["id"]]
    intent = intent_of(state, session)
    assert intent is not None, "a session is completed by its payment"
    session.update(
        status="complete",
        payment_status="paid" if paid else "unpaid",
        url=None,
        customer_details=_details(state, session, behind),
    )
    if session["customer"]:
        _save_payer(state, state.get("customer", session["customer"]), behind)
    if _is_saved(intent):
        _save_method(state, intent)
    if paid or state.settings.checkout_debit_invoice == "at completion":
        _invoice_soon(state, session)
    state.emit("checkout.session.completed", session)


def _details(state: State, session: Json, behind: Checkout) -> Json:
    exempt = state.get("customer", session["customer"])["tax_exempt"] if session["customer"] else "none"
    typed = behind.payer
    return part(
        "checkout.session", "CustomerDetails",
        address=part("checkout.session", "CustomerDetails", "Address", **typed["address"]),
        email=typed["email"], name=typed["name"], tax_exempt=exempt, tax_ids=[],
    )  # fmt: skip


def _save_payer(state: State, customer: Json, behind: Checkout) -> None:
    """Save the name and the address if the session allows it.

    A customer without an e-mail address gets the one from the page.
    """
    before = copied(customer)
    if not customer["email"]:
        customer["email"] = behind.payer["email"]
    if behind.saves_name:
        customer["name"] = behind.payer["name"]
    if behind.saves_address and _filled(behind):
        customer["address"] = part("customer", "Address", **behind.payer["address"])
    if customer != before:
        state.emit("customer.updated", customer, before)


def _save_method(state: State, intent: Json) -> None:
    customer = state.get("customer", intent["customer"])
    payment_methods.attach_to(state, intent["payment_method"], customer)
    if intent["setup_future_usage"] == "off_session":
        state.instruments[intent["payment_method"]].set_up = True


# -- the invoice ---------------------------------------------------------------------------------------------


def _invoice_soon(state: State, session: Json) -> None:
    if not session["invoice_creation"]["enabled"]:
        return
    if state.settings.checkout_invoice_lags:
        state.later(state.settings.checkout_invoice_lags, lambda: _invoice(state, session))
    else:
        _invoice(state, session)


def _invoice(state: State, session: Json) -> None:
    intent = intent_of(state, session)
    assert intent is not None, "a session with an invoice has a payment"
    if session["invoice"] is None:
        _make_invoice(state, session, intent)
    invoice = state.get("invoice", session["invoice"])
    if intent["status"] == "succeeded" and invoice["status"] == "open":
        payments.received(state, invoice)


def _make_invoice(state: State, session: Json, intent: Json) -> None:
    customer = state.get("customer", session["customer"])
    data = session["invoice_creation"]["invoice_data"]
    invoice = invoices.new_invoice(
        state,
        customer,
        automatic_tax=False,
        auto_advance=False,
        billing_reason="manual",
        collection_method="charge_automatically",
        currency=session["currency"],
        description=data["description"],
        footer=data["footer"],
        metadata=dict(data["metadata"]),
        payment_settings=part("invoice", "PaymentSettings"),
    )
    if session["automatic_tax"]["enabled"]:
        invoice["automatic_tax"].update(copied(session["automatic_tax"]))
    invoice["lines"]["data"] = _lines(state, session, invoice)
    invoices.sum_up(invoice)
    state.keep(invoice)
    state.checkout_invoices.add(invoice["id"])
    session["invoice"] = invoice["id"]
    state.emit("invoice.created", invoice)
    invoices.issue(state, invoice, customer)
    invoice.update(attempted=True, attempt_count=1, ending_balance=customer["balance"])
    customer["currency"] = customer["currency"] or invoice["currency"]
    payments.link(state, invoice, intent)
    state.emit("invoice.finalized", invoice)


def _lines(state: State, session: Json, invoice: Json) -> list[Json]:
    """The lines in reverse order, as Stripe documents for pending invoice items.

    Stripe documents no order for the lines of Checkout.
    """
    lines = []
    for one in reversed(state.checkouts[session["id"]].lines):
        item: dict[str, Any] = one.item
        line = invoices.new_line(
            state,
            invoice,
            item["price"],
            amount=item["amount_subtotal"],
            description=item["description"],
            discountable=True,
            metadata=dict(item["metadata"]) if state.settings.checkout_line_metadata else {},
            parent=invoices.item_parent(),
            period=None,
            quantity=item["quantity"],
        )
        line["taxes"] = copied(one.taxes)
        lines.append(line)
    return lines
