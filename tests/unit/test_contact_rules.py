"""Contacts: what is read, what each registry has against them, and that the published schema is the one applied."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from typing import Any

import jsonschema_rs
import pytest
from botocore.loaders import Loader
from hypothesis import given, settings
from hypothesis import strategies as st
from iso3166 import countries_by_alpha2

from hosting_orders.adapters.route53.contact_fields import contact_size
from hosting_orders.adapters.route53.rules import TableRegistryRules
from hosting_orders.domain.contact_schema import (
    LARGEST_CONTACT,
    LONGEST,
    LONGEST_EXTRA,
    OPTIONAL,
    PERSON_EXAMPLE,
    REQUIRED,
)
from hosting_orders.domain.errors import InvalidFieldsError, InvalidRequestError
from hosting_orders.domain.registration import Contact, ContactRole
from hosting_orders.domain.tld_table import TLDS, contact_type, extra_param_name

RULES = TableRegistryRules()
OWNER = ContactRole.OWNER
OTHERS = [ContactRole.ADMIN, ContactRole.BILLING, ContactRole.TECH]
ROUTE53 = Loader().load_service_model("route53domains", "service-2")["shapes"]


def person(**changes: object) -> dict[str, object]:
    """A contact as a client sends it; a field that is None is left out."""
    return {name: value for name, value in {**PERSON_EXAMPLE, **changes}.items() if value is not None}


def read(**changes: object) -> Contact:
    return RULES.read_contact(person(**changes))


def problems(given_contact: Mapping[str, object]) -> dict[str, InvalidRequestError]:
    with pytest.raises(InvalidFieldsError) as caught:
        RULES.read_contact(given_contact)
    found = {problem.pointer or "": problem for problem in caught.value.problems}
    assert len(found) == len(caught.value.problems), "one problem a field"
    return found


def the_problem(field: str, value: object) -> InvalidRequestError:
    found = problems(person(**{field: value}))
    assert list(found) == [f"/{field}"]
    return found[f"/{field}"]


def check(tld: str, contact: Contact, role: ContactRole = OWNER) -> tuple[dict[str, str], dict[str, Any]]:
    violations, needed = RULES.check_contact(tld, contact, role)
    assert len({found.pointer for found in violations}) == len(violations)
    assert len({found.pointer for found in needed}) == len(needed)
    return {found.pointer: found.message for found in violations}, {found.pointer: found for found in needed}


def schema_of(tld: str) -> dict[str, Any]:
    rules = RULES.rules(tld)
    assert rules is not None
    return dict(rules.contact_schema)


def examples() -> Iterator[tuple[str, dict[str, Any]]]:
    for tld in sorted(TLDS):
        for example in schema_of(tld)["examples"]:
            yield tld, example


# -- reading ------------------------------------------------------------------------------------------------------


def test_a_contact_is_read_into_its_normal_form() -> None:
    contact = read(
        first_name="  Ada ",
        city="Mu\u0308nchen",
        country="de",
        state="",
        organization=None,
        email="Ada@EXAMPLE.com",
        phone="+49 (30) 1234-5678",
        extra_properties={"pin": " 12 ", "flag": True, "number": 7, "empty": " ", "nothing": None},
    )
    assert contact == Contact(
        first_name="Ada",
        last_name="Example",
        street_address="12 High Street",
        post_code="1011 AB",
        city="München",
        country="DE",
        email="Ada@example.com",
        phone="+49.3012345678",
        organization="",
        state="",
        extra={"pin": "12", "flag": "true", "number": "7"},
    )
    assert "Ada" not in repr(contact)


@pytest.mark.parametrize("field", REQUIRED)
@pytest.mark.parametrize("value", [None, "", "   "])
def test_a_required_field_that_is_missing_makes_the_contact_incomplete(field: str, value: object) -> None:
    left_out = the_problem(field, value)
    assert left_out.code == "incomplete_contact"
    assert field in str(left_out)


def test_every_missing_field_is_named_at_once() -> None:
    found = problems({})
    assert set(found) == {f"/{name}" for name in REQUIRED}
    assert {problem.code for problem in found.values()} == {"incomplete_contact"}


@pytest.mark.parametrize("field", [*REQUIRED, *OPTIONAL])
@pytest.mark.parametrize(
    "value",
    [1, 1.5, True, [], {}, ["x"], "a\nb", "a\x00b", "a\x1bb", "a\u2028b", "a\ud800b", "x" * 300],
    ids=repr,
)
def test_a_bad_value_is_told_by_its_field(field: str, value: object) -> None:
    bad = the_problem(field, value)
    assert bad.code == "invalid_contact"
    assert field in str(bad)


@pytest.mark.parametrize(
    "field", [name for name in (*REQUIRED, *OPTIONAL) if name not in ("country", "email", "phone")]
)
def test_a_field_can_be_as_long_as_it_says_and_not_longer(field: str) -> None:
    assert getattr(read(**{field: "x" * LONGEST[field]}), field) == "x" * LONGEST[field]
    assert the_problem(field, "x" * (LONGEST[field] + 1)).code == "invalid_contact"


def test_several_faults_are_told_together() -> None:
    found = problems(person(email="nobody", phone=None, country="XX", firstname="Ada", extra_properties=[]))
    assert {pointer: problem.code for pointer, problem in found.items()} == {
        "/phone": "incomplete_contact",
        "/email": "invalid_contact",
        "/country": "invalid_contact",
        "/firstname": "invalid_contact",
        "/extra_properties": "invalid_contact",
    }
    assert "`first_name`" in str(found["/firstname"])


def test_an_unknown_field_is_told_with_a_safe_pointer() -> None:
    assert list(problems(person(**{"a/b~c": 1}))) == ["/a~1b~0c"]
    assert all(len(pointer) < 70 for pointer in problems(person(**{"x" * 5000: 1})))


@pytest.mark.parametrize("country", sorted(set(countries_by_alpha2) - {"XK"}))
def test_every_assigned_country_is_taken_in_small_letters_too(country: str) -> None:
    assert read(country=country.lower()).country == country


@pytest.mark.parametrize("country", ["XK", "EU", "UK", "AN", "XX", "ZZ", "N", "NLD", "12", "ﬁ", "ß"])
def test_what_is_no_assigned_country_code_is_refused(country: str) -> None:
    assert the_problem("country", country).code == "invalid_contact"


@pytest.mark.parametrize(
    ("email", "kept"),
    [
        ("ada@example.com", "ada@example.com"),
        ("ada+domains@example.co.uk", "ada+domains@example.co.uk"),
        ("ada@bücher.example.com", "ada@xn--bcher-kva.example.com"),
        ("a@no-such-host.example.org", "a@no-such-host.example.org"),
    ],
)
def test_an_address_is_taken_by_its_form_alone(email: str, kept: str) -> None:
    assert read(email=email).email == kept


@pytest.mark.parametrize(
    "email",
    [
        "ada",
        "ada@",
        "@example.com",
        "ada@@example.com",
        "a b@example.com",
        "ada@localhost",
        "ada@127.0.0.1",
        "Ada <ada@example.com>",
        "ada@example..com",
        "ädä@example.com",
        "ada@example.com,bob@example.com",
    ],
)
def test_what_is_no_address_is_refused_without_being_repeated(email: str) -> None:
    bad = the_problem("email", email)
    assert bad.code == "invalid_contact"
    assert str(bad) == str(the_problem("email", "?")), "the same words whatever was given"


@pytest.mark.parametrize(
    ("phone", "kept"),
    [
        ("+15555555555", "+1.5555555555"),
        ("+1.5555555555", "+1.5555555555"),  # the contract's example: possible, though nobody's
        ("+1 555 555 5555", "+1.5555555555"),
        ("+1 (555) 555-5555", "+1.5555555555"),
        ("+31.201234567", "+31.201234567"),
        ("+31201234567", "+31.201234567"),
        ("+39 06 1234 5678", "+39.0612345678"),  # Italy keeps the zero
        ("+44 20 7123 4567", "+44.2071234567"),
        ("+358.91234567", "+358.91234567"),
    ],
)
def test_a_telephone_number_is_kept_in_the_registries_form(phone: str, kept: str) -> None:
    assert read(phone=phone).phone == kept


@pytest.mark.parametrize(
    "phone",
    [
        "5555555555",
        "0031201234567",
        "+1",
        "+1.555",
        "+1.5555555",
        "+999.123456789",
        "+15555555555 ext 3",
        "call me",
        "+1.55555555555555",
        "+",
        "++15555555555",
        "+1５555555555",
        "tel:+15555555555",
    ],
)
def test_what_is_no_possible_number_is_refused_without_being_repeated(phone: str) -> None:
    bad = the_problem("phone", phone)
    assert bad.code == "invalid_contact"
    assert str(bad) == str(the_problem("phone", "?")), "the same words whatever was given"


def test_extra_properties_hold_texts_numbers_and_truth_values_only() -> None:
    found = problems(
        person(extra_properties={"a": [], "b": {}, "c": "x" * (LONGEST_EXTRA + 1), "d": "a\nb", "e": "ok"})
    )
    assert set(found) == {f"/extra_properties/{name}" for name in "abcd"}
    assert set(problems(person(extra_properties="pin=12"))) == {"/extra_properties"}
    assert set(problems(person(extra_properties={str(n): "x" for n in range(30)}))) == {"/extra_properties"}
    assert set(problems(person(extra_properties={"x" * 100: "y"}))) == {"/extra_properties/" + "x" * 64}
    assert read(extra_properties=None).extra == {}


def test_a_contact_always_fits_into_what_kms_encrypts_at_once() -> None:
    """Each field is within its own limit; all together would be too much."""
    largest = {"street_address": "語" * 160, "organization": "語" * 128, "city": "語" * 64}
    assert contact_size(read(**largest)) <= LARGEST_CONTACT
    extras = {f"field{n}": "語" * 128 for n in range(8)}
    found = problems(person(**largest, extra_properties=extras))
    assert [(problem.code, problem.pointer) for problem in found.values()] == [("invalid_contact", "")]


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=40)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=10), inner, max_size=3)
    ),
    max_leaves=5,
)
FIELDS = st.sampled_from([*REQUIRED, *OPTIONAL, "extra_properties", "fax"])


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(FIELDS, VALUES, max_size=11))
def test_whatever_json_is_given_it_is_a_contact_or_a_list_of_its_faults(changes: dict[str, object]) -> None:
    try:
        contact = RULES.read_contact({**PERSON_EXAMPLE, **changes})
    except InvalidFieldsError as error:
        assert error.problems
        assert {problem.code for problem in error.problems} <= {"invalid_contact", "incomplete_contact"}
        assert all(problem.pointer is not None for problem in error.problems)
    else:
        assert contact_size(contact) <= LARGEST_CONTACT
        assert RULES.read_contact(contact.as_given()) == contact, "the normal form is its own normal form"
        for tld in ("com", "it", "fi"):
            RULES.check_contact(tld, contact, OWNER)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="+0123456789 .-()", max_size=20))
def test_a_number_that_is_taken_is_one_of_the_registries(phone: str) -> None:
    try:
        kept = read(phone=phone).phone
    except InvalidFieldsError:
        return
    assert re.fullmatch(r"\+[0-9]{1,3}\.[0-9]{1,14}", kept)
    assert kept.replace(".", "").removeprefix("+") in re.sub(r"\D", "", phone) or kept.startswith("+39")
    assert len(kept) <= 30


# -- schemas ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tld", sorted(TLDS))
def test_a_schema_is_valid_json_schema_and_explains_itself(tld: str) -> None:
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
def test_what_is_checked_is_the_very_schema_that_is_published(
    tld: str, monkeypatch: pytest.MonkeyPatch
) -> None:
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
def test_every_example_is_taken(tld: str, example: dict[str, Any]) -> None:
    contact = RULES.read_contact(example)
    assert check(tld, contact) == ({}, {})
    assert jsonschema_rs.Draft202012Validator(schema_of(tld), validate_formats=True).is_valid(example)


@pytest.mark.parametrize(("tld", "example"), list(examples()))
def test_an_example_without_one_of_its_fields_is_taken_or_the_field_is_asked_for(
    tld: str, example: dict[str, Any]
) -> None:
    """Taking fields away never makes a value wrong: it is always the missing field that is told, and its schema."""
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


def test_the_schema_of_a_missing_value_has_what_the_contacts_other_values_make_of_it() -> None:
    """Whatever fits the schema that was told is taken."""
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
def test_a_plain_contact_is_told_what_its_registry_needs_besides(tld: str) -> None:
    """A private person in the Netherlands."""
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
def test_what_a_registry_wants_of_the_registrant_is_not_wanted_of_the_others(
    tld: str, role: ContactRole
) -> None:
    violations, needed = check(tld, read(), role)
    assert needed == {}
    assert set(violations) == ({"/country"} if tld == "ca" and role is not ContactRole.BILLING else set())


def all_extras() -> Iterator[tuple[str, str]]:
    for tld, facts in sorted(TLDS.items()):
        for extra in facts.extras:
            yield tld, extra.name


@pytest.mark.parametrize(("tld", "name"), list(all_extras()))
def test_every_extra_property_has_a_name_at_route_53(tld: str, name: str) -> None:
    assert extra_param_name(tld, name) in ROUTE53["ExtraParamName"]["enum"]


@pytest.mark.parametrize(("tld", "name"), list(all_extras()))
def test_values_of_extra_properties_are_checked_for_every_role(tld: str, name: str) -> None:
    schema = schema_of(tld)["properties"]["extra_properties"]["properties"][name]
    if "enum" not in schema and "pattern" not in schema:
        assert schema["maxLength"] <= LONGEST_EXTRA
        return
    for role in ContactRole:
        contact = read(extra_properties={name: "secret?!"})
        violations, _ = check(tld, contact, role)
        assert f"/extra_properties/{name}" in violations
        assert "secret" not in " ".join(violations.values())


def test_the_names_of_route_53_are_no_two_properties_of_one_tld() -> None:
    for facts in TLDS.values():
        parameters = [extra.parameter for extra in facts.extras]
        assert len(set(parameters)) == len(parameters)
    with pytest.raises(KeyError):
        extra_param_name("com", "pin")


def documented_values(parameter: str) -> set[str]:
    """What Amazon's own text about ExtraParam, which comes with botocore, lists for a parameter."""
    text = ROUTE53["ExtraParam"]["members"]["Name"]["documentation"]
    plain = re.sub(r"<[^>]+>", "\n", text)
    words = [line.strip() for line in plain.splitlines() if line.strip()]
    return {word.split(" ")[0] for word in words if re.fullmatch(r"[A-Z0-9_]{2,}( \(.*)?", word)} - {
        parameter
    }


@pytest.mark.parametrize(("tld", "name"), list(all_extras()))
def test_every_value_that_can_be_chosen_is_one_that_amazon_documents(tld: str, name: str) -> None:
    schema = schema_of(tld)["properties"]["extra_properties"]["properties"][name]
    if "enum" in schema and name != "countryOfCitizenship":
        assert set(schema["enum"]) <= documented_values(extra_param_name(tld, name))


@pytest.mark.parametrize("country", ["US", "CA", "AU"])
@pytest.mark.parametrize("role", list(ContactRole))
def test_a_state_is_asked_for_where_addresses_have_one(country: str, role: ContactRole) -> None:
    _, needed = check("com", read(country=country), role)
    assert list(needed) == ["/state"]
    assert needed["/state"].schema is schema_of("com")["properties"]["state"]
    assert check("com", read(country=country, state="XY"), role) == ({}, {})


def test_a_field_of_another_registry_is_refused_with_those_that_there_are() -> None:
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
def test_the_rules_of_the_registries(
    tld: str, changes: dict[str, object], wrong: set[str], missing: set[str]
) -> None:
    violations, needed = check(tld, read(**changes))
    assert (set(violations), set(needed)) == (wrong, missing)
    assert all(message for message in violations.values())


@pytest.mark.parametrize("id_type", ["ABN", "ACN", "TM"])
def test_an_australian_number_has_the_digits_of_its_kind(id_type: str) -> None:
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


def test_names_under_uk_are_transferred_without_an_auth_code() -> None:
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
def test_the_kind_of_contact_that_route_53_is_told(
    tld: str, organization: str | None, extra: dict[str, str], role: str, kind: str
) -> None:
    contact = read(organization=organization, extra_properties=extra)
    assert contact_type(tld, contact, ContactRole(role)) == kind


def test_every_kind_is_one_of_route_53() -> None:
    for facts in TLDS.values():
        assert set(facts.kinds.values()) <= set(ROUTE53["ContactType"]["enum"])
        if facts.kind_property:
            choices = schema_of(facts.name)["properties"]["extra_properties"]["properties"][
                facts.kind_property
            ]
            assert set(facts.kinds) == set(choices["enum"]), (
                "a choice without a kind would be a COMPANY by accident"
            )


@pytest.mark.parametrize(
    "text", ["\u200b", "\u202e", "\u2060", "\u00ad", "a\u200bb", "\uffff", "\ue000", "\u200d"]
)
def test_what_can_not_be_seen_is_no_part_of_a_contact(text: str) -> None:
    for name in ("first_name", "street_address", "city", "organization"):
        assert f"/{name}" in problems(person(**{name: text}))


def test_joiners_that_a_language_needs_pass() -> None:
    assert read(last_name="\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645").last_name
