"""Stripe as our payment provider, invoice first (docs/design.md; https://docs.stripe.com/invoicing/integration).

What keeps the money right:

* One invoice per cart, and an invoice can be paid only once. So only two calls could ever do harm when they are
  repeated, creating the invoice and adding its lines; both carry an idempotency key computed from the cart. The
  net sum on the invoice is compared with the cart's before anything is paid.
* Every answer may be lost. `charge` repeats the same calls under the same keys, and whatever surprises it there
  (Stripe forgot a key, somebody paid or voided meanwhile) makes it read the invoice and do only what is missing.
* The outcome is read from the invoice and its payment intent, never concluded from an error.

Inside, Stripe's objects are plain dicts: a StripeObject looks like one and is not.
"""

from __future__ import annotations

import calendar
import datetime as dt
import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from hosting_orders.domain.cart import PaymentStatus
from hosting_orders.domain.catalogue import Term
from hosting_orders.domain.errors import (
    ForgedWebhookError,
    NotFoundError,
    PaymentNotStartedError,
    ProviderUnavailableError,
    RefundRefusedError,
)
from hosting_orders.domain.money import Money
from hosting_orders.domain.order import Subscription
from hosting_orders.domain.providers import (
    ChargeLine,
    ChargeRequest,
    PaidRenewal,
    PaymentEvent,
    PaymentMethod,
    PaymentState,
    RefundState,
    RenewalState,
    SubscriptionState,
)

if TYPE_CHECKING:
    import stripe

T = TypeVar("T")
Document = dict[str, Any]

# Stripe keeps an idempotency key for 24 hours at least. From here on we look before we post.
KEYS_ARE_KEPT = 23 * 60 * 60
# Our clock and Stripe's differ; what we look for was created at most this many seconds before our own record.
CLOCK_SLACK = 60 * 60
WEBHOOK_TOLERANCE = 300
PAGE = 100
# A fault that Stripe kept under a key comes back for a day. So often we go on under the next key.
KEPT_FAULTS = 3
# A refused refund may be asked for anew this often (seconds); the reconciler asks about as often.
REFUND_AGAIN = 300

SCHEMA = "1"
_WRONG_SUM = "wrong_sum"  # our own refusal, never Stripe's

# Asking again, or authenticating, can not help: https://docs.stripe.com/declines/codes. The customer is told no
# more than that it was declined, as that page demands for lost and stolen cards.
FINAL_DECLINES = frozenset(
    {
        "fraudulent",
        "lost_card",
        "merchant_blacklist",
        "pickup_card",
        "restricted_card",
        "revocation_of_all_authorizations",
        "revocation_of_authorization",
        "stolen_card",
        "stop_payment_order",
    }
)

# Answers that say nothing about the payment: we are misconfigured, or too many of us are at it.
_OUR_OWN_FAULT = frozenset(
    {
        "api_key_expired",
        "idempotency_key_in_use",
        "livemode_mismatch",
        "lock_timeout",
        "platform_api_key_expired",
        "rate_limit",
        "secret_key_required",
        "testmode_charges_only",
    }
)

# Events after which an invoice of ours may be in another state. Those before the first attempt to pay are left
# out: then `charge` is still at work, and an order must not be told about a payment that has not been tried.
_INVOICE_EVENTS = frozenset(
    {
        "invoice.marked_uncollectible",
        "invoice.paid",
        "invoice.payment_action_required",
        "invoice.payment_failed",
        "invoice.payment_succeeded",
        "invoice.voided",
    }
)
_PAYMENT_INTENT_EVENTS = frozenset(
    {
        "payment_intent.canceled",
        "payment_intent.payment_failed",
        "payment_intent.processing",
        "payment_intent.requires_action",
        "payment_intent.succeeded",
    }
)
_SUBSCRIPTION_EVENTS = frozenset({"customer.subscription.updated", "customer.subscription.deleted"})
_EVENTS_NAMING_AN_INVOICE = ("credit_note.", "invoice_payment.paid")
_EVENTS_NAMING_A_PAYMENT = ("charge.", "refund.")


class StripePayments:
    """Payments at Stripe. Its constructor imports the SDK; build it only where money moves.

    `webhook_secrets` are all the signing secrets that are valid now: two during a rotation. `timeout_seconds`
    holds for connecting and for each wait for data of one attempt, and there are `retries` + 1 attempts, so the
    calling Lambda needs more time than their product. `automatic_tax` lets Stripe add the tax to our net lines.
    """

    def __init__(
        self,
        api_key: str,
        webhook_secrets: tuple[str, ...],
        *,
        api_base: str | None = None,
        timeout_seconds: float = 10,
        retries: int = 2,
        now: Callable[[], float] = time.time,
        automatic_tax: bool = False,
    ) -> None:
        import requests
        import stripe

        session = requests.Session()
        session.trust_env = False  # no proxy, and no .netrc, which would replace the Authorization header
        session.max_redirects = 0  # the API never redirects; following one would carry the key elsewhere
        # Of the clients that the SDK brings, urllib's has no time-out and lets dropped connections escape, and
        # requests has been imported by `import stripe` anyway: the safe one is also the cheap one.
        self._stripe = stripe
        self._client = stripe.StripeClient(
            api_key,
            base_addresses={"api": api_base} if api_base else None,
            max_network_retries=retries,
            http_client=stripe.RequestsClient(timeout=timeout_seconds, session=session),
        )
        self._api = self._client.v1
        self._webhook_secrets = webhook_secrets
        self._now = now
        self._automatic_tax = automatic_tax

    # -- saved payment methods --------------------------------------------------------------------------------

    def default_method(self, customer_id: str) -> PaymentMethod | None:
        """The method that the customer's invoices are paid with, or None when there is none or no customer."""
        if not customer_id:
            return None
        with self._faults_translated():
            customer = self._found(
                lambda: self._api.customers.retrieve(
                    customer_id, {"expand": ["invoice_settings.default_payment_method"]}
                )
            )
        method = ((customer or {}).get("invoice_settings") or {}).get("default_payment_method")
        return PaymentMethod(id=method["id"], type=method["type"]) if method else None

    # -- collecting -------------------------------------------------------------------------------------------

    def charge(self, request: ChargeRequest) -> PaymentState:
        """Collect the cart's money once, however often and by however many it is called.

        Raises PaymentNotStartedError after a final decline or a refusal, with nothing left open at Stripe, and
        ProviderUnavailableError when the outcome is unknown: calling again finds the same invoice.
        """
        with self._faults_translated():
            invoice_id = self._look_when_old(request)
            refusal: stripe.StripeError | None = None
            if invoice_id is None:
                invoice_id = self._create_invoice(request)
                refusal = self._refusal_of(
                    lambda: self._collect(request, invoice_id, status="draft", lines=request.lines, again="")
                )
            invoice = self._read(invoice_id)
            if self._unfinished(invoice, refusal):
                refusal = self._refusal_of(lambda: self._carry_on(request, invoice)) or refusal
                invoice = self._read(invoice_id)
            return self._outcome(request, invoice, refusal)

    def state(self, invoice_id: str) -> PaymentState | None:
        """What is true of an invoice now; None when there is no such invoice or it is not ours. Only reads.

        A final decline of the method that we tried shows as PROCESSING with its `error`: the `charge` that got
        it is about to void the invoice, and until then the hosted page could still be paid, so it is neither
        FAILED nor to be offered to the customer. A method that was refused on the hosted page is the
        customer's to replace there: AWAITING_AUTHENTICATION. So is a debit that was returned.
        """
        with self._faults_translated():
            invoice = self._read(invoice_id)
            return self._state_of(invoice) if invoice and _ours(invoice) else None

    def find(self, customer_id: str, cart_token: str, created_at: int) -> PaymentState | None:
        """The payment of a cart made at `created_at` (epoch ms), found by the metadata of the customer's invoices."""
        if not customer_id:
            return None
        with self._faults_translated():
            found = self._look(customer_id, cart_token, created_at)
            invoice = self._read(found) if found else None
            return self._state_of(invoice) if invoice else None

    def void(self, invoice_id: str) -> PaymentState:
        """Make sure that nobody can pay it any more, and return what is true then.

        CANCELED also when it was a draft, which is deleted. SUCCEEDED when it was paid just before, PROCESSING
        while a debit is under way, which can't be called back. Raises NotFoundError for somebody else's invoice.
        """
        with self._faults_translated():
            invoice = self._read(invoice_id)
            if invoice is not None and not _ours(invoice):
                raise NotFoundError("No such payment.")
            return self._close(invoice_id, invoice)

    def _look_when_old(self, request: ChargeRequest) -> str | None:
        if self._now() - request.created_at / 1000 < KEYS_ARE_KEPT:
            return None
        return self._look(request.customer_id, request.cart_token, request.created_at, request.account_id)

    def _look(
        self, customer_id: str, cart_token: str, created_at: int, account_id: str | None = None
    ) -> str | None:
        """The id of the cart's invoice, by metadata. Were there several, the one nearest to money counts."""
        since = created_at // 1000 - CLOCK_SLACK
        pages = self._api.invoices.list(
            {"customer": customer_id, "created": {"gte": since}, "limit": PAGE}
        ).auto_paging_iter()
        matching = [
            invoice
            for invoice in (found.to_dict() for found in pages)
            if _ours(invoice)
            and invoice["metadata"]["cart_token"] == cart_token
            and account_id in (None, invoice["metadata"]["account_id"])
        ]
        nearness = ("paid", "open", "uncollectible", "draft", "void")
        matching.sort(key=lambda invoice: nearness.index(invoice["status"]))
        return str(matching[0]["id"]) if matching else None

    def _create_invoice(self, request: ChargeRequest) -> str:
        """The id of the cart's invoice; Stripe answers with the first one when it was asked before."""
        parameters: Document = {
            "customer": request.customer_id,
            "currency": request.currency.lower(),
            "collection_method": "charge_automatically",
            "auto_advance": False,
            "pending_invoice_items_behavior": "exclude",
            "metadata": {
                "account_id": request.account_id,
                "cart_token": request.cart_token,
                "schema": SCHEMA,
            },
        }
        if request.payment_method_id:
            parameters["default_payment_method"] = request.payment_method_id
        if self._automatic_tax:
            parameters["automatic_tax"] = {"enabled": True}

        def look() -> str | None:
            return self._look(request.customer_id, request.cart_token, request.created_at, request.account_id)

        try:
            return self._once(
                _key(request, "invoice"),
                lambda options: str(self._api.invoices.create(_given(parameters), options).id),
                done=look,
            )
        except self._stripe.StripeError as error:
            if not self._is_refusal(error):
                raise
            if isinstance(error, self._stripe.IdempotencyError):
                # The key was used with other words for the same cart: an older version of this code made it.
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
        """Add the lines, finalize, pay: what is left to do from this status on. `again` sets the keys apart."""
        if status == "draft":
            if lines:
                parameters: Document = {"lines": [self._line(request, line) for line in lines]}
                invoice = self._once(
                    _key(request, f"lines{again}"),
                    lambda options: self._api.invoices.add_lines(
                        invoice_id, _given(parameters), options
                    ).to_dict(),
                    done=lambda: None if self._missing(request, invoice_id) else self._read(invoice_id),
                )
            else:
                invoice = self._read(invoice_id) or {}
            self._check_sum(request, invoice)  # credit could pay it the moment it is finalized
            invoice = self._once(
                _key(request, f"finalize{again}"),
                lambda options: self._api.invoices.finalize_invoice(
                    invoice_id, {"auto_advance": False}, options
                ).to_dict(),
            )
        else:
            invoice = self._read(invoice_id) or {}
        self._check_sum(
            request, invoice
        )  # Stripe's first answer may be a kept one, older than the lines of a twin
        if invoice.get("status") == "open":
            how: Document = {"off_session": True}
            if request.payment_method_id:
                how["payment_method"] = request.payment_method_id
            self._once(
                _key(request, f"pay:1{again}"),
                lambda options: self._api.invoices.pay(invoice_id, _given(how), options),
            )

    def _check_sum(self, request: ChargeRequest, invoice: Document) -> None:
        """Never take a sum other than the cart's, whatever led to it."""
        if invoice.get("subtotal") != sum(line.amount for line in request.lines):
            differs = "The invoice differs from the cart."
            raise self._stripe.InvalidRequestError(differs, None, _WRONG_SUM)  # type: ignore[no-untyped-call]

    def _line(self, request: ChargeRequest, line: ChargeLine) -> Document:
        parameters: Document = {"description": line.description, "metadata": {"order": line.key}}
        if not self._automatic_tax:
            return {**parameters, "amount": line.amount}
        # A bare amount would follow the Stripe account's own default; our prices are net.
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
        present = {_order_of(line) for line in self._lines(invoice_id)}
        return tuple(line for line in request.lines if line.key not in present)

    def _lines(self, invoice_id: str) -> list[Document]:
        pages = self._api.invoices.line_items.list(invoice_id, {"limit": PAGE}).auto_paging_iter()
        return [line.to_dict() for line in pages]

    def _unfinished(self, invoice: Document | None, refusal: stripe.StripeError | None) -> bool:
        """Whether a payment has yet to be tried, and trying could help."""
        if invoice is None or isinstance(refusal, self._stripe.CardError):
            return False
        if refusal is not None and refusal.code == _WRONG_SUM:
            return False
        return invoice["status"] == "draft" or (invoice["status"] == "open" and _untried(_intent(invoice)))

    def _carry_on(self, request: ChargeRequest, invoice: Document | None) -> None:
        """From the truth on: the keys' answers were refusals, or there are no keys any more."""
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
        """The state after everything was tried, or PaymentNotStartedError with nothing left open."""
        if invoice is None:
            raise PaymentNotStartedError("The payment was withdrawn.")
        state = self._state_of(invoice)
        if state.status in (PaymentStatus.SUCCEEDED, PaymentStatus.AWAITING_AUTHENTICATION):
            return state
        declined = state.error or _decline_of(refusal)
        if state.status is PaymentStatus.PROCESSING:
            intent = _intent(invoice)
            if intent is not None and intent["status"] in ("processing", "succeeded"):
                return state
            if isinstance(refusal, self._stripe.CardError) and declined not in FINAL_DECLINES:
                return self._awaiting(state, invoice, declined)
            # Declined for good, or refused before it could be tried.
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
        """Void or delete, unless it is paid or being paid; then what is true.

        No idempotency key: doing it twice does it once anyway, and a refusal kept under a key (a debit was under
        way) would outlive its reason.
        """
        for _ in range(3):
            if invoice is None:
                return PaymentState(PaymentStatus.CANCELED, invoice_id, "", "", None, None, 0, 0)
            state = self._state_of(invoice)
            intent = _intent(invoice)
            busy = intent is not None and intent["status"] in ("processing", "succeeded")
            if busy or invoice["status"] in ("paid", "void"):
                return state
            if invoice["status"] == "draft":
                refusal = self._refusal_of(lambda: self._api.invoices.delete(invoice_id))
                if refusal is None:
                    return self._canceled(state)
            else:
                refusal = self._refusal_of(lambda: self._api.invoices.void_invoice(invoice_id))
            # Also after success: Stripe's answer lacks the payments. After a refusal somebody was faster.
            invoice = self._read(invoice_id)
        raise ProviderUnavailableError("Stripe: the invoice could not be closed")

    # -- reading ----------------------------------------------------------------------------------------------

    def _read(self, invoice_id: str) -> Document | None:
        if not invoice_id:
            return None
        return self._found(
            lambda: self._api.invoices.retrieve(
                invoice_id, {"expand": ["payments.data.payment.payment_intent"]}
            )
        )

    def _state_of(self, invoice: Document) -> PaymentState:
        """Classify by what is on record at Stripe alone (the table in docs/design.md)."""
        intent = _intent(invoice)
        error = _error_of(intent)
        credit = max(0, (invoice.get("ending_balance") or 0) - (invoice.get("starting_balance") or 0))
        state = PaymentState(
            status=PaymentStatus.PROCESSING,
            reference=invoice["id"],
            account_id=invoice["metadata"]["account_id"],
            cart_token=invoice["metadata"]["cart_token"],
            method_type=self._method_type(intent),
            pay_url=None,
            amount_charged=invoice["amount_due"],
            credit_applied=credit if invoice.get("ending_balance") is not None else 0,
            total_net=_net(invoice),
            total_gross=invoice["total"],
            gross=self._gross_by_line(invoice),
            error=error,
        )
        status = invoice["status"]
        if status == "paid":
            return replace(state, status=PaymentStatus.SUCCEEDED, error=None)
        refused_for_good = error in FINAL_DECLINES and _was_our_attempt(invoice, intent)
        if status == "void":
            if refused_for_good:
                return replace(self._canceled(state), status=PaymentStatus.FAILED)
            return self._canceled(state)
        if status == "uncollectible":
            return replace(state, status=PaymentStatus.FAILED)
        if status == "draft" or _untried(intent) or refused_for_good:
            return state
        if intent is not None and intent["status"] in ("processing", "succeeded"):
            return replace(state, error=None)
        return self._awaiting(state, invoice, error)

    def _gross_by_line(self, invoice: Document) -> dict[str, int]:
        """What each of our lines costs with tax; nothing for a draft, whose tax is not final."""
        if invoice["status"] == "draft":
            return {}
        shown = invoice["lines"]
        lines = self._lines(invoice["id"]) if shown["has_more"] else shown["data"]
        gross = {key: _gross(line) for line in lines if (key := _order_of(line)) is not None}
        rest = invoice["total"] - sum(gross.values())
        if gross and rest:
            # What belongs to the whole invoice, such as a rounding difference, goes to its largest line.
            gross[max(gross, key=lambda key: gross[key])] += rest
        return gross

    def _awaiting(self, state: PaymentState, invoice: Document, error: str | None) -> PaymentState:
        return replace(
            state,
            status=PaymentStatus.AWAITING_AUTHENTICATION,
            pay_url=invoice.get("hosted_invoice_url"),
            error=error,
        )

    def _canceled(self, state: PaymentState) -> PaymentState:
        """Voiding gives used credit back, and nothing will be asked of the method any more."""
        return replace(state, status=PaymentStatus.CANCELED, amount_charged=0, credit_applied=0)

    def _method_type(self, intent: Document | None) -> str | None:
        """The type of the method that was used or tried last; None when none was."""
        if intent is None or _untried(intent):
            return None
        refusal = intent.get("last_payment_error")
        method = intent.get("payment_method") or (refusal or {}).get("payment_method")
        if method is None and not refusal:
            return None
        if isinstance(method, dict):
            return str(method["type"])
        types = intent.get("payment_method_types") or []
        if len(types) == 1:
            return str(types[0])  # it could not have been another: this saves a request
        if method is None:
            return None
        found = self._found(lambda: self._api.payment_methods.retrieve(method))
        return str(found["type"]) if found else None

    # -- giving back ------------------------------------------------------------------------------------------

    def refund(self, invoice_id: str, line_key: str, order_id: str) -> RefundState:
        """Give back one order's line of a paid invoice with one credit note, once.

        What the card and the credit had paid of the whole invoice goes back to each in proportion; over all
        lines the parts add up to the cent, in whatever order they are refunded. A line that cost nothing needs
        no credit note; its own id stands in for one. Raises RefundRefusedError.
        """
        with self._faults_translated():
            invoice = self._read(invoice_id)
            if invoice is None or not _ours(invoice):
                raise RefundRefusedError("There is no such invoice.")
            known = self._credit_note(invoice_id, order_id)
            if known is not None:
                return _refund_state(known)
            if invoice["status"] != "paid":
                raise RefundRefusedError("The invoice is not paid.")
            line, to_card, to_credit = _share(invoice, self._lines(invoice_id), line_key)
            if to_card + to_credit == 0:
                return RefundState(id=line["id"], amount=0, to_credit=0)
            parameters: Document = {
                "invoice": invoice_id,
                "lines": [{"type": "invoice_line_item", "invoice_line_item": line["id"], "quantity": 1}],
                "reason": "order_change",
                "metadata": {"order_id": order_id},
                "expand": ["refunds.refund"],
            }
            if to_card:
                parameters["refund_amount"] = to_card
            if to_credit:
                parameters["credit_amount"] = to_credit
            return _refund_state(self._give_back(invoice_id, order_id, parameters))

    def _give_back(self, invoice_id: str, order_id: str, parameters: Document) -> Document:
        key = f"order:{order_id}:refund"
        # What was refused under a key stays refused for a day, whatever an operator has mended since. Nothing was
        # given back under it, so we may go on under another: the same for all who ask within these minutes.
        later = f"{key}:{int(self._now() // REFUND_AGAIN)}"
        try:
            try:
                return self._post_credit_note(invoice_id, order_id, parameters, key)
            except self._stripe.StripeError as error:
                if not (self._is_refusal(error) and _kept(error)):
                    raise
                return self._post_credit_note(invoice_id, order_id, parameters, later)
        except self._stripe.StripeError as error:
            if not self._is_refusal(error):
                raise
            known = self._credit_note(invoice_id, order_id)  # a twin of this call may have been faster
            if known is not None:
                return known
            reason = error.code or "refused"
            raise RefundRefusedError(f"Stripe refuses the refund ({reason}).") from None

    def _post_credit_note(self, invoice_id: str, order_id: str, parameters: Document, key: str) -> Document:
        return self._once(
            key,
            lambda options: self._api.credit_notes.create(_given(parameters), options).to_dict(),
            done=lambda: self._credit_note(invoice_id, order_id),
        )

    def _credit_note(self, invoice_id: str, order_id: str) -> Document | None:
        pages = self._api.credit_notes.list(
            {"invoice": invoice_id, "limit": PAGE, "expand": ["data.refunds.refund"]}
        ).auto_paging_iter()
        for note in pages:
            document = note.to_dict()
            if document["status"] != "void" and (document["metadata"] or {}).get("order_id") == order_id:
                return document
        return None

    # -- renewing ---------------------------------------------------------------------------------------------

    def start_renewal(
        self,
        *,
        order_id: str,
        account_id: str,
        customer_id: str,
        payment_method_id: str,
        description: str,
        price: Money,
        term: Term,
        anchor: int,
    ) -> Subscription:
        """Renew at this price from `anchor` (epoch ms) on, once per order; nothing is charged before.

        An anchor that has passed moves on by whole terms: what was delivered late is not charged at once.
        Raises PaymentNotStartedError when Stripe refuses.
        """
        first = moment = dt.datetime.fromtimestamp(anchor // 1000, dt.UTC)
        terms = 0
        while moment.timestamp() <= self._now():
            terms += 1
            moment = _months_later(first, terms * term.months)
        begun = _months_later(first, -term.months).timestamp()

        def look() -> Document | None:
            return self._subscription(customer_id, order_id, int(begun) - CLOCK_SLACK)

        parameters: Document = {
            "customer": customer_id,
            "description": description,
            "items": [
                {
                    "price_data": {
                        "currency": price.currency.lower(),
                        "product": f"order_{order_id}",
                        "recurring": {"interval": "month" if term is Term.MONTHLY else "year"},
                        "tax_behavior": "exclusive",
                        "unit_amount": price.amount,
                    },
                }
            ],
            "billing_cycle_anchor": int(moment.timestamp()),
            "proration_behavior": "none",
            "off_session": True,
            "default_payment_method": payment_method_id,
            "metadata": {"order_id": order_id, "account_id": account_id},
        }
        if self._automatic_tax:
            parameters["automatic_tax"] = {"enabled": True}
        with self._faults_translated():
            # A moved anchor is another request, which the key of the first would refuse: so look before that too.
            old = terms > 0 or self._now() - begun >= KEYS_ARE_KEPT
            subscription = look() if old else None
            if subscription is None:
                subscription = self._subscribe(order_id, description, parameters, terms, look)
        return Subscription(
            id=subscription["id"],
            status=subscription["status"],
            bucket_type=term.value,
            bucket_year=moment.year,
            bucket_month=moment.month,
        )

    def _subscribe(
        self,
        order_id: str,
        description: str,
        parameters: Document,
        terms: int,
        look: Callable[[], Document | None],
    ) -> Document:
        # An inline price needs a product. One of our own choosing needs no search: it is there or it is not.
        product: Document = {
            "id": f"order_{order_id}",
            "name": description,
            "metadata": {"order_id": order_id},
        }
        try:
            exists = self._refusal_of(lambda: self._api.products.create(_given(product)))
            if exists is not None and exists.code != "resource_already_exists":
                raise exists
            return self._once(
                f"order:{order_id}:subscription" + (f":{terms}" if terms else ""),
                lambda options: self._api.subscriptions.create(_given(parameters), options).to_dict(),
                done=look,
            )
        except self._stripe.StripeError as error:
            if not self._is_refusal(error):
                raise
            known = look()
            if known is not None:
                return known
            raise PaymentNotStartedError("The renewal could not be started.", error.code) from None

    def _subscription(self, customer_id: str, order_id: str, since: int) -> Document | None:
        """The order's subscription whatever became of it: one that ended is not begun a second time."""
        pages = self._api.subscriptions.list(
            {"customer": customer_id, "status": "all", "created": {"gte": since}, "limit": PAGE}
        ).auto_paging_iter()
        for subscription in pages:
            document = subscription.to_dict()
            if (document["metadata"] or {}).get("order_id") == order_id:
                return document
        return None

    # -- webhooks ---------------------------------------------------------------------------------------------

    def read_event(self, raw_body: bytes, signature: str) -> PaymentEvent:
        """What a webhook is about. Only ids are taken from it: what is true is read from the objects themselves.

        Raises ForgedWebhookError unless one of our secrets signed these very bytes within five minutes of now.
        """
        self._verify(raw_body, signature)
        try:
            event = json.loads(raw_body)
            kind, subject = event["type"], event["data"]["object"]
            if event["object"] != "event" or not isinstance(kind, str) or not isinstance(subject, dict):
                raise TypeError
        except (ValueError, KeyError, TypeError, RecursionError):
            raise ForgedWebhookError("the webhook is not an event") from None
        read = PaymentEvent(_id(event.get("id")) or "", kind)
        if kind in _INVOICE_EVENTS:
            return replace(read, reference=_id(subject.get("id")), subscription_id=_subscription_of(subject))
        if kind.startswith(_EVENTS_NAMING_AN_INVOICE):
            return replace(read, reference=_id(subject.get("invoice")))
        if kind in _PAYMENT_INTENT_EVENTS:
            return replace(read, payment_id=_id(subject.get("id")))
        if kind.startswith(_EVENTS_NAMING_A_PAYMENT):
            # Charges, refunds and disputes all name the payment intent that they belong to.
            failed = kind.startswith("refund.") and subject.get("status") in ("failed", "canceled")
            return replace(
                read,
                payment_id=_id(subject.get("payment_intent")),
                disputed=kind == "charge.dispute.created",
                refund_id=_id(subject.get("id")) if failed else None,
            )
        if kind in _SUBSCRIPTION_EVENTS:
            return replace(read, subscription_id=_id(subject.get("id")))
        return read

    def subscription(self, subscription_id: str) -> SubscriptionState | None:
        """A renewal as it is now; None when it is unknown or not ours."""
        with self._faults_translated():
            found = self._found(lambda: self._api.subscriptions.retrieve(subscription_id))
        metadata = (found or {}).get("metadata") or {}
        if found is None or not metadata.get("order_id") or not metadata.get("account_id"):
            return None
        return SubscriptionState(metadata["account_id"], metadata["order_id"], str(found["status"]))

    def renewal(self, subscription_id: str) -> RenewalState | None:
        """A renewal with the further terms that were paid; None when there is no such subscription.

        A term is what an invoice of `billing_reason` subscription_cycle charges. One whose money went back by a
        credit note is not paid.
        """
        with self._faults_translated():
            subscription = self._found(lambda: self._api.subscriptions.retrieve(subscription_id))
            if subscription is None:
                return None
            pages = self._api.invoices.list(
                {"subscription": subscription_id, "limit": PAGE}
            ).auto_paging_iter()
            invoices = [invoice.to_dict() for invoice in pages]
        return _renewal_state(subscription, invoices)

    def refund_failed(self, refund_id: str) -> bool:
        """Whether the bank sent a refund back, so that the customer does not have the money."""
        with self._faults_translated():
            found = self._found(lambda: self._api.refunds.retrieve(refund_id))
        return found is not None and found["status"] in ("failed", "canceled")

    def _verify(self, raw_body: bytes, signature: str) -> None:
        for secret in self._webhook_secrets:
            try:
                self._stripe.WebhookSignature.verify_header(raw_body, signature, secret)
                parts = [part.split("=", 2) for part in signature.split(",")]
                signed_at = int(next(part[1] for part in parts if part[0] == "t"))
            except (self._stripe.StripeError, ValueError, TypeError, IndexError):
                continue
            # By our own clock, and in both directions: a message from the future is no better than an old one.
            if abs(self._now() - signed_at) <= WEBHOOK_TOLERANCE:
                return
        raise ForgedWebhookError("the webhook's signature does not hold")

    def reference_of(self, payment_id: str) -> str | None:
        """The invoice that a payment intent pays; None when it pays none."""
        with self._faults_translated():
            payments = self._api.invoice_payments.list(
                {"payment": {"type": "payment_intent", "payment_intent": payment_id}, "limit": 1}
            ).to_dict()["data"]
        return _id(payments[0]["invoice"]) if payments else None

    # -- faults and refusals ----------------------------------------------------------------------------------

    def _once(self, key: str, post: Callable[[Any], T], done: Callable[[], T | None] = lambda: None) -> T:
        """Post under the key. A fault that Stripe has kept under it would come back for a day: then `done` looks
        whether it was done after all, and if not we go on under the next key, which twins of us use as well."""
        for attempt in range(1, KEPT_FAULTS + 1):
            try:
                return post({"idempotency_key": key if attempt == 1 else f"{key}:{attempt}"})
            except self._stripe.StripeError as error:
                if (error.http_status or 0) < 500 or not _kept(error) or attempt == KEPT_FAULTS:
                    raise
                result = done()
                if result is not None:
                    return result
        raise AssertionError("unreachable")

    def _is_refusal(self, error: stripe.StripeError) -> bool:
        """Whether Stripe understood and said no, as opposed to faults and to requests that met another."""
        if error.http_status == 409 or _code(error) in _OUR_OWN_FAULT:
            return False
        refusals = (
            self._stripe.CardError,
            self._stripe.InvalidRequestError,
            self._stripe.IdempotencyError,
        )
        return isinstance(error, refusals)

    def _refusal_of(self, act: Callable[[], object]) -> stripe.StripeError | None:
        try:
            act()
        except self._stripe.StripeError as error:
            if not self._is_refusal(error):
                raise
            return error
        return None

    def _found(self, retrieve: Callable[[], Any]) -> Document | None:
        try:
            document: Document = retrieve().to_dict()
        except self._stripe.InvalidRequestError as error:
            if error.http_status == 404:
                return None
            raise
        return None if document.get("deleted") else document

    @contextmanager
    def _faults_translated(self) -> Iterator[None]:
        """No StripeError leaves: its text and its request may hold what must not be in a log."""
        try:
            yield
        except self._stripe.StripeError as error:
            facts = [type(error).__name__, error.http_status, error.code, error.request_id]
            said = " ".join(str(fact) for fact in facts if fact)
            raise ProviderUnavailableError(f"Stripe: {said}") from None


def _key(request: ChargeRequest, step: str) -> str:
    return f"cart:{request.account_id}:{request.cart_token}:{step}"


def _given(parameters: Document) -> Any:
    """For the SDK's typed dictionaries: the stand-in's tests hold our parameters to those types."""
    return parameters


def _ours(invoice: Document) -> bool:
    metadata = invoice.get("metadata") or {}
    return "account_id" in metadata and "cart_token" in metadata


def _id(value: Any) -> str | None:
    """The id of something that Stripe gives as an id or in full."""
    if isinstance(value, dict):
        value = value.get("id")
    return value if isinstance(value, str) and value else None


def _subscription_of(invoice: Document) -> str | None:
    """The subscription that an invoice charges a term of; None for an invoice of another kind."""
    details = (invoice.get("parent") or {}).get("subscription_details") or {}
    return _id(details.get("subscription"))


def _renewal_state(subscription: Document, invoices: list[Document]) -> RenewalState:
    terms = sorted(
        (
            (invoice, invoice["lines"]["data"][0]["period"])
            for invoice in invoices
            if invoice["billing_reason"] == "subscription_cycle" and invoice["lines"]["data"]
        ),
        key=lambda term: (term[1]["start"], term[0]["created"]),
    )
    paid = [
        PaidRenewal(invoice["id"], period["start"] * 1000, period["end"] * 1000)
        for invoice, period in terms
        if invoice["status"] == "paid" and not _given_back(invoice)
    ]
    item = subscription["items"]["data"][0]
    begun, ends = item["current_period_start"], item["current_period_end"]
    ended = subscription["status"] in ("canceled", "incomplete_expired")
    # Stripe may move a subscription on to its next term a moment before there is an invoice for that.
    invoiced = any(period["start"] == begun for _, period in terms)
    missing = not ended and begun >= subscription["billing_cycle_anchor"] and not invoiced
    payable = any(invoice["status"] in ("draft", "open", "uncollectible") for invoice, _ in terms)
    return RenewalState(
        status=str(subscription["status"]),
        ended=ended,
        waits=missing or payable,
        next_at=ends * 1000,
        paid=tuple(paid),
    )


def _given_back(invoice: Document) -> bool:
    given_back: int = invoice.get("post_payment_credit_notes_amount") or 0
    return given_back > 0 and given_back >= invoice["total"]


def _header(error: stripe.StripeError, name: str) -> str | None:
    headers: Mapping[str, str] = error.headers or {}
    return next((value for key, value in headers.items() if key.lower() == name), None)


def _kept(error: stripe.StripeError) -> bool:
    """Whether Stripe repeats an answer that it gave under this key before."""
    return _header(error, "idempotent-replayed") == "true"


def _order_of(line: Document) -> str | None:
    order = (line.get("metadata") or {}).get("order")
    return order if isinstance(order, str) else None


def _intent(invoice: Document) -> Document | None:
    """The payment intent that counts: the one that paid, else the invoice's own."""
    payments = (invoice.get("payments") or {}).get("data") or []
    for payment in sorted(payments, key=lambda p: (p["status"] != "paid", not p["is_default"])):
        intent = payment["payment"].get("payment_intent")
        if isinstance(intent, dict):
            return intent
    return None


def _untried(intent: Document | None) -> bool:
    """No payment method has been asked for the money yet."""
    if intent is None:
        return True
    waiting = intent["status"] in ("requires_payment_method", "requires_confirmation")
    return waiting and not intent.get("last_payment_error")


def _error_of(intent: Document | None) -> str | None:
    error = (intent or {}).get("last_payment_error") or {}
    return error.get("decline_code") or error.get("code")


def _decline_of(refusal: stripe.StripeError | None) -> str | None:
    if refusal is None:
        return None
    details = refusal.error.to_dict() if refusal.error is not None else {}
    return details.get("decline_code") or _code(refusal)


def _code(error: stripe.StripeError) -> str | None:
    """The error's code, which the SDK does not put on every kind of error."""
    details = error.error.to_dict() if error.error is not None else {}
    return error.code or details.get("code")


def _was_our_attempt(invoice: Document, intent: Document | None) -> bool:
    """Whether the method that was refused is the one we tried, not one that the customer gave on the hosted page."""
    error = (intent or {}).get("last_payment_error") or {}
    tried, ours = _id(error.get("payment_method")), _id(invoice.get("default_payment_method"))
    return tried is None or ours is None or tried == ours


def _net(invoice: Document) -> int:
    """The invoice's total without tax; an invoice without tax names none."""
    net = invoice.get("total_excluding_tax")
    return int(invoice["total"] if net is None else net)


def _gross(line: Document) -> int:
    discounts = sum(discount["amount"] for discount in line.get("discount_amounts") or [])
    taxes = sum(tax["amount"] for tax in line.get("taxes") or [] if tax["tax_behavior"] == "exclusive")
    gross: int = line["amount"] - discounts + taxes
    return gross


def _share(invoice: Document, lines: list[Document], line_key: str) -> tuple[Document, int, int]:
    """The order's line, and how much of its gross goes to the card and to the credit.

    The card's money is laid along the lines in a fixed order and cut at their borders. So a share depends neither
    on what was refunded before nor on who refunds at the same time, and the shares add up to what was paid.
    """
    lines = sorted(lines, key=lambda line: (_order_of(line) or "", line["id"]))
    matching = [line for line in lines if _order_of(line) == line_key]
    if len(matching) != 1:
        raise RefundRefusedError("The invoice has no such line.")
    total = sum(_gross(line) for line in lines)
    if total != invoice["total"]:
        raise RefundRefusedError("The invoice's lines do not add up to its total.")
    paid_by_card = min(invoice["amount_paid"], total)
    wanted = matching[0]
    gross = _gross(wanted)
    if gross <= 0:
        return wanted, 0, 0
    before = sum(_gross(line) for line in lines[: lines.index(wanted)])
    to_card = (before + gross) * paid_by_card // total - before * paid_by_card // total
    return wanted, to_card, gross - to_card


def _refund_state(note: Document) -> RefundState:
    """Raises RefundRefusedError when the bank sent the money back to us."""
    refunds = note.get("refunds") or []
    for refund in refunds:
        details = refund["refund"]
        if isinstance(details, dict) and details["status"] in ("failed", "canceled"):
            raise RefundRefusedError(f"The refund did not reach the customer ({details['status']}).")
    to_card = sum(refund["amount_refunded"] for refund in refunds)
    elsewhere = note.get("out_of_band_amount") or 0
    return RefundState(id=note["id"], amount=to_card, to_credit=note["total"] - to_card - elsewhere)


def _months_later(moment: dt.datetime, months: int) -> dt.datetime:
    """The same time so many months later; the 31st becomes the last day of a shorter month."""
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    day = min(moment.day, calendar.monthrange(year, month + 1)[1])
    return moment.replace(year=year, month=month + 1, day=day)
