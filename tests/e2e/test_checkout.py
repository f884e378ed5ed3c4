"""A customer without a saved payment method orders and pays on a phone, in Dutch and without JavaScript."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from local.client import call
from local.demo import DemoAccounts
from local.stack import Stack
from tests.e2e.test_orders import Client
from tests.support.browser import wider_than_the_screen

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PHONE = {"width": 375, "height": 667}
GOOD_CARD, DECLINED_CARD = "4242424242424242", "4000000000000002"
# Without webhooks, only the reconciler finds the payment. Between two checks of an open payment page, the reconciler
# waits a quarter of the cart's age, but at least a minute and at most an hour.
PATIENCE_MS, RECONCILER_PATIENCE_MS = 60_000, 180_000


class Customer:
    """A customer who pays for one order of `client` on a phone."""

    def __init__(self, client: Client, page: Page) -> None:
        self.client = client
        self.page = page
        self.headers = {
            "Authorization": f"Bearer {client.account['user_key_v1']}",
            "X-Auth-Account": client.account["id"],
            "X-Api-Version": "1",
        }
        headers = {**self.headers, "Idempotency-Key": str(uuid.uuid4())}
        body = {"site": {"name": "Winkel van Jan", "variant": "vanilla"}}
        placed = call("POST", f"{client.stack.api}/api/orders", body, headers=headers)
        assert placed.status == 201, placed.body
        self.payment_url = placed.json()["payment_url"]
        self.order_id = placed.json()["order"]["id"]

    def order(self) -> Any:
        shown = call("GET", f"{self.client.stack.api}/api/orders/{self.order_id}", headers=self.headers)
        assert shown.status == 200, shown.body
        return shown.json()

    def pay_by(self, card: str) -> None:
        self.page.get_by_label("Kaart").select_option(card)
        self.page.locator("form", has=self.page.get_by_label("Kaart")).get_by_role("button").tap()

    def reads(self, heading: str, patience_ms: int = PATIENCE_MS) -> None:
        self.page.get_by_role("heading", name=heading).wait_for(timeout=patience_ms)
        assert wider_than_the_screen(self.page) == []

    def on_the_order_s_page(self, outcome: str) -> bool:
        return self.page.url.startswith(f"{self.client.stack.api}/o/") and self.page.url.endswith(
            f"?outcome={outcome}"
        )

    def has_it_once(self) -> None:
        shown = self.order()
        assert shown["order"]["status"] == "completed"
        assert shown["site"]["ssh_data"]["port"] == "22"
        assert self.client.until(f"/api/orders/{self.order_id}", "completed")  # version 2 of the API
        assert self.client.succeeded() == [1200]


@pytest.fixture
def customer(
    stack: Stack, accounts: DemoAccounts, chromium: Browser, forget_payments: Callable[[str], None]
) -> Iterator[Customer]:
    forget_payments("dutch")
    with chromium.new_context(
        locale="nl", viewport=PHONE, has_touch=True, java_script_enabled=False
    ) as context:
        yield Customer(Client(stack, accounts, "dutch"), context.new_page())


@pytest.fixture
def no_webhooks(stack: Stack) -> Iterator[None]:
    assert call("POST", f"{stack.stripe}/_standin/webhooks", {"on": False}).status == 200
    yield
    assert call("POST", f"{stack.stripe}/_standin/webhooks", {"on": True}).status == 200


def test_a_customer_pays_with_a_good_card_after_a_declined_card(customer: Customer) -> None:
    customer.page.goto(customer.payment_url)
    customer.reads("Betalen aan")

    customer.pay_by(DECLINED_CARD)
    customer.page.get_by_role("alert").wait_for()
    assert customer.order()["order"]["status"] == "pending"

    customer.pay_by(GOOD_CARD)
    customer.reads("Uw website is klaar")  # the page refreshes itself

    assert customer.on_the_order_s_page("success")
    customer.has_it_once()


@pytest.mark.usefixtures("no_webhooks")
def test_a_customer_can_pay_later_even_if_webhooks_are_lost(
    customer: Customer,
) -> None:
    customer.page.goto(customer.payment_url)
    customer.page.get_by_role("link", name="Terug").tap()
    customer.reads("Er is niets betaald")
    assert customer.on_the_order_s_page("cancel")

    customer.page.get_by_role("link", name="Nu betalen").tap()
    customer.reads("Betalen aan")
    assert customer.page.url == customer.payment_url

    customer.pay_by(GOOD_CARD)
    customer.reads("We controleren uw betaling")
    assert customer.on_the_order_s_page("success")
    customer.reads("Uw website is klaar", RECONCILER_PATIENCE_MS)
    customer.has_it_once()
