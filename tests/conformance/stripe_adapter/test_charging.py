"""The outcomes of a charge (the payment table of docs/design.md), and the objects that remain at Stripe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import stripe

from hosting_orders.adapters.stripe.client import StripeApi
from hosting_orders.adapters.stripe.invoices import StripeInvoices
from hosting_orders.adapters.stripe.refunds import StripeRefunds
from hosting_orders.adapters.stripe.renewals import StripeRenewals
from hosting_orders.adapters.stripe.webhooks import StripeWebhooks
from hosting_orders.domain.cart import PaymentStatus
from hosting_orders.domain.catalogue import Term
from hosting_orders.domain.errors import (
    HostingOrdersError,
    PaymentNotStartedError,
    ProviderUnavailableError,
)
from hosting_orders.domain.money import Money
from hosting_orders.domain.providers import (
    ChargeLine,
    PaymentMethod,
    PaymentState,
)
from tests.conformance.stripe_adapter.shop import (
    API_KEY,
    BAD_IBAN,
    GOOD_IBAN,
    HOUR,
    NEW_SECRET,
    Shop,
    event,
    invoice_of,
)

NOT_ATTACHED = pytest.mark.standin_only("Stripe attaches no card that always declines")

# -- the rows of the table in docs/design.md -----------------------------------------------------------------


def test_a_good_card_pays_the_cart(shop: Shop) -> None:
    whose = shop.customer()
    cart = shop.cart(whose)
    state = shop.payments.charge(cart)
    assert state == PaymentState(
        status=PaymentStatus.SUCCEEDED,
        reference=state.reference,
        account_id="acc_1",
        cart_token=cart.cart_token,
        method_type="card",
        pay_url=None,
        amount_charged=2100,
        credit_applied=0,
        total_net=2100,
        total_gross=2100,
        gross={"101": 1200, "102": 900},
    )
    assert shop.taken(whose[0]) == [2100]
    [invoice] = shop.invoices(whose[0])
    assert invoice["status"] == "paid"
    assert invoice["auto_advance"] is False
    assert invoice["metadata"] == {"account_id": "acc_1", "cart_token": cart.cart_token, "schema": "1"}
    lines = {line["metadata"]["order"]: line["amount"] for line in invoice["lines"]["data"]}
    assert lines == {"101": 1200, "102": 900}
    assert shop.payments.state(state.reference) == state


def test_the_gross_is_read_from_every_page_of_lines(shop: Shop) -> None:
    lines = tuple(ChargeLine(str(number), "Site", number) for number in range(101, 121))
    state = shop.payments.charge(shop.cart(shop.customer(), lines))
    assert state.gross == {line.key: line.amount for line in lines}


@pytest.mark.standin_only("looks into the stand-in")
def test_a_rounding_difference_is_added_to_the_largest_line(shop: Shop) -> None:
    _, reference = shop.paid()
    shop.standin.state.get("invoice", reference)["total"] += 1
    state = shop.payments.state(reference)
    assert state is not None
    assert (state.total_gross, state.gross) == (2101, {"101": 1201, "102": 900})


@pytest.mark.standin_only("uses the stand-in's faults")
def test_a_draft_invoice_has_no_gross_amounts_yet(shop: Shop) -> None:
    cart = shop.cart(shop.customer())
    shop.standin.faults.add("dropped", "/v1/invoices/.*/finalize", times=4)
    with pytest.raises(ProviderUnavailableError):
        shop.payments.charge(cart)
    (reference,) = [invoice["id"] for invoice in shop.invoices(cart.customer_id)]
    state = shop.payments.state(reference)
    assert state is not None and state.gross == {}


def test_credit_pays_its_part_and_the_card_pays_the_rest(shop: Shop) -> None:
    whose = shop.customer(credit=500)
    state = shop.payments.charge(shop.cart(whose))
    assert (state.status, state.amount_charged, state.credit_applied) == (PaymentStatus.SUCCEEDED, 1600, 500)
    assert shop.taken(whose[0]) == [1600]
    assert shop.balance(whose[0]) == 0


def test_a_payment_by_credit_alone_has_no_method_type(shop: Shop) -> None:
    whose = shop.customer(credit=5000)
    state = shop.payments.charge(shop.cart(whose))
    assert (state.status, state.amount_charged, state.credit_applied) == (PaymentStatus.SUCCEEDED, 0, 2100)
    assert state.method_type is None
    assert shop.taken(whose[0]) == []
    assert shop.balance(whose[0]) == 2900


def test_a_free_cart_is_paid_immediately(shop: Shop) -> None:
    whose = shop.customer()
    state = shop.payments.charge(shop.cart(whose, (ChargeLine("101", "Trial", 0),)))
    assert (state.status, state.amount_charged, state.method_type) == (PaymentStatus.SUCCEEDED, 0, None)
    assert shop.taken(whose[0]) == []


def test_an_amount_of_a_currency_without_cents_is_unchanged(shop: Shop) -> None:
    whose = shop.customer()
    state = shop.payments.charge(shop.cart(whose, (ChargeLine("101", "Site", 1250),), "JPY"))
    assert state.amount_charged == 1250
    [invoice] = shop.invoices(whose[0])
    assert (invoice["currency"], invoice["total"]) == ("jpy", 1250)
    assert shop.taken(whose[0]) == [1250]


@pytest.mark.standin_only("uses the stand-in's controls")
@pytest.mark.parametrize(
    ("method", "error"),
    [
        ("pm_card_authenticationRequired", "authentication_required"),
        ("pm_card_chargeCustomerFail", "generic_decline"),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "insufficient_funds"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card"),
        ("pm_card_chargeDeclinedProcessingError", "processing_error"),
    ],
)
def test_the_hosted_page_accepts_a_payment_after_a_decline(shop: Shop, method: str, error: str) -> None:
    whose = shop.customer(method)
    cart = shop.cart(whose)
    state = shop.payments.charge(cart)
    assert (state.status, state.error) == (PaymentStatus.AWAITING_AUTHENTICATION, error)
    assert (state.method_type, state.amount_charged) == ("card", 2100)
    assert state.pay_url
    assert shop.payments.charge(cart) == state
    assert shop.taken(whose[0]) == []

    shop.standin.controls.pay(state.reference)
    paid = shop.payments.state(state.reference)
    assert paid is not None
    assert (paid.status, paid.error, paid.pay_url) == (PaymentStatus.SUCCEEDED, None, None)
    assert shop.payments.charge(cart) == paid
    assert shop.taken(whose[0]) == [2100]
    assert shop.statuses(whose[0]) == ["paid"]


@pytest.mark.parametrize(
    ("method", "code"),
    [
        pytest.param("pm_card_visa_chargeDeclinedLostCard", "lost_card", marks=NOT_ATTACHED),
        pytest.param("pm_card_visa_chargeDeclinedStolenCard", "stolen_card", marks=NOT_ATTACHED),
        ("pm_card_radarBlock", "fraudulent"),
    ],
)
def test_a_final_decline_voids_the_invoice(shop: Shop, method: str, code: str) -> None:
    whose = shop.customer(method, credit=500)
    cart = shop.cart(whose)
    for _ in range(2):
        with pytest.raises(PaymentNotStartedError) as refusal:
            shop.payments.charge(cart)
        assert refusal.value.decline_code == code
        assert code not in str(refusal.value)
    assert shop.statuses(whose[0]) == ["void"]
    assert shop.taken(whose[0]) == []
    assert shop.balance(whose[0]) == 500
    state = shop.payments.find(whose[0], cart.cart_token, cart.created_at)
    assert state is not None
    assert (state.status, state.error, state.credit_applied) == (PaymentStatus.FAILED, code, 0)


def test_a_declined_payment_is_processing_until_it_is_voided(shop: Shop) -> None:
    whose = shop.customer("pm_card_radarBlock")
    cart = shop.cart(whose)
    # Request 4 is lost: it would read the invoice after the decline.
    shop.wire.spoil(4, "dropped")
    with pytest.raises(ProviderUnavailableError):
        shop.payments.charge(cart)
    shop.wire.spoil(None)
    [invoice] = shop.invoices(whose[0])
    assert invoice["status"] == "open"
    state = shop.payments.state(invoice["id"])
    assert state is not None
    assert (state.status, state.error) == (PaymentStatus.PROCESSING, "fraudulent")
    assert state.pay_url is None


def test_a_final_decline_on_the_hosted_page_voids_no_invoice(shop: Shop) -> None:
    whose = shop.customer("pm_card_chargeCustomerFail")
    cart = shop.cart(whose)
    state = shop.payments.charge(cart)
    other = shop.api.payment_methods.attach("pm_card_radarBlock", {"customer": whose[0]})
    with pytest.raises(stripe.CardError):
        shop.api.invoices.pay(state.reference, {"payment_method": other.id, "off_session": False})
    later = shop.payments.state(state.reference)
    assert later is not None
    assert (later.status, later.error) == (PaymentStatus.AWAITING_AUTHENTICATION, "fraudulent")
    assert later.pay_url == state.pay_url
    assert shop.payments.charge(cart).status is PaymentStatus.AWAITING_AUTHENTICATION
    assert shop.statuses(whose[0]) == ["open"]


def test_an_unknown_customer_leaves_no_invoice(shop: Shop) -> None:
    with pytest.raises(PaymentNotStartedError):
        shop.payments.charge(shop.cart(("cus_unknown", "pm_unknown")))
    assert [made for made in shop.place.made if made[0] == "invoices"] == []


@pytest.mark.standin_only("tax needs settings of the Stripe account")
def test_a_refusal_to_finalize_leaves_no_draft(shop: Shop) -> None:
    customer = shop.api.customers.create({"name": "Without an address"})
    method = shop.api.payment_methods.attach("pm_card_visa", {"customer": customer.id})
    taxed = StripeInvoices(shop.adapter(automatic_tax=True))
    cart = shop.cart((customer.id, method.id))
    for _ in range(2):
        with pytest.raises(PaymentNotStartedError):
            taxed.charge(cart)
    assert shop.invoices(customer.id) == []
    assert shop.taken(customer.id) == []


def test_another_customers_payment_method_is_refused(shop: Shop) -> None:
    whose, stranger = shop.customer(), shop.customer()
    with pytest.raises(PaymentNotStartedError):
        shop.payments.charge(shop.cart((whose[0], stranger[1])))
    assert [status for status in shop.statuses(whose[0]) if status in ("open", "draft")] == []
    assert shop.taken(whose[0]) == shop.taken(stranger[0]) == []


@pytest.mark.standin_only("tax needs settings of the Stripe account")
def test_tax_is_added_to_the_net_lines(shop: Shop) -> None:
    whose = shop.customer()
    state = StripeInvoices(shop.adapter(automatic_tax=True)).charge(shop.cart(whose))
    [invoice] = shop.invoices(whose[0])
    assert invoice["subtotal"] == 2100
    assert state.amount_charged == invoice["total"] > 2100
    assert (state.total_net, state.total_gross) == (2100, invoice["total"])
    assert shop.taken(whose[0]) == [invoice["total"]]


@pytest.mark.standin_only("uses the stand-in's controls")
def test_a_debit_is_processing_until_the_bank_has_settled_it(shop: Shop) -> None:
    whose = shop.debtor(GOOD_IBAN)
    cart = shop.cart(whose)
    state = shop.payments.charge(cart)
    assert (state.status, state.method_type) == (PaymentStatus.PROCESSING, "sepa_debit")
    assert state.pay_url is None
    assert shop.payments.void(state.reference) == state
    assert shop.payments.charge(cart) == state
    shop.standin.controls.settle(state.reference)
    assert shop.payments.state(state.reference) == replace(state, status=PaymentStatus.SUCCEEDED)
    assert shop.taken(whose[0]) == [2100]


@pytest.mark.standin_only("uses the stand-in's controls")
def test_a_returned_debit_can_be_paid_on_the_hosted_page(shop: Shop) -> None:
    whose = shop.debtor(BAD_IBAN)
    state = shop.payments.charge(shop.cart(whose))
    shop.standin.controls.fail(state.reference)
    returned = shop.payments.state(state.reference)
    assert returned is not None
    assert returned.status is PaymentStatus.AWAITING_AUTHENTICATION
    assert returned.pay_url
    assert returned.method_type == "sepa_debit"
    assert returned.error
    assert shop.payments.void(state.reference).status is PaymentStatus.CANCELED


# -- payment methods and faults -----------------------------------------------------------------------------


def test_the_default_method_is_the_one_for_invoices(shop: Shop) -> None:
    customer, method = shop.customer()
    assert shop.payments.default_method(customer) == PaymentMethod(method, "card")
    debtor, debit = shop.debtor(GOOD_IBAN)
    assert shop.payments.default_method(debtor) == PaymentMethod(debit, "sepa_debit")
    bare = shop.api.customers.create({"name": "Nobody"})
    assert shop.payments.default_method(bare.id) is None
    assert shop.payments.default_method("cus_unknown") is None
    assert shop.payments.default_method("") is None


def test_the_error_does_not_contain_a_wrong_api_key(shop: Shop) -> None:
    whose = shop.customer()
    misconfigured = StripeInvoices(shop.adapter(api_key="sk_wrong_and_secret"))
    with pytest.raises(ProviderUnavailableError) as fault:
        misconfigured.charge(shop.cart(whose))
    assert "secret" not in str(fault.value)
    assert fault.value.__cause__ is None
    assert shop.invoices(whose[0]) == []


def test_a_network_failure_raises_provider_unavailable(shop: Shop) -> None:
    api = StripeApi(API_KEY, api_base="http://127.0.0.1:9", retries=0)
    gone = StripeInvoices(api)
    body = event("payment_intent.succeeded", {"object": "payment_intent", "id": "pi_1"})
    signature = stripe.WebhookSignature.generate_signature_header(body.decode(), NEW_SECRET)
    cart = shop.cart(("cus_1", "pm_1"))
    attempts: list[Callable[[], object]] = [
        lambda: gone.default_method("cus_1"),
        lambda: gone.charge(cart),
        lambda: gone.state("in_1"),
        lambda: gone.find("cus_1", "token", 0),
        lambda: gone.void("in_1"),
        lambda: StripeRefunds(api).refund("in_1", "101", "order-1"),
        lambda: invoice_of(StripeWebhooks(api, (NEW_SECRET,)), body, signature),
        lambda: StripeRenewals(api).start_renewal(
            order_id="o",
            account_id="a",
            customer_id="c",
            description="d",
            price=Money(1, "EUR"),
            term=Term.MONTHLY,
            anchor=int(shop.now() * 1000) + 1000 * HOUR,
            day_of_month=None,
            charge_late=False,
        ),
    ]
    for attempt in attempts:
        with pytest.raises(HostingOrdersError) as fault:
            attempt()
        assert isinstance(fault.value, ProviderUnavailableError)


@pytest.mark.parametrize(("currency", "types"), [("EUR", ["card", "sepa_debit"]), ("USD", ["card"])])
def test_the_hosted_page_offers_no_bank_transfer(shop: Shop, currency: str, types: list[str]) -> None:
    """The stand-in's Stripe account allows bank transfers too. They arrive too late, so our invoices name the methods
    that are allowed.
    """
    whose = shop.customer(currency=currency)
    state = shop.payments.charge(shop.cart(whose, currency=currency))
    invoice = shop.api.invoices.retrieve(
        state.reference, {"expand": ["payments.data.payment.payment_intent"]}
    ).to_dict()
    assert invoice["payments"]["data"][0]["payment"]["payment_intent"]["payment_method_types"] == types
