"""What the stand-in serves outside the API: its pages and the controls under /_standin."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from local import html
from local.loopback import refusal

from . import pages, payments
from .api import Api
from .checkout_page import ACTIONS, CheckoutPage, payer_of
from .controls import GOOD_IBAN, Controls
from .errors import StripeError
from .faults import KINDS
from .idempotency import Answer
from .overview import overview
from .published import GOOD_CARD
from .sdk_types import Json
from .state import State
from .webhooks import Webhooks

_HTML = {"Content-Type": html.CONTENT_TYPE}


@dataclass(frozen=True)
class Control:
    method: str
    path: str
    fields: str
    does: str


CONTROLS = (
    Control("GET", "/_standin/summary", "?customer=", "charges, refunds, credit notes, open invoices, net paid"),
    Control("GET", "/_standin/events", "?type=", "the events so far, newest first"),
    Control("GET", "/_standin/requests", "", "the requests to the API so far, newest first"),
    Control("POST", "/_standin/clock", "seconds", "move the clock forward: keys expire, debits settle"),
    Control("POST", "/_standin/checkout/pay", "session, card, email, name, country, postal_code",
            "the customer pays a Checkout Session by card"),
    Control("POST", "/_standin/checkout/debit", "session, iban, email, name, country, postal_code",
            "the customer pays a Checkout Session by SEPA debit"),
    Control("POST", "/_standin/checkout/authenticate", "session, succeeds",
            "the customer confirms a payment at Checkout to their bank, or refuses"),
    Control("POST", "/_standin/checkout/expire", "session", "expire a Checkout Session now"),
    Control("POST", "/_standin/settle", "payment | customer", "the money of a debit arrives"),
    Control("POST", "/_standin/fail", "payment | customer, failure_code", "the bank returns a debit"),
    Control("POST", "/_standin/decline", "payment_method, decline_code, code", "decline this card's charges; "
            "without decline_code, undo this"),
    Control("POST", "/_standin/set_up", "payment_method", "the customer authenticates it for off-session payments"),
    Control("POST", "/_standin/discount", "customer, percent", "a coupon lowers the customer's further invoices"),
    Control("POST", "/_standin/dispute", "charge | invoice, reason", "the bank disputes a charge"),
    Control("POST", "/_standin/refund", "refund, succeeds", "a refund arrives, or it fails"),
    Control("POST", "/_standin/renew", "subscription", "start its next period now, and charge it"),
    Control("POST", "/_standin/settings", "attach_decline_cards, sepa_settles, sepa_settles_after, refunds, "
             "search_lags, renewals_are_drafts_for, retry_days, after_retries, checkout_line_metadata, "
             "checkout_debit_invoice, checkout_invoice_lags, checkout_credit_notes, tax_rounding, "
             "previews_take_no_money, requests_per_second, endpoint_requests_per_second",
             "how Stripe behaves: the form “Settings” shows the values"),
    Control("POST", "/_standin/webhooks", "on, copies, shuffle, gather_seconds, delay_seconds, url",
            "whether, where, how often and in which order webhooks are sent: the form “Webhooks”"),
    Control("POST", "/_standin/events/ID/send", "times", "send an event again"),
    Control("POST", "/_standin/events/send", "times", "send all events again"),
    Control("POST", "/_standin/events/make", "type, object", "send an invented event"),
    Control("POST", "/_standin/faults", "kind, path, method, times, after, milliseconds, status, error",
            "make the next requests fail; kind is one of " + ", ".join(KINDS)),
    Control("POST", "/_standin/faults/clear", "", "clear all faults"),
    Control("POST", "/i/INVOICE/pay", "card", "the customer pays, and confirms if the bank asks"),
    Control("POST", "/i/INVOICE/fail", "", "the customer fails to confirm a payment"),
    Control("POST", "/c/pay/SESSION/" + "|".join(ACTIONS), "card | iban, email, name, country, postal_code",
            "the forms of a Checkout Session's page"),
)  # fmt: skip


class Console:
    def __init__(self, state: State, controls: Controls, api: Api, webhooks: Webhooks) -> None:
        self._state = state
        self._controls = controls
        self._api = api
        self._webhooks = webhooks
        self._checkout = CheckoutPage(state, controls)
        self._actions: dict[str, Callable[[Json], Any]] = {
            "clock": lambda given: state.clock.advance(float(given["seconds"])),
            "checkout/pay": lambda given: controls.pay_checkout(
                given["session"], given.get("card") or GOOD_CARD, payer_of(given)
            ),
            "checkout/debit": lambda given: controls.debit_checkout(
                given["session"], given.get("iban") or GOOD_IBAN, payer_of(given)
            ),
            "checkout/authenticate": lambda given: controls.authenticate_checkout(
                given["session"], succeeds=_yes(given["succeeds"])
            ),
            "checkout/expire": lambda given: controls.expire_checkout(given["session"]),
            "settle": lambda given: controls.settle(self._payment(given)),
            "fail": lambda given: controls.fail(self._payment(given), **_some(given, "failure_code")),
            "decline": lambda given: controls.decline(
                given["payment_method"], given.get("decline_code") or None, **_some(given, "code")
            ),
            "set_up": lambda given: controls.set_up(given["payment_method"]),
            "discount": lambda given: controls.discount(given["customer"], str(given["percent"])),
            "dispute": lambda given: controls.dispute(self._charge(given), **_some(given, "reason")),
            "renew": lambda given: controls.renew(given["subscription"]),
            "refund": lambda given: controls.settle_refund(given["refund"], succeeds=_yes(given["succeeds"])),
            "settings": lambda given: controls.set(**given),
            "webhooks": lambda given: controls.set_webhooks(**given),
            "events/send": lambda given: controls.send_all_events(int(given.get("times", 1))),
            "events/make": lambda given: controls.send_made_event(
                given["type"], _structure(given["object"]), **_without(given, "type", "object")
            ),
            "faults": lambda given: controls.add_fault(**_numbers(given)),
            "faults/clear": lambda given: controls.clear_faults(),
        }

    def serve(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        url = urlsplit(target)
        query = dict(parse_qsl(url.query))
        try:
            if method == "GET":
                return self._get(url.path, query, headers)
            return self._post(url.path, _given(headers, body), headers)
        except KeyError as missing:
            message, refused = f"Missing or unknown: {missing}", 400
        except StripeError as error:
            if not _is_form(headers):
                return _json(error.status, error.body)
            message, refused = str(error), error.status
        except (ValueError, TypeError, AttributeError, re.error) as problem:
            message, refused = str(problem), 400
        return Answer(refused, refusal(message), _HTML) if _is_form(headers) else _told(refused, message)

    # -- reading ---------------------------------------------------------------------------------------------

    def _get(self, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        if path == "/":
            with self._state.lock:
                page = overview(self._state, self._webhooks, self._api.faults, self._api.requests, CONTROLS)
            return Answer(200, page.encode(), _HTML)
        if invoice := re.fullmatch(r"/i/(\w+)", path):
            return self._invoice_page(invoice[1])
        if session := re.fullmatch(r"/c/pay/(\w+)", path):
            return self._checkout.show(session[1], headers)
        if path == "/healthz":
            return _json(200, {"status": "ok"})
        if path == "/_standin/summary":
            return _json(200, self._controls.summary(query.get("customer")))
        if path == "/_standin/events":
            with self._state.lock:
                events = self._state.all("event")
                wanted = [event for event in events if query.get("type") in (None, event["type"])]
                return _json(200, wanted[::-1])
        if path == "/_standin/requests":
            return _json(200, [asdict(request) for request in reversed(self._api.requests)])
        return _told(404, f"There is nothing at {path}. The controls are listed at /.")

    def _invoice_page(self, invoice_id: str, failure: str | None = None) -> Answer:
        with self._state.lock:
            self._state.run_due()
            invoice = self._state.get("invoice", invoice_id)
            page = pages.invoice(self._state, invoice, failure)
        return Answer(200 if failure is None else 402, page.encode(), _HTML)

    # -- actions ---------------------------------------------------------------------------------------------

    def _post(self, path: str, given: Json, headers: Mapping[str, str]) -> Answer:
        is_form = _is_form(headers)
        if paid := re.fullmatch(rf"/c/pay/(\w+)/({'|'.join(ACTIONS)})", path):
            return self._checkout.act(paid[1], paid[2], given, headers, is_form=is_form)
        if hosted := re.fullmatch(r"/i/(\w+)/(pay|fail)", path):
            return self._on_page(hosted[1], hosted[2], given)
        name = path.removeprefix("/_standin/")
        result: Any = None
        if sent := re.fullmatch(r"events/(evt_\w+)/send", name):
            self._controls.send_event(sent[1], int(given.get("times", 1)))
        elif path.startswith("/_standin/") and name in self._actions:
            result = self._actions[name](given)
        else:
            return _told(404, f"There is no control at {path}. The controls are listed at /.")
        if is_form:  # a button on the page
            return Answer(303, b"", {"Location": "/"})
        return _json(200, result if isinstance(result, dict) else {"done": True})

    def _on_page(self, invoice_id: str, action: str, given: Json) -> Answer:
        try:
            if action == "pay":
                self._controls.pay(invoice_id, given.get("card") or None)
            else:
                self._controls.fail_authentication(invoice_id)
        except StripeError as error:
            if error.status == 404:
                raise
            return self._invoice_page(invoice_id, str(error))
        return Answer(303, b"", {"Location": f"/i/{invoice_id}"})

    def _payment(self, given: Json) -> str:
        if "payment" in given:
            return str(given["payment"])
        customer = given["customer"]
        with self._state.lock:
            waiting = self._state.all("payment_intent", customer=customer, status="processing")
        if not waiting:
            raise ValueError(f"No payment of {customer} is processing.")
        return str(waiting[-1]["id"])

    def _charge(self, given: Json) -> str:
        if "charge" in given:
            return str(given["charge"])
        with self._state.lock:
            intent = payments.intent_of(self._state, self._state.get("invoice", given["invoice"]))
        if intent is None or intent["latest_charge"] is None:
            raise ValueError("This invoice has no charge.")
        return str(intent["latest_charge"])


# -- forms and responses -------------------------------------------------------------------------------------


def _is_form(headers: Mapping[str, str]) -> bool:
    return headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded")


def _given(headers: Mapping[str, str], body: bytes) -> Json:
    if not body:
        return {}
    if _is_form(headers):
        # An empty field means no value, except for the shuffle seed, where it means no shuffle.
        fields = parse_qsl(body.decode(), keep_blank_values=True)
        return {name: value or None for name, value in fields if value or name == "shuffle"}
    given = json.loads(body)
    if not isinstance(given, dict):
        raise ValueError("the body must be a JSON object")
    return given


def _some(given: Json, *names: str) -> Json:
    return {name: given[name] for name in names if given.get(name)}


def _without(given: Json, *names: str) -> Json:
    return {name: value for name, value in given.items() if name not in names}


def _numbers(given: Json) -> Json:
    counted = ("times", "after", "milliseconds", "status")
    numbers = {name: int(value) for name, value in given.items() if name in counted}
    return {**given, **numbers, **({"error": _structure(given["error"])} if "error" in given else {})}


def _structure(value: Any) -> Any:
    """Parse the value if it is JSON text: a form can send it only as text."""
    return json.loads(value) if isinstance(value, str) else value


def _yes(value: Any) -> bool:
    return value in (True, "true", "on", "1")


def _json(status: int, document: Any) -> Answer:
    return Answer(status, json.dumps(document, indent=2).encode())


def _told(status: int, message: str) -> Answer:
    return _json(status, {"error": {"message": message}})
