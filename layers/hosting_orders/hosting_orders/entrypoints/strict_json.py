"""Strict JSON (RFC 8259). Rejects documents that parsers read in different ways."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

MAX_DEPTH = 16
"""The maximum depth of nested objects and arrays. It is limited, because later code walks the body recursively."""

_MAX_INTEGER_DIGITS = 40


class UnfitJsonError(ValueError):
    """The message is for the client."""


def parse(raw: bytes) -> object:
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UnfitJsonError("The body is not UTF-8.") from None
    try:
        document = json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_no_constant,
            parse_float=_float,
            parse_int=_integer,
        )
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise UnfitJsonError(f"The body is not valid JSON ({where}).") from None
    except RecursionError:
        raise _too_deep() from None
    _check_depth(document)
    return document


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        # Parsers disagree on which of the two values they use. A proxy may have checked one value, and we would use the
        # other.
        raise UnfitJsonError(f"The key {twice[:60]!a} appears twice in one object.")
    return members


def _no_constant(name: str) -> object:
    raise UnfitJsonError(f"The body is not valid JSON: {name} is not a JSON number.")


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise UnfitJsonError("The body has a number that is too large.")
    return number


def _integer(text: str) -> int:
    if len(text) > _MAX_INTEGER_DIGITS:
        raise UnfitJsonError("The body has a number that is too large.")
    return int(text)


def _check_depth(document: object) -> None:
    level = [document]
    for _ in range(MAX_DEPTH):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return
    raise _too_deep()


def _inside(value: object) -> list[Any]:
    members = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [member for member in members if isinstance(member, dict | list)]


def _too_deep() -> UnfitJsonError:
    return UnfitJsonError(f"The body is nested too deeply: at most {MAX_DEPTH} levels are allowed.")
