"""Customers, their balance and their payment methods."""

from __future__ import annotations

import re
from typing import Any

from .errors import StripeError, bad_parameter, card_refused, missing_parameter, no_such, not_built, refused
from .published import CARDS, IBANS, INCORRECT_NUMBER, READY_MADE, Card, Decline, Iban
from .sdk_types import Json, part
from .store import Store, merged_metadata
from .wire import paged

_ADDRESS = ("city", "country", "line1", "line2", "postal_code", "state")
_PLAIN = ("description", "email", "name", "phone", "preferred_locales")
_COUNTRY = re.compile(r"[A-Z]{2}")


def only(parameters: Json, *names: str) -> None:
    """Stripe knows more parameters than the stand-in; to ignore one would be a lie."""
    for name in parameters.keys() - set(names) - {"expand"}:
        raise not_built(f"the parameter {name} here")


class Customers:
    def __init__(self, store: Store) -> None:
        self._store = store

    # -- customers -------------------------------------------------------------------------------------------

    def create(self, parameters: Json) -> Json:
        only(
            parameters,
            *_PLAIN,
            "address",
            "balance",
            "invoice_settings",
            "metadata",
            "payment_method",
            "shipping",
            "tax_exempt",
        )
        customer = self._store.create(
            "customer",
            balance=0,
            delinquent=False,
            invoice_prefix=self._store.next_prefix(),
            invoice_settings=part("customer", "InvoiceSettings"),
            next_invoice_sequence=1,
            preferred_locales=[],
            tax_exempt="none",
        )
        try:
            if "payment_method" in parameters:
                self.attach(parameters["payment_method"], {"customer": customer["id"]})
            self._change(customer, parameters)
        except StripeError:
            self._store.discard(customer)
            raise
        if parameters.get("balance"):
            self.move_balance(customer, parameters["balance"], "initial")
        self._store.emit("customer.created", customer)
        return customer

    def retrieve(self, parameters: Json, identifier: str) -> Json:
        return self._store.get("customer", identifier)

    def update(self, parameters: Json, identifier: str) -> Json:
        only(
            parameters,
            *_PLAIN,
            "address",
            "balance",
            "invoice_settings",
            "metadata",
            "shipping",
            "tax_exempt",
        )
        customer = self._store.get("customer", identifier)
        before = dict(customer)
        self._change(customer, parameters)
        if "balance" in parameters:
            self.move_balance(customer, parameters["balance"] - customer["balance"], "adjustment")
        previous = {name: value for name, value in before.items() if customer[name] != value}
        if previous:
            self._store.emit("customer.updated", customer, previous)
        return customer

    def _change(self, customer: Json, parameters: Json) -> None:
        # What may be refused comes first: a refused request changes nothing.
        settings = parameters.get("invoice_settings", {})
        for name in settings.keys() - {"default_payment_method", "footer"}:
            raise not_built(f"the parameter invoice_settings[{name}]")
        if method := settings.get("default_payment_method"):
            method = self._own_method(customer, method, "invoice_settings[default_payment_method]")["id"]
        address = parameters.get("address")
        if isinstance(address, dict):
            country = address.get("country") or ""
            if country and not _COUNTRY.fullmatch(country):
                raise bad_parameter(
                    f"Country '{country}' is unknown.", "country_unsupported", "address[country]"
                )
        customer["invoice_settings"] = {
            **customer["invoice_settings"],
            **{name: value or None for name, value in settings.items()},
        }
        if method:
            customer["invoice_settings"]["default_payment_method"] = method
        if address is not None:
            customer["address"] = {name: address.get(name) or None for name in _ADDRESS} if address else None
        for name in (*_PLAIN, "tax_exempt"):
            if name in parameters:
                customer[name] = parameters[name] or None
        customer["tax_exempt"] = customer["tax_exempt"] or "none"
        if "shipping" in parameters:
            raise not_built("a customer's shipping address")
        customer["metadata"] = merged_metadata(customer["metadata"], parameters.get("metadata"))

    # -- balance ---------------------------------------------------------------------------------------------

    def create_balance_transaction(self, parameters: Json, identifier: str) -> Json:
        only(parameters, "amount", "currency", "description", "metadata")
        customer = self._store.get("customer", identifier)
        currency = parameters["currency"].lower()
        if customer["currency"] not in (None, currency):
            raise refused(
                "You cannot combine currencies on a single customer. This customer has had a balance or an "
                f"invoice in {customer['currency']}.",
                None,
                "currency",
            )
        customer["currency"] = currency
        transaction = self.move_balance(customer, parameters["amount"], "adjustment")
        transaction["description"] = parameters.get("description")
        transaction["metadata"] = merged_metadata({}, parameters.get("metadata"))
        return transaction

    def list_balance_transactions(self, parameters: Json, identifier: str) -> Json:
        self._store.get("customer", identifier)
        transactions = self._store.all("customer_balance_transaction", customer=identifier)
        return paged(f"/v1/customers/{identifier}/balance_transactions", transactions, parameters)

    def move_balance(self, customer: Json, amount: int, kind: str, **links: Any) -> Json:
        """Adds `amount` (minor units; what the customer has to his credit is negative)."""
        customer["balance"] += amount
        return self._store.create(
            "customer_balance_transaction",
            amount=amount,
            currency=customer["currency"] or "eur",
            customer=customer["id"],
            ending_balance=customer["balance"],
            type=kind,
            **links,
        )

    # -- payment methods -------------------------------------------------------------------------------------

    def create_method(self, parameters: Json) -> Json:
        only(parameters, "allow_redisplay", "billing_details", "card", "metadata", "sepa_debit", "type")
        kind = parameters.get("type")
        if kind is None:
            raise missing_parameter("type")
        if kind == "card":
            details = parameters.get("card") or {}
            if "token" in details:
                raise not_built("tokens")
            for name in ("number", "exp_month", "exp_year"):
                if name not in details:
                    raise missing_parameter(f"card[{name}]")
            return self._new_card(_known_card(details["number"]), parameters)
        if kind == "sepa_debit":
            return self._new_sepa_debit(parameters)
        raise not_built(f"payment methods of type {kind}")

    def _new_card(self, card: Card, parameters: Json) -> Json:
        details = parameters.get("card") or {"exp_month": 12, "exp_year": 2034}
        method = self._new_method("card", parameters)
        method["card"] = part(
            "payment_method",
            "Card",
            brand=card.brand,
            checks=part("payment_method", "Card", "Checks"),
            country="US",
            display_brand="american_express" if card.brand == "amex" else card.brand,
            exp_month=details["exp_month"],
            exp_year=details["exp_year"],
            fingerprint=f"standin{card.number[-9:]}",
            funding=card.funding,
            last4=card.number[-4:],
            networks={"available": [card.brand], "preferred": None},
            three_d_secure_usage={"supported": True},
        )
        for name in ("description", "iin", "issuer"):
            del method["card"][name]
        self._store.note(method["id"])["card"] = card
        return method

    def _new_sepa_debit(self, parameters: Json) -> Json:
        iban = (parameters.get("sepa_debit") or {}).get("iban")
        if not iban:
            raise missing_parameter("sepa_debit[iban]")
        iban = iban.replace(" ", "").upper()
        details = parameters.get("billing_details") or {}
        for name in ("name", "email"):
            if not details.get(name):
                raise missing_parameter(f"billing_details[{name}]")
        if iban not in IBANS:
            raise bad_parameter(
                "The IBAN you provided is invalid, or is none of Stripe's test IBANs.",
                "invalid_bank_account_iban",
                "sepa_debit[iban]",
            )
        method = self._new_method("sepa_debit", parameters)
        method["sepa_debit"] = part(
            "payment_method",
            "SepaDebit",
            bank_code=iban[4:12],
            branch_code="",
            country=iban[:2],
            fingerprint=f"standin{iban[-9:]}",
            generated_from=part("payment_method", "SepaDebit", "GeneratedFrom"),
            last4=iban[-4:],
        )
        self._store.note(method["id"])["iban"] = IBANS[iban]
        return method

    def _new_method(self, kind: str, parameters: Json) -> Json:
        method = self._store.create("payment_method", type=kind)
        details = {**(parameters.get("billing_details") or {})}
        address = {name: (details.get("address") or {}).get(name) for name in _ADDRESS}
        method.update(
            allow_redisplay=parameters.get("allow_redisplay", "unspecified"),
            billing_details=part(
                "payment_method",
                "BillingDetails",
                address=address,
                **{name: details.get(name) or None for name in ("email", "name", "phone", "tax_id")},
            ),
            metadata=merged_metadata({}, parameters.get("metadata")),
        )
        for name in [name for name, value in method.items() if value is None]:
            if name not in ("customer", "customer_account"):
                del method[name]  # Stripe says only the details of the method's own type
        return method

    def attach(self, identifier: str, parameters: Json) -> Json:
        customer = self._store.get("customer", parameters["customer"], "customer")
        if identifier in READY_MADE:
            card = CARDS[READY_MADE[identifier]]
            self._try(card)
            method = self._new_card(card, {})
        else:
            method = self._store.get("payment_method", identifier)
            if method["customer"] == customer["id"]:
                return method
            if method["customer"] is not None:
                raise refused("The payment method you provided has already been attached to a customer.")
            card = self._store.note(identifier).get("card")
            if card is not None:
                self._try(card)
        method["customer"] = customer["id"]
        if "card" in method:
            method["card"]["checks"]["cvc_check"] = "pass"
        self._store.emit("payment_method.attached", method)
        return method

    def attach_method(self, parameters: Json, identifier: str) -> Json:
        only(parameters, "customer")
        if "customer" not in parameters:
            raise missing_parameter("customer")
        return self.attach(identifier, parameters)

    def _try(self, card: Card) -> None:
        decline = card.declines_attach
        if decline is not None and not self._store.settings.allow_declining_attach:
            raise declined(decline)

    def detach_method(self, parameters: Json, identifier: str) -> Json:
        method = self._store.get("payment_method", identifier)
        if method["customer"] is None:
            raise refused(
                "The payment method you provided is not attached to a customer so detachment is impossible."
            )
        customer = self._store.get("customer", method["customer"])
        if customer["invoice_settings"]["default_payment_method"] == identifier:
            customer["invoice_settings"]["default_payment_method"] = None
        method["customer"] = None
        self._store.note(identifier)["is_spent"] = True
        self._store.emit("payment_method.detached", method)
        return method

    def retrieve_method(self, parameters: Json, identifier: str) -> Json:
        return self._store.get("payment_method", identifier)

    def list_methods(self, parameters: Json) -> Json:
        if "customer" not in parameters:
            raise not_built("payment methods listed without a customer")
        return self.list_customer_methods(
            parameters, parameters["customer"], "customer", "/v1/payment_methods"
        )

    def list_customer_methods(
        self, parameters: Json, customer: str, param: str = "id", url: str | None = None
    ) -> Json:
        self._store.get("customer", customer, param)
        methods = self._store.all("payment_method", customer=customer)
        if "type" in parameters:
            methods = [method for method in methods if method["type"] == parameters["type"]]
        return paged(url or f"/v1/customers/{customer}/payment_methods", methods, parameters)

    def retrieve_customer_method(self, parameters: Json, customer: str, identifier: str) -> Json:
        self._store.get("customer", customer)
        method = self._store.get("payment_method", identifier)
        if method["customer"] != customer:
            raise no_such("payment_method", identifier)
        return method

    def _own_method(self, customer: Json, identifier: str, param: str) -> Json:
        return own_method(self._store, customer, identifier, param)


def own_method(store: Store, customer: Json, identifier: str, param: str) -> Json:
    """The customer's payment method; raises StripeError when it is not attached to the customer."""
    method = store.find(identifier)
    if method is None or method["object"] != "payment_method":
        raise no_such("payment_method", identifier, param)
    if method["customer"] != customer["id"]:
        raise refused(
            f"The customer does not have a payment method with the ID {identifier}. The payment method must be "
            "attached to the customer.",
            "resource_missing",
            param,
        )
    return method


def declined(decline: Decline, **facts: Any) -> StripeError:
    return card_refused(decline.code, decline.message, decline_code=decline.decline_code, **facts)


def _known_card(number: str) -> Card:
    number = number.replace(" ", "")
    if number in CARDS:
        return CARDS[number]
    if not re.fullmatch(r"\d{12,19}", number) or not _passes_luhn(number):
        raise declined(INCORRECT_NUMBER)
    raise declined(
        Decline(
            "card_declined",
            "test_mode_live_card",
            "Your card was declined. Your request was in test mode, but used a non test card. For a list of "
            "valid test cards, visit: https://stripe.com/docs/testing.",
        )
    )


def _passes_luhn(number: str) -> bool:
    total = 0
    for position, digit in enumerate(reversed(number)):
        value = int(digit) * (2 if position % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def card_of(store: Store, method: Json) -> Card | None:
    card: Card | None = store.note(method["id"]).get("card")
    return card


def iban_of(store: Store, method: Json) -> Iban | None:
    iban: Iban | None = store.note(method["id"]).get("iban")
    return iban
