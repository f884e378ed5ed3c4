"""Collect a cart with one Stripe invoice, which can be paid only once (docs/design.md).

* Any response may be lost. `charge` repeats the calls under the same keys, or does only what is missing.
* The outcome is read from Stripe's objects, never inferred from an error.
"""

from __future__ import annotations

import hashlib
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
    FINAL_DECLINES,
    awaiting,
    canceled,
    cart_metadata,
    gross_by_line,
    intent_of,
    is_ours,
    is_untried,
    line_key_of,
    method_type,
    payment_state,
)
from hosting_orders.domain.cart import PaymentStatus
from hosting_orders.domain.errors import NotFoundError, PaymentNotStartedError, ProviderUnavailableError
from hosting_orders.domain.providers import ChargeLine, ChargeRequest, PaymentMethod, PaymentState

if TYPE_CHECKING:
    import stripe

_WRONG_SUM = "wrong_sum"  # our own refusal, never Stripe's


class StripeInvoices:
    def __init__(self, stripe: StripeApi) -> None:
        self._stripe = stripe

    def default_method(self, customer_id: str) -> PaymentMethod | None:
        if not customer_id:
            return None
        with self._stripe.faults_translated():
            customer = self._stripe.found(
                lambda: self._stripe.v1.customers.retrieve(
                    customer_id, {"expand": ["invoice_settings.default_payment_method"]}
                )
            )
        method = ((customer or {}).get("invoice_settings") or {}).get("default_payment_method")
        return PaymentMethod(id=method["id"], type=method["type"]) if method else None

    def charge(self, request: ChargeRequest) -> PaymentState:
        with self._stripe.faults_translated():
            invoice_id = self._check_when_old(request)
            refusal: stripe.StripeError | None = None
            if invoice_id is None:
                invoice_id = self._create_invoice(request)
                refusal = self._stripe.refusal_of(
                    lambda: self._collect(request, invoice_id, status="draft", lines=request.lines, again="")
                )
            invoice = self._stripe.invoice(invoice_id)
            if self._unfinished(invoice, refusal):
                refusal = self._stripe.refusal_of(lambda: self._carry_on(request, invoice)) or refusal
                invoice = self._stripe.invoice(invoice_id)
            return self._outcome(request, invoice, refusal)

    def state(self, invoice_id: str) -> PaymentState | None:
        """PROCESSING with an `error` is a final decline of our own attempt. Until `charge` voids the invoice, its
        page could still be paid. So the state is not yet FAILED, and the page is not offered.

        After a decline on the hosted page or a returned debit, the customer may use another method on that page.
        """
        with self._stripe.faults_translated():
            return self.state_of(self._stripe.invoice(invoice_id))

    def state_of(self, invoice: Document | None) -> PaymentState | None:
        return self._state(invoice) if invoice and is_ours(invoice) else None

    def find(self, customer_id: str, cart_token: str, created_at: int) -> PaymentState | None:
        if not customer_id:
            return None
        with self._stripe.faults_translated():
            found = self._look(customer_id, cart_token, created_at)
            invoice = self._stripe.invoice(found) if found else None
            return self._state(invoice) if invoice else None

    def void(self, invoice_id: str) -> PaymentState:
        """Raises NotFoundError if the invoice is not ours."""
        with self._stripe.faults_translated():
            invoice = self._stripe.invoice(invoice_id)
            if invoice is not None and not is_ours(invoice):
                raise NotFoundError("No such payment.")
            return self._close(invoice_id, invoice)

    def _check_when_old(self, request: ChargeRequest) -> str | None:
        if self._stripe.now() - request.created_at / 1000 < KEYS_ARE_KEPT:
            return None
        return self._look(request.customer_id, request.cart_token, request.created_at, request.account_id)

    def _look(
        self, customer_id: str, cart_token: str, created_at: int, account_id: str | None = None
    ) -> str | None:
        """Of several invoices, the one closest to payment."""
        since = created_at // 1000 - CLOCK_SLACK
        pages = self._stripe.v1.invoices.list(
            {"customer": customer_id, "created": {"gte": since}, "limit": PAGE}
        ).auto_paging_iter()
        matching = [
            invoice
            for invoice in (found.to_dict() for found in pages)
            if is_ours(invoice)
            and invoice["metadata"]["cart_token"] == cart_token
            and account_id in (None, invoice["metadata"]["account_id"])
        ]
        nearness = ("paid", "open", "uncollectible", "draft", "void")
        matching.sort(key=lambda invoice: nearness.index(invoice["status"]))
        return str(matching[0]["id"]) if matching else None

    def _create_invoice(self, request: ChargeRequest) -> str:
        parameters: Document = {
            "customer": request.customer_id,
            "currency": request.currency.lower(),
            "collection_method": "charge_automatically",
            "auto_advance": False,
            "payment_settings": {"payment_method_types": method_types(request.currency)},
            "pending_invoice_items_behavior": "exclude",
            "metadata": cart_metadata(request.account_id, request.cart_token),
        }
        if request.payment_method_id:
            parameters["default_payment_method"] = request.payment_method_id
        if self._stripe.automatic_tax:
            parameters["automatic_tax"] = {"enabled": True}

        def look() -> str | None:
            return self._look(request.customer_id, request.cart_token, request.created_at, request.account_id)

        try:
            return self._stripe.once(
                _key(request, "invoice"),
                lambda options: str(self._stripe.v1.invoices.create(given(parameters), options).id),
                done=look,
            )
        except self._stripe.sdk.StripeError as error:
            if not self._stripe.is_refusal(error):
                raise
            if isinstance(error, self._stripe.sdk.IdempotencyError):
                # An older version of this code used the key with other parameters.
                found = look()
                if found is None:
                    raise
                return found
            raise PaymentNotStartedError("The payment could not be started.", error.code) from None

    def _collect(
        self,
        request: ChargeRequest,
        invoice_id: str,
        *,
        status: str,
        lines: tuple[ChargeLine, ...],
        again: str,
    ) -> None:
        """Continue from `status`. `again` is a suffix for new keys."""
        if status == "draft":
            if lines:
                parameters: Document = {"lines": [self._line(request, line) for line in lines]}
                invoice = self._stripe.once(
                    _key(request, f"lines{again}"),
                    lambda options: self._stripe.v1.invoices.add_lines(
                        invoice_id, given(parameters), options
                    ).to_dict(),
                    done=lambda: (
                        None if self._missing(request, invoice_id) else self._stripe.invoice(invoice_id)
                    ),
                )
            else:
                invoice = self._stripe.invoice(invoice_id) or {}
            self._check_sum(request, invoice)  # finalizing may pay the invoice from credit at once
            invoice = self._stripe.once(
                _key(request, f"finalize{again}"),
                lambda options: self._stripe.v1.invoices.finalize_invoice(
                    invoice_id, {"auto_advance": False}, options
                ).to_dict(),
            )
        else:
            invoice = self._stripe.invoice(invoice_id) or {}
        # The finalize response may be a replay, older than the lines that a concurrent call added.
        self._check_sum(request, invoice)
        if invoice.get("status") == "open":
            how: Document = {"off_session": True}
            if request.payment_method_id:
                how["payment_method"] = request.payment_method_id
            self._stripe.once(
                _key(request, f"pay:1{again}"),
                lambda options: self._stripe.v1.invoices.pay(invoice_id, given(how), options),
            )

    def _check_sum(self, request: ChargeRequest, invoice: Document) -> None:
        if invoice.get("subtotal") != sum(line.amount for line in request.lines):
            differs = "The invoice differs from the cart."
            raise self._stripe.sdk.InvalidRequestError(differs, None, _WRONG_SUM)

    def _line(self, request: ChargeRequest, line: ChargeLine) -> Document:
        parameters: Document = {"description": line.description, "metadata": {"order": line.key}}
        if not self._stripe.automatic_tax:
            return {**parameters, "amount": line.amount}
        # A bare amount would follow the Stripe account's default tax behaviour. Our prices are net.
        return {
            **parameters,
            "quantity": 1,
            "price_data": {
                "currency": request.currency.lower(),
                "product_data": {"name": line.description},
                "tax_behavior": "exclusive",
                "unit_amount": line.amount,
            },
        }

    def _missing(self, request: ChargeRequest, invoice_id: str) -> tuple[ChargeLine, ...]:
        present = {line_key_of(line) for line in self._stripe.invoice_lines(invoice_id)}
        return tuple(line for line in request.lines if line.key not in present)

    def _unfinished(self, invoice: Document | None, refusal: stripe.StripeError | None) -> bool:
        if invoice is None or isinstance(refusal, self._stripe.sdk.CardError):
            return False
        if refusal is not None and refusal.code == _WRONG_SUM:
            return False
        return invoice["status"] == "draft" or (
            invoice["status"] == "open" and is_untried(intent_of(invoice))
        )

    def _carry_on(self, request: ChargeRequest, invoice: Document | None) -> None:
        """Continue after refusals, or when the keys have expired."""
        assert invoice is not None
        lines: tuple[ChargeLine, ...] = ()
        again = ":again"
        if invoice["status"] == "draft":
            lines = self._missing(request, invoice["id"])
            if lines:
                again += ":" + hashlib.sha256("\n".join(line.key for line in lines).encode()).hexdigest()[:16]
        self._collect(request, invoice["id"], status=invoice["status"], lines=lines, again=again)

    def _outcome(
        self, request: ChargeRequest, invoice: Document | None, refusal: stripe.StripeError | None
    ) -> PaymentState:
        """Raises PaymentNotStartedError when nothing can be paid any more."""
        if invoice is None:
            raise PaymentNotStartedError("The payment was withdrawn.")
        state = self._state(invoice)
        if state.status in (PaymentStatus.SUCCEEDED, PaymentStatus.AWAITING_AUTHENTICATION):
            return state
        declined = state.error or _decline_of(refusal)
        if state.status is PaymentStatus.PROCESSING:
            intent = intent_of(invoice)
            if intent is not None and intent["status"] in ("processing", "succeeded"):
                return state
            if isinstance(refusal, self._stripe.sdk.CardError) and declined not in FINAL_DECLINES:
                return awaiting(state, invoice, declined)
            # Declined permanently, or refused before the attempt.
            state = self._close(invoice["id"], invoice)
            if state.status in (PaymentStatus.SUCCEEDED, PaymentStatus.PROCESSING):
                return state
        raise PaymentNotStartedError(
            "The payment method was declined."
            if declined in FINAL_DECLINES
            else "The payment could not be started.",
            declined,
        )

    def _close(self, invoice_id: str, invoice: Document | None) -> PaymentState:
        # No idempotency key: Stripe would replay an outdated refusal.
        for _ in range(3):
            if invoice is None:
                return PaymentState(PaymentStatus.CANCELED, invoice_id, "", "", None, None, 0, 0)
            state = self._state(invoice)
            intent = intent_of(invoice)
            busy = intent is not None and intent["status"] in ("processing", "succeeded")
            if busy or invoice["status"] in ("paid", "void"):
                return state
            if invoice["status"] == "draft":
                refusal = self._stripe.refusal_of(lambda: self._stripe.v1.invoices.delete(invoice_id))
                if refusal is None:
                    return canceled(state)
            else:
                refusal = self._stripe.refusal_of(lambda: self._stripe.v1.invoices.void_invoice(invoice_id))
            # Read again: a success response lacks the payments, and after a refusal another process was faster.
            invoice = self._stripe.invoice(invoice_id)
        raise ProviderUnavailableError("Stripe: the invoice could not be closed")

    def _state(self, invoice: Document) -> PaymentState:
        shown = invoice["lines"]
        # The tax of a draft is not final.
        settled = invoice["status"] != "draft"
        lines = self._stripe.invoice_lines(invoice["id"]) if settled and shown["has_more"] else shown["data"]
        gross = gross_by_line(lines, invoice["total"]) if settled else {}
        return payment_state(invoice, method_type(intent_of(invoice), self._type_of), gross)

    def _type_of(self, method_id: str) -> str | None:
        found = self._stripe.found(lambda: self._stripe.v1.payment_methods.retrieve(method_id))
        return str(found["type"]) if found else None


def _key(request: ChargeRequest, step: str) -> str:
    return f"cart:{request.account_id}:{request.cart_token}:{step}"


def _decline_of(refusal: stripe.StripeError | None) -> str | None:
    if refusal is None:
        return None
    details = refusal.error.to_dict() if refusal.error is not None else {}
    return details.get("decline_code") or code_of(refusal)
