"""A part of the demo: order a site for an account without a saved payment method, and pay on the payment page."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from local.client import Answer, call
from local.stack import Stack
from local.terminal import Terminal

ACCOUNT = "dutch"
CARD = "4242424242424242"

_POLL_SECONDS = 0.25
_SECONDS = 120.0
_HEADING = re.compile(r"<h1[^>]*>(.*?)</h1>", re.DOTALL)


class CheckoutFailedError(Exception):
    """The message gives the reason."""


def show_sample_checkout(stack: Stack, account: Mapping[str, str], terminal: Terminal) -> None:
    """Order a site through version 1 of the API, pay on the page, and wait until the order is completed.

    If the stack uses Stripe's own test mode and no stand-in, only print the page's URL, because a person has to pay.
    Raises CheckoutFailedError.
    """
    key = account["user_key_v1"]
    headers = {"Authorization": f"Bearer {key}", "X-Auth-Account": account["id"], "X-Api-Version": "1"}
    terminal.heading(
        f"A site by the account “{ACCOUNT}”, which has no saved payment method: X-Api-Version: 1"
    )
    started = time.monotonic()

    def event(text: str) -> None:
        terminal.event(time.monotonic() - started, text)

    order = {"site": {"name": f"winkel-{uuid.uuid4().hex[:6]}", "variant": "vanilla"}}
    once = {**headers, "Idempotency-Key": str(uuid.uuid4())}
    placed = _document(call("POST", f"{stack.api}/api/orders", order, headers=once), 201)
    event(f"order {placed['order']['status']}, to be paid at {_short(placed['payment_url'])}")
    if not stack.stripe:
        terminal.line(f"Open it in a browser and pay with the card {CARD}:")
        terminal.line(placed["payment_url"])
        return
    page = _pay(placed["payment_url"])
    event(f"paid on that page; the customer is sent to {_short(page)}")
    event(f"the order's page says: {_heading(page)}")
    shown = _completed(stack, placed["order"]["id"], headers, started)
    event(f"order {shown['order']['status']}; the page says: {_heading(page)}")
    ssh = shown["site"]["ssh_data"]
    terminal.fact("site", f"{shown['site']['name']} at {shown['site']['domain']}")
    terminal.fact("ssh", f"{ssh['username']}@{ssh['ipaddr']} port {ssh['port']}")


def _pay(payment_url: str) -> str:
    """Pay, and return the address that the customer is sent to."""
    address = payment_url.partition("#")[0]  # a browser does not send the fragment
    answer = call("GET", address)
    if answer.status != 200:
        raise CheckoutFailedError(f"The payment page answers {answer.status}.")
    typed = {"card": CARD, "name": "Demo Customer", "country": "NL", "postal_code": "1015 CJ"}
    paid = call("POST", f"{address}/card", form=typed)
    if paid.status != 303:
        raise CheckoutFailedError(f"The payment page refuses the card: {paid.status}.")
    return paid.headers["location"]


def _completed(stack: Stack, order_id: str, headers: Mapping[str, str], started: float) -> Any:
    while True:
        stack.check()
        shown = _document(call("GET", f"{stack.api}/api/orders/{order_id}", headers=headers), 200)
        status = shown["order"]["status"]
        if status == "completed":
            return shown
        if status in ("failed", "cancelled"):
            raise CheckoutFailedError(f"The order that was paid on its page ended as {status}.")
        if time.monotonic() - started > _SECONDS:
            raise CheckoutFailedError(f"The order that was paid on its page is still {status}.")
        time.sleep(_POLL_SECONDS)


def _heading(page: str) -> str:
    answer = call("GET", page)
    found = _HEADING.search(answer.body.decode())
    if answer.status != 200 or found is None:
        raise CheckoutFailedError(f"The order's page answers {answer.status}.")
    return " ".join(re.sub(r"<[^>]+>", " ", found[1]).split())


def _document(answer: Answer, expected: int) -> Any:
    if answer.status != expected:
        raise CheckoutFailedError(f"The API answered {answer.status}: {answer.body.decode(errors='replace')}")
    return answer.json()


def _short(url: str) -> str:
    parts = urlsplit(url)
    folder, _, secret = parts.path.rpartition("/")
    return f"{parts.scheme}://{parts.netloc}{folder}/{secret[:12]}…"
