"""Convert dataclasses to plain values and back, by field name.

Stored items keep a field's old name, so a renamed field needs an entry in `FORMER_NAMES`.
"""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Callable, Collection, Hashable, Mapping
from enum import Enum
from typing import Any, TypeVar, cast

T = TypeVar("T")

FORMER_NAMES: Mapping[str, Mapping[str, str]] = {
    "Payment": {"reference": "invoice_id", "pay_url": "hosted_invoice_url"},
    "DomainRecord": {"claim": "name_claim", "renewals": "name_renewals"},
    "DomainRenewal": {"reference": "invoice_id"},
}
"""For each dataclass: a field → its name in items written before 2026-11-27. Writes use only the new name."""


def to_plain(value: Any, *, without: Collection[str] = ()) -> Any:
    """Leave out fields that are None. If a dataclass has a KIND, add it as `kind`."""
    if dataclasses.is_dataclass(value):
        fields = {
            field.name: to_plain(getattr(value, field.name))
            for field in dataclasses.fields(value)
            if field.name not in without
        }
        kind = {"kind": to_plain(value.KIND)} if hasattr(value, "KIND") else {}
        return {**kind, **{name: inner for name, inner in fields.items() if inner is not None}}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple):
        return [to_plain(inner) for inner in value]
    if isinstance(value, frozenset):
        return sorted(value)
    return value


def from_plain(kind: type[T], values: Mapping[str, Any]) -> T:
    # A missing attribute becomes None if the field allows None. Otherwise the field gets its default. A field without a
    # default raises TypeError.
    found: dict[str, Any] = {}
    former = FORMER_NAMES.get(kind.__name__, {})
    for name, read, can_be_none in _fields(cast(Hashable, kind)):
        value = values.get(name, values.get(former.get(name, name)))
        if value is not None:
            found[name] = read(value)
        elif can_be_none:
            found[name] = None
    return kind(**found)


@functools.cache
def _fields(kind: type) -> list[tuple[str, Callable[[Any], Any], bool]]:
    hints = typing.get_type_hints(kind)
    return [
        (field.name, _reader(hints[field.name]), type(None) in typing.get_args(hints[field.name]))
        for field in dataclasses.fields(kind)
    ]


def _reader(hint: Any) -> Callable[[Any], Any]:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        kinds = [argument for argument in arguments if argument is not type(None)]
        if len(kinds) == 1:
            return _reader(kinds[0])
        if not all(hasattr(kind, "KIND") for kind in kinds):
            raise TypeError(f"each dataclass of {hint} needs a KIND, which says what a stored item holds")
        by_word = {kind.KIND: kind for kind in kinds}
        # An item without `kind` was written when only the first of these dataclasses existed.
        return lambda value: from_plain(by_word[value.get("kind", kinds[0].KIND)], value)
    if origin is tuple:
        read = _reader(arguments[0])
        return lambda values: tuple(read(value) for value in values)
    if origin is frozenset:
        return frozenset
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return functools.partial(from_plain, hint)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint
    return lambda value: value
