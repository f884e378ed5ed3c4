"""What an invoice would cost according to Stripe (https://docs.stripe.com/api/invoices/create_preview)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hosting_orders.adapters.stripe.checkout import address_of
from hosting_orders.adapters.stripe.client import Document, StripeApi, code_of, given
from hosting_orders.adapters.stripe.reading import gross_of, line_key_of, net_of
from hosting_orders.domain.account import Account
from hosting_orders.domain.errors import PaymentNotStartedError, ProviderUnavailableError
from hosting_orders.domain.providers import ChargeLine, Estimate

_NO_LOCATION = "customer_tax_location_invalid"


class StripeEstimates:
    def __init__(self, stripe: StripeApi) -> None:
        self._stripe = stripe

    def estimate(self, account: Account, lines: Sequence[ChargeLine], *, on_page: bool) -> Estimate | None:
        parameters = self._parameters(account, lines)
        if account.stripe_customer_id and not on_page:
            parameters["customer"] = account.stripe_customer_id
        elif self._stripe.automatic_tax:
            parameters["customer_details"] = {"address": address_of(account.billing_contact)}
        else:
            net = sum(line.amount for line in lines)
            return Estimate(net, net, balance=0)
        with self._stripe.faults_translated():
            try:
                preview = self._stripe.v1.invoices.create_preview(given(parameters)).to_dict()
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
            # On a page the customer may enter another address, so the tax may change.
            return replace(self._read(preview, lines), final=not on_page)

    def _parameters(self, account: Account, lines: Sequence[ChargeLine]) -> Document:
        currency = account.currency.lower()
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
        alone = len(ours) == len(every)
        return Estimate(
            net,
            # Rounding may make the invoice's total differ from the sum of its lines.
            gross=preview["total"] if alone else sum(gross_of(line) for line in ours),
            balance=preview["starting_balance"],
        )
