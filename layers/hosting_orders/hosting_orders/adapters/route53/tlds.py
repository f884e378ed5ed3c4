"""The TLDs that can be ordered, and what each registry demands of names and contacts: one file of `tld_data` each.

Facts, not code: what Route 53 Domains sells and asks for, taken from the Amazon Route 53 Developer Guide ("Domains
that you can register", one page a TLD) and from `ExtraParam` in its API reference, read in November 2026. TLDs that
Route 53 no longer registers (.sg, .com.sg, .ru) or never did (.at, .to, .ws) are not here, nor .ai, which it sells for
two years at the least. Where the registry is stricter than Amazon's page, the registrar's answer decides.

A demand that concerns one contact stands in a file as a rule of JSON Schema; `contact_schema.py` puts them together.
Demands on several contacts at once (.de: one of them lives in Germany) cannot be checked on one contact and are left
to the registrar.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from hosting_orders.domain.registration import Contact, ContactRole

_DATA = "tld_data"


@dataclass(frozen=True, slots=True)
class ContactType:
    """How a contact becomes one of Route 53's contact types: `kinds` maps the value of the extra property `property`
    to it, and contacts in the roles of `always_person` are a PERSON whatever they say."""

    property: str = ""
    kinds: Mapping[str, str] = field(default_factory=dict)
    always_person: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class TldFacts:
    """One TLD. `letters` are the letters besides a–z that its registry takes: None when it takes all that IDNA 2008
    allows, empty when it registers no internationalized names. `shortest` is the least number of characters before
    the TLD. `extra_properties` maps a field of this registry to the JSON Schema of its value, `parameters` to
    Route 53's name of it."""

    name: str
    note: str = ""
    idn: bool = True
    letters: str | None = None
    emoji: bool = False
    shortest: int = 1
    authcode_required: bool = True
    parameters: Mapping[str, str] = field(default_factory=dict)
    extra_properties: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    rules: Sequence[Mapping[str, Any]] = ()
    contact_type: ContactType = field(default_factory=ContactType)
    examples: Sequence[Mapping[str, Any]] = ()


@cache
def known() -> frozenset[str]:
    """Every TLD with a file, in ASCII."""
    folder = files(__package__) / _DATA
    names = (entry.name for entry in folder.iterdir())
    return frozenset(name.removesuffix(".json") for name in names if name.endswith(".json"))


@cache
def facts(tld: str) -> TldFacts:
    """What the TLD's file says. Raises KeyError for a TLD without one."""
    if tld not in known():
        raise KeyError(tld)
    given: dict[str, Any] = _read(tld)
    if "like" in given:
        given = _read(given["like"])
    given.pop("$comment", None)
    kinds = ContactType(**given.pop("contact_type", {}))
    return TldFacts(tld, contact_type=kinds, **given)


def _read(tld: str) -> dict[str, Any]:
    text = (files(__package__) / _DATA / f"{tld}.json").read_text(encoding="utf-8")
    document: dict[str, Any] = json.loads(text)
    return document


# -- for the registrar --------------------------------------------------------------------------------------------


def extra_param_name(tld: str, property_name: str) -> str:
    """Route 53's `ExtraParamName` of one of our `extra_properties`. Raises KeyError when the TLD has none such."""
    return facts(tld).parameters[property_name]


def contact_type(tld: str, contact: Contact, role: ContactRole = ContactRole.OWNER) -> str:
    """Route 53's `ContactType`. All but a PERSON have to name an organization, so without one it is a PERSON."""
    how = facts(tld).contact_type
    if role in how.always_person or not contact.organization:
        return "PERSON"
    return how.kinds.get(contact.extra.get(how.property, ""), "COMPANY")
