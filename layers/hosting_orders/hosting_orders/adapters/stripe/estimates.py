"""What an invoice would cost according to Stripe (https://docs.stripe.com/api/invoices/create_preview)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hosting_orders.adapters.stripe.checkout import address_of
from hosting_orders.adapters.stripe.client import Document, StripeApi, code_of, filled, given
from hosting_orders.adapters.stripe.reading import gross_of, line_key_of, net_of
from hosting_orders.domain.account import Account
from hosting_orders.domain.errors import PaymentNotStartedError, ProviderUnavailableError
from hosting_orders.domain.providers import ChargeLine, Estimate

_NO_LOCATION = "customer_tax_location_invalid"


class StripeEstimates:
    def __init__(self, stripe: StripeApi) -> None:
        self._stripe = stripe

    def estimate(self, account: Account, lines: Sequence[ChargeLine], *, on_page: bool) -> Estimate | None:
        parameters = self._parameters(account.currency, lines)
        if account.stripe_customer_id and not on_page:
            parameters["customer"] = account.stripe_customer_id
        elif self._stripe.automatic_tax:
            parameters["customer_details"] = {"address": address_of(account.billing_contact)}
        else:
            net = sum(line.amount for line in lines)
            return Estimate(net, net, balance=0)
        with self._stripe.faults_translated():
            try:
                preview = self._preview(parameters)
            except self._stripe.sdk.StripeError as error:
                if code_of(error) == _NO_LOCATION:
                    return None
                if not self._stripe.is_refusal(error):
                    raise
                raise PaymentNotStartedError("The payment cannot be started.", code_of(error)) from None
            if (
                self._stripe.automatic_tax
                and preview["automatic_tax"]["status"] == "requires_location_inputs"
            ):
                return None
            # On a payment page the customer may enter another address, so the tax may change.
            return replace(self._read(preview, lines), final=not on_page)

    def _parameters(self, currency: str, lines: Sequence[ChargeLine]) -> Document:
        currency = currency.lower()
        parameters: Document = {
            "currency": currency,
            "invoice_items": [
                {
                    "amount": line.amount,
                    "currency": currency,
                    "description": line.description,
                    "metadata": {"order": line.key},
                    "tax_behavior": "exclusive",
                }
                for line in lines
            ],
        }
        if self._stripe.automatic_tax:
            parameters["automatic_tax"] = {"enabled": True}
        return parameters

    def _read(self, preview: Document, lines: Sequence[ChargeLine]) -> Estimate:
        if self._stripe.automatic_tax and preview["automatic_tax"]["status"] != "complete":
            raise ProviderUnavailableError("Stripe: the tax of the preview was not computed")
        shown = preview["lines"]
        every = self._stripe.invoice_lines(preview["id"]) if shown["has_more"] else shown["data"]
        # The preview also has lines for a subscription's next term and for pending invoice items. Our invoices have
        # neither.
        ours = [line for line in every if line_key_of(line) is not None]
        if {line_key_of(line): line["amount"] for line in ours} != {line.key: line.amount for line in lines}:
            raise ProviderUnavailableError("Stripe: the preview differs from what was asked")
        net = sum(net_of(line) for line in ours)
        total = preview["total"] if len(ours) == len(every) else self._total(preview, ours)
        return Estimate(net, total, balance=preview["starting_balance"])

    def _total(self, preview: Document, ours: Sequence[Document]) -> int:
        """Return what our lines cost with tax, when the preview's total also includes other lines."""
        sum_of_lines = sum(gross_of(line) for line in ours)
        if not self._stripe.automatic_tax or len(ours) == 1:
            return sum_of_lines
        # Stripe may round the tax once for the whole invoice. So preview our lines alone, at their discounted prices,
        # for a customer with the same tax details but no subscription.
        discounted = [
            ChargeLine(line["metadata"]["order"], line["description"], net_of(line)) for line in ours
        ]
        parameters = self._parameters(preview["currency"], discounted)
        parameters["customer_details"] = _tax_details(preview)
        try:
            alone = self._preview(parameters)
        except self._stripe.sdk.StripeError as error:
            if not self._stripe.is_refusal(error):
                raise
            return sum_of_lines
        total: int = alone["total"]
        return total if alone["automatic_tax"]["status"] == "complete" else sum_of_lines

    def _preview(self, parameters: Document) -> Document:
        return self._stripe.v1.invoices.create_preview(given(parameters)).to_dict()


def _tax_details(invoice: Document) -> Document:
    shipping = invoice["customer_shipping"] or {}
    return filled(
        {
            "address": filled(invoice["customer_address"] or {}),
            "shipping": filled(
                {"name": shipping.get("name"), "address": filled(shipping.get("address") or {})}
            ),
            "tax_exempt": invoice["customer_tax_exempt"],
            "tax_ids": [
                {"type": tax_id["type"], "value": tax_id["value"]}
                for tax_id in invoice["customer_tax_ids"] or []
            ],
        }
    )
