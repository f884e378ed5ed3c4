"""How contract 002 spells what every part of it has."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, StringConstraints

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


def date_time(moment: int | None) -> str | None:
    """Epoch milliseconds as ISO 8601 UTC with three decimals."""
    if moment is None:
        return None
    text = dt.datetime.fromtimestamp(moment / 1000, dt.UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def field_problem(found: Mapping[str, Any]) -> InvalidRequestError:
    """One of pydantic's findings in this contract's words: `missing_field` or `invalid_field`, with the field."""
    location = found["loc"]
    pointer = pointer_to(*location)
    name = ".".join(str(part) for part in location) or "the body"
    if found["type"] == "missing":
        return InvalidRequestError("missing_field", f"`{name}` is required.", pointer)
    if found["type"] in ("model_type", "model_attributes_type"):
        return InvalidRequestError("invalid_field", f"`{name}` must be a JSON object.", pointer)
    if found["type"] == "extra_forbidden":
        return InvalidRequestError("invalid_field", f"`{name}` is not a field of this request.", pointer)
    text = str(found["msg"]).replace("Input should be", "must be").replace("String should", "must")
    return InvalidRequestError("invalid_field", f"`{name}` {text}.", pointer)
