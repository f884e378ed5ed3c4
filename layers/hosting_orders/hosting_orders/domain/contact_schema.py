"""The JSON Schema of a contact for one TLD: what GET /api/tlds/:tld publishes, and what a contact is checked with.

Draft 2020-12. A rule that concerns only some roles carries `x-roles`, an annotation that validators pass over: read
alone, the schema is that of the registrant. Follows contract 002, `domain.contact`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .registration import ContactRole
from .tld_table import STATE_NEEDED, ContactDemand, ExtraProperty, TldFacts

LONGEST = {
    "first_name": 64,
    "last_name": 64,
    "organization": 128,
    "street_address": 160,
    "post_code": 16,
    "city": 64,
    "state": 64,
    "country": 2,
    "email": 254,  # RFC 5321, and Route 53's own limit
    "phone": 30,
}
"""The most characters of each field: within what Route 53 takes, and such that any of them can be told to be too long
by itself. What a whole contact may have is `LARGEST_CONTACT`."""

REQUIRED = ("first_name", "last_name", "street_address", "post_code", "city", "country", "email", "phone")
OPTIONAL = ("organization", "state")
CONTACT_FIELDS = (*REQUIRED, *OPTIONAL, "extra_properties")
LONGEST_EXTRA = 128

LARGEST_CONTACT = 3900
"""Bytes of JSON. KMS encrypts at most 4096 bytes at once, and a contact is sealed by it directly."""

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
    """A new schema object; whoever publishes and checks keeps one of them."""
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
                if facts.extras
                else f"The .{facts.name} registry has no fields of its own.",
                "type": "object",
                "properties": {extra.name: _extra(extra) for extra in facts.extras},
                "additionalProperties": False,
            },
        },
        "required": list(REQUIRED),
        "additionalProperties": False,
        "allOf": [_rule(_STATE_DEMAND), *(_rule(demand) for demand in facts.demands)],
        "examples": [dict(example) for example in facts.examples] or [PERSON_EXAMPLE],
    }


_STATE_DEMAND = ContactDemand(
    f"Addresses in {', '.join(STATE_NEEDED)} have a state or province.",
    {"required": ["state"]},
    when={"properties": {"country": {"enum": list(STATE_NEEDED)}}},
)

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


def _extra(extra: ExtraProperty) -> dict[str, Any]:
    return {
        "title": extra.title,
        "description": extra.description,
        "type": "string",
        "minLength": 1,
        "maxLength": LONGEST_EXTRA,
        **extra.schema,
    }


def _rule(demand: ContactDemand) -> dict[str, Any]:
    rule: dict[str, Any] = {"description": demand.why}
    if set(demand.roles) != set(ContactRole):
        rule["x-roles"] = [role.value for role in demand.roles]
    if demand.when is None:
        return {**rule, **demand.then}
    return {**rule, "if": dict(demand.when), "then": dict(demand.then)}
