"""A contact as clients send it, and the rules that check contacts."""

from __future__ import annotations

from typing import Any

from botocore.loaders import Loader

from hosting_orders.adapters.route53 import tlds
from hosting_orders.adapters.route53.contact_schema import PERSON_EXAMPLE
from hosting_orders.adapters.route53.rules import TableRegistryRules
from hosting_orders.domain.registration import Contact, ContactRole

RULES = TableRegistryRules()
TLDS = {name: tlds.facts(name) for name in sorted(tlds.known())}
OWNER = ContactRole.OWNER
OTHERS = [ContactRole.ADMIN, ContactRole.BILLING, ContactRole.TECH]
ROUTE53 = Loader().load_service_model("route53domains", "service-2")["shapes"]


def person(**changes: object) -> dict[str, object]:
    """A contact as a client sends it. A field that is None is left out."""
    return {name: value for name, value in {**PERSON_EXAMPLE, **changes}.items() if value is not None}


def read(**changes: object) -> Contact:
    return RULES.read_contact(person(**changes))


def check(tld: str, contact: Contact, role: ContactRole = OWNER) -> tuple[dict[str, str], dict[str, Any]]:
    violations, needed = RULES.check_contact(tld, contact, role)
    assert len({found.pointer for found in violations}) == len(violations)
    assert len({found.pointer for found in needed}) == len(needed)
    return {found.pointer: found.message for found in violations}, {found.pointer: found for found in needed}


def schema_of(tld: str) -> dict[str, Any]:
    rules = RULES.rules(tld)
    assert rules is not None
    return dict(rules.contact_schema)
