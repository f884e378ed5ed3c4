"""Read a contact and check the rules that all TLDs share."""

from __future__ import annotations

import difflib
import json
import re
import unicodedata
from collections.abc import Callable, Mapping

from hosting_orders.domain.codes import Code
from hosting_orders.domain.contact_fields import (
    CONTACT_FIELDS,
    LONGEST,
    MAX_CONTACT_BYTES,
    MAX_EXTRA_LENGTH,
    OPTIONAL,
    REQUIRED,
)
from hosting_orders.domain.errors import InvalidFieldsError, InvalidRequestError
from hosting_orders.domain.json_pointer import pointer_to
from hosting_orders.domain.registration import Contact

_MAX_EXTRAS = 20
_MAX_FIELD_NAME = 64
# A user-assigned code of ISO 3166-1. It belongs to no country, but the package `iso3166` lists it.
_NOT_ASSIGNED = frozenset({"XK"})
# The Unicode categories of characters that cannot be printed on an address label: line breaks, control characters,
# unassigned and private characters, and surrogates.
_NOT_PRINTED = ("Cc", "Cs", "Cn", "Co", "Zl", "Zp")
# The invisible joiners of Persian and Indic scripts are allowed.
_JOINERS = "\u200c\u200d"
_PHONE = re.compile(r"^\+[0-9][0-9 ().-]*$")
_PHONE_MARKS = re.compile(r"[ ().-]")


class _RefusedError(Exception):
    """The message never has the refused value, which is personal data."""


def read_contact(given: Mapping[str, object]) -> Contact:
    problems: list[InvalidRequestError] = []
    values: dict[str, str] = {}
    for name in (*REQUIRED, *OPTIONAL):
        try:
            text = _text(given.get(name), LONGEST[name])
            if text:
                values[name] = _READERS.get(name, _as_it_is)(text)
            elif name in REQUIRED:
                problems.append(_missing(name))
        except _RefusedError as refusal:
            problems.append(_wrong(f"/{name}", f"`{name}` {refusal}"))
    extra = _read_extras(given.get("extra_properties"), problems)
    problems += [_unknown(name) for name in given if name not in CONTACT_FIELDS]
    if problems:
        raise InvalidFieldsError(problems)
    contact = Contact(**values, extra=extra)
    if contact_size(contact) > MAX_CONTACT_BYTES:
        raise InvalidFieldsError(
            [_wrong("", "The contact is too long as a whole: shorten its longest fields.")]
        )
    return contact


def contact_size(contact: Contact) -> int:
    return len(contact.as_json().encode())


# -- problems -----------------------------------------------------------------------------------------------------


def _missing(name: str) -> InvalidRequestError:
    return InvalidRequestError(Code.INCOMPLETE_CONTACT, f"`{name}` is required.", f"/{name}")


def _wrong(pointer: str, message: str) -> InvalidRequestError:
    return InvalidRequestError(Code.INVALID_CONTACT, message, pointer)


def _unknown(name: object) -> InvalidRequestError:
    """Unknown fields are refused, so a misspelled field cannot be lost silently."""
    shown = _printed(str(name)[:_MAX_FIELD_NAME])
    likely = difflib.get_close_matches(shown, CONTACT_FIELDS, n=1)
    hint = f" Did you mean `{likely[0]}`?" if likely else ""
    return _wrong(pointer_to(shown), f"`{shown}` is not a field of a contact.{hint}")


def _printed(name: str) -> str:
    return "".join("�" if unicodedata.category(one) in _NOT_PRINTED else one for one in name)


# -- values -------------------------------------------------------------------------------------------------------


def _text(value: object, longest: int) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _RefusedError("must be text.")
    text = unicodedata.normalize("NFC", value.strip())
    if any(
        unicodedata.category(character) in _NOT_PRINTED
        or (unicodedata.category(character) == "Cf" and character not in _JOINERS)
        for character in text
    ):
        raise _RefusedError("must not have line breaks, control characters or invisible characters.")
    if text and not text.strip(_JOINERS):
        raise _RefusedError("must have at least one visible character.")
    if len(text) > longest:
        raise _RefusedError(f"must have at most {longest} characters.")
    return text


def _as_it_is(text: str) -> str:
    return text


def _country(text: str) -> str:
    from iso3166 import countries_by_alpha2

    code = text.upper()
    # The text must be ASCII: "ß" in capitals is "SS", the code of South Sudan.
    if not text.isascii() or code not in countries_by_alpha2 or code in _NOT_ASSIGNED:
        raise _RefusedError("must be a two-letter country code of ISO 3166-1, such as `NL`.")
    return code


def _email(text: str) -> str:
    from email_validator import EmailNotValidError, validate_email

    try:
        # Registries accept only ASCII addresses. Deliverability is not checked.
        address = validate_email(text, check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError as error:
        raise _RefusedError("must be an e-mail address, such as `ada@example.com`.") from error
    return address.ascii_email or address.normalized


def _phone(text: str) -> str:
    from phonenumbers import (
        NumberParseException,
        ValidationResult,
        is_possible_number_with_reason,
        national_significant_number,
        parse,
    )

    refusal = _RefusedError(
        "must be a telephone number with its country code, such as `+15555555555` or `+1.5555555555`."
    )
    if not _PHONE.match(text):
        raise refusal
    try:
        number = parse("+" + _PHONE_MARKS.sub("", text[1:]))
    except NumberParseException as error:
        raise refusal from error
    # Do not use the library's check for valid numbers, which is too strict: it refuses new number ranges, and ranges
    # that are reserved for examples, such as 555.
    if is_possible_number_with_reason(number) != ValidationResult.IS_POSSIBLE:
        raise refusal
    return f"+{number.country_code}.{national_significant_number(number)}"


_READERS: Mapping[str, Callable[[str], str]] = {"country": _country, "email": _email, "phone": _phone}


# -- extra properties ---------------------------------------------------------------------------------------------


def _read_extras(given: object, problems: list[InvalidRequestError]) -> dict[str, str]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        problems.append(_wrong("/extra_properties", "`extra_properties` must be a JSON object."))
        return {}
    if len(given) > _MAX_EXTRAS:
        problems.append(
            _wrong("/extra_properties", f"`extra_properties` must have at most {_MAX_EXTRAS} fields.")
        )
        return {}
    extra: dict[str, str] = {}
    for name, value in given.items():
        shown = _printed(str(name)[:_MAX_FIELD_NAME])
        pointer = pointer_to("extra_properties", shown)
        if len(str(name)) > _MAX_FIELD_NAME:
            problems.append(_wrong(pointer, f"The field name `{shown}…` is too long."))
            continue
        if shown != name:
            problems.append(_wrong(pointer, f"`{shown}` cannot be a field name."))
            continue
        try:
            text = _text(_extra_as_text(value), MAX_EXTRA_LENGTH)
        except _RefusedError as refusal:
            problems.append(_wrong(pointer, f"`{shown}` {refusal}"))
            continue
        if text:
            extra[str(name)] = text
    return extra


def _extra_as_text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, int | float):  # includes bool
        return json.dumps(value)
    raise _RefusedError("must be text, a number, true or false.")
