"""Contract 002, "Register or Transfer a Domain": a domain's contacts, and their confidentiality."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count
from typing import Any

import jsonschema_rs
import pytest

from hosting_orders.domain.errors import ProviderUnavailableError
from hosting_orders.domain.ids import registration_id
from hosting_orders.domain.products import DomainItem
from tests.conformance.contract_002.support import (
    assert_error,
    finished,
    number_of,
    order_domain,
    refused_domain,
    registered,
    state_of,
)
from tests.support.world import World

REQUIRED = ("first_name", "last_name", "street_address", "post_code", "city", "country", "email", "phone")
ROLES = ("admin", "billing", "tech")
AMERICAN = {"country": "US", "post_code": "98101", "city": "Seattle", "phone": "+1.2065550100"}
_fresh = count()


def fresh(ending: str = "com") -> str:
    return f"people-{next(_fresh)}.{ending}"


def told_to_registrar(world: World, order_id: str) -> dict[str, Any]:
    """The request that the registrar received for the order's domain."""
    world.run()
    name = world.order(order_id).item_as(DomainItem).ascii_name
    (operation,) = [one for one in world.registrar.operations if one.name == name]
    return dict(operation.given)


def accepted(world: World, body: Any, account: str = "ready") -> str:
    reply = order_domain(world, body, account)
    assert reply.status == 202, reply.body
    return str(reply.body["orders"][0]["id"])


def without_contact(world: World, name: str, **changes: Any) -> dict[str, Any]:
    return world.domain(name, contact=None, **changes)


@pytest.fixture(scope="module")
def owned(world: World) -> int:
    """The registration id of a domain that the account `ready` owns. The domain has four different contacts."""
    roles = {
        role: {"source": "new", **world.contact(first_name=role.title(), email=f"{role}@example.com")}
        for role in ROLES
    }
    order = registered(world, fresh(), role_contacts=roles)
    return int(order["domain"]["registration_id"])


# -- contact ------------------------------------------------------------------------------------------------------


def test_O2_124_O2_125_the_inline_contact_fills_every_role_at_the_registrar(world: World) -> None:
    told = told_to_registrar(world, accepted(world, world.domain(fresh())))
    contact = told["RegistrantContact"]
    assert [contact[name] for name in ("FirstName", "LastName", "City", "CountryCode", "ZipCode")] == [
        "Ada",
        "Lovelace",
        "Amsterdam",
        "NL",
        "1015 CJ",
    ]
    assert (contact["AddressLine1"], contact["Email"]) == ("Keizersgracht 1", "ada@example.com")
    for role in ROLES:
        other = told[f"{role.title()}Contact"]
        assert {name: other[name] for name in ("FirstName", "LastName", "Email", "PhoneNumber")} == {
            name: contact[name] for name in ("FirstName", "LastName", "Email", "PhoneNumber")
        }


@pytest.mark.parametrize("missing", REQUIRED)
def test_O2_125_O2_145_a_contact_without_a_required_field_is_incomplete(world: World, missing: str) -> None:
    for value in ("", "  ", None):
        contact = world.contact(**{missing: value})
        body = world.domain(fresh(), contact=contact)
        refused_domain(world, body, 400, "incomplete_contact", f"/domain/contact/{missing}")
    del contact[missing]
    body = world.domain(fresh(), contact=contact)
    reply = refused_domain(world, body, 400, "incomplete_contact", f"/domain/contact/{missing}")
    assert missing in reply.body["errors"][0]


def test_O2_124_O2_145_an_empty_contact_lists_every_missing_field(world: World) -> None:
    body = world.domain(fresh())
    body["domain"]["contact"] = {}
    pointers = [f"/domain/contact/{name}" for name in REQUIRED]
    refused_domain(world, body, 400, "incomplete_contact", *pointers)


@pytest.mark.parametrize("contact", ["Ada", 1, True, [], [{}]])
def test_O2_124_O2_146_the_contact_must_be_an_object(world: World, contact: Any) -> None:
    body = world.domain(fresh())
    body["domain"]["contact"] = contact
    refused_domain(world, body, 400, "invalid_contact", "/domain/contact")


def test_O2_126_organization_is_optional(world: World) -> None:
    contact = world.contact(organization="Analytical Engines BV")
    told = told_to_registrar(world, accepted(world, world.domain(fresh(), contact=contact)))
    assert told["RegistrantContact"]["OrganizationName"] == "Analytical Engines BV"
    for nothing in (None, ""):
        accepted(world, world.domain(fresh(), contact=world.contact(organization=nothing)))


@pytest.mark.parametrize("country", ["US", "CA", "AU"])
def test_O2_127_O2_152_state_is_required_in_countries_with_states(world: World, country: str) -> None:
    name = fresh()
    contact = world.contact(country=country)
    reply = refused_domain(
        world, world.domain(name, contact=contact), 422, "domain_contact_needs_augmentation"
    )
    (needed,) = reply.body["needs_augmentation"]  # listed once, although one contact has all four roles
    assert (needed["role"], needed["pointer"]) == ("owner", "/domain/contact/state")
    contact["state"] = "WA"
    told = told_to_registrar(world, accepted(world, world.domain(name, contact=contact)))
    assert told["RegistrantContact"]["State"] == told["TechContact"]["State"] == "WA"


def test_O2_127_state_is_optional_in_other_countries(world: World) -> None:
    accepted(world, world.domain(fresh(), contact=world.contact(state="Noord-Holland")))


@pytest.mark.parametrize("country", ["Netherlands", "NLD", "N", "XX", "ZZ", "XK", "12", "ß", 31])
def test_O2_128_O2_146_country_is_a_two_letter_iso_code(world: World, country: Any) -> None:
    body = world.domain(fresh(), contact=world.contact(country=country))
    refused_domain(world, body, 400, "invalid_contact", "/domain/contact/country")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("+1.5555555555", "+1.5555555555"),
        ("+15555555555", "+1.5555555555"),
        ("+31.201234567", "+31.201234567"),
        ("+31 20 123 45 67", "+31.201234567"),
        ("+390612345678", "+39.0612345678"),
        ("+441534123456", "+44.1534123456"),
    ],
)
def test_O2_129_the_registrar_receives_phone_numbers_in_dotted_form(
    world: World, given: str, told: str
) -> None:
    order_id = accepted(world, world.domain(fresh(), contact=world.contact(phone=given)))
    assert told_to_registrar(world, order_id)["RegistrantContact"]["PhoneNumber"] == told


@pytest.mark.parametrize(
    "phone", ["0201234567", "+31", "call me", "+999.1234567", "+1.77", "+31.2012345678901234", 31201234567]
)
def test_O2_129_O2_146_an_invalid_phone_number_is_refused(world: World, phone: Any) -> None:
    body = world.domain(fresh(), contact=world.contact(phone=phone))
    reply = refused_domain(world, body, 400, "invalid_contact", "/domain/contact/phone")
    assert str(phone) not in json.dumps(reply.body)


@pytest.mark.parametrize(
    ("field_name", "value"),
    [
        ("email", "ada"),
        ("email", "ada@"),
        ("email", "ada@localhost"),
        ("email", "a d a@example.com"),
        ("email", ["ada@example.com"]),
        ("first_name", "A\nB"),
        ("first_name", 1),
        ("last_name", "x" * 65),
        ("city", {"name": "Amsterdam"}),
        ("street_address", "\x00"),
        ("post_code", 1015),
        ("organization", True),
        ("state", []),
        ("extra_properties", "pin=1"),
        ("extra_properties", [1]),
    ],
)
def test_O2_125_O2_146_the_error_names_the_field_with_an_invalid_value(
    world: World, field_name: str, value: Any
) -> None:
    body = world.domain(fresh(), contact=world.contact(**{field_name: value}))
    refused_domain(world, body, 400, "invalid_contact", f"/domain/contact/{field_name}")


def test_O2_145_O2_146_all_errors_are_reported_together(world: World) -> None:
    contact = world.contact(email="x", phone="y", city=None, fristname="z")
    reply = refused_domain(world, world.domain(fresh(), contact=contact), 400, "incomplete_contact")
    codes = {detail["pointer"]: detail["code"] for detail in reply.body["details"]}
    assert codes == {
        "/domain/contact/city": "incomplete_contact",
        "/domain/contact/email": "invalid_contact",
        "/domain/contact/phone": "invalid_contact",
        "/domain/contact/fristname": "invalid_contact",
    }
    assert any("first_name" in text for text in reply.body["errors"])


@pytest.mark.parametrize("field_name", ["\ud800", "a\udfffb", "\x00", "a\nb", "x" * 5000, "a/b~c", ""])
def test_O2_146_odd_field_names_get_a_well_formed_error(world: World, field_name: str) -> None:
    odd = {field_name: "x"}
    before = state_of(world)
    for changes in (
        odd,
        {"contact": world.contact(**odd)},
        {"contact": world.contact(extra_properties=odd)},
        {"contact": None, "contact_source": {"registration_id": 10, **odd}},
        {"role_contacts": odd},
        {"role_contacts": {"tech": odd}},
        {"role_contacts": {"tech": {"source": "new", **world.contact(**odd)}}},
    ):
        body = world.domain(fresh())
        body["domain"] |= changes
        reply = order_domain(world, body)
        assert reply.status in (400, 422), (changes, reply.body)
        assert_error(reply, reply.status, reply.body["code"])
    assert state_of(world) == before


def test_O2_130_extra_properties_reach_the_registrar(world: World) -> None:
    extra = {"entityType": "ITALIAN_COMPANIES", "pin": "12345678901"}
    contact = world.contact(country="IT", organization="Esempio S.r.l.", extra_properties=extra)
    told = told_to_registrar(world, accepted(world, world.domain(fresh("it"), contact=contact)))
    sent = {one["Name"]: one["Value"] for one in told["RegistrantContact"]["ExtraParams"]}
    assert sent == {"IT_REGISTRANT_ENTITY_TYPE": "ITALIAN_COMPANIES", "IT_PIN": "12345678901"}
    assert told["RegistrantContact"]["ContactType"] == "COMPANY"


# -- contact_source -----------------------------------------------------------------------------------------------


def test_O2_131_contacts_are_copied_from_a_registration_of_the_account(world: World, owned: int) -> None:
    body = without_contact(world, fresh(), contact_source={"registration_id": owned})
    told = told_to_registrar(world, accepted(world, body))
    emails = {role: told[f"{role.title()}Contact"]["Email"] for role in ROLES}
    assert told["RegistrantContact"]["Email"] == "ada@example.com"
    assert emails == {role: f"{role}@example.com" for role in ROLES}


def test_O2_131_contacts_can_be_copied_along_a_chain_of_registrations(world: World, owned: int) -> None:
    """The second domain copies the contacts of the first domain, and the third copies those of the second."""
    body = without_contact(world, fresh(), contact_source={"registration_id": owned})
    second = finished(world, accepted(world, body))["domain"]["registration_id"]
    body = without_contact(world, fresh(), contact_source={"registration_id": second})
    told = told_to_registrar(world, accepted(world, body))
    assert told["AdminContact"]["Email"] == "admin@example.com"


@pytest.mark.parametrize("wrong", [0, -1, 1, 4711, 2**53, 2**53 + 10, 10**30, "1", 1.5, True, None, [], {}])
def test_O2_131_O2_147_an_invalid_registration_id_is_refused(world: World, wrong: Any) -> None:
    body = without_contact(world, fresh(), contact_source={"registration_id": wrong})
    pointer = "/domain/contact_source/registration_id"
    refused_domain(world, body, 400, "invalid_contact_source", pointer)


@pytest.mark.parametrize(
    ("source", "pointer"),
    [
        ({}, "/domain/contact_source/registration_id"),
        ("4711", "/domain/contact_source"),
        ([], "/domain/contact_source"),
    ],
)
def test_O2_131_O2_147_a_source_without_a_registration_is_refused(
    world: World, source: Any, pointer: str
) -> None:
    body = without_contact(world, fresh(), contact_source=source)
    refused_domain(world, body, 400, "invalid_contact_source", pointer)


def test_O2_147_the_error_does_not_say_why_contacts_cannot_be_copied(world: World, owned: int) -> None:
    """The order of the registration belongs to another account, is unknown, unfinished or failed, or has no domain.

    The text is the same in all these cases, so a client learns nothing about other registrations.
    """
    foreign = registered(world, fresh(), "credit")["domain"]["registration_id"]
    waiting = world.order_domain(fresh(), "authentication_required").body["orders"][0]["id"]
    failed = world.order_domain(f"fail-{fresh()}").body["orders"][0]["id"]
    assert finished(world, failed)["order"]["status"] == "failed"
    running = world.order_domain(fresh()).body["orders"][0]["id"]
    site = world.place().body["orders"][0]["id"]
    world.order_domain(fresh(), "declined_final")
    (given_up,) = world.request("GET", "/api/orders", account="declined_final").body["orders"]
    world.run()
    texts = set()
    for account, registration in (
        ("ready", foreign),
        ("credit", owned),
        ("ready", owned + 10 * 2**40),
        ("ready", owned + 1),
        ("authentication_required", registration_id(number_of(waiting))),
        ("ready", registration_id(number_of(running))),
        ("ready", registration_id(number_of(failed))),
        ("ready", registration_id(number_of(site))),
        ("declined_final", registration_id(number_of(given_up["id"]))),
    ):
        body = without_contact(world, fresh(), contact_source={"registration_id": registration})
        pointer = "/domain/contact_source/registration_id"
        reply = refused_domain(world, body, 400, "invalid_contact_source", pointer, account=account)
        texts.add(reply.body["errors"][0].replace(str(registration), "…"))
    assert len(texts) == 1


def test_O2_131_missing_fields_can_be_added_to_a_contact_source(world: World, owned: int) -> None:
    name = fresh("it")
    source: dict[str, Any] = {"registration_id": owned}
    body = without_contact(world, name, contact_source=source)
    reply = refused_domain(world, body, 422, "domain_contact_needs_augmentation")
    needed = {one["pointer"] for one in reply.body["needs_augmentation"]}
    assert needed == {f"/domain/contact_source/extra_properties/{extra}" for extra in ("pin", "nationality")}
    source["extra_properties"] = {"pin": "NL12345678", "nationality": "NL"}
    told = told_to_registrar(world, accepted(world, body))
    sent = {one["Name"]: one["Value"] for one in told["RegistrantContact"]["ExtraParams"]}
    assert sent == {"IT_PIN": "NL12345678", "IT_NATIONALITY": "NL"}
    assert told["RegistrantContact"]["Email"] == "ada@example.com"


def test_O2_131_fields_of_one_registry_are_not_sent_to_another(world: World) -> None:
    contact = world.contact(extra_properties={"pin": "NL12345678", "nationality": "NL"})
    italian = registered(world, fresh("it"), contact=contact)["domain"]["registration_id"]
    body = without_contact(world, fresh(), contact_source={"registration_id": italian})
    told = told_to_registrar(world, accepted(world, body))
    assert not told["RegistrantContact"].get("ExtraParams")


@pytest.mark.parametrize(
    ("addition", "code"),
    [
        ({"extra_properties": []}, "invalid_contact_source"),
        ({"extra_properties": {"pin": []}}, "invalid_contact"),
        ({"state": 1}, "invalid_contact_source"),
        ({"state": "x" * 65}, "invalid_contact"),
        ({"email": "other@example.com"}, "invalid_contact_source"),
    ],
)
def test_O2_131_O2_146_additions_to_a_source_are_validated(
    world: World, owned: int, addition: dict[str, Any], code: str
) -> None:
    source = {"registration_id": owned, **addition}
    reply = refused_domain(world, without_contact(world, fresh(), contact_source=source), 400, code)
    assert reply.body["details"][0]["pointer"].startswith("/domain/contact_source/")


# -- contact and contact_source: both, or neither -----------------------------------------------------------------


def test_O2_124_O2_135_O2_145_a_contact_or_a_source_is_required(world: World) -> None:
    for nothing in (
        {},
        {"contact": None},
        {"contact_source": None},
        {"contact": None, "contact_source": None},
    ):
        body = {"domain": {"name": fresh(), **nothing}}
        reply = refused_domain(world, body, 400, "incomplete_contact", "/domain/contact")
        assert "contact_source" in reply.body["errors"][0]


def test_O2_135_O2_147_contact_and_source_exclude_each_other(world: World, owned: int) -> None:
    body = world.domain(fresh(), contact_source={"registration_id": owned})
    refused_domain(world, body, 400, "invalid_contact_source", "/domain/contact_source")
    body["domain"]["contact"] = {}
    refused_domain(world, body, 400, "invalid_contact_source", "/domain/contact_source")


# -- role_contacts ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "roles",
    [
        None,
        {},
        {"admin": None},
        {"admin": {}, "billing": {}, "tech": {}},
        {"admin": {"source": "same_as_owner"}},
        {"tech": {"source": "same_as_owner", "source_registration_id": None, "first_name": None}},
    ],
)
def test_O2_132_the_contact_of_a_role_is_the_owner_by_default(world: World, roles: Any) -> None:
    told = told_to_registrar(world, accepted(world, world.domain(fresh(), role_contacts=roles)))
    assert {told[f"{role.title()}Contact"]["Email"] for role in ROLES} == {"ada@example.com"}


@pytest.mark.parametrize("role", ROLES)
def test_O2_133_a_role_contact_can_come_from_another_registration(
    world: World, owned: int, role: str
) -> None:
    roles = {role: {"source": "existing", "source_registration_id": owned}}
    told = told_to_registrar(world, accepted(world, world.domain(fresh(), role_contacts=roles)))
    for other in ROLES:
        expected = f"{role}@example.com" if other == role else "ada@example.com"
        assert told[f"{other.title()}Contact"]["Email"] == expected


@pytest.mark.parametrize("role", ROLES)
def test_O2_134_the_contact_of_a_role_can_be_a_new_person(world: World, owned: int, role: str) -> None:
    new = {"source": "new", **world.contact(first_name="Charles", email="new@example.com")}
    for registrant in (
        {"contact": world.contact()},
        {"contact": None, "contact_source": {"registration_id": owned}},
    ):
        body = world.domain(fresh(), role_contacts={role: new}, **registrant)
        told = told_to_registrar(world, accepted(world, body))
        assert told[f"{role.title()}Contact"]["Email"] == "new@example.com"
        assert told["RegistrantContact"]["Email"] == "ada@example.com"


@pytest.mark.parametrize(
    ("roles", "code", "pointer"),
    [
        ("ada", "invalid_contact", ""),
        ([], "invalid_contact", ""),
        ({"owner": {}}, "invalid_contact", "/owner"),
        ({"admin": "same_as_owner"}, "invalid_contact", "/admin"),
        ({"admin": {"source": 1}}, "invalid_contact", "/admin/source"),
        ({"admin": {"source": "owner"}}, "invalid_contact", "/admin/source"),
        ({"admin": {"source": ""}}, "invalid_contact", "/admin/source"),
        ({"tech": {"source": "existing"}}, "invalid_contact_source", "/tech/source_registration_id"),
        (
            {"tech": {"source": "existing", "source_registration_id": 4711}},
            "invalid_contact_source",
            "/tech/source_registration_id",
        ),
        (
            {"tech": {"source": "existing", "source_registration_id": "4711"}},
            "invalid_contact_source",
            "/tech/source_registration_id",
        ),
        # A role without `source` gets the owner's contact. So the registry would store the owner, not Grace.
        ({"billing": {"first_name": "Grace"}}, "invalid_contact", "/billing/first_name"),
        (
            {"billing": {"source_registration_id": 10}},
            "invalid_contact_source",
            "/billing/source_registration_id",
        ),
        ({"billing": {"sorce": "new"}}, "invalid_contact", "/billing/sorce"),
    ],
)
def test_O2_132_O2_133_O2_146_O2_147_an_error_in_a_role_names_the_field_that_caused_it(
    world: World, roles: Any, code: str, pointer: str
) -> None:
    body = world.domain(fresh(), role_contacts=roles)
    refused_domain(world, body, 400, code, f"/domain/role_contacts{pointer}")


def test_O2_133_O2_147_a_role_contact_cannot_come_from_another_account(world: World, owned: int) -> None:
    roles = {"admin": {"source": "existing", "source_registration_id": owned}}
    pointer = "/domain/role_contacts/admin/source_registration_id"
    body = world.domain(fresh(), role_contacts=roles)
    refused_domain(world, body, 400, "invalid_contact_source", pointer, account="credit")


def test_O2_134_O2_145_O2_146_the_new_contact_of_a_role_is_validated_like_the_owner(world: World) -> None:
    roles = {"tech": {"source": "new", **world.contact(city="", email="x")}, "admin": {"source": "new"}}
    reply = refused_domain(world, world.domain(fresh(), role_contacts=roles), 400, "incomplete_contact")
    pointers = [detail["pointer"] for detail in reply.body["details"]]
    assert pointers[: len(REQUIRED)] == [f"/domain/role_contacts/admin/{name}" for name in REQUIRED]
    assert pointers[len(REQUIRED) :] == [f"/domain/role_contacts/tech/{name}" for name in ("city", "email")]


# -- what the registry of a TLD requires --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ending", "changes", "pointer"),
    [
        ("it", {"extra_properties": {"pin": "x", "nationality": "NL"}}, "/contact/extra_properties/pin"),
        (
            "it",
            AMERICAN | {"state": "WA", "extra_properties": {"pin": "xxx", "nationality": "US"}},
            "/contact/country",
        ),
        (
            "fr",
            AMERICAN | {"state": "WA", "extra_properties": {"birthDate": "1980-01-10"}},
            "/contact/country",
        ),
        ("fr", {"extra_properties": {"birthDate": "10.1.1980"}}, "/contact/extra_properties/birthDate"),
        ("com", {"extra_properties": {"pin": "12345"}}, "/contact/extra_properties/pin"),
        ("co.uk", {"extra_properties": {"contactType": "Person"}}, "/contact/extra_properties/contactType"),
    ],
)
def test_O2_151_a_contact_must_follow_the_rules_of_the_registry(
    world: World, ending: str, changes: dict[str, Any], pointer: str
) -> None:
    body = world.domain(fresh(ending), contact=world.contact(**changes))
    reply = refused_domain(world, body, 422, "domain_contact_invalid")
    first = reply.body["violations"][0]
    assert set(first) >= {"role", "pointer", "message"}
    assert (first["role"], first["pointer"]) == ("owner", f"/domain{pointer}")
    assert len(first["message"]) > 15
    pointers = [found["pointer"] for found in reply.body["violations"]]
    assert len(set(pointers)) == len(pointers)


def test_O2_151_a_violation_names_the_role_of_the_contact(world: World) -> None:
    """The owner of a .ca domain may live anywhere. The admin and tech contacts must live in Canada."""
    name = fresh("ca")
    body = world.domain(name, contact=world.contact(extra_properties={"legalType": "CCT"}))
    reply = refused_domain(world, body, 422, "domain_contact_invalid")
    assert [(found["role"], found["pointer"]) for found in reply.body["violations"]] == [
        (role, f"/domain/role_contacts/{role}/country") for role in ("admin", "tech")
    ]
    canadian = {"country": "CA", "state": "ON", "post_code": "K1A 0B1", "phone": "+1.6135550100"}
    new = {"source": "new", **world.contact(**canadian)}
    body["domain"]["role_contacts"] = {"admin": new, "tech": new}
    accepted(world, body)


def test_O2_151_invalid_fields_are_reported_before_missing_ones(world: World) -> None:
    body = world.domain(fresh("it"), contact=world.contact(extra_properties={"nationality": "Dutch"}))
    reply = refused_domain(world, body, 422, "domain_contact_invalid")
    assert "needs_augmentation" not in reply.body


# Values for missing fields. A field gets the first value that fits the schema in the response.
VALUES = (
    *("RSSMRA80A01H501U", "51824753556", "12345678M", "B12345678", "1980-01-10", "NL12345678"),
    *("IT", "69", "Lyon", "WA", "Example Pty Ltd", "01234567"),
)
# Values for fields with a fixed choice. Some of these values make another field required. VALUES can fill that field.
CHOICES = ("INDIVIDUAL", "OTHER", "CCT", "FIND", "ABN", "COMPANY", "FOREIGNERS", "POLICY_REASON_1")


def fitting(schema: dict[str, Any]) -> str:
    for value in [*CHOICES, *VALUES] if "enum" in schema else VALUES:
        if jsonschema_rs.is_valid(schema, value):
            return value
    raise AssertionError(f"no value fits {schema}")


def put(body: dict[str, Any], pointer: str, value: str) -> None:
    *parents, last = pointer.removeprefix("/").split("/")
    place = body
    for name in parents:
        place = place.setdefault(name, {})
    place[last] = value


@pytest.mark.parametrize(
    ("ending", "changes"),
    [
        ("it", {}),
        ("it", {"country": "IT"}),
        ("it", {"organization": "Esempio S.r.l.", "country": "IT"}),
        ("it", {"organization": "Beispiel GmbH", "country": "DE"}),
        ("es", {}),
        ("es", {"country": "ES"}),
        ("fr", {}),
        ("fr", {"country": "FR"}),
        ("ca", {"country": "CA"}),
        ("ca", {"country": "CA", "state": "ON", "organization": "Example Inc."}),
        ("com.au", {}),
        ("com.au", {"country": "AU"}),
        ("co.uk", {"country": "GB"}),
        ("eu", AMERICAN),
        ("com", AMERICAN),
        ("de", AMERICAN),
        ("nl", AMERICAN),
    ],
)
def test_O2_152_an_order_is_accepted_once_it_has_the_requested_fields(
    world: World, ending: str, changes: dict[str, Any]
) -> None:
    """The test knows no rules of the registry. At each pointer of the error it sends a value that fits the schema."""
    body = world.domain(fresh(ending), contact=world.contact(**changes))
    rounds = 0
    while (reply := order_domain(world, body)).status != 202:
        assert_error(reply, 422, "domain_contact_needs_augmentation")
        assert reply.body["needs_augmentation"]
        for needed in reply.body["needs_augmentation"]:
            assert set(needed) >= {"role", "pointer", "message", "schema"}
            assert needed["pointer"].startswith("/domain/contact/")
            put(body, needed["pointer"], fitting(needed["schema"]))
        rounds += 1
        assert rounds < 4, reply.body
    told = told_to_registrar(world, reply.body["orders"][0]["id"])
    extra = body["domain"]["contact"].get("extra_properties", {})
    assert {one["Value"] for one in told["RegistrantContact"].get("ExtraParams", ())} == set(extra.values())


def test_O2_152_the_error_points_to_the_fields_that_a_source_lacks(world: World, owned: int) -> None:
    for ending in ("it", "fr", "es", "com.au"):
        body = without_contact(world, fresh(ending), contact_source={"registration_id": owned})
        for _ in range(3):
            reply = order_domain(world, body)
            if reply.status == 202:
                break
            assert_error(reply, 422, "domain_contact_needs_augmentation")
            for needed in reply.body["needs_augmentation"]:
                put(body, needed["pointer"], fitting(needed["schema"]))
        assert reply.status == 202, (ending, reply.body)


def mutants(contact: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The contact itself, then copies that each differ in one field."""
    yield contact
    for name in contact:
        if name != "extra_properties":
            yield {key: value for key, value in contact.items() if key != name}
    yield contact | {"fax": "+31.201234567"}
    yield contact | {"organization": "Example Ltd"}
    for country in ("US", "BR", "NL", "IT", "AU"):
        yield contact | {"country": country}
    extra = contact.get("extra_properties", {})
    for name in extra:
        yield contact | {"extra_properties": {key: value for key, value in extra.items() if key != name}}
        for value in ("?", "IT", "x" * 129, "CCO", "INDIVIDUAL", "LTD"):
            yield contact | {"extra_properties": {**extra, name: value}}
    yield contact | {"extra_properties": {**extra, "unheardOf": "x"}}


@pytest.mark.parametrize("ending", ["com", "de", "nl", "eu", "fr", "it", "es", "co.uk", "ca", "com.au"])
def test_O2_130_O2_151_O2_152_the_published_schema_agrees_with_the_endpoint(
    world: World, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    schema = world.request("GET", f"/api/tlds/{ending}").body["contact_schema"]
    validator = jsonschema_rs.Draft202012Validator(schema)
    monkeypatch.setattr(world.services.cipher, "seal", without_cipher)
    name = fresh(ending)
    seen = {True: 0, False: 0}
    before = state_of(world)
    for example in schema["examples"]:
        for contact in mutants(example):
            reply = order_domain(world, world.domain(name, contact=contact))
            fits = validator.is_valid(contact)
            seen[fits] += 1
            # The cipher is disabled, so valid contacts cannot be encrypted, and no order is placed.
            expected = ("temporarily_unavailable",) if fits else CONTACT_CODES
            assert reply.body["code"] in expected, (contact, reply.body)
    assert min(seen.values()) >= 5, seen
    assert state_of(world) == before


CONTACT_CODES = (
    "incomplete_contact",
    "invalid_contact",
    "domain_contact_invalid",
    "domain_contact_needs_augmentation",
)


def without_cipher(*_: object) -> str:
    raise ProviderUnavailableError("made up by a test")


# -- what is not kept ---------------------------------------------------------------------------------------------


def contacts_stored(world: World) -> list[str]:
    return [item["SK"]["S"] for item in world.items("CONTACT")]


def test_O2_155_no_contacts_are_kept_for_a_refused_order(world: World, owned: int) -> None:
    before = contacts_stored(world)
    assert before
    taken = fresh()
    world.registrar.take(taken)
    new = {"admin": {"source": "new", **world.contact(first_name="Grace")}}
    for status, code, body in (
        (422, "domain_unavailable", world.domain(taken, role_contacts=new)),
        (
            422,
            "domain_add_failed",
            world.domain(taken, action="transfer", authcode="wrong", role_contacts=new),
        ),
        (
            422,
            "domain_contact_invalid",
            world.domain(fresh(), contact=world.contact(extra_properties={"x": "1"})),
        ),
        (422, "domain_contact_needs_augmentation", world.domain(fresh("it"), role_contacts=new)),
    ):
        refused_domain(world, body, status, code)
        assert contacts_stored(world) == before
    paid = world.domain(fresh(), role_contacts=new)
    assert_error(order_domain(world, paid, "declined_final"), 422, "cart_pay_failed")
    assert contacts_stored(world) == before
