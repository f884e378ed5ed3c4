"""The page at /: all objects, newest first, and a button for every control."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any, Protocol

from local import html
from local.html import Markup, button, choice, code, field, form, number, text

from . import overview_checkout
from .faults import KINDS, Fault, Faults
from .money import money
from .overview_parts import YES, metadata, newest, who, word
from .sdk_types import Json
from .state import Settings, State
from .webhooks import Webhooks, WebhookSettings

_DAY = 86_400
_DECLINES = (
    "do_not_honor",
    "insufficient_funds",
    "expired_card",
    "lost_card",
    "stolen_card",
    "pickup_card",
    "fraudulent",
    "revocation_of_authorization",
)
_DISPUTES = ("fraudulent", "product_not_received", "duplicate", "subscription_canceled", "unrecognized")
_DEBIT_FAILURES = ("insufficient_funds", "debit_not_authorized", "account_closed", "refer_to_customer")
_METHODS = {
    "*": "any request",
    "GET": "reads (GET)",
    "POST": "changes (POST)",
    "DELETE": "DELETE",
}
_REFUNDS = {
    "as published": "as Stripe documents for this card",
    "succeed": "it succeeds",
    "pending": "it is pending until you decide",
    "fail": "it is created, then fails",
    "refuse": "Stripe refuses it",
}


class Listed(Protocol):
    @property
    def method(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def fields(self) -> str: ...
    @property
    def does(self) -> str: ...


def overview(
    state: State, webhooks: Webhooks, faults: Faults, requests: Iterable[Any], controls: Iterable[Listed]
) -> str:
    return html.page(
        "Stripe stand-in",
        html.markup("<h1>Stripe stand-in</h1>"),
        html.paragraph(
            text(
                "It has the part of Stripe that Hosting Orders uses, and behaves like Stripe's test mode. Nothing here "
            ),
            text("is real. "),
            *_separated(
                html.link("/", "Refresh"),
                html.link("/_standin/summary", "summary as JSON"),
                html.link("/_standin/events", "events as JSON"),
                html.link("/_standin/requests", "requests as JSON"),
            ),
        ),
        html.section("Invoices", _invoices(state)),
        html.section("Checkout Sessions", overview_checkout.sessions(state)),
        html.section("Payments", _payments(state)),
        html.section("Refunds", _refunds(state)),
        html.section("Subscriptions", _subscriptions(state)),
        html.section("Saved payment methods", _payment_methods(state)),
        html.section("Time", *_time()),
        html.section("Make requests fail", *_faults(faults)),
        html.section("Webhooks", *_webhooks(state, webhooks)),
        html.section("Events", *_events(state)),
        html.section("Settings", _settings(state.settings), _coupon(state)),
        html.section("Latest requests", html.items(_request(one) for one in list(requests)[-15:][::-1])),
        html.folded(
            "For programs",
            html.paragraph(
                text("The answer to a POST of JSON is JSON. The answer to a form is this page. "),
                code("python -m local.stripe_standin --help"),
                text(" says more."),
            ),
            html.table(
                ("", "Address", "Fields", ""),
                ((text(one.method), code(one.path), code(one.fields), text(one.does)) for one in controls),
            ),
        ),
    )


def _separated(*links: Markup) -> list[Markup]:
    return [html.markup(text(" · ") if place else "", one) for place, one in enumerate(links)]


def _same(words: Iterable[str]) -> dict[str, str]:
    return {word: word.replace("_", " ") for word in words}


# -- objects -------------------------------------------------------------------------------------------------


def _invoices(state: State) -> Markup:
    return html.table(
        ("Invoice", "Customer", "Status", "Due", "Metadata"),
        (
            (
                html.markup(
                    '<span class="whole">',
                    html.link(f"/i/{one['id']}", one["number"] or one["id"]),
                    "</span>",
                ),
                who(state, one["customer"]),
                html.status(one["status"]),
                html.whole(money(one["amount_due"], one["currency"])),
                metadata(one),
            )
            for one in newest(state, "invoice")
        ),
    )


def _payments(state: State) -> Markup:
    return html.table(
        ("Payment", "Customer", "Status", "Amount", ""),
        (
            (
                code(one["id"]),
                who(state, one["customer"]),
                html.markup(html.status(one["status"]), html.quiet(_why(one))),
                html.whole(money(one["amount"], one["currency"])),
                html.markup(*_payment_controls(one)),
            )
            for one in newest(state, "payment_intent")
        ),
    )


def _why(intent: Json) -> str:
    error = intent["last_payment_error"]
    return str(error["decline_code"] or error["code"]).replace("_", " ") if error else ""


def _payment_controls(intent: Json) -> list[Markup]:
    if intent["status"] == "processing":
        payment = html.hidden("payment", intent["id"])
        return [
            button("/_standin/settle", "the money arrives", payment=intent["id"]),
            form(
                "/_standin/fail",
                "the bank returns the debit",
                payment,
                choice("failure_code", "", _same(_DEBIT_FAILURES)),
                rows=False,
            ),
        ]
    if intent["status"] == "succeeded":
        charge = html.hidden("charge", intent["latest_charge"])
        reasons = choice("reason", "", _same(_DISPUTES))
        return [form("/_standin/dispute", "the customer disputes it", charge, reasons, rows=False)]
    return []


def _refunds(state: State) -> Markup:
    return html.table(
        ("Refund", "Charge", "Status", "Amount", ""),
        (
            (
                code(one["id"]),
                code(one["charge"]),
                html.status(one["status"]),
                html.whole(money(one["amount"], one["currency"])),
                html.markup(*_refund_controls(one)),
            )
            for one in newest(state, "refund")
        ),
    )


def _refund_controls(refund: Json) -> list[Markup]:
    controls = []
    if refund["status"] == "pending":
        controls.append(button("/_standin/refund", "it arrives", refund=refund["id"], succeeds="true"))
    if refund["status"] in ("pending", "succeeded"):
        controls.append(
            button("/_standin/refund", "the bank sends it back", refund=refund["id"], succeeds="false")
        )
    return controls


def _subscriptions(state: State) -> Markup:
    return html.table(
        ("Subscription", "Customer", "Status", "Metadata", ""),
        (
            (
                code(one["id"]),
                who(state, one["customer"]),
                html.status(one["status"]),
                metadata(one),
                button("/_standin/renew", "start and charge its next period", subscription=one["id"])
                if one["status"] != "canceled"
                else html.markup(),
            )
            for one in newest(state, "subscription")
        ),
    )


def _payment_methods(state: State) -> Markup:
    saved = [one for one in newest(state, "payment_method") if one["customer"]]
    return html.table(
        ("Payment method", "Customer", "Off-session charges", ""),
        (
            (
                html.markup(text(_named(one)), html.quiet(one["id"])),
                who(state, one["customer"]),
                *_behaviour(state, one),
            )
            for one in saved
        ),
    )


def _named(method: Json) -> str:
    details = method[method["type"]]
    return f"{method['type'].replace('_', ' ')} … {details['last4']}"


def _behaviour(state: State, method: Json) -> tuple[Markup, Markup]:
    method_id, instrument = method["id"], state.instruments[method["id"]]
    if instrument.card is None:
        return text("a debit, which takes days"), html.markup()
    decline = instrument.decline
    shown = (
        f"declined: {decline.decline_code}".replace("_", " ")
        if decline
        else "as Stripe documents for this card"
    )
    controls = [
        form(
            "/_standin/decline",
            "decline its charges",
            html.hidden("payment_method", method_id),
            choice("decline_code", "", _same(_DECLINES)),
            rows=False,
        )
    ]
    if decline:
        controls.append(button("/_standin/decline", "as Stripe documents", payment_method=method_id))
    if not instrument.set_up:
        controls.append(button("/_standin/set_up", "the customer authenticates it", payment_method=method_id))
    return html.markup(
        text(shown), html.quiet("authenticated for off-session payments" if instrument.set_up else "")
    ), html.markup(*controls)


def _request(request: Any) -> Markup:
    return text(f"{request.method} {request.path} → {request.status or 'connection broken'}")


# -- controls ------------------------------------------------------------------------------------------------


def _time() -> list[Markup]:
    jumps = (("an hour", 3600), ("a day", _DAY), ("five days", 5 * _DAY), ("thirty days", 30 * _DAY))
    return [
        html.paragraph(
            text(
                "Moving the clock forward settles debits and decides pending refunds. After a day, idempotency "
            ),
            text("keys expire."),
        ),
        *(button("/_standin/clock", f"skip {name}", seconds=seconds) for name, seconds in jumps),
        form("/_standin/clock", "skip", number("seconds", "Seconds"), rows=False),
    ]


def _faults(faults: Faults) -> list[Markup]:
    return [
        form(
            "/_standin/faults",
            "set",
            number("times", "The next", 1, least=1, whole=True),
            choice("method", "requests", _METHODS),
            field("path", "with a path that matches this regular expression", ".*"),
            number("after", "after skipping", 0, whole=True),
            choice("kind", "what Stripe does", KINDS),
            number("milliseconds", "Delay in milliseconds", whole=True),
            number("status", "Your own error: status", whole=True, least=400),
            html.area("error", "Your own error: JSON"),
        ),
        html.items(map(_fault, faults.waiting), "No faults are set."),
        button("/_standin/faults/clear", "clear all faults"),
    ]


def _fault(fault: Fault) -> Markup:
    after = f" after {fault.after} others" if fault.after else ""
    requests = f"{_METHODS.get(fault.method, fault.method)} at {fault.path}{after}"
    return html.going_wrong(fault.times, requests, KINDS[fault.kind])


def _webhooks(state: State, webhooks: Webhooks) -> list[Markup]:
    settings: WebhookSettings = webhooks.settings
    shuffle = "" if settings.shuffle is None else settings.shuffle
    sent = (
        text(
            f"{one.event_type} → {one.status or 'no answer'}"
            + (f" (try {one.attempt})" if one.attempt > 1 else "")
        )
        for one in reversed(webhooks.deliveries[-10:])
    )
    endpoints = (
        text(f"{one['url']}: {len(one['enabled_events'])} types of events, {one['status']}")
        for one in state.all("webhook_endpoint")
    )
    return [
        html.paragraph(text("Signed events. Each is sent again until it is accepted.")),
        html.items(endpoints, none="No webhook endpoint yet."),
        form(
            "/_standin/webhooks",
            "change",
            choice("on", "Send them", YES, word(settings.on)),
            number("copies", "Copies of each", settings.copies, least=1, whole=True),
            number("shuffle", "Shuffle: a seed, or empty to keep the order", shuffle, whole=True),
            number("gather_seconds", "Seconds to gather before shuffling", f"{settings.gather_seconds:g}"),
            number("delay_seconds", "Seconds before each", f"{settings.delay_seconds:g}"),
            field("url", "URL", settings.url or "", hint="nowhere"),
        ),
        html.items(sent),
    ]


def _events(state: State) -> list[Markup]:
    latest = state.all("event")[:-16:-1]
    return [
        html.table(
            ("Event", "About", ""),
            (
                (
                    html.markup(text(one["type"]), html.quiet(one["id"])),
                    code(one["data"]["object"].get("id", "")),
                    html.markup(
                        button(f"/_standin/events/{one['id']}/send", "send again"),
                        button(f"/_standin/events/{one['id']}/send", "three times", times=3),
                    ),
                )
                for one in latest
            ),
        ),
        html.paragraph(button("/_standin/events/send", "send every event again, oldest first")),
        form(
            "/_standin/events/make",
            "send an invented event",
            field("type", "Type", hint="invoice.paid", required=True),
            html.area("object", "Its object, as JSON"),
        ),
    ]


def _settings(settings: Settings) -> Markup:
    values = asdict(settings)
    return form(
        "/_standin/settings",
        "change",
        choice("refunds", "When a refund is requested", _REFUNDS, settings.refunds),
        choice("sepa_settles", "Debits settle automatically", YES, word(settings.sepa_settles)),
        number("sepa_settles_after", "after seconds", f"{values['sepa_settles_after']:g}"),
        choice(
            "attach_decline_cards",
            "Cards that are declined can be saved",
            YES,
            word(settings.attach_decline_cards),
        ),
        *overview_checkout.settings(settings),
        choice("tax_rounding", "Tax is rounded for each", _same(("line", "invoice")), settings.tax_rounding),
        choice(
            "previews_take_no_money",
            "A preview of a credit note needs no amounts",
            YES,
            word(settings.previews_take_no_money),
        ),
        number(
            "requests_per_second",
            "Requests per second (0: no limit)",
            settings.requests_per_second,
            whole=True,
        ),
        number(
            "endpoint_requests_per_second",
            "Requests per second at each endpoint",
            settings.endpoint_requests_per_second,
            whole=True,
        ),
        number("search_lags", "Seconds until the search finds a new object", f"{values['search_lags']:g}"),
        number(
            "renewals_are_drafts_for",
            "Seconds from a renewal's invoice to its charge",
            f"{values['renewals_are_drafts_for']:g}",
        ),
        choice(
            "after_retries",
            "After the last attempt to charge a renewal",
            {"cancel": "cancel the subscription", "unpaid": "unpaid", "past_due": "past due"},
            settings.after_retries,
        ),
    )


def _coupon(state: State) -> Markup:
    customers = {one["id"]: str(one["name"] or one["id"]) for one in newest(state, "customer")}
    if not customers:
        return text("")
    return form(
        "/_standin/discount",
        "give a coupon",
        choice("customer", "Customer", customers),
        number("percent", "Percent off each further invoice", 10, whole=True),
    )
