"""Subscriptions: https://docs.stripe.com/api/subscriptions.

- With a future `billing_cycle_anchor` and `proration_behavior: none`, nothing is charged before the anchor. The anchor
  may be at most one interval ahead.
- Without an anchor the first period is paid according to `payment_behavior`.
- Each later period has an invoice. It is a draft for about an hour and is then charged off-session. If that fails, the
  subscription is past due (see `dunning`).
- Not supported: prorations and item changes.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, datetime, timedelta
from typing import Any

from . import catalogue, customers, dunning, invoices, payment_methods, payments, tax
from .errors import StripeError, bad_parameter, not_built, refused
from .sdk_types import Json, copied, part
from .state import State

CREATE_SUPPORTED = frozenset(
    ("customer", "items", "default_payment_method", "billing_cycle_anchor", "billing_cycle_anchor_config",
     "proration_behavior", "metadata", "off_session", "payment_behavior", "trial_end", "trial_period_days",
     "automatic_tax", "description", "collection_method", "currency", "cancel_at_period_end",
     "payment_settings")
)  # fmt: skip
UPDATE_SUPPORTED = frozenset(
    ("metadata", "default_payment_method", "cancel_at_period_end", "description", "proration_behavior")
)
OVER = ("canceled", "incomplete_expired")
CANCEL_SUPPORTED = frozenset(("prorate", "invoice_now", "cancellation_details"))
MOST_OF_A_CUSTOMER = 500
"""Stripe: each customer can have up to 500 active or scheduled subscriptions."""
MOST_ON_A_TEST_CLOCK = 3
_CONFIG_SUPPORTED = frozenset(("day_of_month", "hour", "minute", "second", "month"))
_ITEM_SUPPORTED = frozenset(("price", "price_data", "quantity", "metadata"))


def create(state: State, params: Json) -> Json:
    if "customer" not in params:
        raise bad_parameter("You must specify a customer.", "parameter_missing", "customer")
    if not params.get("items"):
        raise bad_parameter("Missing required param: items.", "parameter_missing", "items")
    customer = state.get("customer", params["customer"], "customer")
    now = state.now_of(customer)
    _check_limit(state, customer)
    trial_end = _trial_end(params, now)
    config = params.get("billing_cycle_anchor_config")
    anchor = params.get("billing_cycle_anchor")
    if config is not None and anchor is not None:
        message = (
            "You may only specify one of these parameters: billing_cycle_anchor, billing_cycle_anchor_config."
        )
        raise bad_parameter(message, None, "billing_cycle_anchor_config")
    if anchor is not None and anchor < now:
        message = "billing_cycle_anchor cannot be in the past; it must be a timestamp in the future."
        raise bad_parameter(message, None, "billing_cycle_anchor")
    if anchor is not None and trial_end is None and params.get("proration_behavior") != "none":
        raise not_built("billing_cycle_anchor without proration_behavior=none (a prorated first invoice)")
    prices = [_price(state, item, place) for place, item in enumerate(params["items"])]
    if config is not None:
        anchor = _next_occurrence(config, now)
        if trial_end is None and params.get("proration_behavior") != "none":
            raise not_built("billing_cycle_anchor_config without proration_behavior=none")
    natural = min(after_interval(trial_end or now, price["recurring"]) for price in prices)
    if anchor is not None and anchor > natural:
        message = f"billing_cycle_anchor cannot be later than next natural billing date ({natural}) for plan"
        raise bad_parameter(message, None, "billing_cycle_anchor")
    if params.get("automatic_tax", {}).get("enabled") and not tax.location_known(customer):
        raise invoices.location_unknown()
    first_period_ends = trial_end or anchor or natural
    subscription = state.draft(
        "subscription",
        created=now,
        test_clock=customer["test_clock"],
        automatic_tax=part(
            "subscription", "AutomaticTax", enabled=params.get("automatic_tax", {}).get("enabled", False)
        ),
        billing_cycle_anchor=anchor or trial_end or now,
        billing_cycle_anchor_config=config and part("subscription", "BillingCycleAnchorConfig", **config),
        billing_mode=part(
            "subscription", "BillingMode", type="flexible",
            flexible=part("subscription", "BillingMode", "Flexible", proration_discounts="included"),
        ),
        cancel_at_period_end=params.get("cancel_at_period_end", False),
        collection_method=params.get("collection_method", "charge_automatically"),
        currency=prices[0]["currency"],
        customer=customer["id"],
        default_payment_method=_method(state, customer, params),
        description=params.get("description"),
        payment_settings=payments.payment_settings(params, prices[0]["currency"], "subscription"),
        start_date=now,
        status="trialing" if trial_end else "active",
        trial_end=trial_end,
        trial_start=now if trial_end else None,
    )  # fmt: skip
    subscription["invoice_settings"]["issuer"]["type"] = "self"
    subscription["items"].update(
        url=f"/v1/subscription_items?subscription={subscription['id']}",
        data=[
            _item(state, subscription["id"], given, price, (now, first_period_ends))
            for given, price in zip(params["items"], prices, strict=True)
        ],
    )
    customers.merge_metadata(subscription, params)
    state.keep(subscription)
    if trial_end or anchor is None:
        _first_invoice(state, subscription, customer, params, free=trial_end is not None)
    state.emit("customer.subscription.created", subscription)
    _expect_next_period(state, subscription)
    return subscription


def _check_limit(state: State, customer: Json) -> None:
    current = [one for one in state.all("subscription", customer=customer["id"]) if one["status"] not in OVER]
    if customer["test_clock"] and len(current) >= MOST_ON_A_TEST_CLOCK:
        raise refused(f"A customer on a test clock can have at most {MOST_ON_A_TEST_CLOCK} subscriptions.")
    if len(current) >= MOST_OF_A_CUSTOMER:
        raise refused(
            f"Customer {customer['id']} already has the maximum {MOST_OF_A_CUSTOMER} current subscriptions",
            "customer_max_subscriptions",
        )


def _next_occurrence(config: Json, now: int) -> int:
    """The first moment after `now`, in UTC, with the month, day and time in `config`.

    In a month that does not have this day, the moment is on its last day.
    """
    if left := config.keys() - _CONFIG_SUPPORTED:
        raise not_built(f"billing_cycle_anchor_config with {', '.join(sorted(left))}")
    at = datetime.fromtimestamp(now, UTC)
    at = at.replace(**{unit: config[unit] for unit in ("hour", "minute", "second") if unit in config})
    for later in range(14):
        years, month = divmod(at.month - 1 + later, 12)
        if config.get("month") not in (None, month + 1):
            continue
        moment = _on_day(at, at.year + years, month + 1, config["day_of_month"])
        if moment > now:
            return moment
    raise AssertionError("every month comes within a year")


def _on_day(at: datetime, year: int, month: int, day: int) -> int:
    """In a month without this day, the last day of the month is used."""
    return int(at.replace(year=year, month=month, day=min(day, monthrange(year, month)[1])).timestamp())


def _trial_end(params: Json, now: int) -> int | None:
    if days := params.get("trial_period_days"):
        return now + int(days) * 86_400
    end = params.get("trial_end")
    return None if end in (None, "now") else int(end)


def _method(state: State, customer: Json, params: Json) -> str | None:
    if not params.get("default_payment_method"):
        return None
    method = payment_methods.resolve(state, params["default_payment_method"], "default_payment_method")
    if method["customer"] != customer["id"]:
        message = f"The customer does not have a payment method with the ID {method['id']}."
        raise refused(message, "resource_missing", "default_payment_method")
    found: str = method["id"]
    return found


def _price(state: State, item: Json, place: int) -> Json:
    if left := item.keys() - _ITEM_SUPPORTED:
        raise not_built(f"subscription items with {', '.join(sorted(left))}")
    at = f"items[{place}]"
    if "price" in item:
        price = state.get("price", item["price"], f"{at}[price]")
    elif "price_data" in item:
        product = state.get("product", item["price_data"]["product"], f"{at}[price_data][product]")
        price = catalogue.new_price(state, product["id"], item["price_data"])
    else:
        raise bad_parameter(f"Missing required param: {at}[price].", "parameter_missing", f"{at}[price]")
    if price["recurring"] is None:
        message = (
            "The price specified is set to `type=one_time` but this field only accepts `type=recurring`."
        )
        raise bad_parameter(message, None, f"{at}[price]")
    return price


def _item(state: State, subscription_id: str, given: Json, price: Json, period: tuple[int, int]) -> Json:
    recurring = price["recurring"]
    plan = state.draft(
        "plan",
        id=price["id"],
        active=True,
        amount=price["unit_amount"],
        amount_decimal=price["unit_amount_decimal"],
        billing_scheme="per_unit",
        currency=price["currency"],
        interval=recurring["interval"],
        interval_count=recurring["interval_count"],
        product=price["product"],
        usage_type="licensed",
    )
    return state.draft(
        "subscription_item",
        current_period_start=period[0],
        current_period_end=period[1],
        metadata=given.get("metadata") or {},
        plan=plan,
        price=copied(price),
        quantity=given.get("quantity", 1),
        subscription=subscription_id,
        tax_rates=[],
    )


def after_interval(start: int, recurring: Json, times: int = 1, day: int | None = None) -> int:
    """The end of `times` intervals from `start`. Periods begin on `day` of the month, by default the day of `start`."""
    at = datetime.fromtimestamp(start, UTC)
    count = recurring["interval_count"] * times
    if recurring["interval"] in ("day", "week"):
        days = count * (7 if recurring["interval"] == "week" else 1)
        return int((at + timedelta(days=days)).timestamp())
    months = at.month - 1 + count * (12 if recurring["interval"] == "year" else 1)
    return _on_day(at, at.year + months // 12, months % 12 + 1, day or at.day)


# -- later periods -------------------------------------------------------------------------------------------


def _period_end(subscription: Json) -> int:
    end: int = min(item["current_period_end"] for item in subscription["items"]["data"])
    return end


def _expect_next_period(state: State, subscription: Json) -> None:
    end = _period_end(subscription)

    def begin() -> None:
        # `Controls.renew` may already have started the next period.
        if _period_end(subscription) == end:
            next_period(state, subscription)

    state.at(subscription, end, begin)


def next_period(state: State, subscription: Json, *, at_once: bool = False) -> None:
    """Start and invoice the next period, or cancel the subscription if that was requested.

    With `at_once`, the invoice is collected immediately. Otherwise it is a draft for about an hour first.
    """
    if subscription["status"] in ("incomplete", "incomplete_expired", "canceled"):
        return
    before, end = copied(subscription), _period_end(subscription)
    if subscription["cancel_at_period_end"]:
        subscription.update(status="canceled", ended_at=state.now_of(subscription))
        state.emit("customer.subscription.deleted", subscription)
        return
    begun = [item for item in subscription["items"]["data"] if item["current_period_end"] == end]
    for item in begun:
        following = _boundary_after(end, subscription, item["price"]["recurring"])
        item.update(current_period_start=end, current_period_end=following)
    if subscription["status"] == "trialing":
        subscription["status"] = "active"
    customer = state.get("customer", subscription["customer"])
    invoice = _invoice(state, subscription, customer, begun, "subscription_cycle", free=False)
    collected = subscription["status"] != "unpaid"  # an unpaid subscription's invoice stays a draft
    invoice["auto_advance"] = collected
    state.emit("customer.subscription.updated", subscription, before)
    created = state.emit("invoice.created", invoice)
    _expect_next_period(state, subscription)
    if at_once:
        dunning.collect(state, invoice["id"])
    elif collected:
        dunning.collect_later(state, invoice, created["id"])


def _boundary_after(end: int, subscription: Json, recurring: Json) -> int:
    anchor, config = subscription["billing_cycle_anchor"], subscription["billing_cycle_anchor_config"]
    day = config["day_of_month"] if config else None
    times = 1
    while (boundary := after_interval(anchor, recurring, times, day)) <= end:
        times += 1
    return boundary


def _first_invoice(state: State, subscription: Json, customer: Json, params: Json, *, free: bool) -> None:
    items = subscription["items"]["data"]
    invoice = _invoice(state, subscription, customer, items, "subscription_create", free=free)
    state.emit("invoice.created", invoice)
    invoices.finalize(state, {}, invoice["id"])
    if invoice["status"] == "paid":
        return
    subscription["status"] = "incomplete"
    behavior = params.get("payment_behavior", "allow_incomplete")
    if behavior == "default_incomplete":
        return
    try:
        invoices.pay(state, {"off_session": params.get("off_session", False)}, invoice["id"])
    except StripeError:
        if behavior == "error_if_incomplete":
            invoices.void(state, {}, invoice["id"])
            state.forget(subscription)
            raise
    intent = payments.intent_of(state, invoice)
    if intent and intent["status"] == "processing":
        subscription["status"] = "active"  # a processing debit counts as paid until it fails


def _invoice(
    state: State, subscription: Json, customer: Json, items: list[Json], reason: str, *, free: bool
) -> Json:
    invoice = invoices.new_invoice(
        state, customer,
        automatic_tax=subscription["automatic_tax"]["enabled"],
        billing_reason=reason,
        collection_method=subscription["collection_method"],
        currency=subscription["currency"],
        default_payment_method=subscription["default_payment_method"],
        payment_settings=payments.payment_settings(
            {"payment_settings": {"payment_method_types": subscription["payment_settings"]["payment_method_types"]}},
            subscription["currency"], "invoice",
        ),
        parent=part(
            "invoice", "Parent", type="subscription_details",
            subscription_details=part(
                "invoice", "Parent", "SubscriptionDetails",
                subscription=subscription["id"], metadata=dict(subscription["metadata"]),
            ),
        ),
    )  # fmt: skip
    state.keep(invoice)
    for item in items:
        invoice["lines"]["data"].append(_line(state, invoice, item, free=free))
    subscription["latest_invoice"] = invoice["id"]
    return invoice


def upcoming_lines(state: State, invoice: Json, customer: Json) -> list[Json]:
    """The lines of the customer's next term, for a preview.

    If the customer has several subscriptions, the one whose current term ends first is used.
    """
    going_on = [
        found
        for found in state.all("subscription", customer=customer["id"])
        if found["status"] in ("active", "trialing", "past_due") and not found["cancel_at_period_end"]
    ]
    if not going_on:
        return []
    items = min(going_on, key=_period_end)["items"]["data"]
    return [_line(state, invoice, item, free=False) for item in items]


def _line(state: State, invoice: Json, item: Json, *, free: bool) -> Json:
    price = item["price"]
    name = state.get("product", price["product"])["name"]
    return invoices.new_line(
        state, invoice, price,
        amount=0 if free else item["quantity"] * (price["unit_amount"] or 0),
        description=f"Trial period for {name}" if free else f"{item['quantity']} × {name}",
        discountable=True,
        metadata=dict(item["metadata"]),
        period={"start": item["current_period_start"], "end": item["current_period_end"]},
        quantity=item["quantity"],
        subscription=item["subscription"],
        parent=part(
            "line_item", "Parent", type="subscription_item_details",
            subscription_item_details=part(
                "line_item", "Parent", "SubscriptionItemDetails",
                subscription=item["subscription"], subscription_item=item["id"],
            ),
        ),
    )  # fmt: skip


def retrieve(state: State, params: Json, subscription_id: str) -> Json:
    return state.get("subscription", subscription_id)


def list_all(state: State, params: Json) -> list[Json]:
    """Without `status`, leave out cancelled subscriptions.

    Without `customer` and `test_clock`, leave out subscriptions on a test clock.
    """
    status = params.get("status")
    clock = (
        {}
        if "customer" in params and "test_clock" not in params
        else {"test_clock": params.get("test_clock")}
    )
    return [
        subscription
        for subscription in state.all("subscription", **clock)
        if params.get("customer") in (None, subscription["customer"])
        and _status_fits(subscription["status"], status)
    ]


def _status_fits(status: str, wanted: str | None) -> bool:
    if wanted is None:
        return status != "canceled"
    if wanted == "ended":
        return status in ("canceled", "incomplete_expired")
    return wanted in ("all", status)


def update(state: State, params: Json, subscription_id: str) -> Json:
    subscription = state.get("subscription", subscription_id)
    if subscription["status"] == "canceled" and params.keys() - {"metadata"}:
        raise refused("A canceled subscription can only update its cancellation_details and metadata.")
    before = copied(subscription)
    if params.get("default_payment_method"):
        customer = state.get("customer", subscription["customer"])
        subscription["default_payment_method"] = _method(state, customer, params)
    if "description" in params:
        subscription["description"] = params["description"] or None
    if "cancel_at_period_end" in params:
        _cancel_at_period_end(state, subscription, params["cancel_at_period_end"])
    customers.merge_metadata(subscription, params)
    state.emit("customer.subscription.updated", subscription, before)
    return subscription


def _cancel_at_period_end(state: State, subscription: Json, wanted: bool) -> None:
    subscription.update(
        cancel_at_period_end=wanted,
        cancel_at=subscription["items"]["data"][0]["current_period_end"] if wanted else None,
        canceled_at=state.now_of(subscription) if wanted else None,
        cancellation_details=_details({}) if wanted else None,
    )


def _details(given: Json) -> Json:
    values: dict[str, Any] = {name: given.get(name) or None for name in ("comment", "feedback")}
    return part("subscription", "CancellationDetails", reason="cancellation_requested", **values)


def cancel(state: State, params: Json, subscription_id: str) -> Json:
    subscription = state.get("subscription", subscription_id)
    if params.get("prorate") or params.get("invoice_now"):
        raise not_built("cancelling with prorate or invoice_now")
    if subscription["status"] == "canceled":
        raise refused(f"No such subscription: '{subscription_id}'", "resource_missing", "id")
    now = state.now_of(subscription)
    subscription.update(
        status="canceled", canceled_at=now, ended_at=now,
        cancellation_details=_details(params.get("cancellation_details", {})),
    )  # fmt: skip
    state.emit("customer.subscription.deleted", subscription)
    return subscription
