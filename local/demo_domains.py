"""Order three sample domains and show each step: a .com, a domain with non-ASCII letters, and a transfer."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from typing import Any, Protocol

from local.terminal import Terminal

_POLL_SECONDS = 0.5
_SECONDS = 120.0
_BAD_ENDS = frozenset(("failed", "cancelled"))

CONTACT = {
    "first_name": "Ada",
    "last_name": "Lovelace",
    "street_address": "Keizersgracht 1",
    "post_code": "1015 CJ",
    "city": "Amsterdam",
    "country": "NL",
    "email": "ada@example.com",
    "phone": "+31.201234567",
}


class _Client(Protocol):
    def get(self, path: str) -> Any: ...
    def place(self, order: Mapping[str, Any], path: str) -> Any: ...


class DomainsFailedError(Exception):
    """The message gives the reason."""


def sample_domains() -> list[dict[str, Any]]:
    """New domains each time, so the demo can run again on the same stack."""
    tail = uuid.uuid4().hex[:6]
    return [
        {"name": f"sample-{tail}.com", "contact": CONTACT},
        {"name": f"bücher-{tail}.de", "contact": CONTACT},
        {
            "name": f"moving-{tail}.nl",
            "action": "transfer",
            "authcode": "sample-auth-code",
            "contact": CONTACT,
        },
    ]


def show_sample_domains(client: _Client, terminal: Terminal) -> None:
    """Order the domains and show each step. Raises DomainsFailedError."""
    terminal.heading("Three domains: POST /api/orders/domain")
    started = time.monotonic()
    waiting = {}
    for domain in sample_domains():
        accepted = client.place({"domain": domain}, "/api/orders/domain")
        waiting[domain["name"]] = accepted["orders"][0]["poll_url"]
        terminal.event(
            time.monotonic() - started, f"{domain['name']}: accepted, payment {accepted['payment']['status']}"
        )
    told: dict[str, str] = {}
    while waiting:
        for name, url in list(waiting.items()):
            shown = client.get(url)
            text = _step(shown)
            if told.get(name) != text:
                told[name] = text
                terminal.event(time.monotonic() - started, f"{name}: {text}")
            if shown["order"]["status"] in _BAD_ENDS:
                raise DomainsFailedError(f"{name} failed: {shown.get('failure')}")
            if shown["order"]["status"] == "completed":
                del waiting[name]
        if time.monotonic() - started > _SECONDS:
            raise DomainsFailedError(f"Not completed after {_SECONDS:.0f} s: {', '.join(waiting)}.")
        time.sleep(_POLL_SECONDS)


def _step(shown: Mapping[str, Any]) -> str:
    domain = shown["domain"]
    if domain["status"] == "active":
        servers = ", ".join(domain["nameservers"][:2])
        ascii_name = f", {domain['ascii_name']} in ASCII" if domain["ascii_name"] != domain["name"] else ""
        return f"active until {domain['expires_at'][:10]}{ascii_name}, nameservers {servers} …"
    transfer = domain["transfer"] or {}
    detail = transfer.get("state") or domain["registry_state"]
    text = domain["status"] if detail in (None, "", domain["status"]) else f"{domain['status']} ({detail})"
    return f"{text}: {transfer['next_step']}" if transfer.get("next_step") else str(text)
