"""A TLD's JSON Schema of contacts, for GET /api/tlds/:tld and for our checks (rules.py).

`x-roles` limits a rule to some roles. Our checks use it. JSON Schema validators ignore it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hosting_orders.adapters.route53.tlds import TldFacts
from hosting_orders.domain.contact_fields import LONGEST, MAX_EXTRA_LENGTH, REQUIRED

STATE_NEEDED = ("AU", "CA", "US")

_FIELDS: Mapping[str, dict[str, Any]] = {
    "first_name": {"title": "First name"},
    "last_name": {"title": "Last name"},
    "organization": {
        "title": "Organization",
        "description": "The full legal name. Leave it out for a private person.",
    },
    "street_address": {"title": "Street and number", "description": "In one line, such as `12 High Street`."},
    "post_code": {"title": "Postal code"},
    "city": {"title": "City"},
    "state": {
        "title": "State or province",
        "description": f"Required for addresses in {', '.join(STATE_NEEDED)}; elsewhere it is optional.",
    },
    "country": {
        "title": "Country",
        "description": "ISO 3166-1 alpha-2 code, such as `NL`. Lower-case letters are also accepted.",
        "pattern": "^[A-Z]{2}$",
    },
    "email": {"title": "E-mail address", "format": "email"},
    "phone": {
        "title": "Telephone number",
        "description": "With the country code: E.164 (`+15555555555`) or the registries' form (`+1.5555555555`).",
        "pattern": r"^\+[0-9][0-9 ().-]{4,28}$",
    },
}


def contact_schema(facts: TldFacts) -> dict[str, Any]:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Contact for a .{facts.name} domain",
        "description": " ".join(
            part
            for part in (facts.note, "Rules with `x-roles` hold for the contacts in these roles only.")
            if part
        ),
        "type": "object",
        "properties": {
            **{name: _field(name) for name in _FIELDS},
            "extra_properties": {
                "title": "Fields of this registry",
                "description": f"What else the .{facts.name} registry needs."
                if facts.extra_properties
                else f"The .{facts.name} registry has no fields of its own.",
                "type": "object",
                "properties": {name: _extra(schema) for name, schema in facts.extra_properties.items()},
                "additionalProperties": False,
            },
        },
        "required": list(REQUIRED),
        "additionalProperties": False,
        "allOf": [_STATE_RULE, *facts.rules],
        "examples": list(facts.examples) or [PERSON_EXAMPLE],
    }


_STATE_RULE: Mapping[str, Any] = {
    "description": f"Addresses in {', '.join(STATE_NEEDED)} have a state or province.",
    "if": {"properties": {"country": {"enum": list(STATE_NEEDED)}}},
    "then": {"required": ["state"]},
}

PERSON_EXAMPLE: dict[str, Any] = {
    "first_name": "Ada",
    "last_name": "Example",
    "street_address": "12 High Street",
    "post_code": "1011 AB",
    "city": "Amsterdam",
    "country": "NL",
    "email": "ada@example.com",
    "phone": "+31.201234567",
}


def _field(name: str) -> dict[str, Any]:
    return {**_FIELDS[name], "type": "string", "minLength": 1, "maxLength": LONGEST[name]}


def _extra(schema: Mapping[str, Any]) -> dict[str, Any]:
    facts = dict(schema)
    texts = {name: facts.pop(name) for name in ("title", "description")}
    return {**texts, "type": "string", "minLength": 1, "maxLength": MAX_EXTRA_LENGTH, **facts}
