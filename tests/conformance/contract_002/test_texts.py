"""Error texts for people: plain English, the field in backticks, and what to send instead."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.contract_002.support import credentials, send
from tests.support.world import World

PACKAGE = Path(__file__).parents[3] / "layers" / "hosting_orders" / "hosting_orders"
CLUMSY = re.compile(
    r"\b(can not|is no (field|JSON|domain|name)|are the (most|least)|nobody|somebody|whoever|besides|spoken here|"
    r"none of ours|can't)\b"
)


def texts_for(world: World, path: str, body: Any) -> list[str]:
    text = body if isinstance(body, str) else json.dumps(body)
    reply = send(world, "POST", path, account=None, headers=credentials(world), body=text)
    assert reply.status == 400, reply.body
    texts: list[str] = reply.body["errors"]
    return texts


def contact(world: World, **changes: Any) -> dict[str, Any]:
    return world.domain("texts.com", contact=world.contact(**changes))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"country": "NLD"}, "`country` must have at most 2 characters."),
        ({"city": "x" * 65}, "`city` must have at most 64 characters."),
        ({"city": "a\nb"}, "`city` must not have line breaks, control characters or invisible characters."),
        ({"city": "\u200d"}, "`city` must have at least one visible character."),
        ({"city": 1}, "`city` must be text."),
        (
            {"phone": "x"},
            "`phone` must be a telephone number with its country code, such as `+15555555555` or `+1.5555555555`.",
        ),
        ({"fax": "1"}, "`fax` is not a field of a contact."),
        ({"emial": "1"}, "`emial` is not a field of a contact. Did you mean `email`?"),
        ({"extra_properties": []}, "`extra_properties` must be a JSON object."),
        (
            {"extra_properties": {str(number): "x" for number in range(21)}},
            "`extra_properties` must have at most 20 fields.",
        ),
    ],
)
def test_O2_146_an_error_about_a_contact_has_this_text(
    world: World, changes: dict[str, Any], text: str
) -> None:
    assert text in texts_for(world, "/api/orders/domain", contact(world, **changes))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("", "The domain is empty."),
        ("x" * 255, "The domain must have at most 253 characters."),
        ("https://a.com", "This is a web address: send the domain alone, such as `example.com`."),
        ("ada@a.com", "This is an e-mail address: send only what follows the @, such as `example.com`."),
        ("10.0.0.1", "This is an IP address: send a domain, such as `example.com`."),
        ("a.com/b", "This has a path: send the domain alone, such as `example.com`."),
        ("a.com:80", "A domain cannot have a colon: send it without the port."),
        ("a b.com", "The domain has a space or a line break in it."),
        ("a..com", "A part of the domain is empty: it has a dot too many, or nothing but a dot."),
        ("a$.com", "A domain cannot have '$': it can have letters, digits and hyphens."),
        ("-a.com", "'-a' begins or ends with a hyphen."),
        ("x" * 64 + ".com", f"'{'x' * 60}…' must have at most 63 characters in its ASCII form."),
    ],
)
def test_O2_141_an_error_about_a_domain_has_this_text(world: World, name: str, text: str) -> None:
    assert texts_for(world, "/api/orders/domain", world.domain(name)) == [text]


def site(**changes: Any) -> dict[str, Any]:
    known = {"name": "My site", "variant": "vanilla", "location": "ams", "plan": "basic", "term": "monthly"}
    return {"site": {**known, **changes}}


@pytest.mark.parametrize(
    ("path", "body", "text"),
    [
        ("/api/orders", site(colour="red"), "`site.colour` is not a field of this request."),
        ("/api/orders", site(name=1), "`site.name` must be text."),
        ("/api/orders", site(name="x" * 101), "`site.name` must have at most 100 characters."),
        ("/api/orders", site(name=""), "`site.name` must have at least 1 character."),
        ("/api/orders", site(name="\u200b"), "`site.name` must have at least one visible character."),
        ("/api/orders", site(name="a\nb"), "`site.name` must not have control characters or line breaks."),
        ("/api/orders", {"site": []}, "`site` must be a JSON object."),
        ("/api/orders", {}, "`site` is required."),
        ("/api/carts", {"items": {}}, "`items` must be a JSON array."),
        ("/api/carts", {"items": []}, "`items` must have 1 to 20 items."),
        ("/api/carts", {"items": [{}]}, "`items.0` must have exactly one of: `site`, `domain`, `vm`."),
        ("/api/orders", "", "The body is empty; send a JSON object."),
        ("/api/orders", "[]", "The body must be a JSON object."),
        ("/api/orders", '{"a": 1, "a": 2}', "The key 'a' appears twice in one object."),
        ("/api/orders", '{"a": NaN}', "The body is not valid JSON: NaN is not a JSON number."),
        ("/api/orders", '{"a": 1e999}', "The body has a number that is too large."),
        (
            "/api/orders",
            '{"a": ' + "[" * 20 + "]" * 20 + "}",
            "The body is nested too deeply: at most 16 levels are allowed.",
        ),
    ],
)
def test_an_error_about_the_body_has_this_text(world: World, path: str, body: Any, text: str) -> None:
    assert texts_for(world, path, body) == [text]


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("contact", [], "`domain.contact` must be a JSON object."),
        (
            "contact_source",
            {"registration_id": "x"},
            "`domain.contact_source.registration_id` must be a whole number.",
        ),
        (
            "contact_source",
            {"registration_id": 0},
            "`domain.contact_source.registration_id` must be at least 1.",
        ),
        (
            "contact_source",
            {"registration_id": 2**60},
            "`domain.contact_source.registration_id` must be at most 9007199254740992.",
        ),
        ("colour", "red", "`domain.colour` is not a field of this request."),
    ],
)
def test_O2_120_an_error_about_a_field_of_a_domain_has_this_text(
    world: World, field: str, value: Any, text: str
) -> None:
    body = world.domain("texts.com", **{field: value})
    assert text in texts_for(world, "/api/orders/domain", body)


def test_other_errors_have_these_texts(world: World) -> None:
    version = send(world, "GET", "/api/orders", headers={"X-Api-Version": "9"})
    assert version.body["errors"] == [
        "API version '9' is not supported; send `X-Api-Version: 1` or `X-Api-Version: 2`."
    ]
    cursor = send(world, "GET", "/api/orders", query={"cursor": "x"})
    assert cursor.body["errors"] == ["`cursor` is not valid; take it from a `Link` header."]
    patch = send(world, "PATCH", "/api/orders/x", body="{}")
    assert patch.body["errors"] == ["PATCH is reserved: an order cannot be changed once it is placed."]
    world.stripe.faults.add("error", "/v1/customers/.*", times=5)
    try:
        later = world.place()
    finally:
        world.stripe.faults.clear()
    assert later.body["errors"] == ["The service cannot answer this right now; try again soon."]


def texts_in(source: str) -> list[str]:
    """Every string of this Python source except the docstrings."""
    tree = ast.parse(source)
    bodies = [node.body for node in ast.walk(tree) if isinstance(getattr(node, "body", None), list)]
    docstrings = {id(found.value) for body in bodies for found in body if isinstance(found, ast.Expr)}
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings
    ]


SOURCES = [
    *(PACKAGE / "contracts").rglob("*.py"),
    *(PACKAGE / "entrypoints").glob("*.py"),
    *(PACKAGE / "domain").glob("*.py"),
    PACKAGE / "usecases" / "list_orders.py",
    *(PACKAGE / "adapters" / "route53").glob("*.py"),
]


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: file.stem)
def test_no_text_has_a_clumsy_phrase(file: Path) -> None:
    found = [text for text in texts_in(file.read_text()) if CLUMSY.search(text)]
    assert found == []


def test_texts_about_availability_never_call_a_domain_a_name() -> None:
    texts = texts_in((PACKAGE / "adapters" / "route53" / "offers.py").read_text())
    assert [text for text in texts if re.search(r"\bnames?\b", text)] == []
    assert any("the domain is already registered" in text for text in texts)
