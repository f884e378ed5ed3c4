"""The port RegistryRules, implemented with the files in `tld_data`."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, cast

from hosting_orders.adapters.route53 import tlds
from hosting_orders.adapters.route53.contact_fields import read_contact
from hosting_orders.adapters.route53.contact_schema import contact_schema
from hosting_orders.adapters.route53.domain_names import parse_domain_name
from hosting_orders.domain import durations
from hosting_orders.domain.codes import Code
from hosting_orders.domain.errors import InvalidRequestError
from hosting_orders.domain.json_pointer import pointer_to
from hosting_orders.domain.registration import (
    Augmentation,
    Contact,
    ContactRole,
    DomainName,
    TldRules,
    Violation,
)

if TYPE_CHECKING:
    from jsonschema_rs import Draft202012Validator, ValidationError

_MAX_VALUES_LISTED = 20


def _is_past_date(text: str) -> bool:
    try:
        return date.fromisoformat(text) <= datetime.now(UTC).date()
    except ValueError:
        return False


# Every date in a contact is a date of birth, so it must be in the past. Accept every e-mail address here, because
# `read_contact` has already checked it, and more strictly than a schema's `format` does.
_FORMATS = {"date": _is_past_date, "email": lambda _text: True}


class TableRegistryRules:
    """Checks contacts with the schemas that GET /api/tlds/:tld publishes."""

    def __init__(self) -> None:
        self._rules: dict[str, TldRules] = {}
        self._validators: dict[str, Draft202012Validator] = {}

    def known(self) -> Sequence[str]:
        return sorted(tlds.known())

    def parse_name(self, text: str) -> DomainName:
        return parse_domain_name(text)

    def rules(self, tld: str) -> TldRules | None:
        name = unicodedata.normalize("NFKC", tld).strip().strip(".").lower()
        if name not in tlds.known():
            return None
        if name not in self._rules:
            facts = tlds.facts(name)
            days = facts.renewable_days_before
            self._rules[name] = TldRules(
                name,
                contact_schema(facts),
                authcode_required=facts.authcode_required,
                transfer_year=facts.transfer.year,
                renewable_before=None if days is None else days * durations.DAY,
            )
        return self._rules[name]

    def read_contact(self, given: Mapping[str, object]) -> Contact:
        return read_contact(given)

    def check_contact(
        self, tld: str, contact: Contact, role: ContactRole
    ) -> tuple[list[Violation], list[Augmentation]]:
        """Raises InvalidRequestError `unsupported_tld` for a TLD without rules."""
        rules = self.rules(tld)
        if rules is None:
            raise InvalidRequestError(
                Code.UNSUPPORTED_TLD, f"Domains under .{tld} cannot be registered here.", "/name"
            )
        schema = rules.contact_schema
        violations: dict[str, Violation] = {}
        missing: dict[str, Augmentation] = {}
        given = contact.as_given()
        for error in self._validator(rules).iter_errors(given):
            rule = _rule_of(error, schema)
            if role.value not in rule.get("x-roles", [role.value]):
                continue
            if error.kind.name == "required":
                pointer, needed = _needed(error, schema, given, role)
                why = f"{needed['title']} is required. {rule.get('description', '')}".rstrip()
                missing.setdefault(pointer, Augmentation(pointer, why, needed))
                continue
            for pointer, message in _wrong(error, rule, schema):
                violations.setdefault(pointer, Violation(pointer, message))
        return list(violations.values()), list(missing.values())

    def _validator(self, rules: TldRules) -> Draft202012Validator:
        if rules.tld not in self._validators:
            from jsonschema_rs import Draft202012Validator

            self._validators[rules.tld] = Draft202012Validator(
                cast("dict[str, Any]", rules.contact_schema), validate_formats=True, formats=_FORMATS
            )
        return self._validators[rules.tld]


def _rule_of(error: ValidationError, schema: Mapping[str, Any]) -> Mapping[str, Any]:
    path = list(error.schema_path)
    if len(path) > 1 and path[0] == "allOf":
        rule: Mapping[str, Any] = schema["allOf"][path[1]]
        return rule
    return {}


def _property(schema: Mapping[str, Any], path: Sequence[str | int]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = schema
    for step in path:
        found = found.get("properties", {}).get(step, {})
    return found


def _needed(
    error: ValidationError, schema: Mapping[str, Any], given: Mapping[str, Any], role: ContactRole
) -> tuple[str, Mapping[str, Any]]:
    from jsonschema_rs import is_valid

    path = [*error.instance_path, error.kind.value]
    needed = _property(schema, path)
    besides = []
    for rule in schema["allOf"]:
        fragment = _property(rule.get("then", rule), path)
        concerned = role.value in rule.get("x-roles", [role.value])
        if fragment and concerned and is_valid(rule.get("if", True), given):
            besides.append({"description": rule["description"], **fragment})
    return pointer_to(*path), {**needed, "allOf": besides} if besides else needed


def _wrong(
    error: ValidationError, rule: Mapping[str, Any], schema: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    """Pointers and messages, without personal data."""
    path = list(error.instance_path)
    if error.kind.name == "additionalProperties":
        known = ", ".join(_property(schema, path).get("properties", {}))
        expected = f"Its fields are {known}." if known else "It has no fields of its own."
        for name in error.kind.value:
            yield pointer_to(*path, name), f"The registry does not know this field. {expected}"
        return
    field = _property(schema, path)
    title = field.get("title", "The contact")
    yield (
        pointer_to(*path),
        rule.get("description") or f"{title} {_expected(error)} {field.get('description', '')}".rstrip(),
    )


def _expected(error: ValidationError) -> str:
    match error.kind.name:
        case "enum" if len(error.kind.value) <= _MAX_VALUES_LISTED:
            return f"must be one of {', '.join(error.kind.value)}."
        case "enum":
            return "must be one of the values that the schema lists."
        case "maxLength":
            return f"must have at most {error.kind.value} characters."
        case "format":
            return "must be a date in the past that exists."
        case "minLength":
            return f"must have at least {error.kind.value} characters."
        case _:
            return "does not have the form that the registry expects."
