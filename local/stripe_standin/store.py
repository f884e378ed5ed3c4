"""What the stand-in knows: Stripe's objects as they are answered, what is known of them besides, and events."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from .errors import missing_resource
from .sdk_types import Document, Structure, api_version, resource, skeleton

_PREFIXES = {
    "charge": "ch",
    "credit_note": "cn",
    "credit_note_line_item": "cnli",
    "customer": "cus",
    "customer_balance_transaction": "cbtxn",
    "dispute": "du",
    "event": "evt",
    "invoice": "in",
    "invoice_payment": "inpay",
    "line_item": "il",
    "payment_intent": "pi",
    "payment_method": "pm",
    "price": "price",
    "product": "prod",
    "refund": "re",
    "subscription": "sub",
    "subscription_item": "si",
}

# Fields that Stripe leaves out until they apply, or until they are asked for with `expand`.
_LEFT_OUT = {
    "charge": {"refunds", "authorization_code", "level3", "presentment_details", "transfer"},
    "customer": {
        "business_name",
        "cash_balance",
        "individual_name",
        "invoice_credit_balance",
        "sources",
        "subscriptions",
        "tax",
        "tax_ids",
    },
    "dispute": {"intended_submission_method", "network_reason_code", "payment_method_details"},
    "event": {"account", "context"},
    "invoice": {"confirmation_secret", "payments"},
    "price": {"currency_options", "tiers"},
    "refund": {
        "description",
        "failure_balance_transaction",
        "failure_reason",
        "instructions_email",
        "next_action",
        "payment_method",
        "pending_reason",
        "presentment_details",
    },
}


class Clock:
    """Seconds since 1970. Real time, and as much further as it was advanced."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._ahead = 0.0

    def now(self) -> int:
        return int(self._now() + self._ahead)

    def advance(self, seconds: float) -> None:
        self._ahead += seconds


class Store:
    """All objects by id, in the order of their creation.

    `lock` is held while a request executes. `on_event` is told of each new event.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.lock = threading.RLock()
        self.events: list[Document] = []
        self.on_event: Callable[[Document], None] = lambda event: None
        self.request_id: str | None = None
        self.idempotency_key: str | None = None
        self._objects: dict[str, Document] = {}
        self._kinds: dict[str, dict[str, Document]] = {}
        self._notes: dict[str, dict[str, Any]] = {}

    def create(self, kind: str, **fields: Any) -> Document:
        """A new object with every field that Stripe answers with."""
        document = self.blank(kind)
        document["id"] = f"{_PREFIXES[kind]}_{secrets.token_hex(12)}"
        document.update(fields)
        self._objects[document["id"]] = document
        self._kinds.setdefault(kind, {})[document["id"]] = document
        return document

    def blank(self, kind: str) -> Document:
        """An object without an id, not kept."""
        structure = resource(kind)
        document = skeleton(structure)
        for name in _LEFT_OUT.get(kind, set()) | {"deleted"}:
            document.pop(name, None)
        known = {"object": kind, "livemode": False, "created": self.clock.now(), "metadata": {}}
        document.update({name: value for name, value in known.items() if name in structure.fields})
        return document

    def get(self, kind: str, identifier: str, param: str = "id") -> Document:
        found = self._kinds.get(kind, {}).get(identifier)
        if found is None:
            raise missing_resource(kind, identifier, param)
        return found

    def find(self, identifier: str) -> Document | None:
        return self._objects.get(identifier)

    def all(self, kind: str, **fields: Any) -> list[Document]:
        """The newest last."""
        return [
            document
            for document in self._kinds.get(kind, {}).values()
            if all(document[name] == value for name, value in fields.items())
        ]

    def discard(self, document: Document) -> None:
        """Forget an object whose creation was refused after all."""
        del self._objects[document["id"]]
        del self._kinds[document["object"]][document["id"]]

    def note(self, identifier: str) -> dict[str, Any]:
        """What the stand-in knows of an object and Stripe does not answer, such as a card's number."""
        return self._notes.setdefault(identifier, {})

    def emit(self, kind: str, document: Document, previous: Document | None = None) -> Document:
        """An event with the object as it is now; `previous` are the former values of what has changed."""
        data: Document = {"object": json.loads(json.dumps(document))}
        if previous is not None:
            data["previous_attributes"] = previous
        event = self.create(
            "event",
            type=kind,
            api_version=api_version(),
            data=data,
            pending_webhooks=0,
            request={"id": self.request_id, "idempotency_key": self.idempotency_key},
        )
        self.events.append(event)
        self.on_event(event)
        return event

    def part(self, structure: Structure, **fields: Any) -> Document:
        """A nested object with all its fields."""
        return {**skeleton(structure), **fields}


def page(url: str, items: list[Document] | Iterator[Document], has_more: bool = False) -> Document:
    """Stripe's list object."""
    return {"object": "list", "data": list(items), "has_more": has_more, "url": url}


def merged_metadata(present: dict[str, str], change: Any) -> dict[str, str]:
    """Metadata after a request: given keys replace, empty values unset, an empty text unsets all."""
    if change == "":
        return {}
    if not change:
        return present
    return {key: value for key, value in {**present, **change}.items() if value != ""}
