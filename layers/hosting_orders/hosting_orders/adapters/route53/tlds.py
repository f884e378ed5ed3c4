"""The TLDs on sale. Each has a file in `tld_data`.

The facts were read in November 2026 in the Route 53 Developer Guide ("Domains that you can register") and the API
reference (`ExtraParam`). The registrar also checks stricter rules, and rules about all contacts together. For
example, the owner or the administrative contact of a .de domain must live in Germany.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from hosting_orders.domain.registration import Contact, ContactRole, TransferYear

# Some TLDs have no file. Route 53 does not register .sg, .com.sg, .ru, .at, .to and .ws, and it sells .ai only for two
# years or more.
_DATA = "tld_data"


@dataclass(frozen=True, slots=True)
class ContactType:
    property: str = ""  # the name of an extra property
    kinds: Mapping[str, str] = field(default_factory=dict)  # the property's value → Route 53's contact type
    always_person: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Transfer:
    year: TransferYear = TransferYear.ADDED
    source: str = ""  # the document that states `year`


@dataclass(frozen=True, slots=True)
class TldFacts:
    name: str
    note: str = ""
    idn: bool = True
    letters: str | None = None  # in addition to a–z; None allows all of IDNA 2008
    emoji: bool = False
    shortest: int = 1  # characters before the TLD
    authcode_required: bool = True
    parameters: Mapping[str, str] = field(default_factory=dict)  # extra property → its name at Route 53
    extra_properties: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    rules: Sequence[Mapping[str, Any]] = ()
    contact_type: ContactType = field(default_factory=ContactType)
    examples: Sequence[Mapping[str, Any]] = ()
    transfer: Transfer = field(default_factory=Transfer)
    renewable_days_before: int | None = None


@cache
def known() -> frozenset[str]:
    folder = files(__package__) / _DATA
    names = (entry.name for entry in folder.iterdir())
    return frozenset(name.removesuffix(".json") for name in names if name.endswith(".json"))


@cache
def facts(tld: str) -> TldFacts:
    """Raises KeyError for a TLD without a file."""
    if tld not in known():
        raise KeyError(tld)
    given: dict[str, Any] = _read(tld)
    if "like" in given:
        given = _read(given["like"])
    given.pop("$comment", None)
    kinds = ContactType(**given.pop("contact_type", {}))
    transfer = given.pop("transfer", {})
    if transfer:
        transfer["year"] = TransferYear(transfer["year"])
    return TldFacts(tld, contact_type=kinds, transfer=Transfer(**transfer), **given)


def _read(tld: str) -> dict[str, Any]:
    text = (files(__package__) / _DATA / f"{tld}.json").read_text(encoding="utf-8")
    document: dict[str, Any] = json.loads(text)
    return document


# -- for the registrar --------------------------------------------------------------------------------------------


def extra_param_name(tld: str, property_name: str) -> str:
    return facts(tld).parameters[property_name]


def contact_type(tld: str, contact: Contact, role: ContactRole = ContactRole.OWNER) -> str:
    """Every type except PERSON requires an organization."""
    how = facts(tld).contact_type
    if role in how.always_person or not contact.organization:
        return "PERSON"
    return how.kinds.get(contact.extra.get(how.property, ""), "COMPANY")
