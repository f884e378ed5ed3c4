"""Contract 002: cases in which our checks once disagreed with the registry about a domain or a contact."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.world import World

BRITISH = {"country": "GB", "post_code": "SW1A 1AA", "city": "London", "phone": "+44.2071234567"}
INDIVIDUAL = {"extra_properties": {"contactType": "IND"}}


def owner(world: World, **extra: str) -> dict[str, Any]:
    return world.contact(**BRITISH, extra_properties=extra)


@pytest.mark.parametrize("name", ["佐々木.com", "ラーメン屋.com"])
def test_a_domain_in_mixed_japanese_scripts_can_be_ordered(world: World, name: str) -> None:
    reply = world.order_domain(name)
    assert reply.status == 202, reply.body


@pytest.mark.parametrize("name", ["ns.nl", "ing.nl", "vw.de", "x.com"])
def test_a_short_domain_can_be_transferred(world: World, name: str) -> None:
    reply = world.order_domain(name, action="transfer", authcode="Secret-1")
    assert reply.status == 202, reply.body


@pytest.mark.parametrize("role", ["admin", "billing", "tech"])
def test_the_uk_registry_requires_its_fields_for_every_contact(world: World, role: str) -> None:
    charged = world.net_paid()
    other = {"source": "new", **world.contact(**BRITISH)}
    name = f"roles-of-{role}.co.uk"
    refused = world.order_domain(name, contact=owner(world, contactType="IND"), role_contacts={role: other})

    assert (refused.status, refused.body["code"]) == (422, "domain_contact_needs_augmentation")
    (needed,) = refused.body["needs_augmentation"]
    assert needed["role"] == role
    assert needed["pointer"] == f"/domain/role_contacts/{role}/extra_properties/contactType"
    assert world.net_paid() == charged

    other |= INDIVIDUAL
    placed = world.order_domain(name, contact=owner(world, contactType="IND"), role_contacts={role: other})
    assert placed.status == 202, placed.body
    world.run()
    assert world.registrar.submissions(name) == 1


@pytest.mark.parametrize("day", ["1980-02-30", "2001-02-29", "1999-06-31", "2099-01-01"])
def test_an_impossible_or_future_date_of_birth_is_refused(world: World, day: str) -> None:
    charged = world.net_paid()
    contact = world.contact(extra_properties={"birthDate": day})
    refused = world.order_domain("born-then.fr", contact=contact)

    assert (refused.status, refused.body["code"]) == (422, "domain_contact_invalid")
    (violation,) = refused.body["violations"]
    assert violation["pointer"] == "/domain/contact/extra_properties/birthDate"
    assert world.net_paid() == charged
