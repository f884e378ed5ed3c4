"""What each registry demands of a registrant, as far as Route 53 Domains passes it on."""

from __future__ import annotations

from collections.abc import Mapping

from .registration import Contact

_EXTRA_PARAMS: Mapping[str, Mapping[str, str]] = {
    "it": {
        "entityType": "IT_REGISTRANT_ENTITY_TYPE",
        "nationality": "IT_NATIONALITY",
        "pin": "IT_PIN",
    },
}


def extra_param_name(tld: str, property_name: str) -> str:
    """Route 53's `ExtraParamName` of one of our `extra_properties`. Raises KeyError when the TLD has no such property."""
    return _EXTRA_PARAMS[tld][property_name]


def contact_type(tld: str, contact: Contact) -> str:
    """Route 53's `ContactType` of a contact: it decides which fields the registry wants."""
    return "COMPANY" if contact.organization and tld != "es" else "PERSON"
