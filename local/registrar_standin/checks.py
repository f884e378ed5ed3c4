"""The registrar's prices, and what it checks before it accepts an order."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from . import names
from .wire import RefusalError

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+")
_PHONE = re.compile(r"\+[0-9]{1,3}\.[0-9]{4,14}")
CONTACTS = ("RegistrantContact", "AdminContact", "TechContact", "BillingContact")
_CONTACT_FIELDS = (
    "FirstName",
    "LastName",
    "ContactType",
    "AddressLine1",
    "City",
    "CountryCode",
    "PhoneNumber",
    "Email",
)
_STATES_REQUIRED = frozenset(("US", "CA", "AU"))


def checked_name(given: str) -> str:
    name = given.lower()
    if not _NAME.fullmatch(name):
        raise invalid("domain name must contain more than 1 label, of letters, digits and hyphens")
    if names.tld_of(name) not in names.PRICES:
        raise unsupported(names.tld_of(name))
    return name


def invalid(*problems: str) -> RefusalError:
    return RefusalError("InvalidInput", f"Invalid request. Problems: {', '.join(problems)}")


def unsupported(tld: str) -> RefusalError:
    return RefusalError(
        "UnsupportedTLD", f"Amazon Route 53 does not support the top-level domain (TLD) [{tld}]."
    )


def price_of(name: str) -> dict[str, Any]:
    if names.begins(name, "premium-"):
        premium = float(names.PREMIUM_PRICE)
        return {"Price": premium, "Currency": names.CURRENCY, "PriceType": "REGISTRY_PREMIUM"}
    return {"Price": float(names.PRICES[names.tld_of(name)]), "Currency": names.CURRENCY}


def check_consent(given: Mapping[str, Any], price: Mapping[str, Any]) -> None:
    consent = given.get("Consent")
    if consent is None and "PriceType" in price:
        raise invalid("Consent is required for a domain with premium pricing")
    if consent is not None:
        if consent["Currency"] != price["Currency"]:
            raise invalid(f"Consent must be in {price['Currency']}")
        if Decimal(str(consent["MaxPrice"])) < Decimal(str(price["Price"])):
            raise invalid("the price is more than the MaxPrice that was consented to")


def contact_problems(role: str, contact: Mapping[str, Any]) -> Iterable[str]:
    required = [*_CONTACT_FIELDS, *(["State"] if contact.get("CountryCode") in _STATES_REQUIRED else [])]
    if contact.get("ContactType", "PERSON") != "PERSON":
        required.append("OrganizationName")
    for field_name in required:
        if not contact.get(field_name):
            yield f"{role}: {field_name} is required"
    phone = contact.get("PhoneNumber", "")
    if phone and not _PHONE.fullmatch(phone):
        yield f"{role}: Invalid phone number {phone}"


# The names that the error TLDRulesViolation uses for the contacts.
_ROLES = {
    "AdminContact": "ADMIN",
    "RegistrantContact": "OWNER",
    "TechContact": "TECH",
    "BillingContact": "BILL",
}


def check_every_contact(tld: str, given: Mapping[str, Any]) -> None:
    """Raises RefusalError if a contact lacks a field that the registry needs in every contact."""
    missing = [
        f"{role}.{name} is missing"
        for contact, role in _ROLES.items()
        if contact in given
        for name in names.REQUIRED_OF_EVERY_CONTACT.get(tld, ())
        if not any(
            extra["Name"] == name and extra["Value"] for extra in given[contact].get("ExtraParams", ())
        )
    ]
    if missing:
        raise RefusalError("TLDRulesViolation", f"[{', '.join(missing)}]")


def missing_extra(tld: str, registrant: Mapping[str, Any]) -> Iterable[str]:
    given = {extra["Name"] for extra in registrant.get("ExtraParams", ()) if extra["Value"]}
    for name, organization in names.REQUIRED_EXTRA.get(tld, ()):
        if name not in given and organization in (None, bool(registrant.get("OrganizationName"))):
            yield f"RegistrantContact: ExtraParam {name} is required for TLD [{tld}]"
