"""A SEPA debit needs a mandate: the customer's permission to debit the account.

A setup intent or a payment page records the mandate.
"""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from local.seed import save_debit

from .conftest import Shop

ACCEPTED: Any = {
    "customer_acceptance": {"type": "online", "online": {"ip_address": "::1", "user_agent": "x"}}
}


def setup(customer: str, method: str, **changes: Any) -> Any:
    return {
        "customer": customer,
        "payment_method": method,
        "allowed_payment_method_types": ["sepa_debit"],
        "confirm": True,
        **changes,
    }


def test_nothing_is_debited_without_a_mandate(shop: Shop) -> None:
    invoice = shop.open(shop.customer("pm_success_de"))
    with pytest.raises(stripe.InvalidRequestError, match="mandate_data is required"):
        shop.client.v1.invoices.pay(invoice.id)
    assert shop.all_charges() == []
    assert shop.read(invoice).status == "open"


def test_a_setup_intent_saves_the_debit_method_with_its_mandate(shop: Shop) -> None:
    customer = shop.customer(None)
    saved = shop.client.v1.setup_intents.create(
        setup(customer.id, "pm_success_de", mandate_data=ACCEPTED), {"idempotency_key": shop.once("set-up")}
    )
    assert (saved.status, saved.customer, saved.usage) == ("succeeded", customer.id, "off_session")
    shop.expect_events("payment_method.attached", "setup_intent.succeeded")

    invoice = shop.open(customer, default_payment_method=saved.payment_method)
    shop.client.v1.invoices.pay(invoice.id)
    charge: Any
    (charge,) = shop.all_charges()
    assert charge.payment_method_details.sepa_debit.mandate == saved.mandate


def test_save_debit_records_a_mandate_for_an_attached_method(shop: Shop) -> None:
    customer = shop.customer("pm_success_de")
    method = str(customer.invoice_settings.default_payment_method)
    assert save_debit(shop.client, customer.id, method) == method
    assert shop.client.v1.invoices.pay(shop.open(customer).id).status == "open"
    assert len(shop.all_charges()) == 1


@pytest.mark.parametrize("changes", [{}, {"mandate_data": ""}])
def test_a_setup_intent_for_a_debit_needs_mandate_data(shop: Shop, changes: Any) -> None:
    customer = shop.customer(None)
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        shop.client.v1.setup_intents.create(setup(customer.id, "pm_success_de", **changes))
    assert refusal.value.param == "mandate_data"


def test_a_setup_intent_for_debits_refuses_a_card(shop: Shop) -> None:
    customer = shop.customer(None)
    with pytest.raises(stripe.InvalidRequestError, match="not allowed"):
        shop.client.v1.setup_intents.create(setup(customer.id, "pm_card_visa", mandate_data=ACCEPTED))
