"""Stripe's wire format: form-encoded parameters read by their types, `expand`, pages, idempotency keys."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from .errors import StripeApiError, ValidationError, invalid, refused_parameter
from .sdk_types import (
    Choice,
    Document,
    Either,
    Expandable,
    ListOf,
    MapOf,
    Nullable,
    PageOf,
    Scalar,
    Structure,
    Type,
)
from .store import Clock, Store, page

_DAY_SECONDS = 24 * 60 * 60
_MAX_EXPAND_DEPTH = 4
_MAX_METADATA_KEYS = 50
_MAX_METADATA_KEY = 40
_MAX_METADATA_VALUE = 500
_PARTS = re.compile(r"[^\[\]]+")

# -- parameters ----------------------------------------------------------------------------------------------


def nested(encoded: str) -> Document:
    """`a[b]=1&c[0][d]=2&e[]=3` as nested dicts; lists stay dicts keyed by their index."""
    root: Document = {}
    for name, value in parse_qsl(encoded, keep_blank_values=True):
        steps = _PARTS.findall(name)
        if name.endswith("[]"):
            steps.append("")
        if not steps:
            continue
        place = root
        for step in steps[:-1]:
            inner = place.setdefault(step or str(len(place)), {})
            if not isinstance(inner, dict):
                raise refused_parameter("Invalid object", steps[0])
            place = inner
        place[steps[-1] or str(len(place))] = value
    return root


def read_parameters(structure: Structure, given: Document) -> Document:
    """The parameters with their types. Raises ValidationError as Stripe does for what is not documented."""
    read = _read_structure(structure, given, "")
    for name, value in read.items():
        if name == "metadata" and isinstance(value, dict):
            _check_metadata(value)
    return read


def _read(kind: Type, value: Any, param: str) -> Any:
    match kind:
        case Nullable(inner):
            return _read(inner, value, param)
        case Structure():
            if not isinstance(value, dict):
                raise refused_parameter("Invalid object", param)
            return _read_structure(kind, value, param)
        case ListOf(item):
            if not isinstance(value, dict):
                raise refused_parameter("Invalid array", param)
            ordered = sorted(value.items(), key=lambda pair: int(pair[0]) if pair[0].isdigit() else 0)
            return [_read(item, element, f"{param}[{index}]") for index, (_, element) in enumerate(ordered)]
        case MapOf(inner):
            if not isinstance(value, dict):
                raise refused_parameter("Invalid object", param)
            return {key: _read(inner, element, f"{param}[{key}]") for key, element in value.items()}
        case Choice(values):
            return _read_choice(values, value, param)
        case Either(options):
            return _read_either(options, value, param)
        case Scalar(name):
            return _read_scalar(name, value, param)
        case Expandable() | PageOf():
            raise TypeError(f"{param}: resources are not parameters")


def _read_structure(structure: Structure, given: Document, inside: str) -> Document:
    fields = structure.fields
    read: Document = {}
    for name, value in given.items():
        param = f"{inside}[{name}]" if inside else name
        if name not in fields:
            raise refused_parameter(f"Received unknown parameter: {param}", param, "parameter_unknown")
        read[name] = _read(fields[name].type, value, param)
    for name, field in fields.items():
        if field.required and name not in given:
            param = f"{inside}[{name}]" if inside else name
            raise refused_parameter(f"Missing required param: {param}.", param, "parameter_missing")
    return read


def _read_choice(values: Sequence[Any], value: Any, param: str) -> Any:
    if value in values:
        return value
    named = [str(choice) for choice in values if choice != ""]
    if len(named) == 1:
        wanted = named[0]
    elif len(named) == 2:
        wanted = " or ".join(named)
    else:
        wanted = f"one of {', '.join(named[:-1])}, or {named[-1]}"
    raise refused_parameter(f"Invalid {param}: must be {wanted}", param)


def _read_either(options: Sequence[Type], value: Any, param: str) -> Any:
    refusal: ValidationError | None = None
    for option in options:
        try:
            return _read(option, value, param)
        except ValidationError as error:
            # What is wrong inside a structure says more than that a text is not one.
            if refusal is None or isinstance(value, dict) is isinstance(option, Structure | MapOf | ListOf):
                refusal = error
    assert refusal is not None
    raise refusal


def _read_scalar(name: str, value: Any, param: str) -> Any:
    if name == "any":
        return value
    if not isinstance(value, str):
        raise refused_parameter(f"Invalid string: {json.dumps(value)}", param)
    if value == "":
        raise refused_parameter(
            f"You passed an empty string for '{param}'. We assume empty values are an attempt to unset a "
            f"parameter; however '{param}' cannot be unset. You should remove '{param}' from your request or "
            "supply a non-empty value.",
            param,
            "parameter_invalid_empty",
        )
    if name == "int":
        if not re.fullmatch(r"-?\d+", value):
            raise refused_parameter(f"Invalid integer: {value}", param, "parameter_invalid_integer")
        return int(value)
    if name == "bool":
        if value not in {"true", "false"}:
            raise refused_parameter(f"Invalid boolean: {value}", param)
        return value == "true"
    if name in {"float", "decimal"}:
        if not re.fullmatch(r"-?\d+(\.\d+)?", value):
            raise refused_parameter(f"Invalid decimal: {value}", param)
        return float(value) if name == "float" else value
    return value


def _check_metadata(metadata: dict[str, str]) -> None:
    if len(metadata) > _MAX_METADATA_KEYS:
        raise refused_parameter(
            f"You can only have {_MAX_METADATA_KEYS} metadata keys. You passed in {len(metadata)}.", "metadata"
        )
    for key, value in metadata.items():
        if len(key) > _MAX_METADATA_KEY:
            raise refused_parameter(
                f"Invalid string: {key}; must be at most {_MAX_METADATA_KEY} characters", f"metadata[{key}]"
            )
        if len(value) > _MAX_METADATA_VALUE:
            raise refused_parameter(
                f"Invalid string: {value[:20]}…; must be at most {_MAX_METADATA_VALUE} characters",
                f"metadata[{key}]",
            )


# -- answers -------------------------------------------------------------------------------------------------


def copied(document: Document) -> Document:
    copy: Document = json.loads(json.dumps(document))
    return copy


def check_expand(paths: Sequence[str]) -> None:
    for path in paths:
        if len(path.split(".")) > _MAX_EXPAND_DEPTH:
            raise refused_parameter(
                f"You cannot expand more than {_MAX_EXPAND_DEPTH} levels of a property. "
                f"Property: {path}",
                "expand",
            )


def expanded(document: Document, paths: Sequence[str], store: Store) -> Document:
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
        raise invalid(
            f"This property cannot be expanded ({path}). You may want to try expanding 'data.{path}' instead."
            if isinstance(place, dict) and place.get("object") == "list"
            else f"This property cannot be expanded ({path}).",
        )
    value = place[step]
    if isinstance(value, str):
        found = store.find(value)
        if found is None:
            raise invalid(f"This property cannot be expanded ({path}).")
        value = place[step] = copied(found)
    return value if isinstance(value, list) else [value]


def _include(invoice: Document, name: str, store: Store) -> None:
    """What Stripe adds to an invoice only when it is asked for."""
    if name == "payments" and name not in invoice:
        payments = [copied(payment) for payment in store.all("invoice_payment", invoice=invoice["id"])]
        invoice[name] = page(f"/v1/invoices/{invoice['id']}/payments", payments)
    if name == "confirmation_secret" and name not in invoice:
        secret = store.note(invoice["id"]).get("client_secret")
        invoice[name] = {"client_secret": secret, "type": "payment_intent"} if secret else None


def paged(url: str, newest_last: Sequence[Document], parameters: Document) -> Document:
    """One page, the newest first, by `limit`, `starting_after`, `ending_before` and `created`."""
    limit = parameters.get("limit", 10)
    if not 1 <= limit <= 100:
        raise refused_parameter(
            f"This value must be {'greater than or equal to 1' if limit < 1 else 'less than or equal to 100'} "
            f"(it currently is '{limit}').",
            "limit",
            "parameter_invalid_integer",
        )
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
        raise invalid(f"No such object: '{wanted}'", code="resource_missing", param=param)
    return identifiers.index(wanted)


def _created_within(document: Document, bounds: Any) -> bool:
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
    body: Document
    replayed: bool = False


@dataclass(slots=True)
class _Kept:
    path: str
    fingerprint: str
    began_at: int
    answer: Answer | None = None


class IdempotencyKeys:
    """Answers kept under their keys for 24 hours of the clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: dict[str, _Kept] = {}

    def begin(self, key: str, path: str, body: str) -> Answer | None:
        """The kept answer, or None when the request is to be executed; then `finish` or `forget` follows."""
        if len(key) > 255:
            raise ValidationError(
                400,
                "invalid_request_error",
                f"Idempotency keys must be at most 255 characters (yours was {len(key)}).",
            )
        fingerprint = hashlib.sha256(f"{path}\n{body}".encode()).hexdigest()
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None and self._clock.now() - kept.began_at >= _DAY_SECONDS:
                kept = None
            if kept is None:
                self._kept[key] = _Kept(path, fingerprint, self._clock.now())
                return None
            if kept.path != path:
                raise StripeApiError(
                    400,
                    "idempotency_error",
                    "Keys for idempotent requests can only be used for the same endpoint they were first used "
                    f"for ('{path}' vs '{kept.path}'). Try using a key other than '{key}' if you meant to "
                    "execute a different request.",
                )
            if kept.fingerprint != fingerprint:
                raise StripeApiError(
                    400,
                    "idempotency_error",
                    "Keys for idempotent requests can only be used with the same parameters they were first "
                    f"used with. Try using a key other than '{key}' if you meant to execute a different "
                    "request.",
                )
            if kept.answer is None:
                raise StripeApiError(
                    409,
                    "invalid_request_error",
                    "There is currently another in-progress request using this Idempotent Key (that probably "
                    "means you submitted twice, and the other request is still going through): "
                    f"{key}. Please try again later.",
                    code="idempotency_key_in_use",
                )
            return Answer(kept.answer.status, kept.answer.body, replayed=True)

    def finish(self, key: str, answer: Answer) -> None:
        with self._lock:
            self._kept[key].answer = answer

    def forget(self, key: str) -> None:
        """Nothing was executed: the key is as good as unused."""
        with self._lock:
            self._kept.pop(key, None)
