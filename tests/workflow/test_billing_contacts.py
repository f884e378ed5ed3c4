"""The billing contact's country decides which fields the contact must have before the account can order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from hosting_orders.adapters.addresses import GoogleAddresses
from hosting_orders.domain.account import BillingContact
from tests.support.world import Reply, World, a_world


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as world:
        yield world


def placed_by(world: World, contact: BillingContact) -> Reply:
    account = world.services.directory.account(world.accounts["ready"]["id"])
    assert account is not None
    world.services.directory.put_account(replace(account, billing_contact=contact))
    return world.place()


def test_an_account_in_hong_kong_needs_no_post_code(world: World) -> None:
    contact = BillingContact("Mei Chan", "mei@example.com", "8 Harbour Road", "", "Wan Chai", "HK")
    reply = placed_by(world, contact)
    assert reply.status == 202, reply.body


@pytest.mark.parametrize(
    ("post_code", "city", "country"),
    [
        ("", "Dubai", "AE"),
        ("", "Dublin", "IE"),
        ("D02 AF30", "Dublin", "IE"),
        ("", "Panama", "PA"),
        ("", "Doha", "QA"),
        ("", "Luanda", "AO"),
        ("018956", "", "SG"),
        ("", "", "GI"),
    ],
)
def test_a_field_not_required_by_the_country_may_be_empty(
    world: World, post_code: str, city: str, country: str
) -> None:
    reply = placed_by(world, BillingContact("Ada", "ada@example.com", "Road 1", post_code, city, country))
    assert reply.status == 202, reply.body


@pytest.mark.parametrize(
    ("contact", "missing"),
    [
        (BillingContact("Ada", "a@example.com", "Road 1", "", "Utrecht", "NL"), "post_code"),
        (BillingContact("Ada", "a@example.com", "Road 1", " ", "Springfield", "US"), "post_code"),
        (BillingContact("Ada", "a@example.com", "", "", "Wan Chai", "HK"), "street"),
        (BillingContact("Ada", "a@example.com", "Road 1", "", "Singapore", "SG"), "post_code"),
        (BillingContact("Ada", "a@example.com", "Road 1", "", "Zürich", "CH"), "post_code"),
        (BillingContact("Ada", "a@example.com", "Road 1", "D02", "", "IE"), "city"),
        (BillingContact("", "a@example.com", "Road 1", "", "Wan Chai", "HK"), "name"),
        (BillingContact("Ada", "a@example.com", "Road 1", "1000", "Brussels", ""), "country"),
        (BillingContact("Ada", "a@example.com", "Road 1", "", "Nowhere", "XX"), "post_code"),
    ],
)
def test_the_response_names_the_missing_field(world: World, contact: BillingContact, missing: str) -> None:
    reply = placed_by(world, contact)
    assert (reply.status, reply.body["code"]) == (400, "no_default_payment_method")
    assert f"has no {missing}." in str(reply.body)


def test_the_response_to_an_empty_contact_names_every_field(world: World) -> None:
    reply = placed_by(world, BillingContact())
    assert "has no name, email, street, post_code, city, country." in str(reply.body)


@pytest.mark.parametrize("country", ["../zz", "zz", "Netherlands", "\x00"])
def test_an_invalid_country_requires_every_address_field(country: str) -> None:
    assert GoogleAddresses().required(country) == ("street", "post_code", "city")
