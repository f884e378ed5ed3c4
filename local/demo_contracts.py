"""One order placed through each of the four contracts, and each order read through all four."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from local.client import Answer, call
from local.stack import Stack
from local.terminal import Terminal

_POLL_SECONDS = 0.5
_SECONDS = 120.0
_ENDS = frozenset(("completed", "failed", "cancelled"))

Account = Mapping[str, str]


class ContractsFailedError(Exception):
    """The message gives the reason."""


def show_all_contracts(stack: Stack, account: Account, terminal: Terminal) -> None:
    """Place an order through each contract and show its status in all four. Raises ContractsFailedError."""
    terminal.heading("One order through each of the four contracts, with its status in all four")
    client = _Client(stack, account)
    placed = {name: place(client) for name, place in _PLACE.items()}
    started = time.monotonic()
    for name, order_id in placed.items():
        while (status := client.status(order_id)) not in _ENDS:
            stack.check()
            if time.monotonic() - started > _SECONDS:
                raise ContractsFailedError(f"The order of contract {name} is still {status}.")
            time.sleep(_POLL_SECONDS)
        if status != "completed":
            raise ContractsFailedError(f"The order of contract {name} ended as {status}.")
        said = ", ".join(f"{contract} {word}" for contract, word in client.all_words(order_id).items())
        terminal.event(time.monotonic() - started, f"placed through {name}: {said}")


class _Client:
    def __init__(self, stack: Stack, account: Account) -> None:
        self._stack = stack
        self._account = account

    def ask(
        self, method: str, path: str, expected: int, body: Any = None, *, key: str, scoped: bool = False
    ) -> Any:
        headers = {"Authorization": f"Bearer {self._account[key]}"}
        if scoped:
            headers["X-Auth-Account"] = self._account["id"]
        answer: Answer = call(method, self._stack.api + path, body, headers=headers)
        if answer.status != expected:
            text = answer.body.decode(errors="replace")
            raise ContractsFailedError(f"{method} {path} answered {answer.status}: {text}")
        return answer.json()

    def status(self, order_id: str) -> str:
        shown = self.ask("GET", f"/api/orders/{order_id}", 200, key="user_key", scoped=True)
        return str(shown["order"]["status"])

    def all_words(self, order_id: str) -> dict[str, str]:
        polled = self.ask("GET", f"/api/v1/orders/{order_id}", 200, key="api_key_000")["data"]
        v1 = self.ask("GET", f"/api/orders/{order_id}", 200, key="user_key_v1", scoped=True)
        # Contract 001 accepts only the order's number. A task's id is that number with one digit appended.
        number = v1["tasks"][0]["id"] // 10
        billing = self.ask("GET", f"/api/billing/order/{number}", 200, key="api_key_001")["data"]
        return {
            "000": polled["status"],
            "001": billing["status"],
            "002": self.status(order_id),
            "003": v1["order"]["status"],
        }


def _through_000(client: _Client) -> str:
    body = {
        "plan": "vps-1",
        "image": "debian-13",
        "location": "ams",
        "hostname": f"web-{uuid.uuid4().hex[:6]}",
        "interval": "1 month",
    }
    return str(client.ask("POST", "/api/v1/orders", 202, body, key="api_key_000")["data"]["token"])


def _through_001(client: _Client) -> str:
    name = f"sample-{uuid.uuid4().hex[:6]}"
    body = {
        "attemptKey": str(uuid.uuid4()),
        "cartItems": [{"type": "site", "name": name, "variant": "vanilla"}],
    }
    number = client.ask("POST", "/api/create-order", 200, body, key="api_key_001")["data"]["orderId"]
    shown = client.ask("GET", f"/api/orders/{number}", 200, key="user_key", scoped=True)
    return str(shown["order"]["id"])


def _through_002(client: _Client) -> str:
    site = {"name": f"sample-{uuid.uuid4().hex[:6]}", "variant": "vanilla", "location": "ams"}
    body = {"site": {**site, "plan": "basic", "term": "monthly"}}
    placed = client.ask("POST", "/api/orders", 202, body, key="user_key", scoped=True)
    return str(placed["orders"][0]["id"])


def _through_003(client: _Client) -> str:
    body = {"site": {"name": f"sample-{uuid.uuid4().hex[:6]}", "variant": "migration"}}
    placed = client.ask("POST", "/api/orders", 201, body, key="user_key_v1", scoped=True)
    return str(placed["order"]["id"])


_PLACE: dict[str, Callable[[_Client], str]] = {
    "000": _through_000,
    "001": _through_001,
    "002": _through_002,
    "003": _through_003,
}
