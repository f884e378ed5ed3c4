"""The endpoints of the Stripe stand-in, each as a `Route`.

`params` names the TypedDict of the `stripe` package that validates a request. `supports` are the parameters that the
stand-in implements. A request with another documented parameter gets a 501.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from . import (
    catalogue,
    checkout,
    credit_notes,
    customers,
    disputes,
    endpoints,
    events,
    invoices,
    payment_methods,
    payments,
    previews,
    refunds,
    setup_intents,
    subscriptions,
    test_clocks,
)

_ALWAYS = frozenset(("expand",))
_PAGING = frozenset(("limit", "starting_after", "ending_before", "created"))
_SEARCHING = frozenset(("query", "limit", "page"))
NONE: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Route:
    method: str
    path: str
    handler: Callable[..., Any]
    """Called with the state, the decoded parameters and the ids in the path."""
    params: str
    answers: str
    """The type of the object returned, or of each object in a list or search."""
    supports: frozenset[str] = NONE
    shape: str = "object"
    """object, list or search. For a list or a search, the handler returns all matches, oldest first."""

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(re.sub(r"\{\w+\}", r"([^/]+)", self.path))

    @cached_property
    def understood(self) -> frozenset[str]:
        return self.supports | _ALWAYS | {"list": _PAGING, "search": _SEARCHING}.get(self.shape, NONE)


def _get(path: str, handler: Callable[..., Any], params: str, answers: str) -> Route:
    return Route("GET", path, handler, params, answers)


def _list(path: str, handler: Callable[..., Any], params: str, answers: str, *by: str) -> Route:
    return Route("GET", path, handler, params, answers, frozenset(by), "list")


def _post(
    path: str, handler: Callable[..., Any], params: str, answers: str, supports: frozenset[str] = NONE
) -> Route:
    return Route("POST", path, handler, params, answers, supports)


METADATA = frozenset(("metadata",))

ROUTES: tuple[Route, ...] = (
    # Customers
    _post("/v1/customers", customers.create, "CustomerCreateParams", "customer", customers.SUPPORTED),
    _get("/v1/customers/{id}", customers.retrieve, "CustomerRetrieveParams", "customer"),
    _post("/v1/customers/{id}", customers.update, "CustomerUpdateParams", "customer",
          customers.SUPPORTED - {"payment_method", "test_clock"}),
    _list("/v1/customers", customers.list_all, "CustomerListParams", "customer", "email", "test_clock"),
    Route("DELETE", "/v1/customers/{id}", customers.delete, "CustomerDeleteParams", "customer"),
    _post("/v1/customers/{id}/balance_transactions", customers.create_balance_transaction,
          "CustomerBalanceTransactionCreateParams", "customer_balance_transaction",
          frozenset(("amount", "currency", "description", "metadata"))),
    _list("/v1/customers/{id}/balance_transactions", customers.list_balance_transactions,
          "CustomerBalanceTransactionListParams", "customer_balance_transaction"),
    # Payment methods
    _post("/v1/payment_methods", payment_methods.create, "PaymentMethodCreateParams", "payment_method",
          payment_methods.SUPPORTED),
    _get("/v1/payment_methods/{id}", payment_methods.retrieve, "PaymentMethodRetrieveParams",
         "payment_method"),
    _list("/v1/payment_methods", payment_methods.list_all, "PaymentMethodListParams", "payment_method",
          "customer", "type"),
    _post("/v1/payment_methods/{id}/attach", payment_methods.attach, "PaymentMethodAttachParams",
          "payment_method", frozenset(("customer",))),
    _list("/v1/customers/{id}/payment_methods", payment_methods.list_of_customer,
          "CustomerPaymentMethodListParams", "payment_method", "type"),
    _post("/v1/setup_intents", setup_intents.create, "SetupIntentCreateParams", "setup_intent",
          setup_intents.SUPPORTED),
    # Products and prices
    _post("/v1/products", catalogue.create_product, "ProductCreateParams", "product",
          catalogue.PRODUCT_SUPPORTED),
    _get("/v1/products/{id}", catalogue.retrieve_product, "ProductRetrieveParams", "product"),
    _post("/v1/products/{id}", catalogue.update_product, "ProductUpdateParams", "product",
          catalogue.PRODUCT_UPDATE_SUPPORTED),
    Route("DELETE", "/v1/products/{id}", catalogue.delete_product, "ProductDeleteParams", "product"),
    _post("/v1/prices", catalogue.create_price, "PriceCreateParams", "price", catalogue.PRICE_SUPPORTED),
    _get("/v1/prices/{id}", catalogue.retrieve_price, "PriceRetrieveParams", "price"),
    _get("/v1/tax_rates/{id}", catalogue.retrieve_tax_rate, "TaxRateRetrieveParams", "tax_rate"),
    # Invoices
    _post("/v1/invoices", invoices.create, "InvoiceCreateParams", "invoice", invoices.CREATE_SUPPORTED),
    _post("/v1/invoices/create_preview", previews.create, "InvoiceCreatePreviewParams", "invoice",
          previews.SUPPORTED),
    _list("/v1/invoices", invoices.list_all, "InvoiceListParams", "invoice",
          "customer", "status", "collection_method", "subscription"),
    Route("GET", "/v1/invoices/search", invoices.search_all, "InvoiceSearchParams", "invoice", shape="search"),
    _get("/v1/invoices/{id}", invoices.retrieve, "InvoiceRetrieveParams", "invoice"),
    _post("/v1/invoices/{id}", invoices.update, "InvoiceUpdateParams", "invoice", invoices.UPDATE_SUPPORTED),
    Route("DELETE", "/v1/invoices/{id}", invoices.delete, "InvoiceDeleteParams", "invoice"),
    _list("/v1/invoices/{id}/lines", invoices.list_lines, "InvoiceLineItemListParams", "line_item"),
    _post("/v1/invoices/{id}/add_lines", invoices.add_lines, "InvoiceAddLinesParams", "invoice",
          invoices.ADD_LINES_SUPPORTED),
    _post("/v1/invoices/{id}/finalize", invoices.finalize, "InvoiceFinalizeInvoiceParams", "invoice",
          frozenset(("auto_advance",))),
    _post("/v1/invoices/{id}/pay", invoices.pay, "InvoicePayParams", "invoice", invoices.PAY_SUPPORTED),
    _post("/v1/invoices/{id}/void", invoices.void, "InvoiceVoidInvoiceParams", "invoice"),
    _list("/v1/invoice_payments", payments.list_invoice_payments, "InvoicePaymentListParams",
          "invoice_payment", "invoice", "status", "payment"),
    _get("/v1/invoice_payments/{id}", payments.retrieve_invoice_payment, "InvoicePaymentRetrieveParams",
         "invoice_payment"),
    # Payments
    _get("/v1/payment_intents/{id}", payments.retrieve_intent, "PaymentIntentRetrieveParams",
         "payment_intent"),
    _list("/v1/payment_intents", payments.list_intents, "PaymentIntentListParams", "payment_intent",
          "customer"),
    _get("/v1/charges/{id}", payments.retrieve_charge, "ChargeRetrieveParams", "charge"),
    _list("/v1/charges", payments.list_charges, "ChargeListParams", "charge", "customer", "payment_intent"),
    # Checkout
    _post("/v1/checkout/sessions", checkout.create, "checkout.SessionCreateParams", "checkout.session",
          checkout.CREATE_SUPPORTED),
    _list("/v1/checkout/sessions", checkout.list_all, "checkout.SessionListParams", "checkout.session",
          "customer", "payment_intent", "status"),
    _get("/v1/checkout/sessions/{id}", checkout.retrieve, "checkout.SessionRetrieveParams", "checkout.session"),
    _post("/v1/checkout/sessions/{id}", checkout.update, "checkout.SessionUpdateParams", "checkout.session",
          METADATA),
    _post("/v1/checkout/sessions/{id}/expire", checkout.expire, "checkout.SessionExpireParams",
          "checkout.session"),
    _list("/v1/checkout/sessions/{id}/line_items", checkout.list_lines, "checkout.SessionLineItemListParams",
          "item"),
    # Refunds, credit notes, disputes
    _post("/v1/refunds", refunds.create, "RefundCreateParams", "refund", refunds.SUPPORTED),
    _list("/v1/refunds", refunds.list_all, "RefundListParams", "refund", "charge", "payment_intent"),
    _get("/v1/refunds/{id}", refunds.retrieve, "RefundRetrieveParams", "refund"),
    _post("/v1/refunds/{id}", refunds.update, "RefundUpdateParams", "refund", METADATA),
    _post("/v1/credit_notes", credit_notes.create, "CreditNoteCreateParams", "credit_note",
          credit_notes.SUPPORTED),
    Route("GET", "/v1/credit_notes/preview", credit_notes.preview, "CreditNotePreviewParams", "credit_note",
          credit_notes.SUPPORTED),
    Route("GET", "/v1/credit_notes/preview/lines", credit_notes.preview_lines, "CreditNotePreviewLinesListParams",
          "credit_note_line_item", credit_notes.SUPPORTED, "list"),
    _list("/v1/credit_notes", credit_notes.list_all, "CreditNoteListParams", "credit_note",
          "invoice", "customer"),
    _get("/v1/credit_notes/{id}", credit_notes.retrieve, "CreditNoteRetrieveParams", "credit_note"),
    _post("/v1/credit_notes/{id}", credit_notes.update, "CreditNoteUpdateParams", "credit_note",
          frozenset(("memo", "metadata"))),
    _get("/v1/disputes/{id}", disputes.retrieve, "DisputeRetrieveParams", "dispute"),
    _list("/v1/disputes", disputes.list_all, "DisputeListParams", "dispute", "charge", "payment_intent"),
    # Subscriptions
    _post("/v1/subscriptions", subscriptions.create, "SubscriptionCreateParams", "subscription",
          subscriptions.CREATE_SUPPORTED),
    _list("/v1/subscriptions", subscriptions.list_all, "SubscriptionListParams", "subscription",
          "customer", "status", "test_clock"),
    _get("/v1/subscriptions/{id}", subscriptions.retrieve, "SubscriptionRetrieveParams", "subscription"),
    _post("/v1/subscriptions/{id}", subscriptions.update, "SubscriptionUpdateParams", "subscription",
          subscriptions.UPDATE_SUPPORTED),
    Route("DELETE", "/v1/subscriptions/{id}", subscriptions.cancel, "SubscriptionCancelParams",
          "subscription", subscriptions.CANCEL_SUPPORTED),
    # Test clocks
    _post("/v1/test_helpers/test_clocks", test_clocks.create, "test_helpers.TestClockCreateParams",
          test_clocks.NAME, test_clocks.CREATE_SUPPORTED),
    _list("/v1/test_helpers/test_clocks", test_clocks.list_all, "test_helpers.TestClockListParams",
          test_clocks.NAME),
    _get("/v1/test_helpers/test_clocks/{id}", test_clocks.retrieve, "test_helpers.TestClockRetrieveParams",
         test_clocks.NAME),
    _post("/v1/test_helpers/test_clocks/{id}/advance", test_clocks.advance,
          "test_helpers.TestClockAdvanceParams", test_clocks.NAME, test_clocks.ADVANCE_SUPPORTED),
    Route("DELETE", "/v1/test_helpers/test_clocks/{id}", test_clocks.delete,
          "test_helpers.TestClockDeleteParams", test_clocks.NAME),
    # Webhook endpoints
    _post("/v1/webhook_endpoints", endpoints.create, "WebhookEndpointCreateParams", "webhook_endpoint",
          endpoints.CREATE_SUPPORTED),
    _list("/v1/webhook_endpoints", endpoints.list_all, "WebhookEndpointListParams", "webhook_endpoint"),
    _get("/v1/webhook_endpoints/{id}", endpoints.retrieve, "WebhookEndpointRetrieveParams", "webhook_endpoint"),
    _post("/v1/webhook_endpoints/{id}", endpoints.update, "WebhookEndpointUpdateParams", "webhook_endpoint",
          endpoints.UPDATE_SUPPORTED),
    Route("DELETE", "/v1/webhook_endpoints/{id}", endpoints.delete, "WebhookEndpointDeleteParams",
          "webhook_endpoint"),
    # Events
    _list("/v1/events", events.list_all, "EventListParams", "event", "type", "types"),
    _get("/v1/events/{id}", events.retrieve, "EventRetrieveParams", "event"),
)  # fmt: skip


def find(method: str, path: str) -> tuple[Route, tuple[str, ...]] | None:
    for route in ROUTES:
        if route.method == method and (match := route.pattern.fullmatch(path)):
            return route, match.groups()
    return None
