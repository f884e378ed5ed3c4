"""The API's types in the pinned `stripe` package, which Stripe generates from its specification.

- `decode` validates and types a request's form fields.
- `skeleton` creates an object with every documented field.
- `violations` lists fields of a response that are unknown, missing, or of a wrong type or value.

Types are loaded on first use. Importing this module does not import the SDK.
"""

from __future__ import annotations

import re
import threading
import types
import typing
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from functools import cache
from importlib import import_module
from typing import (
    Any,
    ClassVar,
    ForwardRef,
    Literal,
    NotRequired,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
)

from typing_extensions import is_typeddict

from .errors import bad_parameter, missing_parameter

Json = dict[str, Any]
_Document = TypeVar("_Document")

_LOADING = threading.RLock()
"""The SDK's modules import each other. Without a lock, a thread could see a half-loaded module."""

LEFT_OUT: Mapping[str, frozenset[str]] = {
    # Fields that Stripe omits instead of sending null. They need `expand`, only apply to some types, or mark a deleted
    # object.
    "customer": frozenset(
        ("deleted", "sources", "subscriptions", "tax_ids", "tax", "cash_balance", "invoice_credit_balance")
    ),
    "invoice": frozenset(("deleted", "payments", "confirmation_secret")),
    "checkout.session": frozenset(("line_items",)),
    "item": frozenset(("discounts", "taxes")),
    "charge": frozenset(("refunds", "level3", "authorization_code", "presentment_details")),
    "dispute": frozenset(("intended_submission_method", "network_reason_code", "payment_method_details")),
    "event": frozenset(("account", "context")),
    "refund": frozenset(
        (
            "description",
            "failure_balance_transaction",
            "failure_reason",
            "instructions_email",
            "next_action",
            "payment_method",
            "pending_reason",
            "presentment_details",
        )
    ),
    "price": frozenset(("deleted", "currency_options", "tiers")),
    "plan": frozenset(("deleted", "tiers")),
    "product": frozenset(("deleted",)),
    "subscription_item": frozenset(("deleted",)),
    "test_helpers.test_clock": frozenset(("deleted",)),
    "webhook_endpoint": frozenset(("deleted", "secret")),
}


def copied(document: _Document) -> _Document:
    """A copy of a JSON document, made many times faster than by copy.deepcopy."""
    return cast(_Document, _copied(document))


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _copied(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_copied(inner) for inner in value]
    return value


# -- object types --------------------------------------------------------------------------------------------


@cache
def api_version() -> str:
    """The API version of the pinned package."""
    with _LOADING:
        return str(import_module("stripe._api_version")._ApiVersion.CURRENT)


@cache
def resource(object_name: str) -> type:
    """The package's class for `"object": object_name`. Raises KeyError."""
    with _LOADING:
        module, class_name = import_module("stripe._object_classes").OBJECT_CLASSES[object_name]
        found: type = getattr(import_module(module), class_name)
        return found


@cache
def fields(cls: type) -> dict[str, Any]:
    return {
        name: annotation
        for name, annotation in cls.__annotations__.items()
        if not _is_class_var(annotation) and not name.startswith("_")
    }


def _is_class_var(annotation: Any) -> bool:
    origin: Any = get_origin(annotation)
    return origin is ClassVar


def _is_union(annotation: Any) -> bool:
    origin: Any = get_origin(annotation)
    return origin is Union or origin is types.UnionType


def _members(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if _is_union(annotation) else (annotation,)


def _nullable(annotation: Any) -> bool:
    return type(None) in _members(annotation)


def _words(annotation: Any) -> tuple[str, ...]:
    """The documented values. The types also allow any `str`, because later versions may add values."""
    return tuple(
        word for member in _members(annotation) if get_origin(member) is Literal for word in get_args(member)
    )


def _is_class_of_sdk(annotation: Any) -> bool:
    return (
        isinstance(annotation, type)
        and annotation.__module__.startswith("stripe.")
        and not (_is_untyped(annotation))
    )


def _is_untyped(annotation: Any) -> bool:
    """Whether the type allows any keys, as metadata does."""
    origin = get_origin(annotation) or annotation
    return origin is dict or getattr(origin, "__name__", "") == "UntypedStripeObject"


def _is_list_object(annotation: Any) -> bool:
    return getattr(get_origin(annotation), "__name__", "") == "ListObject"


def skeleton(object_name: str) -> Json:
    """A new object with every documented field. The values are null, zero or empty.

    The caller must set the fields that Stripe always sends. `violations` reports a required text that is still empty.
    """
    return copied(_blank(object_name))


@cache
def _blank(object_name: str) -> Json:
    left_out = LEFT_OUT.get(object_name, frozenset())
    return {
        name: _empty(annotation)
        for name, annotation in fields(resource(object_name)).items()
        if name not in left_out
    }


def part(object_name: str, *path: str, **values: Any) -> Json:
    """A new part of an object, such as part("invoice", "AutomaticTax", enabled=True)."""
    cls: Any = resource(object_name)
    for name in path:
        cls = getattr(cls, name)
    made = {name: _empty(annotation) for name, annotation in fields(cls).items()}
    unknown = values.keys() - made.keys()
    if unknown:
        raise AttributeError(f"{object_name}.{'.'.join(path)} has no {', '.join(sorted(unknown))}")
    return made | values


def words(object_name: str, *path: str, field: str) -> tuple[str, ...]:
    """The values of a field, such as words("charge", field="status")."""
    cls: Any = resource(object_name)
    for name in path:
        cls = getattr(cls, name)
    return _words(fields(cls)[field])


def _empty(annotation: Any) -> Any:
    if _nullable(annotation):
        return None
    first = _members(annotation)[0]
    origin = get_origin(first)
    if origin is Literal:
        words = get_args(first)
        return words[0] if len(words) == 1 and not _is_union(annotation) else ""
    if origin is list:
        return []
    if _is_list_object(first):
        return {"object": "list", "data": [], "has_more": False, "url": ""}
    if _is_untyped(first):
        return {}
    if _is_class_of_sdk(first):
        return {name: _empty(inner) for name, inner in fields(first).items() if name != "deleted"}
    return {int: 0, float: 0.0, bool: False, Decimal: "0"}.get(first, "")


# -- validating responses ------------------------------------------------------------------------------------


def violations(object_name: str, answer: Any) -> list[str]:
    found: list[str] = []
    _check_object(object_name, answer, object_name, found)
    return found


def _check_object(object_name: str, value: Any, path: str, found: list[str]) -> None:
    if not isinstance(value, dict):
        found.append(f"{path}: {value!r} is not an object")
    elif value.get("object") != object_name:
        found.append(f"{path}.object: {value.get('object')!r} instead of {object_name!r}")
    elif object_name in ("list", "search_result"):
        _check_list(value, None, path, found)
    elif value.get("deleted") is True:
        if sorted(value) != ["deleted", "id", "object"]:
            found.append(f"{path}: a deleted object has only deleted, id and object")
    else:
        _check_fields(resource(object_name), value, path, found)
        if object_name == "event":
            inner = value["data"]["object"]
            _check_object(inner.get("object", "?"), inner, f"{path}.data.object", found)


def _check_list(value: Any, item: Any, path: str, found: list[str]) -> None:
    if not isinstance(value, dict) or not isinstance(value.get("data"), list):
        found.append(f"{path}: {value!r} is not a list object")
        return
    cls = resource(value.get("object", "list"))
    # The SDK's list classes are written by hand. The class of a search result has no `url`, and its `next_page` cannot
    # be null. Stripe documents a `url`, and a null `next_page`: https://docs.stripe.com/api/pagination/search.
    by_hand = {"url", "next_page"} if value["object"] == "search_result" else set()
    for name in value.keys() - fields(cls).keys() - by_hand - {"object"}:
        found.append(f"{path}.{name}: unknown field")
    for name, annotation in fields(cls).items():
        if name != "data" and name not in by_hand:
            _check_field(name, annotation, value, path, found)
    for position, entry in enumerate(value["data"]):
        at = f"{path}.data[{position}]"
        if item is None:
            _check_object(entry.get("object", "?"), entry, at, found)
        else:
            _check(item, entry, at, found)


def _check_fields(cls: type, value: Mapping[str, Any], path: str, found: list[str]) -> None:
    known = fields(cls)
    found.extend(f"{path}.{name}: unknown field" for name in value if name not in known)
    for name, annotation in known.items():
        _check_field(name, annotation, value, path, found)


def _check_field(name: str, annotation: Any, value: Mapping[str, Any], path: str, found: list[str]) -> None:
    if name in value:
        _check(annotation, value[name], f"{path}.{name}", found)
    elif not _nullable(annotation):
        found.append(f"{path}.{name}: missing")


def _check(annotation: Any, value: Any, path: str, found: list[str]) -> None:
    if value is None:
        if not _nullable(annotation):
            found.append(f"{path}: null")
        return
    # Stripe sends an empty text for what a country does not have, such as a bank's branch code.
    if value == "" and _nullable(annotation):
        return
    members = [member for member in _members(annotation) if member is not type(None)]
    if isinstance(value, dict):
        _check_hash(members, value, path, found)
    elif isinstance(value, list):
        lists = [member for member in members if get_origin(member) is list]
        if not lists:
            found.append(f"{path}: a list")
        for position, entry in enumerate(value):
            _check(get_args(lists[0])[0] if lists else Any, entry, f"{path}[{position}]", found)
    elif (words := _words(annotation)) and isinstance(value, (str, bool)):
        if value not in words:
            found.append(f"{path}: {value!r} is none of {', '.join(map(str, words[:8]))}")
    elif not any(_is_scalar(member, value) for member in members):
        wanted = " | ".join(getattr(member, "__name__", str(member)) for member in members)
        found.append(f"{path}: {value!r} is no {wanted}")


def _is_scalar(annotation: Any, value: Any) -> bool:
    if annotation is Any:
        return True
    if annotation is Decimal:  # sent as text, to lose no digits
        return isinstance(value, str) and re.fullmatch(r"-?\d+(\.\d{1,12})?", value) is not None
    if annotation is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if annotation is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if annotation is str:
        # Stripe never sends an empty text for a required field; see `skeleton`.
        return isinstance(value, str) and value != ""
    return annotation is bool and isinstance(value, bool)


def _check_hash(members: list[Any], value: Json, path: str, found: list[str]) -> None:
    for member in members:
        if _is_untyped(member):
            inner = (get_args(member) or (Any,))[-1]
            for key, entry in value.items():
                if inner is str and not isinstance(entry, str):
                    found.append(f"{path}.{key}: {entry!r} is no str")
            return
        if _is_list_object(member):
            item = get_args(member)[0]
            _check_list(value, item if _is_class_of_sdk(item) else None, path, found)
            return
        if isinstance(member, (ForwardRef, str)):  # the class of an object that `expand` puts here
            class_name = member if isinstance(member, str) else member.__forward_arg__
            if _names(class_name, value.get("object")):
                _check_object(value["object"], value, path, found)
                return
        elif _is_class_of_sdk(member):
            _check_fields(member, value, path, found)
            return
    found.append(f"{path}: an object ({value.get('object', 'a hash')})")


def _names(class_name: str, object_name: Any) -> bool:
    """Whether `class_name`, with or without the suffix `Resource`, is the class of this object."""
    try:
        return resource(object_name).__name__ == class_name.removesuffix("Resource")
    except KeyError:
        return False


# -- decoding requests ---------------------------------------------------------------------------------------


@cache
def params(name: str) -> dict[str, Any]:
    """The annotated fields of a request, such as `InvoiceCreateParams` or `checkout.SessionCreateParams`."""
    package, _, class_name = f"stripe.params.{name}".rpartition(".")
    with _LOADING:
        module = import_module(f"{package}._{_snake(class_name)}")
        return _hints(getattr(module, class_name))


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


@cache
def _hints(typed_dict: Any) -> dict[str, Any]:
    options = import_module("stripe._request_options").RequestOptions.__annotations__
    own = {name: hint for name, hint in typed_dict.__annotations__.items() if name not in options}
    namespace = vars(import_module(typed_dict.__module__))
    # get_type_hints on the class would also resolve RequestOptions, which uses names that cannot be imported.
    holder = types.SimpleNamespace(__annotations__=own)
    return typing.get_type_hints(holder, globalns=namespace, include_extras=True)


def _unwrapped(hint: Any) -> tuple[Any, bool]:
    """The annotation inside NotRequired, and whether the field is required."""
    if get_origin(hint) is NotRequired:
        return get_args(hint)[0], False
    return hint, True


def decode(name: str, form: Mapping[str, Any]) -> Json:
    """A request's fields, typed by the TypedDict `name`. `form` is a tree from `wire.form_tree`.

    Raises Stripe's error for a field that is unknown, missing or of a wrong type.
    """
    return _decode_hash(params(name), form, "")


def _decode_hash(known: Mapping[str, Any], form: Mapping[str, Any], path: str) -> Json:
    decoded = {}
    for key, value in form.items():
        at = f"{path}[{key}]" if path else key
        if key not in known:
            raise bad_parameter(f"Received unknown parameter: {at}", "parameter_unknown", at)
        decoded[key] = _decode(_unwrapped(known[key])[0], value, at)
    for key, hint in known.items():
        if key not in form and _unwrapped(hint)[1]:
            raise missing_parameter(f"{path}[{key}]" if path else key)
    return decoded


def _decode(annotation: Any, value: Any, at: str) -> Any:
    members = _members(annotation)
    if isinstance(value, dict):
        return _decode_nested(members, value, at)
    words = _words(annotation)
    if value in words:
        return value
    if any(is_typeddict(member) or _is_untyped(member) for member in members) and int not in members:
        raise bad_parameter("Invalid object", None, at)
    if any(get_origin(member) is list for member in members):
        raise bad_parameter("Invalid array", None, at)
    if value == "" and words != ("",):
        message = (
            f"You passed an empty string for '{at}'. We assume empty values are an attempt to unset a "
            f"parameter; however '{at}' cannot be unset."
        )
        raise bad_parameter(message, "parameter_invalid_empty", at)
    if set(words) - {""}:
        raise bad_parameter(f"Invalid {at}: must be one of {', '.join(words)}", None, at)
    return _decode_scalar(members, value, at)


def _decode_scalar(members: tuple[Any, ...], value: str, at: str) -> Any:
    if int in members:
        if not re.fullmatch(r"-?\d{1,18}", value):
            raise bad_parameter(f"Invalid integer: {value}", "parameter_invalid_integer", at)
        return int(value)
    if bool in members:
        if value not in ("true", "false"):
            raise bad_parameter(f"Invalid boolean: {value}", None, at)
        return value == "true"
    if Decimal in members or float in members:
        try:
            return Decimal(value)
        except InvalidOperation:
            raise bad_parameter(f"Invalid decimal: {value}", None, at) from None
    return value


def _decode_nested(members: tuple[Any, ...], value: Mapping[str, Any], at: str) -> Any:
    for member in members:
        if is_typeddict(member):
            return _decode_hash(_hints(member), value, at)
        if _is_untyped(member):
            for key, entry in value.items():
                if not isinstance(entry, str):
                    raise bad_parameter(f"Invalid string: {entry}", None, f"{at}[{key}]")
            return dict(value)
        if get_origin(member) is list:
            if not all(key.isdigit() for key in value):
                raise bad_parameter("Invalid array", None, at)
            (item,) = get_args(member)
            ordered = sorted(value.items(), key=lambda entry: int(entry[0]))
            return [_decode(item, entry, f"{at}[{key}]") for key, entry in ordered]
    raise bad_parameter(f"Invalid string: {dict(value)}", None, at)
