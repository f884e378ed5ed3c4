"""Each registry's requirements for a contact. The schema that we publish is also the schema that we apply."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import jsonschema_rs
import pytest

from hosting_orders.adapters.route53.rules import TableRegistryRules
from hosting_orders.adapters.route53.tlds import contact_type, extra_param_name
from hosting_orders.domain.contact_fields import (
    LONGEST,
    MAX_EXTRA_LENGTH,
)
from hosting_orders.domain.errors import InvalidRequestError
from hosting_orders.domain.registration import ContactRole
from tests.support.contacts import OTHERS, OWNER, ROUTE53, RULES, TLDS, check, read, schema_of


def examples() -> Iterator[tuple[str, dict[str, Any]]]:
    for tld in sorted(TLDS):
        for example in schema_of(tld)["examples"]:
            yield tld, example


# -- schemas ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tld", sorted(TLDS))
def test_a_schema_is_valid_and_describes_its_fields(tld: str) -> None:
    schema = schema_of(tld)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema_rs.meta.validate(schema)
    assert json.loads(json.dumps(schema)) == schema
    extras = schema["properties"]["extra_properties"]
    assert extras["additionalProperties"] is False
    for name, field in extras["properties"].items():
        assert re.fullmatch(r"[a-z]+([A-Z][a-z]*)*", name), "camelCase, as the contract's entityType"
        assert field["title"], name
        assert field["description"], name
    for name, field in schema["properties"].items():
        assert field["title"], name
        assert field.get("maxLength") == LONGEST.get(name)
    assert all(rule["description"] for rule in schema["allOf"])


@pytest.mark.parametrize("tld", sorted(TLDS))
def test_the_published_schema_is_the_one_that_is_applied(tld: str, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[object] = []
    real: Callable[..., Any] = jsonschema_rs.Draft202012Validator

    def compile_it(schema: object, **options: object) -> Any:
        compiled.append(schema)
        return real(schema, **options)

    monkeypatch.setattr(jsonschema_rs, "Draft202012Validator", compile_it)
    rules = TableRegistryRules()
    rules.check_contact(tld, read(), OWNER)
    rules.check_contact(tld, read(), ContactRole.TECH)
    published = rules.rules(tld)
    assert published is not None
    assert len(compiled) == 1
    assert compiled[0] is published.contact_schema


@pytest.mark.parametrize(("tld", "example"), list(examples()))
def test_every_example_is_accepted(tld: str, example: dict[str, Any]) -> None:
    contact = RULES.read_contact(example)
    assert check(tld, contact) == ({}, {})
    assert jsonschema_rs.Draft202012Validator(schema_of(tld), validate_formats=True).is_valid(example)


@pytest.mark.parametrize(("tld", "example"), list(examples()))
def test_removing_a_field_makes_no_other_field_invalid(tld: str, example: dict[str, Any]) -> None:
    """If the removed field is required, the error contains the schema of that field."""
    extras = example.get("extra_properties", {})
    for name in extras:
        left = {key: value for key, value in extras.items() if key != name}
        violations, needed = check(tld, RULES.read_contact({**example, "extra_properties": left}))
        assert violations == {}
        for pointer, found in needed.items():
            asked = pointer.removeprefix("/extra_properties/")
            published = schema_of(tld)["properties"]["extra_properties"]["properties"][asked]
            assert {name: found.schema[name] for name in published} == published
            assert jsonschema_rs.is_valid(dict(found.schema), extras[asked])
            assert found.schema["title"] in found.message


def test_the_schema_of_a_missing_field_depends_on_other_fields() -> None:
    italian = read(country="IT", extra_properties={"nationality": "IT"})
    _, needed = check("it", italian)
    pin = dict(needed["/extra_properties/pin"].schema)
    assert jsonschema_rs.is_valid(pin, "RSSMRA80A01H501U")
    assert not jsonschema_rs.is_valid(pin, "NL12345678")
    _, needed = check("it", read(extra_properties={"nationality": "NL"}))
    assert jsonschema_rs.is_valid(dict(needed["/extra_properties/pin"].schema), "NL12345678")


NEEDED = {
    "au": {"registrantName", "idType", "idNumber", "eligibilityType", "policyReason"},
    "ca": {"legalType"},
    "es": {"legalForm", "identification"},
    "fi": {"nationality", "birthDate"},
    "fr": {"birthDate"},
    "it": {"pin", "nationality"},
    "se": {"idNumber"},
    "uk": {"contactType"},
}
SAME_AS = {"com.au": "au", "net.au": "au", "co.uk": "uk", "org.uk": "uk"}


@pytest.mark.parametrize("tld", sorted(TLDS))
def test_each_registry_requests_its_required_properties(tld: str) -> None:
    """The contact is a private person in the Netherlands."""
    violations, needed = check(tld, read())
    assert violations == {}
    wanted = {f"/extra_properties/{name}" for name in NEEDED.get(SAME_AS.get(tld, tld), set())}
    if tld.endswith("au"):
        wanted.add("/organization")
    assert set(needed) == wanted
    for found in needed.values():
        jsonschema_rs.meta.validate(dict(found.schema))
        assert found.schema["type"] == "string"


@pytest.mark.parametrize("tld", sorted(TLDS))
@pytest.mark.parametrize("role", OTHERS)
def test_only_uk_and_ca_have_rules_for_roles_other_than_owner(tld: str, role: ContactRole) -> None:
    violations, needed = check(tld, read(), role)
    # The .uk registry requires `contactType` of every contact. local/registrar_standin/names.py cites the source.
    assert set(needed) == ({"/extra_properties/contactType"} if tld.endswith("uk") else set())
    assert set(violations) == ({"/country"} if tld == "ca" and role is not ContactRole.BILLING else set())


@pytest.mark.parametrize("role", [OWNER, *OTHERS])
@pytest.mark.parametrize("tld", ["fr", "fi"])
@pytest.mark.parametrize("day", ["1980-02-30", "1981-02-29", "1980-04-31", "1900-02-29", "2099-01-01"])
def test_a_date_of_birth_must_exist_and_be_in_the_past(tld: str, day: str, role: ContactRole) -> None:
    contact = read(country="FR", extra_properties={"birthDate": day, "nationality": "NOT_FINNISH"})
    if tld == "fr":
        contact = read(country="FR", extra_properties={"birthDate": day})
    violations, needed = check(tld, contact, role)
    assert list(violations) == ["/extra_properties/birthDate"]
    assert day not in violations["/extra_properties/birthDate"]
    assert needed == {}


def test_a_leap_day_is_accepted_as_a_date_of_birth() -> None:
    assert check("fr", read(country="FR", extra_properties={"birthDate": "1980-02-29"})) == ({}, {})


def all_extras() -> Iterator[tuple[str, str]]:
    for tld, facts in TLDS.items():
        for name in facts.extra_properties:
            yield tld, name


@pytest.mark.parametrize(("tld", "name"), list(all_extras()))
def test_every_extra_property_has_a_name_at_route_53(tld: str, name: str) -> None:
    assert extra_param_name(tld, name) in ROUTE53["ExtraParamName"]["enum"]


@pytest.mark.parametrize(("tld", "name"), list(all_extras()))
def test_extra_properties_are_checked_for_every_role(tld: str, name: str) -> None:
    schema = schema_of(tld)["properties"]["extra_properties"]["properties"][name]
    if "enum" not in schema and "pattern" not in schema:
        assert schema["maxLength"] <= MAX_EXTRA_LENGTH
        return
    for role in ContactRole:
        contact = read(extra_properties={name: "secret?!"})
        violations, _ = check(tld, contact, role)
        assert f"/extra_properties/{name}" in violations
        assert "secret" not in " ".join(violations.values())


def test_route_53_names_are_unique_within_a_tld() -> None:
    for facts in TLDS.values():
        assert set(facts.parameters) == set(facts.extra_properties)
        assert len(set(facts.parameters.values())) == len(facts.parameters)
    with pytest.raises(KeyError):
        extra_param_name("com", "pin")


def documented_values(parameter: str) -> set[str]:
    """All words in capitals in botocore's text about ExtraParam, except `parameter` itself.

    They include all documented values of this parameter, but also other words.
    """
    text = ROUTE53["ExtraParam"]["members"]["Name"]["documentation"]
    plain = re.sub(r"<[^>]+>", "\n", text)
    words = [line.strip() for line in plain.splitlines() if line.strip()]
    return {word.split(" ")[0] for word in words if re.fullmatch(r"[A-Z0-9_]{2,}( \(.*)?", word)} - {
        parameter
    }


@pytest.mark.parametrize(("tld", "name"), list(all_extras()))
def test_every_selectable_value_is_documented_by_amazon(tld: str, name: str) -> None:
    schema = schema_of(tld)["properties"]["extra_properties"]["properties"][name]
    if "enum" in schema and name != "countryOfCitizenship":
        assert set(schema["enum"]) <= documented_values(extra_param_name(tld, name))


@pytest.mark.parametrize("country", ["US", "CA", "AU"])
@pytest.mark.parametrize("role", list(ContactRole))
def test_a_state_is_required_in_the_us_canada_and_australia(country: str, role: ContactRole) -> None:
    _, needed = check("com", read(country=country), role)
    assert list(needed) == ["/state"]
    assert needed["/state"].schema is schema_of("com")["properties"]["state"]
    assert check("com", read(country=country, state="XY"), role) == ({}, {})


def test_a_field_of_another_registry_is_refused() -> None:
    contact = read(extra_properties={"entityType": "FOREIGNERS", "a/b": "c"})
    violations, _ = check("com", contact)
    assert set(violations) == {"/extra_properties/entityType", "/extra_properties/a~1b"}
    violations, _ = check("es", contact)
    assert "identificationType" in violations["/extra_properties/entityType"]


IT = {"pin": "RSSMRA80A01H501U", "nationality": "IT"}


@pytest.mark.parametrize(
    ("tld", "changes", "wrong", "missing"),
    [
        ("it", {"country": "US", "state": "WA", "extra_properties": IT}, {"/country"}, set()),
        ("it", {"country": "IT", "extra_properties": {**IT, "pin": "123"}}, {"/extra_properties/pin"}, set()),
        ("it", {"country": "FR", "extra_properties": {**IT, "pin": "123"}}, set(), set()),
        ("it", {"organization": "X", "extra_properties": IT}, set(), {"/extra_properties/entityType"}),
        (
            "it",
            {"organization": "X", "extra_properties": {**IT, "entityType": "COMPANY"}},
            {"/extra_properties/entityType"},
            set(),
        ),
        (
            "es",
            {"extra_properties": {"legalForm": "INDIVIDUAL", "identification": "12345678M"}},
            set(),
            {"/extra_properties/identificationType"},
        ),
        (
            "es",
            {
                "extra_properties": {
                    "legalForm": "INDIVIDUAL",
                    "identificationType": "NIE",
                    "identification": "12345678M",
                }
            },
            {"/extra_properties/identification"},
            set(),
        ),
        (
            "es",
            {"extra_properties": {"legalForm": "LIMITED_COMPANY", "identification": "12345678M"}},
            {"/extra_properties/identification"},
            set(),
        ),
        ("es", {"extra_properties": {"legalForm": "OTHERS", "identification": "HRB 1234"}}, set(), set()),
        ("ca", {"extra_properties": {"legalType": "CCO"}}, set(), {"/organization"}),
        ("ca", {"extra_properties": {"legalType": "CCT"}}, set(), set()),
        (
            "co.uk",
            {"extra_properties": {"contactType": "LTD"}},
            set(),
            {"/organization", "/extra_properties/companyNumber"},
        ),
        ("co.uk", {"extra_properties": {"contactType": "STRA"}}, set(), set()),
        ("co.uk", {"organization": "X", "extra_properties": {"contactType": "PTNR"}}, set(), set()),
        ("fr", {"country": "US", "state": "WA", "organization": "X"}, {"/country"}, set()),
        ("fr", {"country": "RE", "organization": "X"}, set(), set()),
        ("fr", {"extra_properties": {"birthDate": "10.1.1980"}}, {"/extra_properties/birthDate"}, set()),
        ("eu", {"country": "CH"}, set(), {"/extra_properties/countryOfCitizenship"}),
        ("eu", {"country": "CH", "organization": "X"}, {"/country"}, set()),
        ("eu", {"country": "CH", "extra_properties": {"countryOfCitizenship": "GR"}}, set(), set()),
        (
            "eu",
            {"country": "CH", "extra_properties": {"countryOfCitizenship": "CH"}},
            {"/extra_properties/countryOfCitizenship"},
            set(),
        ),
        (
            "fi",
            {"country": "FI", "extra_properties": {"nationality": "FINNISH"}},
            set(),
            {"/extra_properties/idNumber"},
        ),
        (
            "fi",
            {"country": "FI", "organization": "X", "extra_properties": {"nationality": "FINNISH"}},
            set(),
            {"/extra_properties/businessNumber", "/extra_properties/organizationType"},
        ),
        (
            "fi",
            {
                "organization": "X",
                "extra_properties": {"nationality": "NOT_FINNISH", "organizationType": "COMPANY"},
            },
            set(),
            {"/extra_properties/vatNumber"},
        ),
        (
            "se",
            {"country": "SE", "extra_properties": {"idNumber": "12345"}},
            {"/extra_properties/idNumber"},
            set(),
        ),
        ("se", {"extra_properties": {"idNumber": "12345"}}, set(), set()),
    ],
)
def test_a_contact_is_checked_by_the_rules_of_its_registry(
    tld: str, changes: dict[str, object], wrong: set[str], missing: set[str]
) -> None:
    violations, needed = check(tld, read(**changes))
    assert (set(violations), set(needed)) == (wrong, missing)
    assert all(message for message in violations.values())


@pytest.mark.parametrize("id_type", ["ABN", "ACN", "TM"])
def test_an_abn_needs_11_digits_and_an_acn_needs_9_digits(id_type: str) -> None:
    """An ABN is the Australian number of a business, and an ACN the number of a company."""
    example = deepcopy(schema_of("com.au")["examples"][0])
    example["extra_properties"] |= {"idType": id_type, "idNumber": "51 824 753 556"}
    violations, _ = check("com.au", RULES.read_contact(example))
    assert set(violations) == ({"/extra_properties/idNumber"} if id_type == "ACN" else set())
    example["extra_properties"]["idNumber"] = "123 456 789"
    violations, _ = check("com.au", RULES.read_contact(example))
    assert set(violations) == ({"/extra_properties/idNumber"} if id_type == "ABN" else set())


def test_a_tld_without_rules_is_unsupported() -> None:
    with pytest.raises(InvalidRequestError) as caught:
        RULES.check_contact("zzz", read(), OWNER)
    assert caught.value.code == "unsupported_tld"


def test_uk_domains_are_transferred_without_an_auth_code() -> None:
    without = {tld for tld in RULES.known() if not (rules := RULES.rules(tld)) or not rules.authcode_required}
    assert without == {"uk", "co.uk", "org.uk"}


# -- kinds of contacts --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tld", "organization", "extra", "role", "kind"),
    [
        ("com", None, {}, "owner", "PERSON"),
        ("com", "X", {}, "owner", "COMPANY"),
        ("com", "X", {}, "tech", "COMPANY"),
        ("es", "X", {"legalForm": "LIMITED_COMPANY"}, "owner", "PERSON"),
        ("ca", "X", {"legalType": "CCO"}, "owner", "COMPANY"),
        ("ca", "X", {"legalType": "CCO"}, "admin", "PERSON"),
        ("ca", "X", {"legalType": "GOV"}, "owner", "PUBLIC_BODY"),
        ("ca", "X", {"legalType": "CCT"}, "owner", "PERSON"),
        ("ca", None, {"legalType": "CCO"}, "owner", "PERSON"),
        ("it", "X", {"entityType": "NON_PROFIT_ORGANIZATIONS"}, "owner", "ASSOCIATION"),
        ("it", "X", {"entityType": "PUBLIC_ORGANIZATIONS"}, "owner", "PUBLIC_BODY"),
        ("it", "X", {"entityType": "FOREIGNERS"}, "owner", "COMPANY"),
        ("co.uk", "X", {"contactType": "IND"}, "owner", "PERSON"),
        ("co.uk", "X", {"contactType": "LTD"}, "owner", "COMPANY"),
        ("co.uk", None, {"contactType": "STRA"}, "owner", "PERSON"),
        ("fi", "X", {"organizationType": "TOWNSHIP"}, "owner", "PUBLIC_BODY"),
    ],
)
def test_the_contact_type_depends_on_the_contact_and_its_role(
    tld: str, organization: str | None, extra: dict[str, str], role: str, kind: str
) -> None:
    contact = read(organization=organization, extra_properties=extra)
    assert contact_type(tld, contact, ContactRole(role)) == kind


def test_every_contact_kind_exists_at_route_53() -> None:
    for facts in TLDS.values():
        kinds = facts.contact_type.kinds
        assert set(kinds.values()) <= set(ROUTE53["ContactType"]["enum"])
        if facts.contact_type.property:
            choices = facts.extra_properties[facts.contact_type.property]
            assert set(kinds) == set(choices["enum"]), "a choice without a kind would be sent as COMPANY"
