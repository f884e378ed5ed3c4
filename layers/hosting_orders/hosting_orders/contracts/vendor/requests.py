"""What all request bodies share."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic_core import PydanticCustomError

from hosting_orders.contracts.operation import RequestFacts
from hosting_orders.domain.codes import Code
from hosting_orders.domain.errors import InvalidFieldsError, InvalidRequestError
from hosting_orders.domain.json_pointer import pointer_to
from hosting_orders.usecases.place_cart import CartRequest, ItemRequest


class Strict(BaseModel):
    """Refuse unknown fields, because ignoring a misspelled field could charge for something else."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


Model = TypeVar("Model", bound=Strict)


def _readable(name: str) -> str:
    """Accept letters of any language, but nothing that breaks a line or changes the writing direction."""
    if any(unicodedata.category(sign) in ("Cc", "Zl", "Zp") or sign in _DIRECTION_SIGNS for sign in name):
        raise PydanticCustomError("unreadable", "must not have control characters or line breaks")
    if not any(unicodedata.category(sign)[0] in "LNPS" for sign in name):
        raise PydanticCustomError("unreadable", "must have at least one visible character")
    return name


# These characters reorder the text after them, so the displayed text differs from the stored text.
_DIRECTION_SIGNS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=100),
    AfterValidator(_readable),
]
"""A customer's name for a product."""
ShortName = Annotated[str, StringConstraints(min_length=1, max_length=100)]
"""A short text that selects an entry of the catalogue, such as a plan or a location."""


def one_line(text: str) -> str:
    if any(unicodedata.category(sign) == "Cc" for sign in text):
        raise PydanticCustomError("unreadable", "must not have control characters or line breaks")
    return text


# Customers copy auth codes out of e-mails, often with white space around them but never with a line break inside.
AuthCode = Annotated[str, StringConstraints(strip_whitespace=True, max_length=255), AfterValidator(one_line)]
"""The auth code of a domain transfer."""


class Callback(Strict):
    """`callback` of every order (O2-070 … O2-072, O2-136)."""

    url: Annotated[str, StringConstraints(max_length=2048)]
    authorization: Annotated[str, StringConstraints(max_length=1024)] | None = None


class Agreed(Strict):
    """What the client agrees to pay. Our addition to the body of every order."""

    quote: Annotated[str, StringConstraints(min_length=1, max_length=4096)] | None = None
    max_cost_cents: Annotated[int, Field(ge=0, le=2**53)] | None = None  # with tax, for the whole cart


# Our texts for pydantic's own errors. The validators here and in each contract's `requests.py` have their own texts.
_FINDINGS = {
    "bool_type": "must be true or false",
    "dict_type": "must be a JSON object",
    "extra_forbidden": "is not a field of this request",
    "greater_than_equal": "must be at least {ge}",
    "int_type": "must be a whole number",
    "less_than_equal": "must be at most {le}",
    "list_type": "must be a JSON array",
    "model_attributes_type": "must be a JSON object",
    "model_type": "must be a JSON object",
    "too_long": "must have at most {max_length} entries",
    "too_short": "must have at least {min_length} entry",
    "string_too_long": "must have at most {max_length} characters",
    "string_too_short": "must have at least {min_length} characters",
    "string_type": "must be text",
    "string_unicode": "must be text that can be written as UTF-8",
}


def field_problem(found: Mapping[str, Any], text: str | None = None) -> InvalidRequestError:
    """Convert one pydantic error to `missing_field` or `invalid_field`. `text` replaces the usual text."""
    location = found["loc"]
    pointer = pointer_to(*location)
    name = ".".join(str(part) for part in location) or "the body"
    if found["type"] == "missing":
        return InvalidRequestError(Code.MISSING_FIELD, f"`{name}` is required.", pointer)
    if text is None:
        known = _FINDINGS.get(found["type"])
        text = known.format(**found.get("ctx", {})) if known else str(found["msg"])
    if text.endswith(" 1 characters"):
        text = text.removesuffix("s")
    return InvalidRequestError(Code.INVALID_FIELD, f"`{name}` {text}.", pointer)


def checked(
    model: type[Model],
    body: object,
    problem: Callable[[Mapping[str, Any]], InvalidRequestError] = field_problem,
) -> Model:
    """Raises InvalidFieldsError with the contract's code for each wrong field."""
    try:
        return model.model_validate(body)
    except ValidationError as error:
        raise InvalidFieldsError([problem(found) for found in error.errors()]) from None


def cart_request(
    items: Sequence[ItemRequest], callback: Callback | None, facts: RequestFacts, agreed: Agreed
) -> CartRequest:
    return CartRequest(
        items=tuple(items),
        callback_url=callback.url if callback else None,
        callback_authorization=callback.authorization if callback else None,
        idempotency_key=facts.key,
        fingerprint=facts.fingerprint,
        placed=facts.placed,
        quote=agreed.quote,
        max_gross=agreed.max_cost_cents,
    )


def without_quote(request: CartRequest) -> CartRequest:
    if request.quote is not None:
        text = "`quote` is not a field of a preview: the preview returns a new quote."
        raise InvalidRequestError(Code.INVALID_FIELD, text, "/quote")
    return request
