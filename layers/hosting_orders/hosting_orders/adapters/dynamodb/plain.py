"""Dataclasses to plain values and back, by their field names.

An attribute of the table has the name of the field it holds. Renaming a field therefore renames the attribute: items
that are already stored are read by the names in `FORMER_NAMES` too (tests/integration/test_kept_items.py).
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
"""By dataclass: the name of a field → what it was called before 2026-11-27. A write stores the new name alone."""


def to_plain(value: Any, *, without: Collection[str] = ()) -> Any:
    """Dataclasses become maps, enums their words, tuples and sets lists; a field that is None is left out.

    Of several dataclasses that a field may hold, `kind` says which: each of them has its word as `KIND`.
    """
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
    """The dataclass `kind` again. Attributes it does not know are ignored; what is missing was None, or if it
    can't be None, is new and has its default. Mappings are taken as they are.

    Raises TypeError when a field is missing that can neither be None nor has a default.
    """
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
    """Name of each field, how to read its value, and whether it can be None."""
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
            raise TypeError(f"nothing in an item says which of {hint} it is")
        by_word = {kind.KIND: kind for kind in kinds}
        # What was stored before there was a choice has no word: it is of the first kind.
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
