"""What the stand-in knows: Stripe's objects as they are answered, what else is known of them, and events."""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .clock import Clock
from .errors import no_such
from .sdk_types import Json, api_version, skeleton

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


@dataclass(slots=True)
class Settings:
    """What is turned at while the stand-in runs."""

    allow_declining_attach: bool = False  # Stripe refuses to attach cards that decline
    refuse_refunds: bool = False


class Store:
    """All objects by id, in the order of their creation.

    `lock` is held while a request executes. `on_event` is told of each new event.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.settings = Settings()
        self.base_url = ""
        self.lock = threading.RLock()
        self.events: list[Json] = []
        self.on_event: Callable[[Json], None] = lambda event: None
        self.request_id: str | None = None
        self.idempotency_key: str | None = None
        self._objects: dict[str, Json] = {}
        self._kinds: dict[str, dict[str, Json]] = {}
        self._notes: dict[str, dict[str, Any]] = {}

    def create(self, kind: str, **fields: Any) -> Json:
        """A new object with every field that Stripe answers with."""
        document = self.blank(kind)
        document["id"] = f"{_PREFIXES[kind]}_{secrets.token_hex(12)}"
        document.update(fields)
        self._objects[document["id"]] = document
        self._kinds.setdefault(kind, {})[document["id"]] = document
        return document

    def blank(self, kind: str) -> Json:
        """An object without an id, not kept."""
        document = skeleton(kind)
        known = {"object": kind, "livemode": False, "created": self.clock.now(), "metadata": {}}
        document.update({name: value for name, value in known.items() if name in document})
        return document

    def get(self, kind: str, identifier: str, param: str = "id") -> Json:
        found = self._kinds.get(kind, {}).get(identifier)
        if found is None:
            raise no_such(kind, identifier, param)
        return found

    def find(self, identifier: str) -> Json | None:
        return self._objects.get(identifier)

    def all(self, kind: str, **fields: Any) -> list[Json]:
        """The newest last."""
        return [
            document
            for document in self._kinds.get(kind, {}).values()
            if all(document[name] == value for name, value in fields.items())
        ]

    def discard(self, document: Json) -> None:
        """Forget an object whose creation was refused after all."""
        del self._objects[document["id"]]
        del self._kinds[document["object"]][document["id"]]

    def note(self, identifier: str) -> dict[str, Any]:
        """What the stand-in knows of an object and Stripe does not answer, such as a card's number."""
        return self._notes.setdefault(identifier, {})

    def next_prefix(self) -> str:
        """What a customer's invoice numbers begin with."""
        return secrets.token_hex(4).upper()

    def emit(self, kind: str, document: Json, previous: Json | None = None) -> Json:
        """An event with the object as it is now; `previous` are the former values of what has changed."""
        data: Json = {"object": json.loads(json.dumps(document))}
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


def page(url: str, items: Sequence[Json], has_more: bool = False) -> Json:
    """Stripe's list object."""
    return {"object": "list", "data": list(items), "has_more": has_more, "url": url}


def merged_metadata(present: dict[str, str], change: Any) -> dict[str, str]:
    """Metadata after a request: given keys replace, empty values unset, an empty text unsets all."""
    if change == "":
        return {}
    if not change:
        return present
    return {key: value for key, value in {**present, **change}.items() if value != ""}
