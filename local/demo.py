"""Place the sample orders over HTTP, as a client does, and follow them until they are completed."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hosting_orders.domain.money import Money
from local.client import Answer, call
from local.demo_checkout import ACCOUNT as CHECKOUT_ACCOUNT
from local.demo_checkout import CheckoutFailedError, show_sample_checkout
from local.demo_contracts import ContractsFailedError, show_all_contracts
from local.demo_domains import DomainsFailedError, show_sample_domains
from local.demo_machines import MachinesFailedError, show_sample_machines
from local.demo_webhooks import SampleWebhook, WebhooksFailedError, register_webhook, show_webhook
from local.seed import seed
from local.stack import Stack
from local.terminal import Terminal

SAMPLE_ACCOUNT = "ready"
CALLBACK_AUTHORIZATION = "Bearer sample-client"
CALLBACK_HEADERS = ("authorization", "webhook-id", "webhook-timestamp", "webhook-signature")

_POLL_SECONDS = 0.25
_ORDER_SECONDS = 120.0
_CALLBACK_SECONDS = 30.0
_BAD_ENDS = frozenset(("failed", "cancelled"))

DemoAccounts = Mapping[str, Mapping[str, str]]


class DemoFailedError(Exception):
    """The message gives the reason."""


def write_demo_file(stack: Stack) -> DemoAccounts:
    """Create the demo data, and write the stack's addresses and the accounts' keys to `demo.json`.

    Raises DemoFailedError when Stripe refuses the demo customers.
    """
    import stripe

    try:
        accounts = seed(stack)
    except stripe.StripeError as error:
        raise DemoFailedError(f"The demo customers could not be created at Stripe: {error}") from error
    document = {
        "api": stack.api,
        "stripe": stack.stripe,
        "platform": stack.platform,
        "lightsail": stack.lightsail,
        "registrar": stack.registrar,
        "aws": stack.aws.endpoint,
        "callbacks": stack.callbacks,
        "issuer": stack.issuer,
        "outputs": dict(stack.deployment.outputs),
        "accounts": accounts,
    }
    (stack.state / "demo.json").write_text(json.dumps(document, indent=2) + "\n")
    return accounts


@dataclass(frozen=True, slots=True)
class _Client:
    api: str
    account: Mapping[str, str]

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.account['user_key']}", "X-Auth-Account": self.account["id"]}

    def get(self, path: str) -> Any:
        return self._document(call("GET", self.api + path, headers=self.headers), 200)

    def place(self, order: Mapping[str, Any], path: str = "/api/orders") -> Any:
        headers = {**self.headers, "Idempotency-Key": str(uuid.uuid4())}
        return self._document(call("POST", f"{self.api}{path}", order, headers=headers), 202)

    @staticmethod
    def _document(answer: Answer, expected: int) -> Any:
        if answer.status != expected:
            raise DemoFailedError(f"The API answered {answer.status}: {answer.body.decode(errors='replace')}")
        return answer.json()


@dataclass(frozen=True, slots=True)
class Sample:
    site: Mapping[str, Any]
    order_id: str
    cart_path: str


def show_sample_order(stack: Stack, accounts: DemoAccounts, terminal: Terminal) -> Sample:
    """Place the sample orders and show their progress. Raises DemoFailedError when an order does not complete."""
    client = _Client(stack.api, accounts[SAMPLE_ACCOUNT])
    order = _sample_order(client.get("/api/about"), stack.callbacks)
    webhook = _webhook(stack, client)
    terminal.heading(f"A site order by the account “{SAMPLE_ACCOUNT}”: POST {stack.api}/api/orders")
    terminal.line(json.dumps({"site": order["site"]}))
    placed_at = time.monotonic()
    accepted = client.place(order)
    follower = _Follower(stack, client, accepted, terminal, placed_at)
    shown = follower.until_the_end()
    follower.until_the_callback(shown["order"]["id"])
    follower.until_the_cart_is_completed()
    _show_delivered(shown, terminal)
    terminal.good("The order is completed: paid and delivered, and the client has its callback.")
    try:
        show_webhook(stack, webhook, shown["order"]["id"], terminal)
    except WebhooksFailedError as error:
        raise DemoFailedError(str(error)) from error
    try:
        show_sample_domains(client, terminal)
    except DomainsFailedError as error:
        raise DemoFailedError(str(error)) from error
    terminal.good("The domains are registered and transferred. Each has a DNS zone.")
    try:
        show_sample_machines(client, terminal)
        show_sample_checkout(stack, accounts[CHECKOUT_ACCOUNT], terminal)
        show_all_contracts(stack, accounts[SAMPLE_ACCOUNT], terminal)
    except (CheckoutFailedError, ContractsFailedError, MachinesFailedError) as error:
        raise DemoFailedError(str(error)) from error
    return Sample(order["site"], shown["order"]["id"], accepted["cart"]["poll_url"])


def _webhook(stack: Stack, client: _Client) -> SampleWebhook:
    try:
        return register_webhook(stack, client.headers)
    except WebhooksFailedError as error:
        raise DemoFailedError(str(error)) from error


def _sample_order(about: Mapping[str, Any], callbacks: str) -> dict[str, Any]:
    variant = next(variant["name"] for variant in about["variants"] if variant["available"])
    return {
        "site": {
            "name": f"sample-{uuid.uuid4().hex[:6]}",
            "variant": variant,
            "location": about["locations"][0]["short_name"],
            "plan": about["products"][0]["short_name"],
            "term": "monthly",
        },
        "callback": {"url": f"{callbacks}/orders", "authorization": CALLBACK_AUTHORIZATION},
    }


class _Follower:
    def __init__(
        self, stack: Stack, client: _Client, accepted: Mapping[str, Any], terminal: Terminal, placed_at: float
    ) -> None:
        self._stack = stack
        self._client = client
        self._cart_url = str(accepted["cart"]["poll_url"])
        self._terminal = terminal
        self._placed_at = placed_at
        self._told: dict[str, str] = {}
        self._tell("answer", f"accepted: cart {accepted['cart']['token']}")
        self._tell_payment(accepted["payment"])

    def until_the_end(self) -> Any:
        deadline = self._placed_at + _ORDER_SECONDS
        while True:
            cart = self._client.get(self._cart_url)
            self._tell_payment(cart["payment"])
            for order in cart["orders"]:
                shown = self._client.get(order["poll_url"])
                status = str(shown["order"]["status"])
                tasks = ", ".join(str(task["status"]) for task in shown["tasks"])
                self._tell("order", f"order {status}" + (f" (tasks: {tasks})" if tasks else ""))
                if status == "completed":
                    self._tell_payment(shown["payment"])
                    return shown
                if status in _BAD_ENDS:
                    raise DemoFailedError(
                        f"The sample order ended as {status}:\n{json.dumps(shown, indent=2)}"
                    )
            if time.monotonic() > deadline:
                raise DemoFailedError(f"The sample order was not completed within {_ORDER_SECONDS:.0f} s.")
            self._pause()

    def until_the_callback(self, order_id: str) -> None:
        deadline = time.monotonic() + _CALLBACK_SECONDS
        while True:
            received = call("GET", f"{self._stack.callbacks}/received?order={order_id}").json()["received"]
            if received:
                callback = received[0]
                self._tell("callback", f"callback received at {callback['path']}:")
                for name in CALLBACK_HEADERS:
                    self._terminal.line(f"         {name}: {callback['headers'].get(name, '')}")
                for line in json.dumps(callback["body"], indent=2, ensure_ascii=False).splitlines():
                    self._terminal.line(f"         {line}")
                return
            if time.monotonic() > deadline:
                raise DemoFailedError("The order is completed, but its callback did not arrive.")
            self._pause()

    def until_the_cart_is_completed(self) -> None:
        deadline = time.monotonic() + _CALLBACK_SECONDS
        while True:
            rollup = str(self._client.get(self._cart_url)["cart"]["rollup_status"])
            self._tell("cart", f"cart {rollup}")
            if rollup == "completed":
                return
            if time.monotonic() > deadline:
                raise DemoFailedError(f"The order is completed, but its cart is still {rollup}.")
            self._pause()

    def _tell_payment(self, payment: Mapping[str, Any]) -> None:
        text = f"payment {payment['status']} ({payment['method_type'] or 'no method'})"
        if payment.get("amount_charged_cents") is not None:
            text += f", {_money(payment['amount_charged_cents'], payment)} charged"
            if payment.get("credit_applied_cents"):
                text += f", {_money(payment['credit_applied_cents'], payment)} of credit used"
        self._tell("payment", text)

    def _tell(self, about: str, text: str) -> None:
        if self._told.get(about) != text:
            self._told[about] = text
            self._terminal.event(time.monotonic() - self._placed_at, text)

    def _pause(self) -> None:
        self._stack.check()
        time.sleep(_POLL_SECONDS)


def _show_delivered(shown: Mapping[str, Any], terminal: Terminal) -> None:
    site = shown["site"]
    terminal.heading("What was delivered")
    payment = shown["payment"]
    terminal.fact("charged", _money(payment["amount_charged_cents"], payment))
    terminal.fact("site", f"{site['name']} at {site['domain']} ({site['location']})")
    ssh = site["ssh_data"]
    terminal.fact("ssh", f"{ssh['username']}@{ssh['ipaddr']} port {ssh['port']}")


def _money(cents: int, payment: Mapping[str, Any]) -> str:
    return str(Money(cents, payment["currency"]))
