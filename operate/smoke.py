"""`make smoke`: a site order and a refund through a deployed stack, with Stripe in test mode.

The test also runs against the local stack, where only the addresses differ.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests

from hosting_orders.adapters.stripe.webhooks import EVENTS
from operate.errors import OperateError
from operate.secrets import API_KEY, read_secret
from operate.smoke_account import Shop, SmokeAccount
from operate.stacks import Cloud, Stack, ringing_alarms
from operate.stripe_keys import is_live, stripe_client

if TYPE_CHECKING:
    import stripe

Report = Callable[[str], None]

PASSED_TAG = "hosting-orders:smoke-passed"
"""The name of a tag of the secret StripeSecret. The tag's value is the day of the last smoke test that passed, and
`make doctor` reads it.
"""

ORDER_SECONDS = 15 * 60.0
CATALOGUE_SECONDS = 120.0
"""Functions cache the catalogue for a minute."""
SETTLE_SECONDS = 120.0
CANCEL_TRIES = 3
_POLL_SECONDS = 1.0
_ENDS = ("completed", "cancelled", "failed")


def smoke(cloud: Cloud, stack: Stack, report: Report) -> bool:
    """Run the smoke test. Return whether every step passed.

    At the end, remove what the test created: the price, the sites, the customer, and the account with its orders. This
    also happens after a failure or Ctrl-C.

    Raises OperateError for a live key or an empty secret, before anything is written.
    """
    for secret, command in (("StripeSecret", "connect-stripe"), ("PlatformSecret", "connect-platform")):
        if API_KEY not in read_secret(cloud.client("secretsmanager"), stack.resources[secret]):
            raise OperateError(f"The stack is not connected: run `make {command}` first.")
    key = read_secret(cloud.client("secretsmanager"), stack.resources["StripeSecret"])[API_KEY]
    if is_live(key):
        raise OperateError(
            "The stack has a live key. The smoke test pays with a test card, so it needs test mode."
        )
    import stripe

    client = stripe_client(key, stack)
    shop = Shop(cloud, stack, client)
    run: _Run | None = None
    good = False
    try:
        run = _Run(cloud, stack, client, shop.open(), report)
        run.order_and_deliver()
        run.order_and_cancel()
        good = run.checks()
    except _FailedError as failure:
        report(f"FAILED  {failure}")
    except stripe.StripeError as error:
        report(f"FAILED  Stripe: {error.user_message or type(error).__name__}")
    finally:
        if run is not None:
            run.end_open_orders()
        shop.close(run.orders if run else [], report)
    if good:
        tag = {"Key": PASSED_TAG, "Value": time.strftime("%Y-%m-%d", time.gmtime())}
        cloud.client("secretsmanager").tag_resource(SecretId=stack.resources["StripeSecret"], Tags=[tag])
    report("The smoke test has passed." if good else "The smoke test has failed.")
    return good


class _FailedError(Exception):
    """A step of the smoke test failed."""


class _Run:
    def __init__(
        self, cloud: Cloud, stack: Stack, client: stripe.StripeClient, account: SmokeAccount, report: Report
    ) -> None:
        self.orders: list[str] = []
        self._delivered = 0
        self._cloud = cloud
        self._stack = stack
        self._stripe = client
        self._account = account
        self._report = report
        self._api = stack.output("ApiUrl")

        self._rang_before = ringing_alarms(cloud, stack)
        self._started = time.time()
        self._http = requests.Session()
        self._http.trust_env = urlsplit(self._api).hostname != "127.0.0.1"

    # -- the orders ------------------------------------------------------------------------------------------

    def order_and_deliver(self) -> None:
        started = time.monotonic()
        order_id = self._place()
        self._follow(order_id, "completed")
        self._delivered += 1
        self._report(f"OK      an order is paid and delivered ({time.monotonic() - started:.0f} s)")
        # Wait until the order's renewal exists at Stripe. It could not be created after `Shop.close`, which deletes the
        # customer.
        self._wait(SETTLE_SECONDS, lambda: bool(self._subscriptions()), "the renewal of the order")

    def order_and_cancel(self) -> None:
        for _ in range(CANCEL_TRIES):
            order_id = self._place()
            answer = self._request("DELETE", f"/api/orders/{order_id}")
            if answer.status_code == 202:
                self._follow(order_id, "cancelled")
                self._wait(SETTLE_SECONDS, self._money_is_back, "the refund at Stripe")
                self._report("OK      an order is cancelled, and its money is back at Stripe")
                return
            self._follow(order_id, "completed")
            self._delivered += 1
        raise _FailedError(f"In all {CANCEL_TRIES} tries, the delivery began before the cancellation.")

    def end_open_orders(self) -> None:
        """Cancel the unfinished orders of a failed run. Otherwise, their workflows would outlive the account."""
        with suppress(_FailedError):
            for order_id in self.orders:
                if self._status(order_id) not in _ENDS:
                    self._request("DELETE", f"/api/orders/{order_id}")
            self._wait(
                SETTLE_SECONDS, lambda: all(self._status(each) in _ENDS for each in self.orders), "the orders"
            )

    def _status(self, order_id: str) -> str:
        shown = self._request("GET", f"/api/orders/{order_id}")
        return str(shown.json()["order"]["status"]) if shown.status_code == 200 else ""

    def _place(self) -> str:
        body = {
            "site": {"name": f"smoke-{uuid.uuid4().hex[:8]}", **self._account.site},
            "callback": {"url": f"{self._api}/smoke", "authorization": "Bearer smoke"},
        }
        key = str(uuid.uuid4())
        deadline = time.monotonic() + CATALOGUE_SECONDS
        while True:
            answer = self._request("POST", "/api/orders", body, key)
            if answer.status_code == 202:
                order_id = str(answer.json()["orders"][0]["id"])
                self.orders.append(order_id)
                return order_id
            # `Shop.open` has added a price. The functions refuse the order until they read the catalogue again.
            if answer.status_code in (401, 403) or time.monotonic() > deadline:
                raise _FailedError(f"POST /api/orders answers {answer.status_code}: {answer.text[:300]}")
            time.sleep(_POLL_SECONDS)

    def _follow(self, order_id: str, wanted: str) -> None:
        def ended() -> bool:
            status = self._status(order_id)
            if status in _ENDS and status != wanted:
                raise _FailedError(f"order {order_id} is {status}, not {wanted}")
            return status == wanted

        self._wait(ORDER_SECONDS, ended, f"order {order_id} to be {wanted}")

    def _money_is_back(self) -> bool:
        """Whether the customer has paid only for the delivered orders."""
        pages = self._stripe.v1.charges.list(
            {"customer": self._account.customer, "limit": 100}
        ).auto_paging_iter()
        charges = [charge.to_dict() for charge in pages]
        kept = sum(
            each["amount"] - each["amount_refunded"] for each in charges if each["status"] == "succeeded"
        )
        return bool(kept == self._account.amount * self._delivered)

    def _subscriptions(self) -> list[Any]:
        return list(self._stripe.v1.subscriptions.list({"customer": self._account.customer}).data)

    # -- after the orders --------------------------------------------------------------------------------------

    def checks(self) -> bool:
        checks: Mapping[str, Callable[[], bool]] = {
            "Stripe's events have arrived": self._events_have_arrived,
            "each callback was attempted": self._callbacks_were_attempted,
        }
        good = True
        for name, check in checks.items():
            try:
                self._wait(SETTLE_SECONDS, check, name)
                self._report(f"OK      {name}")
            except _FailedError:
                self._report(f"FAILED  {name}: not within {SETTLE_SECONDS:.0f} s")
                good = False
        if self._rang_before:
            self._report(f"TO DO   alarms that rang before this test: {', '.join(self._rang_before)}")
        ringing = ringing_alarms(self._cloud, self._stack)
        for name, found in (
            ("errors in the log", self._errors()),
            ("new alarms", [each for each in ringing if each not in self._rang_before]),
        ):
            self._report(f"FAILED  {name}: {', '.join(found[:3])}" if found else f"OK      no {name}")
            good = good and not found
        return good

    def _events_have_arrived(self) -> bool:
        """Whether every endpoint has accepted our events. `pending_webhooks` counts the endpoints that have not."""
        pages = self._stripe.v1.events.list({"created": {"gte": int(self._started) - 5}, "limit": 100})
        ours = [
            event
            for event in (each.to_dict() for each in pages.auto_paging_iter())
            if event["type"] in EVENTS and event["data"]["object"].get("customer") == self._account.customer
        ]
        return bool(ours) and all(event["pending_webhooks"] == 0 for event in ours)

    def _callbacks_were_attempted(self) -> bool:
        """Any response counts as an attempt. The callback's URL is on the stack itself, which accepts no callbacks."""
        answers = [self._request("GET", f"/api/orders/{order_id}/callbacks") for order_id in self.orders]
        return all(answer.status_code == 200 and answer.json()["attempts"] for answer in answers)

    def _errors(self) -> list[str]:
        group = self._stack.resources["FunctionsLogGroup"]
        pages = self._cloud.client("logs").get_paginator("filter_log_events")
        start = int(self._started * 1000)
        found = []
        for page in pages.paginate(logGroupName=group, startTime=start, filterPattern="ERROR"):
            for event in page["events"]:
                line = _line_of(event["message"])
                if line.get("level") in ("ERROR", "CRITICAL") and self._is_about_ours(event["message"]):
                    found.append(str(line.get("message")))
        return found

    def _is_about_ours(self, text: str) -> bool:
        return any(order_id in text for order_id in self.orders)

    def _request(self, method: str, path: str, body: Any = None, key: str | None = None) -> requests.Response:
        headers = {"Authorization": f"Bearer {self._account.key}", "X-Auth-Account": self._account.id}
        if key is not None:
            headers["Idempotency-Key"] = key
        try:
            return self._http.request(method, self._api + path, json=body, headers=headers, timeout=35)
        except requests.RequestException as error:
            raise _FailedError(f"{method} {path}: {type(error).__name__}") from None

    def _wait(self, seconds: float, holds: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > deadline:
                raise _FailedError(f"waited {seconds:.0f} s for {what}")
            time.sleep(_POLL_SECONDS)


def _line_of(text: str) -> dict[str, Any]:
    try:
        line = json.loads(text)
    except ValueError:
        return {}
    return line if isinstance(line, dict) else {}
