"""Reading and normalising contacts, and the rules that apply to all TLDs."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from iso3166 import countries_by_alpha2

from hosting_orders.adapters.route53.contact_fields import contact_size
from hosting_orders.adapters.route53.contact_schema import PERSON_EXAMPLE
from hosting_orders.domain.contact_fields import (
    LONGEST,
    MAX_CONTACT_BYTES,
    MAX_EXTRA_LENGTH,
    OPTIONAL,
    REQUIRED,
)
from hosting_orders.domain.errors import InvalidFieldsError, InvalidRequestError
from hosting_orders.domain.registration import Contact
from tests.support.contacts import OWNER, RULES, person, read


def problems(given_contact: Mapping[str, object]) -> dict[str, InvalidRequestError]:
    with pytest.raises(InvalidFieldsError) as caught:
        RULES.read_contact(given_contact)
    found = {problem.pointer or "": problem for problem in caught.value.problems}
    assert len(found) == len(caught.value.problems), "one problem per field"
    return found


def the_problem(field: str, value: object) -> InvalidRequestError:
    found = problems(person(**{field: value}))
    assert list(found) == [f"/{field}"]
    return found[f"/{field}"]


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
def test_a_missing_required_field_makes_the_contact_incomplete(field: str, value: object) -> None:
    left_out = the_problem(field, value)
    assert left_out.code == "incomplete_contact"
    assert field in str(left_out)


def test_the_errors_name_every_missing_field() -> None:
    found = problems({})
    assert set(found) == {f"/{name}" for name in REQUIRED}
    assert {problem.code for problem in found.values()} == {"incomplete_contact"}


@pytest.mark.parametrize("field", [*REQUIRED, *OPTIONAL])
@pytest.mark.parametrize(
    "value",
    [1, 1.5, True, [], {}, ["x"], "a\nb", "a\x00b", "a\x1bb", "a\u2028b", "a\ud800b", "x" * 300],
    ids=repr,
)
def test_an_invalid_value_names_its_field(field: str, value: object) -> None:
    bad = the_problem(field, value)
    assert bad.code == "invalid_contact"
    assert field in str(bad)


@pytest.mark.parametrize(
    "field", [name for name in (*REQUIRED, *OPTIONAL) if name not in ("country", "email", "phone")]
)
def test_a_field_has_a_maximum_length(field: str) -> None:
    assert getattr(read(**{field: "x" * LONGEST[field]}), field) == "x" * LONGEST[field]
    assert the_problem(field, "x" * (LONGEST[field] + 1)).code == "invalid_contact"


def test_several_errors_are_reported_together() -> None:
    found = problems(person(email="nobody", phone=None, country="XX", firstname="Ada", extra_properties=[]))
    assert {pointer: problem.code for pointer, problem in found.items()} == {
        "/phone": "incomplete_contact",
        "/email": "invalid_contact",
        "/country": "invalid_contact",
        "/firstname": "invalid_contact",
        "/extra_properties": "invalid_contact",
    }
    assert "`first_name`" in str(found["/firstname"])


def test_the_pointer_to_an_unknown_field_is_escaped_and_short() -> None:
    assert list(problems(person(**{"a/b~c": 1}))) == ["/a~1b~0c"]
    assert all(len(pointer) < 70 for pointer in problems(person(**{"x" * 5000: 1})))


@pytest.mark.parametrize("country", sorted(set(countries_by_alpha2) - {"XK"}))
def test_every_assigned_country_code_is_accepted_in_lower_case(country: str) -> None:
    assert read(country=country.lower()).country == country


@pytest.mark.parametrize("country", ["XK", "EU", "UK", "AN", "XX", "ZZ", "N", "NLD", "12", "ﬁ", "ß"])
def test_an_unassigned_country_code_is_refused(country: str) -> None:
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
def test_only_the_form_of_an_email_address_is_checked(email: str, kept: str) -> None:
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
def test_an_error_does_not_repeat_an_invalid_email_address(email: str) -> None:
    bad = the_problem("email", email)
    assert bad.code == "invalid_contact"
    assert str(bad) == str(the_problem("email", "?")), "the text must not depend on the value"


@pytest.mark.parametrize(
    ("phone", "kept"),
    [
        ("+15555555555", "+1.5555555555"),
        ("+1.5555555555", "+1.5555555555"),  # the contract's example, a possible but unassigned number
        ("+1 555 555 5555", "+1.5555555555"),
        ("+1 (555) 555-5555", "+1.5555555555"),
        ("+31.201234567", "+31.201234567"),
        ("+31201234567", "+31.201234567"),
        ("+39 06 1234 5678", "+39.0612345678"),  # Italy keeps the zero
        ("+44 20 7123 4567", "+44.2071234567"),
        ("+358.91234567", "+358.91234567"),
    ],
)
def test_a_phone_number_is_stored_in_the_registries_form(phone: str, kept: str) -> None:
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
def test_an_error_does_not_repeat_an_invalid_phone_number(phone: str) -> None:
    bad = the_problem("phone", phone)
    assert bad.code == "invalid_contact"
    assert str(bad) == str(the_problem("phone", "?")), "the text must not depend on the value"


def test_invalid_extra_properties_are_refused() -> None:
    found = problems(
        person(extra_properties={"a": [], "b": {}, "c": "x" * (MAX_EXTRA_LENGTH + 1), "d": "a\nb", "e": "ok"})
    )
    assert set(found) == {f"/extra_properties/{name}" for name in "abcd"}
    assert set(problems(person(extra_properties="pin=12"))) == {"/extra_properties"}
    assert set(problems(person(extra_properties={str(n): "x" for n in range(30)}))) == {"/extra_properties"}
    assert set(problems(person(extra_properties={"x" * 100: "y"}))) == {"/extra_properties/" + "x" * 64}
    assert read(extra_properties=None).extra == {}


def test_a_contact_always_fits_into_one_kms_encryption() -> None:
    """A contact is refused if all its fields together are too long for KMS, even if no single field is too long."""
    largest = {"street_address": "語" * 160, "organization": "語" * 128, "city": "語" * 64}
    assert contact_size(read(**largest)) <= MAX_CONTACT_BYTES
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
def test_any_json_gives_a_contact_or_a_list_of_errors(changes: dict[str, object]) -> None:
    try:
        contact = RULES.read_contact({**PERSON_EXAMPLE, **changes})
    except InvalidFieldsError as error:
        assert error.problems
        assert {problem.code for problem in error.problems} <= {"invalid_contact", "incomplete_contact"}
        assert all(problem.pointer is not None for problem in error.problems)
    else:
        assert contact_size(contact) <= MAX_CONTACT_BYTES
        assert RULES.read_contact(contact.as_given()) == contact, (
            "a normalised contact must stay the same when it is read again"
        )
        for tld in ("com", "it", "fi"):
            RULES.check_contact(tld, contact, OWNER)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="+0123456789 .-()", max_size=20))
@example("+4900001")
def test_an_accepted_phone_number_has_the_registries_form(phone: str) -> None:
    try:
        kept = read(phone=phone).phone
    except InvalidFieldsError:
        return
    assert re.fullmatch(r"\+[0-9]{1,3}\.[0-9]{1,14}", kept)
    # The zero after the country code is only for domestic calls and is dropped. In Italy the zero is kept.
    country, _, number = kept.removeprefix("+").partition(".")
    given_digits = re.sub(r"\D", "", phone)
    assert country + number in given_digits or f"{country}0{number}" in given_digits or country == "39"
    assert len(kept) <= 30


@pytest.mark.parametrize(
    "text", ["\u200b", "\u202e", "\u2060", "\u00ad", "a\u200bb", "\uffff", "\ue000", "\u200d"]
)
def test_invisible_characters_are_refused(text: str) -> None:
    for name in ("first_name", "street_address", "city", "organization"):
        assert f"/{name}" in problems(person(**{name: text}))


def test_an_invisible_character_is_accepted_in_a_persian_name() -> None:
    assert read(last_name="\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645").last_name
