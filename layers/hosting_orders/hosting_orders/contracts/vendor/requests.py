"""What every body of this vendor's contracts has: strict fields, `callback`, and problems in the contract's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, StringConstraints

from hosting_orders.domain.codes import Code
from hosting_orders.domain.errors import InvalidRequestError
from hosting_orders.domain.json_pointer import pointer_to


class Strict(BaseModel):
    """What a client sends. A field that is misspelled must not be lost: it would be paid for otherwise than it was
    meant."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


class Callback(Strict):
    """`callback` of every order (O2-070 … O2-072, O2-136)."""

    url: Annotated[str, StringConstraints(max_length=2048)]
    authorization: Annotated[str, StringConstraints(max_length=1024)] | None = None


# What pydantic finds, in our words; the validators of these modules have texts of their own.
_FINDINGS = {
    "dict_type": "must be a JSON object",
    "extra_forbidden": "is not a field of this request",
    "greater_than_equal": "must be at least {ge}",
    "int_type": "must be a whole number",
    "less_than_equal": "must be at most {le}",
    "list_type": "must be a JSON array",
    "model_attributes_type": "must be a JSON object",
    "model_type": "must be a JSON object",
    "string_too_long": "must have at most {max_length} characters",
    "string_too_short": "must have at least {min_length} characters",
    "string_type": "must be text",
    "string_unicode": "must be text that can be written as UTF-8",
}


def field_problem(found: Mapping[str, Any]) -> InvalidRequestError:
    """One of pydantic's findings in the contract's words: `missing_field` or `invalid_field`, with the field."""
    location = found["loc"]
    pointer = pointer_to(*location)
    name = ".".join(str(part) for part in location) or "the body"
    if found["type"] == "missing":
        return InvalidRequestError(Code.MISSING_FIELD, f"`{name}` is required.", pointer)
    known = _FINDINGS.get(found["type"])
    text = known.format(**found.get("ctx", {})) if known else str(found["msg"])
    if text.endswith(" 1 characters"):
        text = text.removesuffix("s")
    return InvalidRequestError(Code.INVALID_FIELD, f"`{name}` {text}.", pointer)
