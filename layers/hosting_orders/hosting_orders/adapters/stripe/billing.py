"""Create an invoice and collect it only once (docs/design.md).

* Any response may be lost. A repeated charge uses the same idempotency keys. If they have expired, it does only the
  missing steps.
* The outcome is read from Stripe's objects, never inferred from an error.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from hosting_orders.adapters.stripe.client import (
    CLOCK_SLACK,
    KEYS_ARE_KEPT,
    PAGE,
    Document,
    StripeApi,
    code_of,
    given,
    method_types,
)
from hosting_orders.adapters.stripe.reading import (
    intent_of,
    is_made_by_checkout,
    is_untried,
    line_key_of,
    takes_money,
)
from hosting_orders.domain.errors import PaymentNotStartedError, ProviderUnavailableError
from hosting_orders.domain.providers import ChargeLine

if TYPE_CHECKING:
    import stripe

DELETED = "deleted"  # our own status of a deleted draft
_WRONG_SUM = "wrong_sum"  # this error code and the next one are ours, not Stripe's
ABOVE_MAXIMUM = "above_maximum"


@dataclass(frozen=True, slots=True)
class Bill:
    """The metadata is unique: it identifies the invoice."""

    key: str  # the prefix of every idempotency key
    metadata: Mapping[str, str]
    customer_id: str
    payment_method_id: str  # empty: the customer's default
    currency: str
    lines: tuple[ChargeLine, ...]
    created_at: int  # epoch ms; no invoice of this bill is older
    period: tuple[int, int] | None = None  # epoch ms
    max_gross: int | None = None  # including tax; an invoice above it is not paid

    def is_it(self, invoice: Document) -> bool:
        found = invoice.get("metadata") or {}
        wanted = self.metadata.items() - {("schema", self.metadata.get("schema", ""))}
        return not is_made_by_checkout(invoice) and wanted <= found.items()


class Biller:
    def __init__(self, stripe: StripeApi) -> None:
        self._stripe = stripe

    def is_old(self, bill: Bill) -> bool:
        """Whether Stripe may have forgotten the idempotency keys."""
        return self._stripe.now() - bill.created_at / 1000 >= KEYS_ARE_KEPT

    def look(self, bill: Bill) -> str | None:
        invoices = [one for one in self.invoices_since(bill.customer_id, bill.created_at) if bill.is_it(one)]
        return nearest(invoices)

    def invoices_since(self, customer_id: str, created_at: int) -> list[Document]:
        since = created_at // 1000 - CLOCK_SLACK
        pages = self._stripe.v1.invoices.list(
            {"customer": customer_id, "created": {"gte": since}, "limit": PAGE}
        ).auto_paging_iter()
        return [found.to_dict() for found in pages]

    def create(self, bill: Bill) -> str:
        """Raises PaymentNotStartedError."""
        parameters: Document = {
            "customer": bill.customer_id,
            "currency": bill.currency.lower(),
            "collection_method": "charge_automatically",
            "auto_advance": False,
            "payment_settings": {"payment_method_types": method_types(bill.currency)},
            "pending_invoice_items_behavior": "exclude",
            "metadata": dict(bill.metadata),
        }
        if bill.payment_method_id:
            parameters["default_payment_method"] = bill.payment_method_id
        if self._stripe.automatic_tax:
            parameters["automatic_tax"] = {"enabled": True}
        try:
            return self._stripe.once(
                f"{bill.key}:invoice",
                lambda options: str(self._stripe.v1.invoices.create(given(parameters), options).id),
                done=lambda: self.look(bill),
            )
        except self._stripe.sdk.StripeError as error:
            if not self._stripe.is_refusal(error):
                raise
            if isinstance(error, self._stripe.sdk.IdempotencyError):
                # An older release sent other parameters with this key. Its invoice may exist.
                found = self.look(bill)
                if found is None:
                    raise
                return found
            raise PaymentNotStartedError("The payment could not be started.", error.code) from None

    def collect(
        self, bill: Bill, invoice_id: str, *, status: str, lines: tuple[ChargeLine, ...], again: str
    ) -> None:
        """Finish an invoice with this `status`. `again` becomes part of the idempotency keys."""
        if status == "draft":
            if lines:
                parameters: Document = {"lines": [self._line(bill, line) for line in lines]}
                invoice = self._stripe.once(
                    f"{bill.key}:lines{again}",
                    lambda options: self._stripe.v1.invoices.add_lines(
                        invoice_id, given(parameters), options
                    ).to_dict(),
                    done=lambda: None if self.missing(bill, invoice_id) else self._stripe.invoice(invoice_id),
                )
            else:
                invoice = self._stripe.invoice(invoice_id) or {}
            self._check_sum(bill, invoice)  # before finalizing, which can pay the invoice from credit
            invoice = self._stripe.once(
                f"{bill.key}:finalize{again}",
                lambda options: self._stripe.v1.invoices.finalize_invoice(
                    invoice_id, {"auto_advance": False}, options
                ).to_dict(),
            )
        else:
            invoice = self._stripe.invoice(invoice_id) or {}
        # Check again: Stripe may have replayed an old `add_lines` response, which lacks lines that a concurrent call
        # has added.
        self._check_sum(bill, invoice)
        if invoice.get("status") == "open":
            how: Document = {"off_session": True}
            if bill.payment_method_id:
                how["payment_method"] = bill.payment_method_id
            self._stripe.once(
                f"{bill.key}:pay:1{again}",
                lambda options: self._stripe.v1.invoices.pay(invoice_id, given(how), options),
            )

    def carry_on(self, bill: Bill, invoice: Document | None, again: str) -> None:
        """Finish an invoice after a refusal, or after its idempotency keys have expired."""
        assert invoice is not None
        lines: tuple[ChargeLine, ...] = ()
        if invoice["status"] == "draft":
            lines = self.missing(bill, invoice["id"])
            if lines:
                again += ":" + hashlib.sha256("\n".join(line.key for line in lines).encode()).hexdigest()[:16]
        self.collect(bill, invoice["id"], status=invoice["status"], lines=lines, again=again)

    def unfinished(self, invoice: Document | None, refusal: stripe.StripeError | None) -> bool:
        if invoice is None or isinstance(refusal, self._stripe.sdk.CardError):
            return False
        if refusal is not None and refusal.code in (_WRONG_SUM, ABOVE_MAXIMUM):
            return False
        return invoice["status"] == "draft" or (
            invoice["status"] == "open" and is_untried(intent_of(invoice))
        )

    def close(self, invoice: Document | None) -> Document | None:
        """Delete or void the invoice, unless it is paid or a payment is under way."""
        # Send no idempotency key, because Stripe would replay an outdated refusal.
        for _ in range(3):
            if invoice is None:
                return None
            invoice_id: str = invoice["id"]
            if is_busy(invoice) or invoice["status"] in ("paid", "void"):
                return invoice
            if invoice["status"] == "draft":
                refusal = self._stripe.refusal_of(partial(self._stripe.v1.invoices.delete, invoice_id))
                if refusal is None:
                    return {**invoice, "status": DELETED}
            else:
                self._stripe.refusal_of(partial(self._stripe.v1.invoices.void_invoice, invoice_id))
            # Read the invoice again. The response of a successful request lacks the payments. A refusal can mean that
            # another process has changed the invoice.
            invoice = self._stripe.invoice(invoice_id)
        raise ProviderUnavailableError("Stripe: the invoice could not be closed")

    def missing(self, bill: Bill, invoice_id: str) -> tuple[ChargeLine, ...]:
        present = {line_key_of(line) for line in self._stripe.invoice_lines(invoice_id)}
        return tuple(line for line in bill.lines if line.key not in present)

    def _check_sum(self, bill: Bill, invoice: Document) -> None:
        if invoice.get("subtotal") != sum(line.amount for line in bill.lines):
            differs = "The invoice differs from what is charged."
            raise self._stripe.sdk.InvalidRequestError(differs, None, _WRONG_SUM)
        if bill.max_gross is not None and invoice["total"] > bill.max_gross:
            above = "The invoice is above the agreed maximum."
            raise self._stripe.sdk.InvalidRequestError(above, None, ABOVE_MAXIMUM)

    def _line(self, bill: Bill, line: ChargeLine) -> Document:
        parameters: Document = {"description": line.description, "metadata": {"order": line.key}}
        if bill.period is not None:
            start, end = bill.period
            parameters["period"] = {"start": start // 1000, "end": end // 1000}
        if not self._stripe.automatic_tax:
            return {**parameters, "amount": line.amount}
        # Our prices do not include tax. For a line with only an amount, the Stripe account's default would decide
        # whether the amount includes tax.
        return {
            **parameters,
            "quantity": 1,
            "price_data": {
                "currency": bill.currency.lower(),
                "product_data": {"name": line.description},
                "tax_behavior": "exclusive",
                "unit_amount": line.amount,
            },
        }


def nearest(invoices: list[Document]) -> str | None:
    """The id of the invoice closest to payment."""
    order = ("paid", "open", "uncollectible", "draft", "void")
    found = sorted(invoices, key=lambda invoice: order.index(invoice["status"]))
    return str(found[0]["id"]) if found else None


def is_busy(invoice: Document) -> bool:
    return takes_money(intent_of(invoice))


def decline_of(refusal: stripe.StripeError | None) -> str | None:
    if refusal is None:
        return None
    details = refusal.error.to_dict() if refusal.error is not None else {}
    return details.get("decline_code") or code_of(refusal)
