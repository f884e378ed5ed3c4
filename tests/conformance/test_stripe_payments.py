"""The Stripe adapter through the real SDK against the stand-in: what is left at Stripe afterwards is what counts."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, TypeVar

import pytest
import requests
import stripe

from hosting_orders.adapters.stripe_payments import StripePayments
from hosting_orders.domain.cart import PaymentStatus
from hosting_orders.domain.catalogue import Term
from hosting_orders.domain.errors import (
    ForgedWebhookError,
    HostingOrdersError,
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
    PaymentMethod,
    PaymentState,
    RefundState,
    RenewalState,
)
from hosting_orders.usecases.start_renewal import months_later
from local.stripe_standin import StripeStandIn

API_KEY = "sk_test_adapter"
OLD_SECRET, NEW_SECRET = "whsec_before_the_rotation", "whsec_after_the_rotation"
HOUR = 3600
GOOD_IBAN, BAD_IBAN = "DE89370400440532013000", "DE62370400440532013001"
TWO_LINES = (ChargeLine("101", "Site one", 1200), ChargeLine("102", "Site two", 900))
_carts = itertools.count(1)
T = TypeVar("T")


@dataclass
class Wire:
    """Between the adapter and the stand-in: counts the requests and spoils the answer of one of them.

    `lost`: done, the answer never arrives. `dropped`: never arrives there. `error`: 500, not done. `kept_error`:
    500 although it was done, and `kept_refusal_to_work`: 500 and not done, both kept under the idempotency key
    and so repeated to whoever asks under that key again, as Stripe does.
    """

    send: Callable[..., requests.Response]
    spoil_at: int | None = None
    kind: str = "lost"
    count: int = 0
    kept: set[str] = field(default_factory=set)
    posted: list[tuple[str, str | None]] = field(
        default_factory=list
    )  # the last step of the path, and the key

    def request(self, session: requests.Session, method: str, url: str, **how: Any) -> requests.Response:
        place, self.count = self.count, self.count + 1
        key = (how.get("headers") or {}).get("Idempotency-Key")
        if method.upper() == "POST":
            self.posted.append((url.rpartition("/")[2], key))
        if key in self.kept:
            return _internal_error({"Idempotent-Replayed": "true", "Stripe-Should-Retry": "false"})
        if place != self.spoil_at:
            return self.send(session, method, url, **how)
        if self.kind in ("lost", "kept_error"):
            self.send(session, method, url, **how)
        if self.kind in ("lost", "dropped"):
            raise requests.ConnectionError("spoiled by the test")
        if self.kind.startswith("kept_") and key is not None:
            self.kept.add(key)
            return _internal_error({"Stripe-Should-Retry": "false"})
        return _internal_error({})

    def spoil(self, place: int | None, kind: str = "lost") -> None:
        self.spoil_at, self.kind, self.count = place, kind, 0
        self.kept.clear()
        self.posted.clear()


FAULTS = ("lost", "dropped", "error", "kept_error", "kept_refusal_to_work")


def _internal_error(headers: dict[str, str]) -> requests.Response:
    response = requests.Response()
    response.status_code = 500
    response._content = json.dumps(
        {"error": {"type": "api_error", "message": "spoiled by the test"}}
    ).encode()
    response.headers.update(headers)
    return response


@dataclass
class Shop:
    standin: StripeStandIn
    client: stripe.StripeClient
    payments: StripePayments
    wire: Wire

    @property
    def api(self) -> Any:
        return self.client.v1

    def customer(
        self, method: Any = "pm_card_visa", credit: int = 0, currency: str = "EUR"
    ) -> tuple[str, str]:
        customer = self.api.customers.create(
            {
                "name": "Jenny Rosen",
                "email": "jenny@example.com",
                "address": {"country": "DE", "line1": "Street 1"},
            }
        )
        if credit:
            self.api.customers.balance_transactions.create(
                customer.id, {"amount": -credit, "currency": currency.lower()}
            )
        attached = self.api.payment_methods.attach(method, {"customer": customer.id})
        self.api.customers.update(customer.id, {"invoice_settings": {"default_payment_method": attached.id}})
        return customer.id, attached.id

    def debtor(self, iban: str) -> tuple[str, str]:
        method = self.api.payment_methods.create(
            {
                "type": "sepa_debit",
                "sepa_debit": {"iban": iban},
                "billing_details": {"name": "Jenny Rosen", "email": "jenny@example.com"},
            }
        )
        return self.customer(method.id)

    def cart(
        self,
        whose: tuple[str, str],
        lines: tuple[ChargeLine, ...] = TWO_LINES,
        currency: str = "EUR",
    ) -> ChargeRequest:
        return ChargeRequest(
            account_id="acc_1",
            cart_token=f"cart{next(_carts)}",
            customer_id=whose[0],
            payment_method_id=whose[1],
            currency=currency,
            lines=lines,
            created_at=int(self.standin.clock.time() * 1000),
        )

    def paid(
        self, lines: tuple[ChargeLine, ...] = TWO_LINES, credit: int = 0, currency: str = "EUR"
    ) -> tuple[str, str]:
        """The ids of a customer and of the invoice that they have paid."""
        whose = self.customer(credit=credit, currency=currency)
        state = self.payments.charge(self.cart(whose, lines, currency))
        assert state.status is PaymentStatus.SUCCEEDED
        return whose[0], state.reference

    def invoices(self, customer_id: str) -> list[Any]:
        return [
            invoice.to_dict()
            for invoice in self.api.invoices.list({"customer": customer_id, "limit": 100}).data
        ]

    def statuses(self, customer_id: str) -> list[str]:
        return [invoice["status"] for invoice in self.invoices(customer_id)]

    def taken(self, customer_id: str) -> list[int]:
        """The amounts of the charges that succeeded."""
        charges = self.api.charges.list({"customer": customer_id, "limit": 100}).data
        return [charge.amount for charge in charges if charge.status == "succeeded"]

    def given_back(self, customer_id: str) -> int:
        charges = self.api.charges.list({"customer": customer_id, "limit": 100}).data
        return sum(charge.amount_refunded for charge in charges)

    def balance(self, customer_id: str) -> int:
        """The customer's credit."""
        return -int(self.api.customers.retrieve(customer_id).balance)

    def notes(self, customer_id: str) -> list[Any]:
        return list(self.api.credit_notes.list({"customer": customer_id, "limit": 100}).data)


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    wire = Wire(requests.Session.request)
    with StripeStandIn(webhook_url=None, webhook_secret=NEW_SECRET) as standin:
        standin.controls.set(attach_decline_cards=True, sepa_settles=False)
        client = stripe.StripeClient(API_KEY, base_addresses={"api": standin.url}, max_network_retries=0)
        payments = adapter(standin)

        def through_the_wire(session: requests.Session, *args: Any, **how: Any) -> requests.Response:
            return wire.request(session, *args, **how)

        monkeypatch.setattr(requests.Session, "request", through_the_wire)
        yield Shop(standin, client, payments, wire)


def adapter(standin: StripeStandIn, **how: Any) -> StripePayments:
    return StripePayments(
        how.pop("api_key", API_KEY),
        (OLD_SECRET, NEW_SECRET),
        api_base=standin.url,
        retries=how.pop("retries", 0),
        now=standin.clock.time,
        **how,
    )


def insist(act: Callable[[], T]) -> T:
    """Does it again after each fault, as the workflow and the reconciler do."""
    for _ in range(4):
        try:
            return act()
        except ProviderUnavailableError:
            continue
    raise AssertionError("still unavailable after four attempts")


def spoilt_runs(shop: Shop, prepare: Callable[[], Callable[[], Any]]) -> Iterator[tuple[str, Any]]:
    """Run what `prepare` makes once for every kind of fault at every single request that it sends."""
    shop.wire.spoil(None)
    act = prepare()
    shop.wire.spoil(None)
    with suppress(PaymentNotStartedError):
        act()
    requests_unspoilt = shop.wire.count
    for kind in FAULTS:
        for place in itertools.count():
            shop.wire.spoil(None)
            act = prepare()
            shop.wire.spoil(place, kind)
            try:
                outcome: Any = insist(act)
            except PaymentNotStartedError as refusal:
                outcome = refusal
            hit = shop.wire.count > place
            shop.wire.spoil(None)
            yield f"{kind} at request {place}", outcome
            if not hit:
                assert place >= requests_unspoilt > 1  # every request had its turn
                break


# -- the rows of the table in docs/design.md -----------------------------------------------------------------


def invoice_of(payments: StripePayments, body: bytes, signature: str) -> str | None:
    """The invoice that a webhook leads to."""
    event = payments.read_event(body, signature)
    if event.payment_id is not None:
        return payments.reference_of(event.payment_id)
    return event.reference


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


def test_each_line_s_gross_is_known_also_of_more_lines_than_stripe_shows_at_once(shop: Shop) -> None:
    lines = tuple(ChargeLine(str(number), "Site", number) for number in range(101, 121))
    state = shop.payments.charge(shop.cart(shop.customer(), lines))
    assert state.gross == {line.key: line.amount for line in lines}


def test_what_is_on_the_invoice_and_on_no_line_goes_to_the_largest(shop: Shop) -> None:
    _, reference = shop.paid()
    shop.standin.state.get("invoice", reference)["total"] += 1
    state = shop.payments.state(reference)
    assert state is not None
    assert (state.total_gross, state.gross) == (2101, {"101": 1201, "102": 900})


def test_a_draft_has_no_gross_yet(shop: Shop) -> None:
    cart = shop.cart(shop.customer())
    reference = shop.payments._create_invoice(cart)
    lines = [shop.payments._line(cart, line) for line in cart.lines]
    shop.api.invoices.add_lines(reference, {"lines": lines})
    state = shop.payments.state(reference)
    assert state is not None and state.gross == {}


def test_credit_pays_its_part_and_the_card_the_rest(shop: Shop) -> None:
    whose = shop.customer(credit=500)
    state = shop.payments.charge(shop.cart(whose))
    assert (state.status, state.amount_charged, state.credit_applied) == (PaymentStatus.SUCCEEDED, 1600, 500)
    assert shop.taken(whose[0]) == [1600]
    assert shop.balance(whose[0]) == 0


def test_credit_alone_pays_and_no_method_is_named(shop: Shop) -> None:
    whose = shop.customer(credit=5000)
    state = shop.payments.charge(shop.cart(whose))
    assert (state.status, state.amount_charged, state.credit_applied) == (PaymentStatus.SUCCEEDED, 0, 2100)
    assert state.method_type is None
    assert shop.taken(whose[0]) == []
    assert shop.balance(whose[0]) == 2900


def test_a_cart_that_costs_nothing_is_paid_at_once(shop: Shop) -> None:
    whose = shop.customer()
    state = shop.payments.charge(shop.cart(whose, (ChargeLine("101", "Trial", 0),)))
    assert (state.status, state.amount_charged, state.method_type) == (PaymentStatus.SUCCEEDED, 0, None)
    assert shop.taken(whose[0]) == []


def test_a_currency_without_minor_units_is_charged_as_it_is(shop: Shop) -> None:
    whose = shop.customer()
    state = shop.payments.charge(shop.cart(whose, (ChargeLine("101", "Site", 1250),), "JPY"))
    assert state.amount_charged == 1250
    [invoice] = shop.invoices(whose[0])
    assert (invoice["currency"], invoice["total"]) == ("jpy", 1250)
    assert shop.taken(whose[0]) == [1250]


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
def test_what_the_customer_can_mend_awaits_them_on_the_hosted_page(
    shop: Shop, method: str, error: str
) -> None:
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
        ("pm_card_visa_chargeDeclinedLostCard", "lost_card"),
        ("pm_card_visa_chargeDeclinedStolenCard", "stolen_card"),
        ("pm_card_radarBlock", "fraudulent"),
    ],
)
def test_a_final_decline_leaves_nothing_open_and_gives_credit_back(
    shop: Shop, method: str, code: str
) -> None:
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


def test_a_final_decline_that_is_not_voided_yet_is_neither_failed_nor_offered(shop: Shop) -> None:
    whose = shop.customer("pm_card_visa_chargeDeclinedLostCard")
    cart = shop.cart(whose)
    shop.wire.spoil(4, "dropped")  # invoice, lines, finalize and pay went through; the reading did not
    with pytest.raises(ProviderUnavailableError):
        shop.payments.charge(cart)
    shop.wire.spoil(None)
    [invoice] = shop.invoices(whose[0])
    assert invoice["status"] == "open"
    state = shop.payments.state(invoice["id"])
    assert state is not None
    assert (state.status, state.error) == (PaymentStatus.PROCESSING, "lost_card")
    assert state.pay_url is None


def test_a_refused_method_on_the_hosted_page_is_for_the_customer_to_replace(shop: Shop) -> None:
    whose = shop.customer("pm_card_chargeCustomerFail")
    cart = shop.cart(whose)
    state = shop.payments.charge(cart)
    other = shop.api.payment_methods.attach("pm_card_visa_chargeDeclinedLostCard", {"customer": whose[0]})
    with pytest.raises(stripe.CardError):
        shop.api.invoices.pay(state.reference, {"payment_method": other.id, "off_session": False})
    later = shop.payments.state(state.reference)
    assert later is not None
    assert (later.status, later.error) == (PaymentStatus.AWAITING_AUTHENTICATION, "lost_card")
    assert later.pay_url == state.pay_url
    assert shop.payments.charge(cart).status is PaymentStatus.AWAITING_AUTHENTICATION
    assert shop.statuses(whose[0]) == ["open"]


def test_an_unknown_customer_is_refused_and_nothing_is_left(shop: Shop) -> None:
    before = len(shop.api.invoices.list({"limit": 100}).data)
    with pytest.raises(PaymentNotStartedError):
        shop.payments.charge(shop.cart(("cus_unknown", "pm_unknown")))
    assert len(shop.api.invoices.list({"limit": 100}).data) == before


def test_a_refusal_to_finalize_leaves_no_draft(shop: Shop) -> None:
    customer = shop.api.customers.create({"name": "Without an address"})
    method = shop.api.payment_methods.attach("pm_card_visa", {"customer": customer.id})
    taxed = adapter(shop.standin, automatic_tax=True)
    cart = shop.cart((customer.id, method.id))
    for _ in range(2):
        with pytest.raises(PaymentNotStartedError):
            taxed.charge(cart)
    assert shop.invoices(customer.id) == []
    assert shop.taken(customer.id) == []


def test_a_method_of_somebody_else_is_refused_and_the_invoice_is_not_left_open(shop: Shop) -> None:
    whose, stranger = shop.customer(), shop.customer()
    with pytest.raises(PaymentNotStartedError):
        shop.payments.charge(shop.cart((whose[0], stranger[1])))
    assert [status for status in shop.statuses(whose[0]) if status in ("open", "draft")] == []
    assert shop.taken(whose[0]) == shop.taken(stranger[0]) == []


def test_tax_comes_on_top_of_the_net_lines(shop: Shop) -> None:
    whose = shop.customer()
    state = adapter(shop.standin, automatic_tax=True).charge(shop.cart(whose))
    [invoice] = shop.invoices(whose[0])
    assert invoice["subtotal"] == 2100
    assert state.amount_charged == invoice["total"] > 2100
    assert (state.total_net, state.total_gross) == (2100, invoice["total"])
    assert shop.taken(whose[0]) == [invoice["total"]]


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


def test_a_returned_debit_can_be_paid_otherwise(shop: Shop) -> None:
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


# -- once, whatever gets lost -------------------------------------------------------------------------------


def test_a_cart_is_charged_once_whichever_answer_is_lost(shop: Shop) -> None:
    whose = ("", "")

    def prepare() -> Callable[[], PaymentState]:
        nonlocal whose
        whose = shop.customer(credit=300)
        cart = shop.cart(whose)
        return lambda: shop.payments.charge(cart)

    for spoilt, state in spoilt_runs(shop, prepare):
        assert state.status is PaymentStatus.SUCCEEDED, spoilt
        assert shop.statuses(whose[0]) == ["paid"], spoilt
        assert shop.taken(whose[0]) == [1800], spoilt
        assert shop.balance(whose[0]) == 0, spoilt


def test_a_final_decline_leaves_nothing_open_whichever_answer_is_lost(shop: Shop) -> None:
    whose = ("", "")

    def prepare() -> Callable[[], PaymentState]:
        nonlocal whose
        whose = shop.customer("pm_card_visa_chargeDeclinedLostCard", credit=300)
        cart = shop.cart(whose)
        return lambda: shop.payments.charge(cart)

    for spoilt, refusal in spoilt_runs(shop, prepare):
        assert isinstance(refusal, PaymentNotStartedError), spoilt
        assert refusal.decline_code == "lost_card", spoilt
        assert shop.statuses(whose[0]) == ["void"], spoilt
        assert shop.balance(whose[0]) == 300, spoilt


def test_a_cart_is_charged_once_when_its_process_dies_for_more_than_a_day(shop: Shop) -> None:
    """After 24 hours Stripe has forgotten every key: only looking saves the customer from paying twice."""
    for calls in range(7):
        whose = shop.customer()
        cart = shop.cart(whose)
        shop.wire.spoil(calls, "dropped")
        try:
            shop.payments.charge(cart)
        except ProviderUnavailableError:
            shop.wire.spoil(None)
        shop.wire.spoil(None)
        shop.standin.clock.advance(25 * HOUR)
        state = shop.payments.charge(cart)
        assert state.status is PaymentStatus.SUCCEEDED, calls
        assert shop.payments.charge(cart) == state, calls
        assert shop.statuses(whose[0]) == ["paid"], calls
        assert shop.taken(whose[0]) == [2100], calls


def test_a_cart_is_charged_once_a_day_later_whichever_answer_is_lost(shop: Shop) -> None:
    whose = ("", "")

    def prepare() -> Callable[[], PaymentState]:
        nonlocal whose
        whose = shop.customer()
        cart = shop.cart(whose)
        shop.wire.spoil(1, "dropped")
        with pytest.raises(ProviderUnavailableError):
            shop.payments.charge(cart)
        assert shop.statuses(whose[0]) == ["draft"]
        shop.standin.clock.advance(25 * HOUR)
        return lambda: shop.payments.charge(cart)

    for spoilt, state in spoilt_runs(shop, prepare):
        assert state.status is PaymentStatus.SUCCEEDED, spoilt
        assert shop.statuses(whose[0]) == ["paid"], spoilt
        assert shop.taken(whose[0]) == [2100], spoilt


def test_a_recoverable_decline_is_not_tried_again_a_day_later(shop: Shop) -> None:
    whose = shop.customer("pm_card_chargeCustomerFail")
    cart = shop.cart(whose)
    state = shop.payments.charge(cart)
    shop.standin.clock.advance(25 * HOUR)
    assert shop.payments.charge(cart) == state
    assert len(shop.api.charges.list({"customer": whose[0], "limit": 100}).data) == 1


def test_two_at_once_charge_a_cart_once(shop: Shop) -> None:
    whose = shop.customer()
    cart = shop.cart(whose)
    outcomes: list[PaymentState] = []

    def charge() -> None:
        outcomes.append(insist(lambda: adapter(shop.standin, retries=2).charge(cart)))

    threads = [threading.Thread(target=charge) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 4
    assert len(set(outcomes)) == 1
    assert shop.statuses(whose[0]) == ["paid"]
    assert shop.taken(whose[0]) == [2100]


def test_an_invoice_that_differs_from_the_cart_is_never_paid(shop: Shop) -> None:
    whose = shop.customer(credit=10_000)
    cart = shop.cart(whose)
    shop.wire.spoil(1, "dropped")
    with pytest.raises(ProviderUnavailableError):
        shop.payments.charge(cart)
    shop.wire.spoil(None)
    [draft] = shop.invoices(whose[0])
    shop.api.invoices.add_lines(draft["id"], {"lines": [{"amount": 700, "description": "A stranger's"}]})
    with pytest.raises(PaymentNotStartedError):
        shop.payments.charge(cart)
    assert [status for status in shop.statuses(whose[0]) if status != "void"] == []
    assert shop.balance(whose[0]) == 10_000


def test_a_key_used_with_other_words_finds_the_first_invoice(shop: Shop) -> None:
    """A newer version of the code may describe the same cart in other words."""
    whose = shop.customer()
    cart = shop.cart(whose)
    first = shop.payments.charge(cart)
    reworded = replace(cart, lines=tuple(replace(line, description="New words") for line in cart.lines))
    assert shop.payments.charge(reworded) == first
    assert shop.payments.charge(replace(cart, payment_method_id="")) == first
    assert shop.statuses(whose[0]) == ["paid"]
    assert shop.taken(whose[0]) == [2100]


def test_the_sdk_repeats_by_itself_what_the_network_lost(shop: Shop) -> None:
    whose = shop.customer()
    cart = shop.cart(whose)
    shop.wire.spoil(3, "lost")
    assert adapter(shop.standin, retries=1).charge(cart).status is PaymentStatus.SUCCEEDED
    assert shop.taken(whose[0]) == [2100]


# -- looking and voiding ------------------------------------------------------------------------------------


def test_a_strange_or_unknown_invoice_is_none_of_ours(shop: Shop) -> None:
    customer, _ = shop.customer()
    strange = shop.api.invoices.create({"customer": customer, "currency": "eur"})
    assert shop.payments.state(strange.id) is None
    assert shop.payments.state("in_unknown") is None
    with pytest.raises(NotFoundError):
        shop.payments.void(strange.id)
    with pytest.raises(RefundRefusedError):
        shop.payments.refund(strange.id, "101", "order-1")
    assert shop.statuses(customer) == ["draft"]


def test_a_payment_is_found_by_its_cart_alone_among_many(shop: Shop) -> None:
    whose = shop.customer()
    carts = [shop.cart(whose, (ChargeLine("101", "Site", 1000 + number),)) for number in range(3)]
    states = [shop.payments.charge(cart) for cart in carts]
    for _ in range(101):
        shop.api.invoices.create({"customer": whose[0], "currency": "eur"})  # more than a page
    found = [shop.payments.find(whose[0], cart.cart_token, cart.created_at) for cart in carts]
    assert found == states
    assert shop.payments.find(whose[0], "another", carts[0].created_at) is None


def test_voiding_closes_what_is_open_and_reports_what_is_paid(shop: Shop) -> None:
    whose = shop.customer("pm_card_authenticationRequired", credit=300)
    state = shop.payments.charge(shop.cart(whose))
    for _ in range(2):
        voided = shop.payments.void(state.reference)
        assert voided.status is PaymentStatus.CANCELED
        assert (voided.amount_charged, voided.credit_applied) == (0, 0)
        assert voided.pay_url is None
    assert shop.statuses(whose[0]) == ["void"]
    assert shop.balance(whose[0]) == 300

    customer, invoice_id = shop.paid()
    assert shop.payments.void(invoice_id).status is PaymentStatus.SUCCEEDED
    assert shop.statuses(customer) == ["paid"]


def test_voiding_a_draft_deletes_it_and_its_charge_can_not_go_on(shop: Shop) -> None:
    whose = shop.customer()
    cart = shop.cart(whose)
    shop.wire.spoil(1, "dropped")
    with pytest.raises(ProviderUnavailableError):
        shop.payments.charge(cart)
    shop.wire.spoil(None)
    draft = shop.payments.find(whose[0], cart.cart_token, cart.created_at)
    assert draft is not None
    assert draft.status is PaymentStatus.PROCESSING
    for _ in range(2):
        assert shop.payments.void(draft.reference).status is PaymentStatus.CANCELED
    assert shop.invoices(whose[0]) == []
    with pytest.raises(PaymentNotStartedError):
        shop.payments.charge(cart)
    assert shop.invoices(whose[0]) == []
    assert shop.taken(whose[0]) == []


def test_a_charge_after_the_cart_was_voided_takes_nothing(shop: Shop) -> None:
    whose = shop.customer()
    cart = shop.cart(whose)
    shop.wire.spoil(3, "dropped")
    with pytest.raises(ProviderUnavailableError):
        shop.payments.charge(cart)
    shop.wire.spoil(None)
    [invoice] = shop.invoices(whose[0])
    assert shop.payments.void(invoice["id"]).status is PaymentStatus.CANCELED
    with pytest.raises(PaymentNotStartedError):
        shop.payments.charge(cart)
    assert shop.statuses(whose[0]) == ["void"]
    assert shop.taken(whose[0]) == []


# -- giving back --------------------------------------------------------------------------------------------


def test_a_refund_gives_all_of_a_single_line_back_to_card_and_credit_once(shop: Shop) -> None:
    customer, invoice_id = shop.paid((ChargeLine("101", "Site", 2100),), credit=500)
    first = shop.payments.refund(invoice_id, "101", "order-1")
    assert (first.amount, first.to_credit) == (1600, 500)
    assert shop.payments.refund(invoice_id, "101", "order-1") == first
    shop.standin.clock.advance(25 * HOUR)
    shop.wire.spoil(None)
    assert shop.payments.refund(invoice_id, "101", "order-1") == first
    assert shop.wire.posted == []  # it was looked up, not asked for again
    [note] = shop.notes(customer)
    assert (note.id, note.total) == (first.id, 2100)
    assert (shop.given_back(customer), shop.balance(customer)) == (1600, 500)


@pytest.mark.parametrize("order", list(itertools.permutations(("101", "102", "103"))))
def test_three_refunds_add_up_to_the_cent_in_any_order(shop: Shop, order: tuple[str, ...]) -> None:
    lines = (ChargeLine("101", "a", 333), ChargeLine("102", "b", 777), ChargeLine("103", "c", 1001))
    customer, invoice_id = shop.paid(lines, credit=1000)
    parts = {key: shop.payments.refund(invoice_id, key, f"order-{key}") for key in order}
    for line in lines:
        assert parts[line.key].amount + parts[line.key].to_credit == line.amount
        # in proportion, to within a cent
        assert abs(parts[line.key].amount - line.amount * 1111 / 2111) < 1
    assert shop.given_back(customer) == 1111
    assert shop.balance(customer) == 1000
    assert len(shop.notes(customer)) == 3


def test_a_refund_gives_back_only_its_own_line(shop: Shop) -> None:
    customer, invoice_id = shop.paid()
    state = shop.payments.refund(invoice_id, "102", "order-2")
    assert (state.amount, state.to_credit) == (900, 0)
    assert shop.given_back(customer) == 900


def test_a_refund_happens_once_whichever_answer_is_lost(shop: Shop) -> None:
    customer = ""

    def prepare() -> Callable[[], RefundState]:
        nonlocal customer
        customer, invoice_id = shop.paid(credit=700)
        return lambda: shop.payments.refund(invoice_id, "101", "order-" + invoice_id)

    for spoilt, state in spoilt_runs(shop, prepare):
        assert state.amount + state.to_credit == 1200, spoilt
        assert len(shop.notes(customer)) == 1, spoilt
        assert shop.given_back(customer) == state.amount, spoilt
        assert shop.balance(customer) == state.to_credit, spoilt


@pytest.mark.parametrize(
    ("fault", "collection"),
    [("dropped", "credit_notes"), ("error", "credit_notes"), ("dropped", "subscriptions")],
)
def test_asking_again_carries_the_same_key(shop: Shop, fault: str, collection: str) -> None:
    """Twins that both looked before either had posted are kept apart by the key alone."""
    whose = shop.customer()
    if collection == "subscriptions":
        act: Callable[[], object] = renewal(shop, whose, next_month(shop))
    else:
        _, invoice_id = shop.paid()

        def act() -> object:
            return shop.payments.refund(invoice_id, "101", "order-1")

    for place in range(8):
        shop.wire.spoil(place, fault)
        with suppress(ProviderUnavailableError):
            act()
        if shop.wire.posted and shop.wire.posted[-1][0] == collection:
            break
    first = shop.wire.posted[-1]
    shop.wire.spoil(None)
    act()
    assert first[0] == collection
    assert [posted for posted in shop.wire.posted if posted[0] == collection] == [first]


def test_a_refund_of_tax_and_all_gives_the_gross_back(shop: Shop) -> None:
    whose = shop.customer()
    state = adapter(shop.standin, automatic_tax=True).charge(shop.cart(whose))
    for key in ("101", "102"):
        shop.payments.refund(state.reference, key, f"order-{key}")
    assert shop.given_back(whose[0]) == state.amount_charged


def test_a_refund_in_a_currency_without_minor_units(shop: Shop) -> None:
    customer, invoice_id = shop.paid(
        (ChargeLine("101", "a", 101), ChargeLine("102", "b", 100)), credit=100, currency="JPY"
    )
    parts = [shop.payments.refund(invoice_id, key, f"order-{key}") for key in ("101", "102")]
    assert [part.amount + part.to_credit for part in parts] == [101, 100]
    assert (shop.given_back(customer), shop.balance(customer)) == (101, 100)


def test_an_order_that_cost_nothing_needs_no_credit_note(shop: Shop) -> None:
    customer, invoice_id = shop.paid((ChargeLine("101", "Trial", 0), ChargeLine("102", "Site", 900)))
    state = shop.payments.refund(invoice_id, "101", "order-1")
    assert (state.amount, state.to_credit) == (0, 0)
    assert state.id
    assert shop.notes(customer) == []


def test_what_can_not_be_refunded_is_refused_and_moves_no_money(shop: Shop) -> None:
    customer, invoice_id = shop.paid()
    with pytest.raises(RefundRefusedError):
        shop.payments.refund(invoice_id, "999", "order-9")
    whose = shop.customer("pm_card_chargeCustomerFail")
    unpaid = shop.payments.charge(shop.cart(whose))
    with pytest.raises(RefundRefusedError):
        shop.payments.refund(unpaid.reference, "101", "order-1")
    shop.standin.controls.set(refunds="refuse")
    with pytest.raises(RefundRefusedError):
        shop.payments.refund(invoice_id, "101", "order-1")
    assert shop.notes(customer) == []
    assert shop.given_back(customer) == 0


def test_a_refund_that_the_bank_sends_back_is_refused_not_done(shop: Shop) -> None:
    _, invoice_id = shop.paid()
    shop.standin.controls.set(refunds="fail")
    for _ in range(2):
        with pytest.raises(RefundRefusedError):
            shop.payments.refund(invoice_id, "101", "order-1")


# -- renewing -----------------------------------------------------------------------------------------------


def renewal(shop: Shop, whose: tuple[str, str], anchor: float, **other: Any) -> Callable[[], Subscription]:
    how: dict[str, Any] = {
        "order_id": f"0000-{whose[0]}",
        "account_id": "acc_1",
        "customer_id": whose[0],
        "payment_method_id": whose[1],
        "description": "Site one: small plan, monthly",
        "price": Money(1200, "EUR"),
        "term": Term.MONTHLY,
        "anchor": int(anchor * 1000),
        **other,
    }
    return lambda: shop.payments.start_renewal(**how)


def next_month(shop: Shop) -> float:
    """Where the renewal of an order placed now begins."""
    return months_later(int(shop.standin.clock.time() * 1000), 1) / 1000


def subscriptions(shop: Shop, customer_id: str) -> list[Any]:
    found = shop.api.subscriptions.list({"customer": customer_id, "status": "all", "limit": 100}).data
    return [subscription.to_dict() for subscription in found]


@pytest.mark.parametrize(
    ("term", "days", "interval"), [(Term.MONTHLY, 27, "month"), (Term.ANNUAL, 364, "year")]
)
def test_the_renewal_begins_at_its_anchor_and_costs_nothing_before(
    shop: Shop, term: Term, days: int, interval: str
) -> None:
    whose = shop.customer()
    anchor = int(shop.standin.clock.time()) + days * 24 * HOUR
    started = renewal(shop, whose, anchor, term=term)()
    moment = datetime.fromtimestamp(anchor, UTC)
    [kept] = subscriptions(shop, whose[0])
    assert started == Subscription(kept["id"], "active", term.value, moment.year, moment.month)
    assert kept["billing_cycle_anchor"] == anchor
    assert kept["default_payment_method"] == whose[1]
    assert kept["metadata"] == {"order_id": f"0000-{whose[0]}", "account_id": "acc_1"}
    [item] = kept["items"]["data"]
    assert item["price"]["unit_amount"] == 1200
    assert item["price"]["recurring"]["interval"] == interval
    assert shop.taken(whose[0]) == []


def test_a_renewal_starts_once_whichever_answer_is_lost(shop: Shop) -> None:
    whose = ("", "")

    def prepare() -> Callable[[], Subscription]:
        nonlocal whose
        whose = shop.customer()
        return renewal(shop, whose, next_month(shop))

    for spoilt, started in spoilt_runs(shop, prepare):
        assert isinstance(started, Subscription), spoilt
        assert [kept["id"] for kept in subscriptions(shop, whose[0])] == [started.id], spoilt


def test_a_renewal_is_not_started_again_days_later_nor_after_its_anchor(shop: Shop) -> None:
    whose = shop.customer()
    again = renewal(shop, whose, next_month(shop))
    first = again()
    shop.standin.clock.advance(26 * HOUR)
    assert again().id == first.id
    shop.standin.clock.advance(40 * 24 * HOUR)
    assert again().id == first.id
    assert len(subscriptions(shop, whose[0])) == 1


def test_an_anchor_that_has_passed_moves_by_whole_terms(shop: Shop) -> None:
    whose = shop.customer()
    now = shop.standin.clock.time()
    passed = now - 40 * 24 * HOUR
    started = renewal(shop, whose, passed)()
    [kept] = subscriptions(shop, whose[0])
    anchor = datetime.fromtimestamp(kept["billing_cycle_anchor"], UTC)
    was = datetime.fromtimestamp(int(passed), UTC)
    assert now < anchor.timestamp() <= now + 31 * 24 * HOUR
    assert (anchor.hour, anchor.minute, anchor.second) == (was.hour, was.minute, was.second)
    assert anchor.day == was.day or anchor.day >= 28
    assert (started.bucket_year, started.bucket_month) == (anchor.year, anchor.month)
    assert shop.taken(whose[0]) == []


def begun(shop: Shop, whose: tuple[str, str]) -> str:
    """A yearly renewal that begins in 30 days."""
    anchor = shop.standin.clock.time() + 30 * 24 * HOUR
    return renewal(shop, whose, anchor, term=Term.ANNUAL)().id


def renewed(shop: Shop, subscription_id: str) -> RenewalState:
    state = shop.payments.renewal(subscription_id)
    assert state is not None
    return state


def latest_invoice(shop: Shop, subscription_id: str) -> str:
    return str(shop.api.subscriptions.retrieve(subscription_id).latest_invoice)


def pass_the_anchor(shop: Shop, and_seconds: float = 2 * HOUR) -> None:
    shop.standin.clock.advance(30 * 24 * HOUR)
    shop.standin.clock.advance(and_seconds)


def test_a_renewal_has_no_paid_term_before_its_anchor(shop: Shop) -> None:
    whose = shop.customer()
    subscription_id = begun(shop, whose)
    state = renewed(shop, subscription_id)
    kept = shop.api.subscriptions.retrieve(subscription_id)
    assert state == RenewalState(
        "active", ended=False, waits=False, next_at=kept.billing_cycle_anchor * 1000, paid=()
    )


def test_a_term_waits_for_its_money_while_its_invoice_is_a_draft(shop: Shop) -> None:
    subscription_id = begun(shop, shop.customer())
    pass_the_anchor(shop, and_seconds=60)
    assert (renewed(shop, subscription_id).waits, renewed(shop, subscription_id).paid) == (True, ())


def test_a_term_that_has_begun_waits_also_before_there_is_an_invoice(shop: Shop) -> None:
    subscription_id = begun(shop, shop.customer())
    pass_the_anchor(shop, and_seconds=60)
    shop.api.invoices.delete(latest_invoice(shop, subscription_id))
    assert renewed(shop, subscription_id).waits


def test_each_paid_term_is_told_with_its_invoice_the_oldest_first(shop: Shop) -> None:
    subscription_id = begun(shop, shop.customer())
    anchor = shop.api.subscriptions.retrieve(subscription_id).billing_cycle_anchor
    pass_the_anchor(shop)
    first = latest_invoice(shop, subscription_id)
    state = renewed(shop, subscription_id)
    assert (state.status, state.ended, state.waits) == ("active", False, False)
    year_later = months_later(anchor * 1000, 12)
    assert state.paid == (PaidRenewal(first, anchor * 1000, year_later),)
    assert state.next_at == year_later
    shop.standin.clock.advance(366 * 24 * HOUR)
    shop.standin.clock.advance(2 * HOUR)
    paid = renewed(shop, subscription_id).paid
    assert [term.reference for term in paid] == [first, latest_invoice(shop, subscription_id)]
    assert paid[1].starts_at == paid[0].ends_at


def test_a_term_that_was_declined_waits_until_it_is_paid(shop: Shop) -> None:
    whose = shop.customer()
    subscription_id = begun(shop, whose)
    shop.standin.controls.decline(whose[1], "insufficient_funds")
    pass_the_anchor(shop)
    state = renewed(shop, subscription_id)
    assert (state.status, state.waits, state.paid) == ("past_due", True, ())
    shop.standin.controls.pay(latest_invoice(shop, subscription_id), "4242424242424242")
    state = renewed(shop, subscription_id)
    assert (state.status, state.waits, len(state.paid)) == ("active", False, 1)


def test_a_term_whose_money_went_back_is_not_paid(shop: Shop) -> None:
    subscription_id = begun(shop, shop.customer())
    pass_the_anchor(shop)
    invoice = latest_invoice(shop, subscription_id)
    shop.api.credit_notes.create({"invoice": invoice, "amount": 400, "refund_amount": 400})
    assert len(renewed(shop, subscription_id).paid) == 1
    shop.api.credit_notes.create({"invoice": invoice, "amount": 800, "refund_amount": 800})
    state = renewed(shop, subscription_id)
    assert (state.waits, state.paid) == (False, ())


def test_a_cancelled_renewal_has_ended_and_keeps_what_was_paid(shop: Shop) -> None:
    subscription_id = begun(shop, shop.customer())
    pass_the_anchor(shop)
    shop.api.subscriptions.cancel(subscription_id)
    state = renewed(shop, subscription_id)
    assert (state.status, state.ended, state.waits, len(state.paid)) == ("canceled", True, False, 1)


def test_an_unknown_renewal_is_none(shop: Shop) -> None:
    assert shop.payments.renewal("sub_unknown") is None


def test_news_of_a_terms_invoice_lead_to_its_renewal(shop: Shop) -> None:
    subscription_id = begun(shop, shop.customer())
    pass_the_anchor(shop)
    invoice = shop.api.invoices.retrieve(latest_invoice(shop, subscription_id)).to_dict()
    body = event("invoice.paid", invoice)
    assert shop.payments.read_event(body, signed(shop, body)).subscription_id == subscription_id


def test_a_refused_renewal_says_so(shop: Shop) -> None:
    whose = shop.customer()
    with pytest.raises(PaymentNotStartedError):
        renewal(shop, (whose[0], "pm_unknown"), shop.standin.clock.time() + 27 * 24 * HOUR)()
    assert subscriptions(shop, whose[0]) == []


# -- webhooks -----------------------------------------------------------------------------------------------


def event(kind: str, subject: Any) -> bytes:
    whole = {"id": "evt_1", "object": "event", "type": kind, "data": {"object": subject}}
    return json.dumps(whole, default=str).encode()  # the SDK reads decimals as Decimal


def signed(shop: Shop, body: bytes, secret: str = NEW_SECRET, age: float = 0) -> str:
    moment = int(shop.standin.clock.time() - age)
    header: str = stripe.WebhookSignature.generate_signature_header(body.decode(), secret, moment)
    return header


def test_every_event_about_a_payment_leads_to_its_invoice(shop: Shop) -> None:
    _, invoice_id = shop.paid()
    invoice = shop.api.invoices.retrieve(
        invoice_id, {"expand": ["payments.data.payment.payment_intent"]}
    ).to_dict()
    intent = invoice["payments"]["data"][0]["payment"]["payment_intent"]
    charge = shop.api.charges.retrieve(intent["latest_charge"]).to_dict()
    shop.payments.refund(invoice_id, "101", "order-1")
    [refund] = [refund.to_dict() for refund in shop.api.refunds.list({"charge": charge["id"]}).data]
    [note] = [note.to_dict() for note in shop.api.credit_notes.list({"invoice": invoice_id}).data]
    about_it = [
        ("invoice.paid", invoice),
        ("invoice.payment_failed", invoice),
        ("invoice.payment_action_required", invoice),
        ("invoice.voided", invoice),
        ("invoice.marked_uncollectible", invoice),
        ("payment_intent.processing", intent),
        ("payment_intent.payment_failed", intent),
        ("charge.succeeded", charge),
        ("charge.refunded", charge),
        ("charge.dispute.created", {"object": "dispute", "id": "du_1", "payment_intent": intent["id"]}),
        ("refund.updated", refund),
        ("refund.failed", refund),
        ("credit_note.created", note),
    ]
    for kind, subject in about_it:
        body = event(kind, subject)
        assert invoice_of(shop.payments, body, signed(shop, body)) == invoice_id, kind
    not_about_it = [
        ("invoice.created", invoice),
        ("invoice.finalized", invoice),
        ("customer.updated", {"object": "customer", "id": "cus_1"}),
        ("payment_intent.succeeded", {"object": "payment_intent", "id": "pi_of_no_invoice"}),
        ("refund.created", {"object": "refund", "id": "re_1", "payment_intent": None}),
    ]
    for kind, subject in not_about_it:
        body = event(kind, subject)
        assert invoice_of(shop.payments, body, signed(shop, body)) is None, kind


@pytest.mark.parametrize("secret", [OLD_SECRET, NEW_SECRET])
def test_both_secrets_hold_during_a_rotation(shop: Shop, secret: str) -> None:
    body = event("invoice.paid", {"id": "in_1"})
    assert invoice_of(shop.payments, body, signed(shop, body, secret)) == "in_1"


def test_a_forged_old_or_malformed_webhook_is_refused(shop: Shop) -> None:
    body = event("invoice.paid", {"id": "in_1"})
    good = signed(shop, body)
    assert invoice_of(shop.payments, body, signed(shop, body, age=290)) == "in_1"
    forged = {
        "by a stranger": (body, signed(shop, body, "whsec_of_a_stranger")),
        "another body": (body.replace(b"in_1", b"in_2"), good),
        "too old": (body, signed(shop, body, age=310)),
        "from the future": (body, signed(shop, body, age=-310)),
        "no signature": (body, ""),
        "nonsense": (body, "nonsense"),
        "no time": (body, good.split(",")[1]),
        "another time": (body, "t=1," + good.split(",")[1]),
        "not ASCII": (body, good.split(",")[0] + ",v1=é"),
        "a time beyond numbers": (body, "t=" + "9" * 5000 + "," + good.split(",")[1]),
        "not UTF-8": (b"\xff\xfe", good),
    }
    for name, (content, signature) in forged.items():
        with pytest.raises(ForgedWebhookError):
            pytest.fail(f"{name}: {invoice_of(shop.payments, content, signature)}")
    for malformed in (b"", b"{", b"[]", b"null", b'{"object":"event"}', event("invoice.paid", ["x"])):
        with pytest.raises(ForgedWebhookError):
            pytest.fail(f"{malformed!r}: {invoice_of(shop.payments, malformed, signed(shop, malformed))}")


def test_nothing_is_trusted_without_a_secret(shop: Shop) -> None:
    body = event("invoice.paid", {"id": "in_1"})
    for secrets in ((), ("",)):
        unset = StripePayments(API_KEY, secrets, api_base=shop.standin.url, now=shop.standin.clock.time)
        with pytest.raises(ForgedWebhookError):
            unset.read_event(body, signed(shop, body, ""))


# -- methods and faults -------------------------------------------------------------------------------------


def test_the_default_method_is_the_one_invoices_are_paid_with(shop: Shop) -> None:
    customer, method = shop.customer()
    assert shop.payments.default_method(customer) == PaymentMethod(method, "card")
    debtor, debit = shop.debtor(GOOD_IBAN)
    assert shop.payments.default_method(debtor) == PaymentMethod(debit, "sepa_debit")
    bare = shop.api.customers.create({"name": "Nobody"})
    assert shop.payments.default_method(bare.id) is None
    assert shop.payments.default_method("cus_unknown") is None
    assert shop.payments.default_method("") is None


def test_faults_are_told_without_secrets(shop: Shop) -> None:
    whose = shop.customer()
    misconfigured = adapter(shop.standin, api_key="sk_wrong_and_secret")
    with pytest.raises(ProviderUnavailableError) as fault:
        misconfigured.charge(shop.cart(whose))
    assert "secret" not in str(fault.value)
    assert fault.value.__cause__ is None
    assert shop.invoices(whose[0]) == []


def test_no_error_of_stripe_leaves_the_adapter_when_the_network_is_gone(shop: Shop) -> None:
    gone = StripePayments(API_KEY, (NEW_SECRET,), api_base="http://127.0.0.1:9", retries=0)
    body = event("payment_intent.succeeded", {"object": "payment_intent", "id": "pi_1"})
    signature = stripe.WebhookSignature.generate_signature_header(body.decode(), NEW_SECRET)
    cart = shop.cart(("cus_1", "pm_1"))
    attempts: list[Callable[[], object]] = [
        lambda: gone.default_method("cus_1"),
        lambda: gone.charge(cart),
        lambda: gone.state("in_1"),
        lambda: gone.find("cus_1", "token", 0),
        lambda: gone.void("in_1"),
        lambda: gone.refund("in_1", "101", "order-1"),
        lambda: invoice_of(gone, body, signature),
        lambda: gone.start_renewal(
            order_id="o",
            account_id="a",
            customer_id="c",
            payment_method_id="p",
            description="d",
            price=Money(1, "EUR"),
            term=Term.MONTHLY,
            anchor=int(shop.standin.clock.time() * 1000) + 1000 * HOUR,
        ),
    ]
    for attempt in attempts:
        with pytest.raises(HostingOrdersError) as fault:
            attempt()
        assert isinstance(fault.value, ProviderUnavailableError)
