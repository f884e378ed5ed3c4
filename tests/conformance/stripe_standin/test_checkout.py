"""How Checkout Sessions are created, read, expired and refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
import stripe

from .conftest import Shop

HOUR = 3600
_REMOVED: Any = object()


def _refusal(shop: Shop, customer: stripe.Customer | None = None, **params: Any) -> Any:
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        shop.session(customer, **params)
    assert refusal.value.http_status == 400
    assert refusal.value.error is not None
    return refusal.value.error


def _line(amount: int = 1200, **changed: Any) -> Any:
    price = {"currency": "eur", "unit_amount": amount, "product_data": {"name": "Site"}}
    line = {"price_data": price, "quantity": 1, **changed}
    return {name: value for name, value in line.items() if value is not _REMOVED}


@pytest.mark.standin_only("looks into the stand-in")
def test_a_new_session_is_open_and_has_no_payment_yet(shop: Shop) -> None:
    customer = shop.customer(None)
    session = shop.session(customer, 1200, 900, client_reference_id="cart-1", locale="nl")

    assert session.id.startswith("cs_test_")
    assert (session.status, session.payment_status, session.mode) == ("open", "unpaid", "payment")
    assert (session.amount_subtotal, session.amount_total, session.currency) == (2100, 2100, "eur")
    assert (session.payment_intent, session.invoice, session.customer) == (None, None, customer.id)
    assert session.url.startswith(f"{shop.standin.url}/c/pay/{session.id}#")
    assert session.success_url == "https://shop.example/paid?session={CHECKOUT_SESSION_ID}"
    assert session.invoice_creation.invoice_data.metadata["cart"] == "c1"
    assert (session.client_reference_id, session.locale) == ("cart-1", "nl")
    assert session.payment_method_types == ["card", "sepa_debit"]
    assert session.expires_at == session.created + 24 * HOUR
    assert session.customer_details.email == "jenny@example.com"
    assert shop.client.v1.payment_intents.list({"customer": customer.id}).data == []
    assert shop.client.v1.invoices.list({"customer": customer.id}).data == []


def test_line_items_are_read_separately_or_with_expand(shop: Shop) -> None:
    session = shop.session(shop.customer(None), *range(1001, 1013))

    assert "line_items" not in shop.http.recorded[-1].body
    first = shop.client.v1.checkout.sessions.line_items.list(session.id)
    assert [line.amount_total for line in first.data] == list(range(1001, 1011))
    assert first.has_more
    rest = shop.client.v1.checkout.sessions.line_items.list(session.id, {"starting_after": first.data[-1].id})
    assert [line.amount_total for line in rest.data] == [1011, 1012]
    embedded = shop.read_session(session, "line_items.data.price.product").line_items
    assert (len(embedded.data), embedded.has_more) == (10, True)
    assert embedded.data[1].metadata["line"] == "1"
    assert embedded.data[1].price.product.metadata["line"] == "1"


def test_a_line_can_name_an_existing_price(shop: Shop) -> None:
    product = shop.client.v1.products.create({"name": "Domain"})
    price = shop.client.v1.prices.create({"product": product.id, "currency": "usd", "unit_amount": 700})

    session = shop.session(line_items=[{"price": price.id, "quantity": 3}])

    assert (session.amount_total, session.currency) == (2100, "usd")
    assert session.payment_method_types == ["card"]


@pytest.mark.standin_only("pays on the checkout page; at Stripe only a person can do that")
def test_sessions_are_listed_by_customer_payment_or_status(shop: Shop) -> None:
    one, other = shop.customer(None), shop.customer(None)
    paid, still_open, foreign = shop.session(one), shop.session(one), shop.session(other)
    intent = shop.standin.controls.pay_checkout(paid.id)["payment_intent"]
    sessions = shop.client.v1.checkout.sessions

    assert [found.id for found in sessions.list({"customer": one.id}).data] == [still_open.id, paid.id]
    assert [found.id for found in sessions.list({"payment_intent": intent}).data] == [paid.id]
    assert [found.id for found in sessions.list({"status": "open"}).data] == [foreign.id, still_open.id]


def test_only_allowed_and_possible_methods_are_offered(shop: Shop) -> None:
    customer = shop.customer(None)
    allowed = shop.session(customer, allowed_payment_method_types=["card", "paypal"])
    assert (allowed.payment_method_types, allowed.allowed_payment_method_types) == (
        ["card"],
        ["card", "paypal"],
    )
    assert shop.session(customer, excluded_payment_method_types=["card"]).payment_method_types == [
        "sepa_debit"
    ]

    assert "payment method types" in _refusal(shop, customer, allowed_payment_method_types=["paypal"]).message
    both = {"allowed_payment_method_types": ["card"], "excluded_payment_method_types": ["paypal"]}
    assert _refusal(shop, customer, **both).param == "allowed_payment_method_types"


# -- refusals ------------------------------------------------------------------------------------------------


def test_the_parameter_payment_method_types_is_unknown(shop: Shop) -> None:
    error = _refusal(shop, payment_method_types=["card"])

    assert (error.code, error.param) == ("parameter_unknown", "payment_method_types")


@pytest.mark.parametrize(
    ("missing", "code"), [("mode", "parameter_missing"), ("success_url", "parameter_missing")]
)
def test_the_error_names_the_missing_parameter(shop: Shop, missing: str, code: str) -> None:
    params: Any = {"mode": "payment", "success_url": "https://shop.example/", "line_items": [_line()]}
    del params[missing]

    with pytest.raises(stripe.InvalidRequestError) as refusal:
        shop.client.v1.checkout.sessions.create(params)
    assert (refusal.value.code, refusal.value.param) == (code, missing)


@pytest.mark.standin_only("looks into the stand-in")
@pytest.mark.parametrize(
    ("line", "param"),
    [
        (_line(quantity=_REMOVED), "line_items[0][quantity]"),
        (_line(quantity=0), "line_items[0][quantity]"),
        (_line(price_data=_REMOVED), "line_items[0][price]"),
        (_line(price="price_unknown"), "line_items[0][price]"),
        ({"price": "price_unknown", "quantity": 1}, "line_items[0][price]"),
        (_line(price_data={"currency": "eur", "unit_amount": 1}), "line_items[0][price_data][product]"),
        (_line(price_data={"currency": "eur", "product_data": {"name": "A"}}),
         "line_items[0][price_data][unit_amount]"),
        (_line(price_data={"currency": "eur", "unit_amount": 1, "product_data": {"description": "A"}}),
         "line_items[0][price_data][product_data][name]"),
        (_line(-5), "line_items[0][price_data][unit_amount]"),
        (_line(colour="red"), "line_items[0][colour]"),
    ],
)  # fmt: skip
def test_the_error_names_the_field_of_an_invalid_line(shop: Shop, line: Any, param: str) -> None:
    assert _refusal(shop, line_items=[line]).param == param
    _refusal(shop, line_items=[_line(), line])
    assert shop.standin.objects("product") == []


def test_an_invalid_list_of_lines_is_refused(shop: Shop) -> None:
    """A session has 1 to 100 lines, with one-time prices in one currency."""
    monthly = _line()
    monthly["price_data"]["recurring"] = {"interval": "month"}
    dollars = _line()
    dollars["price_data"]["currency"] = "usd"

    assert "recurring price" in _refusal(shop, line_items=[monthly]).message
    assert "currency" in _refusal(shop, line_items=[_line(), dollars]).message
    assert _refusal(shop, line_items=[]).param == "line_items"
    assert _refusal(shop, line_items=[_line()] * 101).param == "line_items"


@pytest.mark.parametrize(
    ("seconds", "fragment"),
    [(30 * 60 - 5, "at least 30 minutes"), (-5, "at least 30 minutes"), (24 * HOUR + 5, "less than 24 hours"),
     (24 * HOUR + 1, "less than 24 hours")],
)  # fmt: skip
def test_a_session_lasts_between_thirty_minutes_and_a_day(shop: Shop, seconds: int, fragment: str) -> None:
    assert fragment in _refusal(shop, expires_at=shop.now() + seconds).message


def test_an_amount_below_the_minimum_charge_is_refused(shop: Shop) -> None:
    error = _refusal(shop, line_items=[_line(49)])

    assert error.code == "amount_too_small"
    assert error.message == "The Checkout Session's total amount due must add up to at least €0.50 eur"
    assert shop.session(line_items=[_line(50)]).amount_total == 50


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"mode": "subscription"}, "You can only enable invoice creation when `mode` is set to `payment`."),
        ({"mode": "subscription", "invoice_creation": {"enabled": False}}, "at least one recurring price"),
        ({"mode": "setup", "invoice_creation": {"enabled": False}}, "You can not pass `line_items` in `setup` mode."),
        ({"mode": "gift"}, "Invalid mode"),
        ({"customer_update": {"address": "auto"}}, "`customer_update` can only be used with `customer`."),
        ({"success_url": "/paid"}, "Not a valid URL"),
        ({"cancel_url": "shop.example"}, "Not a valid URL"),
        ({"client_reference_id": "c" * 201}, "at most 200 characters"),
        ({"payment_intent_data": {"setup_future_usage": "never"}}, "Invalid payment_intent_data[setup_future_usage]"),
    ],
)  # fmt: skip
def test_invalid_parameters_are_refused_in_stripes_words(
    shop: Shop, params: dict[str, Any], message: str
) -> None:
    assert message in _refusal(shop, **params).message


@pytest.mark.parametrize("params", [{"customer_email": "a@example.com"}, {"customer_creation": "always"}])
def test_a_request_with_a_customer_cannot_create_another(shop: Shop, params: dict[str, Any]) -> None:
    (other,) = params
    error = _refusal(shop, shop.customer(None), **params)

    assert error.message == f"You may only specify one of these parameters: customer, {other}."


@pytest.mark.standin_only("looks into the stand-in")
@pytest.mark.parametrize(
    "params",
    [
        {"discounts": [{"coupon": "HALF"}]},
        {"ui_mode": "elements"},
        {"payment_intent_data": {"capture_method": "manual"}},
        {"invoice_creation": {"enabled": True, "invoice_data": {"account_tax_ids": ["txi_1"]}}},
        {"line_items": [_line(tax_rates=["txr_1"])]},
        {"line_items": [_line(0)]},
    ],
)
def test_a_request_for_an_unsupported_feature_gets_a_501(shop: Shop, params: dict[str, Any]) -> None:
    with pytest.raises(stripe.APIError) as refusal:
        shop.session(**params)
    assert refusal.value.http_status == 501
    assert shop.standin.objects("product") == []


@pytest.mark.standin_only("looks into the stand-in")
def test_a_repeated_idempotency_key_creates_no_new_session(shop: Shop) -> None:
    def create(amount: int) -> Any:
        params: Any = {
            "mode": "payment",
            "success_url": "https://shop.example/",
            "line_items": [_line(amount)],
        }
        return shop.client.v1.checkout.sessions.create(params, {"idempotency_key": "cart-1"})

    first = create(1200)

    assert create(1200).id == first.id
    assert len(shop.standin.checkout_sessions()) == 1
    with pytest.raises(stripe.IdempotencyError):
        create(1300)


# -- tax -----------------------------------------------------------------------------------------------------


@pytest.mark.standin_only("tax needs settings of the Stripe account")
def test_automatic_tax_needs_the_customers_location(shop: Shop) -> None:
    nowhere = shop.customer(None, address={})
    tax = {"automatic_tax": {"enabled": True}}

    error = _refusal(shop, nowhere, **tax)
    assert error.code == "customer_tax_location_invalid"
    assert "set `customer_update[address]` to 'auto'" in error.message
    asked = shop.session(nowhere, customer_update={"address": "auto"}, **tax)
    assert (asked.automatic_tax.status, asked.amount_total) == ("requires_location_inputs", 1200)
    known = shop.session(shop.customer(None), 1000, 333, **tax)
    assert known.automatic_tax.status == "complete"
    assert (known.amount_subtotal, known.total_details.amount_tax, known.amount_total) == (1333, 253, 1586)


@pytest.mark.standin_only("tax needs settings of the Stripe account")
def test_inclusive_tax_keeps_the_total(shop: Shop) -> None:
    line = _line(1190)
    line["price_data"]["tax_behavior"] = "inclusive"

    session = shop.session(shop.customer(None), line_items=[line], automatic_tax={"enabled": True})

    assert (session.amount_total, session.total_details.amount_tax) == (1190, 190)


# -- expiring ------------------------------------------------------------------------------------------------


@pytest.mark.standin_only("reads the stand-in's events in order")
def test_a_session_can_be_expired_once(shop: Shop) -> None:
    session = shop.session(shop.customer(None))

    expired = shop.client.v1.checkout.sessions.expire(session.id)

    assert (expired.status, expired.url, expired.payment_status) == ("expired", None, "unpaid")
    assert shop.event_types()[-1] == "checkout.session.expired"
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        shop.client.v1.checkout.sessions.expire(session.id)
    assert str(refusal.value.user_message) == (
        'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout Session has a status of '
        "`expired`."
    )


@pytest.mark.standin_only("moves the stand-in's time")
def test_a_session_expires_by_itself_at_its_expiry_time(shop: Shop) -> None:
    short = shop.session(shop.customer(None), expires_at=shop.now() + HOUR)
    long = shop.session(shop.customer(None))

    shop.standin.clock.advance(HOUR - 60)
    assert shop.read_session(short).status == "open"
    shop.standin.clock.advance(120)

    assert shop.read_session(short).status == "expired"
    assert shop.read_session(long).status == "open"
    (event,) = [event for event in shop.standin.events if event["type"] == "checkout.session.expired"]
    assert event["data"]["object"]["id"] == short.id
    assert event["data"]["object"]["metadata"] == {"cart": "c1"}


@pytest.mark.standin_only("pays on the checkout page; at Stripe only a person can do that")
def test_a_paid_session_cannot_expire(shop: Shop) -> None:
    session = shop.session(shop.customer(None))
    shop.standin.controls.pay_checkout(session.id)

    with pytest.raises(stripe.InvalidRequestError, match="status of `complete`"):
        shop.client.v1.checkout.sessions.expire(session.id)
    shop.standin.clock.advance(25 * HOUR)
    assert shop.read_session(session).status == "complete"
    assert "checkout.session.expired" not in shop.event_types()


def test_metadata_can_be_changed_later(shop: Shop) -> None:
    session = shop.session(shop.customer(None))

    shop.client.v1.checkout.sessions.update(session.id, {"metadata": {"order": "7"}})

    assert json.loads(str(shop.read_session(session).metadata)) == {"cart": "c1", "order": "7"}


def test_an_unknown_customer_is_refused(shop: Shop) -> None:
    gone = shop.customer(None)
    gone.id = "cus_unknown"

    assert _refusal(shop, gone).message == "No such customer: 'cus_unknown'"


def test_a_request_for_an_unknown_session_gets_a_404(shop: Shop) -> None:
    for call in (shop.client.v1.checkout.sessions.retrieve, shop.client.v1.checkout.sessions.expire):
        with pytest.raises(
            stripe.InvalidRequestError, match=r"No such checkout\.session: 'cs_test_x'"
        ) as refusal:
            call("cs_test_x")
        assert refusal.value.http_status == 404
