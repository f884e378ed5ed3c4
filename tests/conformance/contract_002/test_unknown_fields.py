"""Contract 002 refuses unknown fields at every level of every body, and the error names them.

If we ignored such a field, the customer could pay for the wrong thing (docs/decisions.md, 32).
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.contract_002.support import (
    assert_error,
    assert_error_shape,
    credentials,
    send,
    state_of,
)
from tests.support.world import Reply, World

ROOT = Path(__file__).parents[3]
CALLBACK = {"url": "https://client.example/hook", "authorization": "Bearer 12345"}


def bodies(world: World) -> dict[str, Any]:
    """One body for each path of PLACES. The body has an object at each of that path's pointers."""
    person = world.contact()
    roles = {
        "admin": {"source": "same_as_owner"},
        "billing": {"source": "new", **person},
        "tech": {"source": "existing", "source_registration_id": 10},
    }
    domain = world.domain("known-fields.com", role_contacts=roles)["domain"]
    source = world.domain("known-fields.com", contact=None, contact_source={"registration_id": 10})["domain"]
    site = world.site()["site"]
    return {
        "/api/orders": {"site": site, "callback": CALLBACK},
        "/api/orders/domain": {"domain": domain, "callback": CALLBACK},
        "/api/carts": {
            "items": [{"site": site}, {"domain": domain}, {"domain": source}],
            "on_item_failure": "keep",
            "callback": CALLBACK,
        },
    }


def post(world: World, path: str, body: Any, **headers: str) -> Reply:
    return send(
        world,
        "POST",
        path,
        account=None,
        headers=credentials(world) | headers,
        body=json.dumps(body),
    )


PLACES = [
    ("/api/orders", ""),
    ("/api/orders", "/site"),
    ("/api/orders", "/callback"),
    ("/api/orders/domain", ""),
    ("/api/orders/domain", "/domain"),
    ("/api/orders/domain", "/domain/contact"),
    ("/api/orders/domain", "/domain/role_contacts"),
    ("/api/orders/domain", "/domain/role_contacts/admin"),
    ("/api/orders/domain", "/domain/role_contacts/billing"),
    ("/api/orders/domain", "/domain/role_contacts/tech"),
    ("/api/orders/domain", "/callback"),
    ("/api/carts", ""),
    ("/api/carts", "/items/0"),
    ("/api/carts", "/items/0/site"),
    ("/api/carts", "/items/1"),
    ("/api/carts", "/items/1/domain"),
    ("/api/carts", "/items/1/domain/contact"),
    ("/api/carts", "/items/1/domain/role_contacts"),
    ("/api/carts", "/items/1/domain/role_contacts/admin"),
    ("/api/carts", "/items/1/domain/role_contacts/billing"),
    ("/api/carts", "/items/2/domain/contact_source"),
    ("/api/carts", "/callback"),
]


def code_at(pointer: str) -> str:
    if "/contact_source" in pointer:
        return "invalid_contact_source"
    return "invalid_contact" if "contact" in pointer else "invalid_field"


def at(body: Any, pointer: str) -> Any:
    for part in pointer.split("/")[1:]:
        body = body[int(part)] if isinstance(body, list) else body[part]
    return body


@pytest.mark.parametrize("value", ["red", None])
@pytest.mark.parametrize(("path", "pointer"), PLACES)
def test_the_error_names_an_unknown_field(world: World, path: str, pointer: str, value: Any) -> None:
    body = copy.deepcopy(bodies(world)[path])
    at(body, pointer)["colour"] = value
    before = state_of(world)
    reply = post(world, path, body)
    assert reply.status == 400
    assert_error_shape(reply)
    found = {detail["pointer"]: detail for detail in reply.body["details"]}
    detail = found[f"{pointer}/colour"]
    assert detail["code"] == code_at(pointer)
    assert "colour` is not a field of " in detail["message"]
    assert state_of(world) == before


def test_O2_064_C18_a_field_named_order_gets_a_hint_to_use_site(world: World) -> None:
    reply = post(world, "/api/orders", {"order": {"plan": "basic", "term": "annual"}})
    assert_error(reply, 400, "missing_field", "/site")
    reply = post(world, "/api/orders", {**bodies(world)["/api/orders"], "order": {}})
    assert_error(reply, 400, "invalid_field", "/order")
    assert "`site`" in reply.body["errors"][0]


def test_the_errors_name_every_unknown_field(world: World) -> None:
    body = bodies(world)["/api/orders"]
    body = {**body, "site": {**body["site"], "php": "8.4"}, "return_url": "https://client.example/"}
    reply = post(world, "/api/orders", body)
    assert_error(reply, 400, "invalid_field", "/site/php", "/return_url")


@pytest.mark.parametrize(
    "body_of",
    [
        lambda world: ("/api/orders", world.site() | {"callback": CALLBACK}),
        lambda world: ("/api/orders", world.site() | {"callback": None}),
        lambda world: (
            "/api/orders/domain",
            world.domain(
                "all-fields.com",
                action="register",
                contact=world.contact(organization="Ada B.V.", state="NH", extra_properties={}),
                role_contacts={
                    "admin": {"source": "same_as_owner"},
                    "billing": {"source": "new", **world.contact(organization="Ada B.V.", state="NH")},
                    "tech": {},
                },
            )
            | {"callback": CALLBACK},
        ),
    ],
)
def test_bodies_with_optional_fields_are_accepted(
    world: World, body_of: Callable[[World], tuple[str, Any]]
) -> None:
    path, body = body_of(world)
    assert post(world, path, body).status == 202


@pytest.mark.parametrize("folder", ["place_order", "order_domain", "place_cart"])
def test_the_sample_events_have_known_fields_only(world: World, folder: str) -> None:
    for file in (ROOT / "events" / folder).glob("*.json"):
        event = json.loads(file.read_text())
        if event["headers"].get("x-api-version") == "1":
            continue  # the event belongs to contract 003
        body = event["body"].replace("example-shop", folder.replace("_", "-"))
        assert post(world, event["rawPath"], json.loads(body)).status == 202
