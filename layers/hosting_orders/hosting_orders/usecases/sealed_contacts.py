"""Encrypt contacts and auth codes for storage."""

from __future__ import annotations

import json

from hosting_orders.domain.registration import Contact, ContactRole, Contacts, SealedContacts

from .ports import Services


def seal_contacts(services: Services, account_id: str, number: int, contacts: Contacts) -> SealedContacts:
    def seal(contact: Contact, role: ContactRole) -> str | None:
        if role is not ContactRole.OWNER and contact == contacts.owner:
            return None
        return services.cipher.seal(contact.as_json(), contact_context(account_id, number, role))

    owner, admin, billing, tech = (seal(getattr(contacts, role.value), role) for role in ContactRole)
    return SealedContacts(account_id, number, owner or "", admin, billing, tech)


def open_contacts(services: Services, sealed: SealedContacts) -> Contacts:
    def opened(text: str, role: ContactRole) -> Contact:
        context = contact_context(sealed.account_id, sealed.number, role)
        given = json.loads(services.cipher.open(text, context))
        extra = given.pop("extra_properties")
        return Contact(**given, extra=extra)

    owner = opened(sealed.owner, ContactRole.OWNER)
    others = (
        (sealed.admin, ContactRole.ADMIN),
        (sealed.billing, ContactRole.BILLING),
        (sealed.tech, ContactRole.TECH),
    )
    return Contacts(owner, *(opened(text, role) if text else owner for text, role in others))


def contact_context(account_id: str, number: int, role: ContactRole) -> dict[str, str]:
    return {"account": account_id, "order": str(number), "field": f"contact_{role.value}"}


def auth_code_context(account_id: str, number: int) -> dict[str, str]:
    return {"account": account_id, "order": str(number), "field": "auth_code"}
