"""The input of RegisterDomain and TransferDomain at Route 53."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hosting_orders.adapters.route53 import tlds
from hosting_orders.domain.money import Money, decimals
from hosting_orders.domain.registration import Contact, ContactRole, DomainAction, RegistrationRequest

# These registries publish the contacts (AWS, "TLDs that don't support privacy protection"). A submission that asks them
# for privacy fails.
_GENERIC = ("audio", "ceo", "diet", "flowers", "guitars", "hosting", "juegos", "property", "sexy")
_AMERICAN = ("cl", "com.ar", "com.br", "us", "vg")
_OTHER = ("com.au", "com.sg", "de", "es", "in", "net.au", "qa", "ru", "sg")
WITHOUT_PRIVACY = frozenset((*_GENERIC, *_AMERICAN, *_OTHER))


def order_of(request: RegistrationRequest, tld: str, *, hide: bool) -> dict[str, Any]:
    contacts = request.contacts
    order: dict[str, Any] = {
        "DomainName": request.name,
        "DurationInYears": request.years,
        "AutoRenew": False,  # we buy each further year ourselves, after the customer has paid for it
        "RegistrantContact": _contact(tld, contacts.owner, ContactRole.OWNER),
        "AdminContact": _contact(tld, contacts.admin, ContactRole.ADMIN),
        "TechContact": _contact(tld, contacts.tech, ContactRole.TECH),
        "BillingContact": _contact(tld, contacts.billing, ContactRole.BILLING),
        "PrivacyProtectRegistrantContact": hide,
        "PrivacyProtectAdminContact": hide,
        "PrivacyProtectTechContact": hide,
        "PrivacyProtectBillingContact": hide,
    }
    if request.action is DomainAction.TRANSFER and request.auth_code:
        order["AuthCode"] = request.auth_code
    if request.max_cost is not None:
        order["Consent"] = consent(request.max_cost)
    return order


def _contact(tld: str, contact: Contact, role: ContactRole) -> dict[str, Any]:
    detail: dict[str, Any] = {
        "FirstName": contact.first_name,
        "LastName": contact.last_name,
        "ContactType": tlds.contact_type(tld, contact, role),
        "OrganizationName": contact.organization,
        "AddressLine1": contact.street_address,
        "City": contact.city,
        "State": contact.state,
        "CountryCode": contact.country,
        "ZipCode": contact.post_code,
        "PhoneNumber": contact.phone,
        "Email": contact.email,
    }
    extra = []
    for name, value in sorted(contact.extra.items()):
        try:
            parameter = tlds.extra_param_name(tld, name)
        except KeyError:
            continue  # the contact was made for another registry, which has this field
        extra.append({"Name": parameter, "Value": value})
    if extra:
        detail["ExtraParams"] = extra
    return {name: value for name, value in detail.items() if value}


def consent(max_cost: Money) -> dict[str, Any]:
    return {"MaxPrice": float(_major_units(max_cost)), "Currency": max_cost.currency.upper()}


def _major_units(money: Money) -> Decimal:
    return Decimal(money.amount).scaleb(-decimals(money.currency))
