"""Stripe's wire format: form-encoded parameters, `expand`, pages, idempotency keys."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from .clock import Clock
from .errors import (
    bad_parameter,
    idempotency_key_in_use,
    idempotency_mismatch,
    no_such,
)
from .sdk_types import Json
from .store import Store, page

_DAY_SECONDS = 24 * 60 * 60
_MAX_EXPAND_DEPTH = 4
_MAX_PAGE = 100
_MAX_KEY = 255
_MAX_METADATA_KEYS = 50
_MAX_METADATA_KEY = 40
_MAX_METADATA_VALUE = 500
_STEPS = re.compile(r"[^\[\]]+")

# -- parameters ----------------------------------------------------------------------------------------------


def form_tree(encoded: str) -> Json:
    """`a[b]=1&c[0][d]=2&e[]=3` as nested hashes; lists stay hashes, keyed by their index.

    Raises the error of Stripe when a name is used both for a text and for a hash.
    """
    root: Json = {}
    for name, value in parse_qsl(encoded, keep_blank_values=True):
        steps = _STEPS.findall(name)
        if name.endswith("[]"):
            steps.append("")
        if not steps:
            continue
        place = root
        for step in steps[:-1]:
            inner = place.setdefault(step or str(len(place)), {})
            if not isinstance(inner, dict):
                raise bad_parameter("Invalid object", None, steps[0])
            place = inner
        place[steps[-1] or str(len(place))] = value
    return root


def check_metadata(parameters: Mapping[str, Any]) -> None:
    """Stripe's limits, for the metadata of the request itself and of its lines and items."""
    metadata = parameters.get("metadata")
    if isinstance(metadata, dict):
        if len(metadata) > _MAX_METADATA_KEYS:
            message = f"You can only set {_MAX_METADATA_KEYS} metadata keys, and gave {len(metadata)}."
            raise bad_parameter(message, None, "metadata")
        for key, value in metadata.items():
            if len(key) > _MAX_METADATA_KEY or len(value) > _MAX_METADATA_VALUE:
                message = (
                    f"Metadata keys have at most {_MAX_METADATA_KEY} characters and values at most "
                    f"{_MAX_METADATA_VALUE}."
                )
                raise bad_parameter(message, None, f"metadata[{key}]")
    for inner in parameters.values():
        if isinstance(inner, list):
            for element in inner:
                if isinstance(element, dict):
                    check_metadata(element)


# -- answers -------------------------------------------------------------------------------------------------


def copied(document: Json) -> Json:
    copy: Json = json.loads(json.dumps(document))
    return copy


def check_expand(paths: Sequence[str]) -> None:
    for path in paths:
        if len(path.split(".")) > _MAX_EXPAND_DEPTH:
            raise bad_parameter(
                f"You cannot expand more than {_MAX_EXPAND_DEPTH} levels of a property. Property: {path}",
                "expand",
            )


def expanded(document: Json, paths: Sequence[str], store: Store) -> Json:
    """A copy of the answer with the properties of `paths` in full."""
    answer = copied(document)
    for path in paths:
        places: list[Any] = [answer]
        for step in path.split("."):
            places = [inner for place in places for inner in _step_into(place, step, path, store)]
    return answer


def _step_into(place: Any, step: str, path: str, store: Store) -> list[Any]:
    if place is None:
        return []
    if isinstance(place, dict) and place.get("object") == "invoice":
        _include(place, step, store)
    if not isinstance(place, dict) or step not in place:
        raise bad_parameter(f"This property cannot be expanded ({path}).", None, "expand")
    value = place[step]
    if isinstance(value, str):
        found = store.find(value)
        if found is None:
            raise bad_parameter(f"This property cannot be expanded ({path}).", None, "expand")
        value = place[step] = copied(found)
    return value if isinstance(value, list) else [value]


def _include(invoice: Json, name: str, store: Store) -> None:
    """What Stripe adds to an invoice only when it is asked for."""
    if name == "payments" and name not in invoice:
        payments = [copied(payment) for payment in store.all("invoice_payment", invoice=invoice["id"])]
        invoice[name] = page(f"/v1/invoices/{invoice['id']}/payments", payments)
    if name == "confirmation_secret" and name not in invoice:
        secret = store.note(invoice["id"]).get("client_secret")
        invoice[name] = {"client_secret": secret, "type": "payment_intent"} if secret else None


def paged(url: str, newest_last: Sequence[Json], parameters: Json) -> Json:
    """One page, the newest first, by `limit`, `starting_after`, `ending_before` and `created`."""
    limit = parameters.get("limit", 10)
    if not 1 <= limit <= _MAX_PAGE:
        wanted = "greater than or equal to 1" if limit < 1 else f"less than or equal to {_MAX_PAGE}"
        message = f"This value must be {wanted} (it currently is '{limit}')."
        raise bad_parameter(message, "parameter_invalid_integer", "limit")
    documents = [item for item in reversed(newest_last) if _created_within(item, parameters.get("created"))]
    identifiers = [document["id"] for document in documents]
    if "starting_after" in parameters:
        start = _position(identifiers, parameters["starting_after"], "starting_after") + 1
        return page(url, documents[start : start + limit], len(documents) > start + limit)
    if "ending_before" in parameters:
        end = _position(identifiers, parameters["ending_before"], "ending_before")
        return page(url, documents[max(0, end - limit) : end], end > limit)
    return page(url, documents[:limit], len(documents) > limit)


def _position(identifiers: Sequence[str], wanted: str, param: str) -> int:
    if wanted not in identifiers:
        raise no_such("object", wanted, param)
    return identifiers.index(wanted)


def _created_within(document: Json, bounds: Any) -> bool:
    if bounds is None:
        return True
    created = document["created"]
    if isinstance(bounds, int):
        return bool(created == bounds)
    checks = {
        "gt": lambda bound: created > bound,
        "gte": lambda bound: created >= bound,
        "lt": lambda bound: created < bound,
        "lte": lambda bound: created <= bound,
    }
    return all(checks[name](bound) for name, bound in bounds.items())


# -- idempotency ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: Json
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Kept:
    fingerprint: str
    began_at: float
    answer: Answer | None = None


class IdempotencyKeys:
    """Answers kept under their keys for 24 hours of the clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: dict[str, _Kept] = {}

    def begin(self, key: str, path: str, body: str) -> Answer | None:
        """The kept answer, or None when the request is to be executed; then `finish` or `forget` follows.

        Raises StripeError for other parameters under the same key, and while its first request is under way.
        """
        if len(key) > _MAX_KEY:
            raise bad_parameter(f"Idempotency keys have at most {_MAX_KEY} characters; this has {len(key)}.")
        fingerprint = hashlib.sha256(f"{path}\n{body}".encode()).hexdigest()
        with self._lock:
            kept = self._kept.get(key)
            if kept is None or self._clock.time() - kept.began_at >= _DAY_SECONDS:
                self._kept[key] = _Kept(fingerprint, self._clock.time())
                return None
            if kept.fingerprint != fingerprint:
                raise idempotency_mismatch(key)
            if kept.answer is None:
                raise idempotency_key_in_use(key)
            return Answer(
                kept.answer.status, kept.answer.body, {**kept.answer.headers, "Idempotent-Replayed": "true"}
            )

    def finish(self, key: str, answer: Answer) -> None:
        with self._lock:
            if key in self._kept:
                self._kept[key].answer = answer

    def forget(self, key: str) -> None:
        """Nothing was executed: the key is as good as unused."""
        with self._lock:
            self._kept.pop(key, None)
